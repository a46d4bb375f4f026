"""Borrowed ranks, and the highest pixel nearby, against all pairs of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from szfinder.finders.lending import highest_nearby, lent

SQUARE = 2.5  # half of its side, in units of near


def by_pairs(rank, near):
    """Best offer to each pixel by all in the square around it."""
    y, x = np.indices(rank.shape)
    best = np.full(rank.shape, np.nan)
    for j, i in zip(*np.nonzero(np.isfinite(rank))):
        inside = (np.abs(y - j) <= SQUARE * near) & (np.abs(x - i) <= SQUARE * near)
        loss = 0.3 * ((y - j) ** 2 + (x - i) ** 2) / near**2
        best[j, i] = np.nanmax(np.where(inside, rank - loss, -np.inf))
    return best


def ranks(seed, shape=(13, 17), missing=0.0):
    """Ranks of noise, with some pixels far above the others."""
    rng = np.random.default_rng(seed)
    rank = -np.log10(rng.uniform(size=shape))
    rank[rng.uniform(size=shape) < 0.05] += 3
    rank[rng.uniform(size=shape) < missing] = np.nan
    return rank


def local_maxima(values):
    """Pixels that are above all that touch them."""
    filled = np.where(np.isnan(values), -np.inf, values)
    around = np.ones((3, 3))
    around[1, 1] = 0
    return filled > ndimage.maximum_filter(filled, footprint=around, mode="constant", cval=-np.inf)


@pytest.mark.parametrize("near", [0.5, 1.0, 1.7, 3.2, 40.0])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_is_the_best_of_all_offers(near, missing):
    rank = ranks(1, missing=missing)
    np.testing.assert_allclose(lent(rank, near), by_pairs(rank, near), rtol=1e-12)


@pytest.mark.parametrize("near", [0.0, 0.39])
def test_nothing_is_near(near):
    rank = ranks(3, missing=0.1)
    np.testing.assert_array_equal(lent(rank, near), rank)


def test_one_peak():
    """A paraboloid, 0.3 lower at the given distance, as far as it is lent."""
    rank = np.zeros((41, 41))
    rank[20, 18] = 5
    best = lent(rank, 4.0)
    assert best[20, 18] == 5 and best[20, 22] == best[16, 18] == 4.7
    assert best[20, 28] == pytest.approx(5 - 0.3 * 2.5**2) and best[20, 29] == 0


@pytest.mark.parametrize("function", [lent, highest_nearby])
def test_input_stays(function):
    rank = ranks(4, missing=0.2)
    given = rank.copy()
    function(rank, 2.0)
    np.testing.assert_array_equal(rank, given)


def test_all_missing():
    assert np.isnan(lent(np.full((5, 6), np.nan), 2.0)).all()
    own = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(highest_nearby(np.full((5, 6), np.nan), 2.0), own)


@given(st.integers(0, 10_000), st.sampled_from([0.6, 1.0, 2.3, 4.0]))
def test_makes_no_new_peak(seed, near):
    rank = ranks(seed, shape=(12, 11))
    best = lent(rank, near)
    assert not (local_maxima(best) & ~local_maxima(rank)).any()
    assert best.max() == rank.max() and (best >= rank).all()


@given(st.integers(0, 10_000))
def test_symmetries(seed):
    rank = ranks(seed, shape=(9, 12), missing=0.1)
    best, highest = lent(rank, 1.8), rank.ravel()[highest_nearby(rank, 1.8)]
    for turn in (np.transpose, np.flipud, np.fliplr):
        turned = turn(rank)
        np.testing.assert_allclose(lent(turned, 1.8), turn(best))
        np.testing.assert_array_equal(turned.ravel()[highest_nearby(turned, 1.8)], turn(highest))
    np.testing.assert_allclose(lent(rank + 2, 1.8), best + 2)
    np.testing.assert_array_equal(highest_nearby(rank + 2, 1.8), highest_nearby(rank, 1.8))


# The highest pixel nearby


@pytest.mark.parametrize(("near", "reach"), [(0.0, 0), (0.4, 1), (1.0, 1), (1.2, 2), (3.0, 3),
                                             (50.0, 50)])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_highest_of_the_square(near, reach, missing):
    """Of every square that has a rank: one of its pixels, and the highest; NaN never."""
    rank = ranks(5, missing=missing)
    index = highest_nearby(rank, near)
    assert index.shape == rank.shape and index.dtype.kind == "i"
    for (j, i), there in np.ndenumerate(index):
        square = rank[max(j - reach, 0) : j + reach + 1, max(i - reach, 0) : i + reach + 1]
        if np.isfinite(square).any():
            y, x = np.unravel_index(there, rank.shape)
            assert max(abs(y - j), abs(x - i)) <= reach
            assert rank[y, x] == np.nanmax(square)


def test_highest_of_equal_ones_is_one_of_them():
    """Plateaus, as of a network that is sure: a pixel on one that sees none higher keeps itself."""
    rank = np.random.default_rng(6).integers(0, 3, (15, 14)).astype(float)
    index = highest_nearby(rank, 1.0)
    np.testing.assert_array_equal(rank.ravel()[index], ndimage.maximum_filter(rank, 3))
    top = rank == 2
    np.testing.assert_array_equal(index[top], np.flatnonzero(top))
