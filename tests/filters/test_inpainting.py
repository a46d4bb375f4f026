import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import inpaint

sides = st.integers(1, 70)


def disc(shape, y, x, radius):
    return np.hypot(np.arange(shape[0])[:, None] - y, np.arange(shape[1]) - x) < radius


@given(sides, sides, st.floats(0, 1), st.integers(0, 99))
def test_good_pixels_are_untouched_and_the_rest_is_within_their_range(ny, nx, part, seed):
    rng = np.random.default_rng(seed)
    maps, bad = rng.normal(size=(2, ny, nx)), rng.random((ny, nx)) < part
    filled = inpaint(maps, bad)
    assert_array_equal(filled[:, ~bad], maps[:, ~bad])
    if not bad.all():
        for image, result in zip(maps, filled):
            assert result.min() >= image[~bad].min() - 1e-12
            assert result.max() <= image[~bad].max() + 1e-12


@given(sides, sides)
def test_map_without_a_good_pixel_is_zero(ny, nx):
    maps = np.full((2, ny, nx), np.nan)
    assert_array_equal(inpaint(maps, np.ones((ny, nx), bool)), 0)


def test_what_bad_pixels_hold_is_ignored():
    maps = np.ones((2, 30, 31), np.float32)
    bad = disc((30, 31), 14, 15, 5)
    maps[:, bad] = np.nan
    filled = inpaint(maps, bad)
    assert_allclose(filled, 1, rtol=1e-6)
    assert np.isnan(maps[:, bad]).all(), "the maps given were changed"


@given(sides, sides, st.floats(0, 0.95), st.floats(-1e3, 1e3))
def test_constant_goes_on(ny, nx, part, value):
    bad = np.random.default_rng(1).random((ny, nx)) < part
    if not bad.all():
        assert_allclose(inpaint(np.full((1, ny, nx), value), bad), value, rtol=1e-12)


HARMONIC = {
    "plane": lambda y, x: 3 * x - 2 * y + 1,
    "saddle": lambda y, x: x**2 - y**2,
    "product": lambda y, x: x * y,
    "wave": lambda y, x: np.sin(2 * x) * np.cosh(2 * y),
}


@pytest.mark.parametrize("function", HARMONIC.values(), ids=HARMONIC.keys())
@pytest.mark.parametrize("shape", [(64, 64), (65, 71)])
@pytest.mark.parametrize("radius", [2.5, 6, 12])
def test_harmonic_functions_go_on(function, shape, radius):
    """To a twentieth of what they vary by in the hole."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    image = function(y[:, None], x)
    bad = disc(shape, 30.4, 33.7, radius)
    filled = inpaint(np.where(bad, np.nan, image)[None], bad)[0]
    assert abs(filled - image)[bad].max() < 0.05 * np.ptp(image[bad])


def test_filled_hole_joins_smoothly():
    """No step at its edge: at most what the map itself varies by from pixel to pixel."""
    y, x = np.indices((80, 80))
    image = np.sin(0.12 * x) * np.cos(0.1 * y)
    bad = disc(image.shape, 40, 40, 9)
    filled = inpaint(image[None], bad)[0]
    for axis in (0, 1):
        steps, own = abs(np.diff(filled, axis=axis)), abs(np.diff(image, axis=axis))
        assert steps.max() < 1.5 * own.max()


@given(st.sampled_from([np.float32, np.float64]), st.integers(0, 1))
def test_type_and_shape_are_kept(dtype, with_hole):
    maps = np.random.default_rng(2).normal(size=(3, 21, 18)).astype(dtype)
    bad = np.zeros((21, 18), bool)
    bad[7:10, 5:9] = bool(with_hole)
    filled = inpaint(maps, bad)
    assert filled.dtype == dtype and filled.shape == maps.shape
    assert not np.shares_memory(filled, maps)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("shape, tolerance", [((64, 64), 1e-12), ((63, 75), 0.03)])
def test_rotation(turns, shape, tolerance):
    """Blocks of pixels begin in one corner: on odd sides a rotation changes a little."""
    y, x = np.indices(shape) / 32 - 1
    image = np.exp(-(y**2) - 2 * (x - 0.2) ** 2)
    bad = disc(shape, 28, 35, 7)
    filled = inpaint(image[None], bad)[0]
    turned = inpaint(np.rot90(image, turns)[None], np.rot90(bad, turns))[0]
    assert_allclose(turned, np.rot90(filled, turns), atol=tolerance * np.ptp(image[bad]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_layout_in_memory_does_not_matter(order):
    image = np.random.default_rng(3).normal(size=(2, 40, 44)).cumsum(axis=1)
    bad = disc((40, 44), 20, 20, 8)
    expected = inpaint(image, bad)
    assert_array_equal(inpaint(np.asarray(image, order=order), bad), expected)
    flipped = inpaint(image[:, ::-1].copy()[:, ::-1], bad)
    assert_array_equal(flipped, expected)
