import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from szfinder.filters import (
    BandCovariance,
    FourierGrid,
    MatchedFilter,
    ModeCovariance,
    measure_covariance,
    measure_mode_covariance,
    model_covariance,
)
from szfinder.filters.covariance import MODES_PER_BAND, bin_edges, cross_power
from szfinder.filters.fourier import ARCMIN
from szfinder.physics import tsz_response

SCALE = (0.5, 0.5)
DEEPSZ_BANDS = np.array([90.0, 148.0, 219.0])


def three_bands(ell):
    """Red noise common to three bands, and white noise of each."""
    red = np.array([1.0, 0.8, 0.5])
    common = 1e-4 * (np.maximum(ell, 100) / 3000.0) ** -2
    return common[:, None, None] * np.outer(red, red) + np.diag([2e-5, 1e-5, 4e-5])


def modes_in_bins(grid, edges):
    """Independent modes in each bin, counted one by one."""
    return np.histogram(grid.ell[1:], edges, weights=grid.n_modes[1:])[0] / 2


def test_covariance_of_gaussian_maps_is_recovered(draw_maps):
    """Each element scatters by sqrt((C_ij^2 + C_ii C_jj) / n) for n real modes (Knox 1995)."""
    grid = FourierGrid((180, 192), SCALE)
    edges = bin_edges(grid, 3)
    n_modes = modes_in_bins(grid, edges)
    rng = np.random.default_rng(1)
    n_maps = 4
    measured = []
    for _ in range(n_maps):
        maps = draw_maps(three_bands, grid.shape, SCALE, rng)
        measured.append(measure_covariance(grid.transform(maps), grid, maps[0].size))
    of_modes = three_bands(grid.ell) * grid.n_modes[:, None, None]
    of_modes[0] = 0
    expected = np.add.reduceat(of_modes, np.ceil(edges[:-1]).astype(int))
    expected /= 2 * n_modes[:, None, None]
    diagonal = np.einsum("lii->li", expected)
    error = np.sqrt(expected**2 + diagonal[:, :, None] * diagonal[:, None, :])
    error /= np.sqrt(n_maps * 2 * n_modes)[:, None, None]
    pull = (np.mean([c.matrix for c in measured], axis=0) - expected) / error
    assert abs(pull).max() < 4.5
    assert np.mean(pull**2) == pytest.approx(1, abs=0.25)


def test_window_is_corrected_for(draw_maps):
    """White noise through a window keeps its level."""
    grid = FourierGrid((128, 120), SCALE, margin=10)
    rng = np.random.default_rng(2)
    window = np.outer(np.hanning(128), np.hanning(120))
    depth = 7.0 * ARCMIN
    maps = window * rng.normal(0, depth / np.sqrt(grid.pixel_area), (2, 128, 120))
    covariance = measure_covariance(grid.transform(maps), grid, np.sum(window**2))
    weight = modes_in_bins(grid, bin_edges(grid, 2))
    level = np.average(covariance.matrix, axis=0, weights=weight)
    assert_allclose(level / depth**2, np.eye(2), atol=0.05)


def test_mean_of_the_maps_does_not_count():
    grid = FourierGrid((64, 64), SCALE)
    maps = np.random.default_rng(3).normal(size=(2, 64, 64))
    of_maps, of_offset = (
        measure_covariance(grid.transform(m), grid, 64**2) for m in (maps, maps + 1e4)
    )
    assert_allclose(of_offset.matrix, of_maps.matrix, rtol=1e-6)


@given(
    st.tuples(st.integers(24, 200), st.integers(24, 200)),
    st.floats(0.2, 2.0),
    st.integers(1, 6),
)
def test_bins_hold_enough_modes(shape, scale, n_band):
    grid = FourierGrid(shape, (scale, scale))
    edges = bin_edges(grid, n_band)
    assert np.all(np.diff(edges) > 0)
    assert edges[0] > 0 and edges[-1] > grid.ell[-1]
    n_modes = modes_in_bins(grid, edges)
    # Very small maps end up with a single bin of all there is.
    assert n_modes.min() >= min(MODES_PER_BAND * n_band, grid.n_modes[1:].sum() / 2)


def test_bins_are_no_wider_than_need_be():
    grid = FourierGrid((512, 512), SCALE)
    edges = bin_edges(grid, 1)
    n_modes = modes_in_bins(grid, edges)
    growth = edges[1:] / edges[:-1]
    assert np.all((n_modes[:-1] < 2 * MODES_PER_BAND) | (growth[:-1] < 1.2))


def test_weights_against_the_inverse(camera):
    """N^-1 F and F^T N^-1 F with the inverse of each matrix, for a covariance at all multipoles."""
    grid = FourierGrid((40, 40), (2.0, 2.0))
    covariance = camera.covariance(grid.ell)
    response = np.concatenate([camera.response(grid.ell), np.ones((1, 2, grid.ell.size))])
    weights, information = covariance.weigh(response, grid)
    inverse = np.linalg.inv(camera.power(grid.ell))
    expected = np.einsum("lij,clj->cil", inverse, response.transpose(0, 2, 1))
    assert_allclose(weights[..., 1:], expected[..., 1:], rtol=1e-8)
    assert not weights[..., 0].any()
    expected = np.einsum("cil,lij,djl->cdl", response, inverse, response)
    assert_allclose(information[..., 1:], expected[..., 1:], rtol=1e-8)


def test_weights_between_the_multipoles_of_a_covariance(camera):
    """Binned as maps of this size are, the weights stay within a few per cent of the exact ones."""
    grid = FourierGrid((200, 200), SCALE)
    edges = bin_edges(grid, 2)
    exact = camera.covariance(grid.ell)
    binned = camera.covariance(np.sqrt(np.maximum(edges[:-1], 2) * edges[1:]))
    response = camera.response(grid.ell)
    noise = [
        MatchedFilter(grid, response, covariance).noise(np.full(grid.ell.size, ARCMIN**2))
        for covariance in (exact, binned)
    ]
    assert noise[1] == pytest.approx(noise[0], rel=0.02)


def test_mode_covariance_of_isotropic_noise_weighs_alike(camera):
    grid = FourierGrid((45, 48), (2.0, 2.0))
    power = camera.power(grid.ell)
    response = np.concatenate([camera.response(grid.ell), np.ones((1, 2, grid.ell.size))])
    weights, information = camera.covariance(grid.ell).weigh(response, grid)
    at_modes, mean = ModeCovariance(power[grid.ell_index]).weigh(response, grid)
    assert_allclose(at_modes, weights[:, :, grid.ell_index], rtol=1e-5)
    present = grid.n_modes > 0
    assert_allclose(mean[..., present], information[..., present], rtol=1e-5)


def test_mode_covariance_of_striped_noise():
    """Noise that rises along one axis of the Fourier plane only, of two correlated bands."""
    grid = FourierGrid((192, 180), SCALE)
    frequency = [np.fft.fftfreq(n, d * ARCMIN) * 2 * np.pi for n, d in zip(grid.shape, SCALE)]
    stripes = 1 + 30 * np.exp(-0.5 * (frequency[0][:, None] / 6000) ** 2) * np.ones(180)
    rng = np.random.default_rng(5)
    white = rng.standard_normal((2, *grid.shape))
    white[1] = 0.6 * white[0] + 0.8 * white[1]
    maps = np.fft.ifft2(np.fft.fft2(white) * np.sqrt(stripes / grid.pixel_area)).real
    matrix = measure_mode_covariance(grid.transform(maps), grid, maps[0].size).matrix
    assert matrix.shape == (192, 91, 2, 2)
    away = np.s_[:, 5:-5]
    ratio = matrix[away] / stripes[:, :91][away][..., None, None]
    assert_allclose(ratio.mean(axis=(0, 1)), [[1, 0.6], [0.6, 1]], atol=0.03)
    # A Gaussian as wide as a bin averages twice its modes.
    assert ratio[..., 0, 0].std() == pytest.approx((4 * MODES_PER_BAND) ** -0.5, rel=0.3)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_covariance_of_one_band(camera):
    ell = np.arange(2, 900)
    isotropic = camera.covariance(ell).of_band(1)
    assert_allclose(isotropic.matrix[:, 0, 0], camera.power(ell)[:, 1, 1])
    modes = ModeCovariance(camera.power(ell).reshape(-1, 2, 2, 2)).of_band(1)
    assert_allclose(modes.matrix[..., 0, 0].ravel(), camera.power(ell)[:, 1, 1])


def test_model_at_l_3000_adds_up_to_the_published_terms():
    """D_3000 of Lin et al. (2021), section 2.1: sources, SZ background and white noise."""
    grid = FourierGrid((512, 512), SCALE)
    white = (np.array([2.8, 2.6, 6.6]) * ARCMIN) ** 2
    beams = np.ones((3, grid.ell.size))
    covariance = model_covariance(grid, DEEPSZ_BANDS, beams, white)
    ell = covariance.ell
    to_d = ell * (ell + 1) / (2 * np.pi)
    total = np.array([np.interp(3000, ell, to_d * covariance.matrix[:, i, i]) for i in range(3)])
    sources = np.array([2.7, 8.8, 71.0])
    response = np.array([tsz_response(nu) for nu in DEEPSZ_BANDS])
    background = 3.6 * (response / response[0]) ** 2
    noise = white * 3000 * 3001 / (2 * np.pi)
    rest = total - sources - background - noise
    # What is left, CMB and kSZ, is the same in all bands: some 25 to 30 uK^2 at this multipole.
    assert_allclose(rest, rest.mean(), atol=3)
    assert 24 < rest.mean() < 33


def test_model_at_small_scales_is_white_noise():
    grid = FourierGrid((256, 256), SCALE)
    white = (np.array([2.8, 2.6, 6.6]) * ARCMIN) ** 2
    beams = np.exp(-0.5 * (grid.ell / 3000) ** 2) * np.ones((3, 1))
    covariance = model_covariance(grid, DEEPSZ_BANDS, beams, white)
    assert_allclose(covariance.matrix[-1], np.diag(white), rtol=1e-6, atol=1e-6 * white.min())


def test_model_sees_the_sky_through_the_beams():
    grid = FourierGrid((128, 128), SCALE)
    beams = np.stack([np.full(grid.ell.size, gain) for gain in (1.0, 0.5, 0.25)])
    plain = model_covariance(grid, DEEPSZ_BANDS, np.ones_like(beams), np.zeros(3))
    seen = model_covariance(grid, DEEPSZ_BANDS, beams, np.zeros(3))
    ratio = np.outer([1.0, 0.5, 0.25], [1.0, 0.5, 0.25])
    assert_allclose(seen.matrix, plain.matrix * ratio, rtol=1e-9)


def test_cross_power():
    a, b = np.array([1 + 2j, 3 - 1j]), np.array([2 - 1j, 1j])
    assert_allclose(cross_power(a, b), (a * b.conj()).real)


def test_singular_covariance_is_an_error():
    """Two bands that are copies of each other have no inverse."""
    grid = FourierGrid((32, 32), SCALE)
    covariance = BandCovariance(np.array([10.0, 100, 1000]), np.ones((3, 2, 2)))
    with pytest.raises(ValueError, match="cannot be inverted"):
        covariance.weigh(np.ones((1, 2, grid.ell.size)), grid)
