"""Stacks: planted objects come out of the noise, wherever the pixels lie."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given, settings
from hypothesis import strategies as st

from szfinder.evaluation import stack_maps
from szfinder.evaluation.sky_maps import SkyMap, random_positions
from szfinder.maps import MapError, wcs_for_patch

SIGMA = 3.0  # arcmin
ARCMIN = np.pi / 10800


@pytest.fixture(scope="module")
def field():
    """WCS, shape, and positions 25 arcmin or more apart."""
    wcs, shape = wcs_for_patch(SkyCoord(30, -50, unit="deg"), 5 * u.deg, 1 * u.arcmin)
    x, y = np.meshgrid(np.arange(30, 290, 26), np.arange(30, 290, 26))
    rng = np.random.default_rng(1)
    x, y = x + rng.uniform(-0.5, 0.5, x.shape), y + rng.uniform(-0.5, 0.5, x.shape)
    return wcs, shape, SkyCoord(wcs.pixel_to_world(x.ravel(), y.ravel()))


def planted(wcs, shape, positions, sigma=SIGMA):
    """Gaussians of height 1 at positions, by their distances on the sky."""
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    sky = SkyCoord(wcs.pixel_to_world(x, y)).cartesian.xyz.value
    image = np.zeros(shape)
    for place in positions.cartesian.xyz.value.T:
        chord = np.linalg.norm(sky - place[:, None, None], axis=0) / ARCMIN
        image += np.exp(-0.5 * (chord / sigma) ** 2)
    return image


def gaussian(n, pixel, sigma=SIGMA):
    y, x = (np.indices((n, n)) - (n - 1) / 2) * pixel
    return np.exp(-0.5 * (x**2 + y**2) / sigma**2)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_the_mean_object_is_seen_through_the_noise(field, frame):
    wcs, shape, positions = field
    noise = np.random.default_rng(2).normal(0, 1, shape)
    image = planted(wcs, shape, positions) + noise
    stack = stack_maps(image, wcs, positions.transform_to(frame), size=21 * u.arcmin)
    assert stack.mean.shape == stack.n.shape == (21, 21)
    assert (stack.n == len(positions)).all() and stack.n_off == 0
    residual = (stack.mean - gaussian(21, 1)).value
    # Bilinear means of white noise have (2/3)^2 of its variance, over positions in a pixel.
    expected = 2 / 3 / np.sqrt(len(positions))
    assert residual.std() == pytest.approx(expected, rel=0.15)
    assert abs(residual[10, 10]) < 4 * expected
    assert (stack.median - stack.mean).value.std() < expected


@pytest.mark.parametrize("pixel", [0.5, 1.0, 1.7])
def test_profile_at_any_pixel_size(field, pixel):
    wcs, shape, positions = field
    stack = stack_maps(planted(wcs, shape, positions), wcs, positions, size=15 * u.arcmin,
                       pixel_size=pixel * u.arcmin)
    n = round(15 / pixel)
    assert stack.mean.shape == (n, n)
    # linear interpolation of a Gaussian adds the variance of pixels, 1/6 arcmin^2 on each axis
    wide = np.sqrt(SIGMA**2 + 1 / 6)
    expected = (SIGMA / wide) ** 2 * gaussian(n, pixel, wide)
    np.testing.assert_allclose(stack.mean.value, expected, atol=0.005)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("partial", [False, True])
def test_healpix_with_zeros_and_units(nested, partial):
    nside = 256  # 13.7 arcmin
    places = SkyCoord([40, 43.3, 41], [3, 4, -6], unit="deg", frame="galactic")
    pixels = np.arange(12 * nside**2)
    if partial:
        centre = SkyCoord(41, 0, unit="deg", frame="galactic").cartesian.xyz.value
        pixels = healpy.query_disc(nside, centre, np.radians(15), nest=nested)
        pixels = np.random.default_rng(1).permutation(pixels)
    vectors = np.stack(healpy.pix2vec(nside, pixels, nest=nested))
    image = np.zeros(pixels.size)
    for place in places.cartesian.xyz.value.T:
        distance = np.degrees(np.arccos(np.clip(place @ vectors, -1, 1))) * 60
        image += np.where(distance < 400, np.exp(-0.5 * (distance / 48) ** 2), 0)
    assert (image == 0).mean() > 0.5
    keywords = {"order": "nested" if nested else "ring", "frame": "galactic"}
    if partial:
        keywords |= {"nside": nside, "pixels": pixels}
    stack = stack_maps(image * u.uK, keywords, places[:2].icrs, size=240 * u.arcmin,
                       pixel_size=16 * u.arcmin)
    assert stack.cutouts.unit == u.uK and (stack.n == 2).all()
    # the second lies 3.4 degrees from the first, and the sum is symmetric about neither
    apart = places[0].separation(places[1]).arcmin
    alone = gaussian(15, 16, 48)
    np.testing.assert_allclose(stack.mean.value[7, 7], 1 + np.exp(-0.5 * (apart / 48) ** 2),
                               atol=0.03)
    np.testing.assert_allclose(stack.median.value[5:10, 5:10], alone[5:10, 5:10], atol=0.06)


def test_north_is_up_and_east_left(field):
    wcs, shape, _ = field
    # parity of the map is opposite, and it is turned by 20 degrees
    turned = wcs.deepcopy()
    cos, sin = np.cos(np.radians(20)), np.sin(np.radians(20))
    turned.wcs.pc = [[cos, -sin], [sin, cos]]
    turned.wcs.cdelt = np.abs(turned.wcs.cdelt)
    centre = SkyCoord(30.4, -49.7, unit="deg")
    north, east = centre.directional_offset_by([0, 90] * u.deg, [6, 4] * u.arcmin)
    image = planted(turned, shape, SkyCoord([north, east]), sigma=1.2)
    cutout = stack_maps(image, turned, centre.reshape(1), size=17 * u.arcmin).cutouts[0].value
    assert cutout[8 + 6, 8] > 0.7 and cutout[8, 8 - 4] > 0.7
    assert cutout[8 - 6, 8] < 0.01 and cutout[8, 8 + 4] < 0.01
    # with east up, south is to the right and north to the left
    cutout = stack_maps(image, turned, centre.reshape(1), size=17 * u.arcmin,
                        position_angle=90 * u.deg).cutouts[0].value
    assert cutout[8 + 4, 8] > 0.7 and cutout[8, 8 + 6] > 0.7


def test_angles_turn_the_cutouts(field):
    wcs, shape, positions = field
    image = np.random.default_rng(3).normal(size=shape)
    quarter = [stack_maps(image, wcs, positions, size=12 * u.arcmin, position_angle=angle * u.deg)
               .cutouts.value for angle in (0, 90, 180)]
    # turning what points up to the east turns the picture clockwise
    np.testing.assert_allclose(np.rot90(quarter[0], -1, axes=(2, 1)), quarter[1], atol=1e-6)
    np.testing.assert_allclose(quarter[0][:, ::-1, ::-1], quarter[2], atol=1e-6)


@settings(max_examples=10)
@given(shift_x=st.integers(-20, 20), shift_y=st.integers(-20, 20))
def test_shift_of_the_pixels(field, shift_x, shift_y):
    wcs, shape, positions = field
    image = np.random.default_rng(4).normal(size=shape)
    padded = np.pad(image, 20, constant_values=np.nan)
    moved = np.roll(padded, (shift_y, shift_x), axis=(0, 1))
    other = wcs.deepcopy()
    other.wcs.crpix = wcs.wcs.crpix + np.array([20 + shift_x, 20 + shift_y])
    stacks = [stack_maps(values, grid, positions[:5], size=9 * u.arcmin, pixel_size=1 * u.arcmin)
              for values, grid in ((image, wcs), (moved, other))]
    np.testing.assert_allclose(stacks[0].cutouts.value, stacks[1].cutouts.value, atol=1e-6)


def test_bad_pixels_are_left_out_one_by_one(field):
    wcs, shape, positions = field
    image = np.ones(shape)
    bad = np.random.default_rng(5).random(shape) < 0.1
    by_mask = stack_maps(image, wcs, positions, size=11 * u.arcmin, mask=bad)
    image[bad] = np.nan
    by_nan = stack_maps(image, wcs, positions, size=11 * u.arcmin)
    for stack in (by_mask, by_nan):
        assert 0 < stack.n.min() and stack.n.max() < len(positions)
        np.testing.assert_allclose(stack.mean.value, 1)
        np.testing.assert_allclose(stack.median.value, 1)
    np.testing.assert_array_equal(by_mask.n, by_nan.n)


def test_mean_and_median_against_numpy(field):
    wcs, shape, positions = field
    rng = np.random.default_rng(6)
    image = rng.lognormal(size=shape)
    image[rng.random(shape) < 0.2] = np.nan
    weights = rng.random(len(positions))
    stack = stack_maps(image, wcs, positions, size=6 * u.arcmin, weights=weights)
    masked = np.ma.masked_invalid(stack.cutouts.value)
    expected = np.ma.average(masked, axis=0, weights=weights)
    np.testing.assert_allclose(stack.mean.value, expected)
    np.testing.assert_allclose(stack.median.value, np.nanmedian(stack.cutouts.value, axis=0))


def test_background_of_each(field):
    wcs, shape, positions = field
    y, x = np.indices(shape)
    plane = 5 + 0.01 * x - 0.02 * y
    stack = stack_maps(plane, wcs, positions, size=21 * u.arcmin, background=[7, 10] * u.arcmin)
    assert np.abs(stack.cutouts.value[:, 10, 10]).max() < 0.01
    assert np.abs(stack.cutouts.value).max() < 0.5


def test_positions_off_the_map_are_told(field):
    wcs, shape, positions = field
    table = QTable({"ra": [30, 30.1, 210, 30, 30], "dec": [-50, -50.2, 50, 60, -53]})
    with pytest.warns(AstropyUserWarning, match="3 of 5 positions lie off the map"):
        stack = stack_maps(np.ones(shape), wcs, table, size=10 * u.arcmin)
    assert stack.on_map.tolist() == [True, True, False, False, False]
    assert stack.n_off == 3 and (stack.n == 2).all() and len(stack.cutouts) == 5
    with pytest.raises(ValueError, match="none of 1 positions"):
        stack_maps(np.ones(shape), wcs, SkyCoord([210], [50], unit="deg"), size=10 * u.arcmin)


def test_part_of_a_cutout_beyond_the_edge(field):
    wcs, shape, _ = field
    corner = SkyCoord(wcs.pixel_to_world([0.0], [0.0]))
    stack = stack_maps(np.ones(shape), wcs, corner, size=11 * u.arcmin)
    assert stack.n_off == 0
    # a cutout with north up is turned a little against the corner of the map
    assert stack.n.sum() == pytest.approx(11**2 / 4, rel=0.3)


@pytest.mark.parametrize("options, match", [
    ({"size": 0.5 * u.arcmin}, "size must be a pixel"),
    ({"size": 9, "weights": [1, 2]}, "weights must be"),
    ({"size": 9, "background": [3, 8]}, "reach to 4.5 arcmin"),
    ({"size": 9, "background": [4, 3]}, "background must be 2 rising"),
])
def test_wrong_options(field, options, match):
    wcs, shape, positions = field
    with pytest.raises(ValueError, match=match):
        stack_maps(np.ones(shape), wcs, positions, **options)


def test_wrong_maps(field):
    wcs, shape, positions = field
    with pytest.raises(MapError, match="does not go with its coordinates"):
        stack_maps(np.ones(48), wcs, positions, size=9 * u.arcmin)
    with pytest.raises(MapError, match="mask does not fit"):
        stack_maps(np.ones(shape), wcs, positions, size=9 * u.arcmin, mask=np.ones((3, 3)))


class TestRandomPositions:
    def test_uniform_on_the_sky_and_where_asked(self):
        nside = 64
        image = np.ones(12 * nside**2)
        image[healpy.query_strip(nside, np.radians(80), np.radians(100))] = np.nan
        sky_map = SkyMap(image, {"order": "ring", "frame": "galactic"})
        avoid = SkyCoord([0], [90], unit="deg", frame="galactic")
        places = random_positions(sky_map, 4000, avoid=avoid, distance=20 * u.deg, rng=1).galactic
        height = np.sin(places.b.rad)
        assert np.isfinite(sky_map.at(places)).all()
        assert places.separation(avoid[0]).min() >= 20 * u.deg
        # uniform in the sine of the latitude, which is free from -1 to -s and from s to 0.94
        edge, cap = np.sin(np.radians(10)), np.cos(np.radians(20))
        free = np.array([1 - edge, cap - edge])
        assert np.mean(height < 0) == pytest.approx(free[0] / free.sum(), abs=0.03)
        assert np.quantile(height[height < 0], 0.5) == pytest.approx(
            -(1 + np.sin(np.radians(10))) / 2, abs=0.03)

    def test_on_an_image(self, field):
        wcs, shape, _ = field
        image = np.ones(shape)
        image[:, 150:] = np.nan
        places = random_positions(SkyMap(image, wcs), 500, rng=2)
        x, y = wcs.world_to_pixel(places)
        assert x.max() < 149 and x.min() < 10 and y.min() < 10 and y.max() > 289
        assert x.mean() == pytest.approx(75, abs=6) and y.mean() == pytest.approx(150, abs=12)

    def test_no_room(self, field):
        wcs, shape, positions = field
        with pytest.raises(ValueError, match="only 0 of 5 random positions"):
            random_positions(SkyMap(np.ones(shape), wcs), 5, avoid=positions,
                             distance=9 * u.deg, rng=1)
        with pytest.raises(ValueError, match="every pixel of the map is bad"):
            random_positions(SkyMap(np.full(shape, np.nan), wcs), 5, rng=1)
