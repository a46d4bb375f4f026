"""Confusion matrices, with those of Lin et al. (2021), Table 1."""

import math

import numpy as np
import pytest

from szfinder.evaluation import Confusion, jeffreys_interval

TABLE_1 = {
    "MF": ((1133, 729, 712, 102609), (0.61, 0.61, 0.61)),
    "CNN": ((1118, 780, 727, 102558), (0.59, 0.61, 0.60)),
    "AND": ((1283, 625, 561, 102713), (0.67, 0.70, 0.68)),
    "rank product": ((1429, 946, 416, 102392), (0.60, 0.77, 0.68)),
}


@pytest.mark.parametrize("counts, printed", TABLE_1.values(), ids=TABLE_1)
def test_table_1(counts, printed):
    confusion = Confusion(*counts)
    found = confusion.purity, confusion.completeness, confusion.f1
    assert tuple(round(value, 2) for value in found) == printed
    harmonic = 2 / (1 / confusion.purity + 1 / confusion.completeness)
    assert confusion.f1 == pytest.approx(harmonic)


def test_intervals():
    confusion = Confusion(30, 10, 20)
    assert confusion.purity_interval() == pytest.approx(jeffreys_interval(30, 40))
    expected = jeffreys_interval(30, 50, level=0.9)
    assert confusion.completeness_interval(level=0.9) == pytest.approx(expected)


def test_nothing_to_count():
    nothing = Confusion(0, 0, 0)
    for value in (nothing.purity, nothing.completeness, nothing.f1):
        assert math.isnan(value)
    assert nothing.purity_interval() == (0, 1)
    assert Confusion(0, 0, 5).f1 == 0


def test_f1_interval_agrees_with_resampled_catalogues():
    counts = 120, 40, 60
    draws = np.random.default_rng(0).multinomial(sum(counts), np.array(counts) / sum(counts), 20000)
    f1 = 2 * draws[:, 0] / (2 * draws[:, 0] + draws[:, 1] + draws[:, 2])
    expected = np.quantile(f1, [0.16, 0.84])
    assert Confusion(*counts).f1_interval() == pytest.approx(expected, abs=0.004)
