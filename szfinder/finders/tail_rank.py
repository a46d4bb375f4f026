"""TailRank: how rare a score is among those of a reference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["TailRank"]

#: Steps of the rank at which the scores of a reference are kept, and the number of them by whose
#: slope ranks go on above the highest score.
STEP, LAST = 0.05, 10


@dataclass(frozen=True, eq=False)
class TailRank:
    r"""Ranks of scores in the distribution of those of a reference.

    Of a score that a part :math:`q` of the reference does not exceed, the rank percentile of Lin et
    al. (2021, section 3.2), the rank is :math:`u = -\log_{10}(1 - q)`: 2 for the highest in a
    hundred pixels, 3 in a thousand. It orders scores as q does, and tells the highest apart. Of
    every rank that is a multiple of 0.05 the score is kept; between, ranks are interpolated.
    Above the highest score of the reference they rise as over its last half, but by less than 1.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Scores with the ranks 0, 0.05, 0.1 and so on; they do not fall.

    Raises
    ------
    ValueError
        If there are ten scores or fewer, one is not finite, or they fall.
    """

    scores: np.ndarray

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, dtype=float)
        if scores.ndim != 1 or scores.size <= LAST or not np.isfinite(scores).all():
            raise ValueError(
                f"the scores of a reference must be {LAST + 1} finite numbers or more; "
                f"found {scores}"
            )
        if (np.diff(scores) < 0).any():
            raise ValueError(f"the scores of a reference must not fall; found {scores}")
        object.__setattr__(self, "scores", scores)

    @classmethod
    def of(cls, scores: ArrayLike) -> "TailRank":
        """Ranks among given scores; those that are NaN are left out.

        Raises
        ------
        ValueError
            If there are fewer than ten.
        """
        finite = np.asarray(scores, dtype=float)
        finite = finite[np.isfinite(finite)]
        if finite.size < LAST:
            raise ValueError(f"ranks need {LAST} finite scores or more; found {finite.size}")
        ranks = np.arange(0, np.log10(finite.size) + STEP, STEP)
        return cls(np.quantile(finite, 1 - 10**-ranks, method="higher"))

    def __call__(self, scores: ArrayLike) -> np.ndarray:
        """Rank of each score, NaN where it is."""
        known, first = np.unique(self.scores[::-1], return_index=True)
        ranks = STEP * (self.scores.size - 1 - first)
        scores = np.asarray(scores, dtype=float)
        span = known[-1] - self.scores[-1 - LAST]
        slope = LAST * STEP / span if span > 0 else 0.0
        above = slope * np.maximum(scores - known[-1], 0)
        return np.interp(scores, known, ranks) + above / (1 + above)
