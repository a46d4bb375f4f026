"""Completeness over the properties of halos."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from szfinder.evaluation import completeness, completeness_map, jeffreys_interval

FOUND = np.array([True, False, True, True, False])


@pytest.fixture
def truth():
    return QTable({"mvir": [1, 1.5, 2, 3, 4] * (1e14 * u.Msun), "redshift": [0.1, 0.5, 1, 1, 1]})


def test_in_bins_of_mass(truth):
    table = completeness(truth, FOUND, "mvir", [1, 2, 5, 9] * (1e14 * u.Msun))
    assert table["n"].tolist() == [2, 3, 0]  # a bin holds its lower edge
    assert table["n_found"].tolist() == [1, 2, 0]
    np.testing.assert_allclose(table["completeness"], [1 / 2, 2 / 3, np.nan])
    np.testing.assert_allclose(table["centre"].to_value(u.Msun), [1.5e14, 3.5e14, 7e14])
    lower, upper = jeffreys_interval([1, 2, 0], [2, 3, 0])
    np.testing.assert_array_equal(table["lower"], lower)
    np.testing.assert_array_equal(table["upper"], upper)
    assert table.meta == {"by": "mvir", "level": 0.68}
    in_kg = completeness(truth, FOUND, "mvir", table["low"].to(u.kg))
    assert in_kg["n"].tolist() == [2, 3] and in_kg["low"].unit == u.Msun


def test_in_bins_of_redshift(truth):
    table = completeness(truth, FOUND, "redshift", [0, 0.5, 1])
    assert table["n"].tolist() == [1, 4]
    assert table["n_found"].tolist() == [1, 2]


def test_cells_with_few_halos_are_left_out(truth):
    edges = [1, 2, 5] * (1e14 * u.Msun), [0, 0.6, 2]
    cells = completeness_map(truth, FOUND, ("mvir", "redshift"), edges)
    assert cells.n.tolist() == [[2, 0], [0, 3]]
    assert cells.n_found.tolist() == [[1, 0], [0, 2]]
    np.testing.assert_allclose(cells.completeness, [[np.nan, np.nan], [np.nan, 2 / 3]])
    assert cells.by == ("mvir", "redshift") and cells.edges[0].unit == u.Msun
    all_cells = completeness_map(truth, FOUND, ("mvir", "redshift"), edges, min_count=0)
    np.testing.assert_allclose(all_cells.completeness, [[1 / 2, np.nan], [np.nan, 2 / 3]])


def test_projection_of_the_map_is_the_curve():
    rng = np.random.default_rng(1)
    truth = QTable({"redshift": rng.random(500), "theta500": rng.random(500) * u.arcmin})
    found, bins = rng.random(500) < 0.3, np.linspace(0, 1, 5)
    cells = completeness_map(truth, found, ("redshift", "theta500"), (bins, bins))
    for axis, by in enumerate(("theta500", "redshift")):
        table = completeness(truth, found, by, bins)
        np.testing.assert_array_equal(cells.n.sum(axis=axis), table["n"])
        np.testing.assert_array_equal(cells.n_found.sum(axis=axis), table["n_found"])


@pytest.mark.parametrize(
    "found, by, bins, message",
    [
        (FOUND[:3], "mvir", [1, 2], "found must be 5 booleans"),
        (np.arange(5), "mvir", [1, 2], "found must be 5 booleans"),
        (FOUND, "mass", [1, 2], "no column 'mass'"),
        (FOUND, "mvir", [2, 1], "bins of 'mvir' must be two or more rising edges"),
        (FOUND, "mvir", 10, "bins of 'mvir'"),
        (FOUND, "mvir", [1, 2] * u.m, "not convertible"),
    ],
)
def test_what_does_not_fit(truth, found, by, bins, message):
    with pytest.raises(ValueError, match=message):
        completeness(truth, found, by, bins)
