"""Cutouts of simulated skies, with the label whether they hold a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np

from szfinder.evaluation import CutoutGrid, select_halos
from szfinder.simulation import Sky, SkySimulator
from szfinder.utils.files import replacing

__all__ = ["CutoutSet", "SkyCutouts"]

#: Side of a cutout and of the square in its middle that makes it positive (Lin et al. 2021,
#: section 1.2), in arcmin.
SIZE, CORE = 8.0, 6.0


class SkyCutouts:
    """All places of one sky where a cutout can be taken.

    Made by `from_sky` or `simulated`.

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (ny, nx, n_band), float32 in uK_CMB.
    clusters : `~numpy.ndarray`
        Pixels (x, y) of the halos that make a cutout positive, shape (2, n).
    corners : `~numpy.ndarray`
        First pixels (x, y) of the cutouts that are staggered over the sky as those of Lin et al.
        (2021), shape (2, n_cutouts).
    pixel : float
        Side of a pixel in arcmin.

    Attributes
    ----------
    size : int
        Side of a cutout in pixels.
    half_core : float
        Half the side of the square that makes it positive, in pixels.
    """

    def __init__(
        self, maps: np.ndarray, clusters: np.ndarray, corners: np.ndarray, pixel: float
    ) -> None:
        self.maps, self.clusters, self.corners, self.pixel = maps, clusters, corners, float(pixel)
        self.size = int(round(SIZE / self.pixel))
        self.half_core = 0.5 * CORE / self.pixel

    @classmethod
    def from_sky(cls, sky: Sky, **limits: Any) -> SkyCutouts:
        """Places in a simulated sky on a patch.

        Parameters
        ----------
        sky : `~szfinder.simulation.Sky`
            The sky.
        **limits
            Which halos make a cutout positive, as for `~szfinder.evaluation.select_halos`.
        """
        chosen = sky.truth[select_halos(sky.truth, **limits)]
        clusters = np.array([chosen["x_centroid"], chosen["y_centroid"]])
        grid = CutoutGrid(sky.maps.wcs, sky.maps.shape, size=SIZE * u.arcmin)
        corners = np.array([[x.start, y.start] for y, x in grid.slices]).T
        maps = np.ascontiguousarray(np.moveaxis(sky.maps.data, 0, -1))
        return cls(maps, clusters, corners, np.sqrt(np.prod(sky.maps.pixel_scale)))

    @classmethod
    def simulated(
        cls, preset: str, seed: int, *, folder: str | Path, size: float | None = None
    ) -> SkyCutouts:
        """Places in the sky of a preset, kept in a folder so that it is made only once.

        Parameters
        ----------
        preset : str
            Name of a preset of `szfinder.simulation`.
        seed : int
            Seed of the sky.
        folder : str or path-like
            Where it is kept; made if need be.
        size : float, optional
            Side of the patch in degrees; by default the preset's own.
        """
        side = "" if size is None else f"_{size:g}deg"
        path = Path(folder) / f"{preset}_{seed}{side}.npz"
        if not path.exists():
            sky = cls.from_sky(SkySimulator.from_preset(preset, size=size, rng=seed).patch())
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as aside:
                np.savez(aside, maps=sky.maps, clusters=sky.clusters, corners=sky.corners,
                         pixel=sky.pixel)  # fmt: skip
        with np.load(path) as arrays:
            return cls(**arrays)

    def images(self, corners: np.ndarray) -> np.ndarray:
        """Cutouts whose first pixels (x, y) are given: shape (n, size, size, n_band)."""
        x, y = corners[:, :, None] + np.arange(self.size)
        return self.maps[y[:, :, None], x[:, None, :]]

    def labels(self, corners: np.ndarray) -> np.ndarray:
        """Whether the middle of each cutout holds a cluster."""
        middle = corners + (self.size - 1) / 2
        offset = np.abs(middle[:, :, None] - self.clusters[:, None, :]).max(axis=0)
        return (offset <= self.half_core).any(axis=-1)

    @property
    def has_positives(self) -> bool:
        """Whether any cluster lies where a cutout can have it in its middle."""
        return self._positive_corners[0].size > 0

    def random_positives(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Corners of cutouts with a cluster anywhere in their middle."""
        first, last = self._positive_corners
        chosen = rng.integers(first.shape[1], size=n) if n else np.empty(0, int)
        return rng.integers(first[:, chosen], last[:, chosen] + 1)

    def random_negatives(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Corners of cutouts without a cluster in their middle."""
        found = np.empty((2, 0), int)
        while found.shape[1] < n:
            corners = rng.integers(self._last_corner + 1, size=(2, n))
            found = np.hstack([found, corners[:, ~self.labels(corners)]])
        return found[:, :n]

    @cached_property
    def _positive_corners(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last corner with each cluster in the middle, of those that have any."""
        corners = self.clusters - (self.size - 1) / 2
        first = np.maximum(np.ceil(corners - self.half_core), 0).astype(int)
        last = np.minimum(np.floor(corners + self.half_core), self._last_corner).astype(int)
        reached = (first <= last).all(axis=0)
        return first[:, reached], last[:, reached]

    @property
    def _last_corner(self) -> np.ndarray:
        return np.array(self.maps.shape[1::-1])[:, None] - self.size


@dataclass(frozen=True)
class CutoutSet:
    """Cutouts of several skies, as a network takes them.

    Parameters
    ----------
    skies : sequence of `SkyCutouts`
        At least one, all of the same bands and pixels.
    scale : `~numpy.ndarray`
        Divisor of each band in uK_CMB.
    """

    skies: Sequence[SkyCutouts]
    scale: np.ndarray

    def batch(
        self, rng: np.random.Generator, n: int, *, ratio: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random cutouts at random places, turned and mirrored at random.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of randomness.
        n : int
            Number of cutouts.
        ratio : float
            Negatives for each positive: the sample S_r of Lin et al. (2021, section 2.2.2).

        Returns
        -------
        images : `~numpy.ndarray`
            Shape (n, size, size, n_band), float32.
        labels : `~numpy.ndarray`
            Shape (n,), int.
        """
        owner = rng.integers(len(self.skies), size=n)
        positive = rng.random(n) < 1 / (1 + ratio)
        images, labels = [], []
        for index in np.unique(owner):
            sky, wanted = self.skies[index], positive[owner == index]
            n_positive = int(wanted.sum()) if sky.has_positives else 0
            corners = np.hstack(
                [
                    sky.random_positives(rng, n_positive),
                    sky.random_negatives(rng, wanted.size - n_positive),
                ]
            )
            images.append(sky.images(corners))
            labels.append(sky.labels(corners))
        order = rng.permutation(n)
        images, labels = np.concatenate(images)[order], np.concatenate(labels)[order]
        return _turned(rng, images / np.float32(self.scale)), labels.astype(np.int32)

    def on_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """All cutouts of the staggered grids, and their labels; as from `batch`."""
        images = np.concatenate([sky.images(sky.corners) for sky in self.skies])
        labels = np.concatenate([sky.labels(sky.corners) for sky in self.skies])
        return images / np.float32(self.scale), labels.astype(np.int32)


def _turned(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Images turned by quarters and mirrored at random."""
    images = images.copy()
    turns, mirrored = rng.integers(4, size=len(images)), rng.random(len(images)) < 0.5
    for turn in range(4):
        images[turns == turn] = np.rot90(images[turns == turn], turn, axes=(1, 2))
    images[mirrored] = images[mirrored][:, :, ::-1]
    return images
