"""The flat-sky Fourier grid on which maps are filtered."""

from collections.abc import Iterable

import numpy as np
from scipy import fft
from scipy.special import j0

ARCMIN = np.pi / (180 * 60)

__all__ = ["ARCMIN", "FourierGrid", "pixel_window"]

#: Width, in multipole, of the shells that are summed in a transform back to the sky.
SHELL = 20


class FourierGrid:
    """Real FFTs of maps of one shape with a margin, and the multipole of every mode.

    The map lies in the corner of a larger, FFT-friendly array. The margin keeps the filter from
    carrying one edge of the map over to the opposite one.

    Parameters
    ----------
    shape : tuple of int
        Shape (ny, nx) of the maps.
    pixel_scale : tuple of float
        Pixel size (dy, dx) in arcmin, measured on the sky.
    margin : float, optional
        The least width of the margin between two opposite edges, in arcmin.

    Attributes
    ----------
    padded_shape : tuple of int
        Shape of the map with its margin.
    ell : `~numpy.ndarray`
        Multipoles 0, 1, 2, ... of isotropic tables.
    ell_index : `~numpy.ndarray`
        Multipole of each mode of the half plane, rounded: its place in a table over ``ell``.
    n_modes : `~numpy.ndarray`
        Number of modes of the full plane at each entry of ``ell``.
    pixel_area, area : float
        Of a pixel, and of the map with its margin, in sr.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        pixel_scale: tuple[float, float],
        *,
        margin: float = 0.0,
    ) -> None:
        self.shape = tuple(shape)
        self.pixel_scale = tuple(pixel_scale)
        self.padded_shape = tuple(
            fft.next_fast_len(int(n + np.ceil(margin / scale)), real=True)
            for n, scale in zip(shape, pixel_scale)
        )
        ny, nx = self.padded_shape
        dy, dx = (scale * ARCMIN for scale in pixel_scale)
        self.pixel_area = dy * dx
        self.area = ny * nx * self.pixel_area
        ell = 2 * np.pi * np.hypot(np.fft.fftfreq(ny, dy)[:, None], np.fft.rfftfreq(nx, dx))
        self.ell_index = np.rint(ell).astype(np.intp)
        self.ell = np.arange(self.ell_index.max() + 1)
        self.n_modes = self.azimuthal_sum(np.ones(ell.shape))

    @property
    def pixel_size(self) -> float:
        """Geometric mean of the sides of a pixel, in arcmin."""
        return float(np.sqrt(np.prod(self.pixel_scale)))

    @property
    def mode_weights(self) -> np.ndarray:
        """How many modes of the full plane each column of the half plane stands for."""
        nx = self.padded_shape[1]
        weights = np.full(nx // 2 + 1, 2.0)
        weights[0] = 1.0
        if nx % 2 == 0:
            weights[-1] = 1.0
        return weights

    def azimuthal_sum(self, modes: np.ndarray) -> np.ndarray:
        """Sum of a real quantity over the modes of the full plane at each entry of ``ell``."""
        return np.bincount(self.ell_index.ravel(), (modes * self.mode_weights).ravel())

    def pixel_window(self) -> np.ndarray:
        """Window over ``ell`` of maps averaged over their pixels, its mean over all directions."""
        return pixel_window(self.ell, self.pixel_scale)

    def transform(self, maps: np.ndarray) -> np.ndarray:
        """Fourier transform of maps that are zero in the margin."""
        return fft.rfft2(maps, s=self.padded_shape)

    def transform_extended(self, maps: np.ndarray) -> np.ndarray:
        """Fourier transform of maps carried on, mirrored, into the margin and faded out there.

        The data keep their full weight up to the edge of the map, and the periodic array has no
        step.
        """
        for axis in (-2, -1):
            margin = self.padded_shape[axis] - self.shape[axis]
            maps = np.moveaxis(_continue(np.moveaxis(maps, axis, -1), margin), -1, axis)
        return fft.rfft2(maps)

    def inverse(self, modes: np.ndarray) -> np.ndarray:
        """Map of the modes, without the margin; the modes are overwritten."""
        ny, nx = self.shape
        return fft.irfft2(modes, s=self.padded_shape, overwrite_x=True)[..., :ny, :nx]

    def at_modes(self, table: np.ndarray) -> np.ndarray:
        """Values of an isotropic table over ``ell`` at every mode, in single precision."""
        return np.take(table.astype(np.float32), self.ell_index)

    def spectral_integral(self, table: np.ndarray) -> float:
        """Integral of an isotropic table over the modes, d^2 ell / (2 pi)^2."""
        return float(np.sum(self.n_modes * table)) / self.area

    def hankel_transform(self, tables: Iterable[np.ndarray], radius: np.ndarray) -> np.ndarray:
        """Transform of isotropic tables back to the sky.

        Parameters
        ----------
        tables : iterable of `~numpy.ndarray`
            Tables over ``ell``.
        radius : `~numpy.ndarray`
            Distances in arcmin.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_table, n_radius).
        """
        starts = np.arange(0, self.ell.size, SHELL)
        density = self.n_modes / self.area
        shells = np.stack([np.add.reduceat(table * density, starts) for table in tables])
        return shells @ j0(np.outer(starts + 0.5 * (SHELL - 1), radius * ARCMIN))


def pixel_window(ell: np.ndarray, pixel_scale: tuple[float, float]) -> np.ndarray:
    """Window of an average over rectangular pixels, its mean over all directions.

    Parameters
    ----------
    ell : `~numpy.ndarray`
        Multipoles.
    pixel_scale : tuple of float
        Sides of a pixel in arcmin.
    """
    angle = np.linspace(0, 0.5 * np.pi, 16)[:, None]
    dy, dx = (scale * ARCMIN for scale in pixel_scale)
    y, x = ell * np.sin(angle), ell * np.cos(angle)
    window = np.sinc(y * dy / (2 * np.pi)) * np.sinc(x * dx / (2 * np.pi))
    return np.trapezoid(window, angle, axis=0) / (0.5 * np.pi)


def _continue(maps: np.ndarray, margin: int) -> np.ndarray:
    """Append, along the last axis, the mirrored end and start of the maps, each faded."""
    half = min((margin + 1) // 2, maps.shape[-1])
    fade = np.cos(0.5 * np.pi * (np.arange(half) + 0.5) / max(half, 1)) ** 2
    fade = fade.astype(maps.dtype)
    tail = np.zeros((*maps.shape[:-1], margin), dtype=maps.dtype)
    tail[..., :half] += maps[..., : -half - 1 : -1] * fade
    tail[..., margin - half :] += (maps[..., :half] * fade)[..., ::-1]
    return np.concatenate([maps, tail], axis=-1)
