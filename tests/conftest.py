"""Settings and fixtures that all tests share."""

import os
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import settings
from scipy import ndimage, special

from szfinder.maps import Band, Beam, Instrument, MapStack
from szfinder.physics.clusters import compton_y, theta500
from szfinder.physics.conversion import flux_per_kelvin
from szfinder.physics.power import cmb_power
from szfinder.physics.spectrum import tsz_response

os.environ.setdefault("MPLBACKEND", "agg")  # tests draw without a display

# The same examples in every run, and no time limit: a busy machine must not fail a test.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

ARCMIN = np.pi / 10800


@pytest.fixture(scope="session")
def reference_data():
    """Folder of public survey maps, catalogues and tables (skips the test where it is absent)."""
    folder = os.environ.get("SZFINDER_TEST_DATA")
    if folder is None:
        pytest.skip("needs public survey data: set SZFINDER_TEST_DATA to their folder")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"SZFINDER_TEST_DATA is {folder!r}, which is not a folder")
    return path


class MockSky:
    """Clusters and point sources before the CMB, painted without the code that looks for them.

    Clusters have the universal pressure profile; they are drawn in real space on a grid four times
    finer than the map, smoothed, and averaged over the pixels. Point sources are Gaussians
    integrated over the pixels. Three bands of Gaussian beams, pixels of 0.5 arcmin.
    """

    frequencies = {"95": 95.0, "150": 150.0, "220": 220.0}
    fwhm = {"95": 1.7, "150": 1.2, "220": 1.0}
    pixel = 0.5
    fine = 4
    margin = 12

    def __init__(self, rng, shape=(240, 225), noise=(10.0, 10.0, 30.0)):
        self.shape = shape
        self.noise = dict(zip(self.frequencies, noise))
        self.rng = np.random.default_rng(rng)
        self.x, self.y, self.mass, self.redshift = np.zeros((4, 0))
        self.wcs = WCS(naxis=2)
        self.wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        self.wcs.wcs.crval = 30.0, -50.0
        self.wcs.wcs.cdelt = -self.pixel / 60, self.pixel / 60
        self.wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
        noise = self.rng.standard_normal((3, *shape))
        depth = np.array(list(self.noise.values())) / self.pixel
        self.images = noise * depth[:, None, None] + self._cmb()

    def add_clusters(self, x, y, mass, redshift):
        """Clusters at pixel positions, of masses M500c in Msun and redshifts."""
        new = np.broadcast_arrays(np.asarray(x, float), y, mass, redshift)
        old = self.x, self.y, self.mass, self.redshift
        self.x, self.y, self.mass, self.redshift = map(np.append, old, new)
        ny, nx = (self.fine * (n + 2 * self.margin) for n in self.shape)
        compton = np.zeros((ny, nx))
        rows, columns = ((np.arange(n) + 0.5) / self.fine - self.margin - 0.5 for n in (ny, nx))
        for x0, y0, m500, z in zip(*new):
            reach = 5 * theta500(m500, z) / self.pixel
            box = np.ix_(np.abs(rows - y0) < reach, np.abs(columns - x0) < reach)
            radius = np.hypot(rows[box[0]] - y0, columns[box[1]] - x0) * self.pixel
            nodes = np.geomspace(1e-3, radius.max(), 400)
            compton[box] += np.interp(radius, nodes, compton_y(nodes, m500, z))
        self.images += np.stack([
            self._pixels(ndimage.gaussian_filter(compton, self.sigma(band) * self.fine))
            * tsz_response(frequency)
            for band, frequency in self.frequencies.items()
        ])
        return self

    def add_sources(self, x, y, flux, index=-0.7):
        """Point sources at pixel positions, of fluxes in mJy at 150 GHz."""
        for image, (band, frequency) in zip(self.images, self.frequencies.items()):
            per_pixel = flux_per_kelvin(frequency) * self.pixel**2
            for x0, y0, s150 in zip(*np.broadcast_arrays(x, y, flux)):
                shares = [np.diff(special.ndtr((np.arange(n + 1) - 0.5 - c) / self.sigma(band)))
                          for n, c in zip(self.shape, (y0, x0))]
                image += s150 * (frequency / 150) ** index / per_pixel * np.outer(*shares)
        return self

    def sigma(self, band):
        """Standard deviation of the beam of a band in pixels."""
        return self.fwhm[band] / np.sqrt(8 * np.log(2)) / self.pixel

    @property
    def instrument(self):
        """The instrument."""
        return Instrument("mock", [Band(name, frequency, Beam.from_fwhm(self.fwhm[name]),
                                        noise=self.noise[name])
                                   for name, frequency in self.frequencies.items()], True)

    @cached_property
    def maps(self):
        """The map stack."""
        return MapStack(self.images, wcs=self.wcs, instrument=self.instrument)

    @property
    def positions(self):
        """True positions of the clusters on the sky."""
        return SkyCoord(self.wcs.pixel_to_world(self.x, self.y))

    @property
    def y_c(self):
        """True central Compton parameters of the clusters."""
        return np.array([compton_y(0, m500, z) for m500, z in zip(self.mass, self.redshift)])

    @property
    def theta500(self):
        """True angles of R500 of the clusters in arcmin."""
        return theta500(self.mass, self.redshift)

    def _cmb(self):
        """The CMB through each beam, cut from a periodic map of twice the size."""
        ny, nx = (2 * n for n in self.shape)
        cycles_y, cycles_x = np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)
        ell = 2 * np.pi * np.hypot(cycles_y, cycles_x) / (self.pixel * ARCMIN)
        amplitude = np.sqrt(cmb_power(np.maximum(ell, 2))) / (self.pixel * ARCMIN)
        modes = np.fft.rfft2(self.rng.standard_normal((ny, nx))) * amplitude
        modes *= np.sinc(cycles_y) * np.sinc(cycles_x)
        beams = [np.exp(-2 * (np.pi * np.hypot(cycles_y, cycles_x) * self.sigma(band)) ** 2)
                 for band in self.frequencies]
        seen = [np.fft.irfft2(modes * beam, s=(ny, nx)) for beam in beams]
        return np.stack(seen)[:, : self.shape[0], : self.shape[1]]

    def _pixels(self, image):
        """Means of the fine pixels of each pixel, without the margin."""
        ny, nx = (n + 2 * self.margin for n in self.shape)
        coarse = image.reshape(ny, self.fine, nx, self.fine).mean(axis=(1, 3))
        return coarse[self.margin : -self.margin, self.margin : -self.margin]


@pytest.fixture(scope="session")
def mock_sky():
    """The class of mock skies, for tests that fill their own."""
    return MockSky


@pytest.fixture(scope="session")
def sky():
    """A mock sky of nine clusters and five point sources; not to be changed."""
    x, y = np.array([[41.3, 36.8], [112.6, 30.2], [186.1, 44.4], [36.7, 107.9], [109.2, 118.5],
                     [187.8, 121.3], [45.4, 199.6], [116.9, 196.1], [180.5, 193.7]]).T
    mass = [3e14, 5e14, 4e14, 8e14, 6e14, 3.5e14, 5e14, 4.5e14, 7e14]
    redshift = [0.8, 0.4, 0.6, 0.9, 0.25, 1.0, 0.5, 0.3, 0.7]
    made = MockSky(11).add_clusters(x, y, mass, redshift)
    return made.add_sources([74.2, 150.6, 75.9, 148.3, 77.7], [72.4, 80.1, 160.6, 155.8, 20.4],
                            [60.0, 25.0, 120.0, 15.0, 40.0])
