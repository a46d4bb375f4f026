"""A small trained network's preset, and maps that fit it."""

import numpy as np
import pytest

from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.models import Preprocessing, Preset, build_resnet

SMALL = {"input_shape": [16, 16, 2], "width": 4, "blocks": [1, 2], "dense": 8}
CALIBRATION = {"platt": [1.1, -0.2], "thresholds": {"f1": 0.5}, "score_quantiles": [0.1, 0.9]}
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
    def make(bands, pixel_size=0.5):
        wcs = wcs_for_patch((30, 60), 0, shape=(20, 20), pixel_size=pixel_size)
        return MapStack(
            np.zeros((len(bands), 20, 20)), wcs=wcs, instrument=Instrument("other", bands)
        )

    return make


@pytest.fixture(scope="session")
def trained():
    """A network whose every weight is far from where it started."""
    pytest.importorskip("keras", reason="networks need Keras")
    model = build_resnet(**SMALL)
    rng = np.random.default_rng(5)
    model.set_weights([w + rng.uniform(0.1, 0.3, w.shape) for w in model.get_weights()])
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


@pytest.fixture
def folder(preset, tmp_path):
    preset.save(tmp_path / "small")
    return tmp_path / "small"
