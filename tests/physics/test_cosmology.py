"""Cosmologies of astropy, and what colossus is told of them."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, LambdaCDM, Planck18

from szfinder.physics import cosmology_parameters, default_cosmology, sehgal_cosmology
from szfinder.physics.cosmology import colossus_cosmology


def test_sehgal():
    """Sehgal et al. (2010, section 2): the WMAP 5 cosmology of the simulation."""
    values = cosmology_parameters(sehgal_cosmology())
    assert values == pytest.approx({"H0": 71, "Om0": 0.264, "Ode0": 0.736, "Ob0": 0.044,
                                    "sigma8": 0.8, "ns": 0.96})


def test_planck():
    values = cosmology_parameters(Planck18)
    assert (values["sigma8"], values["ns"]) == (0.8102, 0.9665)
    assert values["Ob0"] == Planck18.Ob0


def test_what_is_missing_is_that_of_planck():
    values = cosmology_parameters(default_cosmology())
    assert (values["sigma8"], values["ns"], values["Ob0"]) == (0.811, 0.965, 0.049)
    assert (values["H0"], values["Om0"]) == (70, 0.3)


@pytest.mark.parametrize("name, meta", [("sigma8", {"sigma8": -0.8}), ("sigma8", {"sigma8": 30}),
                                        ("sigma8", {"sigma8": np.nan}), ("ns", {"n": -1})])
def test_impossible_perturbations(name, meta):
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3, Ob0=0.045, meta=meta)
    with pytest.raises(ValueError, match=f"impossible cosmology: {name} = .*; expected 0.1 to 3"):
        cosmology_parameters(cosmology)


@pytest.mark.parametrize("name, values", [("H0", {"H0": 0.7}), ("Om0", {"Om0": 3.0}),
                                          ("Ode0", {"Ode0": 4.0})])
def test_impossible_expansion(name, values):
    cosmology = LambdaCDM(**{"H0": 70, "Om0": 0.3, "Ode0": 0.7, "Ob0": 0.04, **values})
    with pytest.raises(ValueError, match=f"impossible cosmology: {name} = "):
        cosmology_parameters(cosmology)


@pytest.mark.parametrize("cosmology", [sehgal_cosmology(), Planck18,
                                       LambdaCDM(H0=70, Om0=0.3, Ode0=0.6, Ob0=0.045)],
                         ids=["sehgal", "planck", "curved"])
def test_colossus_expands_alike(cosmology):
    """Colossus, without radiation and neutrinos, agrees to a part in a thousand below z = 3."""
    redshift = np.array([0.1, 0.5, 1.0, 3.0])
    with colossus_cosmology(cosmology) as colossus:
        ratio = colossus.Hz(redshift) / cosmology.H(redshift).value
        distance = colossus.comovingDistance(0.0, redshift, transverse=False) / colossus.h
        sigma8 = colossus.sigma(8.0, 0.0)
    np.testing.assert_allclose(ratio, 1, atol=3e-3)
    np.testing.assert_allclose(distance, cosmology.comoving_distance(redshift).value, rtol=3e-3)
    assert sigma8 == pytest.approx(cosmology_parameters(cosmology)["sigma8"], rel=1e-3)


def test_the_cosmology_of_colossus_is_put_back_after_an_error():
    from colossus.cosmology import cosmology as colossus

    colossus.setCosmology("planck18", persistence="")
    before = colossus.current_cosmo
    with pytest.raises(RuntimeError, match="half way"), colossus_cosmology(sehgal_cosmology()):
        assert colossus.current_cosmo is not before
        raise RuntimeError("half way")
    assert colossus.current_cosmo is before
    colossus.current_cosmo = None


def test_nothing_is_stored_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with colossus_cosmology(sehgal_cosmology()) as colossus:
        colossus.sigma(8.0, 0.0)
    assert list(tmp_path.rglob("*")) == []
