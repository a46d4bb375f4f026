r"""Relativistic tSZ spectrum from the kernel of single Compton scattering.

A CMB photon that meets an electron of speed :math:`\beta` at the angle cosine :math:`\mu` and
leaves at :math:`\mu'`, both in the electron's rest frame, changes its frequency by the factor

.. math:: \mathrm e^{s} = \frac{1 + \beta\mu'}{1 - \beta\mu}

with the probability (Wright 1979, ApJ 232, 348; Birkinshaw 1999, Phys. Rep. 310, 97, section 3)

.. math:: \frac{1}{2\gamma^4 (1 - \beta\mu)^3}\;
          \frac38\left[1 + \mu^2\mu'^2 + \tfrac12 (1 - \mu^2)(1 - \mu'^2)\right] .

The spectrum is the average of :math:`i(x \mathrm e^{-s}) - i(x)` over both angles and over a
relativistic Maxwellian. Averaging over the angles, rather than over the closed-form kernel P(s),
keeps every integrand smooth: no digit is lost to cancellation for cold electrons, and few nodes
suffice.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .blackbody import occupation_slope

__all__ = ["ELECTRON_REST_ENERGY", "relativistic_spectrum"]

ELECTRON_REST_ENERGY = 510.99895
"""Rest energy of the electron in keV (CODATA 2018)."""

_N_ENERGY, _N_ANGLE = 20, 16


@lru_cache(maxsize=32)
def _scatterings(theta_e: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequency factors exp(-s) and probabilities of a quadrature over energy and both angles."""
    from scipy.special import roots_genlaguerre, roots_legendre

    # Maxwell-Juettner in u = (gamma - 1) / theta_e: u^(1/2) e^-u times a smooth function.
    u, density = roots_genlaguerre(_N_ENERGY, 0.5)
    gamma = 1 + theta_e * u
    density = density * gamma * np.sqrt(2 + theta_e * u)
    mu, weight = roots_legendre(_N_ANGLE)
    gamma, mu_in, mu_out = np.meshgrid(gamma, mu, mu, indexing="ij", sparse=True)
    beta = np.sqrt(1 - gamma**-2)
    probability = (density[:, None, None] / density.sum() * np.outer(weight, weight)
                   / (2 * gamma**4 * (1 - beta * mu_in) ** 3)
                   * 3 / 8 * (1 + mu_in**2 * mu_out**2 + (1 - mu_in**2) * (1 - mu_out**2) / 2))
    shift = (1 - beta * mu_in) / (1 + beta * mu_out)
    return shift.ravel(), probability.ravel()


def relativistic_spectrum(x: ArrayLike, electron_temperature: float) -> np.ndarray:
    """Thermal SZ spectrum of hot electrons, single scattering.

    Parameters
    ----------
    x : array_like
        Dimensionless frequency h nu / (k T_CMB).
    electron_temperature : float
        k T_e in keV, above 0. Accurate to 1e-5 up to 50 keV.

    Returns
    -------
    numpy.ndarray
        Delta T / T_CMB per unit of Compton y = theta_e tau, shaped like `x`.
    """
    x = np.asarray(x, dtype=float)
    theta_e = electron_temperature / ELECTRON_REST_ENERGY
    shift, probability = _scatterings(float(theta_e))
    change = [probability @ (_planck_shape(xi * shift) - _planck_shape(xi)) for xi in x.ravel()]
    return np.reshape(change, x.shape) / (theta_e * occupation_slope(x))


def _planck_shape(x: np.ndarray) -> np.ndarray:
    return -x**3 * np.exp(-x) / np.expm1(-x)  # no overflow at any x
