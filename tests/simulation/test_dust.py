"""Galactic dust, as a Gaussian field and as filaments."""

import numpy as np
import pytest
from scipy import stats

from szfinder.maps import Instrument
from szfinder.simulation import GalacticDust, Halos, SkySimulator

FEW = Halos(min_mass=1e15)


def skies(lab, component, instrument, n_sky, *, side=8, pixel=4.0):
    simulator = SkySimulator(instrument, [component], halos=FEW, rng=9)
    return [simulator.patch(*lab.grid(side, pixel)).maps.data for _ in range(n_sky)]


def black_body(nu):
    """uK_CMB of a modified black body of 19.6 K and index 1.53, in arbitrary units."""
    x = 0.0479924 * nu / 2.7255
    slope = nu**4 * np.exp(x) / np.expm1(x) ** 2
    return nu**4.53 / np.expm1(0.0479924 * nu / 19.6) / slope


def test_spectrum(lab):
    """D_500 is 2.8 uK^2 at 150 GHz and falls as ell^-0.6 (Choi et al. 2020)."""
    ell = np.array([500.0, 2000.0])
    power = GalacticDust().power(ell, lab.instrument(), None)[:, 0, 0] * ell * (ell + 1)
    np.testing.assert_allclose(power / (2 * np.pi), [2.8, 2.8 * 4**-0.6], rtol=1e-3)


def test_colours(lab):
    frequencies = 100.0, 150.0, 353.0, 857.0
    (maps,) = skies(lab, GalacticDust(), lab.instrument(*frequencies), 1)
    for image, nu in zip(maps, frequencies):
        expected = black_body(nu) / black_body(150.0)
        np.testing.assert_allclose(image, expected * maps[1], rtol=2e-3, atol=1e-3 * expected)


@pytest.mark.parametrize("filaments", [False, True])
def test_power_of_painted_maps(lab, filaments):
    instrument = lab.instrument(fwhm=1e-3)
    component, edges = GalacticDust(filaments=filaments), np.array([300, 700, 1200, 2000])
    maps = skies(lab, component, instrument, n_sky=30)
    found = np.mean([lab.power(m[0], m[0], 4.0, edges) for m in maps], axis=0)
    expected = [
        np.average(component.power(ell, instrument, None)[:, 0, 0], weights=ell)
        for ell in (np.arange(low, high) for low, high in zip(edges, edges[1:]))
    ]
    np.testing.assert_allclose(found, expected, rtol=0.15)


def test_filaments_are_skewed_and_peaked(lab):
    instrument = lab.instrument(fwhm=5.0)
    for filaments in (False, True):
        maps = skies(lab, GalacticDust(filaments=filaments), instrument, 8, pixel=5.0)
        # without the long waves, whose few modes decide the moments of a patch
        small = [m[0] - np.roll(m[0], 10, axis=(0, 1)).mean() for m in maps]
        skewness = np.mean([stats.skew(image.ravel()) for image in small])
        kurtosis = np.mean([stats.kurtosis(image.ravel()) for image in small])
        if filaments:
            assert skewness > 0.4 and kurtosis > 0.5
        else:
            assert abs(skewness) < 0.3 and abs(kurtosis) < 0.5


def test_uneven_filaments(lab):
    """Stronger here and weaker there, with the same mean power; smooth dust cannot be uneven."""
    instrument, edges = lab.instrument(fwhm=1e-3), np.array([300, 700, 1200])
    contrasts, powers = [], []
    for unevenness in (0.0, 1.5):
        component = GalacticDust(filaments=True, unevenness=unevenness)
        maps = [m[0] for m in skies(lab, component, instrument, 16, pixel=5.0)]
        # scatter in the 4 x 4 pieces of the map: its range over them
        scatters = np.array([m[:96, :96].reshape(4, 24, 4, 24).std(axis=(1, 3)) for m in maps])
        contrasts.append(np.median(scatters.max(axis=(1, 2)) / scatters.min(axis=(1, 2))))
        powers.append(np.mean([lab.power(m, m, 5.0, edges) for m in maps], axis=0))
    assert contrasts[1] > 2.5 * contrasts[0]
    np.testing.assert_allclose(powers[1], powers[0], rtol=0.35)
    with pytest.raises(ValueError, match="unevenness is that of filaments"):
        GalacticDust(unevenness=1.0)
    with pytest.raises(ValueError, match="unevenness of the dust is -1"):
        GalacticDust(filaments=True, unevenness=-1)


def test_colours_in_the_bands_of_planck():
    """In MJy/sr, by the conversions of Planck 2013 results IX, but for colour corrections."""
    planck = Instrument.from_preset("planck-hfi")
    component = GalacticDust(filaments=True)
    power = component.power(np.array([500.0]), planck, None)[0]
    intensity = np.sqrt(power[5, 5] / power[3, 3]) * 2.2681 / 287.45
    expected = (857 / 353) ** 4.53 * np.expm1(0.0479924 * 353 / 19.6)
    assert intensity == pytest.approx(expected / np.expm1(0.0479924 * 857 / 19.6), rel=0.1)
