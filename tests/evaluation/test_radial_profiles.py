"""Radial profiles: their values, and that the error bars are as wide as they say."""

import astropy.units as u
import numpy as np
import pytest
from photutils.profiles import RadialProfile

from szfinder.evaluation import Stack, object_profiles, radial_profile

EDGES = [0, 1, 2, 4, 7, 10]


def stack_of(cutouts, weights=None, pixel=1.0, unit=u.uK):
    weights = np.ones(len(cutouts)) if weights is None else weights
    return Stack(cutouts * unit, pixel * u.arcmin, weights)


def gaussian(n=25, pixel=1.0, sigma=3.0):
    y, x = (np.indices((n, n)) - (n - 1) / 2) * pixel
    return np.exp(-0.5 * (x**2 + y**2) / sigma**2)


@pytest.mark.parametrize("pixel", [0.5, 2])
def test_each_object_as_photutils_has_it(pixel):
    rng = np.random.default_rng(1)
    cutouts = rng.normal(size=(6, 45, 44))
    cutouts[rng.random(cutouts.shape) < 0.1] = np.nan
    profiles = object_profiles(stack_of(cutouts, pixel=pixel), EDGES * u.arcmin)
    assert profiles.unit == u.uK and profiles.shape == (6, 5)
    for cutout, profile in zip(cutouts, profiles.value):
        bad = np.isnan(cutout)
        expected = RadialProfile(cutout, (21.5, 22), np.array(EDGES) / pixel, mask=bad).profile
        np.testing.assert_allclose(profile, expected)


def test_gaussian_in_closed_form():
    pixel = 0.2
    table = radial_profile(stack_of(gaussian(101, pixel)[None], pixel=pixel), EDGES)
    low, high = np.array(EDGES[:-1]), np.array(EDGES[1:])
    expected = 2 * 9 * (np.exp(-(low**2) / 18) - np.exp(-(high**2) / 18)) / (high**2 - low**2)
    np.testing.assert_allclose(table["mean"].value, expected, atol=1e-3)
    assert table["radius"].to_value(u.arcmin).tolist() == [0.5, 1.5, 3, 5.5, 8.5]
    assert np.isnan(table["lower"]).all() and np.isnan(table["upper"]).all()


def test_profile_of_a_stack_is_that_of_its_mean():
    rng = np.random.default_rng(2)
    weights = rng.random(8)
    stack = stack_of(rng.normal(size=(8, 25, 25)), weights)
    expected = RadialProfile(stack.mean.value, (12, 12), EDGES).profile
    np.testing.assert_allclose(radial_profile(stack, EDGES, n_samples=2)["mean"].value, expected)


def test_error_bars_are_the_scatter_of_repeated_surveys():
    rng = np.random.default_rng(3)
    n, n_surveys = 60, 150
    widths, means = [], []
    for _ in range(n_surveys):
        heights = rng.lognormal(0, 0.5, n)  # scatter between the objects counts, too
        cutouts = heights[:, None, None] * gaussian() + rng.normal(0, 1, (n, 25, 25))
        table = radial_profile(stack_of(cutouts), EDGES, n_samples=100, rng=rng)
        widths.append((table["upper"] - table["lower"]).value / 2)
        means.append(table["mean"].value)
    scatter = np.std(means, axis=0)
    # 1 sigma has 68 per cent within; 150 surveys know their scatter to 6 per cent.
    np.testing.assert_allclose(np.mean(widths, axis=0), scatter, rtol=0.2)


def test_white_noise_falls_with_the_root_of_the_numbers():
    noise = np.random.default_rng(4).normal(size=(400, 25, 25))
    table = radial_profile(stack_of(noise), EDGES, rng=1)
    # Pixels that are cut by a circle count for less than one: areas of rings are close enough.
    area = np.pi * np.diff(np.square(EDGES))
    expected = 1 / np.sqrt(400 * area)
    width = (table["upper"] - table["lower"]).value / 2
    np.testing.assert_allclose(width[2:], expected[2:], rtol=0.12)
    assert (np.abs(table["mean"].value) < 4 * width).all()


def test_missing_pixels_and_objects():
    cutouts = np.ones((3, 25, 25))
    cutouts[0] = np.nan
    cutouts[1, 11:14, 11:14] = np.nan
    table = radial_profile(stack_of(cutouts), EDGES, rng=1)
    assert table["n"].tolist() == [1, 2, 2, 2, 2]
    np.testing.assert_allclose(table["mean"].value, 1)
    assert np.isnan(table["lower"][0]) and np.isfinite(table["lower"][1:]).all()
    assert table.meta["n_on_map"] == 2 and table.meta["n_off_map"] == 1


def test_seed():
    stack = stack_of(np.random.default_rng(5).normal(size=(9, 25, 25)))
    one, same, other = (radial_profile(stack, EDGES, rng=seed)["lower"] for seed in (1, 1, 2))
    assert (one == same).all() and not (one == other).all()


@pytest.mark.parametrize("edges, match", [
    ([0, 20], "reach to 12.5 arcmin"),
    ([2, 1], "edges must be two or more rising radii"),
    ([1], "edges must be two or more"),
    ([-1, 1], "edges must be"),
])
def test_wrong_edges(edges, match):
    with pytest.raises(ValueError, match=match):
        radial_profile(stack_of(gaussian()[None]), edges)
