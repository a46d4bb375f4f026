import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.filters import (
    Footprint,
    FourierGrid,
    MatchedFilter,
    NoiseLevel,
    PointSourceFinder,
    Separation,
    measure_covariance,
)
from szfinder.filters.fourier import ARCMIN

SHAPE, SCALE, MARGIN = (256, 240), (0.5, 0.5), 15.0
WIDTHS = np.array([0.5, 0.75, 1.0, 1.5, 2.0])

# Place, index of the width, signal-to-noise ratio; the last two are 5 arcmin apart.
CLUSTERS = np.array(
    [
        (50.3, 60.8, 2, 8.0),
        (180.0, 50.0, 0, 12.0),
        (60.5, 190.5, 3, 20.0),
        (190.7, 200.2, 4, 10.0),
        (115.2, 40.1, 2, 7.0),
        (110.0, 130.4, 2, 30.0),
        (118.0, 136.4, 2, 10.0),
    ]
)
# Place and flux in uK sr: some 60 and 25 mJy at 150 GHz.
SOURCES = np.array([(40.4, 120.7, 1.5e-4), (200.2, 130.3, 6.0e-5)])


class Mock:
    """Clusters and sources on maps of CMB and white noise, and what separates them."""

    def __init__(self, camera, template):
        self.camera = camera
        self.grid = FourierGrid(SHAPE, SCALE, margin=MARGIN)
        self.templates = [template(width, self.grid.ell) for width in WIDTHS]
        exact = camera.covariance(self.grid.ell)
        matched = MatchedFilter(self.grid, camera.response(self.grid.ell), exact)
        self.errors = np.array([matched.noise(template) for template in self.templates])

    def noise(self, seed):
        """Maps of noise, cut from a periodic map, without their mean."""
        large = 512, 512
        maps = self.camera.noise(large, SCALE, np.random.default_rng(seed))
        maps = maps[:, : SHAPE[0], : SHAPE[1]]
        return maps - maps.mean(axis=(1, 2), keepdims=True)

    def amplitudes(self, clusters):
        return clusters[:, 3] * self.errors[clusters[:, 2].astype(int)]

    def clusters(self, clusters):
        """Maps of the clusters in real space."""
        return sum(
            amplitude * self.camera.cluster(SHAPE, SCALE, x, y, WIDTHS[int(kind)])
            for (x, y, kind, _), amplitude in zip(clusters, self.amplitudes(clusters))
        )

    def separate(self, maps, *, sources=False, **settings):
        """The separation, with the covariance measured as finders do."""
        shape = maps.shape[1:]
        grid = FourierGrid(shape, SCALE, margin=MARGIN)
        footprint = Footprint(np.ones(shape, bool), 10)
        window = footprint.window(MARGIN / SCALE[0])
        area = np.sum(window**2)
        use = footprint.edge_distance > 4
        noise_level = NoiseLevel(footprint, 15)
        ell = grid.ell
        finder = PointSourceFinder(
            grid, self.camera.beams(ell), use, noise_level, threshold=5, flux_limits=np.zeros(2)
        )
        return Separation(
            maps.astype(np.float32),
            grid,
            self.camera.response(ell),
            [np.interp(ell, self.grid.ell, template) for template in self.templates],
            covariance=lambda maps: measure_covariance(grid.transform(maps * window), grid, area),
            noise_level=noise_level,
            use=use,
            source_finder=finder if sources else None,
            **settings,
        )


@pytest.fixture(scope="module")
def mock(camera, gaussian_template):
    return Mock(camera, gaussian_template)


@pytest.fixture(scope="module")
def draw_sources(camera, draw_gaussian):
    """Function that draws point sources in real space."""

    def draw(sources):
        maps = np.zeros((2, *SHAPE))
        for band, sigma in enumerate(camera.sigma):
            for x, y, flux in sources:
                peak = flux / (2 * np.pi * (sigma * ARCMIN) ** 2)
                maps[band] += peak * draw_gaussian(SHAPE, SCALE, x, y, sigma)
        return maps

    return draw


@pytest.fixture(scope="module")
def separated(mock, draw_sources):
    maps = mock.noise(3) + mock.clusters(CLUSTERS) + draw_sources(SOURCES)
    return mock.separate(maps, sources=True)


def match(found, x, y, within=2.0):
    """Index of the object at each place; there must be exactly one."""
    apart = np.hypot(found.x - np.atleast_2d(x).T, found.y - np.atleast_2d(y).T)
    assert_array_equal(np.count_nonzero(apart < within, axis=1), 1)
    return np.argmin(apart, axis=1)


def test_every_cluster_is_found_once(separated):
    match(separated.clusters, CLUSTERS[:, 0], CLUSTERS[:, 1])
    assert len(separated.clusters) <= len(CLUSTERS) + 1  # a chance peak above 4.5


def test_amplitudes_are_within_their_errors(mock, separated):
    index = match(separated.clusters, CLUSTERS[:, 0], CLUSTERS[:, 1])
    found = separated.clusters[index]
    truth = mock.amplitudes(CLUSTERS)
    kinds = CLUSTERS[:, 2].astype(int)
    # Each is measured with the template that fits best; the brightness of the true one is to be
    # within the errors, and what the wrong size adds to them.
    maps = list(separated.filtered())
    for x, y, kind, value in zip(found.x, found.y, kinds, truth):
        amplitude, error = (image[round(y), round(x)] for image in maps[kind][:2])
        assert amplitude == pytest.approx(value, abs=3 * error + 0.03 * value)
    assert np.all(abs(found.template - kinds) <= 2)
    assert_allclose(found.snr, CLUSTERS[:, 3], atol=3.5)


def test_positions_are_within_their_errors(separated):
    index = match(separated.clusters, CLUSTERS[:, 0], CLUSTERS[:, 1])
    found = separated.clusters[index]
    apart = np.hypot(found.x - CLUSTERS[:, 0], found.y - CLUSTERS[:, 1])
    # A peak of a width of about 3 pixels, divided by its signal-to-noise ratio.
    assert np.all(apart < 0.1 + 3 * 3 / found.snr)


def test_sources_are_found_and_are_no_clusters(separated):
    for band in separated.sources:
        for x, y, flux in SOURCES:
            near = np.hypot(band.x - x, band.y - y) < 2
            assert near.any()
            assert band.flux[near].sum() == pytest.approx(flux, rel=0.1)
    for x, y, _ in SOURCES:
        apart = np.hypot(separated.clusters.x - x, separated.clusters.y - y)
        assert apart.min() > 10


@pytest.mark.parametrize("flux", [2.5e-4, 5e-4, 2e-3])
def test_bright_sources_leave_no_clusters(mock, draw_sources, flux):
    """From some 100 to 800 mJy: what is not quite taken off of them is no cluster."""
    places = np.array([(60.3, 70.5), (170.1, 60.25), (110.6, 180.4), (190.5, 200.5)])
    bright = np.column_stack([places, np.full(4, flux)])
    separation = mock.separate(mock.noise(4) + draw_sources(bright), sources=True)
    found = separation.clusters
    apart = np.hypot(found.x[:, None] - places[:, 0], found.y[:, None] - places[:, 1])
    assert np.count_nonzero(apart < 20) == 0


def test_residual_is_noise(separated):
    assert separated.level == pytest.approx(1, abs=0.08)
    assert 2 <= separated.n_iterations <= 10


def test_filtered_maps_hold_the_clusters_alone(mock, separated):
    """At each cluster its own amplitude, and no more for its neighbour."""
    found = separated.clusters
    y, x = found.pixels
    best = np.max([a[y, x] / e[y, x] for a, e, _ in separated.filtered()], axis=0)
    assert_allclose(best, found.snr, atol=0.8, rtol=0.05)


def test_bright_neighbour_does_not_change_a_cluster(mock):
    """The fainter one of the pair, with and without the brighter one on the same noise."""
    noise = mock.noise(5)
    both = mock.separate(noise + mock.clusters(CLUSTERS[5:])).clusters
    alone = mock.separate(noise + mock.clusters(CLUSTERS[6:])).clusters
    (i,), (j,) = (match(found, *CLUSTERS[6:, :2].T) for found in (both, alone))
    assert both.snr[i] == pytest.approx(alone.snr[j], abs=1.5)
    assert np.hypot(both.x[i] - alone.x[j], both.y[i] - alone.y[j]) < 0.6


def test_iterative_covariance_does_not_weigh_down_the_clusters(mock):
    """Many bright clusters: left in the covariance they take each other's signal for noise."""
    y, x = np.mgrid[40:230:45, 40:230:45] + 0.3
    crowd = np.stack([x.ravel(), y.ravel(), np.full(x.size, 2), np.full(x.size, 25.0)], axis=1)
    maps = mock.noise(6) + mock.clusters(crowd)
    iterative = mock.separate(maps)
    left_in = mock.separate(maps, iterative=False)
    ideal = iterative.clusters[match(iterative.clusters, crowd[:, 0], crowd[:, 1])].snr
    snr = left_in.clusters[match(left_in.clusters, crowd[:, 0], crowd[:, 1])].snr
    assert np.median(ideal) == pytest.approx(25, rel=0.1)
    assert np.median(snr) < 0.9 * np.median(ideal)


def test_pure_noise_has_no_clusters(mock):
    """Above 5 nearly none, with the level as expected."""
    separations = [mock.separate(mock.noise(seed), sources=True) for seed in range(10, 18)]
    levels = [separation.level for separation in separations]
    assert np.mean(levels) == pytest.approx(1, abs=0.03)
    assert np.max(np.abs(np.array(levels) - 1)) < 0.08
    n_clusters = [np.count_nonzero(separation.clusters.snr > 5) for separation in separations]
    assert sum(n_clusters) <= 1


def test_noise_of_the_filtered_maps_is_predicted(mock):
    separation = mock.separate(mock.noise(20))
    for amplitude, error, _ in separation.filtered():
        inner = np.s_[30:-30, 30:-30]
        assert np.std((amplitude / error)[inner]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(lambda maps: np.rot90(maps, axes=(-2, -1)), id="rotated"),
        pytest.param(lambda maps: maps[..., ::-1, :], id="upside down"),
        pytest.param(lambda maps: maps[..., ::-1], id="mirrored"),
    ],
)
def test_orientation_of_the_maps_does_not_matter(mock, turn):
    maps = mock.noise(21) + mock.clusters(CLUSTERS)
    upright, turned = mock.separate(maps), mock.separate(turn(maps))
    assert len(upright.clusters) == len(turned.clusters)
    y, x = (turn(index) for index in np.indices(SHAPE))
    j, i = turned.clusters.pixels
    index = match(upright.clusters, x[j, i], y[j, i], within=1.5)
    assert_allclose(upright.clusters.snr[index], turned.clusters.snr, rtol=0.02, atol=0.1)
    assert upright.level == pytest.approx(turned.level, rel=0.02)


def test_templates_that_were_not_looked_for_can_be_measured(separated, gaussian_template):
    """A size between two others is filtered to an amplitude and an error between theirs."""
    (between,) = separated.filtered([gaussian_template(1.2, separated.grid.ell)])
    smaller, larger = list(separated.filtered())[2:4]
    x, y = 60, 190  # the cluster of a width of 1.5
    for quantity in (0, 1):
        ends = sorted([smaller[quantity][y, x], larger[quantity][y, x]])
        assert ends[0] < between[quantity][y, x] < ends[1]


def test_nothing_is_looked_for_outside_the_region(mock):
    maps = mock.noise(22) + mock.clusters(CLUSTERS)
    grid = mock.grid
    use = np.zeros(SHAPE, bool)
    use[:, :100] = True
    noise_level = NoiseLevel(Footprint(np.ones(SHAPE, bool), 10), 15)
    separation = Separation(
        maps.astype(np.float32),
        grid,
        mock.camera.response(grid.ell),
        mock.templates,
        covariance=lambda maps: mock.camera.covariance(grid.ell),
        noise_level=noise_level,
        use=use,
    )
    assert len(separation.clusters) >= 2
    assert separation.clusters.x.max() < 100.5
