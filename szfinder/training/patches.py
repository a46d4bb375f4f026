"""FlatPatches: patches of one map, with the map that a U-Net is to paint of each."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.wcs import WCS

from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import MapError, MapStack
from szfinder.models import Preprocessing
from szfinder.training.places import NEGATIVE, POSITIVE, UNUSABLE, PlaceMap
from szfinder.training.segments import disc_map
from szfinder.training.turns import turned

__all__ = ["FlatPatches", "check_part", "sha256_of"]


class FlatPatches:
    """Patches at random places of one map, turned by quarters and mirrored at random.

    Patches with a bad pixel are not drawn.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack` or `~astropy.nddata.NDData`
        The maps; of plain NDData the meta must hold the ``instrument``.
    positions : `~astropy.coordinates.SkyCoord`
        Of the clusters, as from `~szfinder.evaluation.positions_of`.
    preprocessing : `~szfinder.models.Preprocessing`
        Bands, size of the patches, and how they are normalised.
    paint : callable, optional
        Takes positions, WCS and shape and returns the labels, as `disc_map` and `peak_map` do; for
        another diameter, give it as a ``functools.partial``.
    mask : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for pixels that are not to be used.

    Raises
    ------
    `~szfinder.maps.MapError`
        If the maps do not fit, or no patch without bad pixels fits into them.
    """

    def __init__(
        self,
        maps: MapStack | NDData,
        positions: SkyCoord,
        preprocessing: Preprocessing,
        *,
        paint: Callable[[SkyCoord, WCS, tuple[int, int]], np.ndarray] = disc_map,
        mask: np.ndarray | None = None,
    ) -> None:
        maps = as_map_stack(maps)
        planes = maps.data[list(preprocessing.match(maps))]
        labels = paint(positions, maps.wcs, maps.shape)
        usable = np.isfinite(planes).all(axis=0) & ~checked_mask(maps, mask)
        planes[:, ~usable] = np.nan
        #: Normalised bands and, as the last channel, the labels.
        self._channels = np.dstack([preprocessing.to_images(planes[None])[0], labels])
        self._size = preprocessing.image_size
        self._places = _places(usable, maps.wcs, positions, self._size)

    @property
    def has_clusters(self) -> bool:
        """Whether any patch has the centre of a cluster in it."""
        return self._places.n_places(POSITIVE) > 0

    @property
    def sha256(self) -> str:
        """Hash of the normalised maps and the labels."""
        return sha256_of([self._channels])

    def batch(
        self, rng: np.random.Generator, n: int, *, occupied: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random patches.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of randomness.
        n : int
            Number of patches.
        occupied : float, optional
            Part of them that is drawn among those with the centre of a cluster in them; the rest is
            drawn among all. In Bonjean (2020, section 3.1.3) every patch has a cluster.

        Returns
        -------
        images : `~numpy.ndarray`
            Shape (n, size, size, n_band), float32, normalised.
        labels : `~numpy.ndarray`
            Shape (n, size, size, 1), float32.

        Raises
        ------
        ValueError
            If the part is not from 0 to 1, or there is no patch with a cluster.
        """
        check_part(occupied)
        n_with, n_without = (self._places.n_places(kind) for kind in (POSITIVE, NEGATIVE))
        n_drawn = rng.binomial(n, occupied + (1 - occupied) * n_with / (n_with + n_without))
        corners = np.hstack(
            [
                self._places.random(rng, n_drawn, POSITIVE),
                self._places.random(rng, n - n_drawn, NEGATIVE),
            ]
        )
        patches = turned(rng, self._cut(rng.permutation(corners.T)))
        return patches[..., :-1], patches[..., -1:]

    def on_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """The patches without bad pixels that lie side by side from the first place of one on."""
        usable = self._places.kinds != UNUSABLE
        y, x = (int(np.argmax(usable.any(axis=axis))) for axis in (1, 0))
        ny, nx = usable.shape
        corners = np.mgrid[x : nx : self._size, y : ny : self._size].reshape(2, -1)
        patches = self._cut(corners[:, self._places.at(corners) != UNUSABLE].T)
        return patches[..., :-1], patches[..., -1:]

    def _cut(self, corners: np.ndarray) -> np.ndarray:
        """Patches whose first pixels (x, y) are given, shape (n, size, size, n_band + 1)."""
        size = self._size
        patches = [self._channels[y : y + size, x : x + size] for x, y in corners]
        return np.reshape(patches, (-1, size, size, self._channels.shape[-1]))


def check_part(occupied: float) -> None:
    if not 0 <= occupied <= 1:
        raise ValueError(f"occupied must be a part from 0 to 1; found {occupied!r}")


def sha256_of(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _places(usable: np.ndarray, wcs: WCS, positions: SkyCoord, size: int) -> PlaceMap:
    """Where patches fit, positive with a cluster in them."""
    clusters = np.array(wcs.world_to_pixel(positions.ravel()))
    clusters = clusters[:, np.isfinite(clusters).all(axis=0)]
    if min(usable.shape) >= size:
        places = PlaceMap(usable, clusters, size=size, half_core=size / 2, half_reach=size / 2)
        if places.n_places(POSITIVE) + places.n_places(NEGATIVE):
            return places
    raise MapError(
        "no patch without bad pixels fits into the maps",
        found=f"{usable.sum()} good pixels of {usable.shape[0]} x {usable.shape[1]}",
        expected=f"squares of {size} x {size}",
        hint="check the mask, and the bad pixels of each band",
    )
