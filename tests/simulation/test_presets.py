"""Presets of skies."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18

from szfinder.maps import wcs_for_patch
from szfinder.physics import convert_mass, sehgal_cosmology
from szfinder.simulation import (
    CMB,
    PRESETS,
    DustyGalaxies,
    Noise,
    SkySimulator,
    default_components,
)
from szfinder.simulation.presets import gupta2020

DEFAULT = ["cmb", "tsz", "ksz", "dusty", "cib", "radio", "dust", "noise"]
BANDS = {"deepsz": ["90", "148", "219"], "spt3g": ["95", "150", "220"],
         "act-dr6": ["90", "150", "220"], "gupta2020": ["150"],
         "planck-hfi": ["100", "143", "217", "353", "545", "857"],
         "planck-training": ["100", "143", "217", "353", "545", "857"]}  # fmt: skip


def test_there_are_six():
    assert set(PRESETS) == set(BANDS)
    assert [part.name for part in default_components()] == DEFAULT


@pytest.mark.parametrize("name", BANDS)
def test_every_preset_makes_a_sky(name):
    preset = PRESETS[name]()
    simulator = SkySimulator.from_preset(name, rng=1)
    centre = SkyCoord(*preset.centre, unit="deg")
    side = 40 * preset.pixel
    sky = simulator.patch(*wcs_for_patch(centre, side, preset.pixel))
    assert list(sky.instrument.names) == BANDS[name]
    assert sky.maps.data.shape == (len(BANDS[name]), 40, 40)
    assert np.isfinite(sky.maps.data).all() and np.all(sky.maps.data.std(axis=(1, 2)) > 1)
    n_pixel = (preset.size / preset.pixel).to_value("")
    assert preset.grid()[1] == pytest.approx((n_pixel, n_pixel), abs=1)
    assert {"tsz", "cmb", "noise"} <= {part.name for part in preset.components}


def test_the_images_of_gupta():
    """40 x 40 pixels of 0.25 arcmin around one cluster at redshift 0.7."""
    sky = SkySimulator.from_preset("gupta2020", rng=2).patch(keep_components=True)
    assert sky.maps.shape == (40, 40)
    assert sky.maps.pixel_scale == pytest.approx((0.25, 0.25))
    (cluster,) = sky.truth
    assert (cluster["x_centroid"], cluster["y_centroid"]) == pytest.approx((19.5, 19.5), abs=1e-3)
    assert cluster["redshift"] == 0.7
    assert cluster["m200c"] == 3e14 * u.Msun
    image = sky.components["tsz"][0]
    assert np.abs(image[18:22, 18:22]).max() == np.abs(image).max()
    assert image.min() < -50


@pytest.mark.parametrize("mass", [5e13, 1e15])
def test_the_cluster_of_gupta_has_the_mass_that_is_asked_for(mass):
    preset = gupta2020(m200c=mass)
    simulator = SkySimulator(preset.instrument, preset.components, halos=preset.halos,
                             cosmology=preset.cosmology)  # fmt: skip
    (cluster,) = simulator.patch(*preset.grid()).truth
    assert cluster["m200c"].to_value("Msun") == pytest.approx(mass)
    expected = convert_mass(mass, 0.7, "200c", "500c", cosmology=Planck18)
    assert cluster["m500c"].to_value("Msun") == pytest.approx(expected, rel=1e-3)


def test_cosmologies():
    for name in ("deepsz", "spt3g", "act-dr6"):
        assert PRESETS[name]().cosmology == sehgal_cosmology()
    assert PRESETS["planck-hfi"]().cosmology == Planck18


def test_depth_of_deepsz():
    """Lin et al. (2021): 2.8, 2.6 and 6.6 uK arcmin."""
    instrument = PRESETS["deepsz"]().instrument
    assert [band.noise for band in instrument] == [2.8, 2.6, 6.6]


def test_expected_covariance_is_that_of_the_maps(lab):
    """Sum of the components behind the beams, and the noise."""
    instrument = lab.instrument(95.0, 150.0)
    parts = [CMB(), DustyGalaxies(max_flux=6.4), Noise()]
    simulator = SkySimulator(instrument, parts, rng=3)
    found = 0
    edges = np.array([1500, 2500, 6000])
    for _ in range(6):
        maps = simulator.patch(*lab.grid(4, 1.0)).maps.data
        found = found + np.array([[lab.power(a, b, 1.0, edges) for b in maps] for a in maps]) / 6
    for n, ell in enumerate(np.arange(a, b, 20) for a, b in zip(edges, edges[1:])):
        expected = np.average(simulator.covariance(ell), axis=0, weights=ell)
        np.testing.assert_allclose(found[..., n], expected, rtol=0.15)
