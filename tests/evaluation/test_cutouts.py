"""Staggered cutouts: their layout, and which score and label each gets."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.evaluation import CutoutGrid
from szfinder.maps import MapError


@pytest.fixture(scope="module")
def grid(patch):
    return CutoutGrid(*patch)


def test_layout(grid, patch):
    # 50 and 62 arcmin hold (50 - 8) / 6 + 1 and (62 - 8) / 6 + 1 cutouts
    assert grid.shape == (8, 10)
    assert grid.n_cutouts == 80
    centers = grid.centers.reshape(grid.shape)
    steps = centers[1:].separation(centers[:-1]), centers[:, 1:].separation(centers[:, :-1])
    for step in steps:
        np.testing.assert_allclose(step.arcmin, 6, rtol=1e-4)
    assert (np.diff(centers.dec.deg, axis=0) > 0).all()
    assert (np.diff(centers.ra.deg, axis=1) < 0).all()


def test_slices_are_whole_and_hold_their_centres(grid, patch):
    wcs, (ny, nx) = patch
    x, y = wcs.world_to_pixel(grid.centers)
    assert len(grid.slices) == grid.n_cutouts
    for (rows, columns), x0, y0 in zip(grid.slices, x, y):
        assert rows.stop - rows.start == columns.stop - columns.start == 16
        assert 0 <= rows.start and rows.stop <= ny and 0 <= columns.start and columns.stop <= nx
        np.testing.assert_allclose([rows.start + 7.5, columns.start + 7.5], [y0, x0], atol=1e-6)


@pytest.mark.parametrize("pixel", [0.31, 0.7, 0.25])
def test_any_pixel_size(pixel, patch):
    from szfinder.maps import wcs_for_patch

    center = SkyCoord(30 * u.deg, -50 * u.deg)
    wcs, shape = wcs_for_patch(center, 33 * u.arcmin, pixel * u.arcmin)
    grid = CutoutGrid(wcs, shape)
    assert grid.shape == (5, 5)
    assert max(rows.stop for rows, _ in grid.slices) <= shape[0]
    np.testing.assert_array_equal(grid.index(grid.centers), np.arange(25))


def test_every_position_is_in_exactly_one_central_square(grid, patch, table_of):
    wcs, (ny, nx) = patch
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-2, nx + 2, 5000), rng.uniform(-2, ny + 2, 5000)
    x0, y0 = wcs.world_to_pixel(grid.centers)
    close = (np.abs(x[:, None] - x0) < 6) & (np.abs(y[:, None] - y0) < 6)
    assert close.sum(axis=1).max() == 1
    expected = np.where(close.any(axis=1), close.argmax(axis=1), -1)
    np.testing.assert_array_equal(grid.index(wcs.pixel_to_world(x, y)), expected)
    covered = (np.abs(x - 61.5) < 60) & (np.abs(y - 49.5) < 48)
    np.testing.assert_array_equal(covered, expected >= 0)


def test_every_selected_halo_labels_exactly_one_cutout(grid, table_of):
    rng = np.random.default_rng(2)
    for offset in rng.uniform(-23.9, 23.9, (30, 2)):
        halo = table_of([offset], mvir=[3e14], redshift=[0.5])
        assert grid.labels(halo).sum() == 1
        assert grid.labels(halo)[grid.index(halo["sky_centroid"])[0]]
        assert not grid.labels(halo, min_mass=4e14 * u.Msun).any()


def test_position_behind_the_plane_of_projection(grid):
    assert grid.index(SkyCoord([210] * u.deg, [50] * u.deg)).tolist() == [-1]


def test_detection_counts_in_the_cutout_of_its_halo(grid, table_of):
    # the border between two central squares runs through the middle of the map
    truth = table_of([(0.2, 3)], mvir=[3e14], redshift=[0.5])
    detections = table_of([(-0.3, 3)], score=[7])
    own, halos = grid.index(detections["sky_centroid"]), grid.index(truth["sky_centroid"])
    assert own != halos
    assert np.flatnonzero(grid.scores(detections, truth)).tolist() == halos.tolist()
    far = grid.scores(detections, truth, radius=0.4 * u.arcmin)
    assert np.flatnonzero(far).tolist() == own.tolist()


def test_largest_score_counts(grid, table_of):
    truth = table_of([], mvir=[], redshift=[])
    detections = table_of([(3, 3), (4, 3), (15, 15), (500, 0)], snr=[5, 8, -3, 99])
    scores = grid.scores(detections, truth, score="snr", fill=-9)
    index = grid.index(detections["sky_centroid"])
    assert index[0] == index[1] and index[3] == -1
    expected = np.full(80, -9.0)
    expected[index[0]], expected[index[2]] = 8, -3
    np.testing.assert_array_equal(scores, expected)


def test_nothing_detected(grid, table_of):
    empty = table_of([], score=[], mvir=[], redshift=[])
    np.testing.assert_array_equal(grid.scores(empty, empty), np.zeros(80))
    assert not grid.labels(empty).any()


@pytest.mark.parametrize("stride", [0, 9])
def test_stride_that_leaves_gaps(patch, stride):
    with pytest.raises(ValueError, match="stride must be positive and not exceed the size"):
        CutoutGrid(*patch, stride=stride * u.arcmin)


def test_map_smaller_than_a_cutout(patch):
    with pytest.raises(MapError, match="found 50 x 62 arcmin; expected 60 arcmin or more"):
        CutoutGrid(*patch, size=60 * u.arcmin)
