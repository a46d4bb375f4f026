"""Bands: their responses and checks."""

import numpy as np
import pytest

from szfinder.maps import Band, Bandpass, Beam, MapError

BEAM = Beam.from_fwhm(1.2)


def test_numbers_as_names():
    for name in (143, 143.0, np.int64(143), "143"):
        assert Band(name, 143, BEAM).name == "143"


def test_thermal_sz_at_one_frequency():
    """T_CMB (x coth(x/2) - 4), with h / k T_CMB = 1 / 56.79 GHz."""
    x = 150 / 56.7902
    expected = 2.7255e6 * (x / np.tanh(x / 2) - 4)
    assert Band("150", 150, BEAM).tsz_response == pytest.approx(expected, rel=1e-4)


def test_a_narrow_bandpass_is_a_single_frequency():
    frequency = np.linspace(149.9, 150.1, 21)
    narrow = Band("150", 150, BEAM, bandpass=Bandpass(frequency, np.ones(21)))
    single = Band("150", 150, BEAM)
    for response in ("tsz_response", "intensity_per_kelvin", "flux_per_kelvin"):
        assert getattr(narrow, response) == pytest.approx(getattr(single, response), rel=1e-4)


def test_bands_compare():
    assert Band("a", 150, Beam.from_fwhm(1.2)) == Band("a", 150, BEAM)
    assert Band("a", 150, BEAM) != Band("a", 150, Beam.from_fwhm(1.3))
    assert Band("a", 150, BEAM) != Band("a", 150, BEAM, noise=3)


@pytest.mark.parametrize("arguments, words", [
    (("150", -1, BEAM), "frequency is not a positive number.*GHz"),
    (("150", None, BEAM), "no frequency"),
    (("150", "fast", BEAM), "frequency is not a positive number"),
    (("150", 150, 1.2), "Beam.from_fwhm"),
    (("150", 150, BEAM, 0), "noise is not a positive number.*uK_CMB arcmin"),
])
def test_bad_bands(arguments, words):
    with pytest.raises(MapError, match=words) as error:
        Band(*arguments)
    assert error.value.band == "150"
