"""MapStack: the maps of all bands on one pixel grid."""

from collections.abc import Iterable

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import Cutout2D, InverseVariance, NDData, NDUncertainty

from szfinder.maps.errors import MapError
from szfinder.maps.grid import celestial_grid, pixel_scale_at_center
from szfinder.maps.instrument import Instrument

__all__ = ["MapStack"]


class MapStack(NDData):
    """Maps in uK_CMB, one plane a band, NaN where bad.

    Usually made by `read_maps`.

    Parameters
    ----------
    data : array_like
        Shape ``(n_band, ny, nx)``, uK_CMB, in the order of the bands.
    wcs : astropy.wcs.WCS
        Celestial; of a WCS with more axes the celestial part is kept.
    instrument : Instrument, optional
        The bands; by default ``meta["instrument"]``.
    mask : array_like of bool, optional
        True where bad, of shape ``(ny, nx)`` or ``(n_band, ny, nx)``. Pixels that are not finite,
        or of zero weight, are bad anyway.
    uncertainty : astropy.nddata.InverseVariance or array_like, optional
        Inverse variance in uK^-2 of shape ``(ny, nx)`` or ``(n_band, ny, nx)``.
    meta : mapping, optional
        Anything else that should go with the maps.

    Attributes
    ----------
    data : numpy.ndarray
        float32, NaN where bad.
    mask : numpy.ndarray
        ``(n_band, ny, nx)``, True where bad.
    uncertainty : astropy.nddata.InverseVariance or None
        ``(n_band, ny, nx)`` float32, 0 where bad.

    Raises
    ------
    MapError
        If shapes and bands do not fit, the WCS is not celestial, its pixels are not square to
        1 per cent, or a band has no good pixel.
    """

    def __init__(self, data, *, wcs, instrument: Instrument | None = None, mask=None,
                 uncertainty=None, meta=None):
        meta = dict(meta or {})
        instrument = meta["instrument"] = _instrument(instrument, meta)
        data = _planes(data, instrument)
        wcs = celestial_grid(wcs, data.shape[1:])
        ivar = _inverse_variance(uncertainty, data.shape)
        bad = ~np.isfinite(data)
        if mask is not None:
            bad |= _fitted(mask, data.shape, "mask").astype(bool)
        if ivar is not None:
            bad |= ~(ivar > 0)
            ivar = InverseVariance(np.where(bad, np.float32(0), ivar), unit=u.uK**-2)
        for band, plane in zip(instrument, bad):
            if plane.all():
                raise MapError("the map is empty: no pixel is good", band=band.name)
        data[bad] = np.nan
        super().__init__(data, wcs=wcs, mask=bad, uncertainty=ivar, meta=meta, unit=u.uK)

    def __repr__(self):
        (ny, nx), (dy, dx) = self.shape, self.pixel_scale
        bands = ", ".join(self.instrument.names)
        return (f"<MapStack: {self.instrument.name}, bands {bands}; {ny} x {nx} pixels of "
                f"{dy:.4g} x {dx:.4g} arcmin; {100 * self.good.mean():.3g} per cent good>")

    __str__ = __repr__

    @property
    def instrument(self) -> Instrument:
        """The instrument, with the bands of this stack alone."""
        return self.meta["instrument"]

    @property
    def bands(self) -> tuple:
        """The bands, in the order of the planes."""
        return self.instrument.bands

    @property
    def n_band(self) -> int:
        """Number of bands."""
        return len(self.bands)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape ``(ny, nx)`` of one map."""
        return self.data.shape[1:]

    @property
    def pixel_scale(self) -> tuple[float, float]:
        """Sides ``(dy, dx)`` of a pixel in arcmin, measured on the sky at the centre of the map.

        Far from the equator the pixels of a CAR map are narrower than its CDELT1 says.
        """
        return pixel_scale_at_center(self.wcs, self.shape)

    @property
    def good(self) -> np.ndarray:
        """``(ny, nx)`` bool: True where all bands are good."""
        return ~self.mask.any(axis=0)

    @property
    def ivar(self) -> np.ndarray | None:
        """Inverse variance ``(n_band, ny, nx)`` in uK^-2, 0 where bad, or None."""
        return None if self.uncertainty is None else self.uncertainty.array

    def select(self, names: Iterable) -> "MapStack":
        """The stack of the named bands alone, in the order of the instrument.

        Raises
        ------
        MapError
            If a name is unknown, or none is given.
        """
        instrument = self.instrument.select(names)
        planes = [self.instrument.names.index(name) for name in instrument.names]
        return MapStack(self.data[planes], wcs=self.wcs, instrument=instrument,
                        mask=self.mask[planes], meta={**self.meta, "instrument": instrument},
                        uncertainty=None if self.ivar is None else self.ivar[planes])

    def cutout(self, center: SkyCoord, shape: int | tuple[int, int]) -> "MapStack":
        """A piece of the stack around a position, NaN where it leaves the maps.

        Parameters
        ----------
        center : astropy.coordinates.SkyCoord
            The position at the centre of the piece, to half a pixel.
        shape : int or tuple of int
            ``(ny, nx)`` of the piece in pixels; one number for a square.

        Raises
        ------
        MapError
            If the piece does not overlap the maps, or a band has no good pixel on it.
        """
        try:
            pieces = [self._piece(plane, center, shape, np.nan) for plane in self.data]
        except ValueError as error:
            raise MapError(f"the cutout lies outside the maps ({error})",
                           found=center.to_string("hmsdms", precision=0)) from error
        ivar = None
        if self.ivar is not None:
            ivar = [self._piece(plane, center, shape, 0).data for plane in self.ivar]
        return MapStack([piece.data for piece in pieces], wcs=pieces[0].wcs, uncertainty=ivar,
                        meta=self.meta)

    def _piece(self, plane, center, shape, fill_value):
        return Cutout2D(plane, center, shape, wcs=self.wcs, mode="partial", fill_value=fill_value)


def _instrument(instrument, meta):
    instrument = meta.get("instrument") if instrument is None else instrument
    if not isinstance(instrument, Instrument):
        raise MapError("the map stack has no instrument", found=repr(instrument),
                       expected="an Instrument", hint="pass instrument=..., or use read_maps")
    return instrument


def _planes(data, instrument):
    data = np.array(data, dtype=np.float32)
    if data.ndim != 3 or len(data) != len(instrument) or 0 in data.shape:
        raise MapError("the maps do not fit the instrument", found=f"shape {data.shape}",
                       expected=f"({len(instrument)}, ny, nx) for the bands "
                       + ", ".join(instrument.names))
    return data


def _fitted(array, shape, what):
    array = np.asarray(array)
    if array.shape not in (shape, shape[1:]):
        raise MapError(f"the {what} does not fit the maps", found=f"shape {array.shape}",
                       expected=f"{shape[1:]} or {shape}")
    return array


def _inverse_variance(uncertainty, shape):
    if uncertainty is None:
        return None
    if isinstance(uncertainty, NDUncertainty):
        if not isinstance(uncertainty, InverseVariance):
            raise MapError("the uncertainty is not an inverse variance",
                           found=type(uncertainty).__name__, expected="InverseVariance or array",
                           hint="convert with uncertainty.represent_as(InverseVariance)")
        uncertainty = uncertainty.array
    array = _fitted(uncertainty, shape, "inverse variance").astype(np.float32)
    return np.broadcast_to(array, shape)
