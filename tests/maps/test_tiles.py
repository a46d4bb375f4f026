"""Every pixel has one owner, and a piece lies where it lay in the whole."""

import pickle

import numpy as np
import pytest
from astropy.wcs import WCS, DistortionLookupTable, Sip
from hypothesis import given
from hypothesis import strategies as st

from szfinder.maps import Band, Beam, Instrument, MapStack
from szfinder.maps.strided_wcs import strided_wcs
from szfinder.maps.tiles import divide, piece, piece_maker

SIDES = st.integers(1, 60)
BOX = slice(40, 90), slice(120, 200)


@given(shape=st.tuples(SIDES, SIDES), block=st.tuples(SIDES, SIDES), margin=st.integers(0, 20),
       step=st.integers(1, 7))
def test_every_pixel_has_one_owner(shape, block, margin, step):
    tiles = divide(shape, block, margin, step=step)
    assert [tile.number for tile in tiles] == list(range(len(tiles)))
    owners = np.zeros(shape, int)
    for tile in tiles:
        owners[tile.core] += 1
        context = np.zeros(shape, bool)
        context[tile.box] = True
        for side, core, box, n in zip(block, tile.core, tile.box, shape):
            assert 0 < core.stop - core.start <= side
            assert box.start % step == 0 and 0 <= box.start <= max(core.start - margin, 0)
            assert box.start > core.start - margin - step
            assert box.stop == min(core.stop + margin, n)
    assert (owners == 1).all()
    assert len(tiles) == np.prod(np.ceil(np.divide(shape, block)))
    for axis in (0, 1):
        sides = {tile.core[axis].stop - tile.core[axis].start for tile in tiles}
        assert max(sides) - min(sides) <= 1


@given(shape=st.tuples(SIDES, SIDES), block=st.tuples(SIDES, SIDES), seed=st.integers(0, 99))
def test_depth(shape, block, seed):
    """Positive within one core, and elsewhere minus the distance to it; no depth at the border."""
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(-0.5, np.array(shape) - 0.5, (50, 2)).T
    tiles = divide(shape, block, margin=3)
    depths = np.array([tile.depth(x, y) for tile in tiles])
    np.testing.assert_array_equal((depths > 0).sum(axis=0), 1)
    for tile, depth in zip(tiles, depths):
        rows, columns = tile.core
        inside = ((y > rows.start - 0.5) & (y < rows.stop - 0.5)
                  & (x > columns.start - 0.5) & (x < columns.stop - 0.5))
        np.testing.assert_array_equal(depth > 0, inside)
    (alone,) = divide(shape, shape, margin=3)
    assert np.isinf(alone.depth(x, y)).all()


def test_depth_is_a_distance():
    tile = divide((30, 30), (10, 10), margin=5)[4]
    x, y = np.array([9.5, 9.0, 10.0, 14.5, 14.5]), np.array([14.5, 14.5, 18.7, 14.5, 19.6])
    np.testing.assert_allclose(tile.depth(x, y), [0, -0.5, 0.5, 5, -0.1], atol=1e-12)


@pytest.mark.parametrize("block_size", [100, (100,), (0, 10), (10, -1), (10.5, 10), "large",
                                        (1, 2, 3)])
def test_refuses_impossible_blocks(block_size):
    with pytest.raises(ValueError, match="block_size must be .*found"):
        divide((50, 50), block_size, 3)


def make_wcs(kind):
    wcs = WCS(naxis=2)
    axes = ("GLON-", "GLAT-") if kind == "galactic" else ("RA---", "DEC--")
    code = {"CAR": "CAR", "galactic": "ZEA"}.get(kind, "TAN")
    wcs.wcs.ctype = [axis + code for axis in axes]
    wcs.wcs.crval = (0, 0) if kind == "CAR" else (30.12345, -50.54321)
    wcs.wcs.crpix = (-300, 70.5) if kind == "CAR" else (81.2, 40.7)
    wcs.wcs.cdelt = -0.6 / 60, 0.6 / 60
    if kind == "rotated CD":
        wcs.wcs.cd = 0.01 * np.array([[-0.6, 0.8], [0.8, 0.6]])
    if kind == "SIP":
        wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
        a, b = 1e-5 * np.random.default_rng(1).standard_normal((2, 3, 3))
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    if kind == "table":
        table = np.random.default_rng(2).standard_normal((12, 25)).astype(np.float32)
        wcs.cpdis1 = DistortionLookupTable(table, (1, 1), (1, 1), (10, 10))
    wcs.wcs.set()
    return wcs


@pytest.mark.parametrize("kind", ["TAN", "CAR", "galactic", "rotated CD", "SIP", "table"])
def test_pieces_keep_their_place_on_the_sky(kind):
    whole = make_wcs(kind)
    y, x = np.mgrid[40:90:9, 120:200:11]
    shifted = strided_wcs(whole, (120, 40))
    there, here = whole.pixel_to_world(x, y), shifted.pixel_to_world(x - 120, y - 40)
    assert there.separation(here).arcsec.max() < 1e-6


def make_maps(shape=(100, 220), wcs=None):
    rng = np.random.default_rng(4)
    instrument = Instrument("camera", [Band("95", 95.0, Beam.from_fwhm(1.5)),
                                       Band("150", 150.0, Beam.from_fwhm(1.2))])
    ivar = rng.uniform(-0.2, 1, (2, *shape))
    return MapStack(rng.standard_normal((2, *shape)), wcs=wcs or make_wcs("TAN"),
                    instrument=instrument, uncertainty=ivar, meta={"field": "deep"})


def test_piece():
    maps = make_maps()
    part = piece(maps, BOX)
    assert part.shape == (50, 80)
    np.testing.assert_array_equal(part.data, maps.data[:, 40:90, 120:200])
    np.testing.assert_array_equal(part.mask, maps.mask[:, 40:90, 120:200])
    np.testing.assert_array_equal(part.ivar, maps.ivar[:, 40:90, 120:200])
    assert part.instrument == maps.instrument and part.meta["field"] == "deep"
    there, here = maps.wcs.pixel_to_world(150, 60), part.wcs.pixel_to_world(30, 20)
    assert there.separation(here).arcsec < 1e-6


def test_a_piece_of_the_whole_sky_reaches_its_far_side():
    """The reference of the WCS is half a turn away; positions come back to their own pixels."""
    wcs = make_wcs("CAR")
    wcs.wcs.crpix = 1, 45.5
    wcs.wcs.cdelt = -1, 1
    maps = make_maps((90, 360), wcs)
    part = piece(maps, (slice(20, 60), slice(300, 360)))
    x, y = np.array([0.0, 30.3, 59.0]), np.array([5.0, 20.0, 39.0])
    sky = part.wcs.pixel_to_world(x, y)
    np.testing.assert_allclose(part.wcs.world_to_pixel(sky), [x, y], atol=1e-6)
    assert sky.separation(maps.wcs.pixel_to_world(x + 300, y + 20)).arcsec.max() < 1e-6


@pytest.mark.parametrize("kind", ["TAN", "rotated CD", "SIP"])
def test_another_process_sees_the_same_piece(kind):
    make = piece_maker(make_maps(wcs=make_wcs(kind)), BOX)
    here, there = make(), pickle.loads(pickle.dumps(make))()
    np.testing.assert_array_equal(there.data, here.data)
    assert there.pixel_scale == here.pixel_scale
    x, y = np.random.default_rng(5).uniform(0, 50, (2, 40))
    one, other = here.wcs.pixel_to_world(x, y), there.wcs.pixel_to_world(x, y)
    np.testing.assert_array_equal(one.ra.deg, other.ra.deg)
    np.testing.assert_array_equal(one.dec.deg, other.dec.deg)
