import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import (
    Footprint,
    FourierGrid,
    NoiseLevel,
    PointSourceFinder,
    PointSources,
)
from szfinder.filters.fourier import ARCMIN
from szfinder.physics import flux_per_kelvin

SHAPE, SCALE = (256, 240), (0.5, 0.5)
X = np.array([40.3, 120.0, 199.5, 60.7, 150.1, 210.4, 91.2])
Y = np.array([50.5, 60.2, 41.7, 180.0, 199.6, 150.3, 120.9])
MJY = np.array([20.0, 35.0, 50.0, 80.0, 120.0, 200.0, 12.0])


@pytest.fixture(scope="module")
def paint(camera, draw_gaussian):
    """Function that draws sources of the same flux in mJy in both bands, in real space."""

    def paint(x, y, mjy):
        maps = np.zeros((2, *SHAPE))
        for band, (frequency, sigma) in enumerate(zip(camera.frequencies, camera.sigma)):
            peak = 1 / (flux_per_kelvin(frequency) * 2 * np.pi * sigma**2)
            for i, j, s in zip(x, y, mjy):
                maps[band] += s * peak * draw_gaussian(SHAPE, SCALE, i, j, sigma)
        return maps

    return paint


@pytest.fixture(scope="module")
def noise(camera):
    return camera.noise(SHAPE, SCALE, np.random.default_rng(1))


@pytest.fixture(scope="module")
def find(camera):
    """Function that finds the sources of maps; fluxes in mJy."""
    grid = FourierGrid(SHAPE, SCALE)
    per_mjy = np.array([flux_per_kelvin(nu) for nu in camera.frequencies]) / ARCMIN**2

    def find(maps, cluster_maps=None, *, use=np.ones(SHAPE, bool), flux_limit=0.0):
        finder = PointSourceFinder(
            grid,
            camera.beams(grid.ell),
            use,
            NoiseLevel(Footprint(use, 50), 10),
            threshold=5.0,
            flux_limits=flux_limit / per_mjy,
        )
        clusters = None if cluster_maps is None else grid.transform(cluster_maps)
        found = finder.find(grid.transform(maps), camera.covariance(grid.ell), clusters)
        return [
            PointSources(band.x, band.y, band.flux * factor, band.snr)
            for band, factor in zip(found, per_mjy)
        ]

    return find


def match(sources, x, y):
    """Index of the source at each place, within a pixel and a half; there must be one."""
    apart = np.hypot(sources.x - np.atleast_2d(x).T, sources.y - np.atleast_2d(y).T)
    assert np.all(np.count_nonzero(apart < 1.5, axis=1) == 1)
    return np.argmin(apart, axis=1)


def test_fluxes_and_positions_within_their_errors(camera, find, paint, noise):
    for band, sources in enumerate(find(paint(X, Y, MJY) + noise)):
        assert len(sources) == len(X)
        found = sources[match(sources, X, Y)]
        error = np.hypot(MJY / found.snr, 0.02 * MJY)
        assert_allclose((found.flux - MJY) / error, 0, atol=3.5)
        # A peak of a width sigma moves by some sigma / snr; the parabola adds a little.
        error = 1.5 * camera.sigma[band] / SCALE[0] / found.snr + 0.03
        assert np.all(np.hypot(found.x - X, found.y - Y) < 4 * error)


def test_errors_are_the_scatter_of_the_fluxes(camera, find, paint):
    """The mean of the pulls is 0 and their scatter 1, over maps with the same sources."""
    faint = np.full(X.size, 6.0)
    pulls = []
    for seed in range(6):
        maps = paint(X, Y, faint) + camera.noise(SHAPE, SCALE, np.random.default_rng(seed))
        for sources in find(maps):
            found = sources[match(sources, X, Y)]
            pulls.append((found.flux - faint) / (found.flux / found.snr))
    assert np.mean(pulls) == pytest.approx(0, abs=3 / np.sqrt(6 * 2 * 7))
    assert np.std(pulls) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_flux_hardly_depends_on_the_place_within_a_pixel(camera, find, paint, noise, offset):
    """The parabola through three pixels loses up to 4 per cent of a beam of 2.4 pixels."""
    places = np.array([60.0, 180.0]) + offset, np.array([70.0, 170.0]) + offset
    for sources in find(paint(*places, [3e3, 3e3]) + noise):
        found = sources[match(sources, *places)]
        assert_allclose(found.flux, 3e3, rtol=0.04)
        assert_allclose(found.x, places[0], atol=0.05)
        assert_allclose(found.y, places[1], atol=0.05)


def test_noise_has_no_sources(find, noise):
    for sources in find(noise):
        assert len(sources) <= 1


def test_sidelobes_of_a_very_bright_source_are_no_sources(find, paint, noise):
    """Thousands of errors high, it is found once in each band; the rest follows without it."""
    places = np.append(X, 120.4), np.append(Y, 125.2)
    mjy = np.append(MJY, 1e4)
    maps = paint(*places, mjy) + noise
    first = find(maps)
    for sources in first:
        brightest = np.argmax(sources.flux)
        assert sources.flux[brightest] == pytest.approx(1e4, rel=0.02)
        # All others are real as well.
        assert len(match(sources, sources.x, sources.y)) == len(sources)
        apart = np.hypot(sources.x[:, None] - places[0], sources.y[:, None] - places[1])
        assert np.all(apart.min(axis=1) < 1.5)


@pytest.mark.parametrize("central_y", [2e-4, 3e-3])
def test_clusters_are_no_sources(camera, find, noise, central_y):
    """Neither their holes in these bands nor the bright ring that a filter puts around one."""
    maps = noise + central_y * camera.cluster(SHAPE, SCALE, 120.4, 125.2, 1.0)
    for sources in find(maps):
        near = np.hypot(sources.x - 120.4, sources.y - 125.2) < 30
        assert not near.any()


def test_what_a_cluster_that_was_taken_off_leaves_is_no_source(camera, find, noise):
    """Five per cent too much of it makes a bright spot, which is not a source at its place."""
    cluster = 3e-3 * camera.cluster(SHAPE, SCALE, 120.4, 125.2, 1.0)
    assert all(len(sources) for sources in find(noise - 0.05 * cluster))
    for sources in find(noise - 0.05 * cluster, cluster):
        assert not np.any(np.hypot(sources.x - 120.4, sources.y - 125.2) < 20)


def test_sources_below_the_flux_limit_are_left(find, paint, noise):
    for sources in find(paint(X, Y, MJY) + noise, flux_limit=65.0):
        assert len(sources) == np.count_nonzero(MJY > 65)
        assert sources.flux.min() > 60


def test_sources_are_looked_for_where_told(find, paint, noise):
    use = np.ones(SHAPE, bool)
    use[:, :100] = False
    for sources in find(paint(X, Y, MJY) + noise, use=use):
        assert len(sources) == np.count_nonzero(X > 100)
        assert np.all(sources.x > 99.4)


def test_faint_counterpart_in_another_band(find, paint, noise):
    """A source found in one band is measured in the others, once, below the threshold there."""
    maps = paint(X, Y, MJY)
    maps[0] += paint(X[:1], Y[:1], [1.8 - MJY[0]])[0]
    first, second = find(maps + noise)
    assert len(second) == len(X)
    (index,) = match(first, X[:1], Y[:1])
    assert 2 < first.snr[index] < 5
    assert first.flux[index] == pytest.approx(1.8, abs=3 * first.flux[index] / first.snr[index])
    assert len(first) == len(X)


def test_found_sources_taken_off_leave_the_noise(camera, find, paint, noise):
    maps = paint(X, Y, MJY)
    grid = FourierGrid(SHAPE, SCALE)
    beams = camera.beams(grid.ell)
    found = find(maps + noise)
    per_mjy = np.array([flux_per_kelvin(nu) for nu in camera.frequencies]) / ARCMIN**2
    for band, sources in enumerate(found):
        sources.flux /= per_mjy[band]
        left = maps[band] - sources.paint(grid, beams[band])
        assert np.sum(left**2) < 0.05 * np.sum(maps[band] ** 2)


def test_painted_sources_against_real_space(camera, paint):
    grid = FourierGrid(SHAPE, SCALE)
    for band, frequency in enumerate(camera.frequencies):
        flux = MJY / flux_per_kelvin(frequency) * ARCMIN**2
        image = PointSources(X, Y, flux, MJY).paint(grid, camera.beams(grid.ell)[band])
        expected = paint(X, Y, MJY)[band]
        # The narrower beam is not quite sampled: half a wave of its tail is lost.
        assert_allclose(image, expected, atol=3e-3 * expected.max())


@given(
    n=st.integers(0, 60),
    n_others=st.integers(0, 60),
    distance=st.floats(0.1, 8),
    seed=st.integers(0, 9999),
)
def test_sources_apart_from_others_against_all_pairs(n, n_others, distance, seed):
    rng = np.random.default_rng(seed)
    own, others = (PointSources(*rng.uniform(0, 30, (4, size))) for size in (n, n_others))
    pairs = np.hypot(own.x[:, None] - others.x, own.y[:, None] - others.y)
    assert_array_equal(own.apart_from(others, distance), np.all(pairs > distance, axis=1))


def test_no_sources():
    nothing = PointSources.none()
    grid = FourierGrid((20, 21), SCALE)
    assert len(nothing) == len(nothing + nothing) == 0
    assert_array_equal(nothing.paint(grid, np.ones(grid.ell.size)), np.zeros((20, 21)))
