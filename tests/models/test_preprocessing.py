"""Preprocessing: maps that fit a network, maps that do not, and its input."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.maps import MapError, MapStack, wcs_for_patch
from szfinder.models import Preprocessing
from szfinder.models.left_gaussian import fit_left_gaussian

BAND_90, BAND_150 = ("90", 95.0, 1.6), ("150", 150.0, 1.2)


@pytest.mark.parametrize(
    "bands, planes",
    [
        ([BAND_90, BAND_150], (0, 1)),
        ([BAND_150, BAND_90], (1, 0)),
        ([("220", 220.0, 1.0), BAND_150, BAND_90], (2, 1)),
        ([("f090", 97.7, 1.65), ("pa5", 148.0, 1.25)], (0, 1)),
        ([("f150", 151.0, 1.2), BAND_150, BAND_90], (2, 1)),
    ],
)
def test_planes_by_name_or_frequency(preprocessing, make_maps, bands, planes):
    assert preprocessing.match(make_maps(*bands)) == planes


@pytest.mark.parametrize("pixel_size", [0.48, 0.52])
def test_a_few_per_cent_are_tolerated(preprocessing, make_maps, pixel_size):
    maps = make_maps(("90", 99.0, 1.67), ("150", 144.0, 1.15), pixel_size=pixel_size)
    assert preprocessing.match(maps) == (0, 1)


@pytest.mark.parametrize(
    "bands, pixel_size, message",
    [
        ([BAND_90], 0.5, r"band '150' \(150 GHz\) is not among '90' \(95 GHz\)"),
        ([BAND_90, ("f150", 160.0, 1.2)], 0.5, r"band '150' .* is not among .*'f150' \(160 GHz\)"),
        ([("90", 101.0, 1.6), BAND_150], 0.5, "band '90' is at 101 GHz instead of 95 GHz"),
        ([BAND_90, ("150", 150.0, 1.4)], 0.5, "'150' has a beam of 1.4 arcmin FWHM instead of 1.2"),
        ([BAND_90, BAND_150], 0.25, r"pixels are 0.25 x 0.25 arcmin instead of 0.5 arcmin"),
    ],
)
def test_what_differs_is_named(preprocessing, make_maps, bands, pixel_size, message):
    with pytest.raises(MapError, match=message):
        preprocessing.match(make_maps(*bands, pixel_size=pixel_size))


def blank(instrument, wcs, shape):
    return MapStack(np.zeros((2, *shape), np.float32), wcs=wcs, instrument=instrument)


def strip(declination):
    """A narrow CAR map along a meridian, from a declination in the south to that in the north."""
    half = 120 * declination
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
    wcs.wcs.cdelt = -1 / 120, 1 / 120
    wcs.wcs.crpix = 10.5, half + 0.5
    return wcs, (2 * half, 20)


def test_pixels_that_become_narrower(preprocessing, instrument):
    """By the cosine of the declination."""
    assert preprocessing.match(blank(instrument, *strip(15))) == (0, 1)
    message = r"pixels are 0.5 x 0.383 arcmin instead of 0.5 arcmin at the border.*reproject.*cut"
    with pytest.raises(MapError, match=message):
        preprocessing.match(blank(instrument, *strip(40)))


def test_pixels_of_a_tangent_plane(preprocessing, instrument):
    """At a distance they shrink by its cosine, and along the radius by the square of it."""
    patches = {size: wcs_for_patch(SkyCoord("30d -50d"), size * u.deg, 0.5 * u.arcmin)
               for size in (10, 26)}
    assert preprocessing.match(blank(instrument, *patches[10])) == (0, 1)
    with pytest.raises(MapError, match="at the border of the maps"):
        preprocessing.match(blank(instrument, *patches[26]))


def test_all_differences_are_listed(preprocessing, make_maps):
    with pytest.raises(MapError, match="pixels are.*'90' has a beam.*'150' .* is not among"):
        preprocessing.match(make_maps(("90", 95.0, 5.0), pixel_size=1.0))


def test_one_plane_serves_one_band(make_maps):
    close = Preprocessing("camera", ["a", "b"], [148, 150], [1, 1], [1, 1], 0.5, 16)
    with pytest.raises(MapError, match="band 'b'.*is not among"):
        close.match(make_maps(("f150", 149.0, 1.0)))


def test_images(preprocessing):
    cutouts = np.random.default_rng(0).normal(size=(5, 2, 16, 16))
    images = preprocessing.to_images(cutouts)
    assert images.shape == (5, 16, 16, 2)
    assert images.dtype == np.float32
    assert images[3, 7, 9, 0] == pytest.approx(cutouts[3, 0, 7, 9] / 50)
    assert images[3, 7, 9, 1] == pytest.approx(cutouts[3, 1, 7, 9] / 40)


def test_contrast(preprocessing):
    """Free of a level, odd, linear for faint structure and logarithmic for a bright source."""
    contrast = replace(preprocessing, normalization="contrast")
    cutouts = np.random.default_rng(0).normal(size=(5, 2, 16, 16))
    cutouts -= cutouts.mean(axis=(-2, -1), keepdims=True)
    images = contrast.to_images(cutouts)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, preprocessing.to_images(cutouts), rtol=2e-3)
    np.testing.assert_allclose(contrast.to_images(cutouts + 300), images, atol=2e-6)
    np.testing.assert_allclose(contrast.to_images(-cutouts), -images, atol=1e-7)
    source = np.zeros((1, 2, 16, 16))
    source[0, 0, 8, 8] = 1e4
    peak = contrast.to_images(source)[0, 8, 8, 0]
    assert peak == pytest.approx(np.log(2 * 1e4 * (1 - 1 / 256) / 50), rel=1e-4)


def test_scatter(preprocessing):
    """The standard deviation of normal noise: not the level, and not a few bright sources."""
    rng = np.random.default_rng(0)
    cutouts = rng.normal(size=(400, 2, 16, 16)) * np.array([3.0, 70.0])[:, None, None]
    cutouts += rng.normal(size=(400, 2, 1, 1)) * 1e3
    cutouts[:, :, 8, 8] += 500
    np.testing.assert_allclose(preprocessing.scatter(cutouts), [3, 70], rtol=0.03)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"normalization": "rank"}, "unknown normalization 'rank'; use one of linear, contrast"),
        ({"unit": "K_CMB"}, "found 'K_CMB', expected 'uK_CMB'"),
        ({"scale": [1.0]}, "scale must be a positive number for each of the bands 90, 150"),
        ({"offset": [1.0]}, "offset must be a finite number for each of the bands 90, 150"),
        ({"offset": [1.0, np.inf]}, r"offset must be a finite number .* found \[1.0, inf\]"),
        ({"offset": [1.0, 0.0], "normalization": "contrast"}, "'contrast' .* takes no offset"),
        ({"fwhm": [1.0, -1.0]}, "fwhm must be a positive number"),
        ({"pixel_size": 0}, "pixel_size must be positive; found 0"),
    ],
)
def test_wrong_values(preprocessing, wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(preprocessing, **wrong)


def test_offset(preprocessing):
    """Without one it is 0; it may be negative; and it is written with all else."""
    assert preprocessing.offset == (0, 0)
    shifted = replace(preprocessing, offset=[-20, 300])
    cutouts = np.random.default_rng(0).normal(size=(3, 2, 8, 8))
    np.testing.assert_allclose(
        shifted.to_images(cutouts + [[[-20]], [[300]]]), preprocessing.to_images(cutouts), atol=1e-6
    )
    assert shifted.to_images(cutouts).dtype == np.float32
    assert Preprocessing(**shifted.as_dict) == shifted


@pytest.fixture(scope="module")
def dusty():
    """A Gaussian sky of mean -30 and scatter 50, and sources on a twelfth of its pixels."""
    rng = np.random.default_rng(8)
    sky = rng.normal(-30, 50, (500, 600))
    return sky + 100 * rng.pareto(1.5, sky.shape) * (rng.random(sky.shape) < 1 / 12)


def test_left_gaussian_does_not_see_sources(dusty):
    (offset,), (scale,) = fit_left_gaussian([dusty])
    # the error of the mean of so many pixels, all of them Gaussian, fitted on one side: 0.02 sigma
    assert offset == pytest.approx(-30, abs=3)
    assert scale == pytest.approx(50, rel=0.03)
    assert dusty.mean() > -20
    assert dusty.std() > 100


def test_left_gaussian_of_gaussians_is_unbiased():
    fits = [fit_left_gaussian([np.random.default_rng(seed).normal(3, 2, 200_000)])
            for seed in range(25)]  # fmt: skip
    mean, scatter = np.mean(fits, axis=0)[:, 0], np.std(fits, axis=0)[:, 0]
    np.testing.assert_allclose(mean, [3, 2], atol=4 * scatter.max() / 5)
    assert (scatter < [0.06, 0.03]).all()


def test_left_gaussian_follows_the_unit_of_the_map(dusty):
    offset, scale = fit_left_gaussian([dusty, 3 * dusty + 500])
    assert offset[1] == pytest.approx(3 * offset[0] + 500, abs=1e-3 * scale[1])
    assert scale[1] == pytest.approx(3 * scale[0], rel=1e-3)


def test_left_gaussian_ignores_bad_pixels(dusty):
    spoilt, mask = dusty.copy(), np.zeros(dusty.shape, bool)
    spoilt[::3], mask[::3] = np.nan, True
    spoilt[1::3, ::2], mask[1::3, ::2] = -40.0, True
    left = fit_left_gaussian([dusty[~mask]])
    assert fit_left_gaussian([spoilt], mask=mask) == left
    assert fit_left_gaussian(np.where(mask, np.nan, spoilt)[None]) == left


@pytest.mark.parametrize(
    "values, message",
    [
        (np.full(9000, np.nan), "band 1 below its mode: found 0 good pixels, expected 4000"),
        (np.full(9000, 7.0), "band 1 below its mode: most of the pixels have the same value, 7"),
    ],
)
def test_no_left_gaussian(values, message):
    with pytest.raises(ValueError, match=message):
        fit_left_gaussian([np.random.default_rng(0).normal(size=9000), values])


@pytest.fixture(scope="module")
def local(preprocessing):
    """Smoothed by 1.5 arcmin, three pixels."""
    return replace(preprocessing, normalization="local", smoothing=1.5)


def blurred(image, sigma=3.0):
    """The Gaussian mean of an image, mirrored at its edges, by a sum over all its pixels."""
    for axis in (0, 1):
        n = image.shape[axis]
        offset = np.arange(-12, 13)
        kernel = np.exp(-0.5 * (offset / sigma) ** 2)
        mirrored = np.abs((np.arange(n)[:, None] + offset + 0.5 + n) % (2 * n) - n) - 0.5
        matrix = np.zeros((n, n))
        for i, row in enumerate(np.rint(mirrored).astype(int)):
            np.add.at(matrix[i], row, kernel / kernel.sum())
        image = matrix @ image if axis == 0 else image @ matrix.T
    return image


def test_local_contrast(local):
    maps = 50 * np.random.default_rng(0).normal(size=(2, 2, 40, 33))
    maps[0, 1, 20, 20] = 1e4
    images = local.to_images(maps)
    assert images.dtype == np.float32
    for i in range(2):
        for band, scale in enumerate((50, 40)):
            plane = maps[i, band]
            expected = np.arcsinh((plane - blurred(plane)) / scale)
            np.testing.assert_allclose(images[i, ..., band], expected, atol=2e-5)


def test_local_contrast_is_free_of_a_level(local):
    maps = 50 * np.random.default_rng(0).normal(size=(1, 2, 40, 40))
    np.testing.assert_allclose(local.to_images(maps + 500), local.to_images(maps), atol=3e-5)
    np.testing.assert_allclose(local.to_images(np.full((1, 2, 40, 40), 500.0)), 0, atol=3e-5)
    np.testing.assert_allclose(local.to_images(-maps), -local.to_images(maps), atol=1e-6)


def test_local_contrast_beside_bad_pixels(local):
    """They are no part of the mean around, whatever they hold, and the mean stays one."""
    maps = 50 * np.random.default_rng(0).normal(size=(1, 2, 40, 40))
    bad = np.zeros((40, 40), bool)
    bad[10:22, 15:30] = bad[3, 3] = True
    images = local.to_images(np.where(bad, np.nan, maps))
    assert np.isnan(images[0, bad]).all() and np.isfinite(images[0, ~bad]).all()
    weight = blurred(np.where(bad, 0.0, 1.0))
    for band, scale in enumerate((50, 40)):
        plane = maps[0, band]
        around = blurred(np.where(bad, 0, plane)) / weight
        expected = np.arcsinh((plane - around) / scale)
        np.testing.assert_allclose(images[0, ..., band][~bad], expected[~bad], atol=5e-5)
    level = local.to_images(np.where(bad, np.nan, 500.0)[None, None].repeat(2, axis=1))
    np.testing.assert_allclose(level[0, ~bad], 0, atol=5e-5)
    infinite = local.to_images(np.where(bad, np.inf, maps))
    np.testing.assert_array_equal(infinite[0, ~bad], images[0, ~bad])


@pytest.mark.parametrize("smoothing", [0.3, 1.5, 2.2])
def test_reach_of_the_normalisation(local, smoothing):
    wide = replace(local, smoothing=smoothing)
    maps = np.zeros((1, 2, 81, 81))
    maps[0, 0, 40, 40] = 1e6
    seen = np.argwhere(wide.to_images(maps)[0, ..., 0])
    assert np.abs(seen - 40).max() == wide.reach
    assert replace(wide, normalization="linear", smoothing=None).reach == 0


def test_scatter_of_local_contrasts(local):
    """That of white noise, of which the mean around takes but little; bad pixels do not count."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(1, 2, 200, 200)) * np.array([3.0, 70.0])[:, None, None]
    maps += 2.0 * np.arange(200)
    maps[..., 50:60, 50:60] = np.nan
    maps[..., 100, ::10] = 1e5
    # variance of a pixel less a mean of weights exp(-r^2 / 2 s^2) / 2 pi s^2
    left = 1 - 2 / (2 * np.pi * 9) + 1 / (4 * np.pi * 9)
    quiet = np.delete(maps, np.s_[85:116], axis=-2)
    np.testing.assert_allclose(local.scatter(quiet), np.array([3, 70]) * np.sqrt(left), rtol=0.03)
    assert (local.scatter(maps) < [40, 100]).all()


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"smoothing": None}, "'local' needs a smoothing in arcmin.*found None with 'local'"),
        ({"normalization": "linear"}, "no other takes one; found 1.5 with 'linear'"),
        ({"normalization": "contrast"}, "no other takes one; found 1.5 with 'contrast'"),
        ({"smoothing": 0.0}, "smoothing must be positive; found 0.0"),
        ({"smoothing": np.inf}, "smoothing must be positive; found inf"),
        ({"offset": [1.0, 0.0]}, "'local' subtracts .*takes no offset"),
    ],
)
def test_wrong_local_normalisation(local, wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(local, **wrong)


def test_local_normalisation_is_written(local):
    assert Preprocessing(**local.as_dict) == local
    assert local.as_dict["smoothing"] == 1.5
