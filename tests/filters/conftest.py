"""A camera of two bands and Gaussian objects, made without the code that is tested."""

import numpy as np
import pytest

from szfinder.filters import BandCovariance
from szfinder.physics import cmb_power, tsz_response

ARCMIN = np.pi / 10800


class Camera:
    """Two bands with Gaussian beams that see the CMB and white noise of 10 uK-arcmin."""

    frequencies = np.array([95.0, 150.0])
    sigma = np.array([1.7, 1.2]) / np.sqrt(8 * np.log(2))
    white = np.full(2, (10 * ARCMIN) ** 2)
    spectrum = np.array([tsz_response(95.0), tsz_response(150.0)])

    def beams(self, ell):
        """Beams, shape (2, n_ell)."""
        return np.exp(-0.5 * (self.sigma[:, None] * ARCMIN * ell) ** 2)

    def response(self, ell):
        """Response to Compton y, shape (1, 2, n_ell)."""
        return (self.spectrum[:, None] * self.beams(ell))[None]

    def power(self, ell):
        """Covariance of the bands, shape (n_ell, 2, 2)."""
        beams = self.beams(ell).T
        cmb = cmb_power(ell)[:, None, None] * beams[:, :, None] * beams[:, None, :]
        return cmb + np.diag(self.white)

    def covariance(self, ell):
        """The covariance at every multipole of a table."""
        return BandCovariance(ell, self.power(ell))

    def noise(self, shape, scale, rng):
        """Periodic Gaussian maps of CMB and white noise."""
        return gaussian_maps(self.power, shape, scale, rng)

    def cluster(self, shape, scale, x, y, sigma):
        """Maps of a Gaussian cluster that is 1 at its centre, seen through the beams."""
        widths = np.hypot(sigma, self.sigma)
        profiles = [gaussian(shape, scale, x, y, width) for width in widths]
        return np.stack(profiles) * (self.spectrum * (sigma / widths) ** 2)[:, None, None]


def gaussian(shape, scale, x, y, sigma):
    """Gaussian of a width in arcmin, 1 at the pixel position (x, y)."""
    dy, dx = np.arange(shape[0])[:, None] - y, np.arange(shape[1]) - x
    return np.exp(-0.5 * ((dy * scale[0]) ** 2 + (dx * scale[1]) ** 2) / sigma**2)


def gaussian_maps(power, shape, scale, rng):
    """Periodic Gaussian maps whose covariance over multipole is a function."""
    frequency = [np.fft.fftfreq(n, d * ARCMIN) for n, d in zip(shape, scale)]
    ell = 2 * np.pi * np.hypot(frequency[0][:, None], frequency[1])
    root = np.linalg.cholesky(power(ell.ravel()) / (np.prod(scale) * ARCMIN**2))
    white = np.fft.fft2(rng.standard_normal((root.shape[1], *shape)))
    coloured = np.einsum("lij,jl->il", root, white.reshape(len(white), -1))
    return np.fft.ifft2(coloured.reshape(white.shape)).real


@pytest.fixture(scope="session")
def camera():
    """The camera of these tests."""
    return Camera()


@pytest.fixture(scope="session")
def draw_gaussian():
    """Function that draws a Gaussian on a map."""
    return gaussian


@pytest.fixture(scope="session")
def draw_maps():
    """Function that draws periodic Gaussian maps."""
    return gaussian_maps


@pytest.fixture(scope="session")
def gaussian_template():
    """Function that returns the transform in sr of a Gaussian of a width in arcmin."""

    def transform(sigma, ell):
        return 2 * np.pi * (sigma * ARCMIN) ** 2 * np.exp(-0.5 * (sigma * ARCMIN * ell) ** 2)

    return transform
