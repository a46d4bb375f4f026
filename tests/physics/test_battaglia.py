"""Gas of simulated clusters, against numbers of the papers and plain arithmetic."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18
from scipy.integrate import quad

from szfinder.physics.battaglia import (
    battaglia2012_compton_scale,
    battaglia2012_parameters,
    battaglia2012_pressure,
    battaglia2016_density,
    battaglia2016_depth_scale,
    battaglia2016_parameters,
    r200,
)

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3, Ob0=0.045)
# SI units
G, C, M_SUN, MPC = 6.6743e-11, 2.99792458e8, 1.98841e30, 3.0856776e22
SIGMA_T, M_E, M_P = 6.6524587e-29, 9.1093837e-31, 1.6726219e-27


def critical_density(redshift):
    """In kg / m3, of the cosmology above."""
    hubble = 70e3 / MPC * np.sqrt(0.3 * (1 + redshift) ** 3 + 0.7)
    return 3 * hubble**2 / (8 * np.pi * G)


def test_parameters_at_the_pivot():
    """Battaglia et al. (2012), table 1, and (2016), table 2: AGN feedback, Delta = 200."""
    assert battaglia2012_parameters(1e14, 0.0) == pytest.approx(
        {"p0": 18.1, "xc": 0.497, "beta": 4.35})
    assert battaglia2016_parameters(1e14, 0.0) == pytest.approx(
        {"rho0": 4000, "alpha": 0.88, "beta": 3.83})


def test_slopes_in_mass_and_redshift():
    heavy = battaglia2012_parameters(1e15, 0.0)
    assert heavy["p0"] / 18.1 == pytest.approx(10**0.154)
    assert heavy["xc"] / 0.497 == pytest.approx(10**-0.00865)
    early = battaglia2012_parameters([1e14, 1e15], 1.0)
    np.testing.assert_allclose(early["beta"] / 4.35, [2**0.415, 2**0.415 * 10**0.0393])
    gas = battaglia2016_parameters(1e15, 1.0)
    assert gas["rho0"] == pytest.approx(4000 * 10**0.29 * 2**-0.66)
    assert gas["alpha"] == pytest.approx(0.88 * 10**-0.03 * 2**0.19)


def test_pressure_profile():
    """The inner slope is -0.3 and the outer -0.3 - beta; at the core it is p0 / 2^beta."""
    x = np.array([1e-5, 1e-4, 1e3, 1e4])
    pressure = battaglia2012_pressure(x, 1e14, 0.0)
    slopes = np.diff(np.log(pressure)) / np.diff(np.log(x))
    assert slopes[0] == pytest.approx(-0.3, abs=1e-2)
    assert slopes[2] == pytest.approx(-4.65, abs=1e-2)
    assert battaglia2012_pressure(0.497, 1e14, 0.0) == pytest.approx(18.1 / 2**4.35)


def test_density_profile():
    x = np.array([1e-6, 1e-5, 1e5, 1e6])
    slopes = np.diff(np.log(battaglia2016_density(x, 0.88, 3.83))) / np.diff(np.log(x))
    assert slopes[0] == pytest.approx(-0.2, abs=1e-2)
    assert slopes[2] == pytest.approx(-3.83, abs=1e-2)
    assert battaglia2016_density(1.0, 1.0, 3.2) == pytest.approx(1 / 8)


@pytest.mark.parametrize("redshift", [0.0, 0.6, 1.5])
def test_radius(redshift):
    radius = r200(4e14, redshift, cosmology=COSMOLOGY)
    inside = 4 / 3 * np.pi * (radius * MPC) ** 3 * 200 * critical_density(redshift)
    assert inside == pytest.approx(4e14 * M_SUN, rel=1e-3)


@pytest.mark.parametrize("mass, redshift", [(1e14, 0.0), (6e14, 0.8)])
def test_compton_scale(mass, redshift):
    """sigma_T / (m_e c2) P200 R200, of which electrons have 0.518 for 76 per cent hydrogen."""
    radius = np.cbrt(3 * mass * M_SUN / (800 * np.pi * critical_density(redshift)))
    p200 = G * mass * M_SUN * 200 * critical_density(redshift) * 0.15 / (2 * radius)
    expected = SIGMA_T / (M_E * C**2) * p200 * radius * 0.5176
    found = battaglia2012_compton_scale(mass, redshift, cosmology=COSMOLOGY)
    assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("mass, redshift", [(1e14, 0.0), (6e14, 0.8)])
def test_depth_scale(mass, redshift):
    """0.88 electrons per proton mass of gas."""
    radius = np.cbrt(3 * mass * M_SUN / (800 * np.pi * critical_density(redshift)))
    expected = SIGMA_T * 0.88 / M_P * 0.15 * critical_density(redshift) * radius
    found = battaglia2016_depth_scale(mass, redshift, cosmology=COSMOLOGY)
    assert found == pytest.approx(expected, rel=2e-3)


def test_gas_fraction_of_a_cluster():
    """Most, not all, of the cosmic baryons are within R200 (Battaglia et al. 2013: 0.8 to 1)."""
    rho0, alpha, beta = battaglia2016_parameters(5e14, 0.0).values()
    gas = quad(lambda x: 3 * x**2 * battaglia2016_density(2 * x, alpha, beta), 0, 1)[0]
    assert 0.75 < rho0 * gas / 200 < 1.05


def test_thermal_energy_of_a_cluster():
    """Y of 1e15 Msun within R200 is that of Arnaud et al. (2010) with a mass bias of 0.2."""
    from szfinder.physics import convert_mass, spherical_integral, y500

    mass = 1e15
    m500 = convert_mass(mass, 0.1, "200c", "500c", cosmology=Planck18)
    radius = r200(mass, 0.1, cosmology=Planck18)
    size = radius / Planck18.angular_diameter_distance(0.1).value
    scale = battaglia2012_compton_scale(mass, 0.1, cosmology=Planck18)
    sphere = quad(lambda x: 4 * np.pi * x**2 * battaglia2012_pressure(x, mass, 0.1), 1e-9, 1)[0]
    ours = scale * sphere * (np.rad2deg(size) * 60) ** 2
    r500 = np.cbrt(m500 / mass * 200 / 500)
    theirs = y500(m500, 0.1, cosmology=Planck18, mass_bias=0.2)
    theirs *= spherical_integral(1 / float(r500)) / spherical_integral(1.0)
    assert ours == pytest.approx(theirs, rel=0.15)


def test_default_cosmology_has_planck_baryons():
    assert r200(1e14, 0.2) == pytest.approx(r200(1e14, 0.2, cosmology=COSMOLOGY), rel=1e-9)
    ratio = battaglia2016_depth_scale(1e14, 0.2) / battaglia2016_depth_scale(
        1e14, 0.2, cosmology=COSMOLOGY)
    assert ratio == pytest.approx(0.049 / 0.045, rel=1e-6)
