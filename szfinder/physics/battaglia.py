r"""Gas in simulated clusters with AGN feedback, after Battaglia et al. (2012) and (2016).

Thermal pressure (ApJ 758, 75, eqs. 10 and 11) and density (JCAP 08 (2016) 058, eqs. A1 and A2) are

.. math:: \frac{P}{P_{200}} = p_0 \frac{(x/x_c)^{-0.3}}{(1 + x/x_c)^\beta}
          \qquad
          \frac{\rho}{f_b\, \rho_{\rm crit}} =
          \rho_0 \frac{(x/x_c)^{-0.2}}{[1 + (x/x_c)^\alpha]^{(\beta - 0.2)/\alpha}}

with x = r / R200c. The parameters are power laws of M200c and 1 + z. Baryons have the cosmic share
f_b = Ob0 / Om0 of the mass, and the gas is ionised with a hydrogen mass fraction of 0.76.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import constants
from numpy.typing import ArrayLike

from .clusters import r200
from .cosmology import cosmology_parameters, default_cosmology

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["battaglia2012_compton_scale", "battaglia2012_parameters", "battaglia2012_pressure",
           "battaglia2016_density", "battaglia2016_depth_scale", "battaglia2016_parameters"]

# Value at 1e14 Msun and z = 0, slope in mass, slope in 1 + z. Table 1 of 2012, AGN feedback,
# Delta = 200, and table 2 of 2016, AGN feedback.
_PRESSURE = {"p0": (18.1, 0.154, -0.758),
             "xc": (0.497, -0.00865, 0.731),
             "beta": (4.35, 0.0393, 0.415)}
_DENSITY = {"rho0": (4000.0, 0.29, -0.66),
            "alpha": (0.88, -0.03, 0.19),
            "beta": (3.83, 0.04, -0.025)}
DENSITY_CORE = 0.5
"""Core radius x_c of the density profile."""

_HYDROGEN = 0.76
# Electron pressure over thermal pressure, and electrons per proton mass of gas.
_ELECTRON_PRESSURE = (2 * _HYDROGEN + 2) / (5 * _HYDROGEN + 3)
_ELECTRONS = (1 + _HYDROGEN) / 2


def battaglia2012_parameters(mass_200c: ArrayLike, redshift: ArrayLike) -> dict[str, np.ndarray]:
    """Parameters ``p0``, ``xc`` and ``beta`` of the pressure profile.

    Parameters
    ----------
    mass_200c, redshift : array_like
        M200c in Msun and redshift.
    """
    return _power_laws(_PRESSURE, mass_200c, redshift)


def battaglia2016_parameters(mass_200c: ArrayLike, redshift: ArrayLike) -> dict[str, np.ndarray]:
    """Parameters ``rho0``, ``alpha`` and ``beta`` of the density; parameters as for the pressure.

    See `battaglia2012_parameters`.
    """
    return _power_laws(_DENSITY, mass_200c, redshift)


def battaglia2012_pressure(x: ArrayLike, mass_200c: float, redshift: float) -> np.ndarray:
    """Thermal pressure over P200.

    Parameters
    ----------
    x : array_like
        Radius over R200c, above 0.
    mass_200c : float
        M200c in Msun.
    redshift : float
        Redshift of the cluster.

    Returns
    -------
    numpy.ndarray
        Shaped like `x` (Battaglia et al. 2012, eqs. 10 and 11, table 1).
    """
    p0, xc, beta = battaglia2012_parameters(mass_200c, redshift).values()
    scaled = np.asarray(x, dtype=float) / xc
    return p0 * scaled**-0.3 * (1 + scaled) ** -beta


def battaglia2016_density(x: ArrayLike, alpha: float, beta: float) -> np.ndarray:
    """Shape of the gas density; `x` is the radius over the core radius.

    The density over f_b rho_crit is rho0 times it (Battaglia et al. 2016, eq. A1).
    """
    x = np.asarray(x, dtype=float)
    return x**-0.2 * (1 + x**alpha) ** (-(beta - 0.2) / alpha)


def battaglia2012_compton_scale(m200c: ArrayLike, redshift: ArrayLike, *,
                                cosmology: FLRW | None = None) -> np.ndarray:
    """Compton y of one unit of projected pressure, sigma_T / (m_e c^2) P200 R200 for electrons.

    P200 = G M200 200 rho_crit f_b / (2 R200) (Battaglia et al. 2012, eq. 9); parameters as for
    `~szfinder.physics.r200`.
    """
    density = _critical_density(redshift, cosmology) * _baryon_fraction(cosmology)
    pressure_times_radius = 100 * constants.G * np.asarray(m200c) * constants.M_sun * density
    scale = constants.sigma_T / (constants.m_e * constants.c**2)
    return _ELECTRON_PRESSURE * (scale * pressure_times_radius).to_value("")


def battaglia2016_depth_scale(m200c: ArrayLike, redshift: ArrayLike, *,
                              cosmology: FLRW | None = None) -> np.ndarray:
    """Optical depth of one unit of projected density, sigma_T n_e R200.

    The unit of density is f_b rho_crit; parameters as for `~szfinder.physics.r200`.
    """
    from astropy import units as u

    density = _critical_density(redshift, cosmology) * _baryon_fraction(cosmology)
    radius = r200(m200c, redshift, cosmology=cosmology) * u.Mpc
    return _ELECTRONS * (constants.sigma_T / constants.m_p * density * radius).to_value("")


def _power_laws(table: dict, mass_200c: ArrayLike, redshift: ArrayLike) -> dict[str, np.ndarray]:
    mass = np.asarray(mass_200c, dtype=float) / 1e14
    stretch = 1 + np.asarray(redshift, dtype=float)
    return {name: value * mass**in_mass * stretch**in_redshift
            for name, (value, in_mass, in_redshift) in table.items()}


def _critical_density(redshift: ArrayLike, cosmology: FLRW | None):
    return (cosmology or default_cosmology()).critical_density(redshift)


def _baryon_fraction(cosmology: FLRW | None) -> float:
    parameters = cosmology_parameters(cosmology or default_cosmology())
    return parameters["Ob0"] / parameters["Om0"]
