"""Platt's scaling: from the answer of a network to a probability."""

from collections.abc import Mapping

import numpy as np

__all__ = ["calibrated", "logit"]

#: Answers nearer to 0 or 1 than this count as being that far from them.
LEAST = 1e-7


def calibrated(answer: np.ndarray, platt: Mapping[str, float]) -> np.ndarray:
    """Probability 1 / (1 + exp(-(slope logit(answer) + intercept))) (Platt 1999).

    Parameters
    ----------
    answer : array_like
        Answers of a network between 0 and 1.
    platt : mapping
        ``slope`` and ``intercept``.

    Returns
    -------
    `~numpy.ndarray`
        Shaped like `answer`.
    """
    return 1 / (1 + np.exp(-(platt["slope"] * logit(answer) + platt["intercept"])))


def logit(answer: np.ndarray) -> np.ndarray:
    """Logarithm of the odds of an answer between 0 and 1, finite at both ends."""
    answer = np.clip(np.asarray(answer, dtype=float), LEAST, 1 - LEAST)
    return np.log(answer / (1 - answer))
