"""What a filtered map must not depend on: where a map begins, its orientation, its units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from szfinder.filters import BandCovariance, FourierGrid, MatchedFilter, subtract_plane

SCALE = (0.5, 0.5)
SIGMA = 1.0
MARGIN = 15.0
#: Distance from the edge in pixels, within which it is felt.
EDGE = 30
INNER = np.s_[EDGE:-EDGE, EDGE:-EDGE]


@pytest.fixture(scope="module")
def run(camera, gaussian_template):
    """Function that filters maps of any shape, with the covariance given; returns the noise too."""

    def run(maps):
        maps = subtract_plane(maps, np.ones(maps.shape[1:], dtype=bool))
        grid = FourierGrid(maps.shape[1:], SCALE, margin=MARGIN)
        matched = MatchedFilter(grid, camera.response(grid.ell), camera.covariance(grid.ell))
        template = gaussian_template(SIGMA, grid.ell)
        combined = matched.combine(grid.transform_extended(maps))
        return matched.amplitude(combined, template), matched.noise(template)

    return run


@pytest.fixture(scope="module")
def clusters(camera):
    """Maps of a few clusters without noise, far from the edges."""
    places = ((110.3, 110.6), (130.0, 140.5), (121.7, 119.2))
    return sum(camera.cluster((240, 250), SCALE, x, y, SIGMA) for x, y in places)


@pytest.fixture(scope="module")
def sky(camera, clusters):
    """Noise with the clusters in it."""
    return camera.noise((240, 250), SCALE, np.random.default_rng(1)) + 1e-4 * clusters


def assert_same_inside(image, other, noise):
    """To a tenth of the noise: the filter that suppresses the acoustic peaks reaches as far."""
    difference = (image - other) / noise
    assert np.sqrt(np.mean(difference**2)) < 0.1
    assert abs(difference).max() < 0.3


boxes = st.tuples(*[st.integers(*ends) for ends in ((0, 60), (0, 60), (140, 180), (140, 180))])


@given(boxes)
@settings(max_examples=10)
def test_part_of_a_larger_map(run, sky, box):
    top, left, ny, nx = box
    box = np.s_[top : top + ny, left : left + nx]
    (whole, noise), (part, same_noise) = run(sky), run(sky[:, *box])
    assert same_noise == pytest.approx(noise, rel=1e-3)
    assert_same_inside(part[INNER], whole[box][INNER], noise)


@given(boxes)
@settings(max_examples=10)
def test_clusters_in_a_part_of_a_larger_map(run, clusters, box):
    top, left, ny, nx = 20 + box[0] // 2, 20 + box[1] // 2, *box[2:]
    box = np.s_[top : top + ny, left : left + nx]
    (whole, _), (part, _) = run(clusters), run(clusters[:, *box])
    assert_allclose(part[INNER], whole[box][INNER], atol=5e-3)


@given(st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=10)
def test_shift_by_whole_pixels(run, sky, clusters, dy, dx):
    def shift(maps):
        return np.roll(maps, (dy, dx), axis=(-2, -1))

    inner = np.s_[40 + EDGE : -40 - EDGE, 40 + EDGE : -40 - EDGE]
    (before, noise), (after, _) = run(sky), run(shift(sky))
    assert_same_inside(after[inner], shift(before)[inner], noise)
    (before, _), (after, _) = run(clusters), run(shift(clusters))
    assert_allclose(after[inner], shift(before)[inner], atol=5e-3)


@given(st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=10)
def test_shift_of_a_periodic_map_is_exact(camera, gaussian_template, sky, dy, dx):
    grid = FourierGrid((240, 250), SCALE)
    matched = MatchedFilter(grid, camera.response(grid.ell), camera.covariance(grid.ell))
    template = gaussian_template(SIGMA, grid.ell)
    before, after = (
        matched.amplitude(matched.combine(grid.transform(maps)), template)
        for maps in (sky, np.roll(sky, (dy, dx), axis=(1, 2)))
    )
    expected = np.roll(before, (dy, dx), axis=(0, 1))
    assert_allclose(after, expected, atol=1e-6 * matched.noise(template))


@pytest.mark.parametrize("shape", [(120, 120), (121, 134), (128, 97)])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation(run, sky, shape, turns):
    maps = sky[:, 60 : 60 + shape[0], 70 : 70 + shape[1]]
    amplitude, noise = run(maps)
    turned, same_noise = run(np.rot90(maps, turns, axes=(1, 2)))
    assert same_noise == pytest.approx(noise, rel=1e-6)
    assert_allclose(turned, np.rot90(amplitude, turns), atol=1e-4 * noise)


@pytest.mark.parametrize("shape", [(120, 120), (121, 134), (128, 97)])
@pytest.mark.parametrize("axis", [0, 1])
def test_reflection(run, sky, shape, axis):
    maps = sky[:, 60 : 60 + shape[0], 70 : 70 + shape[1]]
    amplitude, noise = run(maps)
    flipped, _ = run(np.flip(maps, axis + 1))
    assert_allclose(flipped, np.flip(amplitude, axis), atol=1e-4 * noise)


@pytest.mark.parametrize("odd_y, odd_x", [(0, 1), (1, 0), (1, 1)])
def test_parity_of_the_grid(run, sky, clusters, odd_y, odd_x):
    """One row or column less changes nothing inside."""
    (amplitude, noise), (exact, _) = run(sky), run(clusters)
    box = np.s_[: 240 - odd_y, : 250 - odd_x]
    fewer, _ = run(sky[:, *box])
    assert_same_inside(fewer[INNER], amplitude[box][INNER], noise)
    fewer, _ = run(clusters[:, *box])
    assert_allclose(fewer[INNER], exact[box][INNER], atol=1e-3)


@given(st.floats(1e-6, 1e6))
@settings(max_examples=10)
def test_units_of_the_maps(camera, gaussian_template, sky, unit):
    """In another unit, of maps, response and covariance, the amplitude is the same."""
    maps = sky[:, :90, :96]
    grid = FourierGrid((90, 96), SCALE)
    template = gaussian_template(SIGMA, grid.ell)
    results = []
    for factor in (1, unit):
        covariance = BandCovariance(grid.ell, camera.power(grid.ell) * factor**2)
        matched = MatchedFilter(grid, camera.response(grid.ell) * factor, covariance)
        amplitude = matched.amplitude(matched.combine(grid.transform(maps * factor)), template)
        results.append(amplitude / matched.noise(template))
    assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-4)


def test_order_of_the_bands(camera, gaussian_template, sky):
    grid = FourierGrid((90, 96), SCALE)
    modes = grid.transform(sky[:, :90, :96])
    template = gaussian_template(SIGMA, grid.ell)
    results = []
    for order in ([0, 1], [1, 0]):
        power = camera.power(grid.ell)[:, order][:, :, order]
        response = camera.response(grid.ell)[:, order]
        matched = MatchedFilter(grid, response, BandCovariance(grid.ell, power))
        results.append(matched.amplitude(matched.combine(modes[order]), template))
    assert_allclose(results[1], results[0], atol=1e-5 * abs(results[0]).max())
