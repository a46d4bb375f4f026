"""read_maps: every form of input is the same map, in uK_CMB; conventions of the surveys."""

import gzip
from functools import partial

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.wcs import WCS

from szfinder.maps import Instrument, read_maps


def image(values, wcs, *, unit="uK_CMB", hdu=fits.PrimaryHDU):
    header = wcs.to_header()
    header["BUNIT"] = unit
    return hdu(np.asarray(values), header)


def in_second_hdu(values, wcs, path):
    fits.HDUList([fits.PrimaryHDU(), image(values, wcs, hdu=fits.ImageHDU)]).writeto(path)
    return path


def compressed(values, wcs, path):
    lossless = partial(fits.CompImageHDU, quantize_level=0, compression_type="GZIP_1")
    fits.HDUList([fits.PrimaryHDU(), image(values, wcs, hdu=lossless)]).writeto(path)
    return path


def intensity(frequency, temperature):
    """Planck's law in MJy/sr, frequency in GHz."""
    frequency = frequency * 1e9
    x = 6.62607015e-34 * frequency / (1.380649e-23 * temperature)
    return 1e20 * 2 * 6.62607015e-34 * frequency**3 / 299792458.0**2 / np.expm1(x)


MJY_SR_PER_KELVIN = (intensity(150, 2.7256) - intensity(150, 2.7254)) / 2e-4


def zipped(values, wcs, path):
    image(values, wcs).writeto(path)
    path.with_suffix(".fits.gz").write_bytes(gzip.compress(path.read_bytes()))
    return str(path.with_suffix(".fits.gz"))


FORMS = {
    "path": lambda v, w, path: image(v, w).writeto(path) or path,
    "path as text": lambda v, w, path: image(v, w).writeto(path) or str(path),
    "second HDU": in_second_hdu,
    "compressed image": compressed,
    "gzip": zipped,
    "in kelvin": lambda v, w, path: image(v / 1e6, w, unit="K_CMB").writeto(path) or path,
    "in MJy/sr": lambda v, w, path: image(v / 1e6 * MJY_SR_PER_KELVIN, w, unit="MJy/sr"),
    "HDU": lambda v, w, path: image(v, w),
    "HDUList": lambda v, w, path: fits.HDUList([image(v, w)]),
    "array and WCS": lambda v, w, path: (v, w),
    "array and header": lambda v, w, path: (v, w.to_header()),
    "float32": lambda v, w, path: (v.astype(np.float32), w),
    "masked array": lambda v, w, path: (np.ma.array(v, mask=False), w),
    "Quantity": lambda v, w, path: ((v * u.uK).to(u.mK), w),
    "NDData": lambda v, w, path: NDData(v, wcs=w, unit=u.uK),
    "CCDData": lambda v, w, path: CCDData(v / 1e6, wcs=w, unit=u.K),
    "bare array": lambda v, w, path: v,
    "bare Quantity": lambda v, w, path: v * u.uK,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path, camera, patch, noise, form):
    wcs, shape = patch
    source = FORMS[form](noise, wcs, tmp_path / "map.fits")
    stack = read_maps({150: source}, instrument=camera, wcs=wcs if "bare" in form else None)
    np.testing.assert_allclose(stack.data[0], noise, rtol=1e-5, atol=1e-4)
    assert stack.data.dtype == np.float32 and stack.data.dtype.isnative
    assert stack.instrument.names == ("150",) and stack.shape == shape
    corner = stack.wcs.pixel_to_world(0, 0)
    assert corner.separation(wcs.pixel_to_world(0, 0)).arcsec < 1e-5


def test_bands_come_in_the_order_of_the_instrument(camera, patch, noise):
    stack = read_maps({"150": (noise, patch[0]), 95: (2 * noise, patch[0])}, instrument=camera)
    assert stack.instrument == camera
    np.testing.assert_allclose(stack.data[0], 2 * stack.data[1])


def test_a_stack_passes_through(camera, patch, noise):
    stack = read_maps({150: (noise, patch[0])}, instrument=camera)
    assert read_maps(stack, instrument=camera) is stack


def test_instruments_by_name_and_file(tmp_path, camera, patch, noise):
    maps = {150: (noise, patch[0])}
    assert read_maps(maps, instrument="spt3g").instrument.name == "spt3g"
    camera.write(tmp_path / "own.yaml")
    assert read_maps(maps, instrument=tmp_path / "own.yaml").instrument.name == "camera"


def test_pixel_window_can_be_overridden(camera, patch, noise):
    maps = {150: (noise, patch[0])}
    assert not read_maps(maps, instrument=camera).instrument.pixel_window
    assert read_maps(maps, instrument=camera, pixel_window=True).instrument.pixel_window
    assert not read_maps(maps, instrument="spt3g", pixel_window=False).instrument.pixel_window


def test_unit_for_all_or_by_band(tmp_path, camera, patch, noise):
    image(noise, patch[0], unit="furlong").writeto(tmp_path / "map.fits")
    maps = {95: tmp_path / "map.fits", 150: (noise, patch[0])}
    both = read_maps(maps, instrument=camera, unit="mK")
    np.testing.assert_allclose(both.data, 1e3 * np.stack([noise, noise]), rtol=1e-6)
    one = read_maps(maps, instrument=camera, unit={95: "K_CMB"})
    np.testing.assert_allclose(one.data, np.stack([1e6 * noise, noise]), rtol=1e-6)


def test_arrays_are_in_the_unit_of_their_band(tmp_path, patch, noise):
    (tmp_path / "y.yaml").write_text("bands: {150: {frequency: 150, fwhm: 1.2, unit: y}}")
    instrument = Instrument.read(tmp_path / "y.yaml")
    stack = read_maps({150: (noise, patch[0])}, instrument=instrument)
    np.testing.assert_allclose(stack.data[0], instrument[150].tsz_response * noise, rtol=1e-5)


def test_hdu_for_all_or_by_band(tmp_path, camera, patch, noise):
    hdus = fits.HDUList([fits.PrimaryHDU(), image(noise, patch[0], hdu=fits.ImageHDU),
                         image(3 * noise, patch[0], hdu=fits.ImageHDU)])
    hdus[2].name = "THIRD"
    hdus.writeto(tmp_path / "two.fits")
    for hdu in (2, "third", {150: 2}):
        stack = read_maps({150: tmp_path / "two.fits"}, instrument=camera, hdu=hdu)
        np.testing.assert_allclose(stack.data[0], 3 * noise, rtol=1e-6)


def test_masks(camera, patch, noise):
    wcs, shape = patch
    mask = np.zeros(shape, int)
    mask[2] = 1
    masked = NDData(noise, wcs=wcs, mask=np.arange(shape[1]) == 3)
    stack = read_maps({95: masked, 150: (np.ma.masked_greater(noise, 60), wcs)}, instrument=camera,
                      mask=mask)
    assert stack.mask[:, 2].all() and stack.mask[0, :, 3].all()
    np.testing.assert_array_equal(stack.mask[1, 3:], noise[3:] > 60)


# ACT: plate carree maps, cubes of I, Q, U, inverse variance beside the map.

def act_wcs(ra, dec, shape, *, stokes=False):
    """A piece of the full-sky map of ACT: the reference pixel stays at RA 0 on the equator."""
    step = 0.5 / 60
    wcs = WCS(naxis=3 if stokes else 2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR", "STOKES"][:wcs.naxis]
    wcs.wcs.cdelt = [-step, step, 1][:wcs.naxis]
    wcs.wcs.crval = [0, 0, 1][:wcs.naxis]
    wcs.wcs.crpix = [round(shape[1] / 2 + ra / step), round(shape[0] / 2 - dec / step),
                     1][:wcs.naxis]
    return wcs


@pytest.mark.parametrize("ra", [0.02, 180.01, -179.99, 190, 359.9])
def test_act_patches_across_ra_0_and_180(camera, ra):
    """The sky of a pixel and the pixel of a place agree, wherever the reference pixel is."""
    shape = (40, 60)
    stack = read_maps({150: (np.ones(shape), act_wcs(ra, -40, shape))}, instrument=camera)
    x, y = np.array([0, 30, 59, 29]), np.array([0, 20, 39, 19])
    sky = stack.wcs.pixel_to_world(x, y)
    back = stack.wcs.world_to_pixel(sky)
    np.testing.assert_allclose(back, [x, y], atol=1e-6)
    assert sky[3].separation(SkyCoord(ra, -40, unit="deg")).arcmin < 0.5
    assert stack.pixel_scale == pytest.approx((0.5, 0.5 * np.cos(np.deg2rad(40))), rel=1e-3)
    piece = stack.cutout(sky[3], 11)
    assert piece.wcs.pixel_to_world(5, 5).separation(sky[3]).arcsec < 1e-4


@pytest.fixture
def act(tmp_path):
    """The names and files of ACT: I, Q, U in uK and inverse variance."""
    shape = (40, 60)
    rng = np.random.default_rng(5)
    cube = rng.normal(0, 50, (3, *shape)).astype(np.float32)
    ivar = rng.uniform(1, 2, (3, *shape)).astype(np.float32)
    ivar[:, :, :4] = 0
    cube[:, :, :4] = 0
    for name, data, unit in (("map", cube, "uK"), ("map_srcfree", cube - 1, "uK"),
                             ("ivar", ivar, "uK^-2")):
        hdu = image(data, act_wcs(180, 5, shape, stokes=True), unit=unit)
        hdu.writeto(tmp_path / f"act_f150_{name}.fits")
    return tmp_path, cube[0], ivar[0]


@pytest.mark.parametrize("name", ["map", "map_srcfree"])
def test_act_files(act, name):
    folder, temperature, weight = act
    stack = read_maps({150: folder / f"act_f150_{name}.fits"}, instrument="act-dr6", ivar="auto")
    good = weight > 0
    np.testing.assert_array_equal(stack.good, good)
    np.testing.assert_allclose(stack.data[0][good], (temperature - (name != "map"))[good],
                               rtol=1e-6)
    np.testing.assert_array_equal(stack.ivar[0], weight)
    assert stack.wcs.naxis == 2


@pytest.mark.parametrize("cut", [np.s_[0], np.s_[:1], np.s_[:]])
def test_act_weights_of_any_shape(act, cut):
    folder, _, weight = act
    with fits.open(folder / "act_f150_ivar.fits") as hdus:
        data = hdus[0].data[cut]
    stack = read_maps({150: folder / "act_f150_map.fits"}, instrument="act-dr6", ivar={150: data})
    np.testing.assert_array_equal(stack.ivar[0], weight)


def test_weights_are_in_the_unit_of_their_map(camera, patch, noise):
    stack = read_maps({150: (noise / 1e3, patch[0])}, instrument=camera, unit="mK",
                      ivar={150: np.full(noise.shape, 4e6)})
    np.testing.assert_allclose(stack.ivar, 4.0)


def test_stokes_i_wherever_it_is(camera, patch, noise):
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN", "STOKES"]
    wcs.wcs.cdelt, wcs.wcs.crpix, wcs.wcs.crval = [-0.025, 0.025, -1], [20, 20, 1], [3, 4, 2]
    cube = np.stack([np.ones_like(noise), noise])  # Q, I
    np.testing.assert_allclose(read_maps({150: (cube, wcs)}, instrument=camera).data[0], noise,
                               rtol=1e-6)


# SPT: zenithal and Sanson-Flamsteed maps whose border was not observed and is zero.

@pytest.mark.parametrize("projection", ["ZEA", "SFL"])
@pytest.mark.parametrize("width", [1, 30])
def test_spt_border_is_unobserved(tmp_path, projection, width):
    shape = (300, 400)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.cdelt = [-2 / 60, 2 / 60]
    wcs.wcs.crpix = [200.5, 150.5 if projection == "ZEA" else 150.5 + 57.5 * 30]
    wcs.wcs.crval = [352.5, -57.5 if projection == "ZEA" else 0]
    values = np.random.default_rng(8).normal(0, 1e-4, shape)
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    values[border] = 0
    values[100, 100] = 0 if width == 1 else values[100, 100]
    image(values, wcs, unit="K_CMB").writeto(tmp_path / "spt.fits")
    stack = read_maps({150: tmp_path / "spt.fits"}, instrument="spt3g")
    np.testing.assert_array_equal(stack.good, ~border if width > 1 else values != 0)
    center = stack.wcs.pixel_to_world(199.5, 149.5)
    assert center.separation(SkyCoord(352.5, -57.5, unit="deg")).arcsec < 1
    assert stack.pixel_scale == pytest.approx((2, 2), rel=2e-3)


def test_a_few_zeros_inside_are_values(camera, patch, noise):
    noise[10, 10] = noise[0, 0] = noise[1, 1] = 0
    stack = read_maps({150: (noise, patch[0])}, instrument=camera)
    assert stack.data[0, 10, 10] == 0 and stack.mask[0, 0, 0] and stack.mask[0, 1, 1]
    assert stack.mask.sum() == 2


# Planck: the real maps of the Coma field.

def test_planck_coma_field(reference_data):
    """CMB anisotropies of 100 uK rms, the same in all CMB bands, and Coma in its place."""
    folder = reference_data / "planck_hfi_coma"
    stack = read_maps({band: folder / f"map2048_0{band}_0000.fits"
                       for band in (100, 143, 217, 353, 545, 857)}, instrument="planck-hfi")
    assert stack.data.shape == (6, 512, 512) and stack.good.all()
    assert stack.pixel_scale == pytest.approx((1.7177, 1.7177), rel=1e-4)
    y, x = np.mgrid[:512, :512]
    plane = np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)
    flat = stack.data.reshape(6, -1).T
    flat = (flat - plane @ np.linalg.lstsq(plane, flat)[0]).T.reshape(stack.data.shape)
    rms = flat[:3].std(axis=(1, 2))
    assert ((85 < rms) & (rms < 115)).all()
    assert np.corrcoef(flat[0].ravel(), flat[1].ravel())[0, 1] > 0.9
    # a linear combination without CMB: Coma is a decrement at 143 relative to 217 GHz
    x, y = stack.wcs.world_to_pixel(SkyCoord(194.953, 27.981, unit="deg"))
    core = np.s_[int(y) - 3:int(y) + 4, int(x) - 3:int(x) + 4]
    difference = flat[1] - flat[2]
    assert difference[core].mean() < -6 * difference.std() / 2 and difference[core].mean() < -100


def test_planck_units_mixed_in_one_set(tmp_path, reference_data):
    """K_CMB to 353 GHz and MJy/sr above, as Planck publishes them, and all in MJy/sr, agree."""
    folder = reference_data / "planck_hfi_coma"
    paths = {band: folder / f"map2048_0{band}_0000.fits" for band in (143, 857)}
    stack = read_maps(paths, instrument="planck-hfi")
    with fits.open(paths[143]) as hdus:
        hdus[1].data = hdus[1].data / 371.74
        hdus[1].header["BUNIT"] = "K_CMB"
        hdus.writeto(tmp_path / "143.fits")
    mixed = read_maps({143: tmp_path / "143.fits", 857: paths[857]}, instrument="planck-hfi")
    np.testing.assert_allclose(mixed.data, stack.data, rtol=1e-3)
