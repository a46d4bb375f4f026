"""Halos that follow the matter."""

import numpy as np
import pytest

from szfinder.physics import sehgal_cosmology
from szfinder.simulation import Halos
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.patch import Patch

SIDE, CELL = 10, 12  # deg, arcmin
SHELL = np.expm1(0.06 * np.array([9, 10]))  # redshifts 0.72 to 0.82, one shell of the model
N_SKY = 12


@pytest.fixture(scope="module")
def counts(lab):
    """Counts in cells of 12 arcmin on twelve skies for each kind of halo."""
    region = Patch(*lab.grid(SIDE, 4))
    edges = np.arange(SIDE * 60 // CELL + 1) * CELL / 4 - 0.5

    def count(seed, **options):
        halos = Halos(min_mass=2e13, **options)
        rng = np.random.default_rng(seed)
        (x, y), table = halos.draw(region, halo_model(sehgal_cosmology()), rng)
        heavy = table["m200c"].value > 5e13
        return [np.histogram2d(y[s], x[s], [edges, edges])[0] for s in (heavy, ~heavy)]

    def skies(**options):
        return np.array([count(seed, **options) for seed in range(N_SKY)])

    return {
        "clustered": skies(redshifts=tuple(SHELL), clustered=True),
        "behind": skies(redshifts=tuple(np.expm1([0.66, 0.72])), clustered=True),
        "poisson": skies(redshifts=tuple(SHELL)),
    }


def excess(first, second):
    """Covariance of counts over the product of their means, without shot noise."""
    covariance = np.mean(first * second) - first.mean() * second.mean()
    shot = first.mean() if first is second else 0
    return (covariance - shot) / (first.mean() * second.mean())


def test_the_mean_does_not_change(counts):
    n = counts["poisson"].sum(axis=(0, 2, 3))
    clustered = counts["clustered"].sum(axis=(2, 3))
    error = clustered.std(axis=0) * np.sqrt(N_SKY) + np.sqrt(n)
    assert np.all(np.abs(clustered.sum(axis=0) - n) < 3 * error)
    assert np.all(error < 0.05 * n)


def test_variance_exceeds_poisson(counts):
    poisson = counts["poisson"][:, 1]
    clustered = counts["clustered"][:, 1]
    error = np.sqrt(2 / poisson.size) * poisson.var() / poisson.mean() ** 2
    assert abs(excess(poisson, poisson)) < 4 * error
    assert excess(clustered, clustered) > 10 * error


def test_heavier_halos_cluster_more(counts):
    heavy, light = counts["clustered"].swapaxes(0, 1)
    together = excess(heavy, light)
    assert excess(heavy, heavy) > 1.2 * together > 1.2 * 1.1 * excess(light, light) > 0


def test_shells_are_independent(counts):
    light, behind = counts["clustered"][:, 1], counts["behind"][::-1, 1]
    error = np.sqrt(1 / light.size) * light.std() * behind.std() / (light.mean() * behind.mean())
    assert abs(excess(light, behind)) < 5 * error


def linear_power(wave_number, redshift, masses):
    """Matter power in Mpc^3 times the squared mean bias of halos, from colossus."""
    from colossus.cosmology import cosmology as colossus
    from colossus.lss import bias, mass_function

    previous = colossus.current_cosmo
    try:
        colossus.setCosmology("sehgal", {"flat": True, "H0": 71, "Om0": 0.264, "Ob0": 0.044,
                                         "sigma8": 0.8, "ns": 0.96,
                                         "persistence": ""})  # fmt: skip
        mass = np.geomspace(*masses, 30) * 0.71
        number = mass_function.massFunction(
            mass, redshift, mdef="200c", model="tinker08", q_out="dndlnM"
        )
        biases = bias.haloBias(mass, redshift, mdef="200c", model="tinker10")
        mean = np.average(biases, weights=number)
        power = colossus.current_cosmo.matterPowerSpectrum(wave_number / 0.71, redshift)
        return mean**2 * power / 0.71**3
    finally:
        colossus.current_cosmo = previous


def test_power_is_log_normal_with_linear_bias(counts, lab):
    """Limber's C_ell = b^2 P(ell / chi) / (chi^2 dchi), carried through the log-normal map."""
    n, side = 300, 4 * np.pi / 10800  # the cells of the model are of 4 arcmin
    cycles = np.fft.fftfreq(n, side)
    ell = 2 * np.pi * np.hypot(cycles[:, None], cycles).ravel()
    near, far = sehgal_cosmology().comoving_distance(SHELL).value
    middle = (near + far) / 2
    limber = linear_power(np.maximum(ell, 1) / middle, SHELL.mean(), (2e13, 5e13))
    limber *= (ell > 0) / (middle**2 * (far - near))
    correlation = np.fft.ifft2(limber.reshape(n, n)).real / side**2
    expected = (np.fft.fft2(np.expm1(correlation)).real * side**2).ravel()
    edges = np.array([300, 450, 600])
    bins = zip(edges, edges[1:])
    expected = [expected[(ell >= low) & (ell < high)].mean() for low, high in bins]
    light = counts["clustered"][:, 1]
    shot = (CELL * np.pi / 10800) ** 2 / light.mean()
    contrast = light / light.mean() - 1
    measured = np.mean([lab.power(c, c, CELL, edges) for c in contrast], axis=0) - shot
    np.testing.assert_allclose(measured, expected, rtol=0.25)
