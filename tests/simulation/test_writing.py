"""A sky on disk is the sky that was made."""

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable

from szfinder.maps import Instrument, read_maps
from szfinder.simulation import CMB, Halos, Noise, Sky, SkySimulator, ThermalSZ


@pytest.fixture(scope="module")
def sky(lab):
    parts = [CMB(), ThermalSZ(), Noise(unevenness=0.2)]
    simulator = SkySimulator(lab.instrument(95.0, 150.0), parts, halos=Halos(min_mass=1e14), rng=1)
    return simulator.patch(*lab.grid(1.0, 1.0))


def paths(folder):
    return {name: folder / f"{name}.fits" for name in ("95", "150")}


def test_maps_come_back(sky, tmp_path):
    sky.write(tmp_path / "sky")
    folder = tmp_path / "sky"
    weights = {name: folder / f"{name}_ivar.fits" for name in ("95", "150")}
    maps = read_maps(paths(folder), instrument=folder / "instrument.yaml", ivar=weights)
    np.testing.assert_array_equal(maps.data, sky.maps.data)
    np.testing.assert_allclose(maps.ivar, sky.maps.ivar, rtol=1e-6)
    assert maps.instrument == sky.instrument
    centre = np.array([[10.0, 40.0]])
    np.testing.assert_allclose(maps.wcs.wcs_pix2world(centre, 0),
                               sky.maps.wcs.wcs_pix2world(centre, 0))  # fmt: skip
    assert not list(tmp_path.glob(".*"))


def test_truth_comes_back(sky, tmp_path):
    sky.write(str(tmp_path / "sky"))
    truth = QTable.read(tmp_path / "sky" / "truth.ecsv")
    assert truth.colnames == sky.truth.colnames
    for name in set(truth.colnames) - {"sky_centroid"}:
        np.testing.assert_array_equal(truth[name], sky.truth[name])
        assert truth[name].unit == sky.truth[name].unit
    assert truth["sky_centroid"].separation(sky.truth["sky_centroid"]).max().arcsec < 1e-6
    assert truth.meta == sky.truth.meta
    assert truth.meta["sigma8"] == 0.8


def test_fits_headers(sky, tmp_path):
    sky.write(tmp_path / "sky")
    header = fits.getheader(tmp_path / "sky" / "150.fits")
    assert (header["BUNIT"], header["BAND"]) == ("uK_CMB", "150")
    assert fits.getheader(tmp_path / "sky" / "95_ivar.fits")["BUNIT"] == "uK_CMB^-2"


def test_beams_lie_beside(lab, tmp_path):
    instrument = Instrument.from_preset("act-dr6")
    simulator = SkySimulator(instrument, [CMB()], halos=Halos(min_mass=1e15), rng=2)
    simulator.patch(*lab.grid(0.5)).write(tmp_path / "sky")
    again = Instrument.read(tmp_path / "sky" / "instrument.yaml")
    ell = np.array([500.0, 5000.0, 12000.0])
    for band, written in zip(instrument, again):
        np.testing.assert_allclose(written.beam.window(ell), band.beam.window(ell), rtol=1e-4)
        assert written.tsz_response == pytest.approx(band.tsz_response, rel=1e-4)
        assert written.noise == band.noise
    assert {path.name for path in (tmp_path / "sky").glob("*.txt")} >= {
        f"instrument_{name}_beam.txt" for name in instrument.names
    }


@pytest.mark.parametrize("partial", [False, True])
def test_healpix_maps_come_back(lab, tmp_path, partial):
    simulator = SkySimulator(
        lab.instrument(fwhm=90.0), [CMB(), Noise(unevenness=0.2)], halos=Halos(min_mass=1e15), rng=3
    )
    pixels = np.arange(1000, 5000) if partial else None
    sky = simulator.healpix(64, pixels=pixels)
    sky.write(tmp_path / "sky")
    image = healpy.read_map(tmp_path / "sky" / "150.fits", dtype=np.float32)
    here = slice(None) if pixels is None else pixels
    np.testing.assert_array_equal(image[here], sky.maps["150"][0])
    if partial:
        assert (image == healpy.UNSEEN).sum() == image.size - pixels.size
    header = fits.getheader(tmp_path / "sky" / "150.fits", 1)
    assert header["COORDSYS"] == "G" and header["ORDERING"] == "RING"
    assert header["TUNIT1" if not partial else "TUNIT2"] == "uK_CMB"
    instrument = tmp_path / "sky" / "instrument.yaml"
    centre = sky.truth["sky_centroid"][0] if not partial else None
    if centre is not None:
        wcs, shape = lab.grid(10, 30, centre=centre)
        from_file = read_maps({"150": tmp_path / "sky" / "150.fits"}, instrument=instrument,
                              wcs=wcs, shape=shape)  # fmt: skip
        direct = read_maps(sky.maps, instrument=sky.instrument, wcs=wcs, shape=shape)
        np.testing.assert_allclose(from_file.data, direct.data, rtol=1e-5, atol=1e-4)


def test_a_full_folder_is_kept(sky, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="the folder is not empty; choose another"):
        sky.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_overwriting_replaces_the_whole_folder(sky, tmp_path):
    folder = tmp_path / "sky"
    folder.mkdir()
    (folder / "note.txt").write_text("old")
    sky.write(folder, overwrite=True)
    assert not (folder / "note.txt").exists() and (folder / "truth.ecsv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sky"]


def test_an_empty_folder_is_filled(sky, tmp_path):
    (tmp_path / "sky").mkdir()
    sky.write(tmp_path / "sky")
    assert paths(tmp_path / "sky")["150"].exists()


def test_a_file_is_not_a_folder(sky, tmp_path):
    (tmp_path / "sky").write_text("a file")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="it is a file, not a folder"):
            sky.write(tmp_path / "sky", overwrite=overwrite)
    assert (tmp_path / "sky").read_text() == "a file"


def test_missing_parent(sky, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*none; make it first"):
        sky.write(tmp_path / "none" / "sky")
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_stays(sky, tmp_path):
    truth = sky.truth.copy()
    truth["impossible"] = np.array([{}] * len(truth), dtype=object)
    truth["impossible"][0] = object()
    broken = Sky(sky.maps, truth, sky.instrument)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "note.txt").write_text("old")
    for folder in ("new", "old"):
        with pytest.raises(Exception, match="."):
            broken.write(tmp_path / folder, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / "note.txt").read_text() == "old"
