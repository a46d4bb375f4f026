"""The catalogue: names, order, units."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Angle, SkyCoord
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from szfinder.finders import COLUMNS, FLAGS, MEMBER_COLUMNS
from szfinder.finders.catalogue import column_of, iau_names, make_catalogue


@pytest.mark.parametrize("position, name", [
    ("12h59m48.7s +27d58m50s", "SZF J125948.7+275850"),
    ("12h59m48.799s +27d58m50.99s", "SZF J125948.7+275850"),
    ("05h16m37.19s -54d30m59.9s", "SZF J051637.1-543059"),
    ("00h00m00s +00d00m00s", "SZF J000000.0+000000"),
    ("12h00m00s +45d00m00s", "SZF J120000.0+450000"),
    ("23h59m59.99s -89d59m59.9s", "SZF J235959.9-895959"),
    ("06h00m00.05s -00d00m00.9s", "SZF J060000.0-000000"),
    ("06h00m00s -00d30m15s", "SZF J060000.0-003015"),
    ("00h00m00.1s +90d00m00s", "SZF J000000.1+900000"),
])
def test_names(position, name):
    assert iau_names(SkyCoord([position])) == [name]


def test_negative_longitudes_and_other_frames():
    position = SkyCoord([350.0, -10.0], [10.0, 10.0], unit="deg")
    assert iau_names(position) == ["SZF J232000.0+100000"] * 2
    assert iau_names(position.galactic) == ["SZF J232000.0+100000"] * 2


def test_right_ascension_that_rounds_to_a_full_turn():
    position = SkyCoord([np.nextafter(360, 0)], [10.0], unit="deg")
    assert iau_names(position) == ["SZF J000000.0+100000"]


@given(st.floats(0, 359.999), st.floats(-89.999, 89.999))
def test_names_are_truncated_and_never_rounded(ra, dec):
    (name,) = iau_names(SkyCoord([ra], [dec], unit="deg"))
    hours, degrees = name[5:13], name[13:]
    named_ra = Angle(f"{hours[:2]}h{hours[2:4]}m{hours[4:]}s").deg
    named_dec = abs(Angle(f"{degrees[1:3]}d{degrees[3:5]}m{degrees[5:]}s").deg)
    assert (degrees[0] == "-") == (dec < 0)
    assert -1e-3 < (ra - named_ra) * 3600 / 1.5 < 1.001
    assert -1e-3 < (abs(dec) - named_dec) * 3600 < 1.001


@pytest.fixture
def catalogue():
    positions = SkyCoord([10.0, 20.0, 30.0], [1.0, 2.0, 3.0], unit="deg")
    values = {"score": np.array([5.0, 9.0, 7.0]), "x_centroid": np.array([0.0, 1.0, 2.0]),
              "theta_c": np.array([0.5, 1.0, 1.5], np.float32), "flags": np.array([0, 1, 4])}
    return make_catalogue(values, positions, {"finder": "none"})


def test_highest_score_first(catalogue):
    assert isinstance(catalogue, QTable)
    assert catalogue["score"].tolist() == [9, 7, 5]
    assert catalogue["x_centroid"].tolist() == [1, 2, 0]
    assert catalogue["sky_centroid"].ra.deg.tolist() == [20, 30, 10]
    assert catalogue["id"].tolist() == [1, 2, 3]
    assert catalogue["name"][0] == "SZF J012000.0+020000"
    assert catalogue["flags"].tolist() == [1, 4, 0]


def test_columns_are_those_given_in_the_order_of_the_table(catalogue):
    assert catalogue.colnames == ["id", "name", "sky_centroid", "x_centroid", "score", "theta_c",
                                  "flags"]
    assert catalogue["theta_c"].unit == u.arcmin
    assert catalogue["theta_c"].dtype == float
    assert catalogue["score"].info.description == COLUMNS["score"].description
    assert catalogue.meta["finder"] == "none"


def test_equal_scores_keep_their_order():
    positions = SkyCoord([10.0, 20.0], [1.0, 2.0], unit="deg")
    table = make_catalogue({"score": np.array([5.0, 5.0])}, positions, {})
    assert table["sky_centroid"].ra.deg.tolist() == [10, 20]


def test_flags_are_bits():
    assert sorted(FLAGS.values()) == [2**n for n in range(len(FLAGS))]
    assert set(FLAGS) == {"edge", "source", "blended"}


def test_column_of_a_name():
    """Columns of the catalogue come first, whatever their names; other layers have none."""
    for name, column in COLUMNS.items():
        assert column_of(name) is column  # y_c_err, n_pixels and others with an underscore too
    for quantity, column in MEMBER_COLUMNS.items():
        for member in ("unet", "my_net", "2"):
            assert column_of(f"{quantity}_{member}") is column
    for name in ("rank", "found", "rank_", "score_", "snr_3", "objects", "_unet", "Score_unet", ""):
        assert column_of(name) is None


def test_columns_of_members_come_last():
    positions = SkyCoord([10.0, 20.0], [1.0, 2.0], unit="deg")
    table = make_catalogue(
        {"score_net": np.array([1, 2], np.float32), "found_net": np.array([0, 1]),
         "flags": np.array([0, 2]), "rank_net": np.array([3.0, 4.0]), "score": np.array([5.0, 6.0]),
         "probability_net": np.array([0.1, 0.2])}, positions, {})
    assert table.colnames == ["id", "name", "sky_centroid", "score", "flags", "score_net",
                              "found_net", "rank_net", "probability_net"]
    assert table["score_net"].tolist() == [2, 1] and table["score_net"].dtype == float
    assert table["found_net"].tolist() == [True, False] and table["found_net"].dtype == bool
    for name in table.colnames[5:]:
        known = MEMBER_COLUMNS[name.partition("_")[0]]
        assert table[name].unit is None and table[name].info.description == known.description
