"""MassEstimator as it is used: maps and a catalogue in, the catalogue with masses out.

The network adds up the bands, the redshift and whether it is known, pixel by pixel, so that masses
and profiles can be worked out by hand.
"""

import warnings
from dataclasses import replace
from hashlib import sha256

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from szfinder import MassEstimator
from szfinder.finders import UnlikeTrainingWarning
from szfinder.maps import HealpixMap, HealpixStack, MapError, MapStack
from szfinder.mass import MASS_FLAGS, CentralMass
from szfinder.models import Preset

#: Rows are 95 GHz, 150 GHz, ln(1 + z) in its width, and whether z is known; columns are Compton y
#: in 1e-4, mean and logarithm of the width of ln M - 33.
WEIGHTS = [[1, 0.1, 0], [2, -0.05, 0.1], [0, 0.5, 0], [0, 0.1, -0.5]]
BIAS = [0.5, 0.7, -1.5]
ADDED = ("m200c", "m200c_err", "sz_profile", "mass_redshift", "mass_flags")
X, Y = np.array([12, 20.4, 33, 22, 8.6, 30]), np.array([10, 30, 25.3, 18, 20, 12])
PIXELS = [(12, 10), (20, 30), (33, 25), (22, 18), (9, 20), (30, 12)]
REDSHIFTS = np.array([0.3, np.nan, 1.2, 0.7, 0.2, np.nan])
EDGE, MASKED, UNKNOWN, OUTSIDE, UNLIKE = (
    MASS_FLAGS[name] for name in ("edge", "masked", "no_redshift", "outside", "unlike")
)


@pytest.fixture(scope="module")
def weigh(make_preset):
    return MassEstimator(make_preset(weights=WEIGHTS, bias=BIAS))


@pytest.fixture(scope="module")
def maps(make_maps):
    """In another order than the network has them, with a band that it does not take."""
    return make_maps("150", "220", "95", rng=5)


@pytest.fixture(scope="module")
def clusters(maps):
    return catalogue(maps, X, Y, REDSHIFTS)


@pytest.fixture(scope="module")
def weighed(weigh, maps, clusters):
    return weigh(maps, clusters)


def catalogue(maps, x, y, redshift):
    table = QTable({"snr": np.arange(np.size(x)) + 5.0}, meta={"finder": "eye"})
    table["sky_centroid"] = SkyCoord(maps.wcs.pixel_to_world(x, y))
    table["redshift"] = redshift
    return table


def by_hand(d95, d150, redshift):
    """Mass and its error in Msun from the values of the central pixel."""
    known = np.isfinite(redshift)
    scaled = np.where(known, (np.log(1 + redshift) - 0.5) / 0.25, 0)
    mass = np.exp(33.7 + 0.1 * d95 - 0.05 * d150 + 0.5 * scaled + 0.1 * known)
    return mass, mass * np.sinh(np.exp(-1.5 + 0.1 * d150 - 0.5 * known))


def expected(maps, redshift):
    columns, rows = np.transpose(PIXELS)
    return by_hand(maps.data[2, rows, columns], maps.data[0, rows, columns], redshift)


def assert_masses(weighed, mass, error):
    assert weighed["m200c"].unit == weighed["m200c_err"].unit == u.Msun
    assert_allclose(weighed["m200c"].value, mass, rtol=1e-5)
    assert_allclose(weighed["m200c_err"].value, error, rtol=1e-5)


def assert_same(one, other, rtol=0.0):
    for name in ADDED:
        assert_allclose(one[name], other[name], rtol=rtol, atol=0)


def test_catalogue_with_masses(maps, clusters, weighed):
    assert type(weighed) is QTable and weighed.colnames == [*clusters.colnames, *ADDED]
    assert_masses(weighed, *expected(maps, REDSHIFTS))
    assert_array_equal(weighed["mass_flags"], [0, 4, 0, 0, 0, 4])
    assert_array_equal(weighed["snr"], clusters["snr"])
    assert_array_equal(weighed["mass_redshift"], REDSHIFTS)


def test_profile_is_the_mean_in_rings(maps, weighed):
    """The pixel of the cluster, the eight around it, and two rings more."""
    y = 1e-4 * (0.5 + maps.data[2] + 2 * maps.data[0])
    assert weighed["sz_profile"].shape == (6, 4)
    for (column, row), profile in zip(PIXELS, weighed["sz_profile"]):
        near = y[row - 1 : row + 2, column - 1 : column + 2].sum()
        assert_allclose(profile[:2], [y[row, column], (near - y[row, column]) / 8], 1e-5, 1e-9)
    radii = weighed.meta["sz_profile_radius"]
    assert_allclose(radii[:2], [0, 0.5 * (1 + np.sqrt(2)) / 2])
    assert len(radii) == 4 and 0.75 < radii[2] < 1.25 < radii[3] < 1.75


def test_nddata(weigh, maps, clusters, weighed):
    plain = NDData(maps.data, wcs=maps.wcs, meta={"instrument": maps.instrument})
    assert_same(weigh(plain, clusters), weighed)


def test_sphere(weigh, maps):
    """Of bands that are the same all over a disc; beyond it there are none."""
    pixels = np.sort(healpy.query_disc(8192, healpy.ang2vec(30, -50, lonlat=True), 0.01))
    sphere = HealpixStack(
        [HealpixMap(np.full(pixels.size, value), 8192, False, "icrs", pixels)
         for value in (-0.4, 9.0, 0.8)],
        instrument=maps.instrument,
    )  # fmt: skip
    positions = SkyCoord([30.0, 30.1, 210.0], [-50.0, -50.1, 50.0], unit="deg")
    redshift = np.array([0.6, np.nan, 0.6])
    with pytest.warns(UnlikeTrainingWarning, match="around 2 of 2 .* instead of 1.41 uK in .*'95'"):
        found = weigh(sphere, QTable({"sky_centroid": positions}), redshift=redshift)
    mass, error = by_hand(0.8, -0.4, redshift) * np.array([1, 1, np.nan])
    assert_masses(found, mass, error)
    assert_array_equal(found["mass_flags"], [UNLIKE, UNKNOWN | UNLIKE, MASKED])
    profile = 1e-4 * (0.5 + 0.8 - 0.8) * np.ones((3, 4))
    assert_allclose(found["sz_profile"], np.where(np.isnan(mass)[:, None], np.nan, profile), 1e-5)


def test_preset_of_a_folder_is_said(weigh, maps, clusters, weighed, tmp_path):
    """To half precision, in which a folder has kernels."""
    weigh.preset.save(tmp_path / "mine")
    found = MassEstimator(tmp_path / "mine")(maps, clusters)
    assert_same(found, weighed, rtol=1e-2)
    digest = sha256((tmp_path / "mine" / "model.weights.h5").read_bytes()).hexdigest()
    said = {"finder": "eye", "mass_preset": "mine", "mass_weights_sha256": digest}
    assert said.items() < found.meta.items()
    assert weighed.meta["mass_preset"] == "by-hand"


def test_catalogue_is_not_touched(weigh, maps, clusters):
    given_table = clusters.copy()
    result = weigh.estimate(maps, given_table)
    result["snr"][:], result.meta["finder"] = -1, "other"
    assert given_table.colnames == clusters.colnames and given_table.meta == {"finder": "eye"}
    for name in ("snr", "redshift"):
        assert_array_equal(given_table[name], clusters[name])


def test_weighing_again_changes_nothing(weigh, maps, weighed):
    again = weigh(maps, weighed)
    assert again.colnames == weighed.colnames and again.meta == weighed.meta
    assert_same(again, weighed)


@settings(max_examples=15)
@given(rows=st.lists(st.integers(0, 5), max_size=8))
def test_a_row_does_not_depend_on_the_others(weigh, maps, clusters, weighed, rows):
    """In any order, some or none of them, and some of them twice."""
    rows = np.array(rows, dtype=int)
    assert_same(weigh(maps, clusters[rows]), weighed[rows], rtol=1e-5)


@pytest.mark.parametrize("dx, dy", [(1, 0), (-3, 5), (4, -6)])
def test_maps_and_catalogue_shifted_together(weigh, maps, make_maps, weighed, dx, dy):
    data = np.roll(maps.data, (dy, dx), axis=(1, 2))
    moved = make_maps(*maps.instrument.names, data=data)
    assert_same(weigh(moved, catalogue(moved, X + dx, Y + dy, REDSHIFTS)), weighed, rtol=1e-6)


def test_batch_size_does_not_matter(weigh, maps, clusters, weighed):
    assert_same(MassEstimator(weigh.preset, batch_size=4)(maps, clusters), weighed, rtol=1e-5)


@pytest.mark.parametrize(
    "column, argument, redshift",
    [
        ({}, None, np.full(6, np.nan)),
        ({}, 0.5, np.full(6, 0.5)),
        ({}, REDSHIFTS, REDSHIFTS),
        ({"z": REDSHIFTS}, None, REDSHIFTS),
        ({"z": MaskedColumn([0.3, 9, 1.2, 0.7, 0.2, -1], mask=np.isnan(REDSHIFTS))}, None,
         REDSHIFTS),
        ({"redshift": np.full(6, 0.4)}, REDSHIFTS, REDSHIFTS),
    ],
    ids=["unknown", "one for all", "argument", "column", "masked column", "argument and column"],
)  # fmt: skip
def test_redshifts(weigh, maps, clusters, column, argument, redshift):
    table = Table({"ra": clusters["sky_centroid"].ra.deg, "dec": clusters["sky_centroid"].dec.deg,
                   **column})  # fmt: skip
    found = weigh(maps, table, redshift=argument)
    assert_masses(found, *expected(maps, redshift))
    assert_array_equal(found["mass_flags"], np.where(np.isnan(redshift), UNKNOWN, 0))


@pytest.mark.parametrize("how", ["nan", "mask"])
def test_flags(weigh, maps, make_maps, how):
    """A bad pixel is at (32, 28); an edge, a bad pixel or another redshift leave no mass."""
    rows = [
        (20, 20, 0.5, 0), (20, 20, np.nan, UNKNOWN), (20, 20, 0.1, 0), (20, 20, 1.5, 0),
        (1, 20, 0.5, EDGE), (1, 20, np.nan, EDGE | UNKNOWN), (1, 20, 2.0, EDGE | OUTSIDE),
        (30, 30, 0.5, MASKED), (30, 30, np.nan, MASKED | UNKNOWN), (30, 30, 5, MASKED | OUTSIDE),
        (20, 20, 2.0, OUTSIDE), (20, 20, 0.05, OUTSIDE),
    ]  # fmt: skip
    x, y, redshift, flags = np.transpose(rows)
    bad = np.zeros(maps.shape, dtype=bool)
    bad[28, 32] = True
    if how == "nan":
        maps = make_maps(*maps.instrument.names, data=np.where(bad, np.nan, maps.data))
        bad = None
    found = weigh(maps, catalogue(maps, x, y, redshift), mask=bad)
    assert_array_equal(found["mass_flags"], flags)
    weighed = np.isin(flags, [0, UNKNOWN])
    for name in ADDED[:3]:
        values = np.reshape(u.Quantity(found[name]).value, (len(rows), -1))
        assert_array_equal(np.isfinite(values), np.broadcast_to(weighed[:, None], values.shape))


def test_a_mass_beyond_the_limits_is_flagged_and_stays(weigh, maps, clusters, weighed):
    preset = replace(weigh.preset, calibration={**weigh.preset.calibration, "masses": (3e14, 5e14)})
    found = MassEstimator(preset)(maps, clusters)
    mass = found["m200c"].value
    assert (mass < 3e14).any() and (mass > 5e14).any()
    beyond = (mass < 3e14) | (mass > 5e14)
    assert_array_equal(found["mass_flags"], weighed["mass_flags"] | np.where(beyond, OUTSIDE, 0))
    assert_array_equal(found["m200c"], weighed["m200c"])


def test_network_for_one_redshift(make_preset, maps, clusters):
    """As that of the paper; a column in single precision is a little below 0.7."""
    answer = CentralMass(2e-4, 4.5e14, [1e14, 8e14], [0.3, 0.1])
    weigh = MassEstimator(
        make_preset(weights=[[2, 0.5]], bias=[0, 1], answer=answer, bands=("150",),
                    redshift_input=None, redshifts=(0.7, 0.7), masses=(2e14, 8e14))
    )  # fmt: skip
    columns, rows = np.transpose(PIXELS)
    d150 = maps.data[0, rows, columns]
    mass = 4.5e14 * (1 + 0.5 * d150)
    mass[mass <= 0] = np.nan
    error = np.maximum(mass, 1e14) * np.clip(0.3 - 0.2 * (mass - 1e14) / 7e14, 0.1, 0.3)
    found = weigh(maps, clusters, redshift=np.full(6, 0.7, np.float32))
    assert_masses(found, mass, error)
    assert_allclose(found["sz_profile"][:, 0], np.where(mass > 0, 4e-4 * d150, np.nan), rtol=1e-5)
    beyond = np.isnan(mass) | (mass < 2e14) | (mass > 8e14)
    assert_array_equal(found["mass_flags"], np.where(beyond, OUTSIDE, 0))
    found = weigh(maps, clusters, redshift=np.where(np.isnan(REDSHIFTS), np.nan, 0.7))
    assert_masses(found, *np.where(np.isnan(REDSHIFTS), np.nan, [mass, error]))
    unknown = np.isnan(REDSHIFTS)
    assert_array_equal(
        found["mass_flags"], np.where(unknown, UNKNOWN, np.where(beyond, OUTSIDE, 0))
    )
    with pytest.raises(ValueError, match="at redshift 0.7 to 0.7, and that of none of 6 clusters"):
        weigh(maps, clusters["snr", "sky_centroid"])


@pytest.mark.parametrize("factor, unlike", [(1.0, 0), (1.1, 0), (1.6, 2), (0.5, 2)])
def test_warning_of_maps_with_other_noise(make_preset, make_maps, factor, unlike):
    """Of the bands that the network takes; a cluster in the middle of an image changes nothing."""
    weigh = MassEstimator(make_preset(side=16))
    data = factor * np.random.default_rng(5).normal(size=(3, 64, 64))
    x, y = np.tile(np.arange(8, 64, 16), 4), np.repeat(np.arange(8, 64, 16), 4)
    for column, row in zip(x, y):
        data[:, row - 2 : row + 2, column - 2 : column + 2] -= 300
    found = make_maps("150", "220", "95", data=data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weighed = weigh(found, catalogue(found, x, y, 0.5))
    assert np.mean(weighed["mass_flags"] & UNLIKE > 0) == pytest.approx(unlike / 2, abs=0.1)
    caught = [warning for warning in caught if warning.category is UnlikeTrainingWarning]
    assert len(caught) == (unlike > 0)
    for warning in caught:
        assert warning.filename == __file__
        assert str(warning.message).count("uK in band") == unlike
        assert "'220'" not in str(warning.message)


def test_flag_of_the_noisier_part_of_maps(make_preset, make_maps):
    """Each cluster by itself: the errors of the others are right."""
    weigh = MassEstimator(make_preset(side=16))
    data = np.random.default_rng(5).normal(size=(3, 64, 64))
    data[:, :, 32:] *= 2
    maps = make_maps("150", "220", "95", data=data)
    with pytest.warns(UnlikeTrainingWarning, match="around 4 of 8 clusters"):
        weighed = weigh(maps, catalogue(maps, [8, 24, 40, 56] * 2, [20] * 4 + [40] * 4, 0.5))
    assert_array_equal(weighed["mass_flags"], [0, 0, UNLIKE, UNLIKE] * 2)
    assert np.isfinite(weighed["m200c"]).all()


def test_no_cluster(weigh, maps, clusters, weighed):
    found = weigh(maps, clusters[:0])
    assert len(found) == 0 and found.colnames == weighed.colnames
    assert found["m200c"].unit == u.Msun and found["sz_profile"].shape == (0, 4)
    assert found.meta == weighed.meta


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "8", None])
def test_wrong_batch_size(weigh, wrong):
    with pytest.raises(
        ValueError, match=f"batch_size must be a whole number from 1; found {wrong!r}"
    ):
        MassEstimator(weigh.preset, batch_size=wrong)


def test_preset_of_a_finder(weigh):
    calibration = {"platt": {"slope": 1, "intercept": 0}, "thresholds": {"f1": 0.5},
                   "score_quantiles": {}}  # fmt: skip
    finder = Preset("seeker", "resnet", {}, {}, weigh.preset.preprocessing, calibration,
                    weigh.preset.card)  # fmt: skip
    message = r"preset 'seeker' is that of a finder \(resnet\); expected .* weighs clusters \(mres"
    with pytest.raises(ValueError, match=message):
        MassEstimator(finder)


def test_no_such_preset():
    with pytest.raises(ValueError, match="unknown preset 'scales'; expected one of those that"):
        MassEstimator("scales")


def test_answer_that_is_none(weigh):
    preset = replace(
        weigh.preset, calibration={**weigh.preset.calibration, "answer": {"kind": "peak"}}
    )
    with pytest.raises(ValueError, match="kind of the answer must be one of .*; found 'peak'"):
        MassEstimator(preset)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"redshift": [0.3, 0.4]}, r"one of each of the 6 clusters; found shape \(2,\)"),
        ({"redshift": -0.3}, "redshifts must be positive, .*; found -0.3 in row 0"),
        ({"redshift": np.arange(6)}, "redshifts must be positive, .*; found 0.0 in row 0"),
        ({"redshift": np.full(6, 700) * u.Mpc}, "redshift cannot be read as numbers: 'Mpc'"),
        ({"redshift": "near"}, "redshift cannot be read as numbers: .*'near'"),
        ({"mask": np.zeros((2, 2), bool)}, r"mask does not fit the maps; found shape \(2, 2\)"),
    ],
)
def test_wrong_options(weigh, maps, clusters, options, message):
    with pytest.raises(ValueError, match=message):
        weigh(maps, clusters, **options)


def test_catalogue_without_positions(weigh, maps):
    with pytest.raises(ValueError, match="the table has no positions; found the columns redshift"):
        weigh(maps, QTable({"redshift": [0.3]}))


def test_maps_that_do_not_fit(weigh, maps, make_maps, clusters):
    wide = maps.wcs.deepcopy()
    wide.wcs.cdelt = 2 * wide.wcs.cdelt
    for wrong, message in (
        (make_maps("95", "220"), "preset 'by-hand': .*band '150' .* is not among '95'"),
        (MapStack(maps.data, wcs=wide, instrument=maps.instrument), "1 x 1 arcmin instead of 0.5"),
        (maps.data, "found ndarray; expected MapStack, or NDData"),
    ):
        with pytest.raises(MapError, match=message):
            weigh(wrong, clusters)


@pytest.mark.parametrize(
    "shape, value, message",
    [
        ((1, 2, 8, 8), np.nan, "1 of 1 images hold values that are not finite"),
        ((1, 2, 10, 10), 0.0, r"do not fit the network; found shape \(1, 10, 10, 4\)"),
        ((1, 1, 8, 8), 0.0, r"cutouts must have shape \(n, 2, ny, nx\), of the bands 95, 150; f"),
        ((2, 8, 8), 0.0, r"cutouts must have shape .*; found shape \(2, 8, 8\)"),
    ],
)
def test_cutouts_that_are_none(weigh, shape, value, message):
    with pytest.raises(ValueError, match=message):
        weigh.estimate_images(np.full(shape, value), redshift=np.array([0.5]))


@pytest.mark.parametrize("redshift, weighed", [
    (None, [True] * 4), (0.5, [True] * 4), ([0.5, 0.05, np.nan, 2.0], [True, False, True, False]),
])  # fmt: skip
def test_redshifts_of_cutouts(weigh, redshift, weighed):
    """Beyond those of the training there is nothing; none given is none known."""
    cutouts = np.random.default_rng(2).normal(size=(4, 2, 8, 8))
    mass, error, y = weigh.estimate_images(cutouts, redshift=redshift)
    known = np.broadcast_to(np.nan if redshift is None else redshift, 4)
    values = by_hand(*cutouts[:, :, 4, 4].T, known)
    for found, there in zip((mass, error), values):
        assert_allclose(found, np.where(weighed, there, np.nan), rtol=1e-5)
    assert_array_equal(np.isfinite(y).all(axis=(1, 2)), weighed)


@pytest.mark.parametrize("redshift, message", [
    ([0.5, 0.5], r"one of each of the 4 clusters; found shape \(2,\)"),
    (-1.0, "redshifts must be positive, .*; found -1.0 in row 0"),
    (np.inf, "redshifts must be positive, .*; found inf in row 0"),
])  # fmt: skip
def test_wrong_redshifts_of_cutouts(weigh, redshift, message):
    with pytest.raises(ValueError, match=message):
        weigh.estimate_images(np.zeros((4, 2, 8, 8)), redshift=redshift)


def test_cutouts_of_a_preset_for_one_redshift(make_preset):
    """Without a redshift they are at that one; a redshift that is given must be it."""
    preset = make_preset(answer=CentralMass(2e-4, 4.5e14), bias=1.0, bands=("150",),
                         redshift_input=None, redshifts=(0.7, 0.7))  # fmt: skip
    weigh, cutouts = MassEstimator(preset), np.zeros((3, 1, 8, 8))
    assert_allclose(weigh.estimate_images(cutouts)[0], 4.5e14)
    mass, _, _ = weigh.estimate_images(cutouts, redshift=[0.7, 0.6, np.nan])
    assert_allclose(mass, [4.5e14, np.nan, np.nan])


@pytest.mark.parametrize("wrong, message", [
    ({"roughness": [1.0]}, "found 1 numbers in roughness, expected 2"),
    ({"redshift_input": None}, "found 4 planes of the input, expected 2"),
    ({"answer": {"kind": "central-mass", "y_unit": 1e-4, "mass_unit": 1e14}},
     "found 3 maps of the answer, expected 2"),
])  # fmt: skip
def test_calibration_of_another_network(weigh, wrong, message):
    preset = replace(weigh.preset, calibration={**weigh.preset.calibration, **wrong})
    with pytest.raises(ValueError, match=f"preset 'by-hand': network, bands and .* {message}"):
        MassEstimator(preset)


def test_what_no_mass_is(make_preset, maps, clusters):
    """A network may paint a number below 0: the row has nothing, and is outside."""
    preset = make_preset(answer=CentralMass(2e-4, 4.5e14, [1e14], [0.3]), bias=[1.0, -0.1],
                         redshift_input=None, redshifts=(0.7, 0.7))  # fmt: skip
    found = MassEstimator(preset)(maps, clusters, redshift=0.7)
    for name in ADDED[:3]:
        assert np.isnan(u.Quantity(found[name]).value).all()
    assert_array_equal(found["mass_flags"], OUTSIDE)
