r"""Abundance, sizes, bias and velocities of halos, tabulated once for a cosmology.

The mass function is that of Tinker et al. (2008, ApJ 688, 709) and the bias that of Tinker et al.
(2010, ApJ 724, 878), both for M200c; masses are converted for NFW halos with the concentrations of
Diemer & Joyce (2019, ApJ 871, 168). All come from colossus (Diemer 2018, ApJS 239, 35).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline

from szfinder.physics import cosmology_parameters
from szfinder.physics.cosmology import colossus_cosmology

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["HaloModel", "halo_model"]

#: Range of the tables in M200c / Msun and redshift.
MASSES = 1e12, 2e16
REDSHIFTS = 0.003, 4.0
N_MASS, N_REDSHIFT = 61, 49
#: Range of the table of matter power, in 1/Mpc.
WAVE_NUMBERS = 1e-4, 50.0


def halo_model(cosmology: FLRW) -> HaloModel:
    """The halo model of a cosmology; the same one for the same parameters."""
    return _cached_model(_Key(cosmology))


class HaloModel:
    """Halos of one cosmology.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology; sigma8 and the spectral index are read from its meta data, as
        `szfinder.physics.cosmology_parameters` says.
    """

    def __init__(self, cosmology: FLRW) -> None:
        from colossus.halo import mass_adv
        from colossus.lss import bias, mass_function

        self.cosmology = cosmology
        log_mass = np.linspace(*np.log(MASSES), N_MASS)
        log_redshift = np.linspace(*np.log(REDSHIFTS), N_REDSHIFT)
        tables = np.empty((4, N_REDSHIFT, N_MASS))
        with colossus_cosmology(cosmology) as colossus:
            mass = np.exp(log_mass) * colossus.h
            for row, z in zip(tables.transpose(1, 0, 2), np.exp(log_redshift)):
                density = mass_function.massFunction(
                    mass, z, mdef="200c", model="tinker08", q_out="dndlnM"
                )
                row[0] = np.log(np.maximum(density, 1e-100) * colossus.h**3)
                for i, definition in enumerate(("500c", "vir"), start=1):
                    converted = mass_adv.changeMassDefinitionCModel(
                        mass, z, "200c", definition, c_model="diemer19"
                    )[0]
                    row[i] = np.log(converted / mass)
                row[3] = np.log(bias.haloBias(mass, z, mdef="200c", model="tinker10"))
        self._density, self._to_500c, self._to_vir, self._bias = (
            RectBivariateSpline(log_redshift, log_mass, table) for table in tables
        )

    def density(self, m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Comoving density of halos dn/dlnM in Mpc^-3."""
        return _evaluate(self._density, redshift, m200c)

    def m500c(self, m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """M500c in Msun."""
        return m200c * _evaluate(self._to_500c, redshift, m200c)

    def mvir(self, m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Virial mass (Bryan & Norman 1998, ApJ 495, 80) in Msun."""
        return m200c * _evaluate(self._to_vir, redshift, m200c)

    def m200c(self, m500c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """M200c in Msun of halos of given M500c: the inverse of `m500c`."""
        m500c, redshift = np.broadcast_arrays(np.asarray(m500c, float), redshift)
        mass = 1.4 * m500c
        for _ in range(8):
            mass = mass * m500c / self.m500c(mass, redshift)
        return mass

    def bias(self, m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Linear bias."""
        return _evaluate(self._bias, redshift, m200c)

    def volume(self, redshift: np.ndarray) -> np.ndarray:
        """Comoving volume in Mpc^3 per unit of redshift and steradian."""
        return self.cosmology.differential_comoving_volume(redshift).to_value("Mpc3 / sr")

    def distance(self, redshift: np.ndarray) -> np.ndarray:
        """Angular-diameter distance in Mpc, interpolated in a table."""
        return self._distance(np.log(redshift))

    def velocity_dispersion(self, redshift: np.ndarray) -> np.ndarray:
        r"""Line-of-sight dispersion of peculiar velocities in km/s, of linear theory.

        :math:`\sigma_v^2 = \frac{1}{3} (f H D a)^2 \int P(k)\,\mathrm dk / 2\pi^2` (Peebles 1980,
        The large-scale structure of the universe, section 14), with f from the growth of D.
        """
        nodes, values = self._velocities
        return np.interp(redshift, nodes, values)

    def matter_power(self, wave_number: np.ndarray, redshift: float) -> np.ndarray:
        """Linear matter power in Mpc^3 at wave numbers in 1/Mpc (Eisenstein & Hu 1998)."""
        log_wave_number, log_power = self._matter_power
        growth = np.interp(redshift, *self._growth)
        return growth**2 * np.exp(np.interp(np.log(wave_number), log_wave_number, log_power))

    @cached_property
    def _distance(self) -> CubicSpline:
        log_redshift = np.linspace(*np.log(REDSHIFTS), 300)
        distance = self.cosmology.angular_diameter_distance(np.exp(log_redshift))
        return CubicSpline(log_redshift, distance.to_value("Mpc"))

    @cached_property
    def _velocities(self) -> tuple[np.ndarray, np.ndarray]:
        redshift, growth = self._growth
        wave_number = np.geomspace(*WAVE_NUMBERS, 400)
        power = self.matter_power(wave_number, 0.0)
        displacement = np.sqrt(np.trapezoid(power, wave_number) / (6 * np.pi**2))
        growth_rate = -np.gradient(np.log(growth), np.log1p(redshift))
        hubble = self.cosmology.H(redshift).to_value("km / (s Mpc)")
        return redshift, growth_rate * hubble / (1 + redshift) * growth * displacement

    @cached_property
    def _growth(self) -> tuple[np.ndarray, np.ndarray]:
        """Redshifts, and the growth of linear perturbations, 1 today."""
        redshift = np.linspace(0, REDSHIFTS[1], 161)
        with colossus_cosmology(self.cosmology) as colossus:
            return redshift, colossus.growthFactor(redshift)

    @cached_property
    def _matter_power(self) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of wave numbers and of the power today."""
        wave_number = np.geomspace(*WAVE_NUMBERS, 600)
        with colossus_cosmology(self.cosmology) as colossus:
            power = colossus.matterPowerSpectrum(wave_number / colossus.h, 0.0) / colossus.h**3
        return np.log(wave_number), np.log(power)


def _evaluate(table: RectBivariateSpline, redshift: np.ndarray, mass: np.ndarray) -> np.ndarray:
    return np.exp(table.ev(np.log(np.maximum(redshift, REDSHIFTS[0])), np.log(mass)))


class _Key:
    """A cosmology that is equal to others of the same parameters."""

    def __init__(self, cosmology: FLRW) -> None:
        self.cosmology = cosmology
        self.parameters = tuple(cosmology_parameters(cosmology).values())

    def __hash__(self) -> int:
        return hash(self.parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.parameters == self.parameters


@lru_cache(maxsize=4)
def _cached_model(key: _Key) -> HaloModel:
    return HaloModel(key.cosmology)
