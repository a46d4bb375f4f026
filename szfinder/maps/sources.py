"""The forms in which one map may come, and what is read from each: a `Plane` or a `HealpixMap`."""

import os
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS

from szfinder.maps.errors import MapError
from szfinder.maps.healpix import HealpixMap, healpix_from_array, healpix_from_table

__all__ = ["Plane", "read_source"]

# What astropy raises on files that are broken in one way or another.
FITS_TROUBLE = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, zlib.error,
                fits.VerifyError)
MAX_STOKES = 4

# Kinds of HDU that may hold an image.
IMAGES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)


@dataclass
class Plane:
    """A 2-D map as it was given: any unit, its own WCS."""

    values: np.ndarray
    wcs: object = None
    unit: object = None
    file: str | None = None


def read_source(source, *, band, hdu=None) -> Plane | HealpixMap:
    """Read one map.

    Parameters
    ----------
    source : object
        See `~szfinder.maps.read_maps`.
    band : str
        Named in errors.
    hdu : int or str, optional
        The HDU of a file or HDUList; by default the first that holds a map.

    Raises
    ------
    MapError
        If it is none of the known forms, or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_file(source, band, hdu, {})
    if isinstance(source, (fits.HDUList, *IMAGES, fits.BinTableHDU)):
        return _from_open_file(source, band, hdu)
    if isinstance(source, NDData):
        return _from_nddata(source, band)
    if isinstance(source, tuple) and len(source) == 2:
        return _from_pair(*source, band, hdu)
    if isinstance(source, (np.ndarray, list)):
        return _from_array(source, None, band)
    raise MapError("cannot read a map from this", band=band, found=type(source).__name__,
                   expected="a path, an HDU, NDData, (array, wcs), or a HEALPix map (array, "
                   "{'order': ..., 'frame': ...})")


def _from_pair(source, companion, band, hdu):
    """(array, wcs), (array, HEALPix keywords) or (path, HEALPix keywords that override it)."""
    if not isinstance(companion, dict):
        return _from_array(source, companion, band)
    if isinstance(source, (str, os.PathLike)):
        return _from_file(source, band, hdu, companion)
    values, unit = _split_unit(source, band)
    return healpix_from_array(values, companion, band=band, unit=unit)


def _from_array(array, wcs, band):
    values, unit = _split_unit(array, band)
    if values.ndim == 1:
        raise MapError("a 1-D array is taken for a HEALPix map, but says neither order nor frame",
                       band=band, hint="pass (array, {'order': 'ring' or 'nested', 'frame': "
                       "'galactic' or 'icrs'})")
    return Plane(_plane(values, wcs, band, None), wcs, unit)


def _from_nddata(nddata, band):
    values = np.array(nddata.data, dtype=float)
    if nddata.mask is not None:
        values[np.broadcast_to(nddata.mask, values.shape)] = np.nan
    return Plane(_plane(values, nddata.wcs, band, None), nddata.wcs, nddata.unit)


def _from_file(path, band, hdu, keywords):
    with _no_trouble(path, band), fits.open(path) as hdus:
        return _from_hdus(hdus, band, hdu, keywords, path)


def _from_open_file(source, band, hdu):
    file = source.filename() if isinstance(source, fits.HDUList) else None
    file = file or f"<{type(source).__name__}>"
    with _no_trouble(file, band):
        if isinstance(source, fits.HDUList):
            return _from_hdus(source, band, hdu, {}, file)
        return _from_hdu(source, band, {}, file)


@contextmanager
def _no_trouble(file, band):
    """Turn what astropy raises, or warns of, when a file is broken into a MapError."""
    where = {"file": file, "band": band, "hint": "download it again"}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    except MapError:
        raise
    except FileNotFoundError as error:
        raise MapError("no such file", file=file, band=band, hint="check the path") from error
    except FITS_TROUBLE as error:
        raise MapError(f"not a FITS file, or a broken one ({error})", **where) from error
    if any("truncated" in str(warning.message).lower() for warning in caught):
        raise MapError("the FITS file is truncated", **where)


def _from_hdus(hdus, band, hdu, keywords, file):
    if hdu is None:
        maps = [entry for entry in hdus if _may_hold_map(entry)]
        if not maps:
            raise MapError("the file holds neither an image nor a HEALPix table", file=file,
                           band=band, found=", ".join(f"{i}: {type(entry).__name__}"
                                                      for i, entry in enumerate(hdus)))
        return _from_hdu(maps[0], band, keywords, file)
    try:
        return _from_hdu(hdus[hdu], band, keywords, file)
    except (KeyError, IndexError) as error:
        raise MapError("no such HDU", file=file, band=band, found=f"hdu={hdu!r}",
                       expected=f"0 to {len(hdus) - 1}, or a name") from error


def _may_hold_map(hdu):
    if isinstance(hdu, IMAGES):
        return hdu.header.get("NAXIS", 0) >= 2
    return isinstance(hdu, fits.BinTableHDU) and _is_healpix(hdu)


def _is_healpix(hdu):
    return (str(hdu.header.get("PIXTYPE", "")).upper() == "HEALPIX"
            or {"NSIDE", "ORDERING"} <= set(hdu.header))


def _from_hdu(hdu, band, keywords, file):
    if isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU):
        return healpix_from_table(hdu, keywords, band=band, file=file)
    if keywords:
        raise MapError("HEALPix keywords given with an image", file=file, band=band,
                       found=", ".join(keywords), hint="give the path alone")
    if hdu.data is None:
        raise MapError("the HDU holds no image", file=file, band=band,
                       hint="choose another with hdu=...")
    wcs = WCS(hdu.header)
    values = _plane(hdu.data, wcs, band, file)
    stated = any(wcs.wcs.ctype)
    return Plane(np.array(values), wcs if stated else None, hdu.header.get("BUNIT"), file)


def _split_unit(array, band):
    """Values, NaN where masked, and the unit of a Quantity."""
    unit = array.unit if isinstance(array, u.Quantity) else None
    values = np.ma.asarray(array.value if unit is not None else array)
    if values.dtype.kind not in "fiu":
        raise MapError("the array holds no real numbers", band=band, found=values.dtype)
    if values.dtype.kind != "f":
        values = values.astype(float)
    return values.filled(np.nan), unit


def _plane(values, wcs, band, file):
    """The map, or Stokes I of a cube (I, Q, U)."""
    values = np.asanyarray(values)
    planes = values.reshape(-1, *values.shape[-2:]) if values.ndim > 2 else values[None]
    if values.ndim < 2 or 0 in values.shape or len(planes) > MAX_STOKES:
        raise MapError("the array is no map", band=band, file=file, found=f"shape {values.shape}",
                       expected="(ny, nx), or a Stokes cube (1 to 4, ny, nx)")
    return planes[_stokes_i(wcs, len(planes))]


def _stokes_i(wcs, n_plane):
    """Index of Stokes I (FITS code 1) along a Stokes axis; 0 where the WCS has none."""
    if not isinstance(wcs, WCS) or "STOKES" not in list(wcs.wcs.ctype):
        return 0
    axis = list(wcs.wcs.ctype).index("STOKES")
    step = wcs.wcs.get_cdelt()[axis] or 1
    index = round(wcs.wcs.crpix[axis] - 1 + (1 - wcs.wcs.crval[axis]) / step)
    return index if 0 <= index < n_plane else 0
