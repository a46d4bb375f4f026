"""Discs and peaks on a map, against angular distances pixel by pixel."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.maps import wcs_for_patch
from szfinder.training.segments import disc_map, peak_map

CENTER = SkyCoord(40, -50, unit="deg")


@pytest.fixture(scope="module")
def grid():
    """Pixels of 1.7 arcmin, 44 x 52, in the Galactic frame while the clusters are in ICRS."""
    return wcs_for_patch(CENTER.galactic, [44, 52] * u.arcmin * 1.7, 1.7 * u.arcmin)


@pytest.fixture(scope="module")
def clusters(grid):
    """Within the map, just off it, and far away."""
    rng = np.random.default_rng(3)
    near = grid[0].pixel_to_world(rng.uniform(-2, 54, 60), rng.uniform(-2, 46, 60)).icrs
    far = SkyCoord([0, 220, 130], [80, 50, -10], unit="deg")
    return SkyCoord([*near, *far])


def distances(clusters, wcs, shape):
    """From each cluster to each pixel in arcmin, shape (n, ny, nx)."""
    y, x = np.indices(shape)
    return clusters[:, None, None].separation(SkyCoord(wcs.pixel_to_world(x, y)).icrs).arcmin


@pytest.mark.parametrize("diameter", [5, 12])
def test_discs(grid, clusters, diameter):
    wcs, shape = grid
    nearest = distances(clusters, wcs, shape).min(axis=0)
    expected = nearest <= diameter / 2
    discs = disc_map(clusters, wcs, shape, diameter=diameter * u.arcmin)
    assert discs.shape == shape and discs.dtype == np.float32
    assert set(np.unique(discs)) == {0, 1}
    sure = np.abs(nearest - diameter / 2) > 1e-3  # rounding may go either way on the rim
    assert np.array_equal(discs[sure], expected[sure])


def test_area_of_the_discs_of_the_paper(grid):
    rng = np.random.default_rng(1)
    wcs, shape = grid
    lone = [wcs.pixel_to_world(*place) for place in rng.uniform(10, 30, (100, 2))]
    areas = [disc_map(position, wcs, shape).sum() for position in lone]
    assert np.mean(areas) == pytest.approx(np.pi * (2.5 / 1.7) ** 2, rel=0.03)


def test_peaks(grid, clusters):
    wcs, shape = grid
    sigma = 3.0
    nearest = distances(clusters, wcs, shape).min(axis=0)
    peaks = peak_map(clusters, wcs, shape, sigma=sigma * u.arcmin)
    ones = peaks == 1
    np.testing.assert_allclose(
        peaks[~ones], np.exp(-0.5 * (nearest / sigma) ** 2)[~ones], atol=4e-4
    )
    # the pixels that hold a cluster, and no others
    x, y = np.rint(wcs.world_to_pixel(clusters))
    held = {(i, j) for i, j in zip(y, x) if 0 <= i < shape[0] and 0 <= j < shape[1]}
    assert len(held) > 30
    assert {(i, j) for i, j in np.argwhere(ones)} == held


def test_peaks_of_their_own_sizes(grid, clusters):
    wcs, shape = grid
    sigma = np.random.default_rng(5).uniform(1, 6, len(clusters))
    squares = (distances(clusters, wcs, shape) / sigma[:, None, None]) ** 2
    peaks = peak_map(clusters, wcs, shape, sigma=sigma * u.arcmin)
    lower = peaks < 1
    np.testing.assert_allclose(peaks[lower], np.exp(-0.5 * squares).max(axis=0)[lower], atol=4e-4)
    with pytest.raises(
        ValueError, match=r"sigma must be one angle, or one a position \(63\); .* 2"
    ):
        peak_map(clusters, wcs, shape, sigma=[1, 2] * u.arcmin)


@pytest.mark.parametrize("paint", [disc_map, peak_map])
def test_objects_off_the_map(grid, paint):
    """One whose centre is 1 pixel beyond the edge still counts; one 10 pixels beyond does not."""
    wcs, shape = grid
    size = {"diameter": 6 * u.arcmin} if paint is disc_map else {"sigma": 2 * u.arcmin}
    beside = paint(wcs.pixel_to_world([-1], [20]), wcs, shape, **size)
    assert beside[20, 0] > 0.5
    assert not (beside == 1).any() or paint is disc_map
    assert not paint(wcs.pixel_to_world([-10], [20]), wcs, shape, **size).any()
    nothing = SkyCoord([], [], unit="deg")
    assert not paint(nothing, wcs, shape, **size).any()


def test_pixels_that_are_narrow_on_the_sky():
    """A cylindrical projection at declination 60: twice as many pixels along right ascension."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.crval = [0, 0]
    wcs.wcs.cdelt = [-0.01, 0.01]
    wcs.wcs.crpix = [101, -5900]
    position = wcs.pixel_to_world(100.3, 90.6)
    discs = disc_map(position, wcs, (200, 200), diameter=0.6 * u.deg)
    wide, high = (np.ptp(indices) + 1 for indices in np.nonzero(discs)[::-1])
    assert (wide, high) == pytest.approx((120, 60), abs=2)
    expected = distances(position.reshape(1), wcs, (200, 200))[0] <= 18
    # of 5655 pixels; meridians converge over so wide a disc
    assert np.count_nonzero((discs > 0) != expected) < 20


def test_objects_all_over_the_sky(grid):
    """Also along the horizon of the projection, where its pixels are without measure."""
    wcs, shape = grid
    rng = np.random.default_rng(2)
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, 2000)))
    anywhere = SkyCoord(rng.uniform(0, 360, 2000), lat, unit="deg")
    horizon = CENTER.directional_offset_by(
        rng.uniform(0, 360, 2000) * u.deg, rng.uniform(89.8, 90.2, 2000) * u.deg
    )
    for positions in (anywhere, horizon):
        near = positions[positions.separation(CENTER) < 5 * u.deg]
        np.testing.assert_array_equal(disc_map(positions, wcs, shape), disc_map(near, wcs, shape))
        assert not peak_map(horizon, wcs, shape).any()


@pytest.mark.parametrize(
    "paint, wrong", [(disc_map, {"diameter": 0}), (peak_map, {"sigma": -1 * u.arcmin})]
)
def test_wrong_angles(grid, clusters, paint, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a positive angle"):
        paint(clusters, *grid, **wrong)
