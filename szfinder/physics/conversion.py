r"""Unit conversions and emission laws over bandpasses.

A map in K_CMB is calibrated on the CMB's own anisotropy. What a source of another spectrum
:math:`I_\nu` leaves in it is

.. math:: \Delta T = \frac{\int \tau(\nu)\, I_\nu\, \mathrm d\nu}
                          {\int \tau(\nu)\, (\mathrm dB_\nu/\mathrm dT)\, \mathrm d\nu}

(Planck 2013 results IX, A&A 571, A9). `transmission` is the response to intensity, in any
normalisation; where it is None the band is one frequency.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .blackbody import band_integral, dimensionless_frequency, planck_derivative

__all__ = ["flux_per_kelvin", "greybody_response", "intensity_per_kelvin", "planck_derivative",
           "power_law_response"]

_SR_PER_ARCMIN2 = np.deg2rad(1 / 60) ** 2


def intensity_per_kelvin(frequency: ArrayLike, transmission: ArrayLike | None = None, *,
                         reference_frequency: float | None = None) -> float:
    """Intensity of a band per unit of CMB temperature, in the IRAS convention (nu I_nu constant).

    Parameters
    ----------
    frequency : float or array_like, shape (n,)
        Frequency of the band, or the frequencies of its bandpass table, in GHz.
    transmission : array_like, shape (n,), optional
        Relative response of the band to intensity.
    reference_frequency : float, optional
        Frequency in GHz at which the intensity is quoted (100, 143, 217... for Planck); without it
        the mean frequency of the band.

    Returns
    -------
    float
        MJy/sr per K_CMB (Planck 2013 results IX, A&A 571, A9).
    """
    frequency = np.asarray(frequency, dtype=float)
    if reference_frequency is None:
        reference_frequency = (band_integral(frequency, frequency, transmission)
                               / band_integral(np.ones_like(frequency), frequency, transmission))
    iras = reference_frequency / frequency
    return float(band_integral(planck_derivative(frequency), frequency, transmission)
                 / band_integral(iras, frequency, transmission))


def flux_per_kelvin(frequency: ArrayLike, transmission: ArrayLike | None = None) -> float:
    """Flux density per unit of temperature integrated over solid angle.

    A point source of S mJy adds ``S / flux_per_kelvin(frequency)`` uK arcmin^2 to the map.

    Parameters
    ----------
    frequency, transmission
        The band, as for `intensity_per_kelvin`, whose convention holds.

    Returns
    -------
    float
        mJy per (uK_CMB arcmin^2).
    """
    # MJy per K is 1e9 mJy per 1e6 uK.
    return 1e3 * _SR_PER_ARCMIN2 * intensity_per_kelvin(frequency, transmission)


def power_law_response(frequency: ArrayLike, transmission: ArrayLike | None = None, *,
                       spectral_index: float, reference_frequency: float) -> float:
    """Signal in a band of a power law with 1 uK_CMB at the reference frequency.

    Parameters
    ----------
    frequency, transmission
        The band, as for `intensity_per_kelvin`.
    spectral_index : float
        Index of the intensity or flux density, I_nu ~ nu^spectral_index; about -0.9 for radio
        sources.
    reference_frequency : float
        GHz.

    Returns
    -------
    float
        uK_CMB.
    """
    return _emission_response(lambda nu: (nu / reference_frequency) ** spectral_index,
                              frequency, transmission, reference_frequency)


def greybody_response(frequency: ArrayLike, transmission: ArrayLike | None = None, *,
                      temperature: float, emissivity_index: float, redshift: float = 0.0,
                      reference_frequency: float) -> float:
    """Signal in a band of dust with 1 uK_CMB at the reference frequency.

    Parameters
    ----------
    frequency, transmission
        The band, as for `intensity_per_kelvin`.
    temperature : float
        Temperature of the dust in K, in its own rest frame.
    emissivity_index : float
        Index of the dust's emissivity, I_nu ~ nu^emissivity_index B_nu(T).
    redshift : float, optional
        Redshift of the emission, which lowers the temperature seen to T / (1 + z).
    reference_frequency : float
        Observed frequency in GHz.

    Returns
    -------
    float
        uK_CMB.
    """
    def greybody(nu):
        x = dimensionless_frequency(nu, temperature / (1 + redshift))
        return np.asarray(nu, dtype=float) ** (3 + emissivity_index) / np.expm1(x)

    return _emission_response(greybody, frequency, transmission, reference_frequency)


def _emission_response(emission: Callable, frequency: ArrayLike, transmission: ArrayLike | None,
                       reference_frequency: float) -> float:
    frequency = np.asarray(frequency, dtype=float)
    signal = band_integral(emission(frequency), frequency, transmission)
    slope = band_integral(planck_derivative(frequency), frequency, transmission)
    at_reference = emission(reference_frequency) / planck_derivative(reference_frequency)
    return float(signal / slope / at_reference)
