"""MassImages: clusters in their own and other surroundings, and the file that keeps them."""

from itertools import product

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.models import Preprocessing
from szfinder.simulation import ClusterImages
from szfinder.training.mass_images import MassImages, kept_images

SCALING = (0.5, 0.25)


def images(clusters, surroundings, *, redshift=0.7, redshift_input=None):
    """Of two bands that are divided by 2 and 4; the label of each is its number."""
    clusters, surroundings = (np.asarray(a, np.float32) for a in (clusters, surroundings))
    n, _, side, _ = clusters.shape
    truth = QTable({"redshift": np.broadcast_to(redshift, n)})
    preprocessing = Preprocessing("two", ["a", "b"], [90, 150], [1, 1], [2, 4], 0.5, side)
    made = ClusterImages(clusters, surroundings, truth, 0.5)
    return MassImages(made, np.arange(n), preprocessing, redshift_input)


def test_images_as_they_were_made():
    clusters, surroundings = np.random.default_rng(1).normal(size=(2, 5, 2, 6, 6))
    data = images(clusters, surroundings)
    assert len(data) == 5
    found, labels = data.at(np.array([3, 0]))
    assert_array_equal(labels, [3, 0])
    seen = np.moveaxis((clusters + surroundings)[[3, 0]], 1, -1) / [2, 4]
    assert_allclose(found, seen, rtol=1e-5, atol=1e-6)


def test_images_with_their_redshift():
    """ln(1 + z) in widths from the mean, and 1 in the last plane."""
    redshift = np.array([0.2, 0.9, 1.4])
    data = images(*np.zeros((2, 3, 2, 4, 4)), redshift=redshift, redshift_input=SCALING)
    found, _ = data.at(np.array([2, 1]))
    assert found.shape == (2, 4, 4, 4)
    scaled = (np.log(1 + redshift[[2, 1]]) - 0.5) / 0.25
    assert_allclose(found[..., 2], np.broadcast_to(scaled[:, None, None], (2, 4, 4)), rtol=1e-5)
    assert (found[..., 3] == 1).all()


@pytest.mark.parametrize("place", [(5, 6), (4, 4)])
def test_mixed_clusters_are_turned_about_their_middle(place):
    """In all eight orientations, whichever the surroundings have; both bands alike."""
    clusters, surroundings = np.zeros((2, 1, 2, 8, 8))
    clusters[..., *place], surroundings[..., 3, 6] = 4, 40
    data = images(clusters, surroundings)
    found, _ = data.mixed(np.random.default_rng(2), np.zeros(2400, dtype=int))
    assert_array_equal(found[..., 0], 2 * found[..., 1])

    def turned(row, column):
        """Rows and columns from the middle, (4, 4), in eight orientations."""
        y, x = row - 4, column - 4
        return {
            pair
            for sy, sx in product((1, -1), repeat=2)
            for pair in ((sy * y, sx * x), (sx * x, sy * y))
        }

    def offsets(value):
        """Where there is such a value or both together."""
        hit = np.isin(found[..., 1], (value, 11))
        assert (hit.sum(axis=(1, 2)) == 1).all()
        return [tuple(offset) for offset in np.argwhere(hit)[:, 1:] - 4]

    pairs = list(zip(offsets(1), offsets(10)))
    expected = set(product(turned(*place), turned(3, 6)))
    assert set(pairs) == expected
    each = 2400 / len(expected)
    counts = [pairs.count(pair) for pair in expected]
    assert np.abs(np.array(counts) - each).max() < 5 * np.sqrt(each)


def test_mixed_surroundings_are_those_of_any():
    """Labels and redshifts stay with the clusters; of one in seven no redshift is told."""
    heights, redshift = np.arange(10.0), np.linspace(0.2, 1.4, 10)
    clusters, surroundings = np.ones((2, 10, 2, 2, 2)) * heights[:, None, None, None]
    data = images(100 * clusters, surroundings, redshift=redshift, redshift_input=SCALING)
    chosen = np.tile(np.arange(10), 700)
    found, labels = data.mixed(np.random.default_rng(3), chosen)
    assert_array_equal(labels, chosen)
    cluster, around = np.divmod(np.rint(2 * found[:, 0, 0, 0]).astype(int), 100)
    assert_array_equal(cluster, chosen)
    assert (np.abs(np.bincount(around, minlength=10) - 700) < 5 * np.sqrt(700)).all()
    assert np.corrcoef(chosen, around)[0, 1] == pytest.approx(0, abs=0.06)
    known = found[:, 0, 0, 3]
    assert set(known) == {0, 1} and 1 - known.mean() == pytest.approx(1 / 7, abs=0.02)
    scaled = (np.log(1 + redshift[chosen]) - 0.5) / 0.25
    assert_allclose(found[:, 0, 0, 2], np.where(known, scaled, 0), rtol=1e-5, atol=1e-6)


@pytest.fixture
def make():
    """Makes images, and counts how often."""

    def make(n, seed, *, progress_bar):
        make.calls.append((n, seed))
        clusters, surroundings = np.random.default_rng(seed).normal(size=(2, n, 1, 4, 4))
        truth = QTable({"redshift": np.full(n, 0.7), "m200c": np.full(n, 3e14) * u.Msun,
                        "theta500": np.full(n, 2) * u.arcmin, "y500": np.ones(n) * u.arcmin**2,
                        "x_offset": np.zeros(n) * u.arcmin})  # fmt: skip
        return ClusterImages(clusters, surroundings, truth, 0.25)

    make.calls = []
    return make


def test_images_are_made_once_and_kept(make, tmp_path):
    path = tmp_path / "training.npz"
    first, again = (
        kept_images(path, make, 3, 7, of={"sky": "a", "masses": (1e14,)}, progress_bar=False)
        for _ in range(2)
    )
    assert make.calls == [(3, 7)] and list(tmp_path.iterdir()) == [path]
    expected = make(3, 7, progress_bar=False)
    for found in (first, again):
        assert_array_equal(found.clusters, expected.clusters)
        assert_array_equal(found.surroundings, expected.surroundings)
        assert found.pixel == 0.25 and found.truth.colnames == expected.truth.colnames
        for name in expected.truth.colnames:
            assert_array_equal(u.Quantity(found.truth[name]), u.Quantity(expected.truth[name]))


@pytest.mark.parametrize("of, message", [
    ({"sky": "b"}, "training.npz holds images with sky 'a', not 'b'; choose another folder, or"),
    ({"sky": "a", "n_images": 3}, "training.npz holds images with n_images None, not 3"),
    ({}, "training.npz holds images with sky 'a', not None"),
])  # fmt: skip
def test_images_of_something_else(make, tmp_path, of, message):
    path = tmp_path / "training.npz"
    kept_images(path, make, 3, 7, of={"sky": "a"}, progress_bar=False)
    with pytest.raises(ValueError, match=message):
        kept_images(path, make, 3, 7, of=of, progress_bar=False)


def test_damaged_images(make, tmp_path):
    path = tmp_path / "training.npz"
    kept_images(path, make, 3, 7, of={}, progress_bar=False)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="training.npz is damaged .* delete it, and the images"):
        kept_images(path, make, 3, 7, of={}, progress_bar=False)


def test_images_that_are_not_finished_leave_nothing(tmp_path):
    def stop(n, seed, *, progress_bar):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_images(tmp_path / "training.npz", stop, 3, 7, of={}, progress_bar=False)
    assert not list(tmp_path.iterdir())
