"""The one-page report.

A sky with its truth, a score map and the catalogue made from it enter; one HTML file that needs
nothing beside it leaves: tables, pictures, versions and the seed; and of an ensemble, why its
detections were kept.
"""

from szfinder.report.demo import score_table, write_report
from szfinder.report.page import Page

__all__ = ["Page", "score_table", "write_report"]
