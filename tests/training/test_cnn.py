"""train_cnn and train_cnn_on_maps: what is trained on is said, checked and kept."""

import json
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.models import Preset
from szfinder.training import CNNTraining, ModernRecipe, train_cnn, train_cnn_on_maps

SMALL = CNNTraining("deepsz", ModernRecipe(n_batches=300), width=4, n_skies=2, size=1.5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_skies": 0}, "n_skies must be from 1 to 1000000; found 0"),
        ({"n_skies": 1_000_001}, "n_skies must be from 1 to 1000000; found 1000001"),
        ({"n_validation": 0}, "n_validation must be from 1 to 5000; found 0"),
        ({"n_validation": 20_000}, "n_validation must be from 1 to 5000; found 20000"),
        ({"width": 0}, "width must be 1 or more; found 0"),
        ({"size": 0.0}, "size must be positive, in degrees; found 0.0"),
        ({"size": float("nan")}, "size must be positive, in degrees; found nan"),
        ({"sky": "deep"}, "unknown sky preset 'deep'; use one of deepsz"),
    ],
)
def test_what_no_training_can_be(options, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **options)


def test_unknown_training(tmp_path):
    with pytest.raises(ValueError, match="unknown training 'foo'; use one of deepsz-spt3g"):
        train_cnn("foo", tmp_path)


def test_preset_is_that_of_the_folder(keras, tmp_path):
    preset = train_cnn(SMALL, tmp_path)
    saved = Preset.load(tmp_path / "preset")
    for name, layer in preset.weights.items():
        for found, expected in zip(layer, saved.weights[name], strict=True):
            np.testing.assert_array_equal(found, expected)
    assert preset.card == saved.card and "sha256" in preset.card
    data = preset.card["data"]
    known = {"sky": "deepsz", "size": 1.5, "n_skies": 2, "n_validation": 4, "width": 4,
             "recipe": "modern", "max_batches": [300], "ratios": [4.0], "adjacent": True,
             "training_seeds": [1_000_000, 1_000_001]}  # fmt: skip
    assert data == {**data, **known}
    assert not any(isinstance(value, dict) for value in data.values())
    assert len(json.dumps(data)) < 1000
    for other, message in (
        (replace(SMALL, size=1.4), "size 1.5, not 1.4"),
        (replace(SMALL, n_skies=1), "n_skies 2, not 1"),
        (replace(SMALL, recipe=ModernRecipe(n_batches=4)), r"max_batches \[300\], not \[4\]"),
    ):
        with pytest.raises(ValueError, match=f"the state of a training with {message}"):
            train_cnn(other, tmp_path)


@pytest.fixture
def observed():
    """A noise map along the equator, with clusters and one far away."""
    wcs, shape = wcs_for_patch(SkyCoord(30, 0, unit="deg"), [1, 4] * u.deg, 1 * u.arcmin)
    rng = np.random.default_rng(1)
    instrument = Instrument("one", [Band(150, 150.0, Beam(1.2))])
    x, y = rng.uniform(0, np.array(shape[::-1])[:, None] - 1, (2, 60))
    squares = (np.indices(shape)[..., None] - np.array([y, x])[:, None, None, :]) ** 2
    data = rng.standard_normal(shape) - 20 * np.exp(-squares.sum(axis=0) / 4).sum(axis=-1)
    maps = MapStack(data[None], wcs=wcs, instrument=instrument)
    return maps, SkyCoord([*wcs.pixel_to_world(x, y), SkyCoord(90, 0, unit="deg")])


def test_other_maps_are_another_training(keras, observed, tmp_path):
    maps, positions = observed
    catalogue = QTable({"sky_centroid": positions})

    def train(maps=maps, catalogue=catalogue, **options):
        usual = {"test": 0.2, "validation": 0.5, "width": 4, "recipe": ModernRecipe(n_batches=100)}
        return train_cnn_on_maps(maps, catalogue, tmp_path, **{**usual, **options})

    data = train().card["data"]
    assert data["n_clusters"] == 60
    assert (data["test"], data["validation"], data["width"]) == (0.2, 0.5, 4)
    assert train().card["data"] == data
    brighter = MapStack(np.roll(maps.data, 1), wcs=maps.wcs, instrument=maps.instrument)
    mask = np.zeros(maps.shape, bool)
    mask[30, 60] = True
    for options, message in (
        ({"maps": brighter}, "training_maps '"),
        ({"mask": mask}, "training_maps '"),
        ({"catalogue": catalogue[1:]}, "n_clusters 60, not 59"),
        ({"validation": 0.6}, "validation 0.5, not 0.6"),
    ):
        with pytest.raises(ValueError, match=f"the state of a training with {message}"):
            train(**options)


def test_width_on_maps(observed, tmp_path):
    maps, positions = observed
    with pytest.raises(ValueError, match="width must be 1 or more; found 0"):
        train_cnn_on_maps(maps, QTable({"sky_centroid": positions}), tmp_path, width=0)
