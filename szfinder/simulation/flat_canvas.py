"""The canvas for flat patches."""

from __future__ import annotations

from functools import cache, cached_property

import astropy.units as u
import numpy as np
from scipy import fft, sparse
from scipy.interpolate import BSpline
from scipy.ndimage import gaussian_filter1d

from szfinder.filters.fourier import ARCMIN
from szfinder.maps import Instrument
from szfinder.simulation.canvas import Canvas
from szfinder.simulation.patch import Patch

__all__ = ["FlatCanvas"]

#: Degree of the B-splines that carry points onto the pixels.
DEGREE = 5


class FlatCanvas(Canvas):
    """The canvas of a patch: everything is added up in Fourier space.

    Points are carried onto the pixels by B-splines, whose transform is then divided out, so that a
    position within a pixel is as good as any other (as in non-uniform fast Fourier transforms).

    Parameters
    ----------
    patch : `~szfinder.simulation.Patch`
        The pixels.
    instrument : `~szfinder.maps.Instrument`
        The bands.
    high_pass : float, optional
        Multipole along right ascension below which the maps are filtered.
    """

    def __init__(
        self, patch: Patch, instrument: Instrument, *, high_pass: float | None = None
    ) -> None:
        super().__init__(instrument)
        self.patch = patch
        self.grid = patch.grid
        self.high_pass = high_pass
        ny, nx = self.grid.padded_shape
        self._sky = np.zeros((len(instrument), ny, nx // 2 + 1), np.complex64)
        self._noise = np.zeros_like(self._sky)
        self._noise_rms = None

    def add_gaussian(self, rng, amplitude) -> None:
        tables = amplitude(np.maximum(self.grid.ell, 1)) / np.sqrt(self.grid.pixel_area)
        tables[..., 0] = 0
        for field in np.moveaxis(tables, 1, 0):
            white = self._white(rng)
            for modes, table in zip(self._sky, field):
                modes += white * self.grid.at_modes(table)

    def add_points(self, positions, temperature) -> None:
        spread = self._spread(positions)
        for modes, weights in zip(self._sky, temperature):
            modes += self._deposit(spread, weights) / self._splines

    def add_profiles(self, positions, family, integral, size, shape, response) -> None:
        total = np.zeros_like(self._sky[0])
        spread = self._spread(positions)
        for (size_node, shape_node), rows, weights in family.shares(size, shape):
            window = family.transform(self.grid.ell, size_node, shape_node)
            deposit = self._deposit(spread[rows], weights * integral[rows])
            deposit *= self.grid.at_modes(window)
            total += deposit
        total /= self._splines
        for modes, factor in zip(self._sky, response):
            modes += factor * total

    def gaussian_map(self, rng, power) -> np.ndarray:
        table = np.sqrt(power(np.maximum(self.grid.ell, 1)) / self.grid.pixel_area)
        table[0] = 0
        modes = self._white(rng) * self.grid.at_modes(table)
        return fft.irfft2(modes, s=self.grid.padded_shape)

    def add_recoloured(self, image, amplitude, power) -> None:
        modes = fft.rfft2(image.astype(np.float32))
        scaled = self.grid.azimuthal_sum(np.abs(modes) ** 2) * self.grid.ell**2
        # sums and numbers apart: at low multipoles many entries have no mode
        sums, numbers = (gaussian_filter1d(a, 20) for a in (scaled, self.grid.n_modes))
        measured = sums / np.maximum(numbers, 1e-9) + 1e-30
        wanted = power(np.maximum(self.grid.ell, 1)) * self.grid.ell**2
        wanted *= np.prod(self.grid.padded_shape) / self.grid.pixel_area
        modes *= self.grid.at_modes(np.sqrt(wanted / measured))
        for sky, factor in zip(self._sky, amplitude):
            sky += factor * modes

    def add_noise(self, rng, levels, amplitude, unevenness) -> None:
        pixel = np.sqrt(np.prod(self.grid.pixel_scale))
        relative = np.float32(1)
        if unevenness > 0:
            relative = np.exp(unevenness * self.patch.slow_field(rng))
            self._noise_rms = (levels / pixel)[:, None, None] * self._in_map(relative)
        ell = self.grid.at_modes(self.grid.ell)
        colour = amplitude(ell, np.abs(self._multipole_along_ra()))
        for modes, level in zip(self._noise, levels):
            larger = fft.irfft2(self._white(rng) * colour, s=self.grid.padded_shape)
            modes += fft.rfft2(larger * relative * (level / pixel))

    @property
    def noise_rms(self) -> np.ndarray | None:
        return self._noise_rms

    def maps(self) -> np.ndarray:
        window = self._pixel_window if self.instrument.pixel_window else 1.0
        kept = self._kept()
        maps = np.empty((len(self.instrument), *self.patch.shape), np.float32)
        for plane, band, sky, noise in zip(maps, self.instrument, self._sky, self._noise):
            beam = self.grid.at_modes(band.beam.window(self.grid.ell))
            modes = (sky * (beam * window) + noise) * kept
            larger = fft.irfft2(modes, s=self.grid.padded_shape, overwrite_x=True)
            plane[:] = self._in_map(larger)
        return maps

    def _in_map(self, larger: np.ndarray) -> np.ndarray:
        (y, x), (ny, nx) = self.patch.origin, self.patch.shape
        return larger[y : y + ny, x : x + nx]

    def _white(self, rng: np.random.Generator) -> np.ndarray:
        return fft.rfft2(rng.standard_normal(self.grid.padded_shape, np.float32))

    def _spread(self, positions: np.ndarray) -> sparse.csr_array:
        """How much of each point every pixel gets: a matrix of points by pixels."""
        ny, nx = self.grid.padded_shape
        x, y = positions
        columns, in_x = _spline_weights(x + self.patch.origin[1], nx)
        rows, in_y = _spline_weights(y + self.patch.origin[0], ny)
        shape = x.size, (DEGREE + 1) ** 2
        pixels = (rows[:, :, None] * nx + columns[:, None, :]).reshape(shape)
        weights = (in_y[:, :, None] * in_x[:, None, :]).reshape(shape)
        ends = np.arange(x.size + 1) * pixels.shape[1]
        return sparse.csr_array((weights.ravel(), pixels.ravel(), ends), shape=(x.size, ny * nx))

    def _deposit(self, spread: sparse.csr_array, weights: np.ndarray) -> np.ndarray:
        """Modes of points with integrals in uK arcmin^2, smoothed by the splines."""
        image = spread.T @ (weights / np.prod(self.grid.pixel_scale)).astype(np.float32)
        return fft.rfft2(image.reshape(self.grid.padded_shape))

    @cached_property
    def _splines(self) -> np.ndarray:
        return self._pixel_window ** (DEGREE + 1)

    @cached_property
    def _pixel_window(self) -> np.ndarray:
        ny, nx = self.grid.padded_shape
        window = np.sinc(np.fft.fftfreq(ny))[:, None] * np.sinc(np.fft.rfftfreq(nx))
        return window.astype(np.float32)

    def _multipole_along_ra(self) -> np.ndarray:
        """Component along right ascension of the multipole of each mode."""
        (ny, nx), (dy, dx) = self.grid.padded_shape, self.grid.pixel_scale
        ell_y = 2 * np.pi * np.fft.fftfreq(ny, dy * ARCMIN)[:, None]
        ell_x = 2 * np.pi * np.fft.rfftfreq(nx, dx * ARCMIN)
        centre = np.array([[(nx - 1) / 2] for nx in self.patch.shape[::-1]])
        here = self.patch.to_sky(centre)[0]
        north = here.directional_offset_by(0, 1 * u.arcmin)
        x, y = (self.patch.wcs.world_to_pixel(north) - centre.T)[0] * (dx, dy)
        return (ell_x * y - ell_y * x) / np.hypot(x, y)

    def _kept(self) -> np.ndarray | float:
        """What the high-pass filter keeps of each mode (as Schaffer et al. 2011)."""
        if self.high_pass is None:
            return 1.0
        ratio = np.abs(self._multipole_along_ra()) / self.high_pass
        return 1 - np.exp(-(ratio**6))


def _spline_weights(position: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels around each position on a ring of n, and the B-spline there; shapes (n_point, 6)."""
    whole = np.floor(position).astype(int)
    pixels = whole[:, None] + np.arange(DEGREE + 1) - DEGREE // 2
    table = _spline_table()
    return pixels % n, table[np.rint((position - whole) * (len(table) - 1)).astype(int)]


@cache
def _spline_table() -> np.ndarray:
    """The B-spline at the six pixels around a position, for finely spaced parts of a pixel."""
    spline = BSpline.basis_element(np.arange(DEGREE + 2) - (DEGREE + 1) / 2, extrapolate=False)
    part = np.linspace(0, 1, 2**13 + 1)
    pixels = np.arange(DEGREE + 1) - DEGREE // 2
    return np.nan_to_num(spline(pixels - part[:, None])).astype(np.float32)
