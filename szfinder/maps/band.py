"""Band: one observing frequency of an instrument."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from szfinder.maps.bandpass import Bandpass
from szfinder.maps.beams import Beam
from szfinder.maps.errors import MapError
from szfinder.physics import conversion, spectrum

__all__ = ["Band"]


@dataclass(frozen=True)
class Band:
    """One observing frequency: its bandpass, its beam and its noise.

    Parameters
    ----------
    name : str
        Short name, by which maps are matched to bands; ``143`` means ``"143"``.
    frequency : float
        Nominal frequency in GHz, at which intensities are quoted.
    beam : Beam
    noise : float, optional
        White noise level in uK_CMB arcmin.
    bandpass : Bandpass, optional
        Transmission; without one the band is monochromatic at `frequency`.
    unit : str, optional
        Unit of arrays in memory that do not state theirs.
    """

    name: str
    frequency: float
    beam: Beam
    noise: float | None = None
    bandpass: Bandpass | None = None
    unit: str = "uK_CMB"

    def __post_init__(self):
        object.__setattr__(self, "name", band_name(self.name))
        for quantity in ("frequency", "noise"):
            value = getattr(self, quantity)
            if value is not None:
                object.__setattr__(self, quantity, self._positive(quantity, value))
        if not isinstance(self.beam, Beam):
            raise MapError("the beam is not a Beam", band=self.name, found=repr(self.beam),
                           hint="make one with Beam.from_fwhm(arcmin) or Beam.read(path)")
        if self.frequency is None:
            raise MapError("no frequency given", band=self.name, expected="GHz")

    def _positive(self, quantity, value):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = np.nan
        if not (np.isfinite(number) and number > 0):
            raise MapError(f"the {quantity} is not a positive number", band=self.name,
                           found=repr(value), expected={"frequency": "GHz",
                                                        "noise": "uK_CMB arcmin"}[quantity])
        return number

    @cached_property
    def tsz_response(self) -> float:
        """Thermal SZ temperature in uK_CMB per unit Compton y, over the bandpass if there is one.

        Non-relativistic; see `szfinder.physics.tsz_response`.
        """
        return float(spectrum.tsz_response(*self._passband))

    @cached_property
    def intensity_per_kelvin(self) -> float:
        """Intensity in MJy/sr at `frequency` per K_CMB.

        Over a bandpass, for a reference spectrum of constant ``nu I_nu`` (the IRAS convention);
        see `szfinder.physics.intensity_per_kelvin`.
        """
        return float(conversion.intensity_per_kelvin(*self._passband,
                                                     reference_frequency=self.frequency))

    @cached_property
    def flux_per_kelvin(self) -> float:
        """Flux in mJy per uK_CMB arcmin^2; see `szfinder.physics.flux_per_kelvin`."""
        return float(conversion.flux_per_kelvin(*self._passband))

    def greybody_response(self, **greybody: float) -> float:
        """Signal in uK_CMB of dust with 1 uK_CMB at a reference frequency, over the bandpass.

        Parameters as for `szfinder.physics.greybody_response`.
        """
        return conversion.greybody_response(*self._passband, **greybody)

    def power_law_response(self, **power_law: float) -> float:
        """Signal in uK_CMB of a power law with 1 uK_CMB at a reference frequency.

        Parameters as for `szfinder.physics.power_law_response`.
        """
        return conversion.power_law_response(*self._passband, **power_law)

    @property
    def _passband(self):
        if self.bandpass is None:
            return self.frequency, None
        return self.bandpass.frequency, self.bandpass.transmission


def band_name(key) -> str:
    """The name of a band given as text or as a number (143 and 143.0 are ``"143"``)."""
    if isinstance(key, (int, float, np.number)) and not isinstance(key, bool):
        return f"{key:g}"
    return str(key)
