"""How rough maps are, against what is known of noise."""

import numpy as np
import pytest

from szfinder.mass.roughness import roughness


def noise(n=40, side=32, sigma=(1.0, 5.0)):
    drawn = np.random.default_rng(4).normal(size=(n, len(sigma), side, side))
    return drawn * np.array(sigma)[:, None, None]


def test_of_white_noise():
    """Differences of two pixels scatter by sqrt(2) of one."""
    found = roughness(noise())
    assert found.shape == (40, 2)
    np.testing.assert_allclose(found, np.sqrt(2) * np.array([[1, 5]] * 40), rtol=0.15)
    np.testing.assert_allclose(found.mean(axis=0), np.sqrt(2) * np.array([1, 5]), rtol=0.02)


@pytest.mark.parametrize("shape", ["plane", "bump", "source"])
def test_of_what_is_not_noise(shape):
    """A gradient, a cluster in the middle, or a source in each."""
    y, x = np.mgrid[:32, :32] - 16.0
    added = {"plane": 0.2 * (x + y), "bump": 30 * np.exp(-(x**2 + y**2) / 18),
             "source": 100 * np.exp(-((x - 10) ** 2 + (y - 9) ** 2) / 2)}[shape]  # fmt: skip
    found, alone = (roughness(noise() + part).mean(axis=0) for part in (added, 0))
    np.testing.assert_allclose(found, alone, rtol=0.06)
