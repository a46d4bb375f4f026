import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import Clusters, FourierGrid


@pytest.fixture
def pair():
    return Clusters(
        np.array([30.25, 41.5]),
        np.array([20.75, 38.0]),
        np.array([0, 1]),
        np.array([1e-4, 5e-5]),
        np.array([8.0, 5.0]),
    )


def test_painted_clusters_against_real_space(camera, gaussian_template, pair):
    shape, scale, widths = (64, 75), (0.5, 0.5), (1.0, 1.5)
    grid = FourierGrid(shape, scale, margin=5)
    templates = [gaussian_template(width, grid.ell) for width in widths]
    maps = pair.paint(grid, templates, camera.response(grid.ell)[0])
    expected = sum(
        amplitude * camera.cluster(shape, scale, x, y, width)
        for x, y, amplitude, width in zip(pair.x, pair.y, pair.amplitude, widths)
    )
    assert_allclose(maps, expected, atol=1e-3 * abs(expected).max())


def test_no_clusters_paint_nothing(camera, gaussian_template):
    grid = FourierGrid((20, 22), (0.5, 0.5))
    nothing = Clusters.none()
    assert len(nothing) == 0
    maps = nothing.paint(grid, [gaussian_template(1.0, grid.ell)], camera.response(grid.ell)[0])
    assert maps.shape == (2, 20, 22) and not maps.any()


def test_sum_and_selection(pair):
    three = pair + pair[[1]]
    assert len(three) == 3
    assert_array_equal(three.x, [30.25, 41.5, 41.5])
    assert_array_equal(three[three.snr < 6].template, [1, 1])
    assert len(pair + Clusters.none()) == 2
    assert (pair + Clusters.none()).template.dtype.kind == "i"


def test_pixels_hold_the_centres(pair):
    y, x = pair.pixels
    assert_array_equal(y, [21, 38])
    assert_array_equal(x, [30, 42])


def test_best_measurement_of_each(pair):
    fainter = Clusters(pair.x + 1, pair.y, pair.template + 5, pair.amplitude, np.array([9.0, 4.0]))
    best = Clusters.best_of([pair, fainter])
    assert_array_equal(best.snr, [9, 5])
    assert_array_equal(best.template, [5, 1])
    assert_array_equal(best.x, [31.25, 41.5])
