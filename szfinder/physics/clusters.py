r"""Sizes and SZ signals of clusters of given mass and redshift, after Arnaud et al. (2010).

The electron pressure is (A&A 517, A92, eqs. 11 to 13)

.. math:: P(r) = 1.65\times10^{-3}\, h(z)^{8/3}
          \left[\frac{M_{500}}{3\times10^{14}\,h_{70}^{-1} M_\odot}\right]^{2/3 + 0.12}
          p(r / R_{500})\; h_{70}^{1/2}\ \mathrm{keV\,cm^{-3}}

out to 5 R500, where h_70^(1/2) joins the h_70^2 of P500 and the h_70^(-3/2) of p0. Masses are M500c
in Msun. `mass_bias` b is that of the masses the relation was calibrated with: a cluster of true
mass M then has the size and signal of (1 - b) M (Planck 2015 results XXIV, eqs. 7 and 8). Every
cosmology of astropy is accepted; the default is the one of Arnaud et al., flat with H0 = 70 and Om0
= 0.3.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from numpy.typing import ArrayLike

from .cosmology import default_cosmology
from .profiles import ARNAUD2010, gnfw_pressure, project, transform

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["central_y", "compton_y", "cylindrical_integral", "r200", "r500",
           "spherical_integral", "theta500", "y500"]

EDGE = 5.0
"""Radius in units of R500 where the profile ends (Arnaud et al. 2010, section 6)."""

_MASS_SLOPE = 2 / 3 + 0.12
_SIGMA_T_OVER_MEC2 = (
    constants.sigma_T / (constants.m_e * constants.c**2)).to_value("cm3 / (keV Mpc)")


def r500(m500: ArrayLike, redshift: ArrayLike, *, cosmology: FLRW | None = None) -> np.ndarray:
    """Radius within which the mean density is 500 times critical.

    Parameters
    ----------
    m500, redshift : array_like
        M500c in Msun and redshift.
    cosmology : astropy.cosmology.FLRW, optional
        Flat with H0 = 70 and Om0 = 0.3 by default.

    Returns
    -------
    numpy.ndarray
        R500 in Mpc (proper).
    """
    return _radius(m500, redshift, 500, cosmology)


def r200(m200c: ArrayLike, redshift: ArrayLike, *, cosmology: FLRW | None = None) -> np.ndarray:
    """Radius in Mpc within which the mean density is 200 times critical; as `r500`."""
    return _radius(m200c, redshift, 200, cosmology)


def _radius(mass: ArrayLike, redshift: ArrayLike, overdensity: float,
            cosmology: FLRW | None) -> np.ndarray:
    density = (cosmology or default_cosmology()).critical_density(redshift)
    volume = np.asarray(mass, dtype=float) / (overdensity * density.to_value("Msun / Mpc3"))
    return np.cbrt(3 / (4 * np.pi) * volume)


def theta500(m500: ArrayLike, redshift: ArrayLike, *, cosmology: FLRW | None = None) -> np.ndarray:
    """Angle that `r500` subtends, in arcmin; parameters as there."""
    cosmology = cosmology or default_cosmology()
    distance = cosmology.angular_diameter_distance(redshift).to_value("Mpc")
    return np.rad2deg(r500(m500, redshift, cosmology=cosmology) / distance) * 60


def spherical_integral(x: float) -> float:
    """Integral of the universal profile in a sphere, I(x) = int_0^x 3 u^2 p(u) du.

    The spherical Y within x R500 is proportional to it (Arnaud et al. 2010, section 6, with
    I(1) = 0.6145 and I(5) = 1.1037).
    """
    return float(3 / (4 * np.pi) * transform(_pressure, 0.0, x))


def cylindrical_integral(x: float) -> float:
    """Integral of the universal profile in a cylinder along the line of sight, J(x).

    J(x) / I(1) turns the spherical Y500 into the cylindrical Y within x R500 (Arnaud et al. 2010,
    section 6, with J(1) = 0.7398).
    """
    from scipy.special import roots_legendre

    node, weight = roots_legendre(64)
    b = x * (node + 1) / 2
    return float(0.75 * x * weight @ (b * project(_pressure, b, EDGE)))


def y500(m500: ArrayLike, redshift: ArrayLike, *, cosmology: FLRW | None = None,
         mass_bias: float = 0.0) -> np.ndarray:
    """Compton y integrated over the sphere of radius R500.

    Parameters
    ----------
    m500, redshift : array_like
        M500c in Msun and redshift.
    cosmology : astropy.cosmology.FLRW, optional
        Flat with H0 = 70 and Om0 = 0.3 by default.
    mass_bias : float, optional
        b, where the relation holds for (1 - b) M500.

    Returns
    -------
    numpy.ndarray
        Y500 in arcmin^2 (Arnaud et al. 2010, eq. 14 over the squared distance).
    """
    mass = (1 - mass_bias) * np.asarray(m500, dtype=float)
    volume = 4 / 3 * np.pi * theta500(mass, redshift, cosmology=cosmology) ** 2
    return volume * _compton_scale(mass, redshift, cosmology) * _sphere_at_r500()


def compton_y(theta: ArrayLike, m500: float, redshift: float, *, cosmology: FLRW | None = None,
              mass_bias: float = 0.0) -> np.ndarray:
    """Compton y of a cluster at an angle from its centre.

    Parameters
    ----------
    theta : array_like
        Angle in arcmin.
    m500, redshift, cosmology, mass_bias
        The cluster, as for `y500`, one at a time.

    Returns
    -------
    numpy.ndarray
        Compton y, shaped like `theta`.
    """
    mass = (1 - mass_bias) * m500
    b = np.asarray(theta, dtype=float) / theta500(mass, redshift, cosmology=cosmology)
    return _compton_scale(mass, redshift, cosmology) * project(_pressure, b, EDGE)


def central_y(m500: ArrayLike, redshift: ArrayLike, *, cosmology: FLRW | None = None,
              mass_bias: float = 0.0) -> np.ndarray:
    """Compton y at the centre of a cluster; parameters as for `y500`."""
    mass = (1 - mass_bias) * np.asarray(m500, dtype=float)
    return _compton_scale(mass, redshift, cosmology) * _centre()


def _compton_scale(mass: np.ndarray, redshift: ArrayLike, cosmology: FLRW | None) -> np.ndarray:
    """Compton y of one unit of projected profile, sigma_T / (m_e c^2) P500 R500 (M / 3e14)^0.12."""
    cosmology = cosmology or default_cosmology()
    h70 = cosmology.H0.value / 70
    pressure = (1.65e-3 * cosmology.efunc(redshift) ** (8 / 3)
                * (mass * h70 / 3e14) ** _MASS_SLOPE * np.sqrt(h70))
    return _SIGMA_T_OVER_MEC2 * pressure * r500(mass, redshift, cosmology=cosmology)


_pressure = partial(gnfw_pressure, **ARNAUD2010)


@lru_cache(maxsize=1)
def _sphere_at_r500() -> float:
    return spherical_integral(1.0)


@lru_cache(maxsize=1)
def _centre() -> float:
    return float(project(_pressure, 0.0, EDGE))
