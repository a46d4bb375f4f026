"""Cutouts: the pixels around the pixel of a cluster, of flat maps and of the sphere."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.testing import assert_array_equal

from szfinder.maps import HealpixMap, HealpixStack, Instrument, MapError, MapStack
from szfinder.mass import MASS_FLAGS
from szfinder.mass.cutouts import cutouts_at

#: Images have 8 x 8 pixels; the bands of the network are 95 and 150, in this order.
BEFORE, AFTER = 4, 3
EDGE, MASKED = MASS_FLAGS["edge"], MASS_FLAGS["masked"]


@pytest.fixture(scope="module")
def preset(make_preset):
    return make_preset()


def at(maps, x, y):
    return SkyCoord(maps.wcs.pixel_to_world(np.atleast_1d(x), np.atleast_1d(y)))


def around(maps, x, y, bands):
    planes = [maps.instrument.names.index(band) for band in bands]
    return maps.data[planes, y - BEFORE : y + AFTER + 1, x - BEFORE : x + AFTER + 1]


@pytest.mark.parametrize("bands", [("95", "150"), ("150", "95"), ("220", "150", "95")])
def test_pixels_around_the_pixel_of_a_cluster(preset, make_maps, bands):
    """In the order of the bands of the network, whichever others there are."""
    maps = make_maps(*bands)
    rng = np.random.default_rng(2)
    x, y = rng.integers(4, 41, 20), rng.integers(4, 37, 20)
    off = rng.uniform(-0.49, 0.49, (2, 20))
    cutouts, flags = cutouts_at(maps, at(maps, x + off[0], y + off[1]), preset)
    assert not flags.any() and cutouts.dtype == np.float32
    for cutout, column, row in zip(cutouts, x, y):
        assert_array_equal(cutout, around(maps, column, row, ["95", "150"]))


def test_between_two_pixels_the_last_digits_do_not_matter(preset, make_maps):
    maps = make_maps("95", "150")
    positions = at(maps, np.full(50, 20.5) + np.linspace(-1e-8, 1e-8, 50), 15)
    cutouts, _ = cutouts_at(maps, positions, preset)
    assert_array_equal(cutouts, np.broadcast_to(around(maps, 21, 15, ["95", "150"]), cutouts.shape))


@pytest.mark.parametrize("axis, length", [(0, 44), (1, 40)])
def test_edge_is_where_an_image_reaches_beyond_the_maps(preset, make_maps, axis, length):
    maps = make_maps("95", "150")
    places = [np.full(length + 20, 20), np.full(length + 20, 20)]
    places[axis] = np.arange(-10, length + 10)
    cutouts, flags = cutouts_at(maps, at(maps, *places), preset)
    inside = (places[axis] >= BEFORE) & (places[axis] < length - AFTER)
    assert_array_equal(flags, np.where(inside, 0, EDGE))
    assert_array_equal(np.isnan(cutouts).all(axis=(1, 2, 3)), ~inside)


def test_positions_that_the_projection_does_not_have(preset, make_maps):
    """On the other side of the sky, a quarter of it away, and nowhere."""
    maps = make_maps("95", "150")
    positions = SkyCoord([210, 120, 30, np.nan], [50, 0, 89, -50], unit="deg")
    _, flags = cutouts_at(maps, positions, preset)
    assert_array_equal(flags, [EDGE] * 4)


def test_positions_in_another_frame(preset, make_maps):
    maps = make_maps("95", "150")
    positions = at(maps, [10, 20], [12, 22])
    assert_array_equal(
        cutouts_at(maps, positions.galactic.icrs, preset)[0], cutouts_at(maps, positions, preset)[0]
    )


@pytest.mark.parametrize("how", ["nan", "mask"])
@pytest.mark.parametrize(
    "dx, dy, inside",
    [(0, 0, True), (-4, 3, True), (3, -4, True), (-5, 0, False), (4, 0, False), (0, 4, False)],
)
def test_bad_pixel(preset, make_maps, how, dx, dy, inside):
    """Anywhere in the image of a cluster, in one of the bands; and not beside it."""
    maps = make_maps("95", "150")
    bad = np.zeros(maps.shape, dtype=bool)
    bad[20 + dy, 21 + dx] = True
    if how == "nan":
        data = maps.data.copy()
        data[1, bad] = np.nan
        maps, bad = MapStack(data, wcs=maps.wcs, instrument=maps.instrument), None
    _, flags = cutouts_at(maps, at(maps, [21, 10], [20, 10]), preset, mask=bad)
    assert_array_equal(flags, [MASKED if inside else 0, 0])


def test_bad_pixel_of_a_band_that_is_not_used(preset, make_maps):
    data = np.random.default_rng(1).normal(size=(3, 40, 44))
    data[1, 20, 21] = np.nan
    maps = make_maps("95", "220", "150", data=data)
    assert_array_equal(cutouts_at(maps, at(maps, 21, 20), preset)[1], [0])


def test_mask_of_another_shape(preset, make_maps):
    maps = make_maps("95", "150")
    with pytest.raises(MapError, match=r"mask does not fit the maps; found shape \(44, 40\)"):
        cutouts_at(maps, at(maps, 21, 20), preset, mask=np.zeros((44, 40), dtype=bool))


def test_position_near_the_equator_of_a_cylindrical_map(preset, make_maps):
    """Across the longitude where the right ascension starts anew."""
    maps = make_maps("95", "150")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
    wcs.wcs.crpix, wcs.wcs.cdelt = maps.wcs.wcs.crpix, maps.wcs.wcs.cdelt
    maps = MapStack(maps.data, wcs=wcs, instrument=maps.instrument)
    positions = SkyCoord([359.9, 0.1], [0.0, 0.0], unit="deg")
    cutouts, flags = cutouts_at(maps, positions, preset)
    x, y = (44 - 1) / 2 + np.array([12, -12]), (40 - 1) / 2
    assert not flags.any()
    for cutout, column in zip(cutouts, np.floor(x + 0.5).astype(int)):
        assert_array_equal(cutout, around(maps, column, int(y + 0.5), ["95", "150"]))


# of the sphere


def smooth(positions, band):
    """Two bumps on the sky, wide against the pixels, one band as high as the number of another."""
    bumps = SkyCoord([30.0, 30.3], [-50.0, -49.9], unit="deg")
    return band * sum(np.exp(-0.5 * (positions.separation(bump).arcmin / 6) ** 2) for bump in bumps)


def sphere(camera, *, nside=8192, radius=0.6):
    """Partial maps of some bands, and the part of them to the east in another frame and order."""
    maps = []
    for number, frame in zip(range(1, len(camera) + 1), ("icrs", "galactic", "icrs")):
        centre = SkyCoord(30.1, -50, unit="deg").transform_to(frame).spherical
        vector = healpy.ang2vec(centre.lon.deg, centre.lat.deg, lonlat=True)
        nested = frame == "galactic"
        pixels = healpy.query_disc(nside, vector, np.radians(radius), nest=nested)
        lon, lat = healpy.pix2ang(nside, pixels, nest=nested, lonlat=True)
        values = smooth(SkyCoord(lon, lat, unit="deg", frame=frame), number)
        maps.append(HealpixMap(values, nside, nested, frame, np.sort(pixels)))
        maps[-1].values[:] = values[np.argsort(pixels)]
    return HealpixStack(maps, instrument=camera)


@pytest.fixture(scope="module")
def bands(preset, make_preset):
    """The bands of maps, in another order than those of the network."""
    from szfinder.maps import Band, Beam

    return Instrument("other", [Band("150", 150.0, Beam.from_fwhm(1.2)),
                                Band("220", 220.0, Beam.from_fwhm(1.0)),
                                Band("95", 95.0, Beam.from_fwhm(1.6))])  # fmt: skip


@pytest.fixture(scope="module")
def partial(bands):
    return sphere(bands)


def test_sphere_around_a_position(preset, partial):
    """As the sky is at the pixels of a patch with north up and the cluster in the middle one."""
    positions = SkyCoord([30.0, 30.25, 30.02], [-50.0, -49.93, -50.11], unit="deg")
    cutouts, flags = cutouts_at(partial, positions, preset)
    assert not flags.any() and cutouts.shape == (3, 2, 8, 8)
    offset = (np.arange(8) - 4) * 0.5 * u.arcmin
    for cutout, position in zip(cutouts, positions):
        east, north = np.meshgrid(-offset, offset)
        grid = position.directional_offset_by(
            np.arctan2(east, north), np.hypot(east, north).to(u.deg)
        )
        for plane, number in zip(cutout, (3, 1)):
            np.testing.assert_allclose(plane, smooth(grid, number), atol=0.01 * number)


def test_sphere_as_flat_maps(preset, partial, make_maps):
    """Of the flat maps that the sphere is read onto: the same cutouts, to the interpolation."""
    flat = partial.patch(make_maps("95").wcs, (40, 44))
    positions = at(flat, [12, 21, 33], [9, 20, 31])
    expected, _ = cutouts_at(flat, positions, preset)
    found, _ = cutouts_at(partial, positions, preset)
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert expected.max() > 2


def test_sphere_where_there_are_no_maps(preset, partial):
    """Beyond a partial map, across its border, and nowhere."""
    positions = SkyCoord([30.0, 210.0, 30.1, np.nan], [-50, 50.0, -50.6, -50], unit="deg")
    _, flags = cutouts_at(partial, positions, preset)
    assert_array_equal(flags, [0, MASKED, MASKED, MASKED])


def test_sphere_with_a_mask(preset, partial):
    positions = SkyCoord([30.0, 30.25], [-50.0, -49.93], unit="deg")
    mask = np.zeros(12 * 512**2, dtype=bool)
    mask[healpy.ang2pix(512, 30.0, -50.0, lonlat=True)] = True
    known = mask, {"order": "ring", "frame": "icrs"}
    for images in (cutouts_at(partial.masked(known), positions, preset),
                   cutouts_at(partial, positions, preset, mask=known)):  # fmt: skip
        assert_array_equal(images[1], [MASKED, 0])
    with pytest.raises(MapError, match="not the mask of HEALPix maps"):
        cutouts_at(partial, positions, preset, mask=mask)


@pytest.mark.parametrize("n", [0, 1])
def test_sphere_without_a_band(preset, partial, bands, n):
    """Said even where there is no cluster."""
    positions = SkyCoord([30.0] * n, [-50.0] * n, unit="deg")
    other = HealpixStack(partial.maps[:2], instrument=bands.select(["150", "220"]))
    with pytest.raises(MapError, match="preset 'by-hand': .*band '95' .*is not among '150'"):
        cutouts_at(other, positions, preset)
    assert cutouts_at(partial, positions[:0], preset)[0].shape == (0, 2, 8, 8)


def test_sphere_with_finer_pixels_is_averaged(preset, bands):
    """White noise in pixels of a quarter of those of the network scatters less in these."""
    pixels = np.sort(healpy.query_disc(16384, healpy.ang2vec(30, -50, lonlat=True), 0.003))
    noise = np.random.default_rng(3).normal(size=(3, pixels.size))
    maps = HealpixStack([HealpixMap(values, 16384, False, "icrs", pixels) for values in noise],
                        instrument=bands)  # fmt: skip
    positions = SkyCoord(np.linspace(29.9, 30.1, 40), np.full(40, -50.0), unit="deg")
    cutouts, flags = cutouts_at(maps, positions, preset)
    assert not flags.any()
    # in pixels of 0.5 arcmin there are 5.4 of these: the mean of two by two points is nearly theirs
    assert cutouts.std() == pytest.approx(np.sqrt(1 / 5.4), rel=0.15)


def test_sphere_with_pixels_that_are_too_coarse(preset, bands):
    """Of 0.86 arcmin, where those of the network have 0.5."""
    message = "'95': .*too coarse .*'by-hand'; .*nside 4096, .*0.86 .* 0.5"
    with pytest.raises(MapError, match=message):
        cutouts_at(sphere(bands, nside=4096), SkyCoord([30.0], [-50.0], unit="deg"), preset)
