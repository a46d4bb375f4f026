r"""The thermal SZ spectrum, at one frequency and over a bandpass.

.. math:: \frac{\Delta T}{T_\mathrm{CMB}} = y\, f(x), \qquad f(x) = x \coth(x/2) - 4, \qquad
          x = \frac{h\nu}{k T_\mathrm{CMB}}

for cold electrons (Sunyaev & Zeldovich 1972; Carlstrom, Holder & Reese 2002, ARA&A 40, 643, eqs. 1
and 2). For hot ones `szfinder.physics.relativistic` averages the scattering kernel.
"""

import numpy as np
from numpy.typing import ArrayLike

from .blackbody import T_CMB, band_integral, dimensionless_frequency, planck_derivative
from .relativistic import relativistic_spectrum

__all__ = ["T_CMB", "tsz_response", "tsz_spectrum"]


def tsz_spectrum(frequency: ArrayLike, *, electron_temperature: float = 0.0) -> np.ndarray:
    """Thermal SZ temperature change per unit of Compton y.

    Parameters
    ----------
    frequency : array_like
        Frequency in GHz, above 0.
    electron_temperature : float, optional
        k T_e in keV; 0 gives the non-relativistic spectrum.

    Returns
    -------
    numpy.ndarray
        Delta T / T_CMB per unit y, shaped like `frequency`: -2 at low frequency, 0 near 217.5 GHz.

    Raises
    ------
    ValueError
        If a frequency is not above 0 or the electron temperature is below 0.
    """
    x = dimensionless_frequency(frequency)
    if not np.all(x > 0):
        raise ValueError(f"frequency must be above 0 GHz, found {frequency!r}")
    if electron_temperature < 0:
        raise ValueError("electron_temperature must be 0 keV or more, "
                         f"found {electron_temperature!r}")
    if electron_temperature > 0:
        return relativistic_spectrum(x, electron_temperature)
    return x / np.tanh(x / 2) - 4


def tsz_response(frequency: ArrayLike, transmission: ArrayLike | None = None, *,
                 electron_temperature: float = 0.0) -> float:
    """Signal of a band, calibrated on the CMB, per unit of Compton y.

    Parameters
    ----------
    frequency : float or array_like, shape (n,)
        Frequency of the band, or the frequencies of its bandpass table, in GHz.
    transmission : array_like, shape (n,), optional
        Relative response of the band to intensity; any normalisation.
    electron_temperature : float, optional
        k T_e in keV; 0 gives the non-relativistic spectrum.

    Returns
    -------
    float
        uK_CMB per unit y: the band's intensity change over its dB/dT (Planck 2013 results IX,
        A&A 571, A9).
    """
    slope = planck_derivative(frequency)
    signal = slope * tsz_spectrum(frequency, electron_temperature=electron_temperature)
    return float(1e6 * T_CMB * band_integral(signal, frequency, transmission)
                 / band_integral(slope, frequency, transmission))
