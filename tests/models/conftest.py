"""A small trained network's preset, and maps that fit it."""

import shutil

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.models import Preprocessing, Preset, build_resnet

SMALL = {"input_shape": [16, 16, 2], "width": 4, "blocks": [1, 2], "dense": 8}
CALIBRATION = {
    "platt": {"slope": 1.1, "intercept": -0.2},
    "thresholds": {"f1": 0.5},
    "score_quantiles": {"0.5": 0.1, "0.99": 0.9, "1.0": 0.9},
}
CARD = {"command": "train", "seed": 3, "data": {}, "date": "2026-01-01", "scores": {"f1": 0.6}}


@pytest.fixture(scope="session")
def instrument():
    bands = [Band("90", 95.0, Beam.from_fwhm(1.6)), Band("150", 150.0, Beam.from_fwhm(1.2))]
    return Instrument("camera", bands)


@pytest.fixture(scope="session")
def preprocessing(instrument):
    return Preprocessing.from_instrument(
        instrument, scale=[50.0, 40.0], pixel_size=0.5, image_size=16
    )


@pytest.fixture
def make_maps():
    def make(*bands, pixel_size=0.5):
        size = u.Quantity(10, "arcmin")
        wcs, shape = wcs_for_patch(SkyCoord("30d 60d"), size, u.Quantity(pixel_size, "arcmin"))
        bands = [Band(name, frequency, Beam.from_fwhm(fwhm)) for name, frequency, fwhm in bands]
        return MapStack(
            np.zeros((len(bands), *shape)), wcs=wcs, instrument=Instrument("other", bands)
        )

    return make


@pytest.fixture(scope="session")
def trained():
    """A network whose biases and moments are no longer those it started with."""
    pytest.importorskip("keras", reason="networks need Keras")
    model = build_resnet(**SMALL)
    rng = np.random.default_rng(5)
    weights = model.get_weights()
    weights[-2] *= 0.02  # for probabilities that are neither 0 nor 1
    model.set_weights([w + (w.ndim == 1) * rng.uniform(0, 0.3, w.shape) for w in weights])
    return model


@pytest.fixture(scope="session")
def preset(trained, preprocessing):
    return Preset.from_model(
        trained,
        name="small",
        architecture="resnet",
        arguments=SMALL,
        preprocessing=preprocessing,
        calibration=CALIBRATION,
        card=CARD,
    )


@pytest.fixture(scope="session")
def saved(preset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "small"
    preset.save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A saved preset that a test may spoil."""
    return shutil.copytree(saved, tmp_path / "small")
