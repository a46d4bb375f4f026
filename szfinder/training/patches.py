"""Patches of maps, with the map that a U-Net is to paint of each."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.wcs import WCS

from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import MapError, MapStack
from szfinder.maps.healpix import HealpixMap, Patch
from szfinder.models import Preprocessing
from szfinder.training.places import NEGATIVE, POSITIVE, UNUSABLE, PlaceMap
from szfinder.training.segments import disc_map
from szfinder.training.sky_split import SkySplit
from szfinder.training.turns import turned

__all__ = ["FlatPatches", "SkyPatches"]

#: Places of the sky, and patches with bad pixels, that are drawn in vain before an error is raised.
MAX_PLACES, MAX_BAD = 1000, 300
#: Degrees from a patch within which objects may reach into its labels.
REACH = 0.5


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
        return _sha256([self._channels])

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
        _check_part(occupied)
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
        """The patches without bad pixels that lie side by side from the first pixel on."""
        ny, nx = (n - self._size + 1 for n in self._channels.shape[:2])
        corners = np.mgrid[: nx : self._size, : ny : self._size].reshape(2, -1)
        patches = self._cut(corners[:, self._places.at(corners) != UNUSABLE].T)
        return patches[..., :-1], patches[..., -1:]

    def _cut(self, corners: np.ndarray) -> np.ndarray:
        """Patches whose first pixels (x, y) are given, shape (n, size, size, n_band + 1)."""
        size = self._size
        patches = [self._channels[y : y + size, x : x + size] for x, y in corners]
        return np.reshape(patches, (-1, size, size, self._channels.shape[-1]))


class SkyPatches:
    """Patches of HEALPix maps at random places and orientations in one part of the sky.

    Bonjean (2020, section 3.1.3). A patch is in the part of the sky in which its centre is, and not
    drawn if it, or a HEALPix pixel that it is interpolated from, reaches into another part; nor if
    it has a bad pixel.

    Parameters
    ----------
    maps : sequence of ``HealpixMap``
        One a band, in uK_CMB, NaN where bad, in the order of the bands of the preprocessing.
    positions : `~astropy.coordinates.SkyCoord`
        Of the clusters.
    preprocessing : `~szfinder.models.Preprocessing`
        Number and size of the pixels of a patch, and how it is normalised.
    part : {"training", "validation", "test"}
        Part of the sky.
    split : ``SkySplit``, optional
        The parts; by default those of the paper.
    paint : callable, optional
        As for `FlatPatches`.

    Raises
    ------
    ValueError
        If there are not as many maps as bands, or no such part.
    """

    def __init__(
        self,
        maps: Sequence[HealpixMap],
        positions: SkyCoord,
        preprocessing: Preprocessing,
        part: str,
        *,
        split: SkySplit | None = None,
        paint: Callable[[SkyCoord, WCS, tuple[int, int]], np.ndarray] = disc_map,
    ) -> None:
        if len(maps) != len(preprocessing.bands):
            raise ValueError(
                f"there must be a map for each of the bands {', '.join(preprocessing.bands)}; "
                f"found {len(maps)} maps"
            )
        self._maps, self._preprocessing, self._paint = maps, preprocessing, paint
        self._part, self._split = part, SkySplit() if split is None else split
        self._positions = positions.ravel().galactic
        self._lon_lat = np.array([self._positions.l.deg, self._positions.b.deg])
        self._inside = np.flatnonzero(self._split.contains(part, *self._lon_lat))
        self._vectors = self._positions.cartesian.xyz.value
        self._shape = (preprocessing.image_size,) * 2
        coarsest = np.sqrt(4 * np.pi / 12) / min(map_.nside for map_ in maps)
        margin = 1.5 * np.rad2deg(coarsest) * 60 / preprocessing.pixel_size
        self._border = _border(preprocessing.image_size, margin)

    def batch(
        self, rng: np.random.Generator, n: int, *, occupied: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random patches, as from `FlatPatches.batch`.

        Raises
        ------
        ValueError
            As there; or if 300 patches that were drawn have bad pixels, or 1000 reach into another
            part.
        """
        _check_part(occupied)
        patches = [self._random_patch(rng, rng.random() < occupied) for _ in range(n)]
        return _split(np.array(patches), self._preprocessing)

    @property
    def has_clusters(self) -> bool:
        """Whether there is a cluster in the part of the sky."""
        return self._inside.size > 0

    @property
    def sha256(self) -> str:
        """Hash of the maps and the positions."""
        return _sha256([*(healpix_map.values for healpix_map in self._maps), self._lon_lat])

    def random_place(self, rng: np.random.Generator, *, occupied: bool = True) -> WCS:
        """Coordinates of a patch that lies in the part of the sky, with a cluster in it or not.

        A patch with a cluster is drawn around one of those in the part, each as likely.

        Raises
        ------
        ValueError
            If there is no cluster, or none of 1000 patches is in the part alone.
        """
        if occupied and not self._inside.size:
            raise ValueError(
                f"no patch has a cluster: none of {len(self._positions)} is in the {self._part} "
                "part of the sky"
            )
        for _ in range(MAX_PLACES):
            wcs = self._around_cluster(rng) if occupied else self._anywhere(rng)
            if wcs is not None and self._contains(wcs):
                return wcs
        raise ValueError(
            f"of {MAX_PLACES} patches none is in the {self._part} part of the sky alone; make the "
            "patches smaller"
        )

    def patch(self, wcs: WCS) -> np.ndarray:
        """Bands and, as the last channel, labels of one patch: shape (ny, nx, n_band + 1)."""
        import healpy

        patch = Patch(wcs, self._shape)
        planes = [patch.interpolate(healpix_map) for healpix_map in self._maps]
        center = healpy.ang2vec(*wcs.wcs.crval, lonlat=True)
        near = center @ self._vectors > np.cos(np.deg2rad(self._half_diagonal + REACH))
        labels = self._paint(self._positions[near], wcs, self._shape)
        return np.stack([*planes, labels], axis=-1).astype(np.float32)

    def _random_patch(self, rng: np.random.Generator, occupied: bool) -> np.ndarray:
        for _ in range(MAX_BAD):
            patch = self.patch(self.random_place(rng, occupied=occupied))
            if np.isfinite(patch).all():
                return patch
        raise ValueError(
            f"all of {MAX_BAD} patches in the {self._part} part of the sky have bad pixels; "
            "check the maps"
        )

    @property
    def _half_diagonal(self) -> float:
        """In degrees."""
        return self._preprocessing.pixel_size / 60 * self._shape[0] / np.sqrt(2)

    def _anywhere(self, rng: np.random.Generator) -> WCS:
        return self._wcs(*self._split.random(rng, self._part), rng.uniform(0, 2 * np.pi))

    def _around_cluster(self, rng: np.random.Generator) -> WCS | None:
        """A patch that may hold a cluster, uniform in position and angle; None if it does not."""
        cluster = self._lon_lat[:, rng.choice(self._inside)]
        size = self._shape[0]
        distance, angle = size * np.sqrt(0.5 * rng.random()), rng.uniform(0, 2 * np.pi)
        offset = distance * np.array([np.cos(angle), np.sin(angle)]) + (size - 1) / 2
        center = self._wcs(*cluster, 0.0).wcs_pix2world(*offset, 0)
        wcs = self._wcs(*center, rng.uniform(0, 2 * np.pi))
        x, y = np.array(wcs.wcs_world2pix(*cluster, 0)) - (size - 1) / 2
        return wcs if max(abs(x), abs(y)) < size / 2 else None

    def _contains(self, wcs: WCS) -> bool:
        return bool(self._split.contains(self._part, *wcs.wcs_pix2world(*self._border, 0)).all())

    def _wcs(self, lon: float, lat: float, angle: float) -> WCS:
        """Tangential projection around a Galactic position, turned by an angle."""
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
        wcs.wcs.crval = [lon, lat]
        wcs.wcs.crpix = [(self._shape[0] + 1) / 2] * 2
        cos, sin = np.cos(angle), np.sin(angle)
        wcs.wcs.cd = np.array([[-cos, sin], [sin, cos]]) * self._preprocessing.pixel_size / 60
        return wcs


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


def _border(size: int, margin: float) -> np.ndarray:
    """Pixels x and y around a patch, a margin away from it."""
    first, last = -np.ceil(margin), size - 1 + np.ceil(margin)
    side = np.linspace(first, last, int(last - first) + 1)
    low, high = np.full_like(side, first), np.full_like(side, last)
    return np.hstack([[side, low], [side, high], [low, side], [high, side]])


def _split(patches: np.ndarray, preprocessing: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Normalised images, and labels."""
    return preprocessing.normalized(patches[..., :-1]), patches[..., -1:].astype(np.float32)


def _sha256(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _check_part(occupied: float) -> None:
    if not 0 <= occupied <= 1:
        raise ValueError(f"occupied must be a part from 0 to 1; found {occupied!r}")
