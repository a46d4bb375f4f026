"""Small skies, and measurements on them that are made without the code that is tested."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from scipy import special
from scipy.integrate import quad

from szfinder.maps import Band, Beam, Instrument, wcs_for_patch

ARCMIN = np.pi / 10800
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Coarse pixels are quick, and do no harm to what most of these tests measure."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:pixels of .* are wider"))


class Laboratory:
    """Instruments, grids and clusters to simulate with, and rulers to measure maps with."""

    centre = SkyCoord(30, -50, unit="deg")

    def instrument(self, *frequencies, fwhm=1.4, noise=5.0, pixel_window=False):
        """Monochromatic bands of one Gaussian beam; at 150 GHz by default."""
        bands = [Band(f"{nu:g}", nu, Beam.from_fwhm(fwhm), noise) for nu in frequencies or (150.0,)]
        return Instrument("laboratory", bands, pixel_window)

    def grid(self, side=1.0, pixel=0.5, projection="TAN", centre=None):
        """WCS and shape of a square of a side in deg and a pixel in arcmin."""
        return wcs_for_patch(
            centre or self.centre, side * u.deg, pixel * u.arcmin, projection=projection
        )

    def clusters(self, centres=None, redshift=0.5, **columns):
        """A catalogue of halos, at the centre of the grid by default; masses in Msun."""
        centres = SkyCoord(np.atleast_1d(self.centre if centres is None else centres))
        units = {"velocity": u.km / u.s}
        table = QTable({"sky_centroid": centres})
        table["redshift"] = np.broadcast_to(redshift, centres.shape)
        for name, values in columns.items():
            table[name] = np.broadcast_to(values, centres.shape) * units.get(name, u.Msun)
        return table

    def radius(self, shape, pixel, x, y):
        """Distance in arcmin of all pixels from a position in pixels."""
        rows, columns = np.indices(shape)
        return np.hypot(rows - y, columns - x) * pixel

    def line_of_sight(self, profile, edge, b):
        """Integral of a profile along the line of sight at a distance from its centre."""
        end = np.sqrt(max(edge**2 - b**2, 0))
        points = [p for p in (b, 3 * b) if 0 < p < end] or None
        return 2 * quad(lambda d: profile(np.hypot(b, d)), 0, end, points=points, limit=200)[0]

    def smoothed(self, profile, theta, fwhm):
        """A circular profile behind a Gaussian beam; angles in arcmin."""
        variance = fwhm**2 / (8 * np.log(2))
        r = np.linspace(0, np.max(theta) + 5 * fwhm, 4000)
        near = np.exp(-((r - theta[:, None]) ** 2) / (2 * variance))
        kernel = r * near * special.ive(0, r * theta[:, None] / variance) / variance
        return np.trapezoid(kernel * profile(r), r, axis=1)

    def flux(self, image, pixel):
        """Sum over a map times the area of a pixel in arcmin^2."""
        return float(image.sum(dtype=float)) * pixel**2

    def power(self, first, second, pixel, edges):
        """Cross power in uK^2 sr in bins of multipole, under a Hann window."""
        window = np.outer(*(np.hanning(n + 2)[1:-1] for n in first.shape))
        modes = [np.fft.fft2(image * window) * (pixel * ARCMIN) ** 2 for image in (first, second)]
        norm = np.sum(window**2) * (pixel * ARCMIN) ** 2
        cycles = [np.fft.fftfreq(n, pixel * ARCMIN) for n in first.shape]
        ell = 2 * np.pi * np.hypot(cycles[0][:, None], cycles[1])
        place = np.digitize(ell.ravel(), edges)
        spectrum = (modes[0] * modes[1].conj()).real.ravel() / norm
        n_bin = len(edges) + 1
        counts = np.bincount(place, minlength=n_bin)
        return (np.bincount(place, spectrum, n_bin) / np.maximum(counts, 1))[1:-1]


@pytest.fixture(scope="session")
def lab():
    """The laboratory."""
    return Laboratory()
