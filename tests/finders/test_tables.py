"""Positions, scores and other columns, as different codes write them."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table

from szfinder.evaluation import positions_of
from szfinder.finders.tables import column_of, scores_of

RA, DEC = [30.0, 40.0], [-50.0, 5.0]


def planck_table():
    table = Table({"RA": RA, "DEC": DEC})
    for name in table.colnames:
        table[name].unit = u.Unit("degrees", parse_strict="silent")
    return table


@pytest.mark.parametrize(
    "table",
    [
        Table({"ra": RA, "dec": DEC}),
        Table({"RA": RA, "Dec": DEC}),
        Table({"RAJ2000": RA, "DEJ2000": DEC}),
        QTable({"ra": RA * u.deg, "dec": (DEC * u.deg).to(u.arcmin)}),
        QTable({"ra": (RA * u.deg).to(u.hourangle), "dec": DEC * u.deg}),
        QTable({"sky_centroid": SkyCoord(RA, DEC, unit="deg").galactic, "ra": [0, 0]}),
        QTable({"place": SkyCoord(RA, DEC, unit="deg"), "score": [1, 2]}),
        planck_table(),
    ],
    ids=["ra", "RA", "RAJ2000", "units", "hours", "sky_centroid", "SkyCoord", "degrees"],
)
def test_positions(table):
    positions = positions_of(table)
    assert positions.frame.name == "icrs"
    np.testing.assert_allclose([positions.ra.deg, positions.dec.deg], [RA, DEC], rtol=1e-12)


@pytest.mark.parametrize(
    "table, message",
    [
        (Table({"x": [1.0]}), "found the columns x; expected sky_centroid"),
        (Table(), "found the columns none"),
        (QTable({name: SkyCoord([1], [1], unit="deg") for name in "ab"}), "found the columns a, b"),
        (Table({"ra": ["12 30 00"], "dec": ["5 00 00"]}), "'ra' cannot be read as numbers in deg"),
        (QTable({"ra": [1] * u.m, "dec": [1] * u.deg}), "'ra' cannot be read"),
    ],
)
def test_no_positions(table, message):
    with pytest.raises(ValueError, match=message):
        positions_of(table)


def test_columns_in_units():
    table = QTable({"mass": [2, 3] * u.kg, "plain": [2, 3]})
    np.testing.assert_allclose(column_of(table, "mass", u.g), [2000, 3000])
    np.testing.assert_allclose(column_of(table, "plain", u.g), [2, 3])
    with pytest.raises(ValueError, match="no column 'y_c'; found mass, plain"):
        column_of(table, "y_c")
    with pytest.raises(ValueError, match="'mass' cannot be read"):
        column_of(table, "mass", u.m)


def test_what_is_no_score():
    table = Table({"score": [1, np.nan], "snr": MaskedColumn([1, 2], mask=[True, False])})
    with pytest.raises(ValueError, match="'score' has 1 NaN of 2"):
        scores_of(table, "score")
    with pytest.raises(ValueError, match="'snr' has masked values"):
        scores_of(table, "snr")
