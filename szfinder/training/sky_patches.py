"""SkyPatches: patches of HEALPix maps, with the map that a U-Net is to paint of each."""

from collections.abc import Callable, Sequence

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.maps.healpix import HealpixMap, Patch
from szfinder.models import Preprocessing
from szfinder.training.patches import check_part, sha256_of
from szfinder.training.segments import disc_map
from szfinder.training.sky_split import SkySplit

__all__ = ["SkyPatches"]

#: Places of the sky, and patches with bad pixels, that are drawn in vain before an error is raised.
MAX_PLACES, MAX_BAD = 1000, 300
#: Degrees from a patch within which objects may reach into its labels.
REACH = 0.5


class SkyPatches:
    """Patches of HEALPix maps at random places and orientations in one part of the sky.

    Bonjean (2020, section 3.1.3). A patch is in the part of the sky in which its centre is, and not
    drawn if it, or a HEALPix pixel that it is interpolated from, reaches into another part; nor if
    it has a bad pixel.

    Parameters
    ----------
    maps : sequence of `~szfinder.maps.HealpixMap`
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
        check_part(occupied)
        patches = [self._random_patch(rng, rng.random() < occupied) for _ in range(n)]
        return _split(np.array(patches), self._preprocessing)

    @property
    def has_clusters(self) -> bool:
        """Whether there is a cluster in the part of the sky."""
        return self._inside.size > 0

    @property
    def sha256(self) -> str:
        """Hash of the maps, of where their pixels lie, and of the positions."""
        layout = repr([(map_.nside, map_.nested, map_.frame) for map_ in self._maps])
        partial = [map_.pixels for map_ in self._maps if map_.pixels is not None]
        values = [map_.values for map_ in self._maps]
        return sha256_of(
            [*values, *partial, np.frombuffer(layout.encode(), np.uint8), self._lon_lat]
        )

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


def _border(size: int, margin: float) -> np.ndarray:
    """Pixels x and y around a patch, a margin away from it."""
    first, last = -np.ceil(margin), size - 1 + np.ceil(margin)
    side = np.linspace(first, last, int(last - first) + 1)
    low, high = np.full_like(side, first), np.full_like(side, last)
    return np.hstack([[side, low], [side, high], [low, side], [high, side]])


def _split(patches: np.ndarray, preprocessing: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Normalised images, and labels."""
    return preprocessing.normalized(patches[..., :-1]), patches[..., -1:].astype(np.float32)
