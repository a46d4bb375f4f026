"""Cutouts of maps, with the label whether they hold a cluster."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import Table

from szfinder.evaluation import CutoutGrid, select_halos
from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import MapError, MapStack
from szfinder.simulation import Sky, SkySimulator
from szfinder.training.places import ADJACENT, NEGATIVE, POSITIVE, UNUSABLE, PlaceMap
from szfinder.training.positions import known_positions
from szfinder.training.state import load_arrays
from szfinder.utils.files import replacing

__all__ = ["SkyCutouts"]

#: Side of a cutout, side of the square in its middle that makes it positive, and distance between
#: neighbours (Lin et al. 2021, section 1.2), in arcmin.
SIZE, CORE, STRIDE = 8.0, 6.0, 6.0


class SkyCutouts:
    """All places of one map where a cutout can be taken.

    A cutout is positive if a cluster is in the 6 arcmin of its middle. One without is adjacent if a
    neighbour at the stride of 6 arcmin could be positive: it may show the outskirts of a cluster,
    and Lin et al. (2021, section 1.2) remove it from the training set. Cutouts with a bad pixel are
    not used.

    Made by `from_sky`, `from_maps` or `simulated`.

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (ny, nx, n_band), float32 in uK_CMB; pixels that are not finite in a band are bad.
    clusters : `~numpy.ndarray`
        Pixels (x, y) of the clusters that make a cutout positive, shape (2, n).
    corners : `~numpy.ndarray`
        First pixels (x, y) of the cutouts that are staggered over the sky as those of Lin et al.
        (2021), shape (2, n_cutouts).
    pixel : float
        Side of a pixel in arcmin.
    usable : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): False for further pixels that are bad.

    Attributes
    ----------
    size : int
        Side of a cutout in pixels.
    half_core : float
        Half the side of the square that makes it positive, in pixels.
    places : ``PlaceMap``
        What a cutout would be at every place.
    corners : `~numpy.ndarray`
        As given, without the unusable ones.
    """

    def __init__(
        self,
        maps: np.ndarray,
        clusters: np.ndarray,
        corners: np.ndarray,
        pixel: float,
        *,
        usable: np.ndarray | None = None,
    ) -> None:
        self.maps, self.clusters, self.pixel = maps, clusters, float(pixel)
        self.size = int(round(SIZE / self.pixel))
        self.half_core = 0.5 * CORE / self.pixel
        good = np.isfinite(maps).all(axis=-1)
        self.places = PlaceMap(
            good if usable is None else good & usable,
            clusters,
            size=self.size,
            half_core=self.half_core,
            half_reach=self.half_core + STRIDE / self.pixel,
        )
        self.corners = corners[:, self.places.at(corners) != UNUSABLE]

    @classmethod
    def from_sky(cls, sky: Sky, **limits: Any) -> SkyCutouts:
        """Places in a simulated sky on a patch.

        Parameters
        ----------
        sky : `~szfinder.simulation.Sky`
            The sky.
        **limits
            Which halos make a cutout positive, as for `~szfinder.evaluation.select_halos`.

        Returns
        -------
        `SkyCutouts`
            With the halos within the limits as clusters.

        Raises
        ------
        ValueError
            If there is no such limit.
        `~szfinder.maps.MapError`
            If the sky is smaller than a cutout.
        """
        return cls.from_maps(sky.maps, sky.truth[select_halos(sky.truth, **limits)])

    @classmethod
    def from_maps(
        cls, maps: MapStack | NDData, catalogue: Table, *, mask: np.ndarray | None = None
    ) -> SkyCutouts:
        """Places in maps of the sky whose clusters are known.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack` or `~astropy.nddata.NDData`
            The maps; of plain NDData the meta must hold the ``instrument``.
        catalogue : `~astropy.table.Table`
            Clusters, each of which makes cutouts positive, with positions as for
            `~szfinder.evaluation.positions_of`. Those that are not on the maps do no harm.
        mask : `~numpy.ndarray`, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used.

        Returns
        -------
        `SkyCutouts`
            With all clusters of the catalogue.

        Raises
        ------
        ValueError
            If the catalogue has no positions, or one of them is missing or NaN.
        `~szfinder.maps.MapError`
            If the maps are smaller than a cutout, the mask has not their shape, or no cutout is
            without bad pixels.
        """
        maps = as_map_stack(maps)
        usable = ~checked_mask(maps, mask)
        clusters = np.array(maps.wcs.world_to_pixel(known_positions(catalogue)))
        # positions behind the plane of projection have no pixel
        clusters = clusters[:, np.isfinite(clusters).all(axis=0)]
        grid = CutoutGrid(maps.wcs, maps.shape, size=SIZE * u.arcmin, stride=STRIDE * u.arcmin)
        corners = np.array([[x.start, y.start] for y, x in grid.slices]).T
        planes = np.ascontiguousarray(np.moveaxis(maps.data, 0, -1))
        pixel = np.sqrt(np.prod(maps.pixel_scale))
        cutouts = cls(planes, clusters, corners, pixel, usable=usable)
        if not cutouts.corners.size:
            raise MapError(
                "nothing of the maps is left",
                found=f"{usable.sum()} of {usable.size} pixels that are not masked",
                expected="cutouts without bad pixels",
                hint="check the mask, and the bad pixels of each band",
            )
        return cutouts

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

        Returns
        -------
        `SkyCutouts`
            With the halos of `~szfinder.evaluation.select_halos` as clusters.

        Raises
        ------
        ValueError
            If there is no such preset, or the file of the sky is damaged.
        OSError
            If the file cannot be written, as on a full disk.
        """
        side = "" if size is None else f"_{size:g}deg"
        path = Path(folder) / f"{preset}_{seed}{side}.npz"
        if not path.exists():
            sky = SkySimulator.from_preset(preset, size=size, rng=seed).patch()
            cls.from_sky(sky)._keep(path)
        return cls(**load_arrays(path, remedy="delete it, and the sky is made anew"))

    @property
    def n_clusters(self) -> int:
        """Number of clusters on the map."""
        end = np.array(self.maps.shape[1::-1])[:, None] - 0.5
        return int(((self.clusters >= -0.5) & (self.clusters < end)).all(axis=0).sum())

    @property
    def sha256(self) -> str:
        """Hash of the pixels and of the kind of the cutout at every place."""
        digest = hashlib.sha256()
        for array in (self.maps, self.places.kinds):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()

    def images(self, corners: np.ndarray) -> np.ndarray:
        """Cutouts whose first pixels (x, y) are given: shape (n, size, size, n_band)."""
        n_band = self.maps.shape[-1]
        images = np.empty((corners.shape[1], self.size, self.size, n_band), self.maps.dtype)
        for image, (x, y) in zip(images, corners.T):
            image[:] = self.maps[y : y + self.size, x : x + self.size]
        return images

    def labels(self, corners: np.ndarray) -> np.ndarray:
        """Whether the middle of each cutout holds a cluster."""
        return self.places.at(corners) == POSITIVE

    @property
    def has_positives(self) -> bool:
        """Whether any cluster lies where a cutout can have it in its middle."""
        return self.places.n_places(POSITIVE) > 0

    def random_positives(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Corners of cutouts with a cluster in their middle, each of them as likely as another."""
        return self.places.random(rng, n, POSITIVE)

    def random_negatives(
        self, rng: np.random.Generator, n: int, *, adjacent: bool = False
    ) -> np.ndarray:
        """Corners of cutouts without a cluster in their middle, as likely one as another.

        Those adjacent to a positive one are left out unless they are asked for.
        """
        if not adjacent:
            return self.places.random(rng, n, NEGATIVE)
        n_adjacent, n_other = (self.places.n_places(kind) for kind in (ADJACENT, NEGATIVE))
        n_drawn = rng.binomial(n, n_adjacent / max(1, n_adjacent + n_other))
        drawn = [
            self.places.random(rng, n_drawn, ADJACENT),
            self.places.random(rng, n - n_drawn, NEGATIVE),
        ]
        return rng.permutation(np.hstack(drawn), axis=1)

    def _keep(self, path: Path) -> None:
        """Write the file of a simulated sky, whose pixels are all good."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as aside:
                np.savez(aside, maps=self.maps, clusters=self.clusters, corners=self.corners,
                         pixel=self.pixel)  # fmt: skip
        except OSError as error:
            raise OSError(
                f"cannot write {path}: {error.strerror or error}: make room in {path.parent}, and "
                "give the same command again to go on"
            ) from error
