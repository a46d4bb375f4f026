"""Preprocessing: maps that fit a network, maps that do not, and its input."""

from dataclasses import replace

import numpy as np
import pytest

from szfinder.maps import MapError
from szfinder.models import Preprocessing

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


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"normalization": "rank"}, "unknown normalization 'rank'; use one of linear, contrast"),
        ({"unit": "K_CMB"}, "found 'K_CMB', expected 'uK_CMB'"),
        ({"scale": [1.0]}, "scale must be a positive number for each of the bands 90, 150"),
        ({"fwhm": [1.0, -1.0]}, "fwhm must be a positive number"),
        ({"pixel_size": 0}, "pixel_size must be positive; found 0"),
    ],
)
def test_wrong_values(preprocessing, wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(preprocessing, **wrong)
