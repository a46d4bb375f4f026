import numpy as np
import pytest

from szfinder.physics import tsz_response, tsz_spectrum

# uK_CMB per unit y of the Planck HFI bands, in K.
PLANCK_RESPONSE = {100: -4.03, 143: -2.78, 217: 0.19, 353: 6.2, 545: 14.5, 857: 26.3}


def read_planck_bandpass(reference_data, band):
    name = f"reference/bandpass/planck_tilec/HFI_BANDPASS_F{band}_reformat.txt"
    return np.loadtxt(reference_data / name, unpack=True)


def test_spectrum_tends_to_minus_two_at_low_frequency():
    assert tsz_spectrum(0.01) == pytest.approx(-2, abs=1e-6)


def test_spectrum_crosses_zero_at_its_null():
    # x = 3.830016 solves x coth(x/2) = 4; times k T / h at 2.7255 K.
    assert tsz_spectrum(217.507) == pytest.approx(0, abs=1e-4)


def test_spectrum_keeps_the_shape_of_its_input():
    frequency = np.array([[90.0, 150.0, 220.0], [280.0, 353.0, 545.0]])
    for temperature in (0.0, 5.0):
        spectrum = tsz_spectrum(frequency, electron_temperature=temperature)
        assert spectrum.shape == (2, 3)
        assert spectrum[1, 0] == tsz_spectrum(280.0, electron_temperature=temperature)


def test_narrow_band_equals_one_frequency():
    frequency = 150 + np.linspace(-1, 1, 5) * 1e-3
    for temperature in (0.0, 8.0):
        narrow = tsz_response(frequency, np.ones(5), electron_temperature=temperature)
        single = tsz_response(150.0, electron_temperature=temperature)
        assert narrow == pytest.approx(single, rel=1e-6)
        assert single == 2.7255e6 * tsz_spectrum(150.0, electron_temperature=temperature)


def test_response_does_not_depend_on_the_normalisation_of_the_bandpass():
    frequency = np.linspace(130, 170, 50)
    transmission = np.exp(-0.5 * ((frequency - 150) / 10) ** 2)
    assert tsz_response(frequency, 7 * transmission) == pytest.approx(
        tsz_response(frequency, transmission), rel=1e-12)


@pytest.mark.parametrize("band", PLANCK_RESPONSE)
def test_planck_bands(reference_data, band):
    response = tsz_response(*read_planck_bandpass(reference_data, band)) * 1e-6
    if band == 217:
        assert response == pytest.approx(PLANCK_RESPONSE[band], abs=0.01)
    else:
        assert response == pytest.approx(PLANCK_RESPONSE[band], rel=0.02)


@pytest.mark.parametrize("band", [100, 143, 353, 545])
def test_npipe_weights_over_frequency_squared_give_the_same_response(reference_data, band):
    # The NPIPE instrument model weights Rayleigh-Jeans temperatures, which is nu^2 tau.
    table = np.loadtxt(reference_data / f"reference/bandpass/planck/bandpass_{band}.tbl",
                       comments=["\\", "|"], unpack=True)
    response = tsz_response(table[0], table[1] / table[0] ** 2) * 1e-6
    assert response == pytest.approx(PLANCK_RESPONSE[band], rel=0.02)


@pytest.mark.parametrize("frequency", [0.0, -90.0, [90.0, np.nan]])
def test_bad_frequency_is_named(frequency):
    with pytest.raises(ValueError, match="frequency must be above 0"):
        tsz_spectrum(frequency)


def test_negative_temperature_is_named():
    with pytest.raises(ValueError, match="electron_temperature must be 0 keV or more, found -1"):
        tsz_spectrum(150.0, electron_temperature=-1)


def test_ragged_bandpass_is_refused():
    with pytest.raises(ValueError, match="two columns of one length"):
        tsz_response([140.0, 150.0, 160.0], [1.0, 1.0])


def test_unsorted_bandpass_is_refused():
    with pytest.raises(ValueError, match="must increase; sort the table"):
        tsz_response([150.0, 140.0, 160.0], [1.0, 1.0, 1.0])
