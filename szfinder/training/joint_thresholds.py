"""Thresholds of several finders that are chosen together, as EnsembleAND needs them."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["f1_of_thresholds", "joint_thresholds"]

#: Ranks that are tried for each finder: from one in three to one in 10^4.5.
GRID = np.linspace(0.5, 4.5, 41)


def f1_of_thresholds(ranks: ArrayLike, labels: ArrayLike, *, n_missed: int = 0) -> np.ndarray:
    """F1 of all finders' saying yes, for all thresholds of a grid (Lin et al. 2021, Fig. 6b).

    Parameters
    ----------
    ranks : array_like
        Ranks of each finder, shape (n_finder, n); see `~szfinder.finders.TailRank`.
    labels : array_like
        Whether each entry is a cluster, shape (n,).
    n_missed : int, optional
        Clusters that are not among the entries.

    Returns
    -------
    `~numpy.ndarray`
        Shape (41, ...), an axis a finder: for ranks from 0.5 to 4.5 in steps of 0.1.
    """
    ranks, labels = np.asarray(ranks, dtype=float), np.asarray(labels, dtype=bool)
    edges = [np.append(GRID, np.inf)] * len(ranks)

    def above(entries: np.ndarray) -> np.ndarray:
        counts = np.histogramdd(entries.T, edges)[0]
        for axis in range(counts.ndim):
            counts = np.flip(np.flip(counts, axis).cumsum(axis), axis)
        return counts

    true, positive = above(ranks[:, labels]), above(ranks)
    return 2 * true / np.maximum(positive + np.count_nonzero(labels) + n_missed, 1)


def joint_thresholds(ranks: ArrayLike, labels: ArrayLike, *, n_missed: int = 0) -> np.ndarray:
    """Thresholds with the highest F1; parameters as of `f1_of_thresholds`, shape (n_finder,)."""
    f1 = f1_of_thresholds(ranks, labels, n_missed=n_missed)
    return GRID[list(np.unravel_index(np.argmax(f1), f1.shape))]
