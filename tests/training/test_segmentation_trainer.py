"""SegmentationTrainer: it learns to paint, and where it was stopped does not show."""

import json
from functools import partial

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.evaluation import ScoreBook
from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.models import Preprocessing, build_unet
from szfinder.training import (
    BonjeanRecipe,
    FlatPatches,
    HeatMapRecipe,
    PatchSet,
    SegmentationTrainer,
    disc_map,
    peak_map,
)
from szfinder.training.segmentation_trainer import cell_book

PREPROCESSING = Preprocessing("blobs", ["a", "b"], [90, 150], [1, 1], [2, 4], 1.0, 16)
INSTRUMENT = Instrument("blobs", [Band("a", 90.0, Beam(1.0)), Band("b", 150.0, Beam(1.0))])
PAINT = {"discs": partial(disc_map, diameter=5 * u.arcmin),
         "peaks": partial(peak_map, sigma=1.5 * u.arcmin)}  # fmt: skip


def blob_patches(seed, *, n_blobs=10, paint="discs", shape=(96, 80)):
    """White noise and Gaussians of 1.5 pixels, a pixel an arcmin: patches of 16 x 16."""
    rng = np.random.default_rng(seed)
    wcs, shape = wcs_for_patch(SkyCoord(10, 5, unit="deg"), np.array(shape) * u.arcmin,
                               1 * u.arcmin)  # fmt: skip
    x, y = rng.uniform(0, np.array(shape[::-1])[:, None] - 1, (2, n_blobs))
    rows, columns = np.indices(shape)
    squares = (columns[..., None] - x) ** 2 + (rows[..., None] - y) ** 2
    blobs = np.exp(-squares / 4.5).sum(axis=-1)
    maps = rng.standard_normal((2, *shape)) + np.array([12, 24])[:, None, None] * blobs
    stack = MapStack(maps, wcs=wcs, instrument=INSTRUMENT)
    return FlatPatches(stack, wcs.pixel_to_world(x, y), PREPROCESSING, paint=PAINT[paint])


@pytest.fixture(scope="module")
def data():
    """Patches to learn from and to validate on, of each kind of painting."""
    return {paint: (PatchSet([blob_patches(seed, paint=paint) for seed in (1, 2)]),
                    blob_patches(11, paint=paint).on_grid()) for paint in PAINT}  # fmt: skip


@pytest.fixture
def make_trainer(keras, data, tmp_path):
    def make(folder="run", recipe=None, *, paint="discs", dropout=0.2, cell=8, **options):
        model = build_unet((None, None, 2), filters=[4, 8], dropout=dropout, seed=3)
        training, validation = data[paint]
        recipe = recipe or BonjeanRecipe(n_batches=14, learning_rate=5e-3, epoch=4)
        return SegmentationTrainer(model, recipe, training, validation, cell=cell,
                                   folder=tmp_path / folder, **options)  # fmt: skip

    return make


class Stopped(Exception):
    """The training was stopped."""


def stop_after(trainer, n_batches):
    """Run a training, and stop it before its batch of that number is drawn."""
    usual = trainer.training.at

    class Stopping:
        def at(self, number):
            if number == n_batches:
                raise Stopped
            return usual(number)

    trainer.training = Stopping()
    with pytest.raises(Stopped):
        trainer.run()


def assert_same_training(one, other):
    for first, second in zip(one.model.variables, other.model.variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy(), err_msg=first.path)
    assert json.dumps(one.progress) == json.dumps(other.progress)


RECIPES = {
    "discs": BonjeanRecipe(n_batches=120, learning_rate=5e-3, epoch=40),
    "peaks": HeatMapRecipe(n_batches=300, learning_rate=5e-3),
}


@pytest.mark.parametrize("paint", PAINT)
def test_learns_what_is_plain_to_see(make_trainer, data, paint):
    trainer = make_trainer(recipe=RECIPES[paint], paint=paint, dropout=0.05)
    book = trainer.run()
    assert book.auc > 0.97
    assert book.f1.max() > 0.8
    truth = data[paint][1][1] >= 1
    answer = trainer.model.predict_on_batch(data[paint][1][0])
    assert answer[truth].mean() > 0.5 > 5 * answer[~truth].mean()


@pytest.mark.parametrize("n_batches", [3, 4, 10])
def test_stopped_and_resumed(make_trainer, n_batches):
    """With dropout, whose random numbers go on where they were."""
    whole = make_trainer("whole")
    book = whole.run()
    stop_after(make_trainer("parts"), n_batches)
    resumed = make_trainer("parts")
    assert resumed.progress["total"] == n_batches - n_batches % 4
    again = resumed.run()
    assert_same_training(whole, resumed)
    np.testing.assert_array_equal(again.scores, book.scores)


def test_dropout_is_drawn_anew_for_each_batch(make_trainer):
    trainer = make_trainer()
    states = [variable for variable in trainer.model.variables if "seed" in variable.path]
    assert len(states) == 6  # one for each of the convolutions of three blocks
    before = [state.numpy() for state in states]
    trainer.run()
    assert all((state.numpy() != old).any() for state, old in zip(states, before))


def test_seed(make_trainer):
    one, same, other = make_trainer("one"), make_trainer("same"), make_trainer("other", seed=1)
    scores = [trainer.run().scores for trainer in (one, same, other)]
    assert_same_training(one, same)
    assert not np.array_equal(scores[0], scores[2])


def test_state_of_a_network_without_dropout(make_trainer):
    make_trainer().run()
    with pytest.raises(ValueError, match="state.npz is the state of another network"):
        make_trainer(dropout=0.0)


def test_patience(make_trainer):
    """Twelve epochs after the best one; with a rate of 0 that is the first."""
    trainer = make_trainer(recipe=BonjeanRecipe(n_batches=100, learning_rate=0.0, epoch=2))
    trainer.run()
    assert trainer.progress["total"] == 2 + 12 * 2
    losses = [row[-1] for row in trainer.progress["log"]]
    assert len(losses) == 13 and len(set(losses)) == 1


def entropy(truth, answer):
    p = answer
    return -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))


def focal(truth, answer):
    """Image by image, pixel by pixel."""
    losses = []
    for image, painted in zip(truth[..., 0], answer[..., 0]):
        total, n = 0.0, 0
        for y, p in zip(image.ravel(), painted.ravel()):
            if y == 1:
                total, n = total + (1 - p) ** 2 * np.log(p), n + 1
            else:
                total += (1 - y) ** 4 * p**2 * np.log(1 - p)
        losses.append(-total / max(n, 1))
    return np.mean(losses)


@pytest.mark.parametrize("paint, expected", [("discs", entropy), ("peaks", focal)])
@pytest.mark.parametrize("batch", [4, 7, 1000])
def test_validation_loss(make_trainer, data, monkeypatch, paint, expected, batch):
    """It is that of all patches, in whatever batches it is computed, without dropout."""
    monkeypatch.setattr("szfinder.training.segmentation_trainer.BATCH", batch)
    trainer = make_trainer(recipe=RECIPES[paint], paint=paint)
    images, truth = data[paint][1]
    assert len(images) == 30
    # Keras keeps answers from 0 and 1 by 1e-7
    answer = np.asarray(trainer.model(images, training=False))
    answer = np.clip(answer, np.float32(1e-7), 1 - np.float32(1e-7)).astype(float)
    (stage,) = trainer.recipe.stages
    assert trainer.validation_loss(stage) == pytest.approx(expected(truth, answer), rel=1e-4)


@pytest.mark.parametrize("ratio, surely", [(0.0, 1.0), (1.0, 0.5), (3.0, 0.25)])
def test_batches_have_the_ratio_of_the_stage(make_trainer, data, ratio, surely):
    recipe = BonjeanRecipe(n_batches=5, ratio=ratio)
    trainer = make_trainer(recipe=recipe)
    asked = []

    class Watched:
        def at(self, number):
            return self

        def batch(self, rng, n, *, occupied):
            asked.append((n, occupied))
            return data["discs"][0].batch(rng, n, occupied=occupied)

    trainer.training = Watched()
    trainer.run()
    assert asked == [(20, pytest.approx(surely))] * 5


def brute_force(answer, truth, cell):
    scores, labels = [], []
    n, ny, nx, _ = answer.shape
    for i in range(n):
        for y in range(0, ny - cell + 1, cell):
            for x in range(0, nx - cell + 1, cell):
                box = np.s_[i, y : y + cell, x : x + cell, 0]
                scores.append(max(answer[box].ravel()))
                labels.append(any(truth[box].ravel() == 1))
    return np.array(scores), np.array(labels)


@pytest.mark.parametrize("cell", [1, 3, 5, 12])
def test_cell_book(cell):
    rng = np.random.default_rng(cell)
    answer = rng.random((4, 12, 17, 1)).astype(np.float32)
    truth = np.where(rng.random(answer.shape) < 0.05, 1, 0.09 * rng.random(answer.shape))
    book = cell_book(answer, truth, cell, name="cells")
    assert isinstance(book, ScoreBook) and book.name == "cells"
    scores, labels = brute_force(answer, truth, cell)
    np.testing.assert_array_equal(book.scores, scores)
    np.testing.assert_array_equal(book.labels, labels)


def test_cells_on_the_slope_of_a_peak():
    """They are left out: the perfect answer to wide peaks at any place is all right."""
    wcs, shape = wcs_for_patch(SkyCoord(10, 5, unit="deg"), [64, 64] * u.arcmin, 1 * u.arcmin)
    x, y = np.random.default_rng(1).uniform(0, 63, (2, 4))
    truth = peak_map(wcs.pixel_to_world(x, y), wcs, shape, sigma=4 * u.arcmin)[None, :, :, None]
    book = cell_book(truth, truth, 8)
    assert 1 < book.labels.sum() <= 4 < book.labels.size < 64
    np.testing.assert_array_equal(book.labels, book.scores > 0.1)


def test_cell_larger_than_a_patch(make_trainer):
    with pytest.raises(ValueError, match="a cell must fit into a patch; found 17 pixels, and 16 x"):
        make_trainer(cell=17)


@pytest.mark.parametrize("value, message", [(0.0, "found 0 and 120"), (1.0, "found 120 and 0"),
                                            (0.9, "found 0 and 120")])  # fmt: skip
def test_validation_of_one_kind(make_trainer, data, value, message):
    images, truth = data["discs"][1]
    with pytest.raises(ValueError, match=f"cells with a cluster and cells without; {message}"):
        SegmentationTrainer(None, None, None, (images, np.full_like(truth, value)), cell=8,
                            folder="nowhere")  # fmt: skip


def test_training_without_clusters(make_trainer):
    """Refused at the first batch, not after the last."""
    trainer = make_trainer()
    trainer.training = PatchSet([blob_patches(1, n_blobs=0)])
    with pytest.raises(ValueError, match="nothing to learn from: no patch of the 1 skies has a"):
        trainer.run()
    assert trainer.progress["total"] == 0
