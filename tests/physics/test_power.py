import numpy as np
import pytest

from szfinder.physics import (cmb_power, foreground_covariance, ksz_power, point_source_power,
                              sz_background_power, tsz_response)

DEEPSZ_BANDS = np.array([90.0, 148.0, 219.0])
D_TO_C_AT_3000 = 2 * np.pi / (3000 * 3001)


def test_cmb_against_the_planck_2018_best_fit(reference_data):
    name = "reference/cmb_cl/planck2018_base_plikHM_TTTEEE_lowl_lowE_lensing_lensedCls.dat"
    ell, d_ell = np.loadtxt(reference_data / name, usecols=(0, 1), unpack=True)
    published = 2 * np.pi * d_ell / (ell * (ell + 1))
    for low, high, tolerance in ((2, 4000, 2e-3), (4000, 8000, 5e-3), (8000, 20001, 0.06)):
        part = (ell >= low) & (ell < high)
        np.testing.assert_allclose(cmb_power(ell[part]), published[part], rtol=tolerance)


def test_cmb_first_peak():
    ell = np.arange(100, 400)
    d_ell = ell * (ell + 1) * cmb_power(ell) / (2 * np.pi)
    assert ell[np.argmax(d_ell)] == pytest.approx(220, abs=3)
    assert d_ell.max() == pytest.approx(5730, rel=0.01)


def test_cmb_is_finite_outside_its_table():
    assert cmb_power(0) == cmb_power(2)
    assert cmb_power(40000) == cmb_power(20000)


def test_ksz_is_flat_in_d():
    ell = np.array([100.0, 3000.0, 10000.0])
    np.testing.assert_allclose(ell * (ell + 1) * ksz_power(ell) / (2 * np.pi), 2.0)


def test_point_sources_reach_the_sums_of_deepsz():
    power = point_source_power(3000.0, DEEPSZ_BANDS, DEEPSZ_BANDS)
    np.testing.assert_allclose(power / D_TO_C_AT_3000, [2.7, 8.8, 71.0], rtol=0.05)


def test_point_sources_are_flat_in_c():
    ell = np.array([2.0, 300.0, 20000.0])
    assert np.ptp(point_source_power(ell, 148.0, 219.0)) == 0


def test_point_sources_against_george_et_al_2015():
    """Their total Poisson power at 150 x 220 GHz is 25.3 + 0.59 uK^2."""
    power = point_source_power(3000.0, 154.0, 221.0) / D_TO_C_AT_3000
    assert power == pytest.approx(25.9, rel=0.2)


def test_sz_background_follows_the_tsz_spectrum():
    response = np.array([tsz_response(nu) for nu in (90.0, 148.0, 217.5)])
    d_3000 = sz_background_power(3000.0, response, response) / D_TO_C_AT_3000
    assert d_3000[0] == pytest.approx(3.6)
    assert d_3000[1] == pytest.approx(3.6 * (response[1] / response[0]) ** 2)
    assert d_3000[2] == pytest.approx(0, abs=1e-6)


def test_foreground_covariance_is_symmetric_and_positive_definite():
    covariance = foreground_covariance(np.arange(30001), DEEPSZ_BANDS)
    assert covariance.shape == (30001, 3, 3)
    np.testing.assert_array_equal(covariance, np.swapaxes(covariance, 1, 2))
    np.linalg.cholesky(covariance)


def test_foreground_covariance_is_the_sum_of_its_parts():
    ell, bands = np.array([500.0, 3000.0]), (90.0, 148.0)
    cross = foreground_covariance(ell, bands)[:, 0, 1]
    parts = (cmb_power(ell) + ksz_power(ell) + point_source_power(ell, *bands)
             + sz_background_power(ell, *map(tsz_response, bands)))
    np.testing.assert_allclose(cross, parts, rtol=1e-12)
