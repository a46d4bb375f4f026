import subprocess
import sys

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18
from scipy.optimize import brentq

from szfinder.physics import convert_mass

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
DEFINITIONS = ["200c", "500c", "200m", "vir"]


def bryan_norman(redshift):
    """Virial overdensity over critical (Bryan & Norman 1998, eq. 6)."""
    x = COSMOLOGY.Om(redshift) - 1
    return 18 * np.pi**2 + 82 * x - 39 * x**2


def overdensity(definition, redshift):
    return {"200c": 200, "500c": 500, "200m": 200 * COSMOLOGY.Om(redshift),
            "vir": bryan_norman(redshift)}[definition]


def nfw_mass_ratio(concentration, redshift, definition):
    """Mass over M200c of an NFW halo of the given c200c, solved for its radius."""
    def enclosed(x):
        return np.log1p(x) - x / (1 + x)

    target = overdensity(definition, redshift) / 200 * enclosed(concentration) / concentration**3
    radius = brentq(lambda x: enclosed(x) / x**3 - target, 0.01, 1e3)
    return enclosed(radius) / enclosed(concentration)


@pytest.mark.parametrize("definition", ["500c", "200m", "vir"])
@pytest.mark.parametrize("redshift", [0.0, 0.5, 1.5])
def test_nfw_halo_solved_independently(definition, redshift):
    from colossus.cosmology import cosmology as colossus
    from colossus.halo.concentration import concentration

    previous = colossus.current_cosmo
    try:
        colossus.setCosmology("test", {"flat": True, "H0": 70, "Om0": 0.3, "Ob0": 0.049,
                                       "sigma8": 0.811, "ns": 0.965, "persistence": ""})
        c200c = concentration(4e14 * 0.7, "200c", redshift, model="diemer19")
    finally:
        colossus.current_cosmo = previous
    assert convert_mass(4e14, redshift, "200c", definition) == pytest.approx(
        4e14 * nfw_mass_ratio(c200c, redshift, definition), rel=1e-4)


@pytest.mark.parametrize("start", DEFINITIONS)
@pytest.mark.parametrize("end", DEFINITIONS)
def test_round_trip(start, end):
    mass = np.array([1e13, 2e14, 1.5e15])
    there = convert_mass(mass, 0.4, start, end)
    np.testing.assert_allclose(convert_mass(there, 0.4, end, start), mass, rtol=1e-5)


def test_masses_fall_with_overdensity():
    by_definition = [float(convert_mass(5e14, 0.2, "500c", end))
                     for end in ("500c", "200c", "vir", "200m")]
    assert by_definition[0] == pytest.approx(5e14, rel=1e-6)
    assert by_definition == sorted(by_definition)


def test_masses_and_redshifts_broadcast():
    converted = convert_mass([[1e14], [1e15]], [0.1, 0.8], "500c", "200c", cosmology=Planck18)
    assert converted.shape == (2, 2)
    assert converted[1, 0] == pytest.approx(
        convert_mass(1e15, 0.1, "500c", "200c", cosmology=Planck18), rel=1e-6)


def test_cosmology_of_colossus_is_put_back():
    from colossus.cosmology import cosmology as colossus

    colossus.setCosmology("planck18", persistence="")
    convert_mass(1e14, 0.1, "500c", "200c")
    assert colossus.getCurrent().name == "planck18"
    colossus.current_cosmo = None
    convert_mass(1e14, 0.1, "500c", "200c")
    assert colossus.current_cosmo is None


def test_unknown_definition_is_named():
    with pytest.raises(ValueError, match="unknown mass definition '180b'; use one of 200c, 500c"):
        convert_mass(1e14, 0.1, "500c", "180b")


def test_import_leaves_heavy_packages_out():
    code = ("import sys, szfinder.physics; "
            "print([m for m in ('colossus', 'camb', 'matplotlib') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
