"""The ensembles that come with the package."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder import EnsembleFinder, SkySimulator
from szfinder.finders import EnsemblePreset, available_ensembles
from szfinder.finders import ensemble_for
from szfinder.training.seeds import ENSEMBLE_SEEDS


def test_there_are_some():
    assert {"deepsz", "planck", "spt3g"} <= set(available_ensembles())


@pytest.mark.parametrize("name", available_ensembles())
def test_learned_from_seeds_for_it(name):
    first, last = EnsemblePreset.load(name).card["data"]["seeds"]
    assert first in ENSEMBLE_SEEDS and last in ENSEMBLE_SEEDS and first < last


@pytest.mark.parametrize("name, size", [("deepsz", 1.5), ("spt3g", 2)])
def test_finds_the_most_massive_clusters(name, size):
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    sky = SkySimulator.from_preset(name, size=size, rng=1003).patch()
    assert ensemble_for(sky.maps) == name
    truth = sky.truth[(sky.truth["mvir"] >= 2e14 * u.Msun) & (sky.truth["redshift"] >= 0.25)]
    largest = SkyCoord(truth["sky_centroid"][np.argsort(-truth["mvir"].value)[:5]])
    clusters = EnsembleFinder.from_preset(name)(sky.maps)
    _, distance, _ = largest.match_to_catalog_sky(clusters["sky_centroid"])
    assert np.count_nonzero(distance.arcmin < 1.5) >= 4
    assert ((clusters["probability"] > 0) & (clusters["probability"] <= 1)).all()
    np.testing.assert_array_equal(clusters["score"], clusters["probability"])
