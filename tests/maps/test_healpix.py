"""HEALPix maps of a known function, read onto a patch in every form in which they come.

The function is the real spherical harmonic of degree 2 and order 1, sin(lat) cos(lat) cos(lon), in
the frame of the map, and a constant, so that it is nowhere zero for long; bilinear interpolation of
it is right to a small fraction of its range.
"""

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from szfinder.maps import MapError, read_maps, wcs_for_patch

NSIDE = 256
TOLERANCE = 100 * 2e-5  # (pixel side)^2 / 8 times the curvature, and float32
FRAMES = {"G": "galactic", "C": "icrs", "E": "barycentricmeanecliptic"}


def harmonic(lon, lat):
    return 37 + 100 * np.sin(lat) * np.cos(lat) * np.cos(lon)


def whole_map(nest):
    theta, lon = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), nest=nest)
    return harmonic(lon, np.pi / 2 - theta)


def on_patch(wcs, shape, frame):
    y, x = np.mgrid[:shape[0], :shape[1]]
    sky = wcs.pixel_to_world(x, y).transform_to(frame).spherical
    return harmonic(sky.lon.rad, sky.lat.rad)


def around(pixels_of, radius, *, nest, frame):
    """Numbers of the HEALPix pixels within `radius` (radians) of the middle of a patch."""
    wcs, shape = pixels_of
    center = wcs.pixel_to_world((shape[1] - 1) / 2, (shape[0] - 1) / 2).transform_to(frame)
    vector = healpy.ang2vec(center.spherical.lon.deg, center.spherical.lat.deg, lonlat=True)
    return np.sort(healpy.query_disc(NSIDE, vector, radius, nest=nest))


def write(path, values, **options):
    healpy.write_map(str(path), values.astype(np.float32), dtype=np.float32, column_names=["I"],
                     column_units="uK_CMB", overwrite=True, **options)


@pytest.fixture(params=[(0, -50), (180, 10), (266, -29)], ids=["RA 0", "RA 180", "Galaxy"])
def place(request):
    """Patches across RA 0, RA 180 and Galactic longitude 0."""
    from astropy import units as u
    return wcs_for_patch(SkyCoord(*request.param, unit="deg"), 3 * u.deg, 6 * u.arcmin)


@pytest.mark.parametrize("coord", FRAMES)
@pytest.mark.parametrize("nest", [False, True], ids=["ring", "nested"])
def test_whole_files(tmp_path, camera, place, nest, coord):
    write(tmp_path / "sky.fits", whole_map(nest), nest=nest, coord=coord)
    stack = read_maps({95: tmp_path / "sky.fits"}, instrument=camera, wcs=place[0], shape=place[1])
    np.testing.assert_allclose(stack.data[0], on_patch(*place, FRAMES[coord]), atol=TOLERANCE)
    assert stack.shape == place[1] and stack.wcs.wcs.ctype[0] == "RA---TAN"


@pytest.mark.parametrize("coord", ["G", "C"])
@pytest.mark.parametrize("nest", [False, True], ids=["ring", "nested"])
def test_partial_files(tmp_path, camera, place, nest, coord):
    """Explicitly indexed files: the patch as far as the pixels reach, NaN beyond."""
    values = np.full(12 * NSIDE**2, healpy.UNSEEN)
    seen = around(place, np.deg2rad(1.2), nest=nest, frame=FRAMES[coord])
    values[seen] = whole_map(nest)[seen]
    write(tmp_path / "part.fits", values, nest=nest, coord=coord, partial=True)
    assert fits.getval(tmp_path / "part.fits", "INDXSCHM", 1) == "EXPLICIT"
    plane = read_maps({95: tmp_path / "part.fits"}, instrument=camera, wcs=place[0],
                      shape=place[1]).data[0]
    expected = on_patch(*place, FRAMES[coord])
    good = np.isfinite(plane)
    np.testing.assert_allclose(plane[good], expected[good], atol=TOLERANCE)
    y, x = np.mgrid[:plane.shape[0], :plane.shape[1]]
    radius = place[0].pixel_to_world(x, y).separation(place[0].pixel_to_world(14.5, 14.5)).deg
    assert good[radius < 0.8].all() and not good[radius > 1.5].any()


@pytest.mark.parametrize("hole", [healpy.UNSEEN, np.nan, np.inf, -np.inf])
def test_holes_do_not_leak(camera, place, hole):
    values = whole_map(False)
    values[around(place, np.deg2rad(0.5), nest=False, frame="icrs")] = hole
    plane = read_maps({95: (values, {"order": "ring", "frame": "icrs"})}, instrument=camera,
                      wcs=place[0], shape=place[1]).data[0]
    good = np.isfinite(plane)
    assert 0.7 < good.mean() < 0.95 and not good[13:17, 13:17].any()
    np.testing.assert_allclose(plane[good], on_patch(*place, "icrs")[good], atol=TOLERANCE)


def test_zeros_over_much_of_the_map_are_unobserved(camera, place):
    values = np.zeros(12 * NSIDE**2, dtype=np.float32)
    seen = around(place, np.deg2rad(1.2), nest=True, frame="icrs")
    values[seen] = 500 + whole_map(True)[seen]
    plane = read_maps({95: (values, {"order": "nested", "frame": "icrs"})}, instrument=camera,
                      wcs=place[0], shape=place[1]).data[0]
    assert np.nanmin(plane) > 400 and 0.1 < np.isfinite(plane).mean() < 0.9


def test_arrays(camera, place):
    """Whole and partial arrays of two orders, frames and nside are one sky."""
    pixels = np.random.default_rng(0).permutation(around(place, 0.06, nest=True, frame="icrs"))
    rotated = healpy.Rotator(coord="CG").rotate_map_pixel(whole_map(False))
    stack = read_maps({
        95: (whole_map(True)[pixels], {"order": "NESTED", "frame": "equatorial", "nside": NSIDE,
                                       "pixels": pixels}),
        150: (rotated, {"order": "ring", "frame": "galactic"}),
    }, instrument=camera, wcs=place[0], shape=place[1])
    np.testing.assert_allclose(stack.data[0], on_patch(*place, "icrs"), atol=TOLERANCE)
    np.testing.assert_allclose(stack.data[1], on_patch(*place, "icrs"), atol=2 * TOLERANCE)


def test_galactic_patch(camera):
    from astropy import units as u
    wcs, shape = wcs_for_patch(SkyCoord(0, 60, unit="deg", frame="galactic"), [2, 3] * u.deg,
                               6 * u.arcmin)
    assert list(wcs.wcs.ctype) == ["GLON-TAN", "GLAT-TAN"] and shape == (20, 30)
    plane = read_maps({95: (whole_map(False), {"order": "ring", "frame": "galactic"})},
                      instrument=camera, wcs=wcs, shape=shape).data[0]
    np.testing.assert_allclose(plane, on_patch(wcs, shape, "galactic"), atol=TOLERANCE)


def test_pixels_off_the_sky_are_bad(camera):
    """The corners of an all-sky Aitoff map."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt, wcs.wcs.crpix = ["RA---AIT", "DEC--AIT"], [-6, 6], [30.5, 15.5]
    plane = read_maps({95: (whole_map(False), {"order": "ring", "frame": "icrs"})},
                      instrument=camera, wcs=wcs, shape=(30, 60)).data[0]
    assert np.isnan(plane[0, 0]) and np.isfinite(plane[15, 30])


def test_what_the_file_says_can_be_overridden(tmp_path, camera, place):
    write(tmp_path / "sky.fits", whole_map(True), nest=True, coord="G")
    with fits.open(tmp_path / "sky.fits", mode="update") as hdus:
        del hdus[1].header["COORDSYS"]
    options = {"instrument": camera, "wcs": place[0], "shape": place[1]}
    with pytest.raises(MapError, match="'95', .*sky.fits: the frame.*{'frame': ...}"):
        read_maps({95: tmp_path / "sky.fits"}, **options)
    plane = read_maps({95: (tmp_path / "sky.fits", {"frame": "galactic"})}, **options).data[0]
    np.testing.assert_allclose(plane, on_patch(*place, "galactic"), atol=TOLERANCE)


def test_stokes_i_is_the_first_column(tmp_path, camera, place):
    maps = [whole_map(False).astype(np.float32), *np.ones((2, 12 * NSIDE**2), np.float32)]
    healpy.write_map(str(tmp_path / "iqu.fits"), maps, dtype=np.float32, coord="C",
                     column_units="K_CMB")
    options = {"instrument": camera, "wcs": place[0], "shape": place[1]}
    plane = read_maps({95: tmp_path / "iqu.fits"}, **options).data[0]
    np.testing.assert_allclose(plane, 1e6 * on_patch(*place, "icrs"), atol=1e6 * TOLERANCE)
    column = fits.getval(tmp_path / "iqu.fits", "TTYPE2", 1)
    q = read_maps({95: (tmp_path / "iqu.fits", {"column": column})}, **options).data[0]
    np.testing.assert_allclose(q, 1e6, rtol=1e-5)
    with pytest.raises(MapError, match="no such column; found 'V'"):
        read_maps({95: (tmp_path / "iqu.fits", {"column": "V"})}, **options)


WHOLE = {"order": "ring", "frame": "icrs"}


@pytest.mark.parametrize("values, keywords, words", [
    (np.ones(100), WHOLE, "not whole; found 100 pixels"),
    (np.ones(48), {**WHOLE, "nside": 4}, "not whole"),
    (np.ones(48), {"frame": "icrs"}, "the order of the HEALPix map is unknown"),
    (np.ones(48), {"order": "ring", "frame": "lunar"}, "the frame.*found 'lunar'"),
    (np.ones(48), {**WHOLE, "nest": True}, "unknown HEALPix keyword; found nest"),
    (np.ones(3), {**WHOLE, "pixels": [1, 2, 3]}, "nside None"),
    (np.ones(3), {**WHOLE, "pixels": [1, 2], "nside": 2}, "one number a value"),
    (np.ones(3), {**WHOLE, "pixels": [1, 2, 3], "nside": 0}, "impossible nside"),
    (np.ones(108), {**WHOLE, "order": "nested"}, "impossible nside.*found 3.*power of 2"),
    (np.ones(3), {**WHOLE, "pixels": [1, 2, 48], "nside": 2}, "expected 0 to 47"),
    (np.full(48, healpy.UNSEEN), WHOLE, "map is empty here"),
    (np.ones(48), None, "neither order nor frame"),
])
def test_bad_arrays(camera, place, values, keywords, words):
    source = values if keywords is None else (values, keywords)
    with pytest.raises(MapError, match=words) as error:
        read_maps({95: source}, instrument=camera, wcs=place[0], shape=place[1])
    assert error.value.band == "95"


def test_a_patch_is_needed(camera):
    with pytest.raises(MapError, match=r"'95'.*pass wcs=... and shape=.*wcs_for_patch"):
        read_maps({95: (np.ones(48), WHOLE)}, instrument=camera)
    with pytest.raises(MapError, match=r"not the shape of a map"):
        read_maps({95: (np.ones(48), WHOLE)}, instrument=camera, wcs=WCS(naxis=2), shape=(0, 3))
