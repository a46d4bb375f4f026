"""Detections and halos: the most massive one within the radius, each halo once."""

import time

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from szfinder.evaluation import match_detections


def test_most_massive_halo_not_the_nearest(table_of):
    truth = table_of([(0.1, 0), (0.9, 0), (-1.1, 0)], mvir=[1e14, 2e14, 9e14])
    match = match_detections(table_of([(0, 0)], score=[5]), truth)
    assert match.halo.tolist() == [1]
    assert match.detection.tolist() == [-1, 0, -1]
    assert match.found.tolist() == [False, True, False]
    assert match.separation.unit == u.arcmin
    np.testing.assert_allclose(match.separation.value, 0.9, rtol=1e-6)


def test_each_halo_is_used_once_by_the_highest_score(table_of):
    truth = table_of([(0, 0), (0.5, 0)], mvir=[5e14, 1e14])
    detections = table_of([(0.1, 0), (-0.2, 0), (0.3, 0)], snr=[5, 9, 4])
    match = match_detections(detections, truth, score="snr")
    assert match.halo.tolist() == [1, 0, -1]
    assert match.detection.tolist() == [1, 0]
    assert np.isnan(match.separation[2])
    assert [index.tolist() for index in match.pairs] == [[0, 1], [1, 0]]


def test_tables_of_other_codes(table_of):
    truth = table_of([(0, 0)], m500c=[1e14])
    where = truth["sky_centroid"][0]
    other = QTable({"RA": [where.ra.deg], "Dec": [where.dec.deg], "q": [6.0]})
    assert match_detections(other, truth, score="q", mass="m500c").halo.tolist() == [0]
    with pytest.raises(ValueError, match="no column 'score'; found RA, Dec, q"):
        match_detections(other, truth, mass="m500c")


@pytest.mark.parametrize("n_detections, n_halos", [(0, 0), (0, 2), (3, 0)])
def test_empty(table_of, n_detections, n_halos):
    detections = table_of(np.zeros((n_detections, 2)), score=np.ones(n_detections))
    truth = table_of(np.zeros((n_halos, 2)), mvir=np.ones(n_halos))
    match = match_detections(detections, truth)
    assert match.halo.tolist() == [-1] * n_detections
    assert match.detection.tolist() == [-1] * n_halos
    assert match.separation.shape == (n_detections,)


def test_score_that_is_nan(table_of):
    with pytest.raises(ValueError, match="'score' has 1 NaN"):
        match_detections(table_of([(0, 0)], score=[np.nan]), table_of([(0, 0)], mvir=[1]))


def brute_force(detections, truth, radius):
    """Halo of each detection, by the words of the paper."""
    halo = np.full(len(detections), -1)
    for i in np.argsort(-detections["score"], kind="stable"):
        distance = truth["sky_centroid"].separation(detections["sky_centroid"][i]).arcmin
        free = (distance <= radius) & ~np.isin(np.arange(len(truth)), halo)
        if free.any():
            halo[i] = max(np.flatnonzero(free), key=lambda j: truth["mvir"][j])
    return halo


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 25), radius=st.floats(0.3, 3))
def test_brute_force(table_of, seed, n, radius):
    rng = np.random.default_rng(seed)
    detections = table_of(rng.uniform(-3, 3, (n, 2)), score=rng.permutation(n))
    truth = table_of(rng.uniform(-3, 3, (30, 2)), mvir=rng.permutation(30))
    match = match_detections(detections, truth, radius=radius * u.arcmin)
    np.testing.assert_array_equal(match.halo, brute_force(detections, truth, radius))
    for i, j in zip(*match.pairs):
        assert match.detection[j] == i
    assert np.count_nonzero(match.found) == len(match.pairs[0])


@given(seed=st.integers(0, 2**32 - 1))
def test_rotation_of_the_sky(table_of, seed):
    rng = np.random.default_rng(seed)
    detections = table_of(rng.uniform(-3, 3, (15, 2)), score=rng.permutation(15))
    truth = table_of(rng.uniform(-3, 3, (30, 2)), mvir=rng.permutation(30))
    rotation = Rotation.random(rng=rng)

    def rotated(table):
        table = table.copy()
        xyz = rotation.apply(table["sky_centroid"].cartesian.xyz.value.T)
        positions = SkyCoord(*xyz.T, representation_type="cartesian")
        table["sky_centroid"] = SkyCoord(positions.spherical.lon, positions.spherical.lat)
        return table

    match = match_detections(detections, truth)
    turned = match_detections(rotated(detections), rotated(truth))
    np.testing.assert_array_equal(turned.halo, match.halo)
    np.testing.assert_allclose(turned.separation.value, match.separation.value, atol=1e-7)


def test_the_order_of_the_tables_does_not_matter(table_of):
    rng = np.random.default_rng(2)
    detections = table_of(rng.uniform(-4, 4, (40, 2)), score=rng.permutation(40))
    truth = table_of(rng.uniform(-4, 4, (60, 2)), mvir=rng.permutation(60))
    match = match_detections(detections, truth)
    first, second = rng.permutation(40), rng.permutation(60)
    shuffled = match_detections(detections[first], truth[second])
    pairs = {(first[i], second[j]) for i, j in zip(*shuffled.pairs)}
    assert pairs == set(zip(*match.pairs))


def test_survey_of_halos_is_quick(table_of):
    rng = np.random.default_rng(3)
    truth = table_of(rng.uniform(-300, 300, (200_000, 2)), mvir=rng.random(200_000))
    detections = table_of(rng.uniform(-300, 300, (2000, 2)), score=rng.random(2000))
    start = time.process_time()
    match = match_detections(detections, truth)
    assert time.process_time() - start < 2
    expected = 1 - np.exp(-200_000 / 600**2 * np.pi)
    assert np.mean(match.halo >= 0) == pytest.approx(expected, abs=0.03)
