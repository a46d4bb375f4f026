"""Pixel grids: the checks a WCS must pass, and what is measured on one."""

import warnings

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import pixel_to_pixel, proj_plane_pixel_scales

from szfinder.maps.errors import MapError

__all__ = ["wcs_for_patch"]

MAX_ASPECT = 1.01
MAX_OFFSET = 0.01  # pixels by which two grids may differ and still be one
CYLINDRICAL = ("CAR", "CEA", "MER")


def wcs_for_patch(center: SkyCoord, size: u.Quantity, pixel_scale: u.Quantity, *,
                  projection: str = "TAN",
                  angle: u.Quantity = 0 * u.deg) -> tuple[WCS, tuple[int, int]]:
    """A WCS and shape for a patch of sky, onto which HEALPix maps can be read.

    Parameters
    ----------
    center : astropy.coordinates.SkyCoord
        Its centre; the axes follow its frame, ICRS or Galactic.
    size : astropy.units.Quantity
        Angular size, one for a square or ``(height, width)``.
    pixel_scale : astropy.units.Quantity
        Angular size of a pixel.
    projection : str, optional
        Three-letter FITS code of a zenithal projection, such as TAN, ZEA or STG.
    angle : astropy.units.Quantity, optional
        By which the pixel axes are turned against those of the frame.

    Returns
    -------
    wcs : astropy.wcs.WCS
    shape : tuple of int
        ``(ny, nx)``.

    Raises
    ------
    MapError
        If the size or the pixels are not above 0.
    """
    height, width = np.broadcast_to(u.Quantity(size), 2, subok=True)
    if not (min(height, width) > 0 and pixel_scale > 0):
        raise MapError("the size of a patch or of its pixels is not above 0",
                       found=f"size {size}, pixels {pixel_scale}")
    shape = tuple(int(np.ceil((side / pixel_scale).to_value(u.one) - 1e-6))
                  for side in (height, width))
    galactic = center.frame.name == "galactic"
    axes = ("GLON-", "GLAT-") if galactic else ("RA---", "DEC--")
    center = center if galactic else center.icrs
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [axis + projection for axis in axes]
    wcs.wcs.crval = [center.spherical.lon.deg, center.spherical.lat.deg]
    wcs.wcs.cdelt = [-pixel_scale.to_value(u.deg), pixel_scale.to_value(u.deg)]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    if angle != 0:
        cos, sin = np.cos(angle).value, np.sin(angle).value
        wcs.wcs.pc = [[cos, -sin], [sin, cos]]
    if not galactic:
        wcs.wcs.radesys = "ICRS"
    return wcs, shape


def celestial_grid(wcs, shape, **where):
    """The celestial 2-D part of a WCS or header, if a map of that shape can be filtered on it.

    `where` (band and file) goes into the errors.
    """
    if isinstance(wcs, fits.Header):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(wcs)
    if not isinstance(wcs, WCS):
        raise MapError("the map has no WCS", found=type(wcs).__name__,
                       expected="an astropy.wcs.WCS or a FITS header", hint="pass (array, wcs)",
                       **where)
    if not wcs.has_celestial:
        raise MapError("the WCS is not celestial", found=f"axes {list(wcs.wcs.ctype)}",
                       expected="longitude and latitude, such as RA---TAN and DEC--TAN", **where)
    celestial = wcs.celestial
    scales = proj_plane_pixel_scales(celestial)
    aspect = scales.max() / scales.min()
    if not aspect <= MAX_ASPECT:
        raise MapError("the pixels are not square", found=f"sides of {scales[0] * 60:.5g} x "
                       f"{scales[1] * 60:.5g} arcmin", expected="sides equal to 1 per cent",
                       hint="reproject the map first, for example with reproject", **where)
    return recentred(celestial, shape)


def recentred(wcs, shape):
    """The same grid, with its reference meridian on the map if the map is over half a turn off.

    Pieces of a full-sky cylindrical map keep its reference pixel. Beyond 180 degrees from it
    wcslib maps the sky to pixels a full turn away, so the reference is moved along the equator,
    which changes nothing else.
    """
    step = wcs.pixel_scale_matrix
    cylindrical = (wcs.wcs.ctype[0][-3:] in CYLINDRICAL and wcs.wcs.lng == 0
                   and wcs.wcs.crval[1] == 0 and step[0, 1] == step[1, 0] == 0
                   and (np.isnan(wcs.wcs.lonpole) or wcs.wcs.lonpole == 0))
    reach = max(abs(wcs.wcs.crpix[0] - 1), abs(shape[1] - wcs.wcs.crpix[0])) * abs(step[0, 0])
    if not cylindrical or reach <= 180 + abs(step[0, 0]):
        return wcs
    moved = wcs.deepcopy()
    pixels = round((shape[1] + 1) / 2 - wcs.wcs.crpix[0])
    moved.wcs.crpix = [wcs.wcs.crpix[0] + pixels, wcs.wcs.crpix[1]]
    moved.wcs.crval = [(wcs.wcs.crval[0] + pixels * step[0, 0]) % 360, 0]
    moved.wcs.set()
    return moved


def same_grid(wcs, other, shape) -> bool:
    """Whether two WCS put the pixels of a map of that shape at the same places."""
    fractions = np.array([0.1, 0.5, 0.9])
    x, y = np.meshgrid(fractions * (shape[1] - 1), fractions * (shape[0] - 1))
    other_x, other_y = pixel_to_pixel(wcs, other, x, y)
    offset = np.hypot(other_x - x, other_y - y)
    return bool(np.nanmax(offset, initial=0) <= MAX_OFFSET and np.isfinite(offset).any())


def pixel_scale_at_center(wcs, shape) -> tuple[float, float]:
    """Sides (dy, dx) in arcmin, on the sky, of the pixel at the centre of a map."""
    y, x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    edges = wcs.pixel_to_world([x, x, x - 0.5, x + 0.5], [y - 0.5, y + 0.5, y, y])
    return (float(edges[0].separation(edges[1]).arcmin),
            float(edges[2].separation(edges[3]).arcmin))
