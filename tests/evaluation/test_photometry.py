"""Aperture photometry: closed forms, calibrated errors, and means over objects."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Column, QTable
from scipy import ndimage

from szfinder.evaluation import FLUX_FLAGS, aperture_flux, flux_against, mean_flux
from szfinder.maps import wcs_for_patch

RADIUS, ANNULUS = 5.0, (8.0, 15.0)
SIGMA = 2.5
ARCMIN = np.pi / 10800


@pytest.fixture(scope="module")
def field():
    """WCS, shape, and positions 32 arcmin apart, with the pixels of each."""
    wcs, shape = wcs_for_patch(SkyCoord(200, 40, unit="deg"), 5 * u.deg, 1 * u.arcmin)
    x, y = map(np.ravel, np.meshgrid(np.arange(20, 290, 32), np.arange(20, 290, 32)))
    rng = np.random.default_rng(1)
    x, y = x + rng.uniform(-0.5, 0.5, x.shape), y + rng.uniform(-0.5, 0.5, x.shape)
    return wcs, shape, SkyCoord(wcs.pixel_to_world(x, y))


def planted(wcs, shape, positions, heights):
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    sky = SkyCoord(wcs.pixel_to_world(x, y)).cartesian.xyz.value
    image = np.zeros(shape)
    for place, height in zip(positions.cartesian.xyz.value.T, heights):
        chord = np.linalg.norm(sky - place[:, None, None], axis=0) / ARCMIN
        image += height * np.exp(-0.5 * (chord / SIGMA) ** 2)
    return image


def closed_form(variance):
    """Flux in the aperture less the mean of the ring, of a Gaussian of total flux 1."""
    inside, inner, outer = (1 - np.exp(-(r**2) / (2 * variance)) for r in (RADIUS, *ANNULUS))
    return inside - (outer - inner) * RADIUS**2 / (ANNULUS[1] ** 2 - ANNULUS[0] ** 2)


def photometry(image, field, **options):
    radii = {"radius": RADIUS * u.arcmin, "annulus": ANNULUS * u.arcmin}
    return aperture_flux(image, field[0], field[2], **radii, **options)


@pytest.mark.parametrize("pixel_size", [None, 0.5 * u.arcmin])
def test_gaussians_in_closed_form(field, pixel_size):
    heights = np.random.default_rng(2).uniform(1, 3, len(field[2]))
    image = 7 + planted(*field, heights)
    table = photometry(image * u.mK, field, pixel_size=pixel_size)
    # Bilinear interpolation widens each axis by 1/6 of a pixel squared at fractions of a pixel at
    # random, and a second time nothing where pixels are as those of the map.
    expected = 2 * np.pi * SIGMA**2 * heights * closed_form(SIGMA**2 + 1 / 6)
    assert table["flux"].unit == u.mK * u.arcmin**2
    np.testing.assert_allclose(table["flux"].value, expected, rtol=0.01)
    np.testing.assert_allclose(table["background"].value, 7, atol=0.02)
    np.testing.assert_allclose(table["covered"], 1)
    assert not table["flags"].any()
    assert table["sky_centroid"].separation(field[2]).max() < 1 * u.mas


def test_planes_have_no_flux(field):
    y, x = np.indices(field[1])
    table = photometry(3.0 + 0.1 * x - 0.2 * y, field)
    assert np.abs(table["flux"].value).max() < 0.1


@pytest.mark.parametrize("smoothing", [0, 2.5], ids=["white", "red"])
@pytest.mark.parametrize("n_random", [None, 300])
def test_errors_are_the_scatter(field, smoothing, n_random):
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.normal(size=field[1]), smoothing, mode="wrap")
    table = photometry(noise, field, n_random=n_random, rng=4)
    scatter = table["flux"].value.std()
    error = np.sqrt(np.mean(table["flux_err"].value ** 2))
    assert error == pytest.approx(scatter, rel=0.25)  # of 81 fluxes, that is 8 per cent
    if n_random:
        assert np.ptp(table["flux_err"].value) == 0
    else:
        assert (table["flux_err"].value > 0).all() and np.ptp(table["flux_err"].value) > 0


def test_random_positions_keep_away_from_the_objects(field):
    wcs, shape, positions = field
    few = wcs, shape, positions[::7]
    noise = np.random.default_rng(5).normal(size=shape)
    objects = planted(*few, np.ones(len(few[2]))) > 0.2  # discs of 4.5 arcmin
    errors = [photometry(image, few, n_random=50, rng=1)["flux_err"][0].value
              for image in (noise, noise + 1000 * objects)]
    # overlaps of pixels and circles are exact up to rounding
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)


def test_bad_pixels(field):
    wcs, shape, positions = field
    image = 2 + planted(*field, np.ones(len(positions)))
    x, y = (np.round(axis).astype(int) for axis in wcs.world_to_pixel(positions))
    mask = np.zeros(shape, dtype=bool)
    mask[y[0], x[0] + 3] = True  # in the aperture
    mask[y[1] - 11, x[1]] = True  # in the ring
    mask[y[2] - 9 : y[2] + 10, x[2] - 9 : x[2] + 10] = True  # all of the aperture
    table = photometry(image, field, mask=mask)
    aperture, ring, no_flux = (FLUX_FLAGS[name] for name in ("aperture", "annulus", "no flux"))
    assert table["flags"][:4].tolist() == [aperture, ring, aperture | ring | no_flux, 0]
    assert 0.9 < table["covered"][0] < 1 and table["covered"][2] == 0
    assert np.isnan(table["flux"][2]) and table.meta["n_without_flux"] == 1
    flux = table["flux"].value
    assert flux[1] == pytest.approx(flux[3], rel=0.02)
    assert flux[0] == pytest.approx(flux[3], rel=0.1)


def test_off_the_map(field):
    wcs, shape, positions = field
    table = QTable({"ra": [200.0, 20.0], "dec": [40.0, -40.0]})
    fluxes = aperture_flux(np.ones(shape), wcs, table, radius=5 * u.arcmin)
    assert np.isnan(fluxes["flux"]).tolist() == [False, True]
    assert fluxes["flags"][1] == sum(FLUX_FLAGS.values())
    none = aperture_flux(np.ones(shape), wcs, table[:0], radius=5 * u.arcmin)
    assert len(none) == 0 and none["flux"].unit == u.arcmin**2


@pytest.mark.parametrize("radii", [
    {"radius": 5, "annulus": (4, 10)}, {"radius": 5, "annulus": (8, 9)},
    {"radius": 5, "annulus": (9, 8)}, {"radius": 0}, {"radius": 5, "annulus": (6, 8, 10)},
])
def test_wrong_radii(field, radii):
    with pytest.raises(ValueError, match="the ring must lie|annulus must be"):
        aperture_flux(np.ones(field[1]), field[0], field[2], **radii)


def flux_table(values):
    return QTable({"flux": np.asarray(values, float) * u.arcmin**2})


def test_mean_of_stacked_fluxes(field):
    """Noise of 1 / sqrt(N), in an interval that holds the truth."""
    heights = np.random.default_rng(6).uniform(1, 3, len(field[2]))
    noise = np.random.default_rng(7).normal(size=field[1])
    fluxes = photometry(planted(*field, heights) + noise, field)
    expected = 2 * np.pi * SIGMA**2 * heights.mean() * closed_form(SIGMA**2 + 1 / 6)
    [row] = mean_flux(fluxes, level=0.9973, rng=1)
    assert row["n"] == len(heights) and row["n_without_flux"] == 0
    assert row["lower"].value < expected < row["upper"].value
    [row] = mean_flux(fluxes, rng=1)
    half = (row["upper"] - row["lower"]).value / 2
    assert half == pytest.approx(fluxes["flux"].value.std() / np.sqrt(len(heights)), rel=0.1)


def test_bootstrap_of_the_mean_covers_the_truth():
    rng = np.random.default_rng(8)
    rows = [mean_flux(flux_table(rng.exponential(2, 100)), n_samples=200, rng=rng)[0]
            for _ in range(150)]
    covered = np.mean([row["lower"].value < 2 < row["upper"].value for row in rows])
    assert covered == pytest.approx(0.68, abs=0.1)


def test_weights_and_missing_fluxes():
    [row] = mean_flux(flux_table([1, 2, np.nan, 6]), weights=[1, 2, 5, 1])
    assert row["flux"].value == pytest.approx((1 + 4 + 6) / 4)
    assert (row["n"], row["n_without_flux"]) == (4, 1)
    for few in ([], [np.nan], [3.0]):
        [row] = mean_flux(flux_table(few))
        assert np.isnan(row["lower"]) and np.isnan(row["flux"]) == (few != [3.0])


def test_against_a_column():
    rng = np.random.default_rng(9)
    probability = rng.uniform(0, 1, 1000)
    fluxes = flux_table(5 * probability + rng.normal(size=1000))
    column = Column(probability, name="probability")
    table = flux_against(fluxes, column, [0.1, 0.4, 1.0], rng=1)
    low, high = (probability >= 0.1) & (probability < 0.4), probability >= 0.4
    assert table["n"].tolist() == [low.sum(), high.sum()]
    np.testing.assert_allclose(table["mean"], [probability[low].mean(), probability[high].mean()])
    values = fluxes["flux"].value
    np.testing.assert_allclose(table["flux"].value, [values[low].mean(), values[high].mean()])
    assert (table["lower"] < table["flux"]).all() and (table["flux"] < table["upper"]).all()
    assert table.meta["by"] == "probability" and table.meta["n_outside"] == (~low & ~high).sum()


def test_bins_of_equal_number_and_units():
    mass = np.random.default_rng(10).lognormal(size=100) * u.Msun
    table = flux_against(flux_table(np.ones(100)), mass, 5)
    assert table["n"].tolist() == [20] * 5
    assert table["low"].unit == table["mean"].unit == u.Msun
    assert table["low"][0] == mass.min() and table["high"][-1] == mass.max()
    same = flux_against(flux_table(np.ones(100)), mass, [0, 1, 2, 1000] * u.Msun)
    assert same["n"].sum() == 100 and same.meta["n_outside"] == 0


def test_empty_bin():
    table = flux_against(flux_table([1, 2]), [0.1, 0.2], [0, 0.5, 1])
    assert table["n"].tolist() == [2, 0] and np.isnan(table["flux"][1])


@pytest.mark.parametrize("column, bins, match", [
    ([1, 2, 3], [0, 1], "column must be 2 numbers"),
    ([1, 2], [1, 0], "rising edges"),
    ([1, 1], 3, "rising edges"),
])
def test_wrong_columns(column, bins, match):
    with pytest.raises(ValueError, match=match):
        flux_against(flux_table([1, 2]), column, bins)
