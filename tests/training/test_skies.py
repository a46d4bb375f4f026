"""Skies of a training: the same seed is the same sky, and other maps have another name."""

import json

import numpy as np
import pytest

from szfinder.maps import MapStack
from szfinder.simulation import SkySimulator
from szfinder.training import InjectedSkies, MockSkies, SurrogateSkies
from szfinder.training.seeds import VALIDATION_SEEDS


@pytest.fixture(scope="module")
def maps():
    return SkySimulator.from_preset("spt3g", size=1.0, rng=3).patch().maps


@pytest.fixture(scope="module", params=["mock", "surrogate", "injected"])
def skies(request, maps):
    return {"mock": MockSkies("spt3g", size=0.7), "surrogate": SurrogateSkies(maps),
            "injected": InjectedSkies(maps, boost=50.0)}[request.param]  # fmt: skip


def test_same_seed_same_sky(skies):
    one, same, other = (skies.sky(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.maps.data, same.maps.data)
    np.testing.assert_array_equal(one.truth["m500c"], same.truth["m500c"])
    assert not np.array_equal(one.maps.data, other.maps.data)
    assert len(one.truth) and one.truth["y_c"].max() > 0


def test_description(skies):
    """In values that JSON has, and the same for the same skies."""
    assert json.loads(json.dumps(skies.as_dict)) == skies.as_dict


def test_injected_skies_are_the_maps_elsewhere(maps):
    mask = np.zeros(maps.shape, bool)
    mask[40:60, 30:70] = True
    skies = InjectedSkies(maps, mask)
    sky = skies.sky(4)
    here = np.isfinite(sky.maps.data).all(axis=0)
    difference = np.abs(sky.maps.data - maps.data)[:, here]
    assert np.median(difference) < 1.0 < maps.data.std() / 20

    # where right ascension is low, networks are validated, and nothing is learned
    there = np.isfinite(skies.sky(VALIDATION_SEEDS[1]).maps.data).all(axis=0)
    assert not (here & there).any()
    np.testing.assert_array_equal(here | there, ~mask)
    right_ascension = maps.wcs.pixel_to_world(*np.indices(maps.shape)[::-1]).ra.deg
    assert right_ascension[there].max() < right_ascension[here].min()
    assert 0.15 < there.sum() / (~mask).sum() < 0.25


@pytest.mark.parametrize("kind", [SurrogateSkies, InjectedSkies])
def test_description_changes_with_the_maps(maps, kind):
    images, mask = maps.data.copy(), np.zeros(maps.shape, bool)
    images[1, 20, 30] += 1
    mask[5, 7] = True
    other = MapStack(images, wcs=maps.wcs, instrument=maps.instrument)
    same = MapStack(maps.data.copy(), wcs=maps.wcs, instrument=maps.instrument)
    names = [json.dumps(kind(*given).as_dict) for given in
             ((maps,), (other,), (maps, mask), (maps, np.roll(mask, 1)))]  # fmt: skip
    assert len(set(names)) == 4
    assert kind(same).as_dict == kind(maps).as_dict


def test_descriptions_of_options(maps):
    assert InjectedSkies(maps, boost=2.0).as_dict != InjectedSkies(maps, boost=3.0).as_dict
    assert MockSkies("spt3g", size=2).as_dict == {"sky": "spt3g", "size": 2}
    assert MockSkies("planck-hfi").as_dict == {"sky": "planck-hfi", "size": pytest.approx(14.6)}


@pytest.mark.parametrize("size", [0.0, -1, np.nan])
def test_wrong_skies(size):
    with pytest.raises(ValueError, match="size must be positive, in degrees; found"):
        MockSkies("spt3g", size=size)
    with pytest.raises(ValueError, match="unknown sky preset 'deep'; use one of deepsz"):
        MockSkies("deep")
