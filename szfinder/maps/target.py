"""TargetGrid: the one pixel grid that all maps of a stack must be on, or are brought to."""

import numpy as np

from szfinder.maps.errors import MapError
from szfinder.maps.grid import celestial_grid, same_grid
from szfinder.maps.healpix import HealpixMap, Patch
from szfinder.maps.observed import nan_where_unobserved
from szfinder.maps.sources import Plane

__all__ = ["TargetGrid"]

HEALPIX_HINT = ("pass wcs=... and shape=..., for example of wcs, shape = "
                "szfinder.maps.wcs_for_patch(SkyCoord(194.95, 27.98, unit='deg'), 10 * u.deg, "
                "1.5 * u.arcmin)")
REPROJECT = "bring them onto one grid first, for example with reproject.reproject_interp"


class TargetGrid:
    """The grid given by the user, or else that of the first image.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or astropy.io.fits.Header, optional
    shape : tuple of int, optional
    """

    def __init__(self, wcs=None, shape=None):
        self.shape = None if shape is None else _as_shape(shape)
        self.wcs = wcs if wcs is None or shape is None else celestial_grid(wcs, self.shape)
        self._patch = None

    def place(self, source: Plane | HealpixMap, *, band: str, what: str = "map") -> np.ndarray:
        """The values of one map (or of whatever else `what` says) on the grid, NaN where bad.

        Raises
        ------
        MapError
            If it is on another grid, or none of its pixels is good.
        """
        if isinstance(source, HealpixMap):
            values = self._interpolate(source, band)
        else:
            self._check(source, band)
            values = nan_where_unobserved(source.values)
        if not np.isfinite(values).any():
            raise MapError(f"the {what} is empty here: every pixel is NaN, UNSEEN or exactly zero",
                           band=band, file=source.file, hint="check the file, and that it covers "
                           "this part of the sky")
        return values

    def _interpolate(self, source, band):
        if self.shape is None or self.wcs is None:
            raise MapError("a HEALPix map needs a patch to be read onto", band=band,
                           file=source.file, hint=HEALPIX_HINT)
        if self._patch is None:
            self._patch = Patch(self.wcs, self.shape)
        return self._patch.interpolate(source)

    def _check(self, source, band):
        where = {"band": band, "file": source.file}
        shape = source.values.shape
        if self.shape is None:
            first = source.wcs if self.wcs is None else self.wcs
            self.wcs, self.shape = celestial_grid(first, shape, **where), shape
        if shape != self.shape:
            raise MapError("the maps are on different grids", found=f"shape {shape}",
                           expected=f"{self.shape}, as the others", hint=REPROJECT, **where)
        if source.wcs is not None:
            own = celestial_grid(source.wcs, shape, **where)
            if not same_grid(self.wcs, own, shape):
                raise MapError("the maps are on different grids", found=f"{_describe(own)}",
                               expected=f"{_describe(self.wcs)}, as the others", hint=REPROJECT,
                               **where)


def _as_shape(shape):
    try:
        ny, nx = (int(side) for side in shape)
    except (TypeError, ValueError):
        ny = nx = 0
    if ny < 1 or nx < 1:
        raise MapError("not the shape of a map", found=repr(shape), expected="(ny, nx)")
    return ny, nx


def _describe(wcs):
    kind = "/".join(wcs.wcs.ctype)
    lon, lat = wcs.wcs.crval
    x, y = wcs.wcs.crpix
    return f"{kind} with {lon:.5f} {lat:+.5f} deg at pixel ({x:g}, {y:g})"
