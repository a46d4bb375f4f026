"""The significance of an ideal filter, and the residuals of real detections."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from scipy.integrate import quad

from szfinder.evaluation import ideal_snr, match_detections, residuals
from szfinder.filters import (
    BandCovariance,
    FourierGrid,
    MatchedFilter,
    gnfw_templates,
    model_covariance,
)
from szfinder.maps import Band, Beam, Instrument, wcs_for_patch
from szfinder.physics import ARNAUD2010, gnfw_pressure, project
from szfinder.simulation import Halos, SkySimulator, ThermalSZ

ARCMIN = np.pi / 10800
SIZES = np.array([0.6, 1.3, 4.0, 11.0])


def camera(*fwhm, pixel_window=False):
    frequencies = (95.0, 150.0, 220.0)
    bands = [Band(f"{nu:g}", nu, Beam.from_fwhm(w)) for nu, w in zip(frequencies, fwhm)]
    return Instrument("camera", bands, pixel_window)


def clusters(sizes=SIZES, y_c=1e-4):
    return QTable({"theta500": sizes * u.arcmin, "y_c": np.full(len(sizes), y_c)})


def white(level, n_band):
    """Covariance of white noise in uK arcmin."""
    return lambda ell: np.broadcast_to(
        np.eye(n_band) * (level * ARCMIN) ** 2, (ell.size, n_band, n_band)
    )


def solid_angle_of_square(theta500):
    """Integral of the squared profile over the sky in arcmin^2, in real space."""

    def pressure(x):
        return gnfw_pressure(x, **ARNAUD2010)

    centre = project(pressure, 0.0, 5.0)
    square = quad(lambda x: 2 * np.pi * x * (project(pressure, x, 5.0) / centre) ** 2, 0, 5)[0]
    return theta500**2 * square


@pytest.mark.parametrize("n_band", [1, 3])
def test_white_noise_without_beam(n_band):
    # Parseval: what the modes hold is the integral of the squared profile over the sky
    instrument = camera(*[1e-3] * n_band)
    snr = ideal_snr(clusters(), instrument, white(20, n_band), pixel_size=0.05 * u.arcmin)
    response = np.sum([band.tsz_response**2 for band in instrument])
    expected = 1e-4 * np.sqrt(response * solid_angle_of_square(SIZES)) / 20
    np.testing.assert_allclose(snr, expected, rtol=2e-3)


def test_matched_filter_on_a_map():
    pixel = 0.5
    grid = FourierGrid((1800, 1800), (pixel, pixel))
    instrument = camera(1.7, 1.2, 1.0, pixel_window=True)
    beams = np.stack([band.beam.window(grid.ell) for band in instrument]) * grid.pixel_window()
    noise = (np.array([10, 10, 30]) * ARCMIN) ** 2
    covariance = model_covariance(grid, np.array(instrument.frequencies), beams, noise)
    response = np.array([[band.tsz_response] for band in instrument]) * beams
    matched = MatchedFilter(grid, response[None], covariance)
    expected = [1e-4 / matched.noise(t.transform(grid.ell)) for t in gnfw_templates(SIZES)]
    snr = ideal_snr(clusters(), instrument, covariance, pixel_size=pixel * u.arcmin)
    np.testing.assert_allclose(snr, expected, rtol=5e-3)

    def at(ell):
        rows = covariance.matrix.reshape(covariance.ell.size, 9).T
        return np.stack([np.interp(ell, covariance.ell, row) for row in rows], -1).reshape(-1, 3, 3)

    given = ideal_snr(clusters(), instrument, at, pixel_size=pixel * u.arcmin)
    np.testing.assert_allclose(given, snr, rtol=2e-3)


def test_null_band_measures_the_noise_of_the_others():
    # noise common to both bands is taken off with the help of one that sees no cluster
    correlated = np.array([[2.0, 1.0], [1.0, 1.0]]) * (20 * ARCMIN) ** 2
    null = Band("217.5", 217.50676, Beam.from_fwhm(1e-3))
    instrument = Instrument("two", [*camera(1e-3).bands, null])
    snr = ideal_snr(clusters(), instrument, lambda ell: np.tile(correlated, (ell.size, 1, 1)))
    alone = ideal_snr(clusters(), camera(1e-3), white(20, 1))
    np.testing.assert_allclose(snr, alone, rtol=1e-4)


def test_significance_is_proportional_to_y():
    instrument = camera(1.7)
    one, two = (ideal_snr(clusters(y_c=y), instrument, white(10, 1)) for y in (1e-4, 2e-4))
    np.testing.assert_allclose(two, 2 * one)


def test_sizes_are_interpolated_well():
    many = np.geomspace(0.2, 60, 333)
    snr = ideal_snr(clusters(many), camera(1.7), white(10, 1))
    single = [ideal_snr(clusters(many[[i]]), camera(1.7), white(10, 1))[0] for i in (1, 100, 250)]
    np.testing.assert_allclose(snr[[1, 100, 250]], single, rtol=1e-4)


def test_no_halos():
    assert ideal_snr(clusters(np.zeros(0)), camera(1.7), white(10, 1)).shape == (0,)


@pytest.mark.parametrize(
    "covariance, pixel_window, message",
    [
        (white(10, 2), False, r"found shape .* expected \(\d+, 1, 1\)"),
        (BandCovariance(np.array([2, 9]), np.ones((2, 3, 3))), False, r"expected \(2, 1, 1\)"),
        (white(10, 1), True, "averages over their pixels: give pixel_size"),
        (white(0, 1), False, "cannot be inverted"),
    ],
)
def test_what_does_not_fit(covariance, pixel_window, message):
    with pytest.raises(ValueError, match=message):
        ideal_snr(clusters(), camera(1.7, pixel_window=pixel_window), covariance)


def test_residuals(table_of):
    truth = table_of([(0, 0), (10, 0), (20, 0)], mvir=[3, 2, 1], y_c=[1e-4, 2e-4, 3e-4])
    offsets = [(10.1, 0.2), (0, -0.3), (-20, 0)]
    detections = table_of(offsets, score=[5, 6, 7], snr=[5, 6, 7], y_c=[3e-4, -1e-4, 1e-4])
    table = residuals(detections, truth, match_detections(detections, truth))
    assert table["detection"].tolist() == [0, 1] and table["halo"].tolist() == [1, 0]
    np.testing.assert_allclose(table["offset_east"].to_value(u.arcsec), [6, 0], atol=0.05)
    np.testing.assert_allclose(table["offset_north"].to_value(u.arcsec), [12, -18], atol=0.05)
    np.testing.assert_allclose(
        table["separation"].to_value(u.arcsec), np.hypot([6, 0], [12, -18]), atol=0.05
    )
    assert table["snr"].tolist() == [5, 6]
    np.testing.assert_allclose(table["y_c_ratio"], [1.5, -1])
    np.testing.assert_allclose(table["log_y_c_ratio"], [np.log(1.5), np.nan])


def test_residuals_of_a_catalogue_without_amplitudes(table_of):
    truth = table_of([(0, 0)], mvir=[3])
    detections = table_of([(0, 0)], score=[5])
    table = residuals(detections, truth, match_detections(detections, truth))
    assert "snr" not in table.colnames and "y_c_ratio" not in table.colnames
    assert len(residuals(detections[:0], truth, match_detections(detections[:0], truth))) == 0


def test_simulated_cluster_in_white_noise():
    """The ratio of a painted cluster to the noise, summed over its pixels."""
    center = SkyCoord(30, -50, unit="deg")
    catalogue = QTable({"sky_centroid": center.reshape(1), "redshift": [0.5],
                        "m500c": [4e14] * u.Msun})
    instrument = Instrument("one", [Band("150", 150.0, Beam.from_fwhm(1.4), noise=10.0)])
    simulator = SkySimulator(instrument, [ThermalSZ(scatter=0)], halos=Halos(catalogue=catalogue),
                             rng=1)
    sky = simulator.patch(*wcs_for_patch(center, 1.5 * u.deg, 0.5 * u.arcmin))
    expected = np.sqrt(np.sum((sky.maps.data[0] / (10.0 / 0.5)) ** 2))
    white = np.deg2rad(10 / 60) ** 2

    def covariance(ell):
        return np.full((len(ell), 1, 1), white)

    ideal = ideal_snr(sky.truth, instrument, covariance, mass_bias=0.2)
    assert ideal[0] == pytest.approx(expected, rel=0.01)
