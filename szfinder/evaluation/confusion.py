"""Confusion: what is right and what is wrong above one threshold."""

from dataclasses import dataclass

import numpy as np

from szfinder.evaluation.intervals import jeffreys_interval

__all__ = ["Confusion"]


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of a finder at one threshold.

    Parameters
    ----------
    true_positive, false_positive, false_negative : int
        Clusters found, detections that are none, clusters missed.
    true_negative : int or None
        What is rightly not detected; None where that cannot be counted, as in a catalogue.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int | None = None

    @property
    def purity(self) -> float:
        """Part of the detections that are clusters (precision); NaN without detections."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def completeness(self) -> float:
        """Part of the clusters that are detected (recall); NaN without clusters."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of purity and completeness (Lin et al. 2021, eq. 1)."""
        found = 2 * self.true_positive
        return _ratio(found, found + self.false_negative + self.false_positive)

    def purity_interval(self, *, level: float = 0.68) -> tuple[float, float]:
        """Ends of the `jeffreys_interval` of the purity."""
        return self._interval(self.false_positive, level)

    def completeness_interval(self, *, level: float = 0.68) -> tuple[float, float]:
        """Ends of the `jeffreys_interval` of the completeness."""
        return self._interval(self.false_negative, level)

    def f1_interval(self, *, level: float = 0.68) -> tuple[float, float]:
        """Interval of F1, since F1 / (2 - F1) = TP / (TP + FP + FN) is a fraction of trials."""
        ends = self._interval(self.false_positive + self.false_negative, level)
        return tuple(2 * end / (1 + end) for end in ends)

    def _interval(self, failures: int, level: float) -> tuple[float, float]:
        trials = self.true_positive + failures
        lower, upper = jeffreys_interval(self.true_positive, trials, level=level)
        return float(lower), float(upper)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
