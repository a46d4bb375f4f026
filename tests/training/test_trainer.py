"""Trainer: it learns, and where it was stopped does not show."""

import csv
import signal
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest

from szfinder.training import ClassifierTrainer, CutoutSet, Recipe, SkyCutouts, Stage


class ShortRecipe(Recipe):
    """Adam on cross-entropy, validated every five batches."""

    def __init__(self, *stages, adjacent=True):
        super().__init__("short", stages, weight_decay=0.0, adjacent=adjacent, batch_size=32,
                         validate_every=5)  # fmt: skip

    def optimizer(self):
        import keras

        return keras.optimizers.Adam()

    def loss(self):
        import keras

        return keras.losses.CategoricalCrossentropy()


def falling(batch):
    return 5e-3 / (1 + batch / 50)


def spoiling(batch):
    """A rate that ruins a network after its first validation."""
    return 5e-3 if batch < 5 else 3.0


def zero(batch):
    return 0.0


RECIPE = ShortRecipe(Stage(1, falling, 20), Stage(3, falling, 20))


@pytest.fixture
def make_trainer(make_model, training, validation, tmp_path):
    def make(folder="run", recipe=RECIPE, model=None, **options):
        return ClassifierTrainer(
            model or make_model(), recipe, training, validation, folder=tmp_path / folder, **options
        )

    return make


class Stopped(Exception):
    """The training was stopped."""


def before_batch(trainer, n_batches, action):
    """Have something done before the batch of that number is drawn."""
    usual = trainer.training.at

    class Acting:
        def at(self, number):
            if number == n_batches:
                action()
            return usual(number)

    trainer.training = Acting()


def stop():
    raise Stopped


def stop_after(trainer, n_batches):
    """Run a training, and stop it before its batch of that number is drawn."""
    before_batch(trainer, n_batches, stop)
    with pytest.raises(Stopped):
        trainer.run()


def read_log(trainer):
    with (trainer.folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_training(one, other):
    for first, second in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert read_log(one) == read_log(other)
    assert one.progress["stages"] == other.progress["stages"]


def test_learns_what_is_plain_to_see(make_trainer):
    trainer = make_trainer(recipe=ShortRecipe(Stage(1, falling, 100), Stage(4, falling, 150)))
    book = trainer.run()
    assert book.auc > 0.95
    losses = [float(row["validation_loss"]) for row in read_log(trainer)]
    assert min(losses) < 0.5 * np.log(2)


@pytest.mark.parametrize("n_batches", [3, 20, 33])
def test_stopped_and_resumed(make_trainer, n_batches):
    whole = make_trainer("whole")
    book = whole.run()
    stop_after(make_trainer("parts"), n_batches)
    resumed = make_trainer("parts")
    assert resumed.progress["total"] == n_batches - n_batches % 5
    again = resumed.run()
    assert_same_training(whole, resumed)
    np.testing.assert_array_equal(again.scores, book.scores)


def test_resumed_where_patience_had_ended_a_stage(make_trainer):
    recipe = ShortRecipe(Stage(1, zero, 40, patience=5), Stage(2, falling, 10))
    whole = make_trainer("whole", recipe)
    whole.run()
    n_batches = max(int(row["batch"]) for row in read_log(whole) if row["stage"] == "0")
    assert n_batches < 40

    stopped = make_trainer("parts", recipe)
    stopped._end_of_stage = lambda stage: stop()
    with pytest.raises(Stopped):
        stopped.run()
    resumed = make_trainer("parts", recipe)
    assert resumed.progress["total"] == n_batches
    resumed.run()
    assert_same_training(whole, resumed)


def test_finished_training_is_not_trained_again(make_trainer):
    first = make_trainer()
    book = first.run()
    second = make_trainer()
    stop_or_go = second.run()
    assert second.progress["total"] == 40
    np.testing.assert_array_equal(stop_or_go.scores, book.scores)


def test_seed(make_trainer):
    one, same, other = make_trainer("one"), make_trainer("same"), make_trainer("other", seed=1)
    scores = [trainer.run().scores for trainer in (one, same, other)]
    assert_same_training(one, same)
    assert not np.array_equal(scores[0], scores[2])


def test_patience_ends_a_stage(make_trainer):
    # weights that hardly move: what changes is the batch normalisation, which converges
    recipe = ShortRecipe(Stage(1, zero, 500, patience=10), Stage(2, zero, 5))
    trainer = make_trainer(recipe=recipe)
    trainer.run()
    losses = [float(row["validation_loss"]) for row in read_log(trainer) if row["stage"] == "0"]
    assert len(losses) < 100
    best = int(np.argmin(losses))
    assert len(losses) == best + 3  # ten batches are two validations
    for i in range(2, len(losses) - 1):
        assert min(losses[: i - 1]) > min(losses[i - 1 : i + 1])


def test_stage_starts_with_the_best_weights(make_trainer):
    recipe = ShortRecipe(Stage(1, falling, 5), Stage(1, spoiling, 15), Stage(1, zero, 5))
    trainer = make_trainer(recipe=recipe)
    trainer.run()
    losses = [float(row["validation_loss"]) for row in read_log(trainer)]
    assert min(losses[1:4]) == losses[1]
    assert losses[3] > 1.5 * losses[1]
    assert losses[4] < 1.2 * losses[1]


def test_best_stage_is_used_at_the_end(make_trainer, validation):
    recipe = ShortRecipe(Stage(1, falling, 40), Stage(1, lambda batch: 3.0, 5))
    trainer = make_trainer(recipe=recipe)
    book = trainer.run()
    f1 = [stage["f1"] for stage in trainer.progress["stages"]]
    assert f1[0] > f1[1]
    assert book.f1.max() == f1[0]
    assert book.labels.sum() == validation.on_grid()[1].sum()
    np.testing.assert_array_equal(trainer.score().scores, book.scores)


def test_log(make_trainer):
    trainer = make_trainer(recipe=ShortRecipe(Stage(1, falling, 10), Stage(3, falling, 7)))
    trainer.run()
    rows = read_log(trainer)
    assert [(row["stage"], row["ratio"], row["batch"]) for row in rows] == [
        ("0", "1", "5"),
        ("0", "1", "10"),
        ("1", "3", "5"),
        ("1", "3", "7"),
    ]
    np.testing.assert_allclose(
        [float(row["learning_rate"]) for row in rows],
        [5e-3 / (1 + batch / 50) for batch in (4, 9, 4, 6)],
    )
    assert all(float(row["loss"]) > 0 and float(row["validation_loss"]) > 0 for row in rows)


def test_validation_loss_has_the_ratio_of_the_stage(make_trainer, make_model, validation):
    """By over-sampling the cutouts in so many copies that the classes are as r to 1."""
    trainer = make_trainer()
    images, labels = validation.on_grid()
    probability = make_model().predict_on_batch(images)
    entropy = -np.log(probability[np.arange(labels.size), labels])
    for ratio in (1, 5):
        expected = (entropy[labels == 1].mean() + ratio * entropy[labels == 0].mean()) / (1 + ratio)
        assert trainer.validation_loss(Stage(ratio, zero, 1)) == pytest.approx(expected, 1e-4)


def test_state_of_another_network(make_trainer, make_model):
    make_trainer(recipe=ShortRecipe(Stage(1, falling, 5))).run()
    with pytest.raises(ValueError, match="state.npz is the state of another network.*shallow"):
        make_trainer(model=make_model(width=3))


def test_state_of_another_seed(make_trainer):
    make_trainer(recipe=ShortRecipe(Stage(1, falling, 5)), seed=1).run()
    with pytest.raises(ValueError, match="a training with seed 1, not 2"):
        make_trainer(recipe=ShortRecipe(Stage(1, falling, 5)), seed=2)


@pytest.mark.parametrize(
    "recipe, options, message",
    [
        (ShortRecipe(Stage(1, falling, 6)), {}, r"max_batches \[5\], not \[6\]"),
        (ShortRecipe(Stage(2, falling, 5)), {}, r"ratios \[1.0\], not \[2.0\]"),
        (ShortRecipe(Stage(1, falling, 5, patience=2)), {}, r"patience \[None\], not \[2\]"),
        (ShortRecipe(Stage(1, zero, 5)), {}, r"learning_rates .*, not \[0.0\]"),
        (ShortRecipe(Stage(1, falling, 5), adjacent=False), {}, "adjacent True, not False"),
        (ShortRecipe(Stage(1, falling, 5)), {"data": {"sky": "b", "seeds": (1, 2)}},
         "sky 'a', not 'b'; choose another folder, or the same sky"),
        (ShortRecipe(Stage(1, falling, 5)), {"data": {"sky": "a", "seeds": (1, 3)}},
         r"seeds \[1, 2\], not \[1, 3\]"),
        (ShortRecipe(Stage(1, falling, 5)), {"data": {"sky": "a"}}, "seeds .*, not None"),
    ],
)  # fmt: skip
def test_state_of_another_training(make_trainer, recipe, options, message):
    data = {"sky": "a", "seeds": (1, 2)}
    make_trainer(recipe=ShortRecipe(Stage(1, falling, 5)), data=data).run()
    with pytest.raises(ValueError, match=f"state of a training with {message}"):
        make_trainer(recipe=recipe, **{"data": data, **options})
    again = make_trainer(recipe=ShortRecipe(Stage(1, falling, 5)), data=data)
    assert again.progress["total"] == 5


@pytest.mark.parametrize("n_good, name, n_safe", [(7, "loss", 5), (9, "validation loss", 5)])
def test_loss_that_is_not_finite(make_trainer, n_good, name, n_safe):
    """A step to weights that are not finite shows in the next batch, or when it is validated."""
    recipe = ShortRecipe(Stage(1, lambda batch: 5e-3 if batch < n_good else np.nan, 20))
    with pytest.raises(ValueError, match=f"the {name} is nan at batch .* up to batch {n_safe} in"):
        make_trainer(recipe=recipe).run()
    safe = make_trainer(recipe=recipe)
    assert safe.progress["total"] == n_safe
    assert all(np.isfinite(weights).all() for weights in safe.model.get_weights())


def test_adjacent_negatives_are_as_the_recipe_says(make_model, validation, tmp_path):
    """On a map as small as the surroundings of a cluster there are no others."""
    maps = np.random.default_rng(1).standard_normal((20, 20, 2)).astype(np.float32)
    sky = SkyCutouts(maps, np.full((2, 1), 9.5), np.zeros((2, 1), int), 1.0)
    small = CutoutSet([sky], validation.preprocessing)

    def trainer(adjacent):
        recipe = ShortRecipe(Stage(1, falling, 5), adjacent=adjacent)
        folder = tmp_path / str(adjacent)
        return ClassifierTrainer(make_model(), recipe, small, validation, folder=folder)

    with pytest.raises(ValueError, match="no negative cutout to draw; found 0 .*120 adjacent"):
        trainer(False).run()
    with_adjacent = trainer(True)
    with_adjacent.run()
    assert with_adjacent.progress["total"] == 5


def test_validation_without_clusters(make_model, training, blobs, tmp_path):
    nothing = CutoutSet([blobs(1, n_blobs=0)], training.preprocessing)
    with pytest.raises(ValueError, match="cutouts with a cluster.*found 0 and 210"):
        ClassifierTrainer(make_model(), RECIPE, training, nothing, folder=tmp_path)


def test_training_without_clusters(make_model, training, validation, blobs, tmp_path):
    """Refused at the first batch, not after the last."""
    nothing = CutoutSet([blobs(1, n_blobs=0)], training.preprocessing)
    trainer = ClassifierTrainer(make_model(), RECIPE, nothing, validation, folder=tmp_path)
    with pytest.raises(ValueError, match="cluster"):
        trainer.run()
    assert trainer.progress["total"] == 0


@pytest.mark.parametrize("n_batches, n_safe", [(0, 0), (12, 10), (33, 30)])
def test_full_disk(make_trainer, full_disk, n_batches, n_safe):
    whole = make_trainer("whole")
    whole.run()
    trainer = make_trainer("parts")
    with ExitStack() as stack:
        before_batch(trainer, n_batches, lambda: stack.enter_context(full_disk(9000)))
        with pytest.raises(
            OSError,
            match=f"parts/state.npz: File too large.*to batch {n_safe}:.*"
            "make room in .*parts.*same command",
        ) as error:
            trainer.run()
    assert str(error.value).count("\n") == 0
    left = {path.name for path in trainer.folder.iterdir()}
    assert left <= {"state.npz", "log.csv", "stage_0.npz"}
    assert ("state.npz" in left) == (n_safe > 0)
    resumed = make_trainer("parts")
    assert resumed.progress["total"] == n_safe
    resumed.run()
    assert_same_training(whole, resumed)


def test_log_is_that_of_the_state(make_trainer):
    """Whatever became of the log, and wherever the training was stopped."""
    stop_after(make_trainer(), 13)
    log = make_trainer().folder / "log.csv"
    expected = log.read_text()
    assert expected.count("\n") == 3
    log.write_text(expected + "0,1,15,0.004,0.3,0.2\r\n")
    make_trainer()
    assert log.read_text() == expected


@pytest.mark.parametrize("name", ["state.npz", "stage_0.npz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:2000] + bytes(200) + content[2200:],
    ],
    ids=["cut short", "empty", "overwritten"],
)
def test_damaged_file(make_trainer, name, damage):
    recipe = ShortRecipe(Stage(1, falling, 5))
    trainer = make_trainer(recipe=recipe)
    trainer.run()
    path = trainer.folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{name} is damaged.*copy of it.*from the beginning"):
        make_trainer(recipe=recipe).run()


def test_interrupted_at_any_time(make_trainer):
    """By the signal of control-C, from a clock that knows nothing of batches."""
    whole = make_trainer("whole")
    whole.run()
    usual = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for seconds in (0.7, 1.1, 1.5):
            trainer = make_trainer("parts")
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with pytest.raises(KeyboardInterrupt):
                trainer.run()
                signal.pause()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    resumed = make_trainer("parts")
    resumed.run()
    assert_same_training(whole, resumed)


TWICE = """
import sys
import numpy as np
import tensorflow
tensorflow.config.threading.set_intra_op_parallelism_threads(4)
from szfinder.models import build_resnet
from szfinder.training import ClassifierTrainer, ModernRecipe

class Noise:
    def at(self, number):
        return self
    def batch(self, rng, n, *, ratio=1, adjacent=False):
        return rng.standard_normal((n, 24, 24, 3), np.float32), rng.integers(2, size=n)
    def on_grid(self):
        return self.batch(np.random.default_rng(1), 64)

def train(folder):
    model = build_resnet(input_shape=[24, 24, 3], width=8, blocks=[1, 1], dense=32, seed=1)
    trainer = ClassifierTrainer(
        model, ModernRecipe(n_batches=6), Noise(), Noise(), folder=folder, seed=2
    )
    trainer.run()
    return b"".join(weight.tobytes() for weight in model.get_weights())

assert train(sys.argv[1] + "/one") == train(sys.argv[1] + "/two")
"""


def test_same_bits_with_several_threads(keras, tmp_path):
    """In a process of its own, where nobody but the trainer asked for it."""
    code = [sys.executable, "-W", "ignore", "-c", TWICE, str(tmp_path)]
    done = subprocess.run(code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
