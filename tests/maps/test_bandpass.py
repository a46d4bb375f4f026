"""Bandpass tables: reading, order, checks."""

import numpy as np
import pytest

from szfinder.maps import Bandpass, MapError
from szfinder.physics.spectrum import tsz_response

# y -> uK_CMB of Planck HFI: Planck 2013 results IX and XXI.
PLANCK_RESPONSE = {"100": -4.03e6, "143": -2.78e6, "217": 0.19e6, "353": 6.2e6, "545": 14.5e6,
                   "857": 26.3e6}


def test_center_of_a_symmetric_band():
    frequency = np.linspace(80, 120, 201)
    bandpass = Bandpass(frequency, np.exp(-0.5 * ((frequency - 100) / 5) ** 2))
    assert bandpass.center == pytest.approx(100, abs=1e-9)


def test_order_does_not_matter():
    up = Bandpass([90, 100, 110], [0.2, 1.0, 0.5])
    down = Bandpass([110, 100, 90], [0.5, 1.0, 0.2])
    assert up == down
    assert up != Bandpass([90, 100, 110], [0.2, 1.0, 0.6])


def test_text_with_errors(tmp_path):
    path = tmp_path / "band.txt"
    path.write_text("# GHz, transmission, error\n90 0.1 0.01\n100 1 0.01\n110 0.2 0.01\n")
    assert Bandpass.read(path) == Bandpass([90, 100, 110], [0.1, 1.0, 0.2])


@pytest.mark.parametrize("frequency, transmission, words", [
    ([100], [1], "at least 2"),
    ([90, 100], [1, 1, 1], "do not form a bandpass table"),
    ([90, np.nan], [1, 1], "not finite"),
    ([0, 100], [1, 1], "not positive"),
    ([90, 100], [0, 0], "transmits nothing"),
])
def test_bad_tables(frequency, transmission, words):
    with pytest.raises(MapError, match=words):
        Bandpass(frequency, transmission)


@pytest.mark.parametrize("content", ["", "one two\n", "1\n2\n"])
def test_bad_files_are_named(tmp_path, content):
    path = tmp_path / "bad_band.txt"
    path.write_text(content)
    with pytest.raises(MapError, match="bad_band.txt: not a bandpass table"):
        Bandpass.read(path)


def test_missing_file(tmp_path):
    with pytest.raises(MapError, match="nowhere.txt: no such bandpass file"):
        Bandpass.read(tmp_path / "nowhere.txt")


@pytest.mark.parametrize("band", PLANCK_RESPONSE)
def test_planck_instrument_model(reference_data, band):
    """The IPAC tables weight Rayleigh-Jeans temperature, and are cut at 1 per cent of the peak."""
    bandpass = Bandpass.read(reference_data / f"reference/bandpass/planck/bandpass_{band}.tbl")
    response = tsz_response(bandpass.frequency, bandpass.transmission)
    assert response == pytest.approx(PLANCK_RESPONSE[band], rel=0.025, abs=1e4)


@pytest.mark.parametrize("name, center", [("pa5_f090", 97), ("pa5_f150", 150), ("pa4_f220", 224)])
def test_act_files(reference_data, name, center):
    bandpass = Bandpass.read(reference_data / f"reference/bandpass/act/bandpass_{name}.txt")
    assert bandpass.center == pytest.approx(center, rel=0.01)
