"""What the calibration of a preset must hold, by the kind of its network."""

import numpy as np
import pytest

from szfinder.models import ARCHITECTURES
from szfinder.models.preset_calibration import check_calibration

FINDER = {
    "platt": {"slope": 1.1, "intercept": -0.2},
    "thresholds": {"f1": 0.5, "purity": 0.9},
    "score_quantiles": {"0.5": 0.1, "0.99": 0.9, "1.0": 0.9},
}
MASS = {
    "answer": {"kind": "central-normal", "y_unit": 2e-4, "mean": 33.0, "width": 1.1},
    "masses": [1e14, 1.5e15],
    "redshifts": [0.1, 1.5],
    "redshift_input": [0.5, 0.2],
    "roughness": [9.8, 8.5],
}
RIGHT = {"resnet": FINDER, "unet": FINDER, "mresunet": MASS}


def changed(architecture, path, value):
    """The right calibration with another value at ``key`` or ``key.entry``."""
    key, *entry = path.split(".", 1)
    calibration = dict(RIGHT[architecture])
    calibration[key] = {**calibration[key], entry[0]: value} if entry else value
    return calibration


def test_all_architectures_have_one():
    """A new one is to be added above, and to belong to one kind or the other."""
    assert RIGHT.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize("architecture, path, value", [
    ("resnet", "platt.slope", 2), ("resnet", "platt.intercept", 0), ("unet", "score_quantiles", {}),
    ("unet", "score_quantiles", {"9.0": 0.1, "10.0": 0.2}), ("unet", "notes", "of a kind"),
    ("mresunet", "redshift_input", None), ("mresunet", "redshift_input", (-0.5, 1)),
    ("mresunet", "redshifts", [0.7, 0.7]), ("mresunet", "masses", np.array([1e14, 8e14])),
])  # fmt: skip
def test_right_ones(architecture, path, value):
    """And the same checks refuse the first of its entries when it is none."""
    calibration = changed(architecture, path, value)
    check_calibration(calibration, "here", architecture=architecture)
    first = next(iter(calibration))
    with pytest.raises(ValueError, match=f"^here: {first} must be numbers by name; found None"):
        check_calibration({**calibration, first: None}, "here", architecture=architecture)


@pytest.mark.parametrize("architecture", RIGHT)
def test_missing_entries_are_named(architecture):
    right = RIGHT[architecture]
    for key in right:
        rest = {name: value for name, value in right.items() if name != key}
        with pytest.raises(ValueError, match=f"^here lacks {key}; it has {', '.join(rest)}$"):
            check_calibration(rest, "here", architecture=architecture)
    with pytest.raises(ValueError, match=f"^here lacks {', '.join(right)}; it has -$"):
        check_calibration({}, "here", architecture=architecture)


@pytest.mark.parametrize("architecture, other", [("mresunet", FINDER), ("resnet", MASS)])
def test_calibration_of_the_other_kind(architecture, other):
    """Both what is missing and what is there instead."""
    missing = ", ".join(RIGHT[architecture])
    with pytest.raises(ValueError, match=f"^here lacks {missing}; it has {', '.join(other)}$"):
        check_calibration(other, "here", architecture=architecture)


@pytest.mark.parametrize("path, value, message", [
    ("platt", {"slope": 1.0}, "platt lacks intercept; it has slope"),
    ("platt.slope", "1", "slope of platt must be a finite number; found '1'"),
    ("platt.intercept", np.nan, "intercept of platt must be a finite number; found nan"),
    ("thresholds", [0.5], r"thresholds must be numbers by name; found \[0.5\]"),
    ("thresholds", {"purity": 0.9}, "thresholds lacks f1; it has purity"),
    ("thresholds.f1", 0, "threshold of f1 must be between 0 and 1; found 0"),
    ("thresholds.f1", 1.0, "threshold of f1 must be between 0 and 1; found 1"),
    ("score_quantiles.0.7", None, "quantile 0.7 of the score must be a finite number; found None"),
    ("score_quantiles.0.7", 0.95, r"score_quantiles must not fall; found \[0.1, 0.95, 0.9, 0.9\]"),
    ("score_quantiles", {"9.0": 0.3, "10.0": 0.2}, "score_quantiles must not fall"),
])  # fmt: skip
@pytest.mark.parametrize("architecture", ["resnet", "unet"])
def test_what_no_finder_has(architecture, path, value, message):
    with pytest.raises(ValueError, match=f"^here: {message}"):
        check_calibration(changed(architecture, path, value), "here", architecture=architecture)


@pytest.mark.parametrize("key", ["masses", "redshifts"])
@pytest.mark.parametrize("value, message", [
    ([2.0, 1.0], r"must be positive and ascend; found \[2.0, 1.0\]"),
    ([0, 1], "must be positive and ascend"), ([-1, 1], "must be positive and ascend"),
    ([1.0], r"must be two numbers; found \[1.0\]"), ([1, 2, 3], "must be two numbers"),
    (1e14, "must be two numbers; found 1"), (None, "must be two numbers; found None"),
    ("12", "must be two numbers; found '12'"),
    (["1", 2], "must be a finite number; found '1'"), ([1, np.inf], "must be a finite number"),
    ([np.nan, 1], "must be a finite number; found nan"),
])  # fmt: skip
def test_what_no_range_is(key, value, message):
    with pytest.raises(ValueError, match=f"^here: {key} {message}"):
        check_calibration({**MASS, key: value}, "here", architecture="mresunet")


@pytest.mark.parametrize("value, message", [
    ([0.5, 0.0], r"must be a mean and a width above 0, or null; found \[0.5, 0.0\]"),
    ([0.5, -1], "must be a mean and a width above 0, or null"),
    ([0.5], "must be two numbers; found"), (0.5, "must be two numbers; found 0.5"),
    ([np.nan, 1], "must be a finite number; found nan"), ([0, "1"], "must be a finite number"),
])  # fmt: skip
def test_what_no_scaling_of_the_redshift_is(value, message):
    with pytest.raises(ValueError, match=f"^here: redshift_input {message}"):
        check_calibration({**MASS, "redshift_input": value}, "here", architecture="mresunet")


@pytest.mark.parametrize("value, message", [
    ([9.8, 0.0], r"must be above 0 in each band; found \[9.8, 0.0\]"),
    (9.8, "must be above 0 in each band; found 9.8"), (None, "must be above 0 in each band"),
    ([9.8, np.nan], "must be a finite number; found nan"), (["9"], "must be a finite number"),
])  # fmt: skip
def test_what_no_roughness_is(value, message):
    with pytest.raises(ValueError, match=f"^here: roughness {message}"):
        check_calibration({**MASS, "roughness": value}, "here", architecture="mresunet")
