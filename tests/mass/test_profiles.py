"""Profiles: every pixel of a ring counts once, and only rings that are whole count at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szfinder.mass.profiles import distances, ring_means

SIDES = pytest.mark.parametrize("side", [1, 2, 7, 8, 40])


def rings(side):
    """Pixels (dy, dx) from the middle, ring by ring, as far as an image of this side has all."""
    reach = range(-side, side + 1)
    found = {}
    for dy in reach:
        for dx in reach:
            found.setdefault(round(np.hypot(dy, dx)), []).append((dy, dx))
    here = range(-(side // 2), side - side // 2)
    whole = [all(dy in here and dx in here for dy, dx in found[ring]) for ring in range(side + 1)]
    return [found[ring] for ring in range(whole.index(False))]


@SIDES
def test_distances(side):
    found = distances(side)
    assert found.shape == (side, side)
    for y, x in np.ndindex(side, side):
        assert found[y, x] == pytest.approx(np.hypot(y - side // 2, x - side // 2))


@SIDES
def test_means_of_the_pixels_of_whole_rings(side):
    images = np.random.default_rng(1).normal(size=(3, side, side))
    radii, means = ring_means(images)
    middle, expected = side // 2, rings(side)
    assert radii.shape == (len(expected),) and means.shape == (3, len(expected))
    for number, pixels in enumerate(expected):
        values = [images[:, middle + dy, middle + dx] for dy, dx in pixels]
        np.testing.assert_allclose(means[:, number], np.mean(values, axis=0))
        assert radii[number] == pytest.approx(np.mean([np.hypot(*pixel) for pixel in pixels]))


def test_nothing_is_lost():
    """Means times pixels add up to the sum over the disc."""
    images = np.random.default_rng(2).normal(size=(2, 16, 16))
    counts = [len(pixels) for pixels in rings(16)]
    inside = distances(16) < len(counts) - 0.5
    np.testing.assert_allclose(ring_means(images)[1] @ counts, images[:, inside].sum(axis=1))


@given(st.integers(0, 3), st.booleans())
def test_turning_and_mirroring_changes_nothing(turns, mirrored):
    image = np.random.default_rng(3).normal(size=(1, 9, 9))
    turned = np.rot90(image[..., ::-1] if mirrored else image, turns, axes=(1, 2))
    np.testing.assert_allclose(ring_means(turned)[1], ring_means(image)[1])


def test_profile_of_a_function_of_the_radius():
    """A parabola: the mean of r^2 in a ring is near the square of its mean radius."""
    radii, means = ring_means(distances(41)[None] ** 2)
    assert means[0, 0] == 0
    np.testing.assert_allclose(means[0], radii**2, atol=0.15)


def test_no_image():
    radii, means = ring_means(np.empty((0, 8, 8)))
    assert means.shape == (0, radii.size) == (0, 4)
