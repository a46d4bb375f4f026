from functools import lru_cache, partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from scipy.special import j0

from szfinder.filters import (
    battaglia_templates,
    beta_templates,
    gnfw_templates,
    point_template,
)
from szfinder.filters.fourier import ARCMIN
from szfinder.physics import central_y, theta500, y500

COOL_CORE = {"c500": 1.128, "gamma": 0.7736, "alpha": 1.2223}
SIZES = st.floats(0.1, 60)


def gnfw(x, c500=1.177, gamma=0.3081, alpha=1.0510, beta=5.4905):
    """Arnaud et al. (2010), eqs. 11 and 12, without its amplitude."""
    return (c500 * x) ** -gamma * (1 + (c500 * x) ** alpha) ** ((gamma - beta) / alpha)


def battaglia(x, mass=3e14, redshift=0.5):
    """Battaglia et al. (2012), table 1, AGN feedback, without its amplitude."""
    core = 0.497 * (mass / 1e14) ** -0.00865 * (1 + redshift) ** 0.731
    beta = 4.35 * (mass / 1e14) ** 0.0393 * (1 + redshift) ** 0.415
    return (x / core) ** -0.3 * (1 + x / core) ** -beta


def projected(pressure, b, x_max):
    """Integral along the line of sight, in l = u^5, which takes the cusp away."""
    upper = np.sqrt(x_max**2 - b**2) ** 0.2
    integrand = lambda u: 5 * u**4 * pressure(np.hypot(b, u**5))  # noqa: E731
    return 2 * quad(integrand, 1e-9, upper, epsrel=1e-9, limit=200)[0]


@lru_cache
def projected_profile(pressure, x_max):
    """The projected profile over its centre, tabulated for interpolation."""
    b = np.concatenate([np.geomspace(1e-5, 0.05 * x_max, 60), np.linspace(0.06, 1, 120) * x_max])
    table = np.array([projected(pressure, value, x_max) for value in b])
    centre = projected(pressure, 0.0, x_max)
    return PchipInterpolator(np.append(0, b), np.append(1, table / centre))


def hankel(profile, x_max, q):
    """2 pi int b y(b) J0(q b) db, in b = u^2 for the cusp."""
    integrand = lambda u: 4 * np.pi * u**3 * profile(u**2) * j0(q * u**2)  # noqa: E731
    return quad(integrand, 0, np.sqrt(x_max), limit=500, epsabs=1e-7, epsrel=1e-7)[0]


MODELS = {
    "arnaud2010": (gnfw_templates, gnfw, 5.0),
    "cool core": (partial(gnfw_templates, **COOL_CORE), partial(gnfw, **COOL_CORE), 5.0),
    "battaglia2012": (battaglia_templates, battaglia, 3.0),
    "light battaglia2012": (
        partial(battaglia_templates, mass_200c=1e14, redshift=0.1),
        partial(battaglia, mass=1e14, redshift=0.1),
        3.0,
    ),
}
models = pytest.mark.parametrize("make, pressure, x_max", MODELS.values(), ids=MODELS.keys())


@models
def test_transform_of_the_projected_pressure(make, pressure, x_max):
    """Line of sight and Hankel transform by adaptive quadrature; the profile is 1 at its centre."""
    size = 4.0
    (template,) = make([size])
    profile = projected_profile(pressure, x_max)
    q = np.array([0.02, 0.3, 1.0, 3.0, 10.0])
    expected = np.array([hankel(profile, x_max, value) for value in q]) * (size * ARCMIN) ** 2
    assert_allclose(template.transform(q / (size * ARCMIN)), expected, atol=5e-4 * expected[0])


@models
def test_transform_back_is_one_at_the_centre(make, pressure, x_max):
    """Smoothed by a small beam it is the profile, smoothed, on the sky."""
    size, sigma = 5.0, 0.5
    (template,) = make([size])
    profile = projected_profile(pressure, x_max)

    def seen(ell):
        return template.transform(ell) * np.exp(-0.5 * (ell * sigma * ARCMIN) ** 2) * ell

    centre = quad(seen, 0, 10 / (sigma * ARCMIN), limit=300)[0] / (2 * np.pi)
    expected = quad(
        lambda t: profile(t / size) * np.exp(-0.5 * (t / sigma) ** 2) * t / sigma**2, 0, 10 * sigma
    )[0]
    assert centre == pytest.approx(expected, rel=1e-3)


@given(st.floats(0.1, 10), st.floats(0, 3))
def test_beta_model_on_the_sky(radius, part):
    """The transform of 1 / (1 + x^2), back by adaptive quadrature."""
    (template,) = beta_templates([radius])
    radian = radius * ARCMIN
    value = quad(
        lambda q: q * template.transform(q / radian) * j0(q * part) / radian**2, 0, 40, limit=300
    )[0] / (2 * np.pi)  # fmt: skip
    assert value == pytest.approx(1 / (1 + part**2), abs=1e-4)
    assert template.theta_c == radius and template.profile == "beta"
    assert np.isnan(template.y500_per_y_c)


@given(SIZES)
def test_size_scales_the_transform(size):
    for make in (gnfw_templates, battaglia_templates, beta_templates):
        one, other = make([1.0, size])
        # Half-way between the ends of what the tables hold.
        ell = np.array([0.1, 1.0, 10.0]) / ARCMIN
        assert_allclose(other.transform(ell / size), one.transform(ell) * size**2, rtol=1e-9)
        assert other.theta_c == pytest.approx(one.theta_c * size)


@pytest.mark.parametrize("mass, redshift", [(3e14, 0.3), (8e14, 1.0), (1e14, 0.1)])
def test_y500_of_a_cluster_of_known_mass(mass, redshift):
    (template,) = gnfw_templates([float(theta500(mass, redshift))])
    expected = y500(mass, redshift) / central_y(mass, redshift)
    assert template.y500_per_y_c == pytest.approx(float(expected), rel=1e-6)


def test_y500_of_other_parameters_against_quadrature():
    (template,) = gnfw_templates([3.0], **COOL_CORE)
    pressure = partial(gnfw, **COOL_CORE)
    sphere = quad(lambda x: 4 * np.pi * x**2 * pressure(x), 0, 1)[0]
    expected = 9 * sphere / projected(pressure, 0.0, 5.0)
    assert template.y500_per_y_c == pytest.approx(expected, rel=1e-5)
    assert template.theta_c == pytest.approx(3.0 / COOL_CORE["c500"])


def test_scale_radii_and_names():
    (arnaud,), (simulated,) = gnfw_templates([2.0]), battaglia_templates([2.0])
    assert arnaud.profile == "gnfw" and simulated.profile == "battaglia"
    assert arnaud.theta_c == pytest.approx(2 / 1.177)
    assert simulated.theta_c == pytest.approx(2 * 0.497 * 3**-0.00865 * 1.5**0.731)


def test_point_has_the_same_power_everywhere():
    template = point_template()
    assert_allclose(template.transform(np.arange(0, 20000, 500)), ARCMIN**2)
    assert template.profile == "point" and template.theta_c == 0


@given(SIZES)
def test_transforms_are_finite_and_fall(size):
    ell = np.arange(0, 40000, 50)
    for make in (gnfw_templates, battaglia_templates, beta_templates):
        values = make([size])[0].transform(ell)
        assert np.all(np.isfinite(values))
        assert values[0] == values.max()


def test_unknown_parameter_of_the_profile():
    with pytest.raises(TypeError, match="delta"):
        gnfw_templates([1.0], delta=3.0)
