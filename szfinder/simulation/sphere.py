"""Sphere: the pixels of a HEALPix map, whole or partial."""

from __future__ import annotations

from functools import cached_property

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from szfinder.maps import MapError
from szfinder.simulation.region import Region

__all__ = ["Sphere", "white_alm"]

#: Finest pixels of the cells that positions are drawn in.
CELL_NSIDE = 512
#: Positions are drawn this far outside of a partial map, in degrees.
MARGIN = 1.0
#: Order of the pixels, of a milliarcsecond, that positions are drawn as.
FINEST_ORDER = 29


class Sphere(Region):
    """The pixels of a HEALPix map in RING order.

    Parameters
    ----------
    nside : int
        A power of 2.
    pixels : `~numpy.ndarray`, optional
        Numbers of the pixels of a partial map; by default all.
    frame : {"galactic", "icrs"}, optional
        Frame of the map.

    Raises
    ------
    `~szfinder.maps.MapError`
        If nside is not a power of 2, the frame is unknown, or pixels are beyond the sphere.
    """

    def __init__(
        self, nside: int, *, pixels: np.ndarray | None = None, frame: str = "galactic"
    ) -> None:
        if nside < 1 or nside != int(nside) or int(nside) & (int(nside) - 1):
            raise MapError(
                "impossible nside of a HEALPix map", found=nside, expected="a power of 2"
            )
        if frame not in ("galactic", "icrs"):
            raise MapError(
                "unknown frame of a HEALPix map", found=repr(frame), expected="galactic or icrs"
            )
        self.nside, self.frame = int(nside), frame
        self.pixels = None if pixels is None else np.unique(np.asarray(pixels, dtype=np.int64))
        if pixels is not None and not (
            self.pixels.size and 0 <= self.pixels[0] <= self.pixels[-1] < 12 * nside**2
        ):
            raise MapError(
                "pixel numbers outside the HEALPix map",
                expected=f"some of 0 to {12 * nside**2 - 1}",
            )
        self.cell_nside = min(self.nside, CELL_NSIDE)

    @property
    def lmax(self) -> int:
        """Highest multipole of the maps."""
        return 3 * self.nside - 1

    @cached_property
    def _cells(self) -> np.ndarray:
        """RING numbers of the cells."""
        import healpy

        if self.pixels is None:
            return np.arange(12 * self.cell_nside**2)
        vectors = np.array(healpy.pix2vec(self.nside, self.pixels))
        inner = np.unique(healpy.vec2pix(self.cell_nside, *vectors))
        coarse = min(64, self.cell_nside)
        tiles = np.unique(healpy.vec2pix(coarse, *healpy.pix2vec(self.cell_nside, inner)))
        near = np.zeros(12 * self.cell_nside**2, bool)
        reach = np.deg2rad(MARGIN) + healpy.max_pixrad(coarse)
        for tile in tiles:
            near[healpy.query_disc(self.cell_nside, healpy.pix2vec(coarse, tile), reach)] = True
        near[inner] = True
        return np.flatnonzero(near)

    @property
    def cell_area(self) -> np.ndarray:
        """Solid angle of the cells in sr; see `~szfinder.simulation.Region.cell_area`."""
        return np.full(self._cells.size, np.pi / (3 * self.cell_nside**2))

    def draw(self, rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
        """Random longitudes and latitudes in cells; see `~szfinder.simulation.Region.draw`."""
        import healpy

        order = int(np.log2(self.cell_nside))
        n_children = 4 ** (FINEST_ORDER - order)
        nested = healpy.ring2nest(self.cell_nside, self._cells[cells])
        child = nested * n_children + rng.integers(n_children, size=len(cells))
        return np.array(healpy.pix2ang(2**FINEST_ORDER, child, nest=True, lonlat=True))

    def smooth_field(self, rng: np.random.Generator, power) -> np.ndarray:
        """Gaussian field in the cells; see `~szfinder.simulation.Region.smooth_field`."""
        import healpy

        lmax = 2 * self.cell_nside
        ell = np.arange(lmax + 1)
        amplitude = np.sqrt(power(np.maximum(ell, 1)))
        amplitude[0] = 0
        alm = healpy.almxfl(white_alm(rng, lmax).astype(complex), amplitude)
        return healpy.alm2map(alm, self.cell_nside, lmax=lmax)[self._cells]

    def displaced(self, positions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Positions moved by arcminutes; see `~szfinder.simulation.Region.displaced`."""
        east, north = offsets / 60
        lat = np.clip(positions[1] + north, -90, 90)
        return np.array([(positions[0] + east / np.cos(np.deg2rad(lat))) % 360, lat])

    def inside(self, positions: np.ndarray) -> np.ndarray:
        """Which positions lie in the pixels of the map."""
        import healpy

        if self.pixels is None:
            return np.ones(positions.shape[1], bool)
        return np.isin(healpy.ang2pix(self.nside, *positions, lonlat=True), self.pixels)

    def to_sky(self, positions: np.ndarray) -> SkyCoord:
        """ICRS coordinates of positions."""
        return SkyCoord(*positions, unit="deg", frame=self.frame).icrs

    def columns(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """None: see `~szfinder.simulation.Region.columns`."""
        return {}

    def from_sky(self, coordinates: SkyCoord) -> np.ndarray:
        """Positions of sky coordinates; see `~szfinder.simulation.Region.from_sky`."""
        there = np.atleast_1d(coordinates).transform_to(self.frame).spherical
        positions = np.array([there.lon.to_value(u.deg), there.lat.to_value(u.deg)])
        self.check_inside(positions)
        return positions


def white_alm(rng: np.random.Generator, lmax: int) -> np.ndarray:
    """Spherical-harmonic coefficients of a Gaussian field of unit power, complex64."""
    n = (lmax + 1) * (lmax + 2) // 2
    alm = rng.standard_normal((n, 2), np.float32).view(np.complex64).ravel()
    alm *= np.float32(np.sqrt(0.5))
    alm[: lmax + 1] = alm[: lmax + 1].real * np.sqrt(2)
    return alm
