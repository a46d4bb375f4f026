"""The modified ResNet-50: its shape, its parameters, its seeds."""

import numpy as np
import pytest

from szfinder.models import build_network, build_resnet

keras = pytest.importorskip("keras", reason="networks need Keras")

SMALL = {"input_shape": (16, 16, 2), "width": 4, "blocks": (1, 2), "dense": 8}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(3, 16, 16, 2)).astype(np.float32)


def same_weights(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights()))


@pytest.fixture
def global_settings():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)


def test_the_network_of_the_paper():
    model = build_resnet()
    assert model.output_shape == (None, 2)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["stem1_relu"] == (32, 32, 64)
    assert shapes["stem2_relu"] == (16, 16, 64)
    assert shapes["stem_pool"] == (8, 8, 64)
    assert shapes["stage2_block3_out"] == (8, 8, 256)
    assert shapes["stage3_block4_out"] == (4, 4, 512)
    assert shapes["stage4_block6_out"] == (2, 2, 1024)
    assert shapes["dense1"] == shapes["dense2"] == (256,)
    convolutions = [n for n in shapes if n.endswith("_conv") and "shortcut" not in n]
    # 50, less the first convolution, the 9 of stage 5 and the classifier; plus the two of the stem
    assert len(convolutions) == 50 - 1 - 9 - 1 + 2
    # stages 1 to 3 (in their words) of torchvision's resnet50 have 215 808, 1 219 584 and
    # 7 098 368 parameters, with two moments of every channel of their batch normalisation more
    moments = 2 * (3 * (64 + 64 + 256) + 256 + 4 * (128 + 128 + 512) + 512)
    moments += 2 * (6 * (256 + 256 + 1024) + 1024)
    stem = 9 * 3 * 64 + 9 * 64 * 64 + 2 * 4 * 64
    dense = (4 * 1024 + 1) * 256 + 257 * 256 + 257 * 2
    expected = 215808 + 1219584 + 7098368 + moments + stem + dense
    assert model.count_params() == expected == 9718466


@pytest.mark.parametrize("width, blocks, shape", [(2, (1,), (12, 12, 1)), (3, (2, 1), (15, 9, 4))])
def test_parameters_of_other_sizes(width, blocks, shape):
    model = build_resnet(shape, width=width, blocks=blocks, dense=5)
    sizes = [9 * shape[2] * width, 9 * width * width, 2 * 4 * width]
    channels = width
    for stage, n in enumerate(blocks):
        inner, outer = width * 2**stage, 4 * width * 2**stage
        for block in range(n):
            sizes += [channels * inner, 9 * inner * inner, inner * outer, 4 * (2 * inner + outer)]
            sizes += [] if block else [channels * outer + 4 * outer]
            channels = outer
    ny, nx = (int(np.ceil(n / 2 ** (1 + len(blocks)))) for n in shape[:2])
    sizes += [(ny * nx * channels + 1) * 5, 6 * 5, 6 * 2]
    assert model.count_params() == sum(sizes)


def test_output_is_a_probability(images):
    answer = np.asarray(build_resnet(**SMALL)(images, training=False))
    np.testing.assert_allclose(answer.sum(axis=1), 1, rtol=1e-6)
    assert (answer > 0).all()


def test_seed_decides_the_weights_and_nothing_else_does():
    np.random.seed(4)
    keras.utils.set_random_seed(1)
    state = np.random.get_state()[1].copy()
    one = build_resnet(**SMALL, seed=2)
    assert np.array_equal(state, np.random.get_state()[1])
    keras.utils.set_random_seed(2)
    assert same_weights(one, build_resnet(**SMALL, seed=2))
    assert not same_weights(one, build_resnet(**SMALL, seed=3))


def test_layers_of_one_shape_start_differently():
    model = build_resnet(**SMALL)
    kernels = {}
    for layer in model.layers:
        if layer.weights and "_bn" not in layer.name:
            kernel = layer.get_weights()[0]
            kernels.setdefault(kernel.shape, []).append(kernel)
    alike = [group for group in kernels.values() if len(group) > 1]
    assert alike
    for group in alike:
        assert len({kernel.tobytes() for kernel in group}) == len(group)


def test_initial_scale_is_that_of_he():
    # He et al. (2015), equation 10: variance 2 / (inputs of a neuron)
    kernel = build_resnet((16, 16, 3), width=32, blocks=(1,)).get_layer("stem2_conv").kernel
    assert np.std(np.asarray(kernel)) == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.03)


def test_global_settings_of_keras_do_not_leak(images, global_settings):
    leaky = keras.layers.Dense(3)
    assert leaky.compute_dtype == "bfloat16"
    model = build_resnet(**SMALL)
    assert model.compute_dtype == "float32"
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
    assert keras.config.image_data_format() == "channels_first"
    under_policy = np.asarray(model(images, training=False))
    assert under_policy.dtype == np.float32
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    plain = build_resnet(**SMALL)
    assert same_weights(model, plain)
    np.testing.assert_array_equal(under_policy, np.asarray(plain(images, training=False)))


def test_position_is_kept():
    """A source in another place is another image; an average over pixels would not see it."""
    model = build_resnet((64, 64, 1), width=4, blocks=(1, 1), dense=16)
    images = np.zeros((2, 64, 64, 1), np.float32)
    images[0, 31, 31] = images[1, 39, 31] = 10
    head = keras.Model(model.input, model.get_layer("dense1").output)
    body = keras.Model(model.input, model.get_layer("flatten").input)
    # far from the edges a shift by the stride of the whole body, 8, shifts its output
    stage = np.asarray(body(images, training=False))
    np.testing.assert_allclose(stage[0].sum((0, 1)), stage[1].sum((0, 1)), rtol=1e-4, atol=1e-5)
    dense = np.asarray(head(images, training=False))
    assert np.abs(dense[0] - dense[1]).max() > 0.1 * np.abs(dense).max()


@pytest.mark.parametrize("weight_decay", [0.0, 0.003])
def test_weight_decay_is_half_the_square_of_the_kernels(weight_decay):
    model = build_resnet(**SMALL, weight_decay=weight_decay)
    kernels = [np.asarray(w) for w in model.trainable_weights if w.name == "kernel"]
    expected = 0.5 * weight_decay * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"blocks": ()}, {"width": 0}, {"dense": -1}, {"input_shape": (16, 16.0, 1)}]
)
def test_wrong_sizes(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must hold positive integers"):
        build_resnet(**{**SMALL, **wrong})


def test_unknown_architecture_and_argument():
    with pytest.raises(ValueError, match="unknown architecture 'vgg'; expected one of mres"):
        build_network("vgg", {})
    with pytest.raises(ValueError, match="unexpected keyword argument 'depth'; see build_resnet"):
        build_network("resnet", {"depth": 3})
