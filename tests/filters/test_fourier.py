import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad

from szfinder.filters import FourierGrid
from szfinder.filters.fourier import ARCMIN

sides = st.integers(3, 70)
scales = st.floats(0.2, 3.0)


@given(sides, sides, scales, scales, st.floats(0, 40))
def test_each_mode_of_the_full_plane_is_counted_once(ny, nx, dy, dx, margin):
    grid = FourierGrid((ny, nx), (dy, dx), margin=margin)
    assert grid.n_modes.sum() == np.prod(grid.padded_shape)
    assert grid.n_modes.size == grid.ell.size


@given(sides, sides, scales, scales)
def test_multipoles_against_the_full_plane(ny, nx, dy, dx):
    grid = FourierGrid((ny, nx), (dy, dx))
    ny, nx = grid.padded_shape
    frequency = np.fft.fftfreq(ny, dy * ARCMIN)[:, None], np.fft.fftfreq(nx, dx * ARCMIN)
    ell = np.rint(2 * np.pi * np.hypot(*frequency)).astype(int)
    np.testing.assert_array_equal(grid.n_modes, np.bincount(ell.ravel()))


@given(sides, sides, st.floats(0, 40))
def test_margin_is_as_wide_as_promised(ny, nx, margin):
    grid = FourierGrid((ny, nx), (0.5, 0.7), margin=margin)
    for n, padded, scale in zip(grid.shape, grid.padded_shape, grid.pixel_scale):
        assert (padded - n) * scale >= margin


@given(sides, sides, st.floats(0, 20), st.integers(0, 99))
def test_parseval(ny, nx, margin, seed):
    grid = FourierGrid((ny, nx), (0.5, 0.7), margin=margin)
    image = np.random.default_rng(seed).normal(size=grid.shape)
    power = grid.azimuthal_sum(np.abs(grid.transform(image)) ** 2)
    assert power.sum() / np.prod(grid.padded_shape) == pytest.approx(np.sum(image**2))


@given(sides, sides, st.floats(0, 20), st.sampled_from(["transform", "transform_extended"]))
def test_round_trip(ny, nx, margin, method):
    grid = FourierGrid((ny, nx), (0.5, 0.7), margin=margin)
    maps = np.random.default_rng(ny * nx).normal(size=(2, ny, nx))
    returned = grid.inverse(getattr(grid, method)(maps))
    np.testing.assert_allclose(returned, maps, atol=1e-12)


def test_single_precision_is_kept():
    grid = FourierGrid((20, 21), (0.5, 0.5), margin=4)
    maps = np.ones((2, 20, 21), np.float32)
    for modes in (grid.transform(maps), grid.transform_extended(maps)):
        assert modes.dtype == np.complex64
        assert grid.inverse(modes).dtype == np.float32
    assert grid.at_modes(np.ones(grid.ell.size)).dtype == np.float32


@given(sides, sides, st.floats(0, 60))
def test_extended_map_has_no_step(ny, nx, margin):
    """A constant map falls smoothly to zero and rises again; a step would be a drop of 1."""
    grid = FourierGrid((ny, nx), (1.0, 1.0), margin=margin)
    extended = np.fft.irfft2(grid.transform_extended(np.ones((ny, nx))), s=grid.padded_shape)
    for axis in (0, 1):
        margin_pixels = grid.padded_shape[axis] - grid.shape[axis]
        if margin_pixels < 2:
            continue
        half = min((margin_pixels + 1) // 2, grid.shape[axis])
        steps = np.diff(extended, axis=axis, append=extended.take([0], axis))
        assert np.abs(steps).max() <= np.sin(0.5 * np.pi / half) + 1e-9


def test_extended_map_goes_on_where_the_edge_leaves_off():
    """At both seams the map is mirrored: its value goes on, to the slope of the fading."""
    grid = FourierGrid((60, 45), (1.0, 1.0), margin=40)
    y, x = np.indices(grid.shape)
    image = np.sin(0.1 * y + 0.3) + 0.5 * np.cos(0.15 * x)
    extended = np.fft.irfft2(grid.transform_extended(image), s=grid.padded_shape)
    fade = np.cos(0.25 * np.pi / ((grid.padded_shape[0] - 60 + 1) // 2)) ** 2
    np.testing.assert_allclose(extended[60, :45], fade * image[-1], rtol=1e-9)
    np.testing.assert_allclose(extended[-1, :45], fade * image[0], rtol=1e-9)


@pytest.mark.parametrize("flip", [np.s_[::-1, :], np.s_[:, ::-1]])
def test_extended_map_has_no_handedness(flip):
    """A flipped map has the same amplitudes of its modes, at the mirrored wave vector."""
    grid = FourierGrid((33, 50), (0.5, 0.5), margin=13)
    image = np.random.default_rng(1).normal(size=grid.shape)
    power, flipped = (
        grid.azimuthal_sum(np.abs(grid.transform_extended(part)) ** 2)
        for part in (image, image[flip])
    )
    np.testing.assert_allclose(flipped, power, rtol=1e-9)


def test_pixel_window_against_the_transform_of_a_pixel():
    """Mean over directions of the transform of a pixel, integrated over its area."""
    dy, dx = 2.0, 1.5
    grid = FourierGrid((40, 50), (dy, dx))
    window = grid.pixel_window()
    for ell in (300, 2000, 5000):
        wave = ell * ARCMIN
        directions = np.linspace(0, np.pi, 60, endpoint=False)
        expected = [
            dblquad(
                lambda x, y: np.cos(wave * (y * np.sin(angle) + x * np.cos(angle))),
                -dy / 2, dy / 2, -dx / 2, dx / 2,
            )[0] / (dy * dx)
            for angle in directions
        ]  # fmt: skip
        assert window[ell] == pytest.approx(np.mean(expected), abs=2e-4)
    assert window[0] == pytest.approx(1)


@given(st.floats(1.0, 4.0), scales)
def test_hankel_transform_of_a_gaussian(sigma, scale):
    """A Gaussian goes to a Gaussian, when both the grid and its pixels allow."""
    scale = min(scale, sigma / 2)
    grid = FourierGrid((256, 240), (scale, scale), margin=20)
    radius = np.linspace(0, 5 * sigma, 30)
    table = 2 * np.pi * (sigma * ARCMIN) ** 2 * np.exp(-0.5 * (sigma * ARCMIN * grid.ell) ** 2)
    profiles = grid.hankel_transform([table, 3 * table], radius)
    np.testing.assert_allclose(profiles[0], np.exp(-0.5 * (radius / sigma) ** 2), atol=5e-3)
    np.testing.assert_allclose(profiles[1], 3 * profiles[0], atol=1e-12)


def test_spectral_integral_of_a_gaussian():
    grid = FourierGrid((200, 220), (0.5, 0.6))
    width = 2 * ARCMIN
    table = np.exp(-0.5 * (grid.ell * width) ** 2)
    assert grid.spectral_integral(table) == pytest.approx(1 / (2 * np.pi * width**2), rel=1e-3)


def test_areas_and_sizes():
    grid = FourierGrid((100, 120), (0.5, 0.8))
    assert grid.pixel_size == pytest.approx(np.sqrt(0.4))
    assert grid.pixel_area == pytest.approx(0.4 * ARCMIN**2)
    assert grid.area == pytest.approx(100 * 120 * 0.4 * ARCMIN**2)
