"""Spellings of units."""

import astropy.units as u
import pytest

from szfinder.maps import Instrument, MapError
from szfinder.maps.units import uk_cmb_per_unit

BAND = Instrument.from_preset("planck-hfi")["143"]


@pytest.mark.parametrize("unit, factor", [
    ("K_CMB", 1e6), ("Kcmb", 1e6), ("KCMB", 1e6), ("K_cmb", 1e6), ("K CMB", 1e6), ("K", 1e6),
    ("mK", 1e3), ("mK_CMB", 1e3), ("uK_CMB", 1), ("uK", 1), ("UK_CMB", 1), ("uKcmb", 1),
    ("muK", 1), ("microK", 1), ("\N{MICRO SIGN}K", 1), ("\N{GREEK SMALL LETTER MU}K_{CMB}", 1),
    (r"$\mu K$", 1), ("K_{CMB}", 1e6), (u.K, 1e6), (u.uK, 1), (u.mK, 1e3), (" uK_CMB ", 1),
])
def test_temperatures(unit, factor):
    assert uk_cmb_per_unit(unit, BAND) == factor


@pytest.mark.parametrize("unit, in_mjy_sr", [
    ("MJy/sr", 1), ("MJy sr-1", 1), ("MJy / sr", 1), ("Jy/sr", 1e-6), ("kJy/sr", 1e-3),
    ("Jy sr**-1", 1e-6), ("mJy/sr", 1e-9), (u.MJy / u.sr, 1),
])
def test_intensities(unit, in_mjy_sr):
    """371.74 MJy/sr per K_CMB at 143 GHz (Planck 2013 results IX)."""
    assert uk_cmb_per_unit(unit, BAND) == pytest.approx(in_mjy_sr * 1e6 / 371.74, rel=1e-3)


@pytest.mark.parametrize("unit", ["y", "Compton y", "y_SZ", "compton-y"])
def test_compton_y(unit):
    assert uk_cmb_per_unit(unit, BAND) == pytest.approx(-2.78e6, rel=0.005)


@pytest.mark.parametrize("unit", ["furlong", "K_RJ", "Jy/beam", "adu", "s", u.m, "K^2"])
def test_unknown_units_are_named(unit):
    with pytest.raises(MapError, match="unknown unit.*K_CMB.*pass unit=") as error:
        uk_cmb_per_unit(unit, BAND, file="map.fits")
    assert repr(str(unit)) in str(error.value)
    assert str(error.value).startswith("band '143', map.fits")
