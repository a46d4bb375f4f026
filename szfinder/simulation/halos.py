"""Halos: all halos in a piece of the sky, drawn from the mass function or given."""

from __future__ import annotations

from collections.abc import Callable

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.filters.fourier import ARCMIN
from szfinder.physics import r500
from szfinder.simulation.clustering import LogNormalField
from szfinder.simulation.halo_model import MASSES, REDSHIFTS, HaloModel

__all__ = ["Halos", "many_and_near"]

#: Cells per unit of ln M and of ln z in which numbers are drawn.
MASS_CELLS, REDSHIFT_CELLS = 60, 60
#: Boost of `many_and_near`, the redshift below which it grows, and that where it stops to.
MANY, NEAR, NEAREST = 4.0, 0.1, 0.025


class Halos:
    """Halos of the Tinker et al. (2008) mass function on the past light cone.

    Parameters
    ----------
    min_mass : float, optional
        Least M200c in Msun.
    redshifts : tuple of float, optional
        Range of redshift.
    clustered : bool, optional
        Draw positions from a log-normal field with the linear bias of each halo; otherwise they are
        independent (Poisson).
    boost : float or callable, optional
        Factor on the number of halos that are drawn, to train on more clusters than there are; or
        a function that takes an array of redshifts and returns the factor at each.
    catalogue : `~astropy.table.QTable`, optional
        Halos to use in place of drawn ones: ``sky_centroid``, ``redshift`` and ``m200c`` or
        ``m500c``, and ``velocity`` if their radial velocities are not to be drawn.

    Raises
    ------
    ValueError
        If the ranges are empty or beyond the tables (1e12 to 2e16 Msun, redshift 0.003 to 4), the
        boost is not above 0 everywhere, or the catalogue lacks a column or has a halo beyond the
        tables.
    """

    def __init__(
        self,
        *,
        min_mass: float = 1e13,
        redshifts: tuple[float, float] = (0.005, 3.0),
        clustered: bool = False,
        boost: float | Callable[[np.ndarray], np.ndarray] = 1.0,
        catalogue: QTable | None = None,
    ) -> None:
        low, high = redshifts
        if not MASSES[0] <= min_mass < MASSES[1]:
            raise ValueError(f"min_mass is {min_mass:g} Msun; it must lie between "
                             f"{MASSES[0]:g} and {MASSES[1]:g}")  # fmt: skip
        if not REDSHIFTS[0] <= low < high <= REDSHIFTS[1]:
            raise ValueError(f"redshifts are {redshifts}; they must ascend between "
                             f"{REDSHIFTS[0]:g} and {REDSHIFTS[1]:g}")  # fmt: skip
        if catalogue is not None:
            _check_catalogue(catalogue)
        self.min_mass = float(min_mass)
        self.redshifts = float(low), float(high)
        self.clustered = clustered
        self.boost = boost if callable(boost) else float(boost)
        self.catalogue = catalogue
        _factors(self.boost, _middles(self._redshift_edges))

    def __repr__(self) -> str:
        if self.catalogue is not None:
            return f"Halos(catalogue of {len(self.catalogue)})"
        boost = "" if self.boost == 1 else f", boost={_name(self.boost)}"
        return (
            f"Halos(min_mass={self.min_mass:g}, redshifts={self.redshifts}, "
            f"clustered={self.clustered}{boost})"
        )

    def draw(self, region, model: HaloModel, rng: np.random.Generator) -> tuple[np.ndarray, QTable]:
        """Halos of a region.

        Parameters
        ----------
        region : `~szfinder.simulation.Patch` or `~szfinder.simulation.Sphere`
            Where they are drawn.
        model : `~szfinder.simulation.halo_model.HaloModel`
            Their abundance and properties.
        rng : `~numpy.random.Generator`
            Source of randomness.

        Returns
        -------
        positions : `~numpy.ndarray`
            Shape (2, n), as the region has them.
        halos : `~astropy.table.QTable`
            Redshift, masses, radii, theta500 and velocity.
        """
        if self.catalogue is not None:
            positions = region.from_sky(self.catalogue["sky_centroid"])
            redshift = np.asarray(self.catalogue["redshift"], dtype=float)
            m200c = self._given_mass(model, redshift)
        else:
            positions, redshift, m200c = self._draw(region, model, rng)
        halos = halo_properties(model, redshift, m200c)
        velocity = rng.standard_normal(redshift.size) * model.velocity_dispersion(redshift)
        halos["velocity"] = velocity << u.km / u.s
        if self.catalogue is not None and "velocity" in self.catalogue.colnames:
            halos["velocity"] = u.Quantity(self.catalogue["velocity"], u.km / u.s)
        return positions, halos

    @property
    def _redshift_edges(self) -> np.ndarray:
        return _edges(*np.log(self.redshifts), REDSHIFT_CELLS)

    def _given_mass(self, model, redshift):
        name = "m200c" if "m200c" in self.catalogue.colnames else "m500c"
        mass = u.Quantity(self.catalogue[name], u.Msun).value
        return mass if name == "m200c" else model.m200c(mass, redshift)

    def _draw(self, region, model, rng):
        """Poisson numbers in cells of mass and redshift, and positions in cells of the sky."""
        log_z = self._redshift_edges
        log_m = _edges(np.log(self.min_mass), np.log(MASSES[1]), MASS_CELLS)
        z, m = _middles(log_z), _middles(log_m)
        factors = _factors(self.boost, z) * z * model.volume(z)
        density = model.density(m, z[:, None]) * factors[:, None]
        expected = density * (log_z[1] - log_z[0]) * (log_m[1] - log_m[0])
        if self.clustered:
            field = LogNormalField(region, model, z, rng)
            numbers, cells = field.draw(rng, expected, model.bias(m, z[:, None]))
            positions = region.draw(rng, cells)
        else:
            numbers = rng.poisson(expected * region.solid_angle)
            positions = region.uniform(rng, numbers.sum())
        in_z, in_m = (
            np.repeat(index.ravel(), numbers.ravel()) for index in np.indices(numbers.shape)
        )
        redshift = np.exp(log_z[in_z] + (log_z[1] - log_z[0]) * rng.random(in_z.size))
        mass = np.exp(log_m[in_m] + (log_m[1] - log_m[0]) * rng.random(in_m.size))
        return positions, redshift, mass


def many_and_near(redshift: np.ndarray) -> np.ndarray:
    """Boost of `Halos` for skies to train on: of wide, near clusters a field has hardly one.

    Parameters
    ----------
    redshift : `~numpy.ndarray`
        Of the halos.

    Returns
    -------
    `~numpy.ndarray`
        4, and below a redshift of 0.1 as much more as the area of a halo is larger there, up to
        16 times at 0.025.
    """
    return MANY * (NEAR / np.clip(redshift, NEAREST, NEAR)) ** 2


def _factors(boost: float | Callable[[np.ndarray], np.ndarray], redshift: np.ndarray) -> np.ndarray:
    """The boost at each redshift.

    Raises
    ------
    ValueError
        If it is not above 0 everywhere.
    """
    factors = boost(redshift) if callable(boost) else np.full(redshift.shape, boost)
    if not (np.all(factors > 0) and np.all(factors < np.inf)):
        raise ValueError(f"boost is {_name(boost)}; it must be a factor above 0")
    return factors


def _name(boost: float | Callable[[np.ndarray], np.ndarray]) -> str:
    return getattr(boost, "__name__", repr(boost)) if callable(boost) else f"{boost:g}"


def _middles(edges: np.ndarray) -> np.ndarray:
    """Middles of cells in the logarithm."""
    return np.exp(0.5 * (edges[1:] + edges[:-1]))


def _edges(low: float, high: float, cells_per_unit: int) -> np.ndarray:
    return np.linspace(low, high, int(np.ceil((high - low) * cells_per_unit)) + 1)


def halo_properties(model: HaloModel, redshift: np.ndarray, m200c: np.ndarray) -> QTable:
    """Redshift, masses, radii and theta500 of halos of given redshift and M200c in Msun."""
    m500c, mvir = model.m500c(m200c, redshift), model.mvir(m200c, redshift)
    radius = r500(m500c, redshift, cosmology=model.cosmology)
    halos = QTable()
    halos["redshift"] = redshift
    halos["mvir"], halos["m200c"], halos["m500c"] = (m * u.Msun for m in (mvir, m200c, m500c))
    halos["rvir"] = _virial_radius(model, mvir, redshift) * u.Mpc
    halos["r500c"] = radius * u.Mpc
    halos["theta500"] = radius / model.distance(redshift) / ARCMIN * u.arcmin
    return halos


def _virial_radius(model: HaloModel, mvir: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Proper virial radius in Mpc (Bryan & Norman 1998, eq. 6)."""
    critical = model.cosmology.critical_density(redshift).to_value("Msun / Mpc3")
    x = model.cosmology.Om(redshift) - 1
    overdensity = 18 * np.pi**2 + 82 * x - 39 * x**2
    return np.cbrt(3 * mvir / (4 * np.pi * overdensity * critical))


def _check_catalogue(catalogue: QTable) -> None:
    names = set(catalogue.colnames)
    missing = {"sky_centroid", "redshift"} - names
    if not names & {"m200c", "m500c"}:
        missing.add("m200c or m500c")
    if missing:
        raise ValueError(
            f"the catalogue of halos lacks {', '.join(sorted(missing))}; it has "
            f"{', '.join(catalogue.colnames)}"
        )
    mass = "m200c" if "m200c" in names else "m500c"
    for name, unit, (low, high) in (("redshift", u.one, REDSHIFTS), (mass, u.Msun, MASSES)):
        values = u.Quantity(catalogue[name], unit).value
        wrong = ~((low <= values) & (values <= high))
        if wrong.any():
            raise ValueError(
                f"{name} of {wrong.sum()} given halos is impossible, the first "
                f"{values[wrong][0]:g}; it must lie between {low:g} and {high:g}"
            )
