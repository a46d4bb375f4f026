"""mResUNet: its size, what it computes, where dropout is, and its seeds."""

import numpy as np
import pytest
from scipy.signal import correlate

from szfinder.models import ARCHITECTURES, build_network
from szfinder.models.layers import Layers
from szfinder.models.mresunet import build_mresunet
from szfinder.models.weights import assign_weights, layer_weights, read_weights, write_weights

keras = pytest.importorskip("keras", reason="networks need Keras")

SMALL = {"input_shape": (16, 24, 2), "filters": (3, 4)}
DOWN, UP = (1, 2, 3, 4), (4, 3, 2, 1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(2, 16, 24, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def paper():
    """The network of Gupta & Reichardt (2020)."""
    return build_mresunet()


@pytest.fixture(scope="module")
def small():
    """A small network, none of whose weights is what it starts with; not to be changed."""
    return spoilt(build_mresunet(**SMALL))


@pytest.fixture
def global_settings():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)


def spoilt(model, seed=2):
    """Biases, moments and the last kernel are no longer what they are at first."""
    rng = np.random.default_rng(seed)
    model.set_weights([
        w if w.ndim > 1 and w.any() else w + rng.uniform(0, 0.2, w.shape)
        for w in model.get_weights()
    ])  # fmt: skip
    return model


def answer(model, images, training=False):
    return np.asarray(model(images, training=training))


def same_weights(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights()))


def input_of(model, name):
    """Name of the layer whose result a layer is given."""
    return model.get_layer(name).input._keras_history.operation.name


def test_the_network_of_the_paper(paper):
    """Gupta & Reichardt (2020), section 2.1: images of 40 pixels, and 64 to 512 filters."""
    assert paper.input_shape == (None, 40, 40, 1)
    assert paper.output_shape == (None, 40, 40, 2)
    shapes = {layer.name: layer.output.shape[1:] for layer in paper.layers}
    for level, (width, side) in enumerate(zip((64, 128, 256, 512), (40, 20, 10, 5)), start=1):
        assert all(shapes[f"down{level}_{n}_sum"] == (side, side, width) for n in DOWN)
        assert level == 4 or all(shapes[f"up{level}_{n}_sum"] == (side, side, width) for n in UP)
    assert "up4_1_sum" not in shapes and "down5_1_sum" not in shapes


def number_of_parameters(n_band, filters, n_outputs):
    """Sub-stage by sub-stage, from the widths alone."""

    def sub_stage(before, width, handed=0, shortcut=None):
        shortcut = before != width if shortcut is None else shortcut
        total = (9 * (before + handed) + 1) * width + 4 * width
        return total + shortcut * (before + 1) * width

    total, before = 0, n_band
    for level, width in enumerate(filters):
        # a stride makes another shape of as many channels too
        total += sub_stage(before, width, shortcut=True if level else None)
        total += 3 * sub_stage(width, width)
        before = width
    for width in filters[-2::-1]:
        total += sub_stage(before, width, handed=width) + sub_stage(width, width, handed=width)
        total += 2 * sub_stage(width, width)
        before = width
    return total + (before + 1) * n_outputs


def test_one_block_takes_images_of_any_side():
    model = build_mresunet((5, 7, 1), filters=(5,), n_outputs=1)
    assert model.output_shape == (None, 5, 7, 1)
    assert model.count_params() == number_of_parameters(1, (5,), 1)


def test_parameters_of_the_paper(paper):
    """ "Approximately 16 million"."""
    expected = number_of_parameters(1, (64, 128, 256, 512), 2)
    assert paper.count_params() == expected == 16742018


def selu(x):
    """Klambauer et al. (2017), equation 2."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def by_hand(weights, image, n_blocks):
    """The answer of a mResUNet (figure 1 of the paper) by scipy's correlation and numpy."""

    def convolution(x, name, stride=1, dilation=1):
        kernel, bias = weights[f"{name}_conv"]
        n = len(kernel)
        reach = dilation * (n - 1) + 1
        wide = np.zeros((reach, reach, *kernel.shape[2:]))
        wide[::dilation, ::dilation] = kernel
        padded = np.pad(x, [(0, 0), (reach // 2, reach // 2), (reach // 2, reach // 2)])
        maps = [sum(correlate(plane, wide[..., i, o], "valid") for i, plane in enumerate(padded))
                for o in range(kernel.shape[-1])]  # fmt: skip
        # an even side is filled up at its end, so that 3 pixels are centred on the odd ones
        first = (n - 1) // 2 * (stride - 1)
        return (np.array(maps) + bias[:, None, None])[:, first::stride, first::stride]

    def sub_stage(x, name, stride=1, handed=None):
        y = x if handed is None else np.concatenate([x, handed])
        y = selu(convolution(y, name, stride, int(name[-1])))
        gamma, beta, mean, variance = (w[:, None, None] for w in weights[f"{name}_bn"])
        y = gamma * (y - mean) / np.sqrt(variance + 1e-5) + beta
        return y + (convolution(x, f"{name}_shortcut", stride) if x.shape != y.shape else x)

    x, handed = np.moveaxis(image.astype(float), -1, 0), {}
    for level in range(1, n_blocks + 1):
        for dilation in DOWN:
            stride = 2 if level > 1 and dilation == 1 else 1
            x = handed[level, dilation] = sub_stage(x, f"down{level}_{dilation}", stride)
    for level in range(n_blocks - 1, 0, -1):
        x = x.repeat(2, axis=1).repeat(2, axis=2)
        for dilation in UP:
            also = handed[level, dilation] if dilation % 2 == 0 else None
            x = sub_stage(x, f"up{level}_{dilation}", handed=also)
    return convolution(x, "maps")


@pytest.mark.parametrize("filters", [(3,), (3, 4), (3, 3), (2, 3, 4, 5)])
def test_answer_by_hand(images, filters):
    """Dilations, strides, SELU, what is added to what, and what the way up is handed."""
    model = spoilt(build_mresunet((16, 24, 2), filters=filters, n_outputs=3, seed=5))
    assert model.count_params() == number_of_parameters(2, filters, 3)
    weights = layer_weights(model)
    expected = np.moveaxis([by_hand(weights, image, len(filters)) for image in images], 1, -1)
    error = np.abs(answer(model, images) - expected).max()
    assert error < 1e-4 * np.ptp(expected) and np.ptp(expected, axis=(1, 2)).min() > 0.1


def test_the_answer_has_no_bounds(small, images):
    """The last layer is linear: it may be below 0, and grows with its weights."""
    first = answer(small, images)
    model = build_mresunet(**SMALL)
    model.set_weights(small.get_weights())
    last = model.get_layer("maps_conv")
    last.set_weights([-1000 * w for w in last.get_weights()])
    np.testing.assert_allclose(answer(model, images), -1000 * first, rtol=1e-4)
    assert first.max() > 1 and (-1000 * first).min() < -1000


def test_the_first_answer_is_nothing(images):
    """The last convolution begins with zeros, and no other kernel does."""
    model = build_mresunet(**SMALL)
    np.testing.assert_array_equal(answer(model, images), np.zeros((2, 16, 24, 2)))
    kernels = {name: weights[0] for name, weights in layer_weights(model).items()
               if name.endswith("_conv")}  # fmt: skip
    assert [name for name, kernel in kernels.items() if not kernel.all()] == ["maps_conv"]


def test_dropout_is_before_the_convolutions_of_the_way_up(paper):
    """All that these look at, with what they are handed; and nowhere else."""
    rates = {layer.name: layer.rate for layer in paper.layers if "dropout" in layer.name}
    assert rates == {f"up{n}_{dilation}_dropout": 0.3 for n in (1, 2, 3) for dilation in UP}
    for n in (1, 2, 3):
        given = {4: f"up{n}_4_skip", 3: f"up{n}_4_sum", 2: f"up{n}_2_skip", 1: f"up{n}_2_sum"}
        for dilation, name in given.items():
            assert input_of(paper, f"up{n}_{dilation}_dropout") == name
            assert input_of(paper, f"up{n}_{dilation}_conv") == f"up{n}_{dilation}_dropout"


def test_dropout_is_in_training_alone(images):
    one, two, other = (
        spoilt(build_mresunet(**SMALL, dropout=0.5, seed=seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(answer(one, images), answer(one, images))
    first = answer(one, images, training=True)
    assert not np.array_equal(first, answer(one, images, training=True))
    np.testing.assert_array_equal(first, answer(two, images, training=True))
    other.set_weights(one.get_weights())
    assert not np.array_equal(first, answer(other, images, training=True))


def test_nothing_is_dropped_on_the_way_down(images):
    """What leaves the last block there is the same in every pass of a training."""
    model = build_mresunet(**SMALL, dropout=0.5)
    down = keras.Model(model.input, model.get_layer("down2_4_sum").output)
    first, second = (answer(down, images, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_without_dropout_nothing_is_random(images):
    model = spoilt(build_mresunet(**SMALL, dropout=0))
    first, second = (answer(model, images, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_seed_decides_the_weights_and_nothing_else_does():
    keras.utils.set_random_seed(1)
    state = np.random.get_state()[1].copy()
    one = build_mresunet(**SMALL, seed=3)
    assert np.array_equal(state, np.random.get_state()[1])
    keras.utils.set_random_seed(2)
    assert same_weights(one, build_mresunet(**SMALL, dropout=0, seed=3))
    assert not same_weights(one, build_mresunet(**SMALL, seed=4))


def test_layers_of_one_shape_start_differently(small):
    kernels = {}
    for name, weights in layer_weights(build_mresunet(**SMALL)).items():
        if name.endswith("_conv"):
            kernels.setdefault(weights[0].shape, []).append(weights[0].tobytes())
    assert max(map(len, kernels.values())) > 3
    assert all(len(set(group)) == len(group) for group in kernels.values())


def test_global_settings_of_keras_do_not_leak(images, global_settings):
    model = spoilt(build_mresunet(**SMALL))
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
    under_policy = answer(model, images)
    assert under_policy.dtype == np.float32
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    plain = spoilt(build_mresunet(**SMALL))
    assert same_weights(model, plain)
    np.testing.assert_array_equal(under_policy, answer(plain, images))


def test_a_moved_source_moves_the_maps():
    """By the 2 pixels of the bottom, where borders do not tell on it.

    The dilations of a block add up to 10 of its pixels, so that two blocks see 10 (1 + 2 + 1) = 40
    pixels to either side, and the rest of one of the bottom.
    """
    model = spoilt(build_mresunet((120, 120, 1), filters=(1, 2)))
    sky = np.zeros((2, 120, 120, 1), np.float32)
    sky[0, 58:61, 57] = sky[1, 60:63, 59] = 5
    one, two = answer(model, sky)
    inner, moved = np.s_[52:68, 52:68], np.s_[54:70, 54:70]
    assert np.ptp(one[inner], axis=(0, 1)).min() > 0.1
    np.testing.assert_allclose(one[inner], two[moved], rtol=1e-4, atol=1e-4)
    assert np.abs(one[inner] - two[inner]).max() > 0.1


def test_weights_of_a_file(small, images, tmp_path):
    """As a preset keeps them: kernels in half precision, and no state of the dropout."""
    path = tmp_path / "model.weights.h5"
    write_weights(path, small)
    weights = read_weights(path)
    assert weights.keys() == layer_weights(small).keys()
    again = build_network("mresunet", {**SMALL, "seed": 9})
    assign_weights(again, weights)
    for old, new in zip(small.get_weights(), again.get_weights()):
        np.testing.assert_allclose(new, old, rtol=2**-11 if old.ndim > 1 else 0, atol=1e-7)
    expected = answer(small, images)
    np.testing.assert_allclose(answer(again, images), expected, rtol=5e-3, atol=5e-3)


def test_architecture():
    assert ARCHITECTURES["mresunet"] is build_mresunet
    model = build_network("mresunet", {"input_shape": [8, 8, 1], "filters": [2, 4]})
    assert (model.name, model.output_shape) == ("mresunet", (None, 8, 8, 2))
    with pytest.raises(ValueError, match="unexpected keyword argument 'width'; see build_mresunet"):
        build_network("mresunet", {"width": 3})


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"filters": ()}, "filters must hold positive integers"),
        ({"filters": (8, 0)}, "filters must hold positive integers"),
        ({"n_outputs": 0}, "n_outputs must hold positive integers"),
        ({"input_shape": (16, 16.0, 2)}, "input_shape must hold positive integers"),
        ({"input_shape": (None, None, 2)}, "input_shape must hold positive integers"),
        ({"input_shape": (16, 16)}, r"input_shape must be \(ny, nx, n_band\)"),
        ({"input_shape": (16, 17, 2)}, r"multiples of 2; found \(16, 17, 2\)"),
        ({"input_shape": (42, 40, 1), "filters": (1, 1, 1, 1)}, "multiples of 8; found"),
        ({"dropout": 1}, "dropout must be from 0 to below 1; found 1"),
        ({"dropout": -0.1}, "dropout must be from 0 to below 1; found -0.1"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_mresunet(**{**SMALL, **wrong})


def test_up_sampling_repeats_pixels(images):
    layers = Layers(seed=0, weight_decay=0.0)
    image = layers.image((16, 24, 2))
    model = layers.network(image, layers.up_sampling(image, 3, name="wide"), name="wide")
    expected = images.repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(answer(model, images), expected)


def test_batch_normalization(images):
    """By the moments of the batch in training, of which a tenth is learned; by those after it."""
    layers = Layers(seed=0, weight_decay=0.0)
    image = layers.image((16, 24, 2))
    model = layers.network(image, layers.batch_normalization(image, name="norm"), name="norm")
    data = 3 * images + 5
    mean, variance = data.mean(axis=(0, 1, 2)), data.var(axis=(0, 1, 2))
    expected = (data - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(answer(model, data, training=True), expected, atol=1e-4)
    expected = (data - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-5)
    np.testing.assert_allclose(answer(model, data), expected, rtol=1e-4, atol=1e-4)
