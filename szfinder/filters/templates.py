"""Shapes of clusters on the sky, as analytic Fourier transforms.

Every template of a cluster is 1 at its centre, so that its amplitude is the central Compton
parameter. It is never sampled on pixels: no result depends on where a centre falls within a pixel
or on the parity of a grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

from szfinder.filters.fourier import ARCMIN
from szfinder.physics.battaglia import battaglia2012_parameters, battaglia2012_pressure
from szfinder.physics.profiles import (
    ARNAUD2010,
    beta_transform,
    gnfw_pressure,
    project,
    transform,
)

__all__ = ["Template", "battaglia_templates", "beta_templates", "gnfw_templates", "point_template"]

#: Radius where pressure profiles end, in R500 (Arnaud et al. 2010, section 6.3) and in R200c.
X_MAX_500 = 5.0
X_MAX_200 = 3.0
#: Wave numbers, in the inverse of R500 or R200c, between which a transform changes; it is kept
#: constant outside.
Q_RANGE = (1e-2, 300.0)


@dataclass(frozen=True)
class Template:
    """Shape of a cluster, normalised to 1 at its centre.

    Parameters
    ----------
    profile : str
        Name of the profile: ``beta``, ``gnfw``, ``battaglia`` or ``point``.
    theta_c : float
        Core radius or, for pressure profiles, scale radius, in arcmin.
    transform : callable
        Two-dimensional Fourier transform in sr, as a function of multipole.
    y500_per_y_c : float
        Integral of Compton y within the sphere of R500, in arcmin^2, of a cluster with central y of
        1; NaN for profiles without R500.
    """

    profile: str
    theta_c: float
    transform: Callable[[np.ndarray], np.ndarray]
    y500_per_y_c: float = np.nan


def beta_templates(core_radii: Sequence[float]) -> list[Template]:
    """Projected beta-models with beta = 1, as in section 2.1 of Lin et al. (2021).

    Parameters
    ----------
    core_radii : sequence of float
        Core radii in arcmin.

    Returns
    -------
    list of `Template`
    """
    return [Template("beta", radius, _beta(radius)) for radius in _positive(core_radii)]


def gnfw_templates(theta500: Sequence[float], **parameters: float) -> list[Template]:
    """Generalised NFW profiles projected from a sphere of 5 R500.

    Parameters
    ----------
    theta500 : sequence of float
        Angular sizes of R500 in arcmin.
    **parameters
        ``c500``, ``gamma``, ``alpha`` or ``beta`` where they differ from Arnaud et al. (2010), eq.
        12.

    Returns
    -------
    list of `Template`
    """
    parameters = {**ARNAUD2010, **parameters}

    def pressure(x: np.ndarray) -> np.ndarray:
        return gnfw_pressure(x, **parameters)

    shape = _Projected(pressure, X_MAX_500)
    volume = float(transform(pressure, np.zeros(1), 1.0)[0])
    return [
        Template(
            "gnfw", size / parameters["c500"], shape.scaled(size), size**2 * volume / shape.centre
        )
        for size in _positive(theta500)
    ]


def battaglia_templates(
    theta_200: Sequence[float], *, mass_200c: float = 3e14, redshift: float = 0.5
) -> list[Template]:
    """Profiles of simulated clusters (Battaglia et al. 2012), projected from a sphere of 3 R200c.

    Parameters
    ----------
    theta_200 : sequence of float
        Angular sizes of R200c in arcmin.
    mass_200c, redshift : float
        Mass in Msun and redshift at which the shape of the profile is taken.

    Returns
    -------
    list of `Template`
        With ``theta_c`` the angle of the profile's scale radius x_c R200c.
    """

    def pressure(x: np.ndarray) -> np.ndarray:
        return battaglia2012_pressure(x, mass_200c, redshift)

    core = float(battaglia2012_parameters(mass_200c, redshift)["xc"])
    shape = _Projected(pressure, X_MAX_200)
    return [Template("battaglia", core * size, shape.scaled(size)) for size in _positive(theta_200)]


def point_template() -> Template:
    """An unresolved cluster, whose amplitude is its Compton y over solid angle in arcmin^2."""
    return Template("point", 0.0, lambda ell: np.full(np.shape(ell), ARCMIN**2))


def _positive(sizes: Sequence[float]) -> Sequence[float]:
    if not all(0 < size < np.inf for size in sizes):
        raise ValueError(f"sizes of templates must be positive, in arcmin; found {list(sizes)}")
    return sizes


def _beta(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda ell: beta_transform(ell, radius) * ARCMIN**2


class _Projected:
    """Transform of a projected pressure profile, tabulated once for all angular sizes."""

    def __init__(self, pressure: Callable[[np.ndarray], np.ndarray], x_max: float) -> None:
        self.centre = float(project(pressure, np.zeros(1), x_max)[0])
        q = np.geomspace(*Q_RANGE, 600)
        table = np.concatenate([transform(pressure, part, x_max) for part in np.split(q, 6)])
        self._table = make_interp_spline(np.log(q), table / self.centre)

    def scaled(self, size: float) -> Callable[[np.ndarray], np.ndarray]:
        """Transform in sr of the profile whose unit of radius subtends ``size`` arcmin."""
        radian = size * ARCMIN

        def shape(ell: np.ndarray) -> np.ndarray:
            q = np.clip(np.asarray(ell, dtype=float) * radian, *Q_RANGE)
            return radian**2 * self._table(np.log(q))

        return shape
