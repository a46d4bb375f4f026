"""Binomial intervals and the bootstrap."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, binom

from szfinder.evaluation import bootstrap_interval, jeffreys_interval


@pytest.mark.parametrize("successes, trials", [(1, 7), (3, 7), (19, 20)])
def test_interval_holds_its_part_of_the_posterior(successes, trials):
    # with p = sin^2 phi, Jeffreys' prior is flat in phi
    def posterior(phi):
        return np.sin(phi) ** (2 * successes) * np.cos(phi) ** (2 * (trials - successes))

    low, high = (np.arcsin(np.sqrt(end)) for end in jeffreys_interval(successes, trials, level=0.9))
    whole = quad(posterior, 0, np.pi / 2)[0]
    assert quad(posterior, 0, low)[0] / whole == pytest.approx(0.05, rel=1e-6)
    assert quad(posterior, high, np.pi / 2)[0] / whole == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("trials, level", [(5, 0.68), (40, 0.95)])
def test_coverage_averaged_over_the_prior(trials, level):
    # a posterior interval covers its level on average; the ends 0 and 1 add the tails there
    successes = np.arange(trials + 1)
    lower, upper = jeffreys_interval(successes, trials, level=level)
    fractions = beta.ppf((np.arange(4000) + 0.5) / 4000, 0.5, 0.5)[:, None]
    probability = binom.pmf(successes, trials, fractions)
    covered = probability * ((lower <= fractions) & (fractions <= upper))
    ends = probability[:, [0, -1]].sum(axis=1).mean()
    expected = level + (1 - level) / 2 * ends
    assert covered.sum(axis=1).mean() == pytest.approx(expected, abs=2e-3)


def test_ends_and_symmetry():
    lower, upper = jeffreys_interval([0, 4, 10, 6, 0], [10, 10, 10, 10, 0])
    assert lower[0] == 0 and upper[2] == 1 and (lower[4], upper[4]) == (0, 1)
    np.testing.assert_allclose(1 - upper[[0, 1]], lower[[2, 3]])
    assert (lower < upper).all()


def test_what_is_no_fraction():
    for successes, trials in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="successes must lie between"):
            jeffreys_interval(successes, trials)
    with pytest.raises(ValueError, match="level must lie between 0 and 1; found 68"):
        jeffreys_interval(1, 2, level=68)


def test_bootstrap_of_a_mean():
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = bootstrap_interval(lambda i: values[i].mean(), 400, level=0.95, rng=2)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_bootstrap_that_cannot_be():
    with pytest.raises(ValueError, match="NaN in 10 of 10 resamples"):
        bootstrap_interval(lambda i: np.nan, 3, n_samples=10)
    with pytest.raises(ValueError, match="no entries"):
        bootstrap_interval(np.mean, 0)
