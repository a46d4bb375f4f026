"""Look at what a finder found, and judge it.

Score maps and catalogues enter, pictures leave: `plot_score_map` shows a score map on the sky with
the detections marked.
"""

from szfinder.evaluation.plots import plot_score_map

__all__ = ["plot_score_map"]
