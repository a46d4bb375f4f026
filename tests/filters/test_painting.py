import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import FourierGrid, object_modes, peak_offsets

SCALE = (0.5, 0.6)


@pytest.mark.parametrize("shape, margin", [((64, 60), 0), ((81, 75), 0), ((61, 70), 12)])
@given(x=st.floats(20, 40), y=st.floats(20, 40))
@settings(max_examples=10)
def test_painted_gaussians_against_real_space(
    draw_gaussian, gaussian_template, shape, margin, x, y
):
    grid = FourierGrid(shape, SCALE, margin=margin)
    places = np.array([x, 31.0, 25.5]), np.array([y, 30.0, 33.5])
    amplitude = np.array([1.0, -2.0, 0.5])
    modes = object_modes(*places, amplitude, grid)
    image = grid.inverse(modes * gaussian_template(1.2, grid.ell)[grid.ell_index])
    expected = sum(
        a * draw_gaussian(shape, SCALE, i, j, 1.2) for i, j, a in zip(*places, amplitude)
    )
    # Single precision, and multipoles rounded to integers.
    assert_allclose(image, expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 2), (16, 15), (60, 81), (81, 60)])
@pytest.mark.parametrize("n", [1, 2, 300])
@given(seed=st.integers(0, 9999))
@settings(max_examples=5)
def test_modes_against_the_sum_over_objects(shape, n, seed):
    rng = np.random.default_rng(seed)
    grid = FourierGrid(shape, SCALE)
    # Some lie off the map: the padded grid is periodic.
    y, x = rng.uniform(-0.5, 1.5, (2, n)) * np.array(shape)[:, None]
    amplitude = rng.normal(size=n)
    ny, nx = grid.padded_shape
    k_y, k_x = np.fft.fftfreq(ny)[:, None, None], np.fft.rfftfreq(nx)[:, None]
    waves = np.exp(-2j * np.pi * (k_y * y + k_x * x))
    scale = np.sum(np.abs(amplitude)) / grid.pixel_area
    assert_allclose(
        object_modes(x, y, amplitude, grid) / scale,
        np.sum(amplitude * waves, axis=-1) / grid.pixel_area / scale,
        atol=5e-6,
        rtol=0,
    )


def test_object_on_a_pixel_is_a_delta_function():
    grid = FourierGrid((32, 36), SCALE)
    modes = object_modes(np.array([7.0]), np.array([12.0]), np.array([3.0]), grid)
    expected = np.zeros((32, 36))
    expected[12, 7] = 3 / grid.pixel_area
    assert_allclose(grid.inverse(modes), expected, atol=1e-5 * expected.max())


def test_no_objects():
    grid = FourierGrid((32, 36), SCALE)
    modes = object_modes(*np.zeros((3, 0)), grid)
    assert modes.shape == grid.ell_index.shape and not modes.any()


@given(
    st.tuples(st.integers(0, 12), st.integers(0, 9)),
    st.tuples(st.floats(-0.49, 0.49), st.floats(-0.49, 0.49)),
    st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    st.floats(-10, 10),
)
def test_summit_of_a_paraboloid_is_exact(pixel, offset, curvature, height):
    # One pixel of a frame, beyond which a parabola has no neighbours.
    y, x = pixel[0] + 1, pixel[1] + 1
    j, i = np.indices((15, 12))
    fall = curvature[0] * (j - y - offset[0]) ** 2 + curvature[1] * (i - x - offset[1]) ** 2
    image = height - fall
    dy, dx, summit = peak_offsets(image, np.array([y]), np.array([x]))
    assert_allclose((dy[0], dx[0]), offset, atol=1e-7)
    assert summit[0] == pytest.approx(height, abs=1e-7)


@given(st.integers(0, 9999))
def test_summits_stay_within_the_pixel(seed):
    """At any pixel of any map, in its corners too, and where there is no peak at all."""
    image = np.random.default_rng(seed).normal(size=(6, 7))
    y, x = (index.ravel() for index in np.indices(image.shape))
    dy, dx, height = peak_offsets(image, y, x)
    assert abs(dy).max() < 0.5 and abs(dx).max() < 0.5
    assert np.all(np.isfinite(height))
    peak = np.argmax(image)
    assert height[peak] >= image.max()


def test_flat_map_has_its_summits_at_the_pixel_centres():
    dy, dx, height = peak_offsets(np.ones((5, 5)), np.array([0, 2]), np.array([4, 2]))
    assert_array_equal([dy, dx], 0)
    assert_array_equal(height, 1)
