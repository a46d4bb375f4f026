"""MassTrainer: the rates of the paper, epochs, and where it was stopped does not show."""

import csv
import json

import numpy as np
import pytest
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from szfinder.models import Preprocessing
from szfinder.models.mresunet import build_mresunet
from szfinder.simulation import ClusterImages
from szfinder.training.mass_images import MassImages
from szfinder.training.mass_trainer import MassTrainer, halvings
from szfinder.training.recipes import GuptaRecipe


PREPROCESSING = Preprocessing("blobs", ["a"], [150], [1], [1], 1.0, 8)


def pictures(clusters, labels, surroundings=0.0):
    """Images of one band and what is to be painted of them; none is scaled."""
    clusters, surroundings = (np.broadcast_to(a, (len(labels), 1, 8, 8)).astype(np.float32)
                              for a in (clusters, surroundings))  # fmt: skip
    truth = QTable({"redshift": np.full(len(labels), 0.7)})
    labels = np.broadcast_to(labels, (len(labels), 8, 8, 2)).astype(np.float32)
    return MassImages(ClusterImages(clusters, surroundings, truth, 1.0), labels, PREPROCESSING)


def blobs(seed, n):
    """A blob in the middle, and noise; the labels are it, and its height in the middle."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((8, 8)) - 4
    clean = rng.uniform(-1, 1, (n, 1, 1, 1)) * np.exp(-(x**2 + y**2) / 4)
    labels = 5 * np.stack([clean[:, 0], np.zeros((n, 8, 8))], axis=-1)
    labels[:, 4, 4, 1] = labels[:, 4, 4, 0]
    return pictures(clean, labels, 0.05 * rng.standard_normal(clean.shape))


def opposite(n):
    """What is learned from these is wrong for those to be validated with, more so each time."""
    return [pictures(height, np.full((n, 1, 1, 1), value)) for height, value in ((1, 10), (4, -10))]


@pytest.fixture
def make_model(keras):
    def make():
        """Batch normalisation, dropout and two convolutions: compiled in no time."""
        layers = keras.layers
        image = keras.Input((8, 8, 1))
        kernels = (keras.initializers.HeNormal(seed=seed) for seed in (1, 2))
        x = layers.Conv2D(4, 3, padding="same", kernel_initializer=next(kernels))(image)
        x = layers.Dropout(0.2, seed=3)(layers.BatchNormalization(momentum=0.9)(x))
        return keras.Model(image, layers.Conv2D(2, 1, kernel_initializer=next(kernels))(x))

    return make


@pytest.fixture
def make_linear(keras):
    def make():
        """One number for each map, and one that goes with the image: its loss has no noise."""
        image = keras.Input((8, 8, 1))
        return keras.Model(image, keras.layers.Conv2D(2, 1, kernel_initializer="zeros")(image))

    return make


@pytest.fixture
def make_trainer(make_model, tmp_path):
    def make(folder="run", recipe=None, *, model=None, data=None, **options):
        training, validation = data or (blobs(1, 16), blobs(2, 6))
        recipe = recipe or GuptaRecipe(n_batches=14, epoch=4)
        return MassTrainer(model or make_model(), recipe, training, validation,
                           folder=tmp_path / folder, **options)  # fmt: skip

    return make


class Stopped(Exception):
    """The training was stopped."""


def stop_after(trainer, n_batches):
    """Run a training, and stop it before its batch of that number is drawn."""
    usual = trainer.batch

    def batch(rng, stage):
        if trainer.progress["total"] == n_batches:
            raise Stopped
        return usual(rng, stage)

    trainer.batch = batch
    with pytest.raises(Stopped):
        trainer.run()


def watched(trainer):
    """The batches of a training that is then run."""
    usual, seen = trainer.batch, []

    def batch(rng, stage):
        seen.append(usual(rng, stage))
        return seen[-1]

    trainer.batch = batch
    trainer.run()
    return seen


def read_log(trainer):
    with (trainer.folder / "log.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def assert_same_training(one, other):
    for first, second in zip(one.model.variables, other.model.variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy(), err_msg=first.path)
    assert json.dumps(one.progress) == json.dumps(other.progress)
    assert read_log(one) == read_log(other)


def test_recipe_is_that_of_the_paper(keras):
    """Gupta & Reichardt (2020), section 3: 400 maps of each of eight masses in batches of 4."""
    recipe = GuptaRecipe()
    (stage,) = recipe.stages
    assert recipe.name == "gupta"
    assert (recipe.batch_size, recipe.validate_every, recipe.weight_decay) == (4, 3200 // 4, 0.0)
    assert stage.patience == 15 * 800
    assert {stage.learning_rate(batch) for batch in (0, 1000, 70_000)} == {1e-3}
    optimizer = recipe.optimizer()
    assert type(optimizer) is keras.optimizers.Adam
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)  # Kingma & Ba (2014)
    truth, answer = np.float32([[1, 2]]), np.float32([[3, -1]])
    assert float(recipe.loss()(truth, answer)) == pytest.approx((2**2 + 3**2) / 2)


def test_recipe_of_another_length():
    short = GuptaRecipe(epoch=7).of_length(40)
    assert type(short) is GuptaRecipe
    assert (short.stages[0].max_batches, short.stages[0].patience) == (40, 15 * 7)
    assert short.validate_every == 7
    with pytest.raises(ValueError, match="takes 1 batch or more; found 0"):
        GuptaRecipe(n_batches=0)


@pytest.mark.parametrize(
    "losses, expected",
    [
        ([], 0),
        ([3, 2, 1], 0),
        ([1, 2, 2, 2, 2], 0),
        ([1, 2, 2, 2, 2, 2], 1),
        ([1, 1, 1, 1, 1, 1], 1),  # as low is not lower
        ([1, 5, 4, 3, 2, 1.5], 1),  # lower than the last, not than the best
        ([1, 2, 2, 2, 2, 0.9, 2, 2, 2, 2], 0),
        ([1, *10 * [2]], 2),
        ([1, *9 * [2], 0.5, *5 * [2]], 2),
    ],
)
def test_halvings(losses, expected):
    assert halvings(losses) == expected


@pytest.fixture(scope="module")
def plain(keras):
    """A network with an optimizer that a callback can slow down."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    return model


@settings(max_examples=60)
@given(losses=st.lists(st.integers(0, 12), max_size=40), patience=st.integers(1, 6))
def test_halvings_are_those_of_keras(keras, plain, losses, patience):
    """The callback that the paper used."""
    plain.optimizer.learning_rate = 1.0
    callback = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=patience, min_delta=0)
    callback.set_model(plain)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
    assert 0.5 ** halvings(losses, patience=patience) == float(plain.optimizer.learning_rate)


def test_rate_is_halved_after_5_epochs_and_training_ends_after_15(make_trainer, make_linear):
    trainer = make_trainer(
        recipe=GuptaRecipe(n_batches=100, epoch=2), model=make_linear(), data=opposite(8)
    )
    loss = trainer.run()
    rows = read_log(trainer)
    losses = [row["validation_loss"] for row in rows]
    assert (np.diff(losses) > 0).all()
    rates = [1e-3] * 6 + [5e-4] * 5 + [2.5e-4] * 5
    np.testing.assert_allclose([row["learning_rate"] for row in rows], rates, rtol=1e-12)
    assert trainer.progress["total"] == 16 * 2
    # what is left are the best weights, those of the first epoch
    assert loss == losses[0] == trainer.score()
    assert trainer.progress["stages"] == [{"ratio": 0.0, "less loss": -losses[0]}]


def test_optimizer_has_the_rate_that_is_logged(make_trainer, make_linear):
    """Adam moves a weight by its rate a batch, if the gradient stays what it is."""
    recipe = GuptaRecipe(n_batches=12, epoch=1)
    trainer = make_trainer(recipe=recipe, model=make_linear(), data=opposite(4))
    biases = []
    usual = trainer.validation_loss

    def validation_loss(stage):
        biases.append(trainer.model.get_weights()[1][0])
        return usual(stage)

    trainer.validation_loss = validation_loss
    trainer.run()
    rates = [row["learning_rate"] for row in read_log(trainer)]
    assert rates[0] == 4 * rates[-1]
    np.testing.assert_allclose(np.diff([0, *biases[:12]]), rates, rtol=1e-2)


@pytest.mark.parametrize("n_images", [12, 14])
def test_an_epoch_goes_through_all_images(make_trainer, make_linear, n_images):
    """Each once and with its label, in another order; those left over are too few for a batch."""
    numbers = np.arange(n_images)[:, None, None, None]
    trainer = make_trainer(
        recipe=GuptaRecipe(n_batches=9, epoch=3),
        model=make_linear(),
        data=(pictures(numbers, -numbers), blobs(1, 4)),
    )
    batches = watched(trainer)
    drawn = np.array([batch[0][:, 0, 0, 0] for batch in batches]).reshape(3, 12)
    for batch in batches:
        assert batch[0].shape == (4, 8, 8, 1)
        np.testing.assert_array_equal(batch[1][..., 0], -batch[0][..., 0])
    for epoch in drawn:
        assert len(set(epoch)) == 12 and set(epoch) <= set(range(n_images))
        assert list(epoch) != sorted(epoch)
    assert len({tuple(epoch) for epoch in drawn}) == 3


def test_order_follows_the_seed(make_trainer, make_linear):
    one, same, other = (
        watched(make_trainer(f"{i}", model=make_linear(), seed=seed))
        for i, seed in enumerate((1, 1, 2))
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, same))
    assert not any(np.array_equal(a[0], b[0]) for a, b in zip(one, other))


def test_mixed_clusters_meet_other_surroundings_in_each_epoch(make_trainer, make_linear):
    """With the labels of their own; those of the validation are as they are."""
    heights = 10 * (1 + np.arange(8)[:, None, None, None])
    data = pictures(heights, heights, np.arange(8)[:, None, None, None]), blobs(1, 4)
    trainer = make_trainer(recipe=GuptaRecipe(n_batches=30, epoch=2), model=make_linear(),
                           data=data, mixed=True)  # fmt: skip
    batches = watched(trainer)
    found = np.array([batch[0][:, 0, 0, 0] for batch in batches]).reshape(15, 8)
    labels = np.array([batch[1][:, 0, 0, 0] for batch in batches]).reshape(15, 8)
    assert (np.sort(labels) == heights.ravel()).all()
    assert set((found - labels).ravel()) == set(range(8))
    assert (found - labels != labels / 10 - 1).mean() > 0.75
    np.testing.assert_array_equal(trainer.images, blobs(1, 4).at(np.arange(4))[0])


def test_stopped_and_resumed(make_trainer):
    """At the end of an epoch and in the middle, with dropout; once finished, nothing is trained."""
    whole = make_trainer("whole", mixed=True)
    loss = whole.run()
    for n_batches, kept in ((4, 0), (10, 4)):
        stopped = make_trainer("parts", mixed=True)
        assert stopped.progress["total"] == kept
        stop_after(stopped, n_batches)
    for kept in (8, 14):
        resumed = make_trainer("parts", mixed=True)
        assert resumed.progress["total"] == kept
        assert resumed.run() == loss
        assert_same_training(whole, resumed)


def test_resumed_where_the_rate_had_been_halved(make_trainer, make_linear):
    """Once, and twice."""

    def make(folder):
        recipe = GuptaRecipe(n_batches=100, epoch=1)
        return make_trainer(folder, recipe, model=make_linear(), data=opposite(4))

    whole = make("whole")
    whole.run()
    assert whole.progress["total"] == 16
    for n_batches in (6, 13):
        stop_after(make("parts"), n_batches)
    resumed = make("parts")
    resumed.run()
    assert_same_training(whole, resumed)


@pytest.mark.parametrize("n", [1, 5, 64, 150])
def test_validation_loss_is_the_mean_over_all_images(make_trainer, n):
    """Also over those that are left over; without dropout."""
    trainer = make_trainer(data=(blobs(1, 16), blobs(3, n)))
    images, labels = blobs(3, n).at(np.arange(n))
    (stage,) = trainer.recipe.stages
    found = trainer.validation_loss(stage)
    answer = np.asarray(trainer.model(images, training=False), dtype=float)
    assert found == pytest.approx(np.mean((answer - labels) ** 2), rel=1e-5)
    assert trainer.score() == found


def test_learns_what_is_plain_to_see(keras, make_trainer):
    """With one block of a mResUNet."""
    model = build_mresunet((8, 8, 1), filters=(8,), seed=1)
    recipe = GuptaRecipe(n_batches=300, epoch=100)
    trainer = make_trainer(recipe=recipe, model=model, data=(blobs(1, 400), blobs(2, 40)))
    loss = trainer.run()
    assert loss == min(row["validation_loss"] for row in read_log(trainer))
    images, labels = blobs(2, 40).at(np.arange(40))
    answer = np.asarray(model(images, training=False))
    assert np.mean((answer - labels) ** 2) == pytest.approx(loss, rel=1e-4)
    assert loss < 0.3 * labels.var()
    assert np.corrcoef(answer[:, 4, 4, 1], labels[:, 4, 4, 1])[0, 1] > 0.95
    assert np.corrcoef(answer[..., 0].ravel(), labels[..., 0].ravel())[0, 1] > 0.9
