"""MassImages: images of clusters with what a network is to paint of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.mass.orientations import ORIENTATIONS, turned
from szfinder.mass.redshifts import redshift_planes
from szfinder.models import Preprocessing
from szfinder.simulation import ClusterImages
from szfinder.training.state import load_arrays
from szfinder.utils.files import replacing

__all__ = ["MassImages", "kept_images"]

#: Units of the truth.
UNITS = {"m200c": u.Msun, "m500c": u.Msun, "theta500": u.arcmin, "y500": u.arcmin**2,
         "x_offset": u.arcmin, "y_offset": u.arcmin}  # fmt: skip
#: Part of the images whose redshift a network is not told.
UNKNOWN = 1 / 7


@dataclass(frozen=True, eq=False)
class MassImages:
    """Images and labels of clusters.

    Parameters
    ----------
    made : `~szfinder.simulation.ClusterImages`
        The clusters.
    labels : `~numpy.ndarray`
        What the network is to paint of each, as from `mass_labels`.
    preprocessing : `~szfinder.models.Preprocessing`
        How the network takes the maps.
    redshift_input : sequence of float, optional
        Mean and width of ln(1 + z), if the network is told the redshift.
    """

    made: ClusterImages
    labels: np.ndarray
    preprocessing: Preprocessing
    redshift_input: Sequence[float] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images of some of the clusters, by their numbers, as they were made; and their labels."""
        made = self.made.clusters[chosen] + self.made.surroundings[chosen]
        return self._images(made, self._redshift[chosen]), self.labels[chosen]

    def mixed(self, rng: np.random.Generator, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some of the clusters, mirrored and turned, in the surroundings of others.

        Of one in seven the network is not told the redshift.
        """
        others = rng.integers(len(self), size=chosen.size)
        made = _turned(rng, self.made.clusters[chosen])
        made += _turned(rng, self.made.surroundings[others])
        unknown = rng.random(chosen.size) < UNKNOWN
        redshift = np.where(unknown, np.nan, self._redshift[chosen])
        return self._images(made, redshift), self.labels[chosen]

    @property
    def _redshift(self) -> np.ndarray:
        return np.asarray(self.made.truth["redshift"], dtype=float)

    def _images(self, cutouts: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        images = self.preprocessing.to_images(cutouts)
        if self.redshift_input is None:
            return images
        planes = redshift_planes(redshift, images.shape[1], self.redshift_input)
        return np.concatenate([images, planes], axis=-1)


def kept_images(
    path: Path,
    make: Callable[..., ClusterImages],
    n: int,
    seed: int,
    *,
    of: Mapping[str, Any],
    progress_bar: bool,
) -> ClusterImages:
    """Images of so many clusters, which are made only once and kept in a file (.npz).

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    make : callable
        Function of the number of clusters and of the seed.
    n, seed : int
        Its arguments.
    of : mapping
        What the images depend on, by name, in values that JSON has.
    progress_bar : bool
        Show progress.

    Returns
    -------
    `~szfinder.simulation.ClusterImages`

    Raises
    ------
    ValueError
        If the file is damaged, or holds images of something else.
    """
    if not path.exists():
        made = make(n, seed, progress_bar=progress_bar)
        columns = {f"truth {name}": made.truth[name] for name in made.truth.colnames}
        with replacing(path) as aside:
            np.savez(aside, clusters=made.clusters, surroundings=made.surroundings,
                     pixel=made.pixel, of=json.dumps(of), **columns)  # fmt: skip
    arrays = load_arrays(path, remedy="delete it, and the images are made anew")
    _check_same(path, json.loads(str(arrays.get("of", "{}"))), json.loads(json.dumps(of)))
    truth = QTable()
    for name in arrays:
        if name.startswith("truth "):
            column = name.removeprefix("truth ")
            truth[column] = arrays[name] * UNITS.get(column, u.one)
    return ClusterImages(arrays["clusters"], arrays["surroundings"], truth, float(arrays["pixel"]))


def _check_same(path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for name in {**expected, **found}:
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"{path} holds images with {name} {found.get(name)!r}, not {expected.get(name)!r}; "
                "choose another folder, or delete it, and the images are made anew"
            )


def _turned(rng: np.random.Generator, cutouts: np.ndarray) -> np.ndarray:
    """Each cutout in one of its eight orientations at random."""
    chosen = rng.random((3, len(cutouts))) < 0.5
    made = cutouts.copy()
    for orientation in ORIENTATIONS:
        some = (chosen.T == orientation).all(axis=1)
        made[some] = turned(cutouts[some], orientation, axes=(-1, -2))
    return made
