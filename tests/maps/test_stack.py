"""The map stack: one truth about good pixels, scales on the sky, pieces."""

import copy
import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty
from astropy.wcs import WCS

from szfinder.maps import MapError, MapStack, wcs_for_patch


@pytest.fixture
def stack(camera, patch):
    wcs, shape = patch
    rng = np.random.default_rng(1)
    data = rng.normal(0, 50, (2, *shape))
    data[1, 3, 4] = np.inf
    mask = np.zeros(shape, bool)
    mask[10, 10] = True
    ivar = rng.uniform(0.5, 1, (2, *shape))
    ivar[0, 0] = 0
    return MapStack(data, wcs=wcs, instrument=camera, mask=mask, uncertainty=ivar)


def test_contract(stack, camera, patch):
    shape = patch[1]
    assert isinstance(stack, NDData)
    assert stack.data.shape == (2, *shape) and stack.shape == shape and stack.n_band == 2
    assert stack.data.dtype == np.float32
    assert stack.unit == u.uK
    assert stack.meta["instrument"] is stack.instrument is camera
    assert stack.bands == camera.bands
    assert isinstance(stack.uncertainty, InverseVariance)
    assert stack.uncertainty.unit == u.uK**-2
    assert stack.ivar.shape == stack.mask.shape == stack.data.shape


def test_bad_pixels_are_nan_masked_and_without_weight(stack):
    np.testing.assert_array_equal(stack.mask, np.isnan(stack.data))
    np.testing.assert_array_equal(stack.mask, stack.ivar == 0)
    assert stack.mask[1, 3, 4] and not stack.mask[0, 3, 4]
    assert stack.mask[:, 10, 10].all()
    assert stack.mask[0, 0].all() and not stack.mask[1, 0].any()
    np.testing.assert_array_equal(stack.good, ~stack.mask.any(axis=0))


def test_the_input_is_left_alone(camera, patch):
    wcs, shape = patch
    data = np.ones((2, *shape), dtype=np.float32)
    mask = np.zeros(shape, bool)
    mask[5] = True
    meta = {"field": "here", "instrument": camera}
    stack = MapStack(data, wcs=wcs, mask=mask, meta=meta)
    assert (data == 1).all() and stack.meta is not meta and stack.meta["field"] == "here"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy,
                                       lambda stack: pickle.loads(pickle.dumps(stack))])
def test_copies(stack, duplicate):
    other = duplicate(stack)
    np.testing.assert_array_equal(other.data, stack.data)
    np.testing.assert_array_equal(other.ivar, stack.ivar)
    assert other.instrument == stack.instrument
    assert other.pixel_scale == stack.pixel_scale
    assert repr(other) == repr(stack) == str(stack)
    assert "camera, bands 95, 150; 40 x 50 pixels of 1.5 x 1.5 arcmin" in repr(stack)


def test_select(stack):
    one = stack.select([150])
    assert one.instrument.names == ("150",)
    np.testing.assert_array_equal(one.data[0], stack.data[1])
    np.testing.assert_array_equal(one.ivar[0], stack.ivar[1])
    assert stack.select(["150", "95"]).instrument == stack.instrument
    with pytest.raises(MapError, match="no such band"):
        stack.select(["220"])


def test_cutout_keeps_pixels_and_sky(stack):
    center = stack.wcs.pixel_to_world(20, 15)
    piece = stack.cutout(center, (9, 11))
    np.testing.assert_array_equal(piece.data, stack.data[:, 11:20, 15:26])
    np.testing.assert_array_equal(piece.ivar, stack.ivar[:, 11:20, 15:26])
    assert piece.wcs.pixel_to_world(5, 4).separation(center).arcsec < 1e-6
    assert piece.instrument is stack.instrument


def test_cutout_over_the_edge_is_nan_there(stack):
    piece = stack.cutout(stack.wcs.pixel_to_world(1, 15), 9)
    assert piece.shape == (9, 9)
    assert piece.mask[:, :, :3].all() and (piece.ivar[:, :, :3] == 0).all()
    np.testing.assert_array_equal(piece.data[:, :, 3:], stack.data[:, 11:20, :6])
    with pytest.raises(MapError, match="outside the maps"):
        stack.cutout(SkyCoord(200, 10, unit="deg"), 9)


def car(dec, *, crval=0.0, shape=(60, 60), step=0.5):
    """A plate carree map of `shape`, as ACT writes them, centred at RA crval and dec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.crval = [crval, 0]
    wcs.wcs.cdelt = [-step / 60, step / 60]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2 - dec * 60 / step]
    return wcs


@pytest.mark.parametrize("dec", [0, -40, 60])
@pytest.mark.parametrize("crval", [0, 180, 77.3])
def test_pixels_of_a_car_map_narrow_with_declination(camera, dec, crval):
    shape = (60, 60)
    stack = MapStack(np.ones((2, *shape)), wcs=car(dec, crval=crval), instrument=camera)
    dy, dx = stack.pixel_scale
    assert dy == pytest.approx(0.5, rel=1e-5)
    assert dx == pytest.approx(0.5 * np.cos(np.deg2rad(dec)), rel=1e-5)
    center = stack.wcs.pixel_to_world(29.5, 29.5)
    assert center.separation(SkyCoord(crval, dec, unit="deg")).arcsec < 1e-6


@pytest.mark.parametrize("projection", ["TAN", "ZEA", "STG"])
@pytest.mark.parametrize("ra", [0, 180, 359.99])
def test_pixel_scale_of_zenithal_maps(camera, projection, ra):
    wcs, shape = wcs_for_patch(SkyCoord(ra, -57.5, unit="deg"), 2 * u.deg, 0.5 * u.arcmin,
                               projection=projection)
    stack = MapStack(np.ones((2, *shape)), wcs=wcs, instrument=camera)
    assert stack.pixel_scale == pytest.approx((0.5, 0.5), rel=1e-5)


def test_pixel_scale_of_a_flipped_and_rotated_map(camera):
    wcs, shape = wcs_for_patch(SkyCoord(10, 20, unit="deg"), 1 * u.deg, 0.5 * u.arcmin)
    angle = np.deg2rad(30)
    wcs.wcs.cdelt = np.abs(wcs.wcs.cdelt)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    stack = MapStack(np.ones((2, *shape)), wcs=wcs, instrument=camera)
    assert stack.pixel_scale == pytest.approx((0.5, 0.5), rel=1e-5)


def test_stokes_axis_of_the_wcs_is_dropped(camera):
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN", "STOKES"]
    wcs.wcs.cdelt = [-0.01, 0.01, 1]
    wcs.wcs.crpix = [10, 10, 1]
    wcs.wcs.crval = [20, 30, 1]
    assert MapStack(np.ones((2, 20, 20)), wcs=wcs, instrument=camera).wcs.naxis == 2


def test_bad_input(camera, patch):
    wcs, shape = patch
    ones = np.ones((2, *shape))
    with pytest.raises(MapError, match="do not fit the instrument.*bands 95, 150"):
        MapStack(ones[:1], wcs=wcs, instrument=camera)
    with pytest.raises(MapError, match="no instrument"):
        MapStack(ones, wcs=wcs)
    with pytest.raises(MapError, match="no WCS"):
        MapStack(ones, wcs=None, instrument=camera)
    with pytest.raises(MapError, match="mask does not fit"):
        MapStack(ones, wcs=wcs, instrument=camera, mask=np.zeros((3, 3), bool))
    with pytest.raises(MapError, match="inverse variance does not fit"):
        MapStack(ones, wcs=wcs, instrument=camera, uncertainty=np.ones((3, 3)))
    with pytest.raises(MapError, match="represent_as"):
        MapStack(ones, wcs=wcs, instrument=camera, uncertainty=StdDevUncertainty(ones))
    ones[1] = np.nan
    with pytest.raises(MapError, match="band '150': the map is empty"):
        MapStack(ones, wcs=wcs, instrument=camera)
