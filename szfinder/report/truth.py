"""What the detections of a simulated sky are in truth."""

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation import Match, match_detections
from szfinder.simulation import Sky

__all__ = ["REAL_MASS", "heavy_halos", "is_real", "matched", "matching_radius"]

#: A detection is real if a halo of this M500c or more, in Msun, is at it. Lighter ones are so many
#: that one is near any position.
REAL_MASS = 5e13


def matching_radius(sky: Sky) -> u.Quantity:
    """Distance within which a halo is at a detection: an arcminute, or the smallest beam if larger.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    """
    return max(1.0, min(band.beam.fwhm for band in sky.instrument)) * u.arcmin


def heavy_halos(truth: QTable) -> QTable:
    """Halos of 5e13 Msun (M500c) or more, with which detections are real.

    Parameters
    ----------
    truth : `~astropy.table.QTable`
        Halos.
    """
    return truth[truth["m500c"].to_value(u.Msun) >= REAL_MASS]


def matched(sky: Sky, clusters: QTable, halos: QTable) -> Match:
    """Detections matched to halos, each to the most massive one nearby that is not yet taken.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    clusters : `~astropy.table.QTable`
        Detections.
    halos : `~astropy.table.QTable`
        Halos of the sky.
    """
    return match_detections(clusters, halos, radius=matching_radius(sky), mass="m500c")


def is_real(sky: Sky, clusters: QTable) -> np.ndarray:
    """Which detections are at a halo of 5e13 Msun (M500c) or more."""
    return matched(sky, clusters, heavy_halos(sky.truth)).halo >= 0
