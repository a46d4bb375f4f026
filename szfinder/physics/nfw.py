"""Mass of a halo along the line of sight, for the profile of Navarro, Frenk & White (1997)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .cosmology import colossus_cosmology, default_cosmology

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["nfw_concentration", "nfw_surface_density"]


def nfw_surface_density(x: ArrayLike) -> np.ndarray:
    r"""Surface density of an NFW halo, in units of rho_s r_s.

    .. math:: \Sigma(x) = \frac{2}{x^2 - 1} \begin{cases}
        1 - \frac{2}{\sqrt{1 - x^2}} \operatorname{artanh} \sqrt{\frac{1 - x}{1 + x}} & x < 1 \\
        1 - \frac{2}{\sqrt{x^2 - 1}} \arctan \sqrt{\frac{x - 1}{1 + x}} & x > 1
        \end{cases}

    and 2 / 3 at x = 1 (Bartelmann 1996, A&A 313, 697, eqs. 7 and 8; Wright & Brainerd 2000, eq.
    11). It diverges at the centre.

    Parameters
    ----------
    x : array_like
        Distance from the centre in units of the scale radius, 0 or more.

    Returns
    -------
    numpy.ndarray
        Shaped like `x`.
    """
    x = np.asarray(x, dtype=float)
    root = np.sqrt(np.abs(x**2 - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.arctanh(np.sqrt(np.clip(1 - x, 0, None) / (1 + x)))
        outer = np.arctan(np.sqrt(np.clip(x - 1, 0, None) / (1 + x)))
        density = 2 / (x**2 - 1) * (1 - 2 / root * np.where(x < 1, inner, outer))
    # close to x = 1, where the expression is 0 / 0, by its slope of -4 / 5 there
    near = np.abs(x - 1) < 1e-4
    return np.where(near, 2 / 3 - 0.8 * (x - 1), density)


def nfw_concentration(m200c: ArrayLike, redshift: float, *,
                      cosmology: FLRW | None = None) -> np.ndarray:
    """R200c over the scale radius, after Diemer & Joyce (2019, ApJ 871, 168), by colossus.

    Parameters
    ----------
    m200c : array_like
        Masses in Msun.
    redshift : float
        Redshift of all of them.
    cosmology : astropy.cosmology.FLRW, optional
        Flat with H0 = 70 and Om0 = 0.3 by default.

    Returns
    -------
    numpy.ndarray
        Shaped like `m200c`.
    """
    from colossus.halo.concentration import concentration

    mass = np.asarray(m200c, dtype=float)
    with colossus_cosmology(cosmology or default_cosmology()) as colossus:
        return np.asarray(concentration(mass * colossus.h, "200c", redshift, model="diemer19"))
