"""read_maps: from files and arrays of any survey to a `MapStack`."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from szfinder.maps.by_band import (all_given, as_instrument, by_name, match_bands, per_band,
                                   uk_cmb_factor)
from szfinder.maps.errors import MapError
from szfinder.maps.instrument import Instrument
from szfinder.maps.sources import Plane, read_source
from szfinder.maps.stack import MapStack
from szfinder.maps.target import TargetGrid

__all__ = ["read_maps"]


def read_maps(maps, *, instrument: Instrument | str | os.PathLike, ivar=None, mask=None, wcs=None,
              shape: tuple[int, int] | None = None, unit=None, hdu=None,
              pixel_window: bool | None = None) -> MapStack:
    """Read the maps of the bands of an instrument onto one pixel grid, in uK_CMB.

    Parameters
    ----------
    maps : mapping
        From the name of a band to its map, in any of these forms:

        * the path of a FITS file, an HDU or an HDUList. The first HDU that holds a map is taken:
          an image, Stokes I of a cube of (I, Q, U), or a HEALPix table;
        * ``(array, wcs)``, `~astropy.nddata.NDData` or `~astropy.nddata.CCDData`, whose mask is
          used and whose uncertainty is not;
        * a 2-D array or Quantity, with ``wcs=``;
        * a HEALPix array, ``(array, {"order": "nested", "frame": "galactic"})``; a partial one
          with ``"nside"`` and ``"pixels"`` besides. ``(path, {...})`` overrides what a HEALPix
          file says, and ``"column"`` chooses its column.

        The stack has these bands, in the order of the instrument. A `MapStack` is returned as is.
    instrument : Instrument, str or path-like
        An instrument, the name of a preset, or the path of a YAML file.
    ivar : mapping or "auto", optional
        Inverse variance a band, in any of the same forms, in the inverse square of the unit of
        the map. With "auto", the ``*_ivar.fits`` beside each ``*_map.fits`` or
        ``*_map_srcfree.fits``, as ACT names them. Pixels of zero weight are bad.
    mask : array_like, optional
        True (not zero) where bad, of shape ``(ny, nx)`` or ``(n_band, ny, nx)``.
    wcs, shape : optional
        WCS (or FITS header) and ``(ny, nx)`` of the patch that HEALPix maps are interpolated
        onto; by default the grid of the bands that are images. See `wcs_for_patch`.
    unit : str or mapping, optional
        Unit of all maps, or a band, whatever they say themselves. Without it a file must state
        its unit (``BUNIT``, ``TUNITn``), and an array without one is in the ``unit`` of its band.
    hdu : int, str or mapping, optional
        The HDU of all files, or a band.
    pixel_window : bool, optional
        Overrides that of the instrument.

    Returns
    -------
    MapStack

    Raises
    ------
    MapError
        If anything is wrong with the input. It names the band, the file, and what to do.

    Notes
    -----
    What is not finite, masked, UNSEEN or of zero weight is bad. Exact zeros are bad, too, where
    they form the border of an image, or over 1 per cent of it: this is how SPT and ACT write what
    is not observed. A `MapStack` made directly keeps zeros.
    """
    if isinstance(maps, MapStack):
        return maps
    instrument, maps = match_bands(maps, as_instrument(instrument))
    if pixel_window is not None:
        instrument = replace(instrument, pixel_window=bool(pixel_window))
    unit = per_band(unit, "unit", instrument)
    hdu = per_band(hdu, "hdu", instrument)
    weights = _find_weights(ivar, maps, instrument)
    grid = TargetGrid(wcs, shape)
    planes, planes_ivar = [], []
    for band in instrument:
        source = read_source(maps[band.name], band=band.name, hdu=hdu[band.name])
        factor = uk_cmb_factor(band, source, unit[band.name])
        planes.append((grid.place(source, band=band.name) * factor).astype(np.float32))
        if weights is not None:
            planes_ivar.append(_read_weights(grid, weights[band.name], band.name) / factor**2)
    return MapStack(planes, wcs=grid.wcs, instrument=instrument, mask=mask,
                    uncertainty=planes_ivar or None)


def _find_weights(ivar, maps, instrument):
    """Where the weights of each band are, or None."""
    if ivar is None:
        return None
    if isinstance(ivar, str) and ivar == "auto":
        return {name: _beside(maps[name], name) for name in instrument.names}
    if not isinstance(ivar, Mapping):
        raise MapError("the weights are not named by their bands", found=type(ivar).__name__,
                       expected="a mapping from band name to inverse variance, or 'auto'")
    weights = by_name(ivar, "ivar", instrument)
    all_given(weights, instrument.names, "inverse variance",
              "give it for all bands that have maps, or for none")
    return weights


def _beside(source, band):
    """The inverse variance that ACT puts beside a map."""
    path = Path(source) if isinstance(source, (str, os.PathLike)) else Path()
    name, renamed = re.subn(r"_map(_srcfree)?\.fits", "_ivar.fits", path.name)
    if not renamed or not path.with_name(name).exists():
        raise MapError("no inverse variance beside the map", band=band, file=path if renamed else
                       None, expected=str(path.with_name(name)) if renamed else
                       "a file *_map.fits or *_map_srcfree.fits",
                       hint="give ivar={band: file, ...}")
    return path.with_name(name)


def _read_weights(grid, source, band):
    source = read_source(source, band=band)
    if isinstance(source, Plane) and source.values.shape != grid.shape:
        raise MapError("the inverse variance is of the wrong shape", band=band, file=source.file,
                       found=source.values.shape, expected=f"{grid.shape}, that of the map")
    return grid.place(source, band=band, what="inverse variance")
