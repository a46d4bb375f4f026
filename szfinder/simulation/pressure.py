"""Pressure models: the thermal SZ signal and the profile of every halo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
import numpy as np
from astropy.table import QTable

from szfinder.filters.fourier import ARCMIN
from szfinder.physics import (
    ARNAUD2010,
    battaglia2012_compton_scale,
    battaglia2012_parameters,
    central_y,
    gnfw_pressure,
    r200,
    transform,
)
from szfinder.simulation.halo_model import HaloModel
from szfinder.simulation.profile_family import ProfileFamily

__all__ = ["Arnaud2010", "Battaglia2012", "ClusterSignals"]

#: Where the profiles end: 5 R500 (Arnaud et al. 2010, section 6), and 8 core radii, which is 4 R200
#: at redshift 0.
EDGE_ARNAUD, EDGE_BATTAGLIA = 5.0, 8.0
#: Nodes of the outer slope beta of Battaglia et al. (2012).
SLOPES = np.linspace(3.5, 10.7, 9)


@dataclass(frozen=True)
class ClusterSignals:
    """Signals of halos, arrays of shape (n,).

    Parameters
    ----------
    family : `~szfinder.simulation.ProfileFamily`
        Their profiles.
    size, shape : `~numpy.ndarray`
        Size in arcmin and shape parameter in the family.
    centre : `~numpy.ndarray`
        Central value: Compton y, or optical depth.
    y500 : `~numpy.ndarray`, optional
        Compton y in the sphere of R500 in arcmin^2; with a mass bias b, of the R500 of
        (1 - b) M500.
    """

    family: ProfileFamily
    size: np.ndarray
    shape: np.ndarray
    centre: np.ndarray
    y500: np.ndarray | None = None

    @property
    def integral(self) -> np.ndarray:
        """Integral over the sky in arcmin^2."""
        relative = self.family.integral(self.shape) / self.family.centre(self.shape)
        return self.centre * self.size**2 * relative

    def scaled(self, factor: np.ndarray) -> ClusterSignals:
        """The same halos with signals ``factor`` times as high."""
        return replace(self, centre=self.centre * factor, y500=self.y500 * factor)


class Arnaud2010:
    """The universal pressure profile of Arnaud et al. (2010, A&A 517, A92).

    Parameters
    ----------
    mass_bias : float, optional
        b, where the relation holds for (1 - b) M500 (Planck 2015 results XXIV, eqs. 7 and 8).

    Raises
    ------
    ValueError
        If it is not between 0 and 1.
    """

    def __init__(self, *, mass_bias: float = 0.2) -> None:
        if not 0 <= mass_bias < 1:
            raise ValueError(f"mass_bias is {mass_bias!r}; it must be at least 0 and below 1")
        self.mass_bias = float(mass_bias)

    def __repr__(self) -> str:
        return f"Arnaud2010(mass_bias={self.mass_bias:g})"

    def signals(self, halos: QTable, model: HaloModel) -> ClusterSignals:
        """Signals of a table of halos with ``m500c``, ``r500c`` and ``redshift``."""
        mass, redshift = halos["m500c"].value, np.asarray(halos["redshift"])
        radius = np.cbrt(1 - self.mass_bias) * halos["r500c"].value
        size = radius / model.distance(redshift) / ARCMIN
        centre = central_y(mass, redshift, cosmology=model.cosmology, mass_bias=self.mass_bias)
        return ClusterSignals(
            family=_arnaud_family(),
            size=size,
            shape=np.zeros(size.shape),
            centre=centre,
            y500=centre * size**2 * _arnaud_sphere(),
        )


class Battaglia2012:
    """The pressure of simulated clusters with AGN feedback (Battaglia et al. 2012)."""

    def __repr__(self) -> str:
        return "Battaglia2012()"

    def signals(self, halos: QTable, model: HaloModel) -> ClusterSignals:
        """Signals of a table of halos with ``m200c``, ``r500c`` and ``redshift``."""
        mass, redshift = halos["m200c"].value, np.asarray(halos["redshift"])
        p0, core, slope = battaglia2012_parameters(mass, redshift).values()
        scale = p0 * core
        scale *= battaglia2012_compton_scale(mass, redshift, cosmology=model.cosmology)
        radius = core * r200(mass, redshift, cosmology=model.cosmology)
        size = radius / model.distance(redshift) / ARCMIN
        family = _battaglia_family()
        return ClusterSignals(
            family=family,
            size=size,
            shape=slope,
            centre=scale * family.centre(slope),
            y500=scale * size**2 * _battaglia_sphere(halos["r500c"].value / radius, slope),
        )


@cache
def _arnaud_family() -> ProfileFamily:
    return ProfileFamily(lambda x, _: gnfw_pressure(x, **ARNAUD2010), EDGE_ARNAUD)


@cache
def _arnaud_sphere() -> float:
    """Y500 in units of y_c theta500^2."""
    sphere = transform(lambda x: gnfw_pressure(x, **ARNAUD2010), 0.0, 1.0)
    return float(sphere / _arnaud_family().centre())


@cache
def _battaglia_family() -> ProfileFamily:
    return ProfileFamily(_battaglia_pressure, EDGE_BATTAGLIA, shapes=SLOPES)


def _battaglia_pressure(x: np.ndarray, slope: float) -> np.ndarray:
    return x**-0.3 * (1 + x) ** -slope


def _battaglia_sphere(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Integral of the pressure over the sphere of radius x core radii, interpolated in a table."""
    from scipy.interpolate import RegularGridInterpolator

    nodes = np.geomspace(0.01, 20, 60)
    table = [
        [float(transform(lambda r, s=s: _battaglia_pressure(r, s), 0.0, node)) for node in nodes]
        for s in SLOPES
    ]
    grid = RegularGridInterpolator((SLOPES, np.log(nodes)), np.log(table), method="cubic")
    return np.exp(grid(np.stack([slope, np.log(x)], axis=-1)))
