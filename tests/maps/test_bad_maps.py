"""Each kind of bad input ends in one MapError that names the band, the file and what to do."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from szfinder.maps import MapError, read_maps, wcs_for_patch


def write(path, values, wcs=None, unit="uK_CMB", **header):
    hdu = fits.PrimaryHDU(values, None if wcs is None else wcs.to_header())
    if unit is not None:
        hdu.header["BUNIT"] = unit
    hdu.header.update(header)
    hdu.writeto(path)
    return path


@pytest.fixture
def refuse(camera):
    """Read maps and return the message of the MapError, which must name the band and the file."""
    def refuse(maps, *, band="150", file=None, **options):
        with pytest.raises(MapError) as error:
            read_maps(maps, **{"instrument": camera, **options})
        assert error.value.band == band
        assert file is None or (error.value.file == str(file) and str(file) in str(error.value))
        assert band is None or repr(band) in str(error.value)
        return str(error.value)
    return refuse


@pytest.fixture
def good(tmp_path, patch, noise):
    return write(tmp_path / "good.fits", noise, patch[0])


def shifted(wcs):
    wcs = wcs.deepcopy()
    wcs.wcs.crpix += 0.05
    return wcs


def other_scale(wcs):
    wcs = wcs.deepcopy()
    wcs.wcs.cdelt *= 1.002
    return wcs


def flipped(wcs):
    wcs = wcs.deepcopy()
    wcs.wcs.cdelt *= [-1, 1]
    return wcs


@pytest.mark.parametrize("change", [shifted, other_scale, flipped])
def test_different_grids(tmp_path, refuse, good, patch, noise, change):
    path = write(tmp_path / "other.fits", noise, change(patch[0]))
    message = refuse({95: good, 150: path}, file=path)
    assert "different grids" in message and "reproject" in message


def test_different_shapes(tmp_path, refuse, good, patch, noise):
    path = write(tmp_path / "other.fits", noise[:-1], patch[0])
    message = refuse({95: good, 150: path}, file=path)
    assert "different grids" in message and "(39, 50)" in message and "(40, 50)" in message


def test_images_must_be_on_the_grid_asked_for(refuse, good, patch):
    message = refuse({150: good}, wcs=shifted(patch[0]), shape=patch[1], file=good)
    assert "different grids" in message


def test_one_grid_written_in_two_ways(tmp_path, camera, good, patch, noise):
    """The same pixels from another reference pixel are the same grid."""
    wcs, shape = wcs_for_patch(SkyCoord(0.2, 0, unit="deg"), 1 * u.deg, 1.5 * u.arcmin,
                               projection="CAR")
    other = wcs.deepcopy()
    other.wcs.crval, other.wcs.crpix = [0.2 - 10 * 0.025, 0], wcs.wcs.crpix + [10, 0]
    maps = {95: (noise[:, :40], wcs), 150: (noise[:, :40], other)}
    assert read_maps(maps, instrument=camera).shape == shape


@pytest.mark.parametrize("unit", ["furlong", "K_RJ", "Jy/beam"])
def test_unknown_unit(tmp_path, refuse, patch, noise, unit):
    path = write(tmp_path / "map.fits", noise, patch[0], unit)
    message = refuse({150: path}, file=path)
    assert f"unknown unit; found '{unit}'" in message and "pass unit=" in message
    assert "unknown unit" in refuse({150: (noise, patch[0])}, unit=unit)


@pytest.mark.parametrize("unit", [None, "", "  "])
def test_no_unit(tmp_path, refuse, patch, noise, unit):
    path = write(tmp_path / "map.fits", noise, patch[0], unit)
    message = refuse({150: path}, file=path)
    assert "states no unit" in message and "pass unit=" in message
    with fits.open(path) as hdus:
        assert "states no unit" in refuse({150: hdus[0]}, file="<PrimaryHDU>")


def test_bands(refuse, good, patch, noise):
    assert "expected one of 95, 150" in refuse({"143": good}, band="143")
    assert "no maps given; expected some of 95, 150" in refuse({}, band=None)
    assert "not named by their bands" in refuse([good], band=None)
    assert "named twice" in refuse({150: good, "150": good}, band=None)
    assert "no map" in refuse({95: good, 150: None})
    assert "no such band" in refuse({150: good}, unit={"143": "K"}, band="143")


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_empty_maps(tmp_path, refuse, patch, value):
    path = write(tmp_path / "map.fits", np.full(patch[1], value), patch[0])
    message = refuse({150: path}, file=path)
    assert "empty" in message and "check the file" in message


def test_maps_of_no_size(tmp_path, refuse, patch):
    assert "found shape (0, 50)" in refuse({150: (np.ones((0, 50)), patch[0])})
    path = tmp_path / "nothing.fits"
    fits.PrimaryHDU().writeto(path)
    assert "neither an image nor a HEALPix table" in refuse({150: path}, file=path)
    assert "holds no image" in refuse({150: path}, file=path, hdu=0)
    assert "no such HDU; found hdu=7; expected 0 to 0" in refuse({150: path}, file=path, hdu=7)


def test_all_bad_in_one_way_or_another(refuse, patch, noise):
    """Good pixels in the map, in the weights and under the mask, but none in all of them."""
    weights, mask = np.ones(noise.shape), np.zeros(noise.shape, bool)
    weights[:20], mask[20:] = 0, True
    assert "empty" in refuse({150: (noise, patch[0])}, ivar={150: weights}, mask=mask)


def test_non_celestial_wcs(tmp_path, refuse, noise):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["FREQ", "TIME"]
    path = write(tmp_path / "map.fits", noise, wcs)
    message = refuse({150: path}, file=path)
    assert "not celestial" in message and "FREQ" in message and "RA---TAN" in message


def test_no_wcs(tmp_path, camera, refuse, patch, noise):
    path = write(tmp_path / "map.fits", noise)
    message = refuse({150: path}, file=path)
    assert "no WCS" in message
    assert "no WCS" in refuse({150: noise})
    assert read_maps({150: path}, instrument=camera, wcs=patch[0]).shape == patch[1]


@pytest.mark.parametrize("stretch, accepted", [(1.005, True), (0.995, True), (1.02, False),
                                               (0.98, False)])
def test_square_pixels(tmp_path, camera, refuse, patch, noise, stretch, accepted):
    wcs = patch[0].deepcopy()
    wcs.wcs.cdelt *= [1, stretch]
    path = write(tmp_path / "map.fits", noise, wcs)
    if accepted:
        assert read_maps({150: path}, instrument=camera).n_band == 1
    else:
        message = refuse({150: path}, file=path)
        assert "not square" in message and "1 per cent" in message and "reproject" in message


def test_weights(tmp_path, refuse, good, patch, noise):
    path = write(tmp_path / "weights.fits", np.ones((40, 49)), patch[0])
    message = refuse({150: good}, ivar={150: path}, file=path)
    assert "wrong shape" in message and "(40, 49)" in message and "(40, 50)" in message
    assert "found shape (5, 40, 50)" in refuse({150: good}, ivar={150: np.ones((5, 40, 50))})
    assert "'auto'" in refuse({150: good}, ivar=np.ones((40, 50)), band=None)
    assert "no inverse variance given" in refuse({95: good, 150: good}, ivar={95: noise**2})
    assert "inverse variance is empty" in refuse({150: good}, ivar={150: np.zeros((40, 50))})
    assert "*_map.fits" in refuse({150: good}, ivar="auto")
    write(tmp_path / "act_map.fits", noise, patch[0])
    message = refuse({150: tmp_path / "act_map.fits"}, ivar="auto")
    assert "act_ivar.fits" in message
    path = write(tmp_path / "moved.fits", np.ones((40, 50)), shifted(patch[0]))
    assert "different grids" in refuse({150: good}, ivar={150: path}, file=path)


def test_masks(refuse, good):
    message = refuse({150: good}, mask=np.zeros((3, 3)), band=None)
    assert "mask does not fit" in message and "(40, 50)" in message


@pytest.mark.parametrize("kept", [0, 1000, 2880, 4000, 9000, 0.6, 0.9])
@pytest.mark.parametrize("hdu", [fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU])
def test_truncated_files(tmp_path, refuse, hdu, kept):
    wcs, shape = wcs_for_patch(SkyCoord(30, -50, unit="deg"), 2 * u.deg, 1.5 * u.arcmin)
    header = wcs.to_header()
    header["BUNIT"] = "uK"
    values = np.random.default_rng(0).normal(size=shape)
    whole, path = tmp_path / "whole.fits", tmp_path / "part.fits"
    hdu(values, header).writeto(whole)
    content = whole.read_bytes()
    path.write_bytes(content[:kept if kept >= 1 or kept == 0 else int(kept * len(content))])
    message = refuse({150: path}, file=path)
    assert "truncated" in message or "broken" in message or "neither an image" in message


def test_truncated_healpix(tmp_path, refuse):
    import healpy
    healpy.write_map(str(tmp_path / "whole.fits"), np.ones(12 * 32**2), coord="G", dtype=float,
                     column_units="uK")
    path = tmp_path / "part.fits"
    path.write_bytes((tmp_path / "whole.fits").read_bytes()[:50000])
    wcs, shape = wcs_for_patch(SkyCoord(30, -50, unit="deg"), 2 * u.deg, 5 * u.arcmin)
    message = refuse({150: path}, file=path, wcs=wcs, shape=shape)
    assert "truncated" in message or "broken" in message


def test_files_that_are_not_fits(tmp_path, refuse):
    path = tmp_path / "map.fits"
    assert "no such file" in refuse({150: path}, file=path)
    path.write_text("no FITS")
    assert "not a FITS file" in refuse({150: path}, file=path)
    assert "not a FITS file" in refuse({150: tmp_path}, file=tmp_path)


@pytest.mark.parametrize("source", [3, {"a": 1}, (1, 2, 3), np.ones(7),
                                    (np.ones((4, 4), dtype=str), WCS(naxis=2)),
                                    (np.ones((7, 7, 7)), WCS(naxis=2))])
def test_what_is_no_map(refuse, source):
    assert "150" in refuse({150: source})


def test_keywords_of_healpix_with_an_image(refuse, good):
    assert "HEALPix keywords given with an image" in refuse({150: (good, {"frame": "icrs"})})


@pytest.mark.parametrize("instrument, words", [("wmap", "unknown instrument preset"),
                                               (3, "not an instrument"),
                                               ("nowhere.yaml", "cannot be read")])
def test_instruments(refuse, good, instrument, words):
    assert words in refuse({150: good}, instrument=instrument, band=None)


def test_errors_can_be_pickled():
    import pickle
    error = MapError("unknown unit", band="143", file="map.fits", found="x", hint="do this")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == "band '143', map.fits: unknown unit; found x; do this"
    assert copy.band == "143" and copy.file == "map.fits" and isinstance(copy, ValueError)
