r"""Ranks of several finders in one score (Lin et al. 2021, section 3.2).

Ranks are :math:`u = -\log_{10}(1 - q)` of the rank percentiles q, as of `TailRank`; of cutouts, of
detections or of pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["mean_rank", "rank_and", "rank_product"]


def rank_product(ranks: ArrayLike) -> np.ndarray:
    r"""EnsemblePROD: :math:`-\log_{10}(1 - \prod_i q_i)`, with the rank percentiles q.

    It orders as their product does.

    Parameters
    ----------
    ranks : array_like
        Ranks of each finder, shape (n_finder, ...).

    Returns
    -------
    `~numpy.ndarray`
        Shape (...).
    """
    parts_above = 10.0 ** -np.asarray(ranks, dtype=float)
    # 1 - prod(1 - a) of parts so small that 1 - a is 1
    with np.errstate(divide="ignore"):
        return -np.log10(-np.expm1(np.log1p(-parts_above).sum(axis=0)))


def rank_and(ranks: ArrayLike, thresholds: Sequence[float]) -> np.ndarray:
    """EnsembleAND: 1 where all finders just meet their thresholds, more where all are above.

    Parameters
    ----------
    ranks : array_like
        Ranks of each finder, shape (n_finder, ...).
    thresholds : sequence of float
        Their thresholds, ranks too, shape (n_finder,); positive.

    Returns
    -------
    `~numpy.ndarray`
        Least ratio of rank and threshold, shape (...).
    """
    ranks = np.asarray(ranks, dtype=float)
    thresholds = np.asarray(thresholds, dtype=float)
    return np.min(ranks / thresholds.reshape(-1, *[1] * (ranks.ndim - 1)), axis=0)


def mean_rank(ranks: ArrayLike) -> np.ndarray:
    """Mean of the ranks: high where one finder is sure and the others are not, too.

    It orders as the statistic of Fisher (1925) does, by which independent tests are combined.

    Parameters
    ----------
    ranks : array_like
        Ranks of each finder, shape (n_finder, ...).

    Returns
    -------
    `~numpy.ndarray`
        Shape (...).
    """
    return np.mean(ranks, axis=0)
