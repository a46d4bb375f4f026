"""The Planck function, its slope in temperature, and integrals of spectra over a bandpass.

Frequencies are in GHz and intensities in MJy/sr. Everything spectral in this subpackage stands on
these few functions and on one CMB temperature.
"""

import numpy as np
from astropy import constants
from numpy.typing import ArrayLike

__all__ = ["T_CMB", "planck_derivative"]

T_CMB = 2.7255
"""Temperature of the CMB in K (Fixsen 2009, ApJ 707, 916)."""

KELVIN_PER_GHZ = (constants.h / constants.k_B).to_value("K s") * 1e9
# 2 (k T)^3 / (h c)^2, the intensity at which the Planck function is x^3 / (e^x - 1).
_INTENSITY_SCALE = 2 * T_CMB**3 * 1e20 * (
    constants.k_B**3 / (constants.h * constants.c) ** 2).to_value("W m-2 Hz-1 K-3")


def dimensionless_frequency(frequency: ArrayLike, temperature: float = T_CMB) -> np.ndarray:
    """Photon energy over thermal energy, h nu / (k T), for a frequency in GHz and T in K."""
    return KELVIN_PER_GHZ * np.asarray(frequency, dtype=float) / temperature


def occupation_slope(x: ArrayLike) -> np.ndarray:
    """Slope of the Planck law, T d/dT [x^3 / (e^x - 1)] = x^4 e^x / (e^x - 1)^2."""
    x = np.asarray(x, dtype=float)
    return x**2 * (x / (2 * np.sinh(x / 2))) ** 2


def planck_derivative(frequency: ArrayLike) -> np.ndarray:
    """Change of the CMB's intensity with its temperature, dB/dT at T_CMB.

    Parameters
    ----------
    frequency : array_like
        Frequency in GHz.

    Returns
    -------
    numpy.ndarray
        dB/dT in MJy/sr per K_CMB, shaped like `frequency` (Planck 2013 results IX).
    """
    return _INTENSITY_SCALE / T_CMB * occupation_slope(dimensionless_frequency(frequency))


def band_integral(spectrum: np.ndarray, frequency: ArrayLike,
                  transmission: ArrayLike | None) -> np.ndarray:
    """Integrate a spectrum over a bandpass table; without a table the band is a single frequency.

    Parameters
    ----------
    spectrum : array_like, shape (..., n)
        The spectrum at the table's frequencies.
    frequency : array_like, shape (n,) or float
        Frequencies of the table in GHz, increasing; one number where `transmission` is None.
    transmission : array_like, shape (n,), or None
        Relative response to intensity. Its normalisation drops out of every ratio of two integrals.

    Raises
    ------
    ValueError
        If frequency and transmission are not two increasing columns of one length.
    """
    if transmission is None:
        return spectrum
    frequency = np.asarray(frequency, dtype=float)
    transmission = np.asarray(transmission, dtype=float)
    if frequency.ndim != 1 or frequency.shape != transmission.shape or frequency.size < 2:
        raise ValueError("a bandpass needs frequency and transmission as two columns of one "
                         f"length, found shapes {frequency.shape} and {transmission.shape}; "
                         "give one row per frequency, at least two")
    if np.any(np.diff(frequency) < 0):
        raise ValueError("the frequencies of a bandpass must increase; sort the table by frequency")
    return np.trapezoid(transmission * spectrum, frequency)
