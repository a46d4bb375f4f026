"""Gaussian foregrounds: the clustered infrared background, the CMB, and all in one."""

import numpy as np
import pytest
from astropy.cosmology import Planck18

from szfinder.maps import Instrument
from szfinder.physics import cmb_power
from szfinder.simulation import CMB, ClusteredCIB, GaussianForegrounds, Halos, SkySimulator

BANDS = 95.0, 150.0, 220.0
PAIRS = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
#: D_3000 in uK^2 of clustered dusty galaxies (George et al. 2015, figure 3).
GEORGE2015 = 0.20, 3.37, 50.5, 0.82, 3.16, 13.0
FEW = Halos(min_mass=1e15)


def d_ell(component, ell, instrument):
    ell = np.atleast_1d(np.asarray(ell, float))
    return (ell * (ell + 1) / (2 * np.pi))[:, None, None] * component.power(ell, instrument, None)


def measured(lab, component, instrument, edges, *, n_sky=1, side=10, pixel=2.0):
    """Mean power of painted skies in bins, without the beam: (n_bin, n_band, n_band)."""
    simulator = SkySimulator(instrument, [component], halos=FEW, rng=8)
    n_band, total = len(instrument), 0
    for _ in range(n_sky):
        maps = simulator.patch(*lab.grid(side, pixel)).maps.data
        total = total + np.array(
            [[lab.power(a, b, pixel, edges) for b in maps] for a in maps]
        ).reshape(n_band, n_band, -1)
    return np.moveaxis(total, -1, 0) / n_sky


def in_bins(function, edges):
    """Mean of a function of multipole over the modes of bins."""
    ells = (np.arange(low, high) for low, high in zip(edges, edges[1:]))
    return np.array([np.average(function(ell), axis=0, weights=ell) for ell in ells])


def test_clustered_power_measured_by_spt(lab):
    (power,) = d_ell(ClusteredCIB(), 3000, lab.instrument(*BANDS))
    np.testing.assert_allclose([power[pair] for pair in PAIRS], GEORGE2015, rtol=0.2)


def test_slope_and_amplitude_of_the_cib(lab):
    power = d_ell(ClusteredCIB(amplitude=2.0), [3000, 1500], lab.instrument())[:, 0, 0]
    np.testing.assert_allclose(power, [2.0, 2.0 / 2**0.8], rtol=1e-6)


def test_bands_of_the_cib_decorrelate(lab):
    """Planck 2013 results XXX: about 0.90 between 217 and 857 GHz."""
    (power,) = ClusteredCIB().power(np.array([1000.0]), Instrument.from_preset("planck-hfi"), None)
    correlation = power / np.sqrt(np.outer(np.diag(power), np.diag(power)))
    assert correlation[2, 5] == pytest.approx(0.9, abs=0.03)
    assert np.all(np.linalg.eigvalsh(correlation) > 0)
    assert np.all(np.diff(correlation[0]) < 0)


@pytest.mark.parametrize("component", [ClusteredCIB(), GaussianForegrounds()], ids=lambda c: c.name)
def test_painted_maps_have_the_cross_powers(lab, component):
    instrument, edges = lab.instrument(*BANDS, fwhm=1e-3), np.array([1000, 2000, 3500])
    found = measured(lab, component, instrument, edges, n_sky=2)
    expected = in_bins(lambda ell: component.power(ell, instrument, None), edges)
    np.testing.assert_allclose(found, expected, rtol=0.06)


def test_all_foregrounds_in_one(lab):
    """Rows of the table of George et al. (2015)."""
    power = d_ell(GaussianForegrounds(), [3240, 1020], lab.instrument(*BANDS))
    expected = [22.5, 15.5, 16.3, 20.73, 45.28, 137.2]
    np.testing.assert_allclose(power[0][np.triu_indices(3)], expected, rtol=1e-3)
    np.testing.assert_allclose(power[1][0], [10.12, 7.226, 4.125], rtol=1e-3)


def test_bands_that_the_foregrounds_do_not_know(lab):
    simulator = SkySimulator(lab.instrument(280.0), [GaussianForegrounds()], halos=FEW)
    with pytest.raises(ValueError, match="band 280 of laboratory is at 280 GHz.*95, 150 and 220"):
        simulator.patch(*lab.grid(0.5))


def test_cmb_of_painted_maps(lab):
    """Within 2 per cent and the scatter of the modes, and in total."""
    instrument = lab.instrument(fwhm=5.0)
    edges = np.arange(400, 2401, 200)
    n_sky, side = 12, 8
    found = measured(lab, CMB(), instrument, edges, n_sky=n_sky, side=side)[:, 0, 0]
    expected = in_bins(lambda ell: cmb_power(ell) * instrument["150"].beam.window(ell) ** 2, edges)
    # a Hann window leaves 0.26 of the modes, each complex mode counted twice
    n_mode = n_sky * 0.26 * np.deg2rad(side) ** 2 * np.diff(edges**2) / (4 * np.pi)
    error = np.sqrt(2 / n_mode)
    ratio = found / expected
    assert np.all(np.abs(ratio - 1) < 0.02 + 3 * error)
    assert np.average(ratio, weights=error**-2) == pytest.approx(1, abs=0.02)


def test_cmb_is_the_same_in_all_bands(lab):
    maps = SkySimulator(lab.instrument(*BANDS), [CMB()], halos=FEW).patch(*lab.grid()).maps.data
    np.testing.assert_array_equal(maps[0], maps[2])
    assert abs(maps[0]).max() > 20


def test_spectrum_of_camb_for_the_cosmology_of_the_bundled_table():
    """The table was made with As and finer settings, the spectrum with sigma8."""
    pytest.importorskip("camb")
    ell = np.unique(np.rint(np.geomspace(2, 12000, 500)))
    np.testing.assert_allclose(CMB(cosmology=Planck18).spectrum(ell), cmb_power(ell), rtol=0.015)
