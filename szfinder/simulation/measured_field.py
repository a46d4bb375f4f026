"""MeasuredField: Gaussian maps with the power between bands that other maps have."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from szfinder.filters import FourierGrid
from szfinder.filters.covariance import cross_power

__all__ = ["MeasuredField", "measured_power"]


def measured_power(
    maps: np.ndarray, window: np.ndarray, grid: FourierGrid, *, filled: np.ndarray
) -> np.ndarray:
    r"""Power between the bands of maps, at every multipole.

    With the transforms :math:`a_i` of the maps times a window W,

    .. math:: C_{ij}(\ell) = \frac{1}{\ell^2} \left\langle \ell'^2\, \mathrm{Re}\,
              a_i a_j^* \right\rangle_{\ell' \approx \ell} \Big/ \int W^2 \mathrm d\Omega ,

    a mean over modes with a Gaussian weight in :math:`\ell' - \ell` that is as wide as the modes
    lie apart. A mean of products is positive semi-definite, and a filter needs bins with many more
    modes than a simulation does (`~szfinder.filters.measure_covariance`).

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (n_band, ny, nx) in uK_CMB, without bad pixels.
    window : `~numpy.ndarray`
        Shape (ny, nx), 0 at the edge.
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps.
    filled : `~numpy.ndarray`
        Boolean, shape (ny, nx): pixels that were filled in smoothly. They have no small scales, and
        do not count in the integral of the window.

    Returns
    -------
    `~numpy.ndarray`
        C_ell in uK_CMB^2 sr, beams and noise included, shape (n_ell, n_band, n_band), at
        ``grid.ell``.
    """
    modes = grid.transform(maps * window)
    spacing = 2 * np.pi / np.sqrt(grid.area)
    number = grid.n_modes.astype(float)
    number[0] = 0
    number = np.maximum(gaussian_filter1d(number, spacing), 1e-9)
    n_band = len(maps)
    power = np.empty((grid.ell.size, n_band, n_band))
    for i in range(n_band):
        for j in range(i + 1):
            scaled = grid.azimuthal_sum(cross_power(modes[i], modes[j])) * grid.ell**2.0
            power[:, i, j] = gaussian_filter1d(scaled, spacing) / number
            power[:, j, i] = power[:, i, j]
    area = np.sum(window[~filled].astype(float) ** 2) / grid.pixel_area
    return power / (area * np.maximum(grid.ell, 1)[:, None, None] ** 2.0)


class MeasuredField:
    """Gaussian field with a measured power between bands.

    Parameters
    ----------
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps; its margin keeps opposite edges independent.
    power : `~numpy.ndarray`
        C_ell in uK_CMB^2 sr at ``grid.ell``, shape (n_ell, n_band, n_band).
    elsewhere : `~numpy.ndarray` or float, optional
        Part of that power which does not come from this field, in the same shape. Where it is more
        than the maps have, eigenvalues below 0 are set to 0.
    """

    def __init__(
        self, grid: FourierGrid, power: np.ndarray, *, elsewhere: np.ndarray | float = 0.0
    ) -> None:
        self.grid = grid
        # Powers of 100 and 857 GHz are ten orders apart: correlations, not powers, have
        # eigenvalues that double precision can tell from 0.
        scale = np.sqrt(np.einsum("lii->li", power)) + 1e-30
        relative = (power - elsewhere) / (scale[:, :, None] * scale[:, None, :])
        value, vector = np.linalg.eigh(relative)
        root = scale[:, :, None] * vector * np.sqrt(np.clip(value, 0, None))[:, None, :]
        root[0] = 0
        self._amplitude = np.moveaxis(root, 0, -1) / np.sqrt(grid.pixel_area)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One realisation, shape (n_band, ny, nx), float32 in uK_CMB."""
        modes = np.zeros((len(self._amplitude), *self.grid.ell_index.shape), np.complex64)
        for tables in np.moveaxis(self._amplitude, 1, 0):
            white = fft.rfft2(rng.standard_normal(self.grid.padded_shape, np.float32))
            for band, table in zip(modes, tables):
                band += white * self.grid.at_modes(table)
        return self.grid.inverse(modes)
