"""Score books: curves, thresholds, areas and errors."""

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from szfinder.evaluation import Confusion, CutoutGrid, ScoreBook, rank_percentile

# few values, so that there are ties
scores = arrays(float, st.integers(2, 40), elements=st.sampled_from([-np.inf, -1, 0, 0.5, 2, 7]))
seeds = st.integers(0, 2**32 - 1)


def labelled(scores, seed):
    """A book with at least one cluster and one other entry."""
    labels = np.random.default_rng(seed).random(scores.size) < 0.4
    labels[:2] = True, False
    return ScoreBook(scores, labels)


@given(scores, seeds)
def test_curves_are_direct_counts(scores, seed):
    book = labelled(scores, seed)
    assert book.thresholds.tolist() == sorted(set(scores[scores > -np.inf]))
    curves = zip(book.thresholds, book.purity, book.completeness, book.f1)
    for threshold, purity, completeness, f1 in curves:
        above = scores >= threshold
        true = (above & book.labels).sum()
        assert purity == true / above.sum()
        assert completeness == true / book.labels.sum()
        assert f1 == 2 * true / (above.sum() + book.labels.sum())
        counts = true, above.sum() - true, (book.labels & ~above).sum()
        negative = (~book.labels & ~above).sum()
        assert book.confusion(threshold) == Confusion(*counts, negative)


@given(scores, seeds)
def test_best_threshold(scores, seed):
    book = labelled(scores, seed)
    if not (book.labels & (scores > -np.inf)).any():
        with pytest.raises(ValueError, match="none of its clusters was detected"):
            book.best_threshold
        return
    trials = np.linspace(-2, 8, 101)
    best = book.confusion(book.best_threshold).f1
    assert best == pytest.approx(max(book.confusion(threshold).f1 for threshold in trials))
    better = [t for t in trials if t > book.best_threshold and book.confusion(t).f1 >= best]
    assert not better


@given(scores, seeds)
def test_auc_is_the_part_of_pairs_in_order(scores, seed):
    book = labelled(scores, seed)
    rank = np.searchsorted(np.unique(scores), scores)  # -inf - -inf is no number
    difference = rank[book.labels][:, None] - rank[~book.labels]
    assert book.auc == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))


@given(scores, seeds)
def test_average_precision_is_the_sum_over_steps(scores, seed):
    book = labelled(scores, seed)
    steps = -np.diff(book.completeness, append=0)
    assert book.average_precision == pytest.approx(np.sum(steps * book.purity))


@given(scores, seeds)
def test_roc(scores, seed):
    book = labelled(scores, seed)
    false_rate, true_rate = book.roc()
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    assert false_rate.size == len(set(scores)) + 1
    matrices = [book.confusion(threshold) for threshold in book.thresholds[::-1]]
    n_false = len(book) - book.n_clusters
    for i, confusion in enumerate(matrices, start=1):
        assert false_rate[i] == pytest.approx(confusion.false_positive / n_false)
        assert true_rate[i] == pytest.approx(confusion.completeness)


def test_threshold_of_one_book_on_another():
    validation = ScoreBook([1, 2, 3, 4, 5], [0, 0, 1, 0, 1])
    test = ScoreBook([2.9, 3.0, 3.1, 6.0], [1, 1, 0, 1])
    assert validation.best_threshold == 3
    assert test.confusion(validation.best_threshold) == Confusion(2, 1, 1, 0)


def test_catalogue(table_of):
    truth = table_of(
        [(0, 0), (5, 0), (10, 0), (15, 0)],
        mvir=[3e14, 1e14, 4e14, 4e14] * u.Msun,
        redshift=[0.5, 0.5, 0.5, 0.1],
    )
    # a cluster, a light halo, a near halo, nothing; one cluster is missed
    detections = table_of([(0.1, 0), (5, 0.1), (15, 0), (-9, 0)], snr=[9, 8, 7, 6])
    book = ScoreBook.from_catalogue(detections, truth, score="snr", name="MF")
    assert book.scores.tolist() == [9, 8, 7, 6, -np.inf]
    assert book.labels.tolist() == [True, False, False, False, True]
    assert book.confusion(-np.inf) == Confusion(1, 3, 1, None)
    assert book.completeness.max() == 0.5
    with pytest.raises(ValueError, match="'MF': 2 clusters in 5 entries> has no ROC"):
        book.roc()
    with pytest.raises(ValueError, match="has no ROC"):
        book.auc
    light = ScoreBook.from_catalogue(
        detections, truth, score="snr", min_mass=1e14 * u.Msun, min_redshift=0
    )
    assert light.labels.tolist() == [True, True, True, False, True]


def test_cutouts(table_of, patch):
    grid = CutoutGrid(*patch)
    truth = table_of(
        [(3, 3), (9, 3), (15, 3)], mvir=[3e14, 3e14, 1e14] * u.Msun, redshift=[0.5, 0.5, 0.5]
    )
    detections = table_of([(3, 3.2), (15, 3), (3, 15)], score=[9, 8, 7])
    book = ScoreBook.from_cutouts(grid, detections, truth)
    assert len(book) == grid.n_cutouts
    assert book.confusion(6) == Confusion(1, 2, 1, 76)
    assert book.confusion(8.5) == Confusion(1, 0, 1, 78)
    assert book.best_threshold == 9


def test_several_skies():
    books = [ScoreBook([1, 2], [0, 1], name="MF"), ScoreBook([3], [1], name="other")]
    whole = ScoreBook.concatenate(books)
    assert whole.scores.tolist() == [1, 2, 3] and whole.labels.tolist() == [False, True, True]
    assert whole.name == "MF"
    with pytest.raises(ValueError, match="all of cutouts or all of catalogues"):
        ScoreBook.concatenate([books[0], ScoreBook([1], [1], counts_negatives=False)])


def test_bootstrap_of_a_fraction():
    rng = np.random.default_rng(4)
    book = ScoreBook(rng.normal(size=500), rng.random(500) < 0.3, name="MF")
    low, high = book.bootstrap(lambda resample: resample.n_clusters / len(resample), rng=5)
    fraction = book.labels.mean()
    error = np.sqrt(fraction * (1 - fraction) / 500)
    assert low == pytest.approx(fraction - error, abs=0.15 * error)
    assert high == pytest.approx(fraction + error, abs=0.15 * error)


def test_bootstrap_is_repeatable_and_keeps_entries_together():
    book = ScoreBook(np.arange(50.0), np.arange(50) >= 40)
    assert book.bootstrap(lambda b: b.f1.max(), n_samples=50, rng=1) == (1, 1)
    first, second = (book.bootstrap(lambda b: b.f1[0], n_samples=50, rng=1) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "scores, labels, message",
    [
        ([1, 2], [True], r"found shapes \(2,\) and \(1,\)"),
        ([[1]], [[True]], "one-dimensional"),
        ([np.nan, 1], [True, False], "must not be NaN"),
    ],
)
def test_no_book(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        ScoreBook(scores, labels)


def test_one_class_only():
    with pytest.raises(ValueError, match="it needs clusters and others"):
        ScoreBook([1, 2], [True, True]).roc()
    with pytest.raises(ValueError, match="no average precision without clusters"):
        ScoreBook([1, 2], [False, False]).average_precision
    assert ScoreBook([-np.inf, 2], [True, False]).average_precision == 0


@given(scores)
def test_rank_percentile(scores):
    expected = [np.mean(scores <= score) for score in scores]
    np.testing.assert_allclose(rank_percentile(scores), expected)
