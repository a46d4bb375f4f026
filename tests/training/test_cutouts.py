"""SkyCutouts and CutoutSet: the right pixels with the right labels."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from szfinder.evaluation import CutoutGrid
from szfinder.simulation import SkySimulator
from szfinder.simulation.presets import PRESETS
from szfinder.training import CutoutSet, SkyCutouts

N_TURNS = 8


@pytest.fixture(scope="module")
def sky():
    return SkySimulator.from_preset("deepsz", size=1, rng=1001).patch()


@pytest.fixture(scope="module")
def cutouts(sky):
    return SkyCutouts.from_sky(sky, min_mass=6e13)


def turned(image):
    """The eight copies of an image by quarter turns and mirrors."""
    return [np.rot90(copy, turn) for copy in (image, image[::-1]) for turn in range(4)]


@pytest.mark.parametrize("limits", [{}, {"min_mass": 6e13}, {"min_redshift": 1, "min_mass": 4e13}])
def test_labels_are_those_of_the_grid(sky, limits):
    cutouts = SkyCutouts.from_sky(sky, **limits)
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    labels = cutouts.labels(cutouts.corners)
    np.testing.assert_array_equal(labels, grid.labels(sky.truth, **limits))
    assert 0 < labels.sum() < labels.size


def test_images_are_the_pixels_of_the_grid(sky, cutouts):
    images = cutouts.images(cutouts.corners)
    assert images.shape == (81, 32, 32, 3) and images.dtype == np.float32
    for image, place in zip(images, CutoutGrid(sky.maps.wcs, sky.maps.shape).slices, strict=True):
        np.testing.assert_array_equal(np.moveaxis(image, -1, 0), sky.maps.data[:, *place])


def test_labels_follow_the_definition(cutouts):
    """A cluster within 3 arcmin of the middle along each axis, one cutout after the other."""
    rng = np.random.default_rng(4)
    corners = rng.integers(0, 240 - 31, size=(2, 200))
    expected = [
        any(max(abs(x - x0 - 15.5), abs(y - y0 - 15.5)) <= 12 for x, y in cutouts.clusters.T)
        for x0, y0 in corners.T
    ]
    np.testing.assert_array_equal(cutouts.labels(corners), expected)
    assert 20 < sum(expected) < 180


def test_random_places(cutouts):
    rng = np.random.default_rng(5)
    for corners, label in ((cutouts.random_positives(rng, 3000), True),
                           (cutouts.random_negatives(rng, 3000), False)):
        assert corners.shape == (2, 3000) and corners.dtype.kind == "i"
        assert corners.min() >= 0 and corners.max() <= 240 - 32
        assert (cutouts.labels(corners) == label).all()
        assert corners.max() > 190 and corners.min() < 10  # all over the sky


def test_cluster_of_a_positive_is_anywhere_in_the_middle():
    """Uniformly over the square, for a cluster far from the edges of the sky."""
    cutouts = SkyCutouts(np.zeros((80, 90, 1), np.float32), np.array([[40.3], [50.7]]),
                         np.zeros((2, 1), int), 0.5)
    corners = cutouts.random_positives(np.random.default_rng(6), 20000)
    for corner, cluster in zip(corners, (40.3, 50.7)):
        offset = cluster - (corner + 7.5)
        assert (np.abs(offset) <= 6).all()
        counts = np.unique(offset, return_counts=True)[1]
        assert counts.size == 12
        np.testing.assert_allclose(counts, 20000 / 12, rtol=0.12)


def test_clusters_that_no_cutout_has_in_its_middle(blobs):
    """Less than 1 arcmin from the edge of the sky, or beyond it."""
    unreached = np.array([[0.2, 30.0, 87.3, -3.0], [30.0, 0.3, 30.0, 40.0]])
    cutouts = SkyCutouts(np.zeros((96, 88, 1), np.float32), unreached, np.zeros((2, 1), int), 1.0)
    assert not cutouts.has_positives
    assert cutouts.random_positives(np.random.default_rng(1), 0).shape == (2, 0)
    images, labels = CutoutSet([cutouts], np.ones(1)).batch(np.random.default_rng(1), 50, ratio=1)
    assert images.shape == (50, 8, 8, 1) and labels.sum() == 0


@pytest.mark.parametrize("ratio", [1, 4, 19])
def test_ratio_of_the_classes(training, ratio):
    rng = np.random.default_rng(7)
    labels = np.concatenate([training.batch(rng, 500, ratio=ratio)[1] for _ in range(8)])
    p = 1 / (1 + ratio)
    assert abs(labels.sum() - 4000 * p) < 4 * np.sqrt(4000 * p * (1 - p))


def test_sky_without_clusters(blobs, training):
    nothing = CutoutSet([blobs(1, n_blobs=0)], training.scale)
    _, labels = nothing.batch(np.random.default_rng(0), 40, ratio=1)
    assert labels.sum() == 0
    assert nothing.on_grid()[1].sum() == 0
    both = CutoutSet([nothing.skies[0], *training.skies], training.scale)
    _, labels = both.batch(np.random.default_rng(0), 400, ratio=1)
    assert 90 < labels.sum() < 210


def test_batches_repeat(training):
    batches = [training.batch(np.random.default_rng(seed), 64, ratio=2) for seed in (3, 3, 4)]
    assert batches[0][0].tobytes() == batches[1][0].tobytes()
    np.testing.assert_array_equal(batches[0][1], batches[1][1])
    assert not np.array_equal(batches[0][0], batches[2][0])


def test_images_of_a_batch_are_turned_pieces_of_a_sky(blobs, training):
    """Each is one of the eight copies of a cutout, whose label it has; all copies occur."""
    sky = blobs(8)
    sky.maps += 100 * np.arange(96 * 88).reshape(96, 88, 1)  # no two cutouts are alike
    scale = np.array([2.0, 4.0])
    images, labels = CutoutSet([sky], scale).batch(np.random.default_rng(9), 300, ratio=1)
    assert images.dtype == np.float32 and labels.dtype.kind == "i"
    counts = np.zeros(N_TURNS, int)
    for image, label in zip(images, labels):
        y, x = np.unravel_index(int(np.rint(image[..., 0].min() * 2 / 100)), (96, 88))
        copies = turned(sky.maps[y : y + 8, x : x + 8] / np.float32(scale))
        same = [np.array_equal(copy, image) for copy in copies]
        assert sum(same) == 1
        counts += same
        assert label == sky.labels(np.array([[x], [y]]))[0]
    assert counts.min() > 15 and counts.max() < 65


def test_on_grid(validation):
    images, labels = validation.on_grid()
    assert images.shape == (2 * 210, 8, 8, 2) and labels.shape == (420,)
    assert images.dtype == np.float32
    second = validation.skies[1]
    np.testing.assert_array_equal(images[210:], second.images(second.corners) / [2, 4])
    np.testing.assert_array_equal(labels[210:], second.labels(second.corners))


def test_simulated_skies_are_kept(monkeypatch, tmp_path):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    first = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path / "skies")
    other = SkyCutouts.simulated("deepsz", 1002, folder=tmp_path / "skies")
    monkeypatch.setitem(PRESETS, "deepsz", None)  # nothing can be simulated any more
    second = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path / "skies")
    for name in ("maps", "clusters", "corners", "pixel", "size", "half_core"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.maps.shape == (120, 120, 3) and first.size == 32
    assert not np.array_equal(first.maps, other.maps)
    assert len(list((tmp_path / "skies").iterdir())) == 2


def test_simulated_sky_is_that_of_the_simulator(monkeypatch, tmp_path):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    kept = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path)
    sky = SkySimulator.from_preset("deepsz", rng=1001).patch()
    np.testing.assert_array_equal(np.moveaxis(kept.maps, -1, 0), sky.maps.data)
