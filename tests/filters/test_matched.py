import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from szfinder.filters import (
    BandCovariance,
    FourierGrid,
    MatchedFilter,
    ModeCovariance,
    measure_covariance,
    measure_mode_covariance,
    peak_offsets,
)
from szfinder.filters.fourier import ARCMIN

SIGMA = 1.0  # of the clusters, in arcmin
DUST = np.array([1.0, 3.0])
even_and_odd = pytest.mark.parametrize("shape", [(96, 120), (81, 125), (96, 125), (81, 120)])


def matched_filter(camera, shape, scale=(0.5, 0.5), dust=False, margin=0.0):
    grid = FourierGrid(shape, scale, margin=margin)
    response = camera.response(grid.ell)
    if dust:
        response = np.concatenate([response, (DUST[:, None] * camera.beams(grid.ell))[None]])
    return MatchedFilter(grid, response, camera.covariance(grid.ell))


def filtered(matched, maps, template, method="transform"):
    return matched.amplitude(matched.combine(getattr(matched.grid, method)(maps)), template)


def interpolated_peak(image, y, x):
    """Place and height of the maximum near (y, x) of the trigonometric polynomial of a map."""
    modes = np.fft.fft2(image) / image.size
    fine = np.arange(-0.2, 0.2, 0.004)
    ny, nx = image.shape
    wave_y = np.exp(2j * np.pi * np.outer(y + fine, np.fft.fftfreq(ny)))
    wave_x = np.exp(2j * np.pi * np.outer(np.fft.fftfreq(nx), x + fine))
    near = (wave_y @ modes @ wave_x).real
    j, i = np.unravel_index(np.argmax(near), near.shape)
    return y + fine[j], x + fine[i], near[j, i]


@even_and_odd
@given(x=st.floats(40, 80), y=st.floats(30, 50))
@settings(max_examples=10)
def test_cluster_without_noise_is_measured_exactly(camera, gaussian_template, shape, x, y):
    """Where it is and as bright as it is, whatever the parity and the place within a pixel."""
    matched = matched_filter(camera, shape)
    maps = 1e-4 * camera.cluster(shape, (0.5, 0.5), x, y, SIGMA)
    amplitude = filtered(matched, maps, gaussian_template(SIGMA, matched.grid.ell))
    y_peak, x_peak, height = interpolated_peak(amplitude, y, x)
    assert height == pytest.approx(1e-4, rel=1e-3)
    assert y_peak == pytest.approx(y, abs=0.02)
    assert x_peak == pytest.approx(x, abs=0.02)


@even_and_odd
def test_summits_of_the_filtered_map_are_at_the_cluster(camera, gaussian_template, shape):
    matched = matched_filter(camera, shape)
    template = gaussian_template(SIGMA, matched.grid.ell)
    for x, y in ((60.0, 40.0), (60.25, 39.75), (59.6, 40.4)):
        maps = 1e-4 * camera.cluster(shape, (0.5, 0.5), x, y, SIGMA)
        amplitude = filtered(matched, maps, template)
        peak = np.rint([y]).astype(int), np.rint([x]).astype(int)
        dy, dx, height = peak_offsets(amplitude, *peak)
        assert peak[0] + dy == pytest.approx(y, abs=0.03)
        assert peak[1] + dx == pytest.approx(x, abs=0.03)
        assert height == pytest.approx(1e-4, rel=5e-3)


def test_pixels_that_are_not_square(camera, gaussian_template):
    matched = matched_filter(camera, (120, 96), (0.4, 0.55))
    maps = camera.cluster((120, 96), (0.4, 0.55), 50.3, 61.8, SIGMA)
    amplitude = filtered(matched, maps, gaussian_template(SIGMA, matched.grid.ell))
    assert_allclose(interpolated_peak(amplitude, 61.8, 50.3), (61.8, 50.3, 1), atol=5e-3)


def generalised_least_squares(camera, shape, scale, maps, centre, dust):
    """Amplitude and error from the matrix of the covariance of all pixels of all bands."""
    ny, nx = shape
    frequency = [np.fft.fftfreq(n, d * ARCMIN) for n, d in zip(shape, scale)]
    ell = 2 * np.pi * np.hypot(frequency[0][:, None], frequency[1]).ravel()
    inverse = np.linalg.inv(camera.power(ell)) * (np.prod(scale) * ARCMIN**2)
    inverse[0] = 0  # the mean of the maps does not count
    y, x = (index.ravel() for index in np.indices(shape))
    waves = np.exp(2j * np.pi * (np.outer(y, y) / ny + np.outer(x, x) / nx)) / np.sqrt(ny * nx)
    weight = np.einsum("pk,kij,qk->ipjq", waves, inverse, waves.conj()).real
    weight = weight.reshape(2 * ny * nx, 2 * ny * nx)
    signal = camera.cluster(shape, scale, *centre, 3.0)
    shapes = signal / camera.spectrum[:, None, None]
    design = [signal, DUST[:, None, None] * shapes] if dust else [signal]
    design = np.stack([maps.ravel() for maps in design])
    covariance = np.linalg.inv(design @ weight @ design.T)
    return (covariance @ design @ weight @ maps.ravel())[0], np.sqrt(covariance[0, 0])


@pytest.mark.parametrize("dust", [False, True], ids=["plain", "dust nulled"])
@pytest.mark.parametrize("shape", [(16, 15), (15, 18)])
def test_filter_is_generalised_least_squares(camera, gaussian_template, shape, dust):
    scale = (2.0, 2.0)
    maps = camera.noise(shape, scale, np.random.default_rng(1))
    maps += 1e-4 * camera.cluster(shape, scale, 7, 8, 3.0)
    matched = matched_filter(camera, shape, scale, dust)
    template = gaussian_template(3.0, matched.grid.ell)
    amplitude, error = generalised_least_squares(camera, shape, scale, maps, (7, 8), dust)
    # The multipoles of the modes are rounded to integers, and the drawn cluster is not periodic.
    assert matched.noise(template) == pytest.approx(error, rel=0.01)
    assert filtered(matched, maps, template)[8, 7] == pytest.approx(amplitude, abs=0.03 * error)


@pytest.mark.parametrize("dust", [False, True], ids=["plain", "dust nulled"])
def test_noise_is_what_the_filtered_maps_scatter_by(camera, gaussian_template, dust):
    shape = (125, 128)
    matched = matched_filter(camera, shape, dust=dust)
    rng = np.random.default_rng(2)
    maps = [camera.noise(shape, (0.5, 0.5), rng) for _ in range(8)]
    for sigma in (0.4, 1.5):
        template = gaussian_template(sigma, matched.grid.ell)
        scatter = np.std([filtered(matched, m, template) for m in maps])
        independent = len(maps) * matched.grid.area / matched.correlation_area(template)
        assert scatter == pytest.approx(matched.noise(template), rel=4 / np.sqrt(2 * independent))


def test_amplitude_is_unbiased_in_noise(camera, gaussian_template):
    shape = (96, 100)
    matched = matched_filter(camera, shape)
    template = gaussian_template(SIGMA, matched.grid.ell)
    error = matched.noise(template)
    cluster = 5 * error * camera.cluster(shape, (0.5, 0.5), 52.3, 44.6, SIGMA)
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        maps = cluster + camera.noise(shape, (0.5, 0.5), rng)
        amplitude = filtered(matched, maps, template)
        found.append(interpolated_height(amplitude, 44.6, 52.3))
    assert np.mean(found) == pytest.approx(5 * error, abs=3 * error / np.sqrt(60))
    assert np.std(found) == pytest.approx(error, rel=0.3)


def interpolated_height(image, y, x):
    ny, nx = image.shape
    wave_y = np.exp(2j * np.pi * np.fft.fftfreq(ny) * y)
    wave_x = np.exp(2j * np.pi * np.fft.fftfreq(nx) * x)
    return (wave_y @ np.fft.fft2(image) @ wave_x).real / image.size


@given(st.floats(0.2, 5), st.floats(-0.5, 0.5), st.floats(500, 8000))
@settings(max_examples=30)
def test_no_other_template_has_a_higher_signal_to_noise(camera, gaussian_template, width, a, bump):
    """Signal-to-noise ratio of a cluster in the filter of its own template, and of any other."""
    matched = matched_filter(camera, (80, 80))
    ell = matched.grid.ell
    own = gaussian_template(SIGMA, ell)
    other = gaussian_template(width, ell) * (1 + a * np.exp(-0.5 * ((ell - bump) / 800) ** 2))
    response = matched.cross_response([own, other], [own], np.zeros(1))[:, 0, 0]
    noise = np.array([matched.noise(own), matched.noise(other)])
    assert response[0] == pytest.approx(1)
    assert response[1] / noise[1] <= response[0] / noise[0] * (1 + 1e-9)


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(-1, 1))
@settings(max_examples=10)
def test_no_other_weights_of_the_bands_do_better(camera, gaussian_template, cmb, second, both):
    """Filters for another covariance, judged by the scatter of the true noise in their maps."""
    shape = (80, 81)
    own = matched_filter(camera, shape)
    ell = own.grid.ell
    power = camera.power(ell) * np.array([[1, cmb], [cmb, cmb**2]])
    power[:, 1, 1] += (second + abs(both)) * camera.white[1]
    power[:, 0, 1] += both * camera.white[1]
    power[:, 1, 0] += both * camera.white[1]
    power[:, 0, 0] += abs(both) * camera.white[1]
    other = MatchedFilter(own.grid, camera.response(ell), BandCovariance(ell, power))
    template = gaussian_template(SIGMA, ell)
    maps = camera.noise(shape, (0.5, 0.5), np.random.default_rng(4))
    assert filtered(other, maps, template).std() > 0.98 * filtered(own, maps, template).std()


def radial_distances(shape, x, y, scale=0.5):
    return scale * np.hypot(np.arange(shape[0])[:, None] - y, np.arange(shape[1]) - x)


@pytest.mark.parametrize("dust", [False, True], ids=["plain", "dust nulled"])
def test_cross_response_is_what_the_filter_returns_around_a_cluster(
    camera, gaussian_template, dust
):
    shape, widths = (200, 216), (0.5, 1.2, 2.0)
    matched = matched_filter(camera, shape, dust=dust)
    templates = [gaussian_template(width, matched.grid.ell) for width in widths]
    radius = np.arange(0, 25, 0.1)
    response = matched.cross_response(templates[:2], templates, radius)
    assert response.shape == (2, 3, radius.size)
    r = radial_distances(shape, 100.4, 95.7)
    near = r < 24
    for kind, width in enumerate(widths):
        maps = camera.cluster(shape, (0.5, 0.5), 100.4, 95.7, width)
        for index in range(2):
            amplitude = filtered(matched, maps, templates[index])[near]
            expected = np.interp(r[near], radius, response[index, kind])
            assert_allclose(amplitude, expected, atol=0.01 * abs(response[index, kind]).max())


def test_nulled_spectrum_leaves_nothing(camera, gaussian_template):
    shape = (100, 96)
    scale = (0.5, 0.5)
    dusty = camera.cluster(shape, scale, 47.3, 51.8, SIGMA)
    dusty *= (DUST / camera.spectrum)[:, None, None]
    cluster = 1e-4 * camera.cluster(shape, scale, 47.3, 51.8, SIGMA)
    plain, nulled = (matched_filter(camera, shape, dust=dust) for dust in (False, True))
    template = gaussian_template(SIGMA, plain.grid.ell)

    def height(matched, maps):
        return interpolated_height(filtered(matched, maps, template), 51.8, 47.3)

    assert height(nulled, cluster) == pytest.approx(1e-4, rel=1e-3)
    assert height(nulled, cluster + dusty) == pytest.approx(1e-4, rel=1e-2)
    assert abs(height(nulled, dusty)) < 1e-4 * abs(height(plain, dusty))
    assert nulled.noise(template) > plain.noise(template)


def test_shares_of_white_noise_add_up(camera, gaussian_template):
    """With nothing but white noise they sum to one, each as its band weighs."""
    grid = FourierGrid((80, 80), (0.5, 0.5))
    white = np.array([3.0, 1.0]) * camera.white
    covariance = BandCovariance(grid.ell, np.tile(np.diag(white), (grid.ell.size, 1, 1)))
    response = camera.response(grid.ell)
    matched = MatchedFilter(grid, response, covariance)
    template = gaussian_template(SIGMA, grid.ell)
    shares = matched.white_noise_shares(template, white)
    seen = template * response[0]
    seen[:, 0] = 0  # the mean of the maps has no weight
    weights = np.array([grid.spectral_integral(band**2) for band in seen]) / white
    assert shares.sum() == pytest.approx(1)
    assert_allclose(shares, weights / weights.sum())


@pytest.mark.parametrize("dust", [False, True], ids=["plain", "dust nulled"])
@pytest.mark.parametrize("band", [0, 1])
def test_share_of_a_band_is_the_variance_of_its_white_noise(camera, gaussian_template, band, dust):
    shape = (125, 128)
    matched = matched_filter(camera, shape, dust=dust)
    template = gaussian_template(SIGMA, matched.grid.ell)
    shares = matched.white_noise_shares(template, camera.white)
    assert shares.sum() < 1
    deviation = np.sqrt(camera.white[band] / matched.grid.pixel_area)
    rng = np.random.default_rng(6)
    maps = np.zeros((6, 2, *shape))
    maps[:, band] = rng.normal(0, deviation, (6, *shape))
    variance = np.var([filtered(matched, m, template) for m in maps])
    assert variance / matched.noise(template) ** 2 == pytest.approx(shares[band], rel=0.05)


def test_shares_of_the_per_mode_filter(camera, gaussian_template):
    """Of isotropic noise they are those of the isotropic filter."""
    grid = FourierGrid((60, 64), (0.5, 0.5))
    template = gaussian_template(SIGMA, grid.ell)
    response = camera.response(grid.ell)
    isotropic = camera.covariance(grid.ell)
    per_mode = ModeCovariance(camera.power(grid.ell)[grid.ell_index])
    shares = [
        MatchedFilter(grid, response, covariance).white_noise_shares(template, camera.white)
        for covariance in (isotropic, per_mode)
    ]
    assert_allclose(shares[1], shares[0], rtol=1e-4)


def test_correlation_area_against_the_autocorrelation(camera, gaussian_template):
    """Sum over the sky of the squared autocorrelation of filtered maps."""
    shape = (125, 128)
    matched = matched_filter(camera, shape)
    rng = np.random.default_rng(7)
    maps = [camera.noise(shape, (0.5, 0.5), rng) for _ in range(40)]
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    near = np.hypot(y[:, None], x) < 24
    for sigma in (0.5, 1.5):
        template = gaussian_template(sigma, matched.grid.ell)
        power = np.mean(
            [np.abs(np.fft.fft2(filtered(matched, m, template))) ** 2 for m in maps], axis=0
        )
        correlation = np.fft.ifft2(power).real
        correlation /= correlation[0, 0]
        area = np.sum(correlation[near] ** 2) * matched.grid.pixel_area
        assert matched.correlation_area(template) == pytest.approx(area, rel=0.1)


def test_per_mode_filter_beats_the_isotropic_one_on_stripes(camera, gaussian_template):
    """Noise that is measured in one map, and weighed with in others, of which it is striped."""
    shape, scale = (192, 180), (0.5, 0.5)
    grid = FourierGrid(shape, scale)
    frequency = 2 * np.pi * np.fft.fftfreq(shape[0], scale[0] * ARCMIN)[:, None]
    stripes = np.sqrt(1 + 200 * np.exp(-0.5 * (frequency / 600) ** 2))
    rng = np.random.default_rng(8)

    def draw():
        maps = camera.noise(shape, scale, rng)
        return np.fft.ifft2(np.fft.fft2(maps) * stripes).real

    template = gaussian_template(SIGMA, grid.ell)
    modes, others = grid.transform(draw()), [draw() for _ in range(4)]
    cluster = 1e-4 * camera.cluster(shape, scale, 90.3, 95.8, SIGMA)
    scatter = []
    for measure in (measure_mode_covariance, measure_covariance):
        covariance = measure(modes, grid, np.prod(shape))
        matched = MatchedFilter(grid, camera.response(grid.ell), covariance)
        scatter.append(np.std([filtered(matched, maps, template) for maps in others]))
        # Spectra that are smoothed over a ridge spread it, and promise some more noise.
        assert 0.9 < matched.noise(template) / scatter[-1] < 1.4
        height = interpolated_height(filtered(matched, cluster, template), 95.8, 90.3)
        assert height == pytest.approx(1e-4, rel=5e-3)
    assert scatter[0] < 0.7 * scatter[1]
