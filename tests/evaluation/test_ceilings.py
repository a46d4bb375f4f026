"""What a perfect instrument scores: everything, unless scatter or the limits confuse."""

import astropy.units as u
import numpy as np
import pytest

from szfinder.evaluation import CutoutGrid, amplitude_ceiling, ceilings, learned_ceiling
from szfinder.physics import central_y, theta500


@pytest.fixture(scope="module")
def make_truth(table_of):
    """Function that makes halos, of a steep mass function, in the middle of the map."""

    def make(n=1500, *, rng=1, scatter=0.0, redshift=(0.6, 0.6), gap=False):
        rng = np.random.default_rng(rng)
        mass = 5e13 * rng.uniform(0.005, 1, n) ** (-1 / 1.8)
        if gap:
            mass[(mass > 1.5e14) & (mass < 2.5e14)] = 6e13
        z = rng.uniform(*redshift, n)
        return table_of(
            rng.uniform(-23.9, 23.9, (n, 2)),
            mvir=mass * u.Msun,
            redshift=z,
            theta500=theta500(0.6 * mass, z) * u.arcmin,
            y_c=central_y(0.6 * mass, z) * rng.lognormal(0, scatter, n),
        )

    return make


@pytest.mark.parametrize("in_cutouts", [False, True])
def test_without_scatter_and_confusion(make_truth, patch, in_cutouts):
    grid = CutoutGrid(*patch) if in_cutouts else None
    truth = make_truth(gap=True)
    for book in (amplitude_ceiling(truth, grid=grid), learned_ceiling(truth, grid=grid, rng=1)):
        assert book.f1.max() == 1
        assert len(book) == (80 if in_cutouts else 1500)
        assert book.n_clusters > 40


def test_amplitude_ceiling_falls_with_scatter(make_truth):
    f1 = [amplitude_ceiling(make_truth(scatter=s)).f1.max() for s in (0, 0.1, 0.3)]
    assert f1[0] == 1 and f1[0] > f1[1] > f1[2]


def test_learning_knows_the_limit_in_redshift(make_truth):
    truth = make_truth(6000, redshift=(0.1, 0.5))
    learned, amplitude = learned_ceiling(truth, rng=1), amplitude_ceiling(truth)
    assert learned.f1.max() > amplitude.f1.max() + 0.05
    assert learned.scores.min() >= 0 and learned.scores.max() <= 1


def test_nothing_is_learned_from_noise(make_truth):
    # a fit that had seen the halos it scores would tell them apart
    areas = []
    for rng in map(np.random.default_rng, range(20)):
        truth = make_truth(100, rng=rng)
        truth["mvir"], truth["y_c"] = rng.choice([1, 3], 100) * (1e14 * u.Msun), rng.random(100)
        areas.append(learned_ceiling(truth, rng=rng).auc)
    error = np.sqrt(101 / (12 * 50 * 50) / 20)
    assert np.mean(areas) == pytest.approx(0.5, abs=4 * error)


def test_learned_from_another_sky(make_truth):
    truth = make_truth(400, rng=2, scatter=0.1)
    book = learned_ceiling(truth, training=make_truth(4000, rng=3, scatter=0.1), rng=1)
    assert len(book) == 400
    assert book.auc > 0.98
    again = learned_ceiling(truth, training=make_truth(4000, rng=3, scatter=0.1), rng=1)
    np.testing.assert_array_equal(book.scores, again.scores)


def test_floor_and_limits(make_truth):
    truth = make_truth()
    book = amplitude_ceiling(truth, floor=1e14 * u.Msun, min_mass=3e14 * u.Msun)
    assert len(book) == np.count_nonzero(truth["mvir"] >= 1e14 * u.Msun)
    assert book.n_clusters == np.count_nonzero(truth["mvir"] >= 3e14 * u.Msun)
    with pytest.raises(ValueError, match="floor must not exceed min_mass"):
        amplitude_ceiling(truth, floor=3e14 * u.Msun)


def test_too_little_to_learn_from(make_truth):
    truth = make_truth(100)
    for arguments in ({}, {"training": make_truth(50)}):
        with pytest.raises(ValueError, match="found 0 clusters among"):
            learned_ceiling(truth, min_mass=1e16 * u.Msun, **arguments)


def test_both_ceilings_where_there_is_enough_to_learn_from(make_truth):
    truth = make_truth()
    amplitude, learned = ceilings(truth, rng=1)
    np.testing.assert_array_equal(amplitude.scores, amplitude_ceiling(truth).scores)
    np.testing.assert_array_equal(learned.scores, learned_ceiling(truth, rng=1).scores)
    (alone,) = ceilings(truth, min_mass=1e16 * u.Msun)
    assert alone.name == "amplitude ceiling"
    truth["m200c"] = 2 * truth["mvir"]
    heavy = ceilings(truth, mass="m200c", floor=1e14 * u.Msun, min_mass=4e14 * u.Msun, rng=1)
    np.testing.assert_array_equal(heavy[0].labels, amplitude.labels)
