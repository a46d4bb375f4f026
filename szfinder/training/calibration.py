"""Calibration: from the answer of a network to a probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import QTable

from szfinder.evaluation import ScoreBook, jeffreys_interval
from szfinder.models import calibrated, logit

__all__ = ["calibrate", "expected_calibration_error", "platt_scaling", "reliability"]

#: Quantiles of the probabilities of all cutouts that travel with a preset.
QUANTILES = (0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


def platt_scaling(answer: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Coefficients of Platt's scaling: probability = 1 / (1 + exp(-(slope logit + intercept))).

    Parameters
    ----------
    answer : array_like
        Answers of a network between 0 and 1, shape (n,).
    labels : array_like
        Whether each is a cluster.

    Returns
    -------
    dict of str to float
        ``slope`` and ``intercept`` of the maximum likelihood (Platt 1999).

    Raises
    ------
    ValueError
        If the labels are all the same.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.asarray(labels, dtype=bool)
    if labels.all() or not labels.any():
        raise ValueError("calibration needs cutouts with and without clusters; found one kind only")
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(logit(answer)[:, None], labels)
    return {"slope": float(fit.coef_[0, 0]), "intercept": float(fit.intercept_[0])}


def calibrate(book: ScoreBook) -> dict[str, Any]:
    """What a preset keeps of the validation skies.

    Parameters
    ----------
    book : `~szfinder.evaluation.ScoreBook`
        Answers and labels of validation cutouts, as unbalanced as the sky.

    Returns
    -------
    dict
        ``platt``, the coefficients; ``thresholds``, with that of the highest ``f1``; and
        ``score_quantiles``, of the calibrated probability of all cutouts.
    """
    platt = platt_scaling(book.scores, book.labels)
    probability = calibrated(book.scores, platt)
    quantiles = dict(zip(map(str, QUANTILES), np.quantile(probability, QUANTILES).tolist()))
    # of the probabilities, since a network that has learned nothing may have a negative slope
    threshold = ScoreBook(probability, book.labels).best_threshold
    return {"platt": platt, "thresholds": {"f1": threshold}, "score_quantiles": quantiles}


def reliability(probability: np.ndarray, labels: np.ndarray, *, n_bins: int = 10) -> QTable:
    """Frequency of clusters among cutouts of like probability: the reliability diagram.

    Parameters
    ----------
    probability : array_like
        Probabilities, shape (n,).
    labels : array_like
        Whether each is a cluster.
    n_bins : int, optional
        Bins of equal width between 0 and 1.

    Returns
    -------
    `~astropy.table.QTable`
        ``low``, ``high``, ``n``, ``probability`` (mean) and ``frequency`` of each bin that is not
        empty, with the ends ``lower`` and ``upper`` of its Jeffreys interval.
    """
    probability, labels = np.asarray(probability, float), np.asarray(labels, bool)
    edges = np.linspace(0, 1, n_bins + 1)
    place = np.clip(np.digitize(probability, edges) - 1, 0, n_bins - 1)
    n = np.bincount(place, minlength=n_bins)
    right = np.bincount(place, labels, minlength=n_bins)
    total = np.bincount(place, probability, minlength=n_bins)
    full = n > 0
    table = QTable({"low": edges[:-1][full], "high": edges[1:][full], "n": n[full]})
    table["probability"] = total[full] / n[full]
    table["frequency"] = right[full] / n[full]
    table["lower"], table["upper"] = jeffreys_interval(right[full], n[full])
    return table


def expected_calibration_error(
    probability: np.ndarray, labels: np.ndarray, *, n_bins: int = 10
) -> float:
    """Mean distance of frequency and probability in the bins of `reliability`, weighted by number.

    Naeini, Cooper & Hauskrecht (2015), eq. 3.
    """
    table = reliability(probability, labels, n_bins=n_bins)
    distance = np.abs(table["frequency"] - table["probability"])
    return float(np.average(distance, weights=table["n"]))
