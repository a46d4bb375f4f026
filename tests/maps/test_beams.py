"""Beams of all forms against the Gaussian and the real windows."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from szfinder.maps import Beam, MapError

ELL = np.arange(0, 12001)
NPIPE_FWHM = {"TEB_npipe6v20_100": 9.41, "TEB_npipe6v20_143": 7.13, "TEB_npipe6v20_217": 4.84,
              "TEB_npipe6v20_353": 4.80, "npipe6v20_545": 4.67, "npipe6v20_857": 4.26}


def gaussian(ell, fwhm):
    """The window as in the Planck papers, exp(-ell (ell + 1) sigma^2 / 2), without the + 1."""
    sigma = np.deg2rad(fwhm / 60) / 2.354820045
    return np.exp(-0.5 * ell**2 * sigma**2)


def test_gaussian_window():
    np.testing.assert_allclose(Beam.from_fwhm(1.4).window(ELL), gaussian(ELL, 1.4), rtol=1e-7)


@given(fwhm=st.floats(0.5, 15))
def test_table_of_a_gaussian_is_that_gaussian(fwhm):
    ell = np.arange(0, 8193, 8)
    beam = Beam.from_table(ell, 3.7 * gaussian(ell, fwhm))
    assert beam.fwhm == pytest.approx(fwhm, rel=1e-4)
    np.testing.assert_allclose(beam.window(ELL), gaussian(ELL, fwhm), atol=1e-4)


def test_beyond_its_table_the_window_falls_smoothly_to_zero():
    ell = np.arange(3001)
    beam = Beam.from_table(ell, gaussian(ell, 1.2))
    window = beam.window(np.arange(0, 100000, 10))
    assert (np.diff(window) <= 0).all()
    assert window[-1] < 1e-6
    np.testing.assert_allclose(beam.window(ELL), gaussian(ELL, 1.2), atol=1e-6)
    assert beam.fwhm == pytest.approx(1.2, rel=1e-6)


def test_window_of_any_shape_and_never_negative():
    beam = Beam.from_table([0, 1000, 2000], [1, 0.4, -0.01])
    window = beam.window(np.full((3, 4), 2000.0))
    assert window.shape == (3, 4)
    assert (window == 0).all()
    assert beam.window(5000) == 0


@pytest.mark.parametrize("fwhm", [1.2, 7.0])
def test_profile_of_a_gaussian(fwhm):
    theta = np.linspace(0, 4 * fwhm, 161)
    beam = Beam.from_profile(theta, 5 * np.exp(-4 * np.log(2) * (theta / fwhm) ** 2))
    np.testing.assert_allclose(beam.window(ELL), gaussian(ELL, fwhm), atol=1e-4)
    assert beam.fwhm == pytest.approx(fwhm, rel=1e-3)


def test_profile_of_a_disc():
    """The transform of a disc of radius R is 2 J1(ell R) / (ell R)."""
    from scipy.special import j1
    theta = np.linspace(0, 6, 4001)
    beam = Beam.from_profile(theta, np.where(theta <= 4, 1.0, 0.0))
    x = ELL[1:3000] * np.deg2rad(4 / 60)
    np.testing.assert_allclose(beam.window(ELL[1:3000]), np.clip(2 * j1(x) / x, 0, None), atol=2e-3)


def test_text_tables(tmp_path):
    ell = np.arange(0, 5001)
    both = np.column_stack([ell, gaussian(ell, 1.6), gaussian(ell, 1.2)])
    np.savetxt(tmp_path / "beams.txt", both, header="ell 95 150")
    assert Beam.read(tmp_path / "beams.txt").fwhm == pytest.approx(1.6, rel=1e-4)
    assert Beam.read(tmp_path / "beams.txt", column=2).fwhm == pytest.approx(1.2, rel=1e-4)
    np.savetxt(tmp_path / "one.txt", gaussian(ell, 1.4))
    assert Beam.read(tmp_path / "one.txt").fwhm == pytest.approx(1.4, rel=1e-4)


def test_profile_file(tmp_path):
    theta = np.linspace(0, 6, 200)
    np.savetxt(tmp_path / "profile.txt", np.c_[theta, np.exp(-4 * np.log(2) * (theta / 1.4) ** 2)])
    assert Beam.read(tmp_path / "profile.txt", kind="profile").fwhm == pytest.approx(1.4, rel=1e-3)


@pytest.mark.parametrize("table", [fits.BinTableHDU, fits.TableHDU])
def test_fits_windows(tmp_path, table):
    ell = np.arange(0, 5001)
    columns = [fits.Column("T", "E15.7" if table is fits.TableHDU else "E", array=gaussian(ell, 5)),
               fits.Column("E", "E15.7" if table is fits.TableHDU else "E", array=gaussian(ell, 6))]
    table.from_columns(columns).writeto(tmp_path / "window.fits")
    assert Beam.read(tmp_path / "window.fits").fwhm == pytest.approx(5, rel=1e-4)
    assert Beam.read(tmp_path / "window.fits", column="E").fwhm == pytest.approx(6, rel=1e-4)


def test_fits_window_with_its_own_ell(tmp_path):
    ell = np.arange(0, 5001, 25)
    columns = [fits.Column("ell", "D", array=ell), fits.Column("B", "D", array=gaussian(ell, 3))]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "window.fits")
    assert Beam.read(tmp_path / "window.fits").fwhm == pytest.approx(3, rel=1e-4)


@pytest.mark.parametrize("make, words", [
    (lambda: Beam.from_fwhm(0), "no width"),
    (lambda: Beam.from_fwhm(np.nan), "no width"),
    (lambda: Beam.from_table([0, 1], [1, 1, 1]), "do not form a table"),
    (lambda: Beam.from_table([5, 1, 3], [1, 0.5, 0.2]), "does not ascend"),
    (lambda: Beam.from_table([0, 1000], [0, 0.5]), "does not start above 0"),
    (lambda: Beam.from_table([0, 1000], [1, 1.5]), "does not fall"),
    (lambda: Beam.from_profile([0, 1, 2], [1, 0.9, 0.8]), "half its central value"),
])
def test_bad_tables(make, words):
    with pytest.raises(MapError, match=words):
        make()


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "bad_beam.fits"
    with pytest.raises(MapError, match="bad_beam.fits: no such beam file"):
        Beam.read(path)
    fits.PrimaryHDU(np.ones((3, 3))).writeto(path)
    with pytest.raises(MapError, match="bad_beam.fits: not a beam table"):
        Beam.read(path)
    (tmp_path / "bad.txt").write_text("theta beam\n0 1\n")
    with pytest.raises(MapError, match="bad.txt: not a beam table"):
        Beam.read(tmp_path / "bad.txt")
    with pytest.raises(MapError, match="unknown kind"):
        Beam.read(path, kind="map")


@pytest.mark.parametrize("name", NPIPE_FWHM)
def test_planck_windows(reference_data, name):
    frequency = name[-3:]
    path = reference_data / f"reference/beams/planck_npipe/Bl_{name}GHzx{frequency}GHz.fits"
    assert Beam.read(path).fwhm == pytest.approx(NPIPE_FWHM[name], abs=0.015)


@pytest.mark.parametrize("name, fwhm", [("pa5_f090", 2.48), ("pa5_f150", 1.59), ("pa4_f220", 1.13)])
def test_act_windows(reference_data, name, fwhm):
    """Tables that start at the solid angle (sr), with the FWHM stated for them."""
    path = reference_data / f"reference/beams/act_dr6/coadd_{name}_night_beam_tform_jitter_mono.txt"
    beam = Beam.read(path)
    assert beam.window(0) == 1
    assert beam.fwhm == pytest.approx(fwhm, abs=0.005)


def test_spt_windows(reference_data):
    path = reference_data / "reference/beams/spt3g/B_ell_300_4100.txt"
    for column in (1, 2, 3):
        beam = Beam.read(path, column=column)
        assert 0.5 < beam.window(4100) < beam.window(1000) < beam.window(0) == 1
        assert beam.window(20000) < 1e-3
