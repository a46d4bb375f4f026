"""Patches: what is in them is what the maps have there, and no part of the sky leaks."""

from functools import partial

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy import stats

from szfinder.maps import Band, Beam, HealpixMap, Instrument, MapError, MapStack, wcs_for_patch
from szfinder.models import Preprocessing
from szfinder.training.patches import FlatPatches
from szfinder.training.segments import disc_map, peak_map
from szfinder.training.sky_patches import SkyPatches
from szfinder.training.sky_split import SkySplit
from szfinder.training.turns import turned

SIZE, PIXEL, NSIDE = 16, 7.0, 128
PREPROCESSING = Preprocessing(
    "camera", ["a", "b"], [90, 150], [1, 1], [2, 4], PIXEL, SIZE, offset=[10, -6]
)
PARTS = ("training", "validation", "test")
#: Numbers of the nside-2 pixels, in RING: that of the paper's position, and those it names.
TEST, VALIDATION = healpy.ang2pix(2, 112.5, 41.81, lonlat=True), (10, 39, 42)


def dipole(lon, lat):
    """Of amplitude 100 towards (l, b) = (264, 48) deg, the direction of the CMB's."""
    lon, lat, lon0, lat0 = np.deg2rad([lon, lat, np.full_like(lon, 264), np.full_like(lat, 48)])
    return 100 * (np.sin(lat) * np.sin(lat0) + np.cos(lat) * np.cos(lat0) * np.cos(lon - lon0))


def quadrupole(lon, lat):
    return 50 * np.sin(np.deg2rad(2 * lat)) * np.cos(np.deg2rad(lon))


def healpix_map(function, *, frame="galactic", nested=False):
    """A function of Galactic longitude and latitude as a map in another frame or order."""
    lon, lat = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), nest=nested, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg", frame=frame).galactic
    return HealpixMap(function(sky.l.deg, sky.b.deg), NSIDE, nested, frame)


@pytest.fixture(scope="module")
def sky_maps():
    """Two bands, in two frames and orders."""
    return [healpix_map(dipole), healpix_map(quadrupole, frame="icrs", nested=True)]


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(6)
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, 800)))
    return SkyCoord(rng.uniform(0, 360, 800), lat, unit="deg", frame="galactic").icrs


@pytest.fixture(scope="module", params=PARTS)
def patches(request, sky_maps, clusters):
    return SkyPatches(sky_maps, clusters, PREPROCESSING, request.param), request.param


def galactic(wcs, margin=0):
    """Galactic longitude and latitude of the pixels of a patch."""
    y, x = np.mgrid[-margin : SIZE + margin, -margin : SIZE + margin]
    sky = wcs.pixel_to_world(x, y).galactic
    return sky.l.deg, sky.b.deg


def part_of(lon, lat):
    pixel = healpy.ang2pix(2, lon, lat, lonlat=True)
    return np.where(pixel == TEST, "test", np.where(np.isin(pixel, VALIDATION), "validation",
                                                    "training"))  # fmt: skip


def test_patch_has_the_values_of_the_function(patches, clusters):
    sky, _ = patches
    rng = np.random.default_rng(1)
    for occupied in (True, False):
        wcs = sky.random_place(rng, occupied=occupied)
        channels = sky.patch(wcs)
        lon, lat = galactic(wcs)
        # bilinear interpolation: (pixel)^2 / 8 times the curvature
        np.testing.assert_allclose(channels[..., 0], dipole(lon, lat), atol=0.02)
        np.testing.assert_allclose(channels[..., 1], quadrupole(lon, lat), atol=0.04)
        expected = disc_map(clusters, wcs, (SIZE, SIZE))
        np.testing.assert_array_equal(channels[..., 2], expected)
        pixel = SkyCoord(wcs.pixel_to_world(0, 0)), SkyCoord(wcs.pixel_to_world(0, 1))
        assert pixel[0].separation(pixel[1]).arcmin == pytest.approx(PIXEL, rel=1e-3)


def test_no_part_leaks_into_another(patches):
    sky, part = patches
    rng = np.random.default_rng(2)
    for number in range(60):
        wcs = sky.random_place(rng, occupied=number % 2 == 0)
        lon, lat = galactic(wcs)
        pixels, weights = healpy.get_interp_weights(NSIDE, lon.ravel(), lat.ravel(), lonlat=True)
        touched = healpy.pix2ang(NSIDE, pixels[weights > 0], lonlat=True)
        assert set(part_of(lon, lat).ravel()) | set(part_of(*touched)) == {part}


def test_patches_come_as_near_to_the_border_as_they_can(clusters, sky_maps):
    """Centres fill the test part but for half a patch and what interpolation needs."""
    sky = SkyPatches(sky_maps, clusters, PREPROCESSING, "test")
    rng = np.random.default_rng(5)
    centers = np.array([sky.random_place(rng, occupied=False).wcs.crval for _ in range(300)])
    inner = healpy.query_polygon(256, healpy.boundaries(2, TEST, step=1).T)
    assert (part_of(*centers.T) == "test").all()
    lon, lat = healpy.pix2ang(256, inner, lonlat=True)
    # a part of 29.3 deg on a side, less 1.87 deg of patch and 2 x 0.92 deg of margin, which are
    # seen at any angle: from 81 per cent (aligned) to 70 per cent (turned by 45 deg) of its area
    fine = 16
    seen = np.unique(healpy.ang2pix(fine, *centers.T, lonlat=True)).size
    cells = np.unique(healpy.ang2pix(fine, lon, lat, lonlat=True)).size
    drawn = 1 - np.exp(-300 / (0.75 * cells))
    assert seen / (0.75 * cells) == pytest.approx(drawn, abs=0.15)


def test_places_without_cluster_are_uniform(clusters, sky_maps):
    """Heights z = sin b of random places, all parts together, fill the sphere evenly."""
    rng = np.random.default_rng(3)
    split = SkySplit()
    places = np.array([split.random(rng, "training") for _ in range(2000)])
    assert (part_of(*places.T) == "training").all()
    pixel = healpy.ang2pix(2, *places.T, lonlat=True)
    allowed = np.setdiff1d(np.arange(48), [TEST, *VALIDATION])
    assert stats.chisquare(np.bincount(pixel, minlength=48)[allowed]).pvalue > 0.01
    assert np.unique(healpy.ang2pix(64, *places.T, lonlat=True)).size > 1900


def test_orientation_is_uniform_and_parity_is_kept(patches):
    sky, _ = patches
    rng = np.random.default_rng(7)
    for occupied in (True, False):
        places = [sky.random_place(rng, occupied=occupied) for _ in range(200)]
        angles = [np.arctan2(wcs.wcs.cd[0, 1], wcs.wcs.cd[1, 1]) for wcs in places]
        assert stats.kstest(np.array(angles) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01
        assert all(np.linalg.det(wcs.wcs.cd) < 0 for wcs in places)


def test_cluster_may_be_anywhere_in_its_patch(sky_maps):
    position = SkyCoord(60, -45, unit="deg", frame="galactic")
    sky = SkyPatches(sky_maps, position, PREPROCESSING, "training")
    rng = np.random.default_rng(8)
    pixels = [sky.random_place(rng).world_to_pixel(position) for _ in range(400)]
    x, y = np.transpose(pixels)
    for values in (x, y):
        assert stats.kstest((values + 0.5) / SIZE, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.15


def test_batch_of_the_sky(patches):
    sky, _ = patches
    images, labels = sky.batch(np.random.default_rng(4), 5)
    assert images.shape == (5, SIZE, SIZE, 2) and labels.shape == (5, SIZE, SIZE, 1)
    assert images.dtype == labels.dtype == np.float32
    # (dipole - 10) / 2 and (quadrupole + 6) / 4
    assert (np.abs(2 * images[..., 0] + 10) <= 100.1).all()
    assert (np.abs(4 * images[..., 1] - 6) <= 50.1).all()
    again = sky.batch(np.random.default_rng(4), 5)
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])
    assert not np.array_equal(images, sky.batch(np.random.default_rng(5), 5)[0])


def test_labels_of_the_sky(sky_maps, clusters):
    broad = partial(peak_map, sigma=10 * u.arcmin)
    sky = SkyPatches(sky_maps, clusters, PREPROCESSING, "training", paint=broad)
    _, labels = sky.batch(np.random.default_rng(4), 8)
    assert (labels.max(axis=(1, 2, 3)) == 1).all()
    _, labels = sky.batch(np.random.default_rng(4), 40, occupied=0)
    assert (labels.max(axis=(1, 2, 3)) < 1).any()


def test_bad_pixels_of_the_sky(clusters, monkeypatch):
    """NaN over the northern half: no patch is drawn there, and nothing leaks."""
    half = healpix_map(lambda lon, lat: np.where(lat > 0, np.nan, dipole(lon, lat)))
    sky = SkyPatches([half, half], clusters, PREPROCESSING, "training")
    images, _ = sky.batch(np.random.default_rng(1), 8)
    assert np.abs(2 * images + 10).max() < 250
    monkeypatch.setattr("szfinder.training.sky_patches.MAX_BAD", 20)
    with pytest.raises(ValueError, match="all of 20 patches in the test part .* bad pixels"):
        SkyPatches([half, half], clusters, PREPROCESSING, "test").batch(
            np.random.default_rng(1), 1, occupied=0
        )


def test_split_of_ones_own(sky_maps, clusters):
    split = SkySplit(test=[0], validation=range(1, 48))
    assert split.contains("test", *healpy.pix2ang(2, 0, lonlat=True))
    with pytest.raises(ValueError, match="no pixel of the sky is in the training part"):
        split.random(np.random.default_rng(0), "training")
    for wrong in ({"test": [48]}, {"test": [10]}):
        with pytest.raises(ValueError, match="different numbers from 0 to 47"):
            SkySplit(**wrong)


def test_wrong_input_of_the_sky(sky_maps, clusters):
    with pytest.raises(ValueError, match="a map for each of the bands a, b; found 1"):
        SkyPatches(sky_maps[:1], clusters, PREPROCESSING, "test")
    with pytest.raises(ValueError, match="unknown part 'all' of the sky"):
        SkyPatches(sky_maps, clusters, PREPROCESSING, "all")
    far = SkyPatches(sky_maps, SkyCoord(0, 0, unit="deg"), PREPROCESSING, "test")
    with pytest.raises(ValueError, match="none of 1 is in the test part"):
        far.batch(np.random.default_rng(0), 2)
    with pytest.raises(ValueError, match="occupied must be a part from 0 to 1; found 2"):
        far.batch(np.random.default_rng(0), 2, occupied=2)


@pytest.fixture(scope="module")
def flat():
    """Two bands that tell the pixel they are of, and two clusters."""
    wcs, shape = wcs_for_patch(SkyCoord(30, 20, unit="deg"), [60, 80] * u.arcmin * PIXEL,
                               PIXEL * u.arcmin)  # fmt: skip
    y, x = np.indices(shape, np.float32)
    bands = [
        Band(name, frequency, Beam.from_fwhm(1)) for name, frequency in (("b", 150), ("a", 90))
    ]
    maps = MapStack([-y, 1000 + x], wcs=wcs, instrument=Instrument("flat", bands))
    return maps, wcs.pixel_to_world([20.2, 70.0], [30.4, 10.1])


def test_flat_patches_are_pieces_of_the_maps(flat):
    maps, clusters = flat
    wide = partial(disc_map, diameter=30 * u.arcmin)
    patches = FlatPatches(maps, clusters, PREPROCESSING, paint=wide)
    labels_of_map = wide(clusters, maps.wcs, maps.shape)
    images, labels = patches.batch(np.random.default_rng(2), 200, occupied=0.5)
    x = np.rint(2 * images[..., 0] + 10 - 1000).astype(int)
    y = np.rint(-(4 * images[..., 1] - 6)).astype(int)
    np.testing.assert_array_equal(labels[..., 0], labels_of_map[y, x])
    steps = [(np.diff(x[:, 0], axis=1)[:, 0], np.diff(y[:, 0], axis=1)[:, 0])]
    assert (np.ptp(x, axis=(1, 2)) == SIZE - 1).all() and (np.ptp(y, axis=(1, 2)) == SIZE - 1).all()
    # the eight turns and reflections, by where the first row goes and where the first column does
    down = np.diff(x[:, :, 0], axis=1)[:, 0], np.diff(y[:, :, 0], axis=1)[:, 0]
    kinds = np.unique(np.transpose([*steps[0], *down]), axis=0, return_counts=True)[1]
    assert len(kinds) == 8
    assert stats.chisquare(kinds).pvalue > 0.01


def test_occupied_flat_patches(flat):
    maps, clusters = flat
    patches = FlatPatches(maps, clusters, PREPROCESSING, paint=peak_map)
    rng = np.random.default_rng(3)
    parts = [np.mean((patches.batch(rng, 400, occupied=part)[1] == 1).any(axis=(1, 2, 3)))
             for part in (1, 0.5, 0)]  # fmt: skip
    # places within a patch of a cluster, of 45 x 65 places
    y, x = np.mgrid[:45, :65] + (SIZE - 1) / 2
    near = [(abs(x - x0) < 8) & (abs(y - y0) < 8) for x0, y0 in ((20.2, 30.4), (70.0, 10.1))]
    rate = np.logical_or(*near).mean()
    assert parts == pytest.approx([1, 0.5 + 0.5 * rate, rate], abs=0.08)
    once, again = (patches.batch(np.random.default_rng(6), 9) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again))


def test_bad_pixels_of_flat_maps(flat):
    maps, clusters = flat
    data, mask = maps.data.copy(), np.zeros(maps.shape, bool)
    data[0, :, 40], mask[35] = np.nan, True
    spoilt = MapStack(data, wcs=maps.wcs, instrument=maps.instrument)
    patches = FlatPatches(spoilt, clusters, PREPROCESSING, mask=mask)
    images, _ = patches.batch(np.random.default_rng(2), 200, occupied=0)
    assert np.isfinite(images).all()
    assert not np.isin([1040], np.rint(2 * images[..., 0] + 10)).any()
    assert not np.isin([35], np.rint(-(4 * images[..., 1] - 6))).any()
    mask[::SIZE] = True
    with pytest.raises(MapError, match="no patch without bad pixels fits into the maps"):
        FlatPatches(maps, clusters, PREPROCESSING, mask=mask)


def test_turned():
    image = np.arange(9.0).reshape(1, 3, 3, 1).repeat(400, axis=0)
    images = turned(np.random.default_rng(1), image)[..., 0]
    corners = images[:, [0, 0, 2, 2], [0, 2, 0, 2]]
    assert len(np.unique(corners, axis=0)) == 8
    assert (images[:, 1, 1] == 4).all() and (np.sort(images.reshape(400, -1)) == np.arange(9)).all()
    assert image[0, 0, 1, 0] == 1
