"""Figures of score books: what the choice of a threshold costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from szfinder.evaluation.plot_style import axes_behind, finder_style, new_axes
from szfinder.evaluation.scorebook import ScoreBook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_f1_curve", "plot_roc"]

#: Bins of the histogram of the scores.
N_BINS = 40
#: Part of the highest completeness below which thresholds are not shown.
LEAST_COMPLETENESS = 0.05


def plot_f1_curve(
    books: Sequence[ScoreBook], *, against: str = "threshold", axes: "Axes | None" = None
) -> "Axes":
    """F1 score over the threshold, as in Figs. 5, 6a and 8a of Lin et al. (2021).

    The best threshold of each book is marked, and stands in the legend with its F1 score. Behind
    the curves are the histograms of the scores; entries without score (-inf) are left out. The few
    highest scores may be far off: thresholds are shown as long as they keep
    5 per cent of the clusters found.

    Parameters
    ----------
    books : sequence of `ScoreBook`
        One for each finder, with names.
    against : {"threshold", "detections"}, optional
        Abscissa. Scores of one unit share a threshold; those of different units, such as
        signal-to-noise ratios and probabilities, compare at an equal number of detections, which
        is their rank (there are then no histograms).
    axes : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If ``against`` is neither.
    """
    if against not in ("threshold", "detections"):
        raise ValueError(f"against must be 'threshold' or 'detections'; found {against!r}")
    by_threshold = against == "threshold"
    axes = new_axes() if axes is None else axes
    for number, book in enumerate(books):
        abscissa = book.thresholds if by_threshold else _detections(book)
        # Between two scores a threshold selects what the higher one does.
        _draw_f1(axes, book, abscissa, number, drawstyle="steps-pre" if by_threshold else "default")
    if by_threshold:
        _draw_scores(axes, books)
        axes.set_xlabel("threshold")
    else:
        axes.set(xscale="log", xlabel="detections above the threshold")
    axes.set(ylabel="F1 score", ylim=(0, 1))
    axes.legend(frameon=False)
    return axes


def plot_roc(books: Sequence[ScoreBook], *, axes: "Axes | None" = None) -> "Axes":
    """Receiver operating characteristics, as in Fig. 8b of Lin et al. (2021).

    The areas under the curves stand in the legend; a grey line is what chance would reach. Most
    places hold no cluster, and a finder that is of use lies near the left edge:
    ``axes.set_xscale("log")`` shows it.

    Parameters
    ----------
    books : sequence of `ScoreBook`
        One for each finder, with names.
    axes : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If a book has no ROC: see `ScoreBook.roc`.
    """
    curves = [(*book.roc(), book) for book in books]
    axes = new_axes() if axes is None else axes
    for number, (false_rate, true_rate, book) in enumerate(curves):
        label = f"{_label(book, number)}: AUC {book.auc:.3f}"
        axes.plot(false_rate, true_rate, label=label, **finder_style(number))
    chance = np.linspace(0, 1, 200)
    axes.plot(chance, chance, color="0.7", linewidth=0.8, zorder=0)
    axes.set(
        xlabel="false-positive rate",
        ylabel="true-positive rate (completeness)",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axes.legend(frameon=False, loc="lower right")
    return axes


def _label(book: ScoreBook, number: int) -> str:
    return book.name or f"finder {number + 1}"


def _detections(book: ScoreBook) -> np.ndarray:
    """Number of entries above each threshold."""
    return len(book) - np.searchsorted(np.sort(book.scores), book.thresholds)


def _draw_f1(
    axes: "Axes", book: ScoreBook, abscissa: np.ndarray, number: int, *, drawstyle: str
) -> None:
    style, label = finder_style(number), _label(book, number)
    if book.f1.any():
        best = np.flatnonzero(book.thresholds == book.best_threshold)
        label += f": {book.f1[best[0]]:.2f} at {book.best_threshold:.3g}"
        axes.plot(abscissa[best], book.f1[best], "o", color=style["color"], zorder=3)
    axes.plot(abscissa, book.f1, drawstyle=drawstyle, label=label, **style)


def _draw_scores(axes: "Axes", books: Sequence[ScoreBook]) -> None:
    """Histograms of the scores, over the range of thresholds that is shown."""
    shown = [
        book.thresholds[~(book.completeness < LEAST_COMPLETENESS * book.completeness[:1])]
        for book in books
    ]
    shown = np.concatenate([*shown, []])
    edges = np.histogram_bin_edges(shown[np.isfinite(shown)], N_BINS)
    counts = [np.histogram(book.scores, edges)[0] for book in books]
    behind = axes_behind(axes)
    behind.set(yscale="log", ylim=(0.5, 2 * max(5, *np.ravel(counts))), ylabel="entries")
    for number, heights in enumerate(counts):
        behind.stairs(heights, edges, fill=True, alpha=0.25, color=finder_style(number)["color"])
    axes.set_xlim(edges[0], edges[-1])
