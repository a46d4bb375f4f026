"""SkyEvidence: what an ensemble knows of the peaks in a sky, and which of them are clusters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import Table, vstack

from szfinder.evaluation import inside, match_detections
from szfinder.finders import EnsembleFinder, TailRank
from szfinder.finders.combining import mean_rank
from szfinder.finders.evidence import evidence_at_peaks
from szfinder.maps import MapStack
from szfinder.utils.files import replacing

__all__ = ["SkyEvidence", "pooled"]


@dataclass(frozen=True, eq=False)
class SkyEvidence:
    """Peaks of the mean rank in a sky, and what each member says of them.

    Parameters
    ----------
    rows : `~astropy.table.Table`
        A row a peak, with the layers of an `~szfinder.finders.EnsembleFinder`, ``mean_rank``
        and ``true``, whether it is a cluster.
    references : dict of str to `~szfinder.finders.TailRank`
        Scores of each member in the sky, in which its ranks are.
    n_missed : int
        Clusters that no peak is at.
    """

    rows: Table
    references: dict[str, TailRank]
    n_missed: int

    @classmethod
    def of(
        cls, finder: EnsembleFinder, maps: MapStack, clusters: Table, *, radius: u.Quantity
    ) -> SkyEvidence:
        """What an ensemble without a calibration knows of maps.

        Parameters
        ----------
        finder : `~szfinder.finders.EnsembleFinder`
            The ensemble, of the method ``product``.
        maps : `~szfinder.maps.MapStack`
            The maps.
        clusters : `~astropy.table.Table`
            Rows of the truth that are to be found.
        radius : `~astropy.units.Quantity`
            Distance within which a peak is a cluster.
        """
        layers, references = finder.ask_members(maps)
        mean = mean_rank([layers[f"rank_{name}"] for name in finder.members])
        _, evidence = evidence_at_peaks(mean, layers)
        rows = Table(evidence)
        rows["sky_centroid"] = maps.wcs.pixel_to_world(evidence["x"], evidence["y"])
        clusters = clusters[inside(clusters, maps.wcs, maps.shape)]
        match = match_detections(rows, clusters, radius=radius, score="mean_rank")
        rows["true"] = match.halo >= 0
        rows.remove_column("sky_centroid")
        return cls(rows, references, int(np.count_nonzero(~match.found)))

    def write(self, path: str | os.PathLike) -> None:
        """Write it to a file of arrays (.npz), whole or not at all."""
        columns = {f"row {name}": np.asarray(self.rows[name]) for name in self.rows.colnames}
        known = {f"reference {name}": rank.scores for name, rank in self.references.items()}
        with replacing(path) as aside:
            np.savez_compressed(aside, n_missed=self.n_missed, **columns, **known)

    @classmethod
    def read(cls, path: str | os.PathLike) -> SkyEvidence:
        """Read what was written."""
        with np.load(path) as arrays:
            named = {
                kind: {
                    name.partition(" ")[2]: arrays[name]
                    for name in arrays.files
                    if name.startswith(f"{kind} ")
                }
                for kind in ("row", "reference")
            }
            references = {name: TailRank(scores) for name, scores in named["reference"].items()}
            return cls(Table(named["row"]), references, int(arrays["n_missed"]))  # fmt: skip


def pooled(skies: Sequence[SkyEvidence]) -> SkyEvidence:
    """The evidence of several skies in one, with ranks in the scores of all of them.

    Parameters
    ----------
    skies : sequence of `SkyEvidence`
        Of skies of about one size.

    Returns
    -------
    `SkyEvidence`
        Its rows have a column ``sky``, the number of the sky.
    """
    names = list(skies[0].references)
    references = {name: _mean([sky.references[name] for sky in skies]) for name in names}
    tables = []
    for number, sky in enumerate(skies):
        rows = sky.rows.copy()
        rows["sky"] = number
        for name, reference in references.items():
            # what the rank differs by from that of the score nearby, it goes on to
            score = rows[f"score_{name}"]
            moved = rows[f"rank_{name}"] + reference(score) - sky.references[name](score)
            rows[f"rank_{name}"] = np.maximum(moved, 0)
        tables.append(rows)
    rows = vstack(tables, metadata_conflicts="silent")
    rows["mean_rank"] = mean_rank([rows[f"rank_{name}"] for name in names])
    return SkyEvidence(rows, references, sum(sky.n_missed for sky in skies))


def _mean(references: Sequence[TailRank]) -> TailRank:
    """Mean score of each rank that all have."""
    n = min(reference.scores.size for reference in references)
    return TailRank(np.mean([reference.scores[:n] for reference in references], axis=0))
