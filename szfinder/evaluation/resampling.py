"""Errors of weighted means over objects, by resampling the objects."""

import numpy as np

from szfinder.evaluation.intervals import resamples

__all__ = ["bootstrap_means", "weighted_means"]


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the first axis, with weights, of what is not NaN; NaN where nothing is."""
    sums, weight = _sums(values, weights)
    return _ratio(sums.sum(axis=0), weight.sum(axis=0))


def bootstrap_means(
    values: np.ndarray,
    weights: np.ndarray,
    *,
    n_samples: int = 1000,
    level: float = 0.68,
    rng: int | np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of `weighted_means` over resamples of the rows with replacement (Efron 1979).

    Parameters
    ----------
    values, weights : `~numpy.ndarray`
        Shape (n, n_columns). Columns are resampled together, so that they stay correlated.
    n_samples : int, optional
        Number of resamples.
    level : float, optional
        Part of them within the interval.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator.

    Returns
    -------
    lower, upper : `~numpy.ndarray`
        Shape (n_columns,); NaN in columns with fewer than two rows, whose scatter is not known.
    """
    sums, weights = _sums(values, weights)
    lower, upper = np.full((2, sums.shape[1]), np.nan)
    known = np.count_nonzero(weights > 0, axis=0) >= 2
    if not known.any():
        return lower, upper
    means = np.array(
        [_ratio(times @ sums, times @ weights) for times in resamples(len(sums), n_samples, rng)]
    )
    quantiles = (1 - level) / 2, (1 + level) / 2
    lower[known], upper[known] = np.nanquantile(means[:, known], quantiles, axis=0)
    return lower, upper


def _sums(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(values)
    weights = np.where(good, weights, 0.0)
    return np.where(good, values, 0.0) * weights, weights


def _ratio(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.divide(sums, weights, out=np.full(sums.shape, np.nan), where=weights > 0)
