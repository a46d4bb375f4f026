"""Losses of maps against numpy."""

import numpy as np
import pytest

from szfinder.training.losses import focal_loss

keras = pytest.importorskip("keras", reason="losses need Keras")


@pytest.fixture(scope="module")
def maps():
    """Heat maps with 3, 1 and no objects, and answers."""
    rng = np.random.default_rng(4)
    truth = rng.uniform(0, 0.99, (3, 6, 5, 1)).astype(np.float32)
    truth[0, [1, 3, 5], [2, 2, 0]] = truth[1, 4, 4] = 1
    return truth, rng.uniform(0.01, 0.99, truth.shape).astype(np.float32)


def focal_by_hand(truth, answer, alpha, beta):
    """Equation 1 of Zhou et al. (2019), pixel by pixel."""
    total, n = 0.0, 0
    for y, p in zip(truth.ravel().tolist(), answer.ravel().tolist()):
        if y == 1:
            n += 1
            total += (1 - p) ** alpha * np.log(p)
        else:
            total += (1 - y) ** beta * p**alpha * np.log(1 - p)
    return -total / max(n, 1)


@pytest.mark.parametrize("alpha, beta", [(2, 4), (0, 1), (1.5, 3)])
def test_focal_loss(maps, alpha, beta):
    loss = np.asarray(focal_loss(*maps, alpha=alpha, beta=beta))
    expected = [focal_by_hand(truth, answer, alpha, beta) for truth, answer in zip(*maps)]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_focal_loss_of_right_and_wrong_answers(maps):
    truth = (maps[0] == 1).astype(np.float32)
    assert np.asarray(focal_loss(truth, truth)) == pytest.approx(0, abs=1e-5)
    wrong = np.asarray(focal_loss(truth, 1 - truth))
    assert np.isfinite(wrong).all() and (wrong > 10).all()


def test_keras_trains_with_it(maps):
    """Keras takes the mean over the images; a step against its gradient lessens it."""
    truth, answer = maps
    image = keras.Input(truth.shape[1:])
    pixel = keras.layers.Conv2D(1, 1, activation="sigmoid", kernel_initializer="ones")
    model = keras.Model(image, pixel(image))
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss=focal_loss, jit_compile=False)
    p = 1 / (1 + np.exp(-answer))
    expected = np.mean([focal_by_hand(*pair, 2, 4) for pair in zip(truth, p)])
    losses = [float(model.train_on_batch(answer, truth)) for _ in range(5)]
    assert losses[0] == pytest.approx(expected, rel=1e-4)
    assert (np.diff(losses) < 0).all()


def test_dice_of_keras_is_that_of_the_user_guide(maps):
    """1 - 2 sum(Y p) / (sum Y + sum p), image by image."""
    truth, answer = (maps[0] == 1).astype(np.float32), maps[1]
    expected = [1 - 2 * (t * p).sum() / (t.sum() + p.sum()) for t, p in zip(truth, answer)]
    loss = keras.losses.Dice(axis=(1, 2, 3))(truth, answer)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)
