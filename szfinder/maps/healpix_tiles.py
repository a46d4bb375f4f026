"""Tiles of the sphere: the pixels of a coarse HEALPix grid, each with a flat patch around it."""

from collections.abc import Iterator
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


def healpix_tiles(
    nside: int,
    *,
    margin: u.Quantity,
    pixel_scale: u.Quantity,
    frame: str = "galactic",
    projection: str = "ZEA",
) -> Iterator[HealpixTile]:
    """The tiles of the whole sky.

    Each patch is centred on its core. Maps are read onto it with ``read_maps(..., wcs=tile.wcs,
    shape=tile.shape)``.

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

    Yields
    ------
    HealpixTile
        In RING order.

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
    for number in range(12 * nside**2):
        lon, lat = healpy.pix2ang(nside, number, lonlat=True)
        center = SkyCoord(lon, lat, unit="deg", frame=frame)
        edge = healpy.vec2ang(healpy.boundaries(nside, number, POINTS).T, lonlat=True)
        size = _size(center, SkyCoord(*edge, unit="deg", frame=frame), projection)
        wcs, shape = wcs_for_patch(center, size + 2 * margin, pixel_scale, projection=projection)
        yield HealpixTile(number, nside, frame, wcs, shape)


def _size(center: SkyCoord, edge: SkyCoord, projection: str) -> u.Quantity:
    """Height and width in the plane of a patch that reaches to an edge on all sides."""
    wcs, _ = wcs_for_patch(center, 1 * u.deg, 1 * u.deg, projection=projection)
    x, y = wcs.world_to_pixel(edge)
    return 2 * u.Quantity([np.abs(y).max(), np.abs(x).max()], u.deg)
