import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import ndimage
from scipy.stats import truncnorm

from szfinder.filters import (
    BandCovariance,
    Footprint,
    FourierGrid,
    MatchedFilter,
    NoiseLevel,
    relative_noise,
    robust_deviation,
)
from szfinder.filters.noise import CLIP, CLIPPED_DEVIATION, MAX_PIXELS

SHAPE, SCALE = (240, 256), (0.5, 0.5)
SIGMA = 1.0


@given(st.floats(1e-9, 1e9), st.integers(0, 50))
def test_deviation_of_normal_noise(scale, seed):
    values = np.random.default_rng(seed).normal(0, scale, 20000)
    assert robust_deviation(values) == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("outlier", [8.0, 30.0, -1000.0])
def test_outliers_do_not_count(outlier):
    values = np.random.default_rng(1).normal(size=20000)
    values[::100] += outlier
    assert robust_deviation(values) == pytest.approx(1, rel=0.03)


def test_deviation_is_about_zero():
    """A filtered map has no mean, so that an offset is noise."""
    values = np.random.default_rng(2).normal(1.0, 1.0, 20000)
    assert robust_deviation(values) == pytest.approx(np.sqrt(2), rel=0.05)


def test_cut_takes_nothing_off_the_deviation():
    """The standard deviation of what a cut leaves of normal noise is put right."""
    rng = np.random.default_rng(2)
    levels = [robust_deviation(rng.normal(size=40000)) for _ in range(99)]
    assert np.mean(levels) == pytest.approx(1, abs=1e-3)
    assert CLIPPED_DEVIATION == pytest.approx(truncnorm(-CLIP, CLIP).std(), abs=1e-4)


def test_deviation_of_more_values_than_are_needed():
    values = np.random.default_rng(3).normal(size=4 * MAX_PIXELS).astype(np.float32)
    assert robust_deviation(values) == pytest.approx(1, rel=0.02)


def smooth_noise(shape, sigma, rng):
    """Unit noise with a Gaussian correlation, and the area of one sample of it, in pixels."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return noise * 2 * np.sqrt(np.pi) * sigma, 2 * np.pi * sigma**2


def test_uniform_noise_has_one_level():
    """In nearly all maps; where a chance gradient is believed, it is a small one."""
    rng = np.random.default_rng(4)
    everywhere = np.ones(SHAPE, bool)
    maps = [smooth_noise(SHAPE, 1.5, rng) for _ in range(20)]
    levels = [relative_noise(image, everywhere, area, SHAPE) for image, area in maps]
    uneven = [level for level in levels if level is not None]
    assert len(uneven) <= 4
    for level in uneven:
        assert abs(level - 1).max() < 0.1


def assert_follows(level, truth):
    """Each place to 10 per cent, but that the cells at the ends are levelled out."""
    ratio = level / truth / np.median(level / truth)
    assert abs(ratio - 1).mean() < 0.06
    assert_allclose(ratio[60:-60, 60:-60], 1, atol=0.12)
    assert_allclose(ratio, 1, atol=0.3)


@pytest.mark.parametrize("axis", [0, 1])
def test_gradient_of_the_noise_is_followed(axis):
    image, area = smooth_noise(SHAPE, 1.5, np.random.default_rng(5))
    slope = np.linspace(1, 2, SHAPE[axis])
    truth = np.broadcast_to(slope[:, None] if axis == 0 else slope, SHAPE)
    level = relative_noise(image * truth, np.ones(SHAPE, bool), area, SHAPE)
    assert_follows(level, truth)


def test_objects_hardly_raise_the_local_level():
    image, area = smooth_noise(SHAPE, 1.5, np.random.default_rng(6))
    image[100:106, 100:106] += 50
    level = relative_noise(image, np.ones(SHAPE, bool), area, SHAPE)
    assert level is None or level[103, 103] < 1.5


def test_thinned_map_gives_the_level_of_every_pixel():
    image, area = smooth_noise(SHAPE, 1.5, np.random.default_rng(5))
    truth = np.broadcast_to(np.linspace(1, 2, SHAPE[1]), SHAPE)
    thin = np.s_[::2, ::2]
    use = np.ones(SHAPE, bool)[thin]
    level = relative_noise((image * truth)[thin], use, area / 4, SHAPE)
    assert level.shape == SHAPE
    assert_follows(level, truth)


def test_few_samples_have_one_level():
    everywhere = np.ones((20, 20), bool)
    image = np.random.default_rng(8).normal(size=(20, 20))
    assert relative_noise(image, everywhere, 40.0, (20, 20)) is None


@pytest.fixture(scope="module")
def white_filter(camera, gaussian_template):
    """Filter for white noise of unit depth alone, the template and the grid."""
    grid = FourierGrid(SHAPE, SCALE)
    matrix = np.tile(np.diag([1.0, 1.0]) * grid.pixel_area, (2, 1, 1))
    covariance = BandCovariance(np.array([0.0, grid.ell[-1]]), matrix)
    matched = MatchedFilter(grid, camera.response(grid.ell), covariance)
    return matched, gaussian_template(SIGMA, grid.ell)


def everywhere(shape=SHAPE):
    return Footprint(np.ones(shape, bool), 10)


def test_level_of_noise_that_is_as_expected(white_filter):
    matched, template = white_filter
    maps = np.random.default_rng(9).normal(size=(2, *SHAPE))
    amplitude = matched.amplitude(matched.combine(matched.grid.transform(maps)), template)
    independent = matched.grid.area / matched.correlation_area(template)
    for factor in (1, 1.7):
        level, error = NoiseLevel(everywhere(), 10)(factor * amplitude, matched, template)
        assert level == pytest.approx(factor, rel=3 / np.sqrt(2 * independent))
        assert error.shape == SHAPE
        assert_allclose(error, matched.noise(template), rtol=0.15)


def white_noise_scatter(matched, template, depth):
    """Scatter of each pixel of a filtered map of white noise of some depths, from the kernels."""
    variance = np.zeros(SHAPE)
    for band in range(2):
        point = np.zeros((2, *SHAPE))
        point[band, 0, 0] = 1
        kernel = matched.amplitude(matched.combine(matched.grid.transform(point)), template)
        variance += np.fft.ifft2(np.fft.fft2(kernel**2) * np.fft.fft2(depth[band] ** 2)).real
    return np.sqrt(variance)


def test_uneven_depth_is_predicted_from_the_weights(white_filter):
    """Steps in depth, finer than any cell in which the noise could be measured."""
    matched, template = white_filter
    depth = np.ones((2, *SHAPE))
    depth[0, 100:130, 100:130] = 3.0
    depth[1, 150:180, 60:90] = 2.0
    maps = np.random.default_rng(10).normal(size=(2, *SHAPE)) * depth
    amplitude = matched.amplitude(matched.combine(matched.grid.transform(maps)), template)
    level, error = NoiseLevel(everywhere(), 10, 1 / depth**2)(amplitude, matched, template)
    ratio = error / white_noise_scatter(matched, template, depth)
    assert level == pytest.approx(1, rel=0.05)
    for y, x in ((115, 115), (165, 75), (50, 200)):
        assert ratio[y - 8 : y + 8, x - 8 : x + 8].mean() == pytest.approx(1, rel=0.05)


def test_noise_of_the_sky_does_not_follow_the_weights(camera, gaussian_template):
    """Only the white part of the noise varies with the depth."""
    grid = FourierGrid(SHAPE, SCALE)
    matched = MatchedFilter(grid, camera.response(grid.ell), camera.covariance(grid.ell))
    template = gaussian_template(SIGMA, grid.ell)
    typical = np.sqrt(0.2 * camera.white[0] / grid.pixel_area)
    depth = np.full((2, *SHAPE), typical)
    depth[:, :, :60] *= 2
    white = white_noise_scatter(matched, template, depth) ** 2
    even = white_noise_scatter(matched, template, np.full_like(depth, typical)) ** 2
    expected = np.sqrt(matched.noise(template) ** 2 - even + white)
    # An even map, divided by the noise expected of it, says nothing against it.
    _, error = NoiseLevel(everywhere(), 10, 1 / depth**2)(expected, matched, template)
    contrast = error[120, 30] / error[120, 200]
    assert contrast == pytest.approx(expected[120, 30] / expected[120, 200], rel=0.01)
    assert 1.1 < contrast < 1.5


def test_weights_that_promise_more_noise_than_there_is(white_filter):
    """The white noise makes up all of the noise at most: deep regions keep a finite error."""
    matched, template = white_filter
    ivar = np.full((2, *SHAPE), 0.5)
    ivar[:, :, :60] = 20.0
    amplitude = np.random.default_rng(16).normal(size=SHAPE) * matched.noise(template)
    _, error = NoiseLevel(everywhere(), 10, ivar)(amplitude, matched, template)
    assert np.all(error > 0) and np.all(np.isfinite(error))


def test_pixels_without_weight_are_no_error(white_filter):
    matched, template = white_filter
    ivar = np.ones((2, *SHAPE))
    ivar[:, :20] = 0
    amplitude = np.random.default_rng(12).normal(size=SHAPE) * matched.noise(template)
    _, error = NoiseLevel(everywhere(), 10, ivar)(amplitude, matched, template)
    assert np.all(np.isfinite(error[60:-60, 60:-60]))


def test_rings_along_the_edge(white_filter):
    """Each ring has its own level."""
    matched, template = white_filter
    amplitude = np.random.default_rng(13).normal(size=SHAPE) * matched.noise(template)
    footprint = everywhere()
    distance = footprint.edge_distance
    excess = np.select([distance < 1, distance < 4], [5.0, 1.5], default=1.0)
    level, error = NoiseLevel(footprint, 8)(amplitude * excess, matched, template)
    error /= matched.noise(template) * level
    assert np.median(error[distance < 1]) == pytest.approx(5, rel=0.15)
    assert np.median(error[(distance > 1) & (distance < 4)]) == pytest.approx(1.5, rel=0.1)
    assert np.median(error[distance > 20]) == pytest.approx(1, rel=0.05)
    assert level == pytest.approx(1, rel=0.03)


def test_quiet_edge_is_not_believed(white_filter):
    matched, template = white_filter
    footprint = everywhere()
    amplitude = np.random.default_rng(14).normal(size=SHAPE) * matched.noise(template)
    amplitude[footprint.edge_distance < 4] *= 0.3
    level, error = NoiseLevel(footprint, 8)(amplitude, matched, template)
    assert error[footprint.edge_distance < 4].min() >= 0.85 * matched.noise(template)


def test_footprint_all_of_which_is_near_an_edge(white_filter):
    matched, template = white_filter
    amplitude = np.random.default_rng(15).normal(size=SHAPE) * matched.noise(template)
    level, error = NoiseLevel(everywhere(), 500)(amplitude, matched, template)
    assert level == pytest.approx(1, rel=0.03)
    assert np.all(np.isfinite(error))
