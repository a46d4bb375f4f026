import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from hypothesis import given
from hypothesis import strategies as st

from szfinder.physics import (flux_per_kelvin, greybody_response, intensity_per_kelvin,
                              planck_derivative, power_law_response)

# MJy/sr per K_CMB of the Planck HFI bands.
PLANCK_INTENSITY = {100: 244.1, 143: 371.74, 217: 483.69, 353: 287.45, 545: 58.04, 857: 2.27}
frequencies = st.floats(20, 900)


def planck_law(frequency, temperature):
    body = BlackBody(temperature * u.K)
    return body(np.asarray(frequency) * u.GHz).to_value(u.MJy / u.sr)


@given(frequencies)
def test_planck_derivative_is_the_slope_of_astropys_black_body(frequency):
    step = 1e-4
    change = planck_law(frequency, 2.7255 + step) - planck_law(frequency, 2.7255 - step)
    assert planck_derivative(frequency) == pytest.approx(change / (2 * step), rel=1e-6)


@pytest.mark.parametrize("band", PLANCK_INTENSITY)
def test_planck_bands(reference_data, band):
    name = f"reference/bandpass/planck_tilec/HFI_BANDPASS_F{band}_reformat.txt"
    frequency, transmission = np.loadtxt(reference_data / name, unpack=True)
    assert intensity_per_kelvin(frequency, transmission, reference_frequency=band) == pytest.approx(
        PLANCK_INTENSITY[band], rel=2e-3)


def test_intensity_at_one_frequency_is_the_planck_derivative():
    assert intensity_per_kelvin(150.0) == pytest.approx(float(planck_derivative(150.0)), rel=1e-12)


def test_default_reference_is_the_mean_frequency_of_the_band():
    frequency, transmission = np.linspace(120, 180, 61), np.ones(61)
    assert intensity_per_kelvin(frequency, transmission) == pytest.approx(
        intensity_per_kelvin(frequency, transmission, reference_frequency=150.0), rel=1e-12)


def test_flux_of_a_known_source():
    # dB/dT at 150 GHz is 398.5 MJy/sr/K, an arcmin^2 8.4616e-8 sr: 1 uK over it is 0.0337 mJy.
    per_kelvin = planck_derivative(150.0) * u.MJy / u.sr / u.K
    expected = (per_kelvin * u.uK * u.arcmin**2).to_value(u.mJy)
    assert flux_per_kelvin(150.0) == pytest.approx(expected, rel=1e-12)
    assert flux_per_kelvin(150.0) == pytest.approx(0.0337, rel=2e-3)


@given(frequencies, st.floats(-1, 4))
def test_emission_has_1_uk_at_its_reference(frequency, index):
    assert power_law_response(frequency, spectral_index=index,
                              reference_frequency=frequency) == pytest.approx(1)
    assert greybody_response(frequency, temperature=20.0, emissivity_index=index, redshift=1.0,
                             reference_frequency=frequency) == pytest.approx(1)


def test_greybody_of_the_cmb_itself_without_emissivity():
    ratio = planck_law(220.0, 2.7255) / planck_law(150.0, 2.7255)
    expected = ratio * planck_derivative(150.0) / planck_derivative(220.0)
    assert greybody_response(220.0, temperature=2 * 2.7255, emissivity_index=0.0, redshift=1.0,
                             reference_frequency=150.0) == pytest.approx(expected, rel=1e-9)


def test_hot_greybody_is_a_power_law():
    """In the Rayleigh-Jeans limit I_nu ~ nu^(2 + emissivity_index)."""
    band = np.linspace(190, 250, 61), np.hanning(61)
    assert greybody_response(*band, temperature=1e7, emissivity_index=1.5,
                             reference_frequency=150.0) == pytest.approx(
        power_law_response(*band, spectral_index=3.5, reference_frequency=150.0), rel=1e-5)
