import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import kn

from szfinder.physics import T_CMB, planck_derivative, tsz_spectrum
from szfinder.physics.blackbody import dimensionless_frequency
from szfinder.physics.relativistic import ELECTRON_REST_ENERGY


def itoh_expansion(frequency, electron_temperature, order):
    """Y0 + theta Y1 + theta^2 Y2 of Itoh, Kohyama & Nozawa (1998), ApJ 502, 7, section 2."""
    x = dimensionless_frequency(frequency)
    theta = electron_temperature / ELECTRON_REST_ENERGY
    c, s = x / np.tanh(x / 2), x / np.sinh(x / 2)
    terms = [
        c - 4,
        -10 + 47 / 2 * c - 42 / 5 * c**2 + 7 / 10 * c**3 + s**2 * (-21 / 5 + 7 / 5 * c),
        (-15 / 2 + 1023 / 8 * c - 868 / 5 * c**2 + 329 / 5 * c**3 - 44 / 5 * c**4 + 11 / 30 * c**5
         + s**2 * (-434 / 5 + 658 / 5 * c - 242 / 5 * c**2 + 143 / 30 * c**3)
         + s**4 * (-44 / 5 + 187 / 60 * c)),
    ]
    return sum(theta**n * term for n, term in enumerate(terms[:order + 1]))


def ensslin_kaiser_spectrum(frequency, electron_temperature):
    """Adaptive integral of the closed-form kernel of Ensslin & Kaiser (2000), A&A 360, 417."""
    x = dimensionless_frequency(frequency)
    theta = electron_temperature / ELECTRON_REST_ENERGY

    def integrand(log_t, p):
        t = np.exp(log_t)
        kernel = (-3 * abs(1 - t) / (32 * p**6 * t) * (1 + (10 + 8 * p**2 + 4 * p**4) * t + t**2)
                  + 3 * (1 + t) / (8 * p**5) * (
                      (3 + 3 * p**2 + p**4) / np.sqrt(1 + p**2)
                      - (3 + 2 * p**2) / (2 * p) * (2 * np.arcsinh(p) - abs(log_t))))
        momenta = p**2 * np.exp(-np.sqrt(1 + p**2) / theta) / (theta * kn(2, 1 / theta))
        change = (x / t) ** 3 / np.expm1(x / t) - x**3 / np.expm1(x)
        return momenta * t * kernel * change

    def side(sign):
        return dblquad(integrand, 0.03, 6 * np.sqrt(2 * theta) + 6 * theta,
                       lambda p: min(0, sign * 2 * np.arcsinh(p)),
                       lambda p: max(0, sign * 2 * np.arcsinh(p)), epsabs=1e-10, epsrel=1e-7)[0]

    return (side(-1) + side(1)) / theta / (x**4 * np.exp(x) / np.expm1(x) ** 2)


@pytest.mark.parametrize("frequency", [95.0, 150.0])
def test_itoh_first_order_at_5_kev(frequency):
    assert tsz_spectrum(frequency, electron_temperature=5.0) == pytest.approx(
        itoh_expansion(frequency, 5.0, order=1), rel=3e-3)


@pytest.mark.parametrize("frequency", [30.0, 95.0, 150.0, 280.0])
def test_residual_of_the_expansion_falls_as_the_next_power_of_temperature(frequency):
    temperature = np.array([0.5, 1.0])
    kernel = np.array([tsz_spectrum(frequency, electron_temperature=t) for t in temperature])
    for order in (1, 2):
        residual = kernel - itoh_expansion(frequency, temperature, order)
        assert residual[1] / residual[0] == pytest.approx(2 ** (order + 1), rel=0.05)


@pytest.mark.parametrize("frequency", [30.0, 150.0, 353.0, 857.0])
@pytest.mark.parametrize("temperature", [15.0, 50.0])
def test_closed_form_kernel_of_ensslin_and_kaiser(frequency, temperature):
    # The closed form loses its digits for slow electrons, so its integral starts at p = 0.03.
    assert tsz_spectrum(frequency, electron_temperature=temperature) == pytest.approx(
        ensslin_kaiser_spectrum(frequency, temperature), rel=2e-4)


def test_cold_limit_is_the_kompaneets_spectrum():
    frequency = np.geomspace(10, 2000, 30)
    np.testing.assert_allclose(tsz_spectrum(frequency, electron_temperature=1e-5),
                               tsz_spectrum(frequency), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 5.0, 10.0, 20.0])
def test_tables_of_erler_et_al(reference_data, temperature):
    """Intensity in MJy/sr per y at 1000 frequencies, every 0.1 keV (Erler et al. 2018).

    At 10 GHz the tables leave the exact -2 (1 - 17/10 theta) by 0.08 per cent at 5 keV and more for
    hotter gas, so they tell a few parts in a thousand of the peak and no better.
    """
    from astropy.io import fits

    table = fits.getdata(reference_data / "reference/templates/erler_tsz_tabulated.fits")
    frequency = np.geomspace(10, 2800, 1000)
    intensity = T_CMB * planck_derivative(frequency) * tsz_spectrum(
        frequency, electron_temperature=temperature)
    row = table[round(temperature * 10)]
    np.testing.assert_allclose(intensity, row, rtol=0, atol=4e-3 * np.max(np.abs(row)))
