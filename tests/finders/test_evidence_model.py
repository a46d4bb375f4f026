"""EvidenceModel and its training, against scikit-learn and a model that is known."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import expit, logit

from szfinder.finders import EvidenceModel
from szfinder.finders.evidence_model import features_of, monomials
from szfinder.training import fit_evidence_model

FEATURES = ["rank_filter", "rank_net", "snr_3"]


def some_evidence(rng, n):
    """Ranks and S/N of peaks."""
    rng = np.random.default_rng(rng)
    snr = rng.normal(4, 3, n)
    return {"rank_filter": 0.4 * snr + rng.normal(0, 0.5, n) + 1, "snr_3": snr,
            "rank_net": rng.exponential(1.5, n), "flags": np.zeros(n, int)}


def true_odds(evidence):
    """Logarithm of the odds, a polynomial of ranks and arsinh(S/N / 3)."""
    u, v = evidence["rank_filter"] - 2.5, evidence["rank_net"] - 1.5
    w = np.arcsinh(evidence["snr_3"] / 3)
    return -1 + 0.8 * u + 0.7 * v + w + 0.3 * u * v - 0.2 * w**2 + 0.05 * v**3


def by_hand(weights, features=("rank_filter", "rank_net"), limit=np.inf):
    n = len(features)
    return EvidenceModel(features, [1.0] * n, [2.0] * n, [-limit] * n, [limit] * n, weights)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_monomials(n):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = np.random.default_rng(n).normal(size=(20, n))
    np.testing.assert_allclose(monomials(x), preprocessing.PolynomialFeatures(3).fit_transform(x))


def test_features():
    """Ranks as they are; S/N is linear in the noise and logarithmic far above."""
    evidence = Table({"snr_3": [0.03, 300.0], "rank_net": [0.5, 40.0], "snr": [-0.03, 600.0]})
    x = features_of(evidence, ["rank_net", "snr_3", "snr"])
    np.testing.assert_array_equal(x[:, 0], [0.5, 40.0])
    np.testing.assert_allclose(x[0, 1:], [0.01, -0.01], rtol=1e-4)
    assert x[1, 2] - x[1, 1] == pytest.approx(np.log(2), rel=1e-4)


def test_probability_by_hand():
    """ln(odds) = 1 + 2 x - y^2 with x = (rank_filter - 1) / 2 and y alike."""
    model = by_hand([1.0, 2.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    got = model.probability({"rank_filter": [1.0, 3.0, 2.0], "rank_net": [1.0, 1.0, 5.0]})
    np.testing.assert_allclose(got, [expit(1), expit(3), expit(1 + 1 - 4)])
    assert model.probability({"rank_filter": [], "rank_net": []}).shape == (0,)


def test_missing_feature():
    model = by_hand(np.zeros(10))
    with pytest.raises(ValueError, match="evidence lacks rank_net; it has rank_filter, snr"):
        model.probability({"rank_filter": [1.0], "snr": [2.0]})
    with pytest.raises(ValueError, match="evidence lacks rank_net; it has rank_filter$"):
        model.probability(Table({"rank_filter": [1.0]}))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite(bad):
    """A probability of them would be none, and the cluster lost."""
    with pytest.raises(ValueError, match="rank_net is not finite in 1 of 2 places"):
        by_hand(np.zeros(10)).probability({"rank_filter": [1.0, 2.0], "rank_net": [1.0, bad]})


@pytest.mark.parametrize("change", [
    {"weights": np.zeros(9)}, {"center": [0.0]}, {"scale": [1.0] * 3}, {"lower": []},
    {"upper": [1.0] * 3}, {"features": ["rank_net"]}], ids=lambda change: next(iter(change)))
def test_numbers_must_fit(change):
    with pytest.raises(ValueError, match="model of [12] features needs"):
        EvidenceModel(**{**vars(by_hand(np.zeros(10))), **change})


def test_is_the_pipeline_of_sklearn():
    """Where nothing is clipped, it is the usual chain of steps."""
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    evidence = some_evidence(1, 1500)
    labels = np.random.default_rng(2).uniform(size=1500) < expit(true_odds(evidence))
    x = np.stack([evidence["rank_filter"], evidence["rank_net"],
                  np.arcsinh(evidence["snr_3"] / 3)], axis=1)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    limits = np.percentile(z, [0.1, 99.9], axis=0)
    pipeline = make_pipeline(PolynomialFeatures(3, include_bias=False),
                             LogisticRegression(max_iter=5000))
    expected = pipeline.fit(np.clip(z, *limits), labels).predict_proba(z)[:, 1]
    inner = ((z > limits[0]) & (z < limits[1])).all(axis=1)
    assert 1470 < inner.sum() < 1500
    got = fit_evidence_model(evidence, labels, FEATURES).probability(evidence)
    np.testing.assert_allclose(got[inner], expected[inner], atol=1e-3)
    # the mean and scatter are those of the training, not of what is looked at
    model = fit_evidence_model(evidence, labels, FEATURES)
    np.testing.assert_allclose(model.center, StandardScaler().fit(x).mean_, rtol=1e-12)


def test_recovers_a_model_that_is_known():
    pytest.importorskip("sklearn")
    evidence = some_evidence(3, 30_000)
    labels = np.random.default_rng(4).uniform(size=30_000) < expit(true_odds(evidence))
    model = fit_evidence_model(evidence, labels, FEATURES)
    others = some_evidence(5, 4000)
    truth = expit(true_odds(others))
    probability = model.probability(others)
    assert np.abs(probability - truth).mean() < 0.01
    usual = (truth > 0.02) & (truth < 0.98)
    assert np.median(np.abs(logit(probability[usual]) - logit(truth[usual]))) < 0.1


def test_does_not_go_on_beyond_the_training():
    pytest.importorskip("sklearn")
    evidence = some_evidence(6, 3000)
    labels = np.random.default_rng(7).uniform(size=3000) < expit(true_odds(evidence))
    model = fit_evidence_model(evidence, labels, FEATURES)
    ends = {name: np.quantile(evidence[name], [0.001, 0.999]) for name in FEATURES}
    beyond = {name: low_high + [-1e3, 1e3] for name, low_high in ends.items()}
    np.testing.assert_allclose(model.probability(beyond), model.probability(ends), rtol=1e-6)
    # one feature is kept within its range alone
    mixed = {**ends, "snr_3": beyond["snr_3"]}
    np.testing.assert_allclose(model.probability(mixed), model.probability(ends), rtol=1e-6)
    assert np.ptp(model.probability(ends)) > 0.5


@pytest.mark.parametrize("label", [True, False])
def test_needs_both_kinds(label):
    with pytest.raises(ValueError, match="one kind only"):
        fit_evidence_model(some_evidence(8, 50), np.full(50, label), FEATURES)


def test_as_dict_is_all():
    model = by_hand(np.arange(10.0), limit=3.0)
    again = EvidenceModel(**model.as_dict)
    evidence = {"rank_filter": [0.0, 2.0, 9.0], "rank_net": [3.0, 1.0, 9.0]}
    np.testing.assert_array_equal(again.probability(evidence), model.probability(evidence))
    assert again.features == ["rank_filter", "rank_net"]
