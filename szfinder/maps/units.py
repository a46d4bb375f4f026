"""Units of maps: from the spellings in use to uK_CMB.

`astropy.units` does not know thermodynamic (CMB) temperature, so its spellings stand in a table
here. Plain K, mK, uK and nK are taken to be thermodynamic too, as in the maps of ACT and SPT;
Rayleigh-Jeans and antenna temperatures are not known, rather than mistaken for it.
"""

import astropy.units as u

from szfinder.maps.band import Band
from szfinder.maps.errors import MapError

__all__ = ["uk_cmb_per_unit"]

# Compared without case, blanks, underscores, braces and brackets: see _plain.
MICRO_KELVIN = {
    1e6: ("K", "K_CMB", "Kelvin", "K_thermo", "K_thermodynamic"),
    1e3: ("mK", "mK_CMB", "mK_thermo"),
    1.0: ("uK", "uK_CMB", "uK_thermo", "muK", "muK_CMB", "microK", "microK_CMB",
          "microkelvin", "\N{MICRO SIGN}K", "\N{MICRO SIGN}K_CMB",
          "\N{GREEK SMALL LETTER MU}K", "\N{GREEK SMALL LETTER MU}K_CMB"),
    1e-3: ("nK", "nK_CMB"),
}
COMPTON_Y = ("y", "y_SZ", "Compton y", "Compton-y", "Compton")
KNOWN = "K_CMB, mK_CMB, uK_CMB (or K, mK, uK), MJy/sr, Jy/sr, or y (Compton y)"


def uk_cmb_per_unit(unit, band: Band, *, file=None) -> float:
    """Number of uK_CMB that one `unit` stands for in a band.

    Parameters
    ----------
    unit : str or astropy.units.UnitBase
        A spelling of thermodynamic temperature, of intensity (MJy/sr, Jy/sr, or whatever
        `astropy.units` converts to it) or of Compton y.
    band : Band
        Its bandpass converts intensities (IRAS convention) and Compton y.
    file : str or path-like, optional
        Named in the error.

    Raises
    ------
    MapError
        If the unit is unknown.
    """
    spelling = _plain(str(unit))
    if spelling in _FACTORS:
        return _FACTORS[spelling]
    if spelling in {_plain(name) for name in COMPTON_Y}:
        return band.tsz_response
    try:
        return float(u.Unit(unit).to(u.MJy / u.sr)) * 1e6 / band.intensity_per_kelvin
    except (ValueError, TypeError):
        raise MapError("unknown unit", file=file, band=band.name, found=repr(str(unit)),
                       expected=KNOWN, hint="pass unit=...") from None


def _plain(spelling):
    for mark in " _{}()[]$\\":
        spelling = spelling.replace(mark, "")
    return spelling.lower()


_FACTORS = {_plain(name): factor for factor, names in MICRO_KELVIN.items() for name in names}
