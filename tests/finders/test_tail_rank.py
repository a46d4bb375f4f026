"""TailRank against rank percentiles counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szfinder.evaluation import rank_percentile
from szfinder.finders import TailRank

STEP = 0.05  # of the ranks at which scores are kept
SCORES = np.random.default_rng(5).gamma(0.7, size=20_000)


@pytest.fixture(scope="module")
def rank():
    return TailRank.of(SCORES)


@pytest.mark.parametrize("n", [10, 57, 1000, 20_000])
def test_is_the_rank_percentile(n):
    scores = SCORES[:n]
    above = np.rint(n * (1 - rank_percentile(scores)))  # of each, those that are higher
    rank = TailRank.of(scores)(scores)
    highest = above == 0
    assert (rank[highest] >= np.log10(n) - STEP).all()
    above, rank = above[~highest], rank[~highest]
    assert (rank >= np.log10((n - 1) / above) - STEP).all()
    next_higher = np.log10(n / np.maximum(above - 1, 1 / 10**STEP))
    assert (rank <= np.maximum(np.log10(n / above) + STEP, next_higher) + 1e-9).all()


def test_of_many_scores_is_that_of_their_distribution():
    scores = -np.log10(1 - (np.arange(100_000) + 0.5) / 100_000)
    inner = np.linspace(0.02, 3.5, 300)
    np.testing.assert_allclose(TailRank.of(scores)(inner), inner, atol=0.02)


def test_does_not_fall(rank):
    scores = np.linspace(-1, SCORES.max() + 5, 10_000)
    assert (np.diff(rank(scores)) >= 0).all()
    assert (np.diff(rank(scores[scores > SCORES.max()])) > 0).all()


@pytest.mark.parametrize("part", [0.3, 0.9, 0.993])
def test_ties_have_the_rank_of_all_of_them(part):
    """A part of the pixels with one and the same score, as of a network that is sure."""
    n = 10_000
    scores = np.sort(SCORES[:n])
    n_low = int(part * n)
    scores[:n_low] = scores[n_low]  # n_low + 1 of them now
    rank = TailRank.of(scores)(scores[0])
    assert -STEP - 1e-9 <= rank + np.log10(1 - (n_low + 1) / n) <= 1e-9


def test_all_alike():
    rank = TailRank.of(np.full(100, 3.0))
    ranks = rank([2.0, 3.0, 4.0])
    assert np.isfinite(ranks).all() and (np.diff(ranks) >= 0).all()


def test_two_values():
    """Nothing of the reference is between them, and what is there is ranked in between."""
    rank = TailRank.of(np.repeat([0.0, 1.0], [990, 10]))
    low, middle, high = rank([0.0, 0.5, 1.0])
    assert low == pytest.approx(2, abs=STEP) and high == pytest.approx(3, abs=STEP)
    assert low < middle < high


def test_shape_and_nan(rank):
    scores = np.where(np.arange(12).reshape(3, 4) % 5, 1.0, np.nan)
    np.testing.assert_array_equal(np.isnan(rank(scores)), np.isnan(scores))
    assert rank(scores).shape == (3, 4)
    assert np.shape(rank(1.0)) == ()


def test_bad_pixels_of_the_reference_are_left_out(rank):
    holes = np.insert(SCORES, [0, 500, 500, 19_000], [np.nan, np.inf, np.nan, -np.inf])
    np.testing.assert_array_equal(TailRank.of(holes).scores, rank.scores)
    np.testing.assert_array_equal(TailRank.of(SCORES.reshape(100, 200)).scores, rank.scores)


@pytest.mark.parametrize("scores", [SCORES, np.repeat([0.0, 0.5, 1.0], [500, 400, 100])],
                         ids=["many", "three values"])
def test_above_the_reference(scores):
    """It starts with the slope of the last half decade, and rises by no more than one."""
    rank = TailRank.of(scores)
    highest, top = scores.max(), rank(scores.max())
    width = highest - rank.scores[-11]
    if width > 0:
        slope = (rank(highest + 1e-6 * width) - top) / (1e-6 * width)
        assert slope == pytest.approx(0.5 / width, rel=1e-4)
    above = highest + np.append(np.geomspace(1e-5, 40, 500) * width, [1e6, 1e300])
    assert (np.diff(rank(above)) >= 0).all()
    assert (rank(above) <= top + 1).all()


def test_above_the_reference_all_ranks_differ(rank):
    highest, top = SCORES.max(), rank(SCORES.max())
    width = highest - rank.scores[-11]
    scores = highest + width * np.linspace(0, 50, 3000)
    assert (np.diff(rank(scores)) > 0).all()
    assert top + 0.95 < rank(scores[-1]) < top + 1


def test_below_the_reference(rank):
    np.testing.assert_allclose(rank([SCORES.min(), -10.0]), 0, atol=STEP)


@pytest.mark.parametrize("n", [0, 9])
def test_refuses_few_scores(n):
    with pytest.raises(ValueError, match=f"10 finite scores or more; found {n}"):
        TailRank.of(np.append(np.arange(n), [np.nan, np.inf]))


@pytest.mark.parametrize(("scores", "message"), [
    (np.arange(10), "11 finite numbers or more"),
    (np.append(np.arange(20), np.nan), "finite numbers"),
    (np.append(np.arange(20), np.inf), "finite numbers"),
    (np.zeros((11, 11)), "finite numbers"),
    (-np.arange(20), "must not fall"),
])
def test_refuses_what_is_no_reference(scores, message):
    with pytest.raises(ValueError, match=message):
        TailRank(scores)


@given(st.lists(st.integers(-50, 50), min_size=10, max_size=80), st.data())
def test_ranks_do_not_depend_on_the_scale(values, data):
    """A score that is an increasing function of another has its ranks, but between those kept."""
    scores = np.array(values, float)
    increasing = data.draw(st.sampled_from([
        lambda x: np.exp(x / 10), lambda x: x**3, lambda x: 4 * x - 7, lambda x: np.sqrt(x + 50),
        lambda x: np.where(x > 0, 100 * x, x)]))
    one, other = TailRank.of(scores), TailRank.of(increasing(scores))
    np.testing.assert_array_equal(other.scores, increasing(one.scores))
    np.testing.assert_array_equal(other(other.scores), one(one.scores))
    # what is between two scores that are kept stays between them
    kept = np.unique(one.scores)
    for rank, x in ((one, scores), (other, increasing(scores))):
        place = np.searchsorted(kept, scores)
        assert (rank(x) <= one(kept)[place] + 1e-12).all()
        lower = np.where(kept[place] == scores, place, place - 1)
        assert (rank(x) >= np.where(lower < 0, 0, one(kept)[lower]) - 1e-12).all()


@given(st.lists(st.floats(-5, 5), min_size=10, max_size=60))
def test_orders_as_the_scores(values):
    scores = np.sort(values)
    assert (np.diff(TailRank.of(scores)(scores)) >= 0).all()
