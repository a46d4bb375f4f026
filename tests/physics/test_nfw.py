"""The NFW halo along the line of sight, and how concentrated it is."""

import numpy as np
import pytest
from astropy.cosmology import Planck18
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from szfinder.physics import nfw_concentration, nfw_surface_density, project, sehgal_cosmology

END = 1e4  # beyond it the projection lacks 2 int r^-3 dr = 1e-8


def density(r):
    """rho / rho_s of Navarro, Frenk & White (1997)."""
    return 1 / (r * (1 + r) ** 2)


def mass_in_cylinder(x):
    """In units of rho_s r_s^3: what deflects light (Bartelmann 1996, A&A 313, 697)."""
    if x < 1:
        return 4 * np.pi * (np.log(x / 2) + np.arccosh(1 / x) / np.sqrt(1 - x**2))
    return 4 * np.pi * (np.log(x / 2) + np.arccos(1 / x) / np.sqrt(x**2 - 1))


@given(st.floats(1e-3, 50))
def test_surface_density_is_the_projection_of_the_halo(x):
    assert nfw_surface_density(x) == pytest.approx(project(density, x, END), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("off", [0, 1e-15, 1e-9, 1e-5, 9.99e-5, 1.001e-4, 1e-3, 0.05])
@pytest.mark.parametrize("side", [-1, 1])
def test_surface_density_at_the_scale_radius(off, side):
    """Where the formula is 0 / 0."""
    x = 1 + side * off
    assert nfw_surface_density(x) == pytest.approx(project(density, x, END), rel=1e-7)


def test_surface_density_has_no_step_at_the_scale_radius():
    assert nfw_surface_density(1.0) == pytest.approx(2 / 3, rel=1e-12)
    x = np.linspace(1 - 3e-4, 1 + 3e-4, 601)
    steps = np.diff(nfw_surface_density(x))
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)


@pytest.mark.parametrize("x", [0.03, 0.4, 0.999, 2.0, 8.0])
def test_mass_in_a_cylinder(x):
    points = [1.0] if x > 1 else None
    found = quad(lambda r: 2 * np.pi * r * float(nfw_surface_density(r)), 0, x, points=points)[0]
    assert found == pytest.approx(mass_in_cylinder(x), rel=1e-6)


def test_surface_density_of_arrays():
    x = np.array([[0.0, 0.1, 0.5], [1.0, 2.0, 10.0]])
    found = nfw_surface_density(x)
    assert found.shape == x.shape
    assert np.isposinf(found[0, 0])
    assert (np.diff(found.ravel()) < 0).all()
    assert nfw_surface_density(1e4) == pytest.approx(2e-8, rel=1e-3)  # 2 / x^2
    # close to the centre it is 2 ln(2 / x) - 2
    assert nfw_surface_density(1e-6) == pytest.approx(2 * np.log(2e6) - 2, rel=1e-6)


@pytest.mark.parametrize("cosmology", [None, Planck18, sehgal_cosmology()])
@pytest.mark.parametrize("redshift", [0.1, 0.7])
def test_concentration_is_that_of_colossus(cosmology, redshift):
    from colossus.cosmology import cosmology as colossus
    from colossus.halo.concentration import concentration

    values = {"H0": 70, "Om0": 0.3, "Ob0": 0.049, "sigma8": 0.811, "ns": 0.965}
    if cosmology is not None:
        values = {name: getattr(cosmology, name) for name in ("Om0", "Ob0")}
        values |= {"H0": cosmology.H0.value, "sigma8": cosmology.meta["sigma8"],
                   "ns": cosmology.meta["n"]}
    mass = np.array([[1e14], [4e14], [1e15]])
    previous = colossus.current_cosmo
    try:
        colossus.setCosmology("test", {"flat": True, "persistence": "", **values})
        expected = [[concentration(m * values["H0"] / 100, "200c", redshift, model="diemer19")]
                    for m in mass.ravel()]
    finally:
        colossus.current_cosmo = previous
    found = nfw_concentration(mass, redshift, cosmology=cosmology)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_clusters_are_less_concentrated_early_and_if_massive():
    by_redshift = [float(nfw_concentration(3e14, z)) for z in (0.0, 0.3, 0.7)]
    assert (np.diff(by_redshift) < 0).all()
    assert (np.diff(nfw_concentration(np.geomspace(1e13, 5e14, 5), 0.3)) < 0).all()


def test_the_cosmology_of_colossus_is_put_back():
    from colossus.cosmology import cosmology as colossus

    colossus.setCosmology("planck18", persistence="")
    nfw_concentration(3e14, 0.7)
    assert colossus.getCurrent().name == "planck18"
    colossus.current_cosmo = None
