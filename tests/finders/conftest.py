"""A network whose weights are set by hand, so that what it finds is known."""

import numpy as np
import pytest

from szfinder.models import Preprocessing, Preset, build_resnet, build_unet

ARGUMENTS = {"input_shape": [13, 13, 3], "width": 1, "blocks": [1], "dense": 1}


def set_layer(model, name, *arrays):
    layer = model.get_layer(name)
    shapes = [weight.shape for weight in layer.weights]
    layer.set_weights([np.reshape(a, s) for a, s in zip(arrays, shapes, strict=True)])


@pytest.fixture(scope="session")
def make_preset():
    """Preset of a network that looks for a bump in the middle of cutouts of 13 x 13 pixels.

    The weighted sum of the bands is smoothed twice over 3 x 3 pixels. In each of four squares of
    7 x 7 pixels around the middle, which overlap there, the greatest value is taken. The logit of
    the probability is linear in their sum, and turns positive at four times ``level``.
    """
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    pytest.importorskip("keras", reason="networks need Keras")

    def make(instrument, *, pixel_size, bands, level, steepness, scale=(1, 1, 1), platt=(1, 0)):
        model = build_resnet(**ARGUMENTS)
        set_layer(model, "stem1_conv", np.multiply.outer(np.full((3, 3), 1 / 9),
                                                         np.multiply(bands, scale)))
        set_layer(model, "stem2_conv", np.full((3, 3), 1 / 9))
        set_layer(model, "stage2_block1_shortcut_conv", [1, 0, 0, 0])
        set_layer(model, "stage2_block1_expand_conv", np.zeros(4))
        squares = np.zeros((4, 4, 4))
        squares[1:3, 1:3, 0] = 1
        set_layer(model, "dense1", squares, 0)
        set_layer(model, "dense2", 1, 0)
        set_layer(model, "probability", [0, steepness], [0, -4 * level * steepness])
        return Preset.from_model(
            model,
            name="by-hand",
            architecture="resnet",
            arguments=ARGUMENTS,
            preprocessing=Preprocessing.from_instrument(
                instrument, scale=scale, pixel_size=pixel_size, image_size=13
            ),
            calibration={"platt": {"slope": platt[0], "intercept": platt[1]},
                         "thresholds": {"f1": 0.5}, "score_quantiles": {}},
            card={"command": "", "seed": 0, "data": {}, "date": "2026-01-01", "scores": {}},
        )

    return make


@pytest.fixture(scope="session")
def make_unet_preset():
    """Preset of a U-Net that smooths the weighted sum of the bands, and does no more.

    The sum is smoothed four times over 3 x 3 pixels, and cut off at 0 after the first. The logit of
    the answer is linear in the result, and turns positive at ``level``. The coarser level adds
    nothing.
    """
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    pytest.importorskip("keras", reason="networks need Keras")

    def make(instrument, *, pixel_size, bands, level, steepness):
        arguments = {"input_shape": [None, None, len(bands)], "filters": [1, 1], "dropout": 0.0}
        model = build_unet(**arguments)
        mean = np.full((3, 3), 1 / 9)
        set_layer(model, "down1_1_conv", np.multiply.outer(mean, bands), 0)
        set_layer(model, "down1_2_conv", mean, 0)
        set_layer(model, "up1_1_conv", np.multiply.outer(mean, [1, 0]), 0)
        set_layer(model, "up1_2_conv", mean, 0)
        set_layer(model, "map_conv", steepness, -level * steepness)
        return Preset.from_model(
            model,
            name="unet-by-hand",
            architecture="unet",
            arguments=arguments,
            preprocessing=Preprocessing.from_instrument(
                instrument, scale=[1.0] * len(bands), pixel_size=pixel_size, image_size=16
            ),
            calibration={"platt": {"slope": 1, "intercept": 0},
                         "thresholds": {"f1": 0.5}, "score_quantiles": {}},
            card={"command": "", "seed": 0, "data": {}, "date": "2026-01-01", "scores": {}},
        )

    return make
