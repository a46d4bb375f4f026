import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from szfinder.physics import (ARNAUD2010, central_y, compton_y, cylindrical_integral,
                              gnfw_pressure, r500, spherical_integral, theta500, y500)

masses = st.floats(1e13, 5e15)
redshifts = st.floats(0.01, 2)


def test_integrals_published_by_arnaud_et_al():
    """I(1) = 0.6145, I(5) = 1.1037 and J(1) = 0.7398, to the rounding of the parameters."""
    assert spherical_integral(1.0) == pytest.approx(0.6145, rel=1e-3)
    assert spherical_integral(5.0) == pytest.approx(1.1037, rel=1e-3)
    assert cylindrical_integral(1.0) == pytest.approx(0.7398, rel=1e-3)


def test_integrals_against_adaptive_quadrature():
    shell = quad(lambda x: 3 * x**2 * gnfw_pressure(x, **ARNAUD2010), 1e-12, 1)[0]
    assert spherical_integral(1.0) == pytest.approx(shell, rel=1e-6)
    outside = quad(lambda x: 3 * x * np.sqrt(x**2 - 1) * gnfw_pressure(x, **ARNAUD2010), 1, 5)[0]
    assert cylindrical_integral(1.0) == pytest.approx(spherical_integral(5.0) - outside, rel=1e-6)


@pytest.mark.parametrize("redshift", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("mass", [1e14, 3e14, 1e15])
def test_y500_against_the_published_scaling(mass, redshift):
    """h(z)^(-2/3) D_A^2 Y500 = 2.925e-5 I(1) (M500 / 3e14)^1.78 Mpc^2, section 6 of their paper."""
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    distance = cosmology.angular_diameter_distance(redshift).to_value("Mpc")
    expected = (2.925e-5 * 0.6145 * (mass / 3e14) ** 1.78 * cosmology.efunc(redshift) ** (2 / 3)
                / distance**2 * np.rad2deg(60) ** 2)
    assert y500(mass, redshift) == pytest.approx(expected, rel=0.015)


def test_y500_of_coma_against_the_planck_relation():
    """Planck 2013 results XX, eq. 7 and table 1, at the mass and redshift PSZ2 gives Coma."""
    mass, redshift = 7.17e14, 0.0231
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    distance = cosmology.angular_diameter_distance(redshift).to_value("Mpc")
    expected = (1e-4 * 10**-0.19 * (mass / 6e14) ** 1.79 * cosmology.efunc(redshift) ** (2 / 3)
                / distance**2 * np.rad2deg(60) ** 2)
    assert y500(mass, redshift) == pytest.approx(expected, rel=0.06)
    # Planck intermediate results X measured theta500 = 48 arcmin with an uncertainty of 1.
    assert theta500(mass, redshift) == pytest.approx(48, abs=1)


@given(masses, redshifts)
def test_r500_holds_500_times_the_critical_density(mass, redshift):
    volume = 4 / 3 * np.pi * r500(mass, redshift, cosmology=Planck18) ** 3 * u.Mpc**3
    density = (mass * u.Msun / volume / Planck18.critical_density(redshift)).to_value("")
    assert density == pytest.approx(500, rel=1e-9)


@given(masses, redshifts, st.floats(0, 0.5))
def test_mass_bias_lowers_the_mass(mass, redshift, bias):
    assert y500(mass, redshift, mass_bias=bias) == pytest.approx(
        y500((1 - bias) * mass, redshift), rel=1e-9)
    assert central_y(mass, redshift, mass_bias=bias) == pytest.approx(
        central_y((1 - bias) * mass, redshift), rel=1e-9)


@given(masses, redshifts)
def test_compton_y_integrates_to_the_cylindrical_signal(mass, redshift):
    node, weight = np.polynomial.legendre.leggauss(64)
    radius = theta500(mass, redshift)
    theta = radius * (node + 1) / 2
    integrated = radius / 2 * weight @ (2 * np.pi * theta * compton_y(theta, mass, redshift))
    ratio = cylindrical_integral(1.0) / spherical_integral(1.0)
    assert integrated == pytest.approx(ratio * y500(mass, redshift), rel=1e-5)


def test_compton_y_starts_at_its_central_value_and_ends_at_5_r500():
    theta = theta500(5e14, 0.4) * np.array([0.0, 0.5, 1.0, 4.9, 5.1])
    y = compton_y(theta, 5e14, 0.4)
    assert y[0] == pytest.approx(central_y(5e14, 0.4), rel=1e-9)
    assert np.all(np.diff(y) < 0)
    assert y[-1] == 0


def test_masses_and_redshifts_broadcast():
    mass, redshift = np.array([[1e14], [1e15]]), np.array([0.1, 0.5, 1.0])
    for signal in (y500, central_y, theta500):
        assert signal(mass, redshift).shape == (2, 3)
        assert signal(mass, redshift)[1, 2] == pytest.approx(signal(1e15, 1.0), rel=1e-12)
