"""Figures of score books."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from szfinder.evaluation import ScoreBook, plot_f1_curve, plot_roc
from szfinder.evaluation.plot_style import finder_style

SCORES = [-np.inf, 1, 2, 3, 4, 5]
LABELS = [True, False, False, True, False, True]


@pytest.fixture
def book():
    """Five entries with score and a cluster without; F1 by hand below."""
    return ScoreBook(SCORES, LABELS, name="filter")


@pytest.fixture
def other():
    rng = np.random.default_rng(1)
    return ScoreBook(rng.random(200), rng.random(200) < 0.3, name="network")


def line(axes, name):
    """The line of which the legend says the name."""
    return next(one for one in axes.lines if one.get_label().startswith(name))


def f1_at(threshold):
    above = np.array(SCORES) >= threshold
    return 2 * (above & LABELS).sum() / (above.sum() + sum(LABELS))


def test_the_curve_is_what_each_threshold_selects(book):
    curve = line(plot_f1_curve([book]), "filter")
    assert [f1_at(score) for score in curve.get_xdata()] == pytest.approx(curve.get_ydata())
    # between the scores: the horizontal parts of the steps that are drawn
    x, y = curve.get_path().vertices.T
    flat = np.flatnonzero(np.diff(x))
    assert len(flat) == 4
    for start in flat:
        assert y[start] == y[start + 1] == f1_at((x[start] + x[start + 1]) / 2)


def test_the_best_threshold_is_marked(book):
    axes = plot_f1_curve([book])
    mark = next(one for one in axes.lines if one.get_marker() == "o")
    best = max(SCORES[1:], key=lambda score: (f1_at(score), score))
    assert mark.get_xydata().tolist() == [[best, pytest.approx(f1_at(best))]]
    label = axes.get_legend().get_texts()[0].get_text()
    assert label == f"filter: {f1_at(best):.2f} at {best:g}"


def test_histograms_hold_all_scores_shown(book, other):
    axes = plot_f1_curve([book, other])
    behind = next(one for one in axes.figure.axes if one is not axes)
    assert behind.get_zorder() < axes.get_zorder()
    heights = [patch.get_data().values.sum() for patch in behind.patches]
    assert heights == [5, 200]  # all but the cluster without score


def test_a_long_tail_is_cut():
    rng = np.random.default_rng(1)
    book = ScoreBook([*rng.uniform(4, 9, 999), 1000], np.ones(1000, bool))
    assert plot_f1_curve([book]).get_xlim()[1] < 9


def test_against_detections_a_monotonic_map_changes_nothing(other):
    logit = np.log(other.scores / (1 - other.scores))
    books = [other, ScoreBook(logit, other.labels, name="logit")]
    axes = plot_f1_curve(books, against="detections")
    first, second = (line(axes, name).get_xydata() for name in ("network", "logit"))
    np.testing.assert_array_equal(first, second)
    assert len(axes.figure.axes) == 1 and axes.get_xscale() == "log"
    n = int(first[50, 0])
    top = np.argsort(-other.scores)[:n]
    found = other.labels[top].sum()
    assert first[50, 1] == pytest.approx(2 * found / (n + other.n_clusters))


def test_detections_with_equal_scores_count_together():
    book = ScoreBook([1, 1, 1, 2], [True, False, False, True], name="ties")
    x = line(plot_f1_curve([book], against="detections"), "ties").get_xdata()
    assert x.tolist() == [4, 1]


def test_unknown_abscissa(book):
    with pytest.raises(ValueError, match="'threshold' or 'detections'; found 'rank'"):
        plot_f1_curve([book], against="rank")


@pytest.mark.parametrize("scores, labels", [([], []), ([-np.inf], [True]), ([1.0, 2], [False] * 2)])
def test_books_without_a_right_detection(scores, labels):
    axes = plot_f1_curve([ScoreBook(scores, labels, name="none")])
    axes.figure.canvas.draw()
    assert axes.get_legend().get_texts()[0].get_text() == "none"


def test_names_of_the_nameless(book):
    axes = plot_f1_curve([ScoreBook(SCORES, LABELS), book])
    assert axes.get_legend().get_texts()[0].get_text().startswith("finder 1: ")


def test_roc(book, other):
    axes = plot_roc([other, book])
    curve = line(axes, "network").get_xydata()
    assert curve[0].tolist() == [0, 0] and curve[-1].tolist() == [1, 1]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    above = other.scores[other.labels][:, None] > other.scores[~other.labels]
    assert labels[0] == f"network: AUC {above.mean():.3f}"
    area = np.trapezoid(curve[:, 1], curve[:, 0])
    assert area == pytest.approx(above.mean())


def test_roc_of_a_catalogue_draws_nothing(other):
    figure = Figure()
    axes = figure.add_subplot()
    with pytest.raises(ValueError, match="no ROC"):
        plot_roc([other, ScoreBook(SCORES, LABELS, counts_negatives=False)], axes=axes)
    assert not axes.lines


@pytest.mark.parametrize("plot", [plot_f1_curve, plot_roc])
def test_on_given_axes(plot, other):
    given = Figure().subplots(1, 2)[1]
    assert plot([other], axes=given) is given and given.lines


def test_finders_are_told_apart_without_colour():
    styles = [tuple(finder_style(number).values()) for number in range(12)]
    assert len(set(styles)) == 12
    assert len({line for _, line in styles[:4]}) == 4
