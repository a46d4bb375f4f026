from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import j0

from szfinder.physics import (ARNAUD2010, battaglia2012_pressure, beta_profile, beta_transform,
                              gnfw_pressure, project, transform)

X_MAX = 5.0
PRESSURES = {
    "arnaud2010": partial(gnfw_pressure, **ARNAUD2010),
    "cool core": partial(gnfw_pressure, c500=1.128, gamma=0.7736, alpha=1.2223, beta=5.4905,
                         p0=3.249),
    "battaglia2012": partial(battaglia2012_pressure, mass_200c=3e14, redshift=0.5),
}
pressures = pytest.mark.parametrize("pressure", PRESSURES.values(), ids=PRESSURES.keys())


def quad_projection(pressure, b):
    """Adaptive quadrature: in l = u^4 at the centre, in the angle off it."""
    if b == 0:
        return 2 * quad(lambda u: 4 * u**3 * pressure(u**4), 1e-30, X_MAX**0.25,
                        epsabs=0, epsrel=1e-9, limit=500)[0]
    return 2 * quad(lambda phi: pressure(b / np.cos(phi)) * b / np.cos(phi) ** 2, 0,
                    np.arccos(b / X_MAX), epsabs=0, epsrel=1e-9, limit=500)[0]


@pressures
@pytest.mark.parametrize("b", [0.0, 1e-3, 0.03, 0.3, 1.0, 3.0, 4.9])
def test_projection_against_adaptive_quadrature(pressure, b):
    assert project(pressure, b, X_MAX) == pytest.approx(quad_projection(pressure, b), rel=1e-6)


@pressures
def test_projection_is_continuous_at_the_centre(pressure):
    near = project(pressure, [1e-300, 1e-40, 1e-33, 1e-31], X_MAX)
    np.testing.assert_allclose(near, project(pressure, 0.0, X_MAX), rtol=1e-6)


@pressures
def test_projection_ends_with_the_profile(pressure):
    np.testing.assert_array_equal(project(pressure, [5.0, 6.0], X_MAX), 0)


@given(st.floats(0, 3.99))
def test_projection_of_a_uniform_sphere_is_its_chord(b):
    assert project(np.ones_like, b, 4.0) == pytest.approx(2 * np.sqrt(16 - b**2), rel=1e-6)


@given(st.floats(0, 30), st.floats(0.1, 3))
def test_projection_of_a_gaussian(b, width):
    # Out to 12 widths the truncation is below the rounding.
    projected = project(lambda r: np.exp(-0.5 * (r / width) ** 2), min(b, 8 * width), 12 * width)
    expected = np.sqrt(2 * np.pi) * width * np.exp(-0.5 * (min(b, 8 * width) / width) ** 2)
    assert projected == pytest.approx(expected, rel=1e-6)


@pressures
@pytest.mark.parametrize("q", [0.3, 3.0, 30.0, 300.0])
def test_transform_against_adaptive_quadrature(pressure, q):
    oscillating = quad(lambda x: x * pressure(x), 1e-12, X_MAX, weight="sin", wvar=q, epsabs=1e-9,
                       limit=1000)[0]
    error = transform(pressure, q, X_MAX) - 4 * np.pi * oscillating / q
    assert abs(error) < 1e-6 * transform(pressure, 0.0, X_MAX)


@pressures
def test_transform_at_zero_is_the_volume_integral(pressure):
    volume = quad(lambda x: 4 * np.pi * x**2 * pressure(x), 1e-15, X_MAX, epsrel=1e-10)[0]
    assert transform(pressure, 0.0, X_MAX) == pytest.approx(volume, rel=1e-6)


def test_transform_of_a_uniform_sphere():
    q = np.array([[0.1, 1.0, 10.0], [50.0, 200.0, 1000.0]])
    expected = 4 * np.pi * (np.sin(2 * q) - 2 * q * np.cos(2 * q)) / q**3
    np.testing.assert_allclose(transform(np.ones_like, q, 2.0), expected,
                               rtol=0, atol=1e-6 * 32 * np.pi / 3)


@pressures
@pytest.mark.parametrize("q", [0.5, 5.0])
def test_projection_slice_theorem(pressure, q):
    hankel = quad(lambda b: 2 * np.pi * b * j0(q * b) * project(pressure, b, X_MAX), 0, X_MAX,
                  epsrel=1e-8, limit=200)[0]
    assert transform(pressure, q, X_MAX) == pytest.approx(hankel, rel=1e-6)


def test_arnaud2010_at_its_scale_radius():
    scale_radius = 1 / ARNAUD2010["c500"]
    expected = 8.403 * 2 ** ((0.3081 - 5.4905) / 1.0510)
    assert gnfw_pressure(scale_radius, **ARNAUD2010) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("mass", "redshift", "p0", "xc", "beta"), [
    (1e14, 0.0, 18.1, 0.497, 4.35),
    (1e15, 0.0, 18.1 * 10**0.154, 0.497 * 10**-0.00865, 4.35 * 10**0.0393),
    (1e14, 1.0, 18.1 * 2**-0.758, 0.497 * 2**0.731, 4.35 * 2**0.415),
])
def test_battaglia2012_parameters_of_table_1(mass, redshift, p0, xc, beta):
    x = np.geomspace(0.01, 5, 20)
    expected = p0 * (x / xc) ** -0.3 * (1 + x / xc) ** -beta
    np.testing.assert_allclose(battaglia2012_pressure(x, mass, redshift), expected, rtol=1e-12)


def test_beta_profile_halves_at_the_core_radius():
    np.testing.assert_allclose(beta_profile([0.0, 1.5, 3.0], 1.5), [1, 0.5, 0.2])


@pytest.mark.parametrize("core_radius", [0.25, 1.0, 3.0])
def test_beta_transform_damped_hankel_integral(core_radius):
    """The Hankel integral converges slowly; as a Fourier integral along x it does not.

    Integrated over one axis the profile is pi theta_c^2 / sqrt(theta_c^2 + x^2).
    """
    ell = 4000.0
    k = ell * np.deg2rad(1 / 60)
    strip = quad(lambda x: np.pi * core_radius**2 / np.hypot(core_radius, x), 0, np.inf,
                 weight="cos", wvar=k, epsabs=1e-9)[0]
    assert beta_transform(ell, core_radius) == pytest.approx(2 * strip, rel=1e-6)


def test_beta_transform_is_finite_at_zero():
    assert beta_transform(0.0, 1.0) == beta_transform(1.0, 1.0)
    assert np.all(np.diff(beta_transform(np.arange(1, 20000), 1.0)) < 0)
