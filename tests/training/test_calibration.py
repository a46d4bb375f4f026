"""From answers to probabilities."""

import numpy as np
import pytest
from scipy.special import expit, logit

from szfinder.evaluation import ScoreBook
from szfinder.training import (
    calibrate,
    expected_calibration_error,
    platt_scaling,
    reliability,
)


@pytest.fixture(scope="module")
def drawn():
    """True probabilities, and labels drawn from them."""
    rng = np.random.default_rng(1)
    probability = expit(rng.normal(-2, 2, 100_000))
    return probability, rng.random(probability.size) < probability


@pytest.mark.parametrize("slope, intercept", [(1.0, 0.0), (2.0, 1.0), (0.5, -2.0)])
def test_platt_scaling_undoes_a_distortion(drawn, slope, intercept):
    probability, labels = drawn
    answer = expit((logit(probability) - intercept) / slope)
    platt = platt_scaling(answer, labels)
    assert platt["slope"] == pytest.approx(slope, rel=0.03)
    assert platt["intercept"] == pytest.approx(intercept, abs=0.05)


def test_platt_scaling_needs_both_kinds():
    with pytest.raises(ValueError, match="one kind only"):
        platt_scaling([0.1, 0.2], [0, 0])


def test_reliability_of_true_probabilities(drawn):
    probability, labels = drawn
    table = reliability(probability, labels)
    assert table["n"].sum() == labels.size
    pull = (table["frequency"] - table["probability"]) / np.sqrt(
        table["probability"] * (1 - table["probability"]) / table["n"])
    assert np.abs(pull).max() < 4
    assert expected_calibration_error(probability, labels) < 0.005


def test_error_of_one_bin_by_hand():
    assert expected_calibration_error([0.3, 0.3, 0.3, 0.3], [1, 0, 0, 1]) == pytest.approx(0.2)
    two = expected_calibration_error([0.1, 0.1, 0.9], [0, 0, 1], n_bins=2)
    assert two == pytest.approx(2 / 3 * 0.1 + 1 / 3 * 0.1)


def test_calibration_of_a_book_keeps_the_order(drawn):
    probability, labels = drawn
    book = ScoreBook(expit(3 * logit(probability)), labels)
    calibration = calibrate(book)
    assert calibration["thresholds"]["f1"] == pytest.approx(
        ScoreBook(probability, labels).best_threshold, rel=0.05)
    quantiles = list(calibration["score_quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert calibration["score_quantiles"]["0.5"] == pytest.approx(np.median(probability), rel=0.05)


def test_answers_that_point_the_wrong_way(drawn):
    """A network whose answers fall where clusters are likely is calibrated like any other."""
    probability, labels = drawn
    wrong, right = (calibrate(ScoreBook(p, labels)) for p in (1 - probability, probability))
    assert wrong["platt"]["slope"] == pytest.approx(-right["platt"]["slope"], rel=1e-3)
    assert wrong["thresholds"]["f1"] == pytest.approx(right["thresholds"]["f1"], rel=1e-2)
