"""Detections matched to catalogues of other surveys."""

from collections.abc import Mapping
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import search_around_sky
from astropy.table import QTable, Table
from numpy.typing import ArrayLike

from szfinder.evaluation.intervals import jeffreys_interval
from szfinder.evaluation.matching import Match
from szfinder.finders.tables import positions_of, scores_of

__all__ = ["CrossMatch", "cross_match", "recovery_curve"]


@dataclass(frozen=True, eq=False)
class CrossMatch:
    """Which detection is which object of each of several catalogues.

    Parameters
    ----------
    matches : dict of str to `Match`
        By the name of the catalogue; its objects stand where halos stand in other matches.
    unmatched : `~numpy.ndarray` of bool
        Whether each detection is near no object of any of them.
    """

    matches: dict[str, Match]
    unmatched: np.ndarray

    @property
    def n_unmatched(self) -> int:
        """Number of detections that are near no object of any catalogue."""
        return int(np.count_nonzero(self.unmatched))

    def summary(self, *, level: float = 0.68) -> QTable:
        """What was recovered of each catalogue.

        Parameters
        ----------
        level : float, optional
            Probability within the intervals.

        Returns
        -------
        `~astropy.table.QTable`
            A row for each catalogue: ``catalogue``, ``n``, ``n_recovered``, ``recovered`` (NaN of
            an empty one), and its `jeffreys_interval` ``lower`` to ``upper``.
        """
        n = np.array([match.found.size for match in self.matches.values()], dtype=int)
        n_recovered = np.array([match.found.sum() for match in self.matches.values()], dtype=int)
        lower, upper = jeffreys_interval(n_recovered, n, level=level)
        recovered = np.divide(n_recovered, n, out=np.full(n.size, np.nan), where=n > 0)
        return QTable(
            {
                "catalogue": list(self.matches),
                "n": n,
                "n_recovered": n_recovered,
                "recovered": recovered,
                "lower": lower,
                "upper": upper,
            },
            meta={"level": level, "n_unmatched": self.n_unmatched},
        )


def cross_match(
    detections: Table, catalogues: Mapping[str, Table], *, radius: u.Quantity = 5 * u.arcmin
) -> CrossMatch:
    """Match detections to any number of catalogues, each by itself.

    Within a catalogue the pairs are formed in the order of rising distance, and each object and
    each detection is in one pair at most. A detection without a pair, near an object that another
    one has taken, is not counted as unmatched: it is a second piece, and nothing new.

    Parameters
    ----------
    detections : `~astropy.table.Table`
        Catalogue of any finder, with positions (see `positions_of`).
    catalogues : mapping of str to `~astropy.table.Table`
        Other catalogues, of the area in which detections were looked for; see `inside`.
    radius : `~astropy.units.Quantity`, optional
        Largest distance; a plain number is in arcmin.

    Returns
    -------
    `CrossMatch`

    Raises
    ------
    ValueError
        If a table has no positions.
    """
    matches, unmatched = {}, np.ones(len(detections), dtype=bool)
    for name, catalogue in catalogues.items():
        matches[name], near = _match(detections, catalogue, u.Quantity(radius, u.arcmin))
        unmatched[near] = False
    return CrossMatch(matches, unmatched)


def recovery_curve(
    detections: Table,
    catalogues: Mapping[str, Table],
    thresholds: ArrayLike,
    *,
    score: str = "score",
    radius: u.Quantity = 5 * u.arcmin,
    level: float = 0.68,
) -> QTable:
    """What is recovered of each catalogue above each threshold, as in Fig. 3 of Bonjean (2020).

    Parameters
    ----------
    detections, catalogues, radius
        As for `cross_match`.
    thresholds : array_like
        Scores; detections with the score of the threshold itself count.
    score : str, optional
        Column of the score.
    level : float, optional
        Probability within the intervals.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each threshold: ``threshold``, ``n`` (detections above), ``n_unmatched`` (those in
        no catalogue), and for each catalogue the fraction ``recovered_NAME`` with its
        `jeffreys_interval` ``lower_NAME`` to ``upper_NAME``. The meta has the ``sizes`` of the
        catalogues by their names.

    Raises
    ------
    ValueError
        If a table has no positions, the score is missing, a score is NaN or there are no
        thresholds.
    """
    scores = scores_of(detections, score)
    thresholds = np.atleast_1d(np.asarray(thresholds, dtype=float))
    if not thresholds.size:
        raise ValueError("thresholds must hold one or more; found none")
    sizes = {name: len(catalogue) for name, catalogue in catalogues.items()}
    rows = []
    for threshold in thresholds:
        above = scores >= threshold
        match = cross_match(detections[above], catalogues, radius=radius)
        row = {"threshold": threshold, "n": above.sum(), "n_unmatched": match.n_unmatched}
        for one in match.summary(level=level):
            for name in ("recovered", "lower", "upper"):
                row[f"{name}_{one['catalogue']}"] = one[name]
        rows.append(row)
    meta = {"score": score, "level": level, "sizes": sizes}
    return QTable({name: [row[name] for row in rows] for name in rows[0]}, meta=meta)


def _match(detections: Table, catalogue: Table, radius: u.Quantity) -> tuple[Match, np.ndarray]:
    """Pairs in the order of their distance, and all detections that are near an object."""
    near, objects, separation, _ = search_around_sky(
        positions_of(detections), positions_of(catalogue), radius
    )
    match = Match(
        halo=np.full(len(detections), -1),
        detection=np.full(len(catalogue), -1),
        separation=np.full(len(detections), np.nan) << u.arcmin,
    )
    for pair in np.argsort(separation, kind="stable"):
        detection, found = near[pair], objects[pair]
        if match.halo[detection] < 0 and match.detection[found] < 0:
            match.halo[detection], match.detection[found] = found, detection
            match.separation[detection] = separation[pair]
    return match, near
