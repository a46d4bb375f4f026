"""Losses of maps against numpy."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from szfinder.training.losses import focal_loss, mass_loss

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


@pytest.fixture(scope="module")
def mass_maps():
    """What is to be painted of seven clusters, and answers; the middle is the pixel (3, 4)."""
    rng = np.random.default_rng(6)
    truth, answer = rng.normal(size=(7, 6, 8, 2)), rng.normal(size=(7, 6, 8, 3))
    return truth.astype(np.float32), answer.astype(np.float32)


def test_mass_loss_is_that_of_a_normal_likelihood(mass_maps):
    """Less its constant; with the error of the profile, so many times."""
    truth, answer = mass_maps
    mean, log_sigma = answer[:, 3, 4, 1:].T
    profile = np.mean((truth[..., 0] - answer[..., 0]) ** 2, axis=(1, 2))
    likelihood = norm.logpdf(truth[:, 3, 4, 1], mean, np.exp(log_sigma)) + np.log(2 * np.pi) / 2
    np.testing.assert_allclose(mass_loss(truth, answer), 3000 * profile - likelihood, rtol=1e-5)
    painted = np.concatenate([truth[..., :1], answer[..., 1:]], axis=-1)
    np.testing.assert_allclose(mass_loss(truth, painted), -likelihood, rtol=1e-5)


def test_gradient_of_mass_loss(mass_maps):
    """It pulls the mean to the truth, widens errors that are too small, and sees no other pixel."""
    tensorflow = pytest.importorskip("tensorflow", reason="gradients need TensorFlow")
    truth, answer = mass_maps
    variable = tensorflow.Variable(answer)
    with tensorflow.GradientTape() as tape:
        loss = mass_loss(truth, variable)
    gradient = tape.gradient(loss, variable).numpy()
    mean, sigma = answer[:, 3, 4, 1], np.exp(answer[:, 3, 4, 2])
    pull = (mean - truth[:, 3, 4, 1]) / sigma
    expected = np.zeros_like(answer)
    expected[..., 0] = 2 * 3000 * (answer[..., 0] - truth[..., 0]) / 48
    expected[:, 3, 4, 1], expected[:, 3, 4, 2] = pull / sigma, 1 - pull**2
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    assert (pull < 0).any() and (pull > 0).any() and 0 < (np.abs(pull) > 1).sum() < 7


def test_mass_loss_is_least_at_mean_and_scatter_of_the_truth():
    """Of clusters that look the same, with the profile as it is."""
    true = np.random.default_rng(7).normal(0.4, 0.25, 500).astype(np.float32)
    truth, answer = np.zeros((500, 2, 2, 2), np.float32), np.zeros((500, 2, 2, 3), np.float32)
    truth[:, 1, 1, 1] = true

    def loss(mean, log_sigma):
        answer[:, 1, 1, 1:] = mean, log_sigma
        return float(np.mean(mass_loss(truth, answer)))

    least = minimize(lambda x: loss(*x), [0, 0], method="Nelder-Mead").x
    np.testing.assert_allclose(least, [true.mean(), np.log(true.std())], atol=2e-3)


@pytest.mark.parametrize("log_sigma, limit", [(-60.0, -5.0), (60.0, 3.0)])
def test_mass_loss_of_errors_that_no_image_has(mass_maps, log_sigma, limit):
    """Finite, and that of the nearest that is allowed."""
    truth, answer = mass_maps[0], mass_maps[1].copy()
    losses = []
    for answer[..., 2] in (log_sigma, limit):
        losses.append(np.asarray(mass_loss(truth, answer)))
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(*losses)
