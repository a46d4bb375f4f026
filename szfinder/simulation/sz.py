"""The thermal and the kinetic SZ effect of the halos."""

from __future__ import annotations

from copy import copy
from functools import cache

import astropy.units as u
import numpy as np
from astropy import constants

from szfinder.filters.fourier import ARCMIN
from szfinder.maps import Instrument
from szfinder.physics import (
    battaglia2016_density,
    battaglia2016_depth_scale,
    battaglia2016_parameters,
    r200,
)
from szfinder.physics.battaglia import DENSITY_CORE
from szfinder.physics.blackbody import T_CMB
from szfinder.simulation.component import Component, Scene
from szfinder.simulation.halo_model import HaloModel
from szfinder.simulation.halo_power import halo_power
from szfinder.simulation.pressure import Arnaud2010, Battaglia2012, ClusterSignals
from szfinder.simulation.profile_family import ProfileFamily

__all__ = ["KineticSZ", "ThermalSZ"]

#: Where the gas ends, in core radii: 4 R200.
EDGE_GAS = 4.0 / DENSITY_CORE
#: Nodes of alpha, the sharpness of the turn of the gas density, and its outer slope at 2e14 Msun.
SHARPNESS = np.linspace(0.7, 1.4, 5)
OUTER_SLOPE = 3.9


class ThermalSZ(Component):
    """The thermal SZ effect of every halo, non-relativistic.

    Parameters
    ----------
    pressure : `~szfinder.simulation.Arnaud2010` or `~szfinder.simulation.Battaglia2012`, optional
        The pressure model; by default Arnaud et al. (2010) with a mass bias of 0.2.
    scatter : float, optional
        Scatter of the logarithm of the signal at given mass and redshift, whose median is that of
        the pressure model; ``y_c`` and ``y500`` of a halo scatter together.

    Raises
    ------
    ValueError
        If the scatter is negative.
    """

    name = "tsz"

    def __init__(
        self, *, pressure: Arnaud2010 | Battaglia2012 | None = None, scatter: float = 0.2
    ) -> None:
        if not 0 <= scatter < np.inf:
            raise ValueError(f"scatter of the thermal SZ is {scatter!r}; it must be 0 or more")
        self.pressure = pressure or Arnaud2010()
        self.scatter = float(scatter)
        self._max_mass = np.inf

    def signals(self, scene: Scene, rng: np.random.Generator) -> ClusterSignals:
        """Signals of the halos of a scene, with their scatter."""
        signals = self.pressure.signals(scene.halos, scene.model)
        return signals.scaled(np.exp(self.scatter * rng.standard_normal(len(scene.halos))))

    def paint(self, canvas, scene, rng) -> None:
        """Paint the halos; see `Component.paint`."""
        signals = self.signals(scene, rng)
        _paint(canvas, scene, signals, signals.integral, _responses(canvas.instrument))

    def truth(self, scene, rng) -> dict[str, np.ndarray]:
        """``y_c`` and ``y500`` of the halos; see `Component.truth`."""
        signals = self.signals(scene, rng)
        return {"y500": signals.y500 * u.arcmin**2, "y_c": signals.centre}

    def power(self, ell, instrument, model) -> np.ndarray:
        """The halo integral over Poisson halos; see `Component.power`."""
        response = _responses(instrument)
        scatter = np.exp(2 * self.scatter**2)
        power = halo_power(
            ell,
            model,
            lambda halos: self.pressure.signals(halos, model),
            weight=lambda halos: halos["m500c"].value <= self._max_mass,
        )
        return scatter * power[:, None, None] * np.outer(response, response)

    def remaining(self, *, max_flux, max_mass) -> ThermalSZ:
        """The effect of halos up to ``max_mass``; see `Component.remaining`."""
        lighter = copy(self)
        lighter._max_mass = max_mass
        return lighter


class KineticSZ(Component):
    """The kinetic SZ effect: -T_CMB (v / c) tau of every halo, and a Gaussian field for the rest.

    The gas of a halo has the density of Battaglia et al. (2016), with the outer slope of 2e14 Msun
    at all masses (which moves the mass of gas by up to 17 per cent), and the halo's line-of-sight
    velocity from linear theory. The gas between halos and that of reionisation have a power that is
    flat in D_ell.

    Parameters
    ----------
    diffuse : float, optional
        D_ell in uK^2 of the gas outside of halos. With the 0.4 uK^2 of the halos, the default is
        the measurement of George et al. (2015) within its error, 2.9 +- 1.3 uK^2.

    Raises
    ------
    ValueError
        If it is negative.
    """

    name = "ksz"

    def __init__(self, *, diffuse: float = 2.0) -> None:
        if not 0 <= diffuse < np.inf:
            raise ValueError(f"diffuse of the kinetic SZ is {diffuse!r} uK^2; it must be 0 or more")
        self.diffuse = float(diffuse)

    def paint(self, canvas, scene, rng) -> None:
        """Paint the halos; see `Component.paint`."""
        signals = self.optical_depth(scene.halos, scene.model)
        shift = self._shift(scene.halos["velocity"].to_value("km / s"))
        same = np.ones(len(canvas.instrument))
        _paint(canvas, scene, signals, signals.integral * shift, same)
        canvas.add_gaussian(
            rng, lambda ell: same[:, None, None] * np.sqrt(self._diffuse_power(ell))
        )

    def optical_depth(self, halos, model: HaloModel) -> ClusterSignals:
        """Optical depth and its profile for every halo."""
        mass, redshift = halos["m200c"].value, np.asarray(halos["redshift"])
        cosmology = model.cosmology
        rho0, alpha, _ = battaglia2016_parameters(mass, redshift).values()
        scale = battaglia2016_depth_scale(mass, redshift, cosmology=cosmology)
        radius = DENSITY_CORE * r200(mass, redshift, cosmology=cosmology)
        size = radius / model.distance(redshift) / ARCMIN
        family = _gas_family()
        centre = rho0 * DENSITY_CORE * scale * family.centre(alpha)
        return ClusterSignals(family=family, size=size, shape=alpha, centre=centre)

    def power(self, ell, instrument, model) -> np.ndarray:
        """The halo integral with independent velocities; see `Component.power`."""
        power = halo_power(
            ell,
            model,
            lambda halos: self.optical_depth(halos, model),
            weight=lambda halos: self._shift(model.velocity_dispersion(halos["redshift"])) ** 2,
        )
        power += self._diffuse_power(np.asarray(ell))
        return np.broadcast_to(power[:, None, None], (power.size, *2 * (len(instrument),)))

    @staticmethod
    def _shift(velocity: np.ndarray) -> np.ndarray:
        """Temperature in uK_CMB of gas of unit optical depth that recedes at km/s."""
        return -1e6 * T_CMB * np.asarray(velocity) / _LIGHT_SPEED

    def _diffuse_power(self, ell: np.ndarray) -> np.ndarray:
        return 2 * np.pi * self.diffuse / (ell * (ell + 1))


_LIGHT_SPEED = constants.c.to_value("km / s")


def _paint(canvas, scene: Scene, signals: ClusterSignals, integral, response) -> None:
    canvas.add_profiles(
        scene.positions, signals.family, integral, signals.size, signals.shape, response
    )


def _responses(instrument: Instrument) -> np.ndarray:
    """Temperature of each band in uK_CMB per Compton y."""
    return np.array([band.tsz_response for band in instrument])


@cache
def _gas_family() -> ProfileFamily:
    return ProfileFamily(
        lambda x, alpha: battaglia2016_density(x, alpha, OUTER_SLOPE), EDGE_GAS, shapes=SHARPNESS
    )
