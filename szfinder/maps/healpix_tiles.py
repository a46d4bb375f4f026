"""Tiles of the sphere: the pixels of a coarse HEALPix grid, each with a flat patch around it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.maps.errors import MapError
from szfinder.maps.grid import wcs_for_patch

__all__ = ["HealpixTile", "healpix_tiles"]

#: Points along each side of a coarse pixel from which the size of its patch is taken.
POINTS = 32
#: And from which the distance to its border is taken: between the points, which are half a degree
#: by nside apart, the border is straight to 0.05 arcmin by nside squared.
BORDER_POINTS = 128
#: By which a patch may be turned.
ANGLES = (0 * u.deg, 45 * u.deg)


@dataclass(frozen=True)
class HealpixTile:
    """A pixel of a coarse HEALPix grid, which is the core, and a patch that covers it.

    Parameters
    ----------
    number : int
        Of the pixel, in RING order.
    nside : int
        Of the coarse grid.
    frame : str
        Frame of the coarse grid and of the patch, "icrs" or "galactic".
    wcs : astropy.wcs.WCS
        Of the patch.
    shape : tuple of int
        ``(ny, nx)`` of the patch.
    """

    number: int
    nside: int
    frame: str
    wcs: WCS
    shape: tuple[int, int]

    def __str__(self) -> str:
        lon, lat = self.center.spherical.lon.deg, self.center.spherical.lat.deg
        return f"tile {self.number} of nside {self.nside} ({self.frame} {lon:.2f} {lat:+.2f})"

    @property
    def center(self) -> SkyCoord:
        """Centre of the core."""
        import healpy

        lon, lat = healpy.pix2ang(self.nside, self.number, lonlat=True)
        return SkyCoord(lon, lat, unit="deg", frame=self.frame)

    @property
    def radius(self) -> u.Quantity:
        """Greatest distance of a place in a core of this nside from its centre."""
        import healpy

        return healpy.max_pixrad(self.nside) * u.rad

    def owns(self, positions: SkyCoord) -> np.ndarray:
        """Which positions lie in the core: each lies in that of one tile.

        Parameters
        ----------
        positions : astropy.coordinates.SkyCoord
            Positions in any frame.

        Returns
        -------
        numpy.ndarray of bool
        """
        import healpy  # it loads matplotlib, which nothing else here needs

        sky = positions.transform_to(self.frame).spherical
        return healpy.ang2pix(self.nside, sky.lon.deg, sky.lat.deg, lonlat=True) == self.number

    def depth(self, positions: SkyCoord) -> u.Quantity:
        """How far within the core positions are.

        Parameters
        ----------
        positions : astropy.coordinates.SkyCoord
            Positions in any frame, of shape (n,).

        Returns
        -------
        astropy.units.Quantity
            Angular distance to the border of the core, of shape (n,); negative outside.
        """
        import healpy

        place = positions.transform_to(self.frame).cartesian.xyz.value.T
        start = healpy.boundaries(self.nside, self.number, BORDER_POINTS).T
        side = np.roll(start, -1, axis=0) - start
        length2 = (side**2).sum(axis=1)
        offset = place @ side.T - (start * side).sum(axis=1)
        along = np.clip(offset / length2, 0, 1)
        chord2 = 2 - 2 * place @ start.T - 2 * along * offset + along**2 * length2
        chord2 = np.clip(chord2.min(axis=1), 0, 4)
        distance = 2 * np.arcsin(np.sqrt(chord2) / 2)
        return np.where(self.owns(positions), distance, -distance) * u.rad


def healpix_tiles(
    nside: int,
    *,
    margin: u.Quantity,
    pixel_scale: u.Quantity,
    frame: str = "galactic",
    projection: str = "ZEA",
    numbers: Iterable[int] | None = None,
) -> Iterator[HealpixTile]:
    """The tiles of the whole sky.

    Each patch is centred on its core, and turned by 45 degrees where the core stands on a corner,
    as most do: that takes half of the pixels. Maps are read onto it with ``read_maps(...,
    wcs=tile.wcs, shape=tile.shape)``.

    Parameters
    ----------
    nside : int
        Of the coarse grid: there are ``12 nside**2`` tiles, with sides of 58.6 deg / nside.
    margin : astropy.units.Quantity
        Width of the margin around a core.
    pixel_scale : astropy.units.Quantity
        Pixels of the patches.
    frame : {"galactic", "icrs"}, optional
        Frame of the coarse grid and of the patches.
    projection : str, optional
        Three-letter FITS code of a zenithal projection.
    numbers : iterable of int, optional
        Those of the tiles that are wanted; by default all, in RING order.

    Yields
    ------
    HealpixTile

    Raises
    ------
    MapError
        If nside is not a power of 2, or the frame is another.

    References
    ----------
    Gorski et al. 2005, ApJ 622, 759.
    """
    import healpy

    if not healpy.isnsideok(nside, nest=True):
        raise MapError("impossible nside of tiles", found=nside, expected="a power of 2")
    if frame not in ("galactic", "icrs"):
        raise MapError("unknown frame of tiles", found=repr(frame), expected="galactic or icrs")
    for number in range(12 * nside**2) if numbers is None else map(int, numbers):
        lon, lat = healpy.pix2ang(nside, number, lonlat=True)
        center = SkyCoord(lon, lat, unit="deg", frame=frame)
        edge = healpy.vec2ang(healpy.boundaries(nside, number, POINTS).T, lonlat=True)
        edge = SkyCoord(*edge, unit="deg", frame=frame)
        sizes = [_size(center, edge, projection, angle) for angle in ANGLES]
        size, angle = min(zip(sizes, ANGLES), key=lambda pair: np.prod(pair[0].value))
        wcs, shape = wcs_for_patch(
            center, size + 2 * margin, pixel_scale, projection=projection, angle=angle
        )
        yield HealpixTile(number, nside, frame, wcs, shape)


def _size(center: SkyCoord, edge: SkyCoord, projection: str, angle: u.Quantity) -> u.Quantity:
    """Height and width in the plane of a patch that reaches to an edge on all sides."""
    wcs, _ = wcs_for_patch(center, 1 * u.deg, 1 * u.deg, projection=projection, angle=angle)
    x, y = wcs.world_to_pixel(edge)
    return 2 * u.Quantity([np.abs(y).max(), np.abs(x).max()], u.deg)
