"""Intervals: how far a measured fraction, or any statistic of a sample, is to be trusted."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["bootstrap_interval", "jeffreys_interval", "resamples"]


def jeffreys_interval(
    successes: ArrayLike, trials: ArrayLike, *, level: float = 0.68
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a binomial fraction, from Jeffreys' prior.

    The central interval of Beta(s + 1/2, n - s + 1/2), with the lower end 0 where nothing and the
    upper end 1 where everything succeeds (Brown, Cai & DasGupta 2001, Statistical Science 16, 101,
    section 3.1.2).

    Parameters
    ----------
    successes, trials : array_like
        Numbers, broadcast against each other. Without trials the interval is 0 to 1.
    level : float, optional
        Probability within the interval.

    Returns
    -------
    lower, upper : `~numpy.ndarray`
        Ends of the interval, in the broadcast shape.

    Raises
    ------
    ValueError
        If there are more successes than trials, fewer than none, or the level is not within 0
        and 1.
    """
    from scipy.stats import beta

    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; found {level!r}")
    successes, trials = np.broadcast_arrays(successes, trials)
    if not ((successes >= 0) & (successes <= trials)).all():
        raise ValueError("successes must lie between 0 and the number of trials")
    shape = successes + 0.5, trials - successes + 0.5
    lower = np.where(successes == 0, 0.0, beta.ppf((1 - level) / 2, *shape))[()]
    upper = np.where(successes == trials, 1.0, beta.ppf((1 + level) / 2, *shape))[()]
    return lower, upper


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    n_entries: int,
    *,
    n_samples: int = 1000,
    level: float = 0.68,
    rng: int | np.random.Generator | None = None,
) -> tuple[float, float]:
    """Interval of a statistic over resamples with replacement (Efron 1979).

    Parameters
    ----------
    statistic : callable
        Function of the indices of a resample, shape (n_entries,) and rising.
    n_entries : int
        Number of entries that are resampled.
    n_samples : int, optional
        Number of resamples.
    level : float, optional
        Part of them within the interval.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator.

    Returns
    -------
    low, high : float
        Quantiles that leave as many resamples below as above.

    Raises
    ------
    ValueError
        If there are no entries, or the statistic of a resample is NaN.
    """
    if not n_entries:
        raise ValueError("there are no entries to resample")
    entries = np.arange(n_entries)
    values = np.array(
        [statistic(np.repeat(entries, times)) for times in resamples(n_entries, n_samples, rng)]
    )
    n_missing = np.count_nonzero(np.isnan(values))
    if n_missing:
        raise ValueError(
            f"the statistic is NaN in {n_missing} of {n_samples} resamples: the sample is too small"
        )
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resamples(
    n_entries: int, n_samples: int, rng: int | np.random.Generator | None
) -> Iterator[np.ndarray]:
    """How often each entry is in each of so many resamples with replacement (Efron 1979)."""
    rng = np.random.default_rng(rng)
    for _ in range(n_samples):
        yield np.bincount(rng.integers(n_entries, size=n_entries), minlength=n_entries)
