r"""Pressure profiles of clusters, their projections along the line of sight, and their transforms.

Two families: the projected beta-model, and the generalised NFW profile of Nagai, Kravtsov &
Vikhlinin (2007) with the parameters of Arnaud et al. (2010); `szfinder.physics.battaglia` has
those of simulated clusters. Radii are in units of the profile's own scale; angles are in arcmin.

`project` and `transform` take any vectorised function of radius. They are two views of one thing:
by the projection-slice theorem the two-dimensional transform of the projected profile is the
transform of the sphere.
"""

from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["ARNAUD2010", "beta_profile", "beta_transform", "gnfw_pressure", "project",
           "transform"]

ARNAUD2010 = MappingProxyType(
    {"c500": 1.177, "gamma": 0.3081, "alpha": 1.0510, "beta": 5.4905, "p0": 8.403})
"""GNFW parameters of Arnaud et al. (2010), A&A 517, A92, eq. 12; `p0` scales with h_70^(-3/2)."""

_LOWEST_ELL = 1.0
_N_PROJECTION = 200
# Inside this part of the line of sight no cusp shallower than 1/r^0.8 holds a millionth of it.
_INNERMOST = 1e-32
_N_PANEL, _PHASE_PER_PANEL = 32, 40


def beta_profile(theta: ArrayLike, core_radius: float) -> np.ndarray:
    """Projected beta-model with beta = 1, which is 1 at the centre.

    1 / (1 + (theta / core_radius)^2), from Cavaliere & Fusco-Femiano (1976).

    Parameters
    ----------
    theta, core_radius : array_like, float
        Angles from the centre, and core radius, in arcmin.

    Returns
    -------
    numpy.ndarray
        The profile, shaped like `theta`.
    """
    return 1 / (1 + (np.asarray(theta, dtype=float) / core_radius) ** 2)


def beta_transform(ell: ArrayLike, core_radius: float) -> np.ndarray:
    """Two-dimensional Fourier transform of `beta_profile`, 2 pi theta_c^2 K0(ell theta_c).

    The profile's integral over the plane diverges logarithmically, so the transform has no value at
    ell = 0: below ell = 1, waves longer than the sky, it keeps its value at ell = 1.

    Parameters
    ----------
    ell : array_like
        Multipole.
    core_radius : float
        Core radius in arcmin.

    Returns
    -------
    numpy.ndarray
        The transform in arcmin^2, shaped like `ell`.
    """
    from scipy.special import k0

    ell = np.maximum(np.asarray(ell, dtype=float), _LOWEST_ELL)
    return 2 * np.pi * core_radius**2 * k0(ell * np.deg2rad(core_radius / 60))


def gnfw_pressure(x: ArrayLike, *, c500: float, gamma: float, alpha: float, beta: float,
                  p0: float) -> np.ndarray:
    """Generalised NFW pressure, p0 / [(c x)^gamma (1 + (c x)^alpha)^((beta - gamma) / alpha)].

    Parameters
    ----------
    x : array_like
        Radius over R500, above 0.
    c500, gamma, alpha, beta, p0 : float
        Concentration, inner, intermediate and outer slope, amplitude (Arnaud et al. 2010, eq. 11);
        see `ARNAUD2010`.

    Returns
    -------
    numpy.ndarray
        Pressure over P500, shaped like `x`.
    """
    cx = c500 * np.asarray(x, dtype=float)
    return p0 * cx**-gamma * (1 + cx**alpha) ** ((gamma - beta) / alpha)


def project(pressure: Callable[[np.ndarray], np.ndarray], b: ArrayLike, x_max: float) -> np.ndarray:
    r"""Integral of a profile along the line of sight.

    .. math:: 2 \int_0^{\sqrt{x_\max^2 - b^2}} p\left(\sqrt{b^2 + l^2}\right) \mathrm dl

    With l = b sinh t the cusp at the centre becomes smooth, and Gauss-Legendre in t is good to 1e-6
    at any b, zero included, for cusps up to r^-0.8. The work array is 200 times as large as `b`:
    for a whole map, project onto a line of radii and interpolate.

    Parameters
    ----------
    pressure : callable
        Vectorised function of radius.
    b : array_like
        Impact parameter, in the units of the radius.
    x_max : float
        Radius where the profile ends.

    Returns
    -------
    numpy.ndarray
        The projected profile, shaped like `b`, and 0 beyond `x_max`.
    """
    b = np.abs(np.asarray(b, dtype=float))[..., None]
    length = np.sqrt(np.clip(x_max**2 - b**2, 0, None))
    scale = np.maximum(b, _INNERMOST * x_max)
    node, weight = _legendre(_N_PROJECTION)
    t_max = np.arcsinh(length / scale)
    t = t_max * (node + 1) / 2
    integrand = pressure(np.hypot(b, scale * np.sinh(t))) * scale * np.cosh(t)
    return t_max[..., 0] * (integrand @ weight)


def transform(pressure: Callable[[np.ndarray], np.ndarray], q: ArrayLike,
              x_max: float) -> np.ndarray:
    r"""Fourier transform of a spherical profile.

    .. math:: 4\pi \int_0^{x_\max} x^2\, p(x)\, \frac{\sin qx}{qx}\, \mathrm dx

    It is the two-dimensional transform of ``project(pressure, b, x_max)`` too (projection-slice
    theorem), with q = ell theta for an angular scale theta in radians. Gauss-Legendre in panels, as
    many as the fastest wave needs.

    Parameters
    ----------
    pressure : callable
        Vectorised function of radius.
    q : array_like
        Wave number, in the inverse units of the radius.
    x_max : float
        Radius where the profile ends.

    Returns
    -------
    numpy.ndarray
        The transform, shaped like `q`, to 1e-6 of its value at q = 0.
    """
    q = np.asarray(q, dtype=float)
    n_panel = 4 + int(np.max(np.abs(q), initial=0.0) * x_max / _PHASE_PER_PANEL)
    node, weight = _legendre(_N_PANEL)
    width = x_max / n_panel
    x = (width * (np.arange(n_panel)[:, None] + (node + 1) / 2)).ravel()
    shell = 2 * np.pi * width * np.tile(weight, n_panel) * x**2 * pressure(x)
    return np.sinc(q[..., None] * x / np.pi) @ shell


@lru_cache(maxsize=16)
def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre quadrature on [-1, 1]."""
    from scipy.special import roots_legendre

    return roots_legendre(n)
