"""Power of the SZ effects against halo integrals, and of painted skies."""

import numpy as np
import pytest
from scipy.integrate import quad

from szfinder.physics import convert_mass, sehgal_cosmology, y500
from szfinder.physics.spectrum import tsz_response
from szfinder.simulation import Arnaud2010, Halos, KineticSZ, SkySimulator, ThermalSZ
from szfinder.simulation.halo_model import halo_model

COSMOLOGY = sehgal_cosmology()
D_3000 = 3000 * 3001 / (2 * np.pi)


def transform(q):
    """Of the universal profile in units of its value in the sphere of R500, by quadrature."""

    def shell(x):
        c = 1.177 * max(x, 1e-12)
        return x / (c**0.3081 * (1 + c**1.051) ** ((5.4905 - 0.3081) / 1.051))

    inner = quad(lambda x: x * shell(x), 0, 1)[0]
    waves = [quad(shell, 0, 5, weight="sin", wvar=k, limit=400)[0] / k for k in q]
    return np.array(waves) / inner


def halo_integral(redshifts, bias=0.0):
    """C_3000 at 150 GHz of halos above 1e13 Msun in a range of redshift (Komatsu & Seljak 2002)."""
    from colossus.cosmology import cosmology as colossus
    from colossus.lss import mass_function

    q = np.geomspace(1e-2, 300, 60)
    waves = transform(q)
    mass, redshift = np.geomspace(1e13, 5e15, 40), np.geomspace(*redshifts, 35)
    integrand = np.empty((redshift.size, mass.size))
    for row, z in zip(integrand, redshift):
        m500 = convert_mass(mass, z, "200c", "500c", cosmology=COSMOLOGY) * (1 - bias)
        density = COSMOLOGY.critical_density(z).to_value("Msun / Mpc3")
        distance = COSMOLOGY.angular_diameter_distance(z).to_value("Mpc")
        theta = np.cbrt(3 * m500 / (2000 * np.pi * density)) / distance
        signal = y500(m500, z, cosmology=COSMOLOGY) * np.deg2rad(1 / 60) ** 2
        signal *= np.interp(np.log(3000 * theta), np.log(q), waves)
        row[:] = signal**2 * z * COSMOLOGY.differential_comoving_volume(z).value
    previous = colossus.current_cosmo
    try:
        colossus.setCosmology("sehgal", {"flat": True, "H0": 71, "Om0": 0.264, "Ob0": 0.044,
                                         "sigma8": 0.8, "ns": 0.96,
                                         "persistence": ""})  # fmt: skip
        for row, z in zip(integrand, redshift):
            row *= 0.71**3 * mass_function.massFunction(
                mass * 0.71, z, mdef="200c", model="tinker08", q_out="dndlnM"
            )
    finally:
        colossus.current_cosmo = previous
    power = np.trapezoid(np.trapezoid(integrand, np.log(mass)), np.log(redshift))
    return power * tsz_response(150.0) ** 2


@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_power_is_the_halo_integral(lab, bias):
    component = ThermalSZ(pressure=Arnaud2010(mass_bias=bias), scatter=0.0)
    model = halo_model(COSMOLOGY)
    (found,) = component.power(np.array([3000.0]), lab.instrument(), model).ravel()
    assert found == pytest.approx(halo_integral((0.005, 3), bias), rel=0.02)
    assert found * D_3000 > 3.2  # uK^2


def painted_power(lab, component, halos, n_sky, side):
    """Mean C_3000 of skies, without the beam."""
    instrument, pixel, edges = lab.instrument(), 1.25, np.array([2700, 3300])
    simulator = SkySimulator(instrument, [component], halos=halos, rng=6)
    maps = [simulator.patch(*lab.grid(side, pixel)).maps.data[0] for _ in range(n_sky)]
    power = np.mean([lab.power(m, m, pixel, edges) for m in maps])
    return power / instrument["150"].beam.window(3000.0) ** 2


def test_thermal_power_of_painted_skies(lab):
    """Without the few nearest clusters, whose number is left to chance."""
    component = ThermalSZ(pressure=Arnaud2010(mass_bias=0.0), scatter=0.0)
    measured = painted_power(lab, component, Halos(redshifts=(0.2, 3.0)), n_sky=4, side=12)
    assert measured == pytest.approx(halo_integral((0.2, 3.0)), rel=0.1)


def test_kinetic_power_of_painted_skies(lab):
    component = KineticSZ(diffuse=0.0)
    expected = component.power(np.array([3000.0]), lab.instrument(), halo_model(COSMOLOGY))
    measured = painted_power(lab, component, Halos(), n_sky=2, side=10)
    assert measured == pytest.approx(expected.item(), rel=0.1)


def test_scatter_raises_the_power(lab):
    powers = [
        ThermalSZ(scatter=s).power(np.array([3000.0]), lab.instrument(), halo_model(COSMOLOGY))
        for s in (0.0, 0.3)
    ]
    second_moment = np.mean(np.exp(0.6 * np.random.default_rng(1).standard_normal(10**6)))
    assert powers[1] / powers[0] == pytest.approx(second_moment, rel=0.01)


def test_diffuse_kinetic_power(lab):
    ell = np.array([1000.0, 3000.0, 6000.0])
    model = halo_model(COSMOLOGY)
    powers = [KineticSZ(diffuse=d).power(ell, lab.instrument(), model).ravel() for d in (0, 1.5)]
    difference = (powers[1] - powers[0]) * ell * (ell + 1) / (2 * np.pi)
    np.testing.assert_allclose(difference, 1.5, rtol=1e-6)
    total = KineticSZ().power(np.array([3000.0]), lab.instrument(), model).item() * D_3000
    assert abs(total - 2.9) < 1.3  # George et al. (2015)
