"""Scores as ranks, in which those of different finders compare."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["rank_percentile"]


def rank_percentile(scores: ArrayLike) -> np.ndarray:
    """Part of all scores that do not exceed each score (Lin et al. 2021, section 3.2).

    The product of the rank percentiles of two finders over the same cutouts is the score of their
    ensemble there, EnsemblePROD.

    Parameters
    ----------
    scores : array_like
        Shape (n,), none NaN.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), between 1 / n and 1.
    """
    scores = np.asarray(scores, dtype=float)
    return np.searchsorted(np.sort(scores), scores, side="right") / scores.size
