"""Cross-band covariance of everything in the maps that is not the template."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from szfinder.filters.fourier import FourierGrid
from szfinder.physics.power import foreground_covariance

__all__ = [
    "BandCovariance",
    "ModeCovariance",
    "measure_covariance",
    "measure_mode_covariance",
    "model_covariance",
]

#: Relative width of the multipole bins.
BIN_GROWTH = 0.1
#: Independent modes in each bin for each band: with n modes the filter fits the noise of n_band of
#: them, and promises that much too little noise.
MODES_PER_BAND = 60
#: Nodes over multipole of a model.
N_NODES = 400


@dataclass(frozen=True)
class BandCovariance:
    """Isotropic covariance of the bands.

    Parameters
    ----------
    ell : `~numpy.ndarray`
        Increasing multipoles, shape (n,).
    matrix : `~numpy.ndarray`
        Covariance C_ell of the bands in uK_CMB^2 sr, beams included, shape (n, n_band, n_band).
    """

    ell: np.ndarray
    matrix: np.ndarray

    def weigh(self, response: np.ndarray, grid: FourierGrid) -> tuple[np.ndarray, np.ndarray]:
        """Weights N^-1 F and information F^T N^-1 F of a response.

        Parameters
        ----------
        response : `~numpy.ndarray`
            Over ``grid.ell``, shape (n_component, n_band, n_ell).
        grid : `~szfinder.filters.FourierGrid`
            Grid of the maps.

        Returns
        -------
        weights : `~numpy.ndarray`
            Shape (n_component, n_band, n_ell); the mean of the maps has no weight.
        information : `~numpy.ndarray`
            Shape (n_component, n_component, n_ell).

        Raises
        ------
        ValueError
            If the covariance is singular.
        """
        at_nodes = np.stack(
            [[np.interp(self.ell, grid.ell, row) for row in rows] for rows in response]
        )
        solved = _solve(self.matrix, at_nodes.transpose(2, 1, 0)).transpose(2, 1, 0)
        weights = np.stack(
            [[np.interp(grid.ell, self.ell, row) for row in rows] for rows in solved]
        )
        weights[..., 0] = 0
        return weights, np.einsum("cbl,dbl->cdl", response, weights)

    def of_band(self, band: int) -> "BandCovariance":
        """Covariance of one band alone."""
        return BandCovariance(self.ell, self.matrix[:, band : band + 1, band : band + 1])


@dataclass(frozen=True)
class ModeCovariance:
    """Covariance of the bands at every mode of a grid, for noise that is not isotropic.

    Parameters
    ----------
    matrix : `~numpy.ndarray`
        Covariance in uK_CMB^2 sr, beams included, shape (ny, nx // 2 + 1, n_band, n_band).
    """

    matrix: np.ndarray

    def weigh(self, response: np.ndarray, grid: FourierGrid) -> tuple[np.ndarray, np.ndarray]:
        """Weights N^-1 F at every mode, and the azimuthal mean of F^T N^-1 F.

        Parameters and information as in `BandCovariance.weigh`; the weights have shape
        (n_component, n_band, ny, nx // 2 + 1).
        """
        at_modes = response[:, :, grid.ell_index].transpose(2, 3, 1, 0)
        weights = _solve(self.matrix, at_modes)
        weights[0, 0] = 0
        information = np.einsum("yxbc,yxbd->cdyx", at_modes, weights)
        n_modes = np.maximum(grid.n_modes, 1)
        mean = np.array(
            [[grid.azimuthal_sum(modes) / n_modes for modes in row] for row in information]
        )
        return weights.transpose(3, 2, 0, 1).astype(np.float32), mean

    def of_band(self, band: int) -> "ModeCovariance":
        """Covariance of one band alone."""
        return ModeCovariance(self.matrix[..., band : band + 1, band : band + 1])


def measure_covariance(modes: np.ndarray, grid: FourierGrid, window_area: float) -> BandCovariance:
    """Covariance of the maps in bins of multipole.

    Parameters
    ----------
    modes : `~numpy.ndarray`
        Fourier transforms of the maps times a window, shape (n_band, ny, nx // 2 + 1).
    grid : `~szfinder.filters.FourierGrid`
        The grid of the modes.
    window_area : float
        Integral of the squared window, in pixels.

    Returns
    -------
    `BandCovariance`
        At the mean multipole of each bin.
    """
    edges = bin_edges(grid, len(modes))
    bin_of_ell = np.maximum(np.digitize(grid.ell, edges) - 1, 0)
    n_bins = edges.size - 1
    counts = np.bincount(bin_of_ell[1:], grid.n_modes[1:], minlength=n_bins)
    ell = np.bincount(bin_of_ell[1:], (grid.ell * grid.n_modes)[1:], minlength=n_bins) / counts
    bins = bin_of_ell[grid.ell_index].ravel()
    n_band = len(modes)
    matrix = np.empty((n_bins, n_band, n_band))
    for i in range(n_band):
        for j in range(i + 1):
            power = cross_power(modes[i], modes[j]) * grid.mode_weights
            power[0, 0] = 0
            matrix[:, i, j] = np.bincount(bins, power.ravel(), minlength=n_bins) / counts
            matrix[:, j, i] = matrix[:, i, j]
    return BandCovariance(ell, matrix * grid.pixel_area / window_area)


def measure_mode_covariance(
    modes: np.ndarray, grid: FourierGrid, window_area: float
) -> ModeCovariance:
    """Covariance of the maps mode by mode, smoothed over neighbouring modes.

    Parameters and units as in `measure_covariance`.
    """
    n_band, ny, nx = modes.shape
    matrix = np.empty((ny, nx, n_band, n_band))
    for i in range(n_band):
        for j in range(i + 1):
            power = cross_power(modes[i], modes[j])
            power[0, 0] = power[0, 1]
            matrix[..., i, j] = _smooth(power, n_band) * grid.pixel_area / window_area
            matrix[..., j, i] = matrix[..., i, j]
    return ModeCovariance(matrix)


def model_covariance(
    grid: FourierGrid, frequencies: np.ndarray, beams: np.ndarray, white: np.ndarray
) -> BandCovariance:
    """Covariance of a model sky: the noise terms of Lin et al. (2021), section 2.1.

    CMB, kSZ, dusty and radio sources and the background of faint clusters through the beams, and
    white noise.

    Parameters
    ----------
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps.
    frequencies : `~numpy.ndarray`
        In GHz, shape (n_band,).
    beams : `~numpy.ndarray`
        Beam of each band over ``grid.ell``, shape (n_band, n_ell).
    white : `~numpy.ndarray`
        White noise of each band in uK_CMB^2 sr, shape (n_band,).

    Returns
    -------
    `BandCovariance`
    """
    ell = np.geomspace(2, grid.ell[-1], N_NODES)
    seen = np.stack([np.interp(ell, grid.ell, beam) for beam in beams], axis=-1)
    sky = foreground_covariance(ell, frequencies) * seen[:, :, None] * seen[:, None, :]
    return BandCovariance(ell, sky + np.diag(white))


def _solve(matrix: np.ndarray, response: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, response)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "the covariance of the bands cannot be inverted; a map without any variation, or the "
            "same map given for two bands, does that: check the maps, or leave one band out"
        ) from error


def cross_power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Real part of the product of one set of modes with the conjugate of another."""
    return a.real * b.real + a.imag * b.imag


def bin_edges(grid: FourierGrid, n_band: int) -> np.ndarray:
    """Edges of multipole bins that all hold enough modes, wider towards small scales."""
    cumulative = np.cumsum(grid.n_modes) / 2
    cumulative -= cumulative[0]
    least = MODES_PER_BAND * n_band
    edges = [0.5]
    last = grid.ell[-1] + 1
    while edges[-1] < last:
        enough = np.searchsorted(cumulative, cumulative[int(edges[-1])] + least)
        edges.append(max(enough + 0.5, edges[-1] * (1 + BIN_GROWTH)))
    edges[-1] = last
    # The corner of the Fourier square holds few modes: they join the bin before.
    while len(edges) > 2 and cumulative[-1] - cumulative[int(edges[-2])] < least:
        del edges[-2]
    return np.asarray(edges)


def _smooth(power: np.ndarray, n_band: int) -> np.ndarray:
    """Mean over as many neighbouring modes as a bin of an isotropic covariance holds."""
    sigma = np.sqrt(MODES_PER_BAND * n_band / (2 * np.pi))
    return ndimage.gaussian_filter(power, sigma, mode=("wrap", "reflect"))
