"""Joint thresholds against all thresholds, one after the other."""

from itertools import product

import numpy as np
import pytest

from szfinder.training import f1_of_thresholds, joint_thresholds

GRID = np.arange(5, 46) / 10


def some_ranks(seed, n_finder, n=300):
    """Ranks of finders whose noise is not the same, and clusters."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(size=n) < 0.3
    ranks = rng.exponential(0.8, (n_finder, n)) + np.where(labels, rng.uniform(0, 3, n), 0)
    return ranks, labels


def f1_one_by_one(ranks, labels, thresholds, n_missed):
    positive = np.logical_and.reduce([rank >= t for rank, t in zip(ranks, thresholds)])
    true = (positive & labels).sum()
    false = (positive & ~labels).sum()
    lost = (~positive & labels).sum() + n_missed
    return 2 * true / max(2 * true + false + lost, 1)


@pytest.mark.parametrize("n_missed", [0, 40])
@pytest.mark.parametrize("seed", [1, 2])
def test_two_finders(seed, n_missed):
    ranks, labels = some_ranks(seed, 2)
    expected = [[f1_one_by_one(ranks, labels, (one, other), n_missed) for other in GRID]
                for one in GRID]
    f1 = f1_of_thresholds(ranks, labels, n_missed=n_missed)
    np.testing.assert_allclose(f1, expected, rtol=1e-12)
    chosen = joint_thresholds(ranks, labels, n_missed=n_missed)
    assert f1_one_by_one(ranks, labels, chosen, n_missed) == pytest.approx(np.max(expected))


def test_three_finders():
    ranks, labels = some_ranks(3, 3, n=60)
    f1 = f1_of_thresholds(ranks, labels, n_missed=5)
    assert f1.shape == (41, 41, 41)
    chosen = joint_thresholds(ranks, labels, n_missed=5)
    assert f1_one_by_one(ranks, labels, chosen, 5) == pytest.approx(f1.max())
    # between two neighbouring ranks all thresholds are alike: a few of each finder stand for all
    some = [GRID[np.unique(np.searchsorted(GRID, np.append(0.5, rank)).clip(0, 40))]
            for rank in ranks]
    coarse = [thresholds[::2] for thresholds in some]
    best = 0.0
    for thresholds in product(*coarse):
        index = tuple(np.searchsorted(GRID, thresholds))
        expected = f1_one_by_one(ranks, labels, thresholds, 5)
        assert f1[index] == pytest.approx(expected)
        best = max(best, expected)
    assert best <= f1.max() + 1e-12


def test_ranks_on_the_grid_meet_their_threshold():
    ranks = np.array([[0.5, 1.0, 2.0, 4.5], [4.5, 3.0, 2.0, 4.5]])
    f1 = f1_of_thresholds(ranks, [True, False, True, True])
    assert f1[0, 0] == pytest.approx(6 / 7)
    assert f1[15, 15] == pytest.approx(4 / 5)
    assert f1[40, 40] == pytest.approx(1 / 2)


def test_perfect_finders_and_useless_ones():
    """One finder knows all, the other nothing: the threshold of the other is the lowest."""
    rng = np.random.default_rng(4)
    labels = rng.uniform(size=500) < 0.2
    ranks = np.array([np.where(labels, 3.05, 1.05), rng.uniform(0.6, 4.4, 500)])
    one, other = joint_thresholds(ranks, labels)
    assert 1.05 < one <= 3.05 and other == pytest.approx(0.5)


def test_order_of_finders_and_entries():
    ranks, labels = some_ranks(5, 2)
    f1 = f1_of_thresholds(ranks, labels)
    np.testing.assert_array_equal(f1_of_thresholds(ranks[::-1], labels), f1.T)
    order = np.random.default_rng(6).permutation(labels.size)
    np.testing.assert_array_equal(f1_of_thresholds(ranks[:, order], labels[order]), f1)


def test_clusters_that_are_missed_lower_f1():
    ranks, labels = some_ranks(7, 2)
    seen = f1_of_thresholds(ranks, labels)
    missed = f1_of_thresholds(ranks, labels, n_missed=10)
    assert (missed[seen > 0] < seen[seen > 0]).all()
    # a missed cluster is one that is below all thresholds
    below = np.hstack([ranks, np.zeros((2, 10))])
    np.testing.assert_allclose(f1_of_thresholds(below, np.append(labels, [True] * 10)), missed)


def test_nothing_at_all():
    assert not f1_of_thresholds(np.zeros((2, 0)), []).any()
