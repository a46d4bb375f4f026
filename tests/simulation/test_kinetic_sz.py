"""The kinetic SZ effect of one halo, and of all."""

import numpy as np
import pytest
from astropy import constants
from scipy.integrate import quad

from szfinder.physics import sehgal_cosmology
from szfinder.simulation import Halos, KineticSZ, SkySimulator

COSMOLOGY = sehgal_cosmology()


def electrons(mass, redshift):
    """Column of electrons times the cross section per Mpc, and the edge in Mpc.

    Battaglia et al. (2016, eqs. A1 and A2, table 2).
    """
    m, stretch = mass / 1e14, 1 + redshift
    rho0 = 4e3 * m**0.29 * stretch**-0.66
    alpha = 0.88 * m**-0.03 * stretch**0.19
    beta = 3.83 * m**0.04 * stretch**-0.025
    critical = COSMOLOGY.critical_density(redshift)
    r200 = np.cbrt(3 * mass / (800 * np.pi * critical.to_value("Msun / Mpc3")))
    density = 0.044 / 0.264 * critical * (1 + 0.76) / 2 / constants.m_p
    per_mpc = (density * constants.sigma_T).to_value("1 / Mpc")

    def depth(r):
        x = r / r200 / 0.5
        return per_mpc * rho0 * x**-0.2 * (1 + x**alpha) ** (-(beta - 0.2) / alpha)

    return depth, 4 * r200


def paint(lab, mass, redshift, velocity, **options):
    catalogue = lab.clusters(redshift=redshift, m200c=mass, velocity=velocity)
    simulator = SkySimulator(
        lab.instrument(95.0, 150.0, 220.0),
        [KineticSZ(diffuse=0.0)],
        halos=Halos(catalogue=catalogue),
    )
    return simulator.patch(*lab.grid(**options)).maps.data


@pytest.mark.parametrize(
    "mass, redshift, within", [(2e14, 0.5, 0.02), (1e14, 1.0, 0.2), (5e14, 0.8, 0.2)]
)
def test_flux_of_a_halo(lab, mass, redshift, within):
    """The outer slope is that of 2e14 Msun for all halos."""
    depth, edge = electrons(mass, redshift)
    total = quad(lambda r: 4 * np.pi * r**2 * depth(r), 0, edge)[0]
    distance = COSMOLOGY.angular_diameter_distance(redshift).to_value("Mpc")
    expected = total / distance**2 * np.rad2deg(60) ** 2 * -2.7255e6 * 400 / 299792.458
    flux = [lab.flux(image, 0.5) for image in paint(lab, mass, redshift, 400.0, side=1.5)]
    np.testing.assert_allclose(flux, expected, rtol=within)


def test_profile_of_a_halo(lab):
    """A receding halo is cold, in all bands alike."""
    depth, edge = electrons(2e14, 0.5)
    arcmin = COSMOLOGY.kpc_proper_per_arcmin(0.5).to_value("Mpc / arcmin")
    nodes = np.concatenate([[1e-4], np.geomspace(0.01, 40, 300)])
    values = [lab.line_of_sight(depth, edge, node * arcmin) for node in nodes]
    maps = paint(lab, 2e14, 0.5, 1000.0, side=0.5, pixel=0.5)
    np.testing.assert_array_equal(maps[0], maps[2])
    theta = lab.radius(maps[0].shape, 0.5, 29.5, 29.5)
    near = theta < 5  # about theta200
    tau = lab.smoothed(lambda r: np.interp(r, nodes, values), theta[near], 1.4)
    np.testing.assert_allclose(maps[0][near], -2.7255e6 * tau * 1e3 / 299792.458, rtol=0.02)


def test_an_approaching_halo_is_hot(lab):
    receding, approaching = (paint(lab, 3e14, 0.3, v) for v in (300.0, -600.0))
    np.testing.assert_allclose(approaching, -2 * receding, rtol=1e-4, atol=1e-5)
    assert approaching.max() > 1


def test_zero_mean(lab):
    """The mean of skies is 0 within its error, however many halos there are."""
    simulator = SkySimulator(
        lab.instrument(), [KineticSZ(diffuse=0.0)], halos=Halos(min_mass=1e14), rng=3
    )
    grid = lab.grid(2, 2)
    means = [simulator.patch(*grid).maps.data.mean() for _ in range(15)]
    assert abs(np.mean(means)) < 3.5 * np.std(means) / np.sqrt(14)
    assert 0 < np.std(means) < 1
