"""The weights that come with the package: whole, small, honest, and good for something."""

import json

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder import MassEstimator
from szfinder.finders import CNNFinder, UNetSegmentFinder
from szfinder.maps import MapError
from szfinder.models import Preset, available_presets
from szfinder.models.preset import BUNDLED
from szfinder.simulation import SkySimulator, cluster_images
from szfinder.training.mass_labels import compton_images
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS

WEIGHTS = "model.weights.h5"


def test_there_are_some():
    assert {
        "deepsz-spt3g", "mass-gupta2020", "mass-spt3g", "unet-planck", "unet-spt3g"
    } <= set(available_presets())  # fmt: skip


@pytest.fixture(params=available_presets())
def name(request):
    return request.param


def test_loads(name):
    """Which includes that the weights are those of the card, by their hash and their number."""
    preset = Preset.load(name)
    assert preset.name == name and preset.card["sha256"]
    assert all(np.isfinite(array).all() for arrays in preset.weights.values() for array in arrays)


def test_another_file_is_refused(name, tmp_path):
    for path in (BUNDLED / name).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes() + b" " * (path.name == WEIGHTS))
    with pytest.raises(ValueError, match="is not the file that card.json describes"):
        Preset.load(tmp_path)


def test_seeds_are_those_of_their_purpose(name):
    data = json.loads((BUNDLED / name / "card.json").read_text())["data"]
    for key, allowed in (("training", TRAINING_SEEDS), ("validation", VALIDATION_SEEDS)):
        first, last = data[f"{key}_seeds"]
        assert first in allowed and last in allowed and first <= last


def test_file_is_small(name):
    path = BUNDLED / name / WEIGHTS
    assert path.stat().st_size < 20e6
    types = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda _, item: types.setdefault(getattr(item, "ndim", 0) > 1, set()).add(item.dtype)
            if isinstance(item, h5py.Dataset) else None
        )  # fmt: skip
    assert types == {True: {np.dtype("float16")}, False: {np.dtype("float32")}}


@pytest.mark.parametrize("preset, finder", [("deepsz", CNNFinder), ("spt3g", UNetSegmentFinder)])
def test_finds_the_most_massive_clusters(preset, finder):
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    sky = SkySimulator.from_preset(preset, size=2, rng=1003).patch()
    truth = sky.truth[(sky.truth["mvir"] >= 2e14 * u.Msun) & (sky.truth["redshift"] >= 0.25)]
    largest = SkyCoord(truth["sky_centroid"][np.argsort(-truth["mvir"].value)[:5]])
    assert len(largest) == 5
    clusters = finder()(sky.maps)
    _, distance, _ = largest.match_to_catalog_sky(clusters["sky_centroid"])
    assert np.count_nonzero(distance.arcmin < 2) >= 4


@pytest.mark.parametrize(
    "preset, sky, redshift, told, offset",
    [
        ("mass-gupta2020", "gupta2020", 0.7, True, 0.0),
        ("mass-spt3g", "spt3g", 0.4, True, 0.0),
        ("mass-spt3g", "spt3g", 0.9, True, 1.0),
        ("mass-spt3g", "spt3g", 0.6, False, 0.0),
    ],
)
def test_weighs_clusters(preset, sky, redshift, told, offset):
    """Heavier ones are heavier, errors are about right, and so is the centre of the profile.

    Also of those that are off the middle of the image by up to an arcminute.
    """
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    estimator, true = MassEstimator(preset), np.repeat([2.5e14, 4e14, 7e14], 24)
    side = estimator.preset.preprocessing.image_size
    made = cluster_images(sky, true, redshift, side=side, max_offset=offset, rng=1003)
    mass, error, y = estimator.estimate_images(
        made.images, redshift=np.full(true.size, redshift if told else np.nan)
    )
    deviation = np.log(mass / true)
    assert np.all(np.abs(np.median(deviation.reshape(3, 24), axis=1)) < 0.25)
    assert 0.6 < np.std(deviation / np.arcsinh(error / mass)) < 1.5
    painted, there = (part[:, side // 2, side // 2].mean() for part in (
        y, compton_images(made.truth, side, made.pixel)))  # fmt: skip
    # how concentrated a cluster is depends on its redshift
    assert painted == pytest.approx(there, rel=0.25 if told else 0.5)


@pytest.mark.parametrize(
    "preset, sky, masses",
    [("mass-gupta2020", "gupta2020", [5e13, 1e15]), ("mass-spt3g", "spt3g", [4e13, 2.5e15])],
)
def test_masses_outside_of_the_range_are_flagged(preset, sky, masses):
    """Most of them: what the noise makes of a light cluster may look like a heavier one."""
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    estimator, redshift = MassEstimator(preset), np.full(60, 0.7)
    side = estimator.preset.preprocessing.image_size
    made = cluster_images(sky, np.repeat(masses, 30), redshift, side=side, rng=1004)
    mass, _, _ = estimator.estimate_images(made.images, redshift=redshift)
    low, high = estimator.preset.calibration["masses"]
    assert np.mean(mass[:30] < low) > 0.75 and np.mean(mass[30:] > high) > 0.75


@pytest.mark.parametrize("preset, sky", [("mass-gupta2020", "gupta2020"), ("mass-spt3g", "spt3g")])
def test_where_there_is_no_cluster(preset, sky):
    """Most places have a mass below those that hold."""
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    estimator = MassEstimator(preset)
    side = estimator.preset.preprocessing.image_size
    made = cluster_images(sky, np.full(60, 3e14), 0.7, side=side, rng=1005)
    mass, _, _ = estimator.estimate_images(made.surroundings, redshift=0.7)
    assert np.mean(~(mass >= estimator.preset.calibration["masses"][0])) > 0.75


def test_advice_for_maps_of_another_instrument():
    """Who takes the weights of one instrument to the maps of another is told which do fit."""
    planck = SkySimulator.from_preset("planck-hfi", size=3, rng=1).patch().maps
    with pytest.raises(MapError, match="or take the preset unet-planck$"):
        Preset.load("unet-spt3g").check_maps(planck)
    with pytest.raises(MapError, match="train a network for them$"):
        Preset.load("deepsz-spt3g").check_maps(planck)
