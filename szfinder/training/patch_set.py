"""PatchSet: patches of several skies as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szfinder.training.patches import FlatPatches

__all__ = ["PatchSet"]


@dataclass(frozen=True)
class PatchSet:
    """Patches of several skies as a network takes them.

    Parameters
    ----------
    skies : sequence of `FlatPatches` or `SkyPatches`
        At least one, all of the same preprocessing; only the former lie on a grid.
    """

    skies: Sequence[FlatPatches]

    def batch(
        self, rng: np.random.Generator, n: int, *, occupied: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random patches of random skies.

        Parameters and result as in `FlatPatches.batch`. A sky without a cluster gives patches
        without one.

        Raises
        ------
        ValueError
            If the part is not from 0 to 1, or clusters are asked for and no sky has one.
        """
        if occupied > 0 and not any(sky.has_clusters for sky in self.skies):
            raise ValueError(
                f"there is nothing to learn from: no patch of the {len(self.skies)} skies has a "
                "cluster; take more skies, a larger map, or a lower limit of what is a cluster"
            )
        owner = rng.integers(len(self.skies), size=n)
        drawn = [
            sky.batch(rng, n_drawn, occupied=occupied if sky.has_clusters else 0.0)
            for sky, n_drawn in zip(self.skies, np.bincount(owner, minlength=len(self.skies)))
            if n_drawn
        ]
        order = rng.permutation(n)
        images, labels = (np.concatenate(arrays)[order] for arrays in zip(*drawn))
        return images, labels

    def on_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """All patches of the skies side by side; as from `batch`."""
        images, labels = zip(*(sky.on_grid() for sky in self.skies))
        return np.concatenate(images), np.concatenate(labels)

    def at(self, number: int) -> PatchSet:
        """Patches that batch ``number`` of a training is drawn from: all, always."""
        return self
