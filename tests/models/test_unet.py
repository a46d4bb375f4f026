"""The U-Net: its layers and parameters, what it computes, its seeds, and images of any size."""

import numpy as np
import pytest
from scipy.signal import correlate

from szfinder.models import build_network
from szfinder.models.unet import build_unet
from szfinder.models.weights import assign_weights, layer_weights, read_weights, write_weights

keras = pytest.importorskip("keras", reason="networks need Keras")

SMALL = {"input_shape": (None, None, 2), "filters": (3, 4, 5)}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(2, 16, 24, 2)).astype(np.float32)


@pytest.fixture
def global_settings():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)


def answer(model, images, training=False):
    return np.asarray(model(images, training=training))


def same_weights(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights()))


def number_of_parameters(n_band, filters, n_outputs, batch_normalization):
    """Block by block, from the widths alone."""

    def block(before, width):
        of_each = 4 if batch_normalization else 1  # scale, offset and two moments, or a bias
        return 9 * (before + width) * width + 2 * of_each * width

    total = sum(block(before, width) for before, width in zip([n_band, *filters], filters))
    for width, below in zip(filters, filters[1:]):
        total += (4 * below + 1) * width + block(2 * width, width)
    return total + (filters[0] + 1) * n_outputs


def test_the_network_of_the_paper():
    """Bonjean (2020), section 3.3: "a total of 23 layers", 8 to 128 filters, maps as the image."""
    model = build_unet((64, 64, 6))
    kernels = [layer for layer in model.layers if layer.weights]
    assert len(kernels) == 23
    assert model.output_shape == (None, 64, 64, 1)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    for level, width in enumerate((8, 16, 32, 64, 128), start=1):
        side = 64 // 2 ** (level - 1)
        assert shapes[f"down{level}_2_dropout"] == (side, side, width)
        if level < 5:
            assert shapes[f"up{level}_skip"] == (side, side, 2 * width)
            assert shapes[f"up{level}_2_dropout"] == (side, side, width)
    assert {layer.rate for layer in model.layers if "dropout" in layer.name} == {0.2}
    down = [440, 584, 1168, 2320, 4640, 9248, 18496, 36928, 73856, 147584]
    up = [32832, 73792, 36928, 8224, 18464, 9248, 2064, 4624, 2320, 520, 1160, 584]
    assert model.count_params() == sum(down + up) + 9 == 486033
    assert number_of_parameters(6, (8, 16, 32, 64, 128), 1, False) == 486033


@pytest.mark.parametrize(
    "n_band, filters, n_outputs, batch_normalization",
    [(3, (24, 48, 96, 192), 1, True), (1, (5,), 2, False), (2, (3, 3, 7), 3, True)],
)
def test_parameters_of_other_sizes(n_band, filters, n_outputs, batch_normalization):
    model = build_unet(
        (None, None, n_band),
        filters=filters,
        n_outputs=n_outputs,
        batch_normalization=batch_normalization,
    )
    expected = number_of_parameters(n_band, filters, n_outputs, batch_normalization)
    assert model.count_params() == expected


FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "linear": lambda x: x,
}


def by_hand(weights, image, activation, output_activation):
    """The answer of a U-Net of two blocks, by scipy's correlation and numpy."""

    def convolution(x, name):
        kernel, bias = weights[name + "_conv"]
        maps = [sum(correlate(plane, kernel[..., i, o], "same") for i, plane in enumerate(x))
                for o in range(kernel.shape[-1])]  # fmt: skip
        return np.array(maps) + bias[:, None, None]

    def block(x, name):
        for part in (1, 2):
            x = FUNCTIONS[activation](convolution(x, f"{name}_{part}"))
        return x

    top = block(np.moveaxis(image.astype(float), -1, 0), "down1")
    n, ny, nx = top.shape
    bottom = block(top.reshape(n, ny // 2, 2, nx // 2, 2).max(axis=(2, 4)), "down2")
    kernel, bias = weights["up1_transposed"]  # (2, 2, out, in)
    wide = np.einsum("iyx,abki->kyaxb", bottom, kernel).reshape(-1, ny, nx)
    joined = np.concatenate([top, wide + bias[:, None, None]])
    return FUNCTIONS[output_activation](convolution(block(joined, "up1"), "map"))


@pytest.mark.parametrize("activations", [("relu", "sigmoid"), ("silu", "linear")])
def test_answer_by_hand(images, activations):
    activation, output_activation = activations
    model = build_unet((None, None, 2), filters=(3, 4), activation=activation, n_outputs=2,
                       output_activation=output_activation, seed=5)  # fmt: skip
    rng = np.random.default_rng(2)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    expected = [by_hand(layer_weights(model), image, *activations) for image in images]
    np.testing.assert_allclose(
        answer(model, images), np.moveaxis(expected, 1, -1), rtol=1e-4, atol=1e-5
    )


def test_batch_normalization_is_before_the_function(images):
    model = build_unet(**SMALL, batch_normalization=True, activation="silu")
    order = [layer.name for layer in model.layers if layer.name.startswith("down1_1")]
    assert order == ["down1_1_conv", "down1_1_bn", "down1_1_silu", "down1_1_dropout"]
    assert model.get_layer("down1_1_conv").bias is None
    assert np.isfinite(answer(model, images)).all()


def test_a_moved_source_moves_the_map():
    model = build_unet((None, None, 1), filters=(3, 4, 5), output_activation="linear")
    sky = np.zeros((2, 64, 64, 1), np.float32)
    sky[0, 28:31, 25] = sky[1, 36:39, 37] = 5  # moved by multiples of the 4 pixels of the bottom
    one, two = answer(model, sky)
    assert np.abs(one - one[0, 0]).max() > 0.1
    # the borders, where padding with zeros tells on, are left out
    np.testing.assert_allclose(one[16:44, 16:40], two[24:52, 28:52], atol=1e-5)


def test_answer_does_not_depend_on_what_it_was_built_for(images):
    anything, fixed = build_unet(**SMALL), build_unet((16, 24, 2), filters=SMALL["filters"])
    assert anything.output_shape == (None, None, None, 1)
    np.testing.assert_array_equal(answer(anything, images), answer(fixed, images))
    assert answer(anything, images[:, :8, :20]).shape == (2, 8, 20, 1)


def test_dropout_is_in_training_alone_and_follows_the_seed(images):
    one, two, other = (build_unet(**SMALL, dropout=0.5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(answer(one, images), answer(one, images))
    first = answer(one, images, training=True)
    assert not np.array_equal(first, answer(one, images, training=True))
    np.testing.assert_array_equal(first, answer(two, images, training=True))
    assert same_weights(one, two) and not same_weights(one, other)
    other.set_weights(one.get_weights())
    assert not np.array_equal(first, answer(other, images, training=True))


def test_dropout_of_each_layer_is_its_own():
    model = build_unet((32, 32, 3), filters=(3,), dropout=0.5)
    ones = np.ones((1, 32, 32, 3), np.float32)
    layers = [layer for layer in model.layers if "dropout" in layer.name]
    masks = [np.asarray(layer(ones, training=True)) > 0 for layer in layers]
    assert len(masks) == 2
    assert [mask.mean() for mask in masks] == pytest.approx([0.5, 0.5], abs=0.04)
    assert (masks[0] == masks[1]).mean() == pytest.approx(0.5, abs=0.04)


def test_weights_do_not_depend_on_dropout_nor_on_global_seeds():
    keras.utils.set_random_seed(1)
    state = np.random.get_state()[1].copy()
    one = build_unet(**SMALL, seed=3)
    assert np.array_equal(state, np.random.get_state()[1])
    keras.utils.set_random_seed(2)
    assert same_weights(one, build_unet(**SMALL, dropout=0, seed=3))


def test_global_settings_of_keras_do_not_leak(images, global_settings):
    model = build_unet(**SMALL, batch_normalization=True)
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
    under_policy = answer(model, images)
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    plain = build_unet(**SMALL, batch_normalization=True)
    np.testing.assert_array_equal(under_policy, answer(plain, images))


def test_weight_decay_is_half_the_square_of_all_kernels():
    model = build_unet(**SMALL, weight_decay=0.01)
    kernels = [np.asarray(w) for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == 2 * 5 + 2 + 1
    expected = 0.5 * 0.01 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_weights_of_a_file(images, tmp_path):
    """As a preset keeps them: kernels in half precision, and no state of the dropout."""
    arguments = {**SMALL, "batch_normalization": True}
    model = build_network("unet", arguments)
    path = tmp_path / "model.weights.h5"
    write_weights(path, model)
    weights = read_weights(path)
    assert weights.keys() == layer_weights(model).keys()
    again = build_network("unet", {**arguments, "seed": 9})
    assign_weights(again, weights)
    np.testing.assert_allclose(answer(again, images), answer(model, images), atol=2e-3)


@pytest.mark.parametrize("shape", [(18, 16, 2), (16, 2, 2)])
def test_sides_that_cannot_be_halved(shape):
    message = f"must be multiples of 4 pixels; found {shape[0]} x {shape[1]}"
    with pytest.raises(ValueError, match=message):
        build_unet(shape, filters=SMALL["filters"])
    model = build_unet(**SMALL)
    with pytest.raises(ValueError, match=message):
        model(np.zeros((1, *shape), np.float32))
    with pytest.raises(ValueError, match=message):
        model.compute_output_shape((1, *shape))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"filters": ()}, "filters must hold positive integers"),
        ({"filters": (8, 0)}, "filters must hold positive integers"),
        ({"n_outputs": 0}, "n_outputs must hold positive integers"),
        ({"input_shape": (16, 16.0, 2)}, "input_shape must hold positive integers"),
        ({"input_shape": (16, 16)}, r"input_shape must be \(ny, nx, n_band\)"),
        ({"input_shape": (16, 16, None)}, r"input_shape must be \(ny, nx, n_band\)"),
        ({"dropout": 1}, "dropout must be from 0 to below 1; found 1"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_unet(**{**SMALL, **wrong})
