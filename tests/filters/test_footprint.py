import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import Footprint, subtract_plane


def brute_force_distance(inside):
    """Distance of each pixel from the nearest pixel outside, and from the border, less a half."""
    ny, nx = inside.shape
    y, x = np.indices(inside.shape)
    distance = np.minimum.reduce([y, x, ny - 1 - y, nx - 1 - x]) + 0.5
    for j, i in zip(*np.nonzero(~inside)):
        distance = np.minimum(distance, np.hypot(y - j, x - i) - 0.5)
    return np.where(inside, distance, 0)


def test_hole_is_inside_and_large_gap_is_not():
    good = np.ones((60, 70), bool)
    good[20:23, 30:34] = False  # 12 pixels
    good[40:50, 40:50] = False  # 100 pixels
    footprint = Footprint(good, 50)
    expected = np.ones_like(good)
    expected[40:50, 40:50] = False
    assert_array_equal(footprint.inside, expected)
    assert_array_equal(footprint.holes, expected & ~good)


def test_hole_at_the_border_is_outside():
    good = np.ones((30, 30), bool)
    good[0, 4] = good[12, 29] = good[15, 15] = False
    footprint = Footprint(good, 50)
    assert not footprint.inside[0, 4] and not footprint.inside[12, 29]
    assert footprint.inside[15, 15] and footprint.holes[15, 15]
    assert np.count_nonzero(footprint.holes) == 1


def test_whole_map_has_neither_holes_nor_outside():
    footprint = Footprint(np.ones((9, 12), bool), 5)
    assert footprint.inside.all() and not footprint.holes.any()
    assert_allclose(footprint.edge_distance, brute_force_distance(np.ones((9, 12), bool)))


def test_map_without_a_good_pixel():
    footprint = Footprint(np.zeros((9, 12), bool), 5)
    assert not footprint.inside.any() and not footprint.holes.any()
    assert_array_equal(footprint.edge_distance, 0)


@given(st.integers(3, 20), st.integers(3, 20), st.floats(0, 0.4), st.integers(0, 20))
@settings(max_examples=40)
def test_edge_distance_against_brute_force(ny, nx, part, hole_area):
    good = np.random.default_rng(ny * nx).random((ny, nx)) >= part
    footprint = Footprint(good, hole_area)
    expected = brute_force_distance(footprint.inside)
    assert_allclose(footprint.edge_distance, expected, rtol=1e-6)
    assert_array_equal(footprint.holes, footprint.inside & ~good)
    assert np.all(footprint.inside[good])


def test_window_rises_as_a_squared_sine():
    footprint = Footprint(np.ones((40, 50), bool), 5)
    window = footprint.window(10)
    assert_allclose(window[20, :10], np.sin(0.05 * np.pi * (np.arange(10) + 0.5)) ** 2, rtol=1e-6)
    assert_array_equal(window[10:-10, 10:-10], 1)
    assert window.min() > 0


def test_window_ignores_holes_and_vanishes_outside():
    good = np.ones((40, 50), bool)
    good[20, 25] = good[:, :6] = False
    window = Footprint(good, 5).window(8)
    assert window[20, 25] == 1
    assert_array_equal(window[:, :6], 0)


@given(
    st.tuples(*[st.floats(-1e3, 1e3)] * 3),
    st.tuples(st.integers(5, 40), st.integers(5, 40)),
    st.floats(0, 0.5),
)
def test_plane_is_taken_off(plane, shape, part):
    y, x = np.indices(shape)
    good = np.random.default_rng(1).random(shape) >= part
    good[:2, :2] = True
    maps = np.stack([plane[0] + plane[1] * y + plane[2] * x, np.zeros(shape)])
    assert_allclose(subtract_plane(maps, good), 0, atol=1e-8 * (1 + abs(maps).max()))


def test_plane_of_the_good_pixels_alone():
    """Bad pixels, NaN or bright, tell nothing; what is left has neither mean nor slope."""
    rng = np.random.default_rng(2)
    y, x = np.indices((40, 51))
    maps = np.stack([rng.normal(size=(40, 51)) + 5 + 0.3 * x, rng.normal(size=(40, 51)) - 2 * y])
    good = rng.random((40, 51)) > 0.3
    maps[0, ~good] = np.nan
    maps[1, ~good] = 1e6
    flat = subtract_plane(maps, good)
    for image in flat:
        for moment in (1, y, x):
            assert np.mean((image * moment)[good]) == pytest.approx(0, abs=1e-10)
    assert_allclose(flat[1, ~good] - 1e6, (2 * y)[~good], atol=1)


def test_plane_keeps_the_type_and_the_maps():
    maps = np.ones((2, 8, 9), np.float32)
    flat = subtract_plane(maps, np.ones((8, 9), bool))
    assert flat.dtype == np.float32
    assert_array_equal(maps, 1)
    assert_allclose(flat, 0, atol=1e-6)
