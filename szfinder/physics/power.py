r"""Model power spectra of the sky behind, between and around the clusters.

What Lin et al. (2021, DeepSZ), section 2.1, and Vanderlinde et al. (2010) count as noise of a
cluster search: lensed CMB, kinetic SZ, dusty and radio point sources, and the thermal SZ
background. Every function returns :math:`C_\ell` in uK_CMB^2 sr, with neither beam nor instrumental
noise; arguments broadcast. Amplitudes are quoted as
:math:`D_\ell = \ell(\ell+1) C_\ell / 2\pi` at :math:`\ell = 3000`.
"""

from functools import lru_cache, partial
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike

from .conversion import greybody_response, power_law_response
from .spectrum import tsz_response

__all__ = ["cmb_power", "foreground_covariance", "ksz_power", "point_source_power",
           "sz_background_power"]

KSZ_AMPLITUDE = 2.0
"""D_3000 of the kinetic SZ in uK^2, as in the homogeneous model of Shirokoff et al. (2011)."""

SZ_BACKGROUND_AMPLITUDE = 3.6
"""D_3000 of undetected clusters at 90 GHz in uK^2 (Lin et al. 2021, section 2.1)."""

# Dusty galaxies: a greybody of 9.7 K (Addison et al. 2012); radio sources: S ~ nu^-0.9 (George et
# al. 2015). The amplitudes at 150 GHz and the dust's emissivity index are those that reach D_3000 =
# 2.7, 8.8 and 71 uK^2 at 90, 148 and 219 GHz (Lin et al. 2021, section 2.1).
_DUSTY_AMPLITUDE, _RADIO_AMPLITUDE = 9.19, 0.166
_DUST = {"temperature": 9.7, "emissivity_index": 1.731, "reference_frequency": 150.0}
_RADIO = {"spectral_index": -0.9, "reference_frequency": 150.0}

_LOWEST_ELL = 2.0
_PIVOT = 3000.0


def cmb_power(ell: ArrayLike) -> np.ndarray:
    """Lensed temperature power of the CMB for the best-fit parameters of Planck 2018.

    Interpolated in a table that CAMB made (its recipe heads ``physics/data/cmb_tt.txt``): constant
    below ell = 2 and beyond ell = 20000, where it is far below every other component.

    Parameters
    ----------
    ell : array_like
        Multipole.

    Returns
    -------
    numpy.ndarray
        C_ell in uK_CMB^2 sr, shaped like `ell`.
    """
    log_ell, log_power = _cmb_table()
    ell = np.maximum(np.asarray(ell, dtype=float), _LOWEST_ELL)
    return np.exp(np.interp(np.log(ell), log_ell, log_power))


def ksz_power(ell: ArrayLike) -> np.ndarray:
    """Power of the kinetic SZ effect, flat in D_ell; parameters and units as for `cmb_power`."""
    return _flat_in_d(ell, KSZ_AMPLITUDE)


def point_source_power(ell: ArrayLike, frequency_i: ArrayLike,
                       frequency_j: ArrayLike) -> np.ndarray:
    """Cross power of unresolved dusty and radio sources, flat in C_ell.

    Each population is fully correlated between the bands, and the two are independent.

    Parameters
    ----------
    ell, frequency_i, frequency_j : array_like
        Multipole and the two bands' frequencies in GHz.

    Returns
    -------
    numpy.ndarray
        C_ell in uK_CMB^2 sr, in the broadcast shape.
    """
    dusty = np.vectorize(partial(greybody_response, **_DUST))
    radio = np.vectorize(partial(power_law_response, **_RADIO))
    d_3000 = (_DUSTY_AMPLITUDE * dusty(frequency_i) * dusty(frequency_j)
              + _RADIO_AMPLITUDE * radio(frequency_i) * radio(frequency_j))
    return np.ones_like(np.asarray(ell, dtype=float)) * _flat_in_d(_PIVOT, 1.0) * d_3000


def sz_background_power(ell: ArrayLike, response_i: ArrayLike, response_j: ArrayLike) -> np.ndarray:
    """Cross power of clusters below the detection limit, flat in D_ell.

    Parameters
    ----------
    ell, response_i, response_j : array_like
        Multipole and the two bands' `tsz_response` in uK_CMB per y.

    Returns
    -------
    numpy.ndarray
        C_ell in uK_CMB^2 sr, in the broadcast shape.
    """
    scale = np.asarray(response_i) * np.asarray(response_j) / tsz_response(90.0) ** 2
    return _flat_in_d(ell, SZ_BACKGROUND_AMPLITUDE) * scale


def foreground_covariance(ell: ArrayLike, frequencies: ArrayLike) -> np.ndarray:
    """Covariance between bands of everything in the sky that is not a detected cluster.

    CMB, kinetic SZ, point sources and SZ background. Four spectra make it positive definite for up
    to four bands; for more it is singular until the bands' noise is added.

    Parameters
    ----------
    ell : array_like, shape (n_ell,)
        Multipole.
    frequencies : array_like, shape (n_band,)
        Frequencies of the bands in GHz.

    Returns
    -------
    numpy.ndarray, shape (n_ell, n_band, n_band)
        C_ell in uK_CMB^2 sr, without beams and noise.
    """
    ell = np.atleast_1d(np.asarray(ell, dtype=float))[:, None, None]
    frequency = np.asarray(frequencies, dtype=float)
    response = np.array([tsz_response(nu) for nu in frequency])
    return (cmb_power(ell) + ksz_power(ell)
            + point_source_power(ell, frequency[:, None], frequency)
            + sz_background_power(ell, response[:, None], response))


def _flat_in_d(ell: ArrayLike, amplitude: float) -> np.ndarray:
    ell = np.maximum(np.asarray(ell, dtype=float), _LOWEST_ELL)
    return 2 * np.pi * amplitude / (ell * (ell + 1))


@lru_cache(maxsize=1)
def _cmb_table() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of ell and C_ell of the bundled table."""
    with resources.files(__package__).joinpath("data/cmb_tt.txt").open() as table:
        ell, d_ell = np.loadtxt(table, unpack=True)
    return np.log(ell), np.log(2 * np.pi * d_ell / (ell * (ell + 1)))
