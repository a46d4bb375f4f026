"""visible_halos: what a matched filter sees, and the halo alone is to blame for."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from szfinder.evaluation import ideal_snr
from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.simulation import Halos, Noise, Sky, SkySimulator, ThermalSZ
from szfinder.training.visible import measured_halos, visible_halos


def truth_of(sky, *, x=None, y=None, y_c=None, theta500=None):
    positions = sky.positions if x is None else SkyCoord(sky.wcs.pixel_to_world(x, y))
    y_c = (sky.y_c if y_c is None else np.array(y_c)) * u.dimensionless_unscaled
    size = (sky.theta500 if theta500 is None else np.full(len(positions), theta500)) * u.arcmin
    return QTable({"sky_centroid": positions, "y_c": y_c, "theta500": size})


@pytest.fixture(scope="module")
def crowd(mock_sky):
    """In noise of 3 uK arcmin: bright, faint beside bright, faint alone, two alike, bright."""
    sky = mock_sky(5, shape=(160, 150), noise=(3.0, 3.0, 9.0))
    return sky.add_clusters(
        [40.2, 44.0, 110.3, 35.0, 43.5, 110.0],
        [40.1, 42.0, 38.4, 115.2, 115.0, 118.6],
        [7e14, 3e13, 2e13, 6e14, 6e14, 5e14],
        [0.6, 0.6, 0.6, 0.7, 0.7, 0.5],
    )


def test_bright_halos_and_no_others(crowd):
    """A faint one is not, even on the slope of a bright one, where the ratio is high."""
    sky = Sky(crowd.maps, truth_of(crowd), crowd.instrument)
    visible = visible_halos(sky, 5.0)
    assert visible.dtype == bool
    assert visible.tolist() == [True, False, False, True, True, True]


@pytest.mark.parametrize("noise", [1.0, 40.0])
def test_own_signals_are_measured(noise):
    """On a simulated sky: the true y_c, and with much noise the error of the ideal filter."""
    band = Band("150", 150, Beam.from_fwhm(1.2), noise=noise)
    halos = QTable({"sky_centroid": SkyCoord([0.2, 359.8, 0], [0.2, -0.2, 0], unit="deg"),
                    "redshift": [0.2, 0.4, 0.9], "m500c": [6e14, 6e14, 6e14] * u.Msun})  # fmt: skip
    simulator = SkySimulator(Instrument("mock", [band]), [ThermalSZ(scatter=0), Noise()],
                             halos=Halos(catalogue=halos), rng=3)  # fmt: skip
    grid = wcs_for_patch(SkyCoord(0, 0, unit="deg"), 1.2 * u.deg, 0.5 * u.arcmin)
    sky = simulator.patch(*grid)
    measured = measured_halos(sky)
    error = measured["y_c_err"]
    np.testing.assert_allclose(measured["y_c"], sky.truth["y_c"], rtol=0.06, atol=3 * error.max())
    if noise < 10:
        return
    white = np.deg2rad(noise / 60) ** 2
    ideal = ideal_snr(sky.truth, sky.instrument, lambda ell: np.full((ell.size, 1, 1), white),
                      pixel_size=0.5 * u.arcmin, mass_bias=0.2)  # fmt: skip
    np.testing.assert_allclose(sky.truth["y_c"] / error, ideal, rtol=0.1)


def test_halves_of_what_is_measured(crowd):
    """The same place with other truths: a third of what is there is not enough, all of it is."""
    parts = np.array([0.0, 0.3, 0.75, 1.0, 3.0])
    truth = truth_of(crowd, x=np.full(5, crowd.x[0]), y=np.full(5, crowd.y[0]),
                     y_c=parts * crowd.y_c[0],
                     theta500=crowd.theta500[0])  # fmt: skip
    visible = visible_halos(Sky(crowd.maps, truth, crowd.instrument), 5.0)
    assert visible.tolist() == [False, False, True, True, True]


def test_halos_behind_a_wide_one(mock_sky):
    """A faint, small one in the light of a wide one is not, though the ratio is high there."""
    sky = mock_sky(6, shape=(160, 150), noise=(3.0, 3.0, 9.0))
    sky.add_clusters([75.0, 82.0], [80.0, 84.0], [6e14, 4e13], [0.05, 1.1])
    visible = visible_halos(Sky(sky.maps, truth_of(sky), sky.instrument), 5.0)
    assert visible.tolist() == [True, False]


def test_least_ratio(crowd):
    """The fewer the higher it is, and none beyond all."""
    sky = Sky(crowd.maps, truth_of(crowd), crowd.instrument)
    low, high, none = (visible_halos(sky, snr) for snr in (4.0, 15.0, 1e4))
    assert (low >= high).all() and 0 < high.sum() <= low.sum() and not none.any()


def test_halos_that_cannot_be_measured(crowd):
    """Beyond the edge, on the other side of the sky, and in a bad pixel."""
    images = crowd.images.copy()
    images[:, 110:128, 102:119] = np.nan
    maps = MapStack(images, wcs=crowd.wcs, instrument=crowd.instrument)
    truth = truth_of(crowd, x=[110.0, -30.0, 40.2], y=[118.6, 500.0, 40.1], y_c=[1.0, 1.0, 1.0],
                     theta500=2.0)  # fmt: skip
    away = SkyCoord([210], [50], unit="deg")
    truth = QTable({"sky_centroid": SkyCoord([*truth["sky_centroid"], *away]),
                    "y_c": np.ones(4) * u.dimensionless_unscaled,
                    "theta500": np.full(4, 2.0) * u.arcmin})  # fmt: skip
    visible = visible_halos(Sky(maps, truth, crowd.instrument), 5.0)
    assert visible.tolist() == [False, False, True, False]


def test_no_halos(crowd):
    truth = truth_of(crowd)[:0]
    assert visible_halos(Sky(crowd.maps, truth, crowd.instrument), 5.0).shape == (0,)
