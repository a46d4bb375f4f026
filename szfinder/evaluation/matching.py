"""Detections matched to halos, on the sky."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import search_around_sky
from astropy.table import Table

from szfinder.finders.tables import column_of, positions_of, scores_of

__all__ = ["Match", "match_detections"]


@dataclass(frozen=True, eq=False)
class Match:
    """Which detection is which halo.

    Parameters
    ----------
    halo : `~numpy.ndarray` of int
        Index into the truth for each detection; -1 where there is none.
    detection : `~numpy.ndarray` of int
        Index into the detections for each halo; -1 where there is none.
    separation : `~astropy.units.Quantity`
        Distance of each detection from its halo in arcmin; NaN where there is none.
    """

    halo: np.ndarray
    detection: np.ndarray
    separation: u.Quantity

    @property
    def found(self) -> np.ndarray:
        """Whether each halo has a detection."""
        return self.detection >= 0

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the matched detections, and of the halo of each."""
        detections = np.flatnonzero(self.halo >= 0)
        return detections, self.halo[detections]


def match_detections(
    detections: Table,
    truth: Table,
    *,
    radius: u.Quantity = 1 * u.arcmin,
    score: str = "score",
    mass: str = "mvir",
) -> Match:
    """Match each detection to the most massive halo near it.

    Rule (i) of Lin et al. (2021), section 2.3, with one halo for one detection: in the order of
    falling score, each detection takes the most massive halo within the radius that is not yet
    taken.

    Parameters
    ----------
    detections : `~astropy.table.Table`
        Catalogue of any finder, with positions (see `positions_of`) and scores.
    truth : `~astropy.table.Table`
        Halos.
    radius : `~astropy.units.Quantity`, optional
        Largest distance between a detection and its halo; a plain number is in arcmin.
    score : str, optional
        Column of the score.
    mass : str, optional
        Column of the mass.

    Returns
    -------
    `Match`

    Raises
    ------
    ValueError
        If a column is missing, or a score is NaN.
    """
    scores = scores_of(detections, score)
    masses = column_of(truth, mass, u.Msun)
    near, halos, separation, _ = search_around_sky(
        positions_of(detections), positions_of(truth), u.Quantity(radius, u.arcmin)
    )
    rank = np.empty(scores.size, dtype=int)
    rank[np.argsort(-scores, kind="stable")] = np.arange(scores.size)
    match = Match(
        halo=np.full(scores.size, -1),
        detection=np.full(masses.size, -1),
        separation=np.full(scores.size, np.nan) << u.arcmin,
    )
    for pair in np.lexsort((separation, -masses[halos], rank[near])):
        detection, halo = near[pair], halos[pair]
        if match.halo[detection] < 0 and match.detection[halo] < 0:
            match.halo[detection], match.detection[halo] = halo, detection
            match.separation[detection] = separation[pair]
    return match
