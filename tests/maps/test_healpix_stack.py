"""HEALPix maps of all bands: the patches they are read onto, and where they have data."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import HealpixMap, HealpixStack, MapError, read_healpix, read_maps, wcs_for_patch
from szfinder.maps.healpix_tiles import healpix_tiles

NSIDE = 128
GALACTIC = {"order": "ring", "frame": "galactic"}
EQUATORIAL = {"order": "nested", "frame": "icrs"}


def smooth_map(nside, keywords):
    """A function of the direction on the sky, whatever the frame: degree 2, and a constant."""
    nest = keywords["order"] == "nested"
    lon, lat = healpy.pix2ang(nside, np.arange(12 * nside**2), nest=nest, lonlat=True)
    return smooth(SkyCoord(lon, lat, unit="deg", frame=keywords["frame"]))


def smooth(positions):
    x, y, z = positions.icrs.cartesian.xyz.value
    return 37 + 100 * (x * z + y)


def tolerance(nside):
    """Of bilinear interpolation: (pixel side)^2 / 8 times the curvature along both axes."""
    return 2 * 200 * np.pi / 3 / nside**2 / 8 * 2


@pytest.fixture
def field():
    return wcs_for_patch(SkyCoord(30, -50, unit="deg"), 6 * u.deg, 12 * u.arcmin)


def on_grid(wcs, shape):
    y, x = np.indices(shape)
    return wcs.pixel_to_world(x, y)


@pytest.fixture
def stack(camera):
    """Bands that differ in nside, order and frame."""
    return read_healpix({95: (smooth_map(64, GALACTIC), GALACTIC),
                         150: (smooth_map(NSIDE, EQUATORIAL), EQUATORIAL)}, instrument=camera)


def test_bands_of_any_form_on_one_patch(stack, field, camera):
    maps = stack.patch(*field)
    for plane, nside in zip(maps.data, (64, NSIDE)):
        np.testing.assert_allclose(plane, smooth(on_grid(*field)), atol=tolerance(nside))
    assert maps.instrument == camera and maps.data.dtype == np.float32


def test_what_it_says_of_itself(stack):
    assert (stack.nside, stack.frame, len(stack.bands)) == (NSIDE, "icrs", 2)
    assert stack.pixel_size == pytest.approx(healpy.nside2resol(NSIDE, arcmin=True), rel=1e-12)
    assert "95 (nside 64), 150 (nside 128); icrs" in repr(stack)
    assert all(band_map.values.dtype == np.float32 for band_map in stack.maps)


@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
@pytest.mark.parametrize("nest", [False, True], ids=["ring", "nested"])
def test_files_as_read_maps_reads_them(tmp_path, camera, field, nest, partial):
    """Units, holes and pixel numbers are those of `read_maps`, to the last bit."""
    values = np.random.default_rng(5).normal(0, 1e-4, 12 * NSIDE**2)
    vector = healpy.ang2vec(30, -50, lonlat=True)
    outside = np.ones(values.size, bool)
    outside[healpy.query_disc(NSIDE, vector, np.radians(2.5), nest=nest)] = False
    values[outside if partial else slice(10)] = healpy.UNSEEN
    path = str(tmp_path / "sky.fits")
    healpy.write_map(path, values, nest=nest, coord="C", column_units="K_CMB", partial=partial,
                     dtype=np.float64)
    maps = {"150": path}
    read = read_healpix(maps, instrument=camera)
    assert read.maps[0].nested == nest and (read.maps[0].pixels is not None) == partial
    expected = read_maps(maps, instrument=camera, wcs=field[0], shape=field[1])
    np.testing.assert_allclose(read.patch(*field).data, expected.data, rtol=1e-5, atol=1e-3)
    assert np.isnan(expected.data).any() == partial
    assert read_healpix(read, instrument=camera) is read


def test_units(camera):
    values = np.ones(12)
    maps = {95: (values * u.K, GALACTIC), 150: (values, GALACTIC)}
    stack = read_healpix(maps, instrument=camera, unit={150: "mK_CMB"})
    assert [band_map.values[0] for band_map in stack.maps] == pytest.approx([1e6, 1e3])


def test_masked(stack, field):
    """Bad are the pixels of which a neighbour is masked, and no others."""
    center = on_grid(*field)[15, 15]
    distance = on_grid(*field).separation(center).deg
    mask = np.zeros(12 * NSIDE**2, bool)
    disc = HealpixMap(mask, NSIDE, True, "icrs").pixels_around(center, 1 * u.deg)
    mask[disc] = True
    planes = stack.masked((mask, EQUATORIAL)).patch(*field).data
    np.testing.assert_array_equal(*np.isnan(planes))
    pixel = np.degrees(healpy.max_pixrad(NSIDE))
    bad = np.isnan(planes[0])
    assert bad[distance < 1 - pixel].all() and not bad[distance > 1 + 2 * pixel].any()
    np.testing.assert_array_equal(planes[:, ~bad], stack.patch(*field).data[:, ~bad])
    where = HealpixMap(np.zeros(disc.size), NSIDE, True, "icrs", disc)
    both = stack.masked((mask, EQUATORIAL)).masked(where)
    assert np.isnan(both.planes(*field)).all()


def test_part_of_a_stack(stack, field):
    """It holds all that a patch needs, to the last bit, and not much more."""
    center = on_grid(*field)[15, 15]
    part = stack.masked((np.zeros(12, bool), GALACTIC)).around(center, 4.3 * u.deg)
    np.testing.assert_array_equal(part.planes(*field), stack.planes(*field))
    assert sum(band_map.values.size for band_map in part.maps) < 2000


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_tiles_with_data(camera, frame):
    """None with a good pixel is missing, and only neighbours of those are in excess."""
    values = smooth_map(NSIDE, GALACTIC)
    lon, lat = healpy.pix2ang(NSIDE, np.arange(values.size), lonlat=True)
    positions = SkyCoord(lon, lat, unit="deg", frame="galactic")
    seen = positions.separation(SkyCoord(100, 60, unit="deg", frame="galactic")).deg < 12
    stack = read_healpix({150: (np.where(seen, values, np.nan), GALACTIC)}, instrument=camera)
    sky = positions[seen].transform_to(frame).spherical
    holders = set(healpy.ang2pix(8, sky.lon.deg, sky.lat.deg, lonlat=True))
    told = set(stack.tiles_with_data(8, frame))
    around = set(healpy.get_all_neighbours(8, np.array(list(holders))).ravel())
    assert holders <= told <= holders | around
    assert set(stack.masked((seen, GALACTIC)).tiles_with_data(8, frame)) <= told
    everywhere = stack.masked((np.ones(12, bool), GALACTIC))
    assert everywhere.tiles_with_data(8, frame).size == 0


@pytest.mark.parametrize("number", [0, 3, 40, 77, 100, 130, 191], ids=str)
def test_depth_in_a_core(number):
    """Steps of that length stay within the core, or outside, and somewhat longer ones need not."""
    (tile,) = healpix_tiles(4, margin=1 * u.deg, pixel_scale=1 * u.deg, numbers=[number])
    rng = np.random.default_rng(number)
    positions = tile.center.directional_offset_by(rng.uniform(0, 360, 40) * u.deg,
                                                  rng.uniform(0, 12, 40) * u.deg)
    depth = tile.depth(positions)
    np.testing.assert_array_equal(depth > 0, tile.owns(positions))
    assert (depth > 0).any() and (depth < 0).any()
    angles = np.linspace(0, 360, 721)[:, None] * u.deg
    error = 0.005 * np.abs(depth) + 0.004 * u.arcmin
    for length, crosses in ((np.abs(depth) - error, False), (np.abs(depth) + error, True)):
        steps = positions.directional_offset_by(angles, np.maximum(length, 0 * u.deg))
        crossed = tile.owns(steps) != tile.owns(positions)
        np.testing.assert_array_equal(crossed.any(axis=0), crosses)


def test_refuses(camera, stack, field):
    image = {150: (np.ones(field[1]), field[0])}
    with pytest.raises(MapError, match="band '150'.*not HEALPix.*image of shape.*read_maps"):
        read_healpix(image, instrument=camera)
    with pytest.raises(MapError, match="band '150'.*order of the HEALPix map is unknown"):
        read_healpix({150: (np.ones(12), {"frame": "icrs"})}, instrument=camera)
    with pytest.raises(MapError, match="band '95'.*empty"):
        read_healpix({95: (np.full(12, np.nan), GALACTIC)}, instrument=camera)
    with pytest.raises(MapError, match="do not fit the instrument.*1 maps.*95, 150"):
        HealpixStack(stack.maps[:1], instrument=camera)
    with pytest.raises(MapError, match="not the mask of HEALPix maps.*ndarray"):
        stack.masked(np.zeros(12, bool))
    nowhere = stack.masked((np.ones(12, bool), GALACTIC))
    with pytest.raises(MapError, match="band '95'.*no pixel is good"):
        nowhere.patch(*field)
