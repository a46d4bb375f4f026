"""CutoutSet: cutouts of several skies as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szfinder.models import Preprocessing
from szfinder.training.cutouts import SkyCutouts
from szfinder.training.turns import turned

__all__ = ["CutoutSet"]


@dataclass(frozen=True)
class CutoutSet:
    """Cutouts of several skies, as a network takes them.

    Parameters
    ----------
    skies : sequence of `SkyCutouts`
        At least one, all of the same bands and pixels.
    preprocessing : `~szfinder.models.Preprocessing`
        How they are normalised.
    """

    skies: Sequence[SkyCutouts]
    preprocessing: Preprocessing

    def batch(
        self, rng: np.random.Generator, n: int, *, ratio: float, adjacent: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random cutouts at random places, turned and mirrored at random.

        A sky without positive cutouts gives negatives in their place.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of randomness.
        n : int
            Number of cutouts.
        ratio : float
            Negatives for each positive: the sample S_r of Lin et al. (2021, section 2.2.2).
        adjacent : bool, optional
            Whether negatives that are adjacent to a positive cutout are among them.

        Returns
        -------
        images : `~numpy.ndarray`
            Shape (n, size, size, n_band), float32.
        labels : `~numpy.ndarray`
            Shape (n,), int.

        Raises
        ------
        ValueError
            If no sky has a positive cutout, or one has no negative.
        """
        self._check_positives()
        owner = rng.integers(len(self.skies), size=n)
        positive = rng.random(n) < 1 / (1 + ratio)
        images, labels = [], []
        for index in np.unique(owner):
            sky, wanted = self.skies[index], positive[owner == index]
            n_positive = int(wanted.sum()) if sky.has_positives else 0
            corners = np.hstack(
                [
                    sky.random_positives(rng, n_positive),
                    sky.random_negatives(rng, wanted.size - n_positive, adjacent=adjacent),
                ]
            )
            images.append(sky.images(corners))
            labels.append(sky.labels(corners))
        order = rng.permutation(n)
        images, labels = np.concatenate(images)[order], np.concatenate(labels)[order]
        images = turned(rng, images)
        return self.preprocessing.normalized(images), labels.astype(np.int32)

    def on_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """All cutouts of the staggered grids, the adjacent ones too; as from `batch`."""
        images = np.concatenate([sky.images(sky.corners) for sky in self.skies])
        labels = np.concatenate([sky.labels(sky.corners) for sky in self.skies])
        return self.preprocessing.normalized(images), labels.astype(np.int32)

    def at(self, number: int) -> CutoutSet:
        """Cutouts that batch ``number`` of a training is drawn from: all, always."""
        return self

    def _check_positives(self) -> None:
        if not any(sky.has_positives for sky in self.skies):
            raise ValueError(
                "there is nothing to learn from: no cluster is in the middle of a cutout in any of "
                f"the {len(self.skies)} skies; take more skies, or a lower limit of the mass, or a "
                "larger map"
            )
