"""Redshifts: from a column of any code or an argument, and how a network is told."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from szfinder.mass.redshifts import given_redshifts, redshift_planes

UNKNOWN = np.nan


@pytest.fixture(scope="module")
def any_redshift(make_preset):
    return make_preset()


@pytest.fixture(scope="module")
def one_redshift(make_preset):
    return make_preset(redshift_input=None, redshifts=(0.7, 0.7))


@pytest.mark.parametrize("name", ["redshift", "z", "REDSHIFT", "Z"])
@pytest.mark.parametrize(
    "column",
    [
        np.array([0.3, UNKNOWN, 1.2]),
        np.float32([0.3, UNKNOWN, 1.2]),
        MaskedColumn([0.3, 9.0, 1.2], mask=[False, True, False]),
        Masked([0.3, 9.0, 1.2] * u.one, mask=[False, True, False]),
    ],
    ids=["double", "single", "masked", "masked quantity"],
)
@pytest.mark.parametrize("kind", [Table, QTable])
def test_column_of_any_code(any_redshift, name, column, kind):
    found = given_redshifts(kind({name: column}), None, any_redshift)
    np.testing.assert_allclose(found, [0.3, UNKNOWN, 1.2], rtol=1e-7)
    assert found.dtype == float


def test_masked_whole_numbers(any_redshift):
    column = MaskedColumn([1, 2], mask=[True, False])
    for table, redshift in ((Table({"z": column}), None), (Table({"id": [1, 2]}), column)):
        np.testing.assert_array_equal(
            given_redshifts(table, redshift, any_redshift), [UNKNOWN, 2.0]
        )


def test_column_of_redshifts_goes_before_z(any_redshift):
    """As z may be a coordinate."""
    table = Table({"z": [3.0, 4.0] * u.Mpc, "redshift": [0.3, 0.4]})
    np.testing.assert_array_equal(given_redshifts(table, None, any_redshift), [0.3, 0.4])


@pytest.mark.parametrize(
    "redshift, expected",
    [
        (0.5, [0.5, 0.5, 0.5]),
        (1, [1.0, 1.0, 1.0]),
        ([0.2, UNKNOWN, 0.4], [0.2, UNKNOWN, 0.4]),
        ([0.2, None, 0.4], [0.2, UNKNOWN, 0.4]),
        (np.ma.array([0.2, 0.3, 0.4], mask=[0, 1, 0]), [0.2, UNKNOWN, 0.4]),
        ([0.2, 0.3, 0.4] * u.one, [0.2, 0.3, 0.4]),
        (UNKNOWN, [UNKNOWN] * 3),
    ],
)
def test_argument_goes_before_columns(any_redshift, redshift, expected):
    table = Table({"redshift": [0.9, 0.9, 0.9]})
    np.testing.assert_array_equal(given_redshifts(table, redshift, any_redshift), expected)


def test_nothing_known(any_redshift):
    assert np.isnan(given_redshifts(Table({"id": [1, 2]}), None, any_redshift)).all()
    assert given_redshifts(Table({"id": []}), None, any_redshift).shape == (0,)


def test_result_is_not_the_column(any_redshift):
    """So that whoever changes it does not change the catalogue."""
    table, given = Table({"redshift": [0.3, 0.4]}), np.array([0.5, 0.6])
    for redshift in (None, given):
        given_redshifts(table, redshift, any_redshift)[:] = 7
    np.testing.assert_array_equal(table["redshift"], [0.3, 0.4])
    np.testing.assert_array_equal(given, [0.5, 0.6])


@pytest.mark.parametrize("redshift", [[0.3], [0.3, 0.4, 0.5], [[0.3, 0.4]], []])
def test_wrong_number(any_redshift, redshift):
    message = "redshift must be one number, or one of each of the 2 clusters; found shape"
    with pytest.raises(ValueError, match=message):
        given_redshifts(Table({"id": [1, 2]}), redshift, any_redshift)


@pytest.mark.parametrize("wrong", [-0.2, 0.0, np.inf, -np.inf, -99.0])
def test_what_no_redshift_is(any_redshift, wrong):
    """Given by hand it is a mistake; catalogues have it where they do not know the redshift."""
    table = Table({"redshift": [0.3, wrong]})
    np.testing.assert_array_equal(given_redshifts(table, None, any_redshift), [0.3, UNKNOWN])
    message = rf"redshifts must be positive, or NaN where .*; found {wrong} in row 1"
    with pytest.raises(ValueError, match=message):
        given_redshifts(Table({"id": [1, 2]}), [0.3, wrong], any_redshift)


@pytest.mark.parametrize(
    "column, message",
    [(["near", "far"], "'redshift' cannot be read as numbers"), ([1, 2] * u.Mpc, "convert")],
)
def test_column_that_holds_no_redshifts(any_redshift, column, message):
    with pytest.raises(ValueError, match=message):
        given_redshifts(QTable({"redshift": column}), None, any_redshift)


def test_preset_for_one_redshift_must_be_told(one_redshift):
    np.testing.assert_array_equal(given_redshifts(Table({"id": [1]}), 0.7, one_redshift), [0.7])
    assert given_redshifts(Table({"id": []}), None, one_redshift).size == 0
    message = (
        "preset 'by-hand' is for clusters at redshift 0.7 to 0.7, and that of none of 2 clusters "
        "is known: give a column redshift, or redshift="
    )
    for table in (Table({"id": [1, 2]}), Table({"z": [UNKNOWN, 0.0]})):
        with pytest.raises(ValueError, match=message):
            given_redshifts(table, None, one_redshift)
    np.testing.assert_array_equal(
        given_redshifts(Table({"z": [0.7, UNKNOWN]}), None, one_redshift), [0.7, UNKNOWN]
    )


def test_planes():
    """ln(1 + z) in widths from the mean, and 1; both 0 where it is not known."""
    planes = redshift_planes(np.array([np.e - 1, np.sqrt(np.e) - 1, UNKNOWN]), 3, (0.5, 0.25))
    assert planes.shape == (3, 3, 3, 2) and planes.dtype == np.float32
    for plane, values in zip(planes, [(2, 1), (0, 1), (0, 0)]):
        np.testing.assert_allclose(plane, np.broadcast_to(values, (3, 3, 2)), atol=1e-6)
