"""Make a mock field whose every cluster is known.

Ten by ten degrees of 0.5 arcmin pixels in three bands: lensed CMB, clusters with the universal
pressure profile, point sources, beams, and white noise. Run ``python benchmarks/mock_field.py
FOLDER`` to write the maps, the instrument and the truth; the benchmarks make the same field in
memory. Clusters are painted in real space on a finer grid, so that nothing of the finder is used to
make what it is tested on.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS
from scipy import fft
from seeds import TUNING_SEEDS

from szfinder.physics.clusters import central_y, theta500
from szfinder.physics.conversion import flux_per_kelvin
from szfinder.physics.power import cmb_power
from szfinder.physics.profiles import ARNAUD2010, gnfw_pressure, project, transform
from szfinder.physics.spectrum import tsz_response

ARCMIN = np.deg2rad(1 / 60)
FREQUENCY = {"95": 95.0, "150": 150.0, "220": 220.0}
FWHM = {"95": 2.2, "150": 1.5, "220": 1.1}
SHALLOW = {"95": 30.0, "150": 30.0, "220": 90.0}
DEEP = {"95": 10.0, "150": 10.0, "220": 30.0}
SHAPE = (1200, 1200)
PIXEL = 0.5
OVERSAMPLE = 4
X_MAX = 5.0


class MockField:
    """Maps of one seed, and their truth.

    Parameters
    ----------
    rng : int or `~numpy.random.Generator`
        Seed.
    noise : dict
        White noise of each band in uK-arcmin.
    n_clusters, n_sources : int
        How many of each.
    """

    def __init__(self, rng=None, *, noise=SHALLOW, shape=SHAPE, n_clusters=150, n_sources=300):
        self.noise = noise
        self.shape = shape
        self.wcs = field_wcs(shape)
        streams = np.random.default_rng(rng).spawn(4)
        self.clusters = self.draw_clusters(streams[0], n_clusters)
        self.sources = draw_sources(streams[1], shape, n_sources)
        compton = paint_clusters(self.clusters, shape)
        self.maps = {}
        sky = cmb_map(streams[2], shape)
        for band in FREQUENCY:
            source_map = paint_sources(self.sources, band, shape)
            seen = see(sky + compton * tsz_response(FREQUENCY[band]), band) + source_map
            white = streams[3].standard_normal(shape) * noise[band] / PIXEL
            self.maps[band] = (seen + white).astype(np.float32)

    @property
    def instrument(self):
        """The instrument as the package reads it."""
        bands = {
            band: {
                "frequency": FREQUENCY[band],
                "fwhm": FWHM[band],
                "noise": self.noise[band],
            }
            for band in FREQUENCY
        }
        return {"name": "mock", "pixel_window": True, "bands": bands}

    def draw_clusters(self, rng, n):
        """Clusters with their size, central y and ideal signal-to-noise ratio."""
        truth = QTable()
        truth["x"], truth["y"] = uniform_positions(rng, self.shape, n)
        truth["m500"] = np.exp(rng.uniform(np.log(1.5e14), np.log(1.2e15), n))
        truth["redshift"] = rng.uniform(0.1, 1.2, n)
        truth["theta500"] = theta500(truth["m500"], truth["redshift"])
        truth["y_c"] = central_y(truth["m500"], truth["redshift"])
        truth["ideal_snr"] = truth["y_c"] / ideal_noise(truth["theta500"], self.noise)
        truth["position"] = self.wcs.pixel_to_world(truth["x"], truth["y"])
        return truth

    def write(self, folder):
        """Write the maps, the instrument and the truth."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        header = self.wcs.to_header()
        header["BUNIT"] = "uK_CMB"
        for band, image in self.maps.items():
            fits.writeto(folder / f"{band}.fits", image, header, overwrite=True)
        (folder / "instrument.yaml").write_text(yaml.safe_dump(self.instrument, sort_keys=False))
        self.clusters.write(folder / "truth.ecsv", overwrite=True)


def field_wcs(shape):
    """A tangent plane at the centre of the field."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.crval = 30.0, -50.0
    wcs.wcs.cdelt = -PIXEL / 60, PIXEL / 60
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    return wcs


def uniform_positions(rng, shape, n):
    """Pixel positions anywhere in the field."""
    return rng.uniform(-0.5, shape[1] - 0.5, n), rng.uniform(-0.5, shape[0] - 0.5, n)


def draw_sources(rng, shape, n):
    """Sources of 3 to 150 mJy at 150 GHz, dN/dS ~ S^-2: four in five radio, the rest dusty."""
    sources = QTable()
    sources["x"], sources["y"] = uniform_positions(rng, shape, n)
    sources["flux"] = 1 / rng.uniform(1 / 150, 1 / 3, n)
    dusty = rng.random(n) < 0.2
    sources["index"] = np.where(dusty, rng.normal(3.4, 0.3, n), rng.normal(-0.7, 0.3, n))
    return sources


def modes(shape):
    """Multipole of each mode of the half plane, and the pixel window."""
    ny, nx = shape
    cycles_y, cycles_x = np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)
    ell = 2 * np.pi * np.hypot(cycles_y, cycles_x) / (PIXEL * ARCMIN)
    return ell, np.sinc(cycles_y) * np.sinc(cycles_x)


def beam(ell, band):
    """Gaussian beam of a band."""
    sigma = FWHM[band] * ARCMIN / np.sqrt(8 * np.log(2))
    return np.exp(-0.5 * (ell * sigma) ** 2)


def see(image, band):
    """Convolve a map with the beam of a band."""
    ell, _ = modes(image.shape)
    return fft.irfft2(fft.rfft2(image) * beam(ell, band), s=image.shape)


def cmb_map(rng, shape):
    """Gaussian realisation of the lensed CMB, cut from a larger periodic one."""
    larger = tuple(fft.next_fast_len(int(1.3 * n), real=True) for n in shape)
    ell, window = modes(larger)
    power = cmb_power(np.maximum(ell, 2))
    power[0, 0] = 0
    white = fft.rfft2(rng.standard_normal(larger)) / (PIXEL * ARCMIN)
    return fft.irfft2(white * np.sqrt(power) * window, s=larger)[: shape[0], : shape[1]]


def paint_clusters(clusters, shape):
    """Compton y of all clusters averaged over the pixels, without beam."""
    radius = np.geomspace(1e-4, X_MAX, 2000)
    profile = project(pressure, radius, X_MAX)
    profile /= project(pressure, np.zeros(1), X_MAX)
    compton = np.zeros(shape)
    for cluster in clusters:
        half = int(np.ceil(X_MAX * cluster["theta500"] / PIXEL)) + 1
        x0, y0 = int(round(cluster["x"])), int(round(cluster["y"]))
        fine = (np.arange((2 * half + 1) * OVERSAMPLE) + 0.5) / OVERSAMPLE - 0.5 - half
        distance = np.hypot(fine[:, None] + y0 - cluster["y"], fine + x0 - cluster["x"]) * (
            PIXEL / cluster["theta500"]
        )
        values = np.interp(distance, radius, profile, right=0)
        stamp = values.reshape(2 * half + 1, OVERSAMPLE, -1, OVERSAMPLE).mean(axis=(1, 3))
        y = slice(max(y0 - half, 0), min(y0 + half + 1, shape[0]))
        x = slice(max(x0 - half, 0), min(x0 + half + 1, shape[1]))
        cut = stamp[
            y.start - y0 + half : y.stop - y0 + half, x.start - x0 + half : x.stop - x0 + half
        ]
        compton[y, x] += cluster["y_c"] * cut
    return compton


def paint_sources(sources, band, shape):
    """Point sources of one band, beam and pixel window included."""
    larger = tuple(fft.next_fast_len(n + 60, real=True) for n in shape)
    ell, window = modes(larger)
    flux = sources["flux"] * (FREQUENCY[band] / 150) ** sources["index"]
    peak = flux / flux_per_kelvin(FREQUENCY[band]) / PIXEL**2
    phase_y = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(larger[0]), sources["y"]))
    phase_x = np.exp(-2j * np.pi * np.outer(sources["x"], np.fft.rfftfreq(larger[1])))
    transformed = (phase_y * peak) @ phase_x * beam(ell, band) * window
    return fft.irfft2(transformed, s=larger)[: shape[0], : shape[1]]


def mean_pixel_window(ell):
    """Pixel window averaged over direction."""
    angle = np.deg2rad(np.arange(0, 90, 3) + 1.5)[:, None]
    cycles = ell * PIXEL * ARCMIN / (2 * np.pi)
    return np.mean(np.sinc(cycles * np.cos(angle)) * np.sinc(cycles * np.sin(angle)), axis=0)


def pressure(x):
    """The universal pressure profile."""
    return gnfw_pressure(x, **ARNAUD2010)


def ideal_noise(theta, noise):
    """Error of central y with the true profile and covariance (CMB, white noise) in each size."""
    ell = np.arange(2, 30000, 4.0)
    beams = np.array([beam(ell, band) for band in FREQUENCY]).T * mean_pixel_window(ell)[:, None]
    response = beams * [tsz_response(frequency) for frequency in FREQUENCY.values()]
    white = np.array([noise[b] * ARCMIN for b in FREQUENCY]) ** 2
    covariance = cmb_power(ell)[:, None, None] * beams[:, :, None] * beams[:, None, :] + np.diag(
        white
    )
    information = np.einsum(
        "lb,lb->l", response, np.linalg.solve(covariance, response[..., None])[..., 0]
    )
    centre = project(pressure, np.zeros(1), X_MAX)[0]
    q = np.geomspace(1e-3, 300, 2000)
    shape = transform(pressure, q, X_MAX) / centre
    noises = []
    for size in np.atleast_1d(theta) * ARCMIN:
        profile = size**2 * np.interp(ell * size, q, shape)
        noises.append(np.trapezoid(profile**2 * information * ell / (2 * np.pi), ell) ** -0.5)
    return np.array(noises)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=TUNING_SEEDS[0])
    arguments = parser.parse_args()
    MockField(arguments.seed).write(arguments.folder)
