"""The noise level of a filtered map: as a whole, from place to place, along edges."""

import numpy as np
from scipy import ndimage

from szfinder.filters.footprint import Footprint
from szfinder.filters.matched import MatchedFilter

__all__ = ["NoiseLevel", "relative_noise", "robust_deviation"]

#: Samples further out than this many standard deviations are objects, not noise.
CLIP = 3.5
#: Standard deviation of a normal variable that is cut there.
CLIPPED_DEVIATION = 0.99694
#: Independent samples of the noise that one cell is to hold, and the part of them that it needs.
SAMPLES_PER_CELL = 100
ENOUGH = 0.3
#: The most by which the noise of a cell is believed to exceed that of the whole map.
MOST_UNEVEN = 3.0
#: One pixel in this many along each axis is measured: filtered noise is smooth.
THINNING = 2
#: Pixels that are enough to measure one level.
MAX_PIXELS = 50_000
#: Distance at which a template feels the edge, in units of the side of one sample of its noise.
EDGE_FELT = 1.5
#: Growth of the width of the rings along the edge, and the part of the maps they may cover.
RING_GROWTH = 0.15
RINGED = 0.5
ALL_BANDS = slice(None)


def robust_deviation(values: np.ndarray) -> float:
    """Standard deviation of the values about zero, without their outliers."""
    squares = values[:: 1 + values.size // MAX_PIXELS].astype(float) ** 2
    variance = squares.mean()
    for _ in range(5):
        variance = squares[squares < CLIP**2 * variance].mean() / CLIPPED_DEVIATION**2
    return float(np.sqrt(variance))


class NoiseLevel:
    """Measures the noise of filtered maps of one footprint.

    Parameters
    ----------
    footprint : `~szfinder.filters.Footprint`
        Where the maps have data.
    reach : float
        Distance in pixels at which the edge is no longer felt by the smallest templates.
    ivar : `~numpy.ndarray`, optional
        Inverse variance of the maps in uK_CMB^-2, shape (n_band, ny, nx).
    """

    def __init__(self, footprint: Footprint, reach: float, ivar: np.ndarray | None = None) -> None:
        distance = footprint.edge_distance
        self._inner = footprint.inside & (distance > reach)
        if not self._inner.any():
            self._inner = footprint.inside
        sample = np.nonzero(self._inner)
        self._sample = tuple(index[:: 1 + index.size // MAX_PIXELS] for index in sample)
        self._reach = reach
        self._rings = [
            ring
            for distance in (footprint.edge_distance, footprint.hole_distance)
            for ring in _rings(distance, footprint.inside & ~footprint.holes)
        ]
        self._white, self._depth = None, None
        if ivar is not None:
            self._depth = np.ones(ivar.shape, np.float32)
            typical = np.array([np.median(band[band > 0]) for band in ivar])
            np.divide(typical[:, None, None], ivar, out=self._depth, where=ivar > 0)
            self._white = 1 / typical

    def __call__(
        self,
        amplitude: np.ndarray,
        matched: MatchedFilter,
        template: np.ndarray,
        *,
        bands: slice = ALL_BANDS,
    ) -> tuple[float, np.ndarray]:
        """Noise of a filtered map, objects taken off.

        Parameters
        ----------
        amplitude : `~numpy.ndarray`
            Filtered map, shape (ny, nx).
        matched : `~szfinder.filters.MatchedFilter`
            The filter.
        template : `~numpy.ndarray`
            The template over ``matched.grid.ell``, in sr.
        bands : slice, optional
            The bands of the maps that the filter combines; by default all.

        Returns
        -------
        level : float
            Noise of the whole map over what the filter expects of it.
        error : `~numpy.ndarray`
            The filter's expectation with the variation from place to place and the excess near the
            edge put in, shape (ny, nx).
        """
        grid = matched.grid
        expected = matched.noise(template)
        error = np.full(grid.shape, expected, np.float32)
        if self._depth is not None:
            white, depth = self._white[bands] * grid.pixel_area, self._depth[bands]
            shares = matched.white_noise_shares(template, white)
            error *= np.sqrt(1 - shares.sum() + np.einsum("b,byx->yx", shares, depth))
        samples = matched.correlation_area(template) / grid.pixel_area
        thin = np.s_[::THINNING, ::THINNING]
        relative = relative_noise(
            amplitude[thin] / error[thin], self._inner[thin], samples / THINNING**2, grid.shape
        )
        if relative is not None:
            error *= relative
        level = robust_deviation(amplitude[self._sample] / error[self._sample])
        reach = max(self._reach, EDGE_FELT * np.sqrt(samples))
        for distance, ring in self._rings:
            if distance < reach and len(ring[0]) >= SAMPLES_PER_CELL:
                excess = robust_deviation(amplitude[ring] / error[ring]) / level
                error[ring] *= max(excess, 1.0)
        return level, error


def relative_noise(
    significance: np.ndarray,
    use: np.ndarray,
    correlation_pixels: float,
    shape: tuple[int, int],
) -> np.ndarray | None:
    """How the noise of a filtered map varies from place to place.

    Cells large enough to hold a hundred independent samples are measured and smoothed over their
    neighbours. Their scatter is taken for real as far as it exceeds what the number of samples
    explains (James & Stein 1961): a uniform map has one level, an uneven one its own at each place.

    Parameters
    ----------
    significance : `~numpy.ndarray`
        Filtered map over its expected noise, objects taken off; it may be thinned.
    use : `~numpy.ndarray`
        Boolean, of the same shape: pixels that count.
    correlation_pixels : float
        Area of one independent sample of the noise, in pixels.
    shape : tuple of int
        Shape (ny, nx) of the result.

    Returns
    -------
    `~numpy.ndarray` or None
        Level over that of the whole map, shape (ny, nx); None where one level does everywhere.
    """
    level = robust_deviation(significance[use])
    size = max(int(np.sqrt(SAMPLES_PER_CELL * correlation_pixels)), 1)
    bounds = [np.rint(np.linspace(0, n, max(n // size, 1) + 1)).astype(int) for n in use.shape]
    square = np.minimum(np.abs(significance) / level, CLIP * MOST_UNEVEN) ** 2
    count = _cell_sums(use, bounds)
    samples = count / correlation_pixels
    filled = samples > ENOUGH * SAMPLES_PER_CELL
    n_filled = np.count_nonzero(filled)
    if n_filled < 2:
        return None
    mean = _cell_sums(square * use, bounds)[filled] / count[filled]
    log_level, weight = np.zeros((2, *filled.shape))
    weight[filled] = samples[filled]
    log_level[filled] = 0.5 * np.log(mean)
    log_level[filled] -= np.average(log_level[filled], weights=weight[filled])
    scatter, expected = np.var(log_level[filled]), np.mean(0.5 / samples[filled])
    if scatter < expected * (1 + 2 * np.sqrt(2 / n_filled)):
        return None
    smooth = ndimage.uniform_filter(log_level * weight, 3, mode="constant")
    smooth /= np.maximum(ndimage.uniform_filter(weight, 3, mode="constant"), 1e-6)
    return np.exp((1 - expected / scatter) * _interpolate(smooth, bounds, shape))


def _rings(distance: np.ndarray, inside: np.ndarray) -> list[tuple[float, tuple[np.ndarray, ...]]]:
    """Rings of pixels along an edge: the distance of each in pixels, and its pixels."""
    if not np.isfinite(distance[inside]).all():
        return []
    farthest = np.quantile(distance[inside], RINGED)
    bounds = [0.0]
    while bounds[-1] < farthest:
        bounds.append(bounds[-1] + max(1.0, np.floor(RING_GROWTH * bounds[-1])))
    y, x = np.nonzero(inside & (distance < bounds[-1]))
    number = np.digitize(distance[y, x], bounds) - 1
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(1, len(bounds) - 1))
    pixels = zip(np.split(y[order], ends), np.split(x[order], ends))
    return list(zip(bounds, pixels))


def _cell_sums(image: np.ndarray, bounds: list[np.ndarray]) -> np.ndarray:
    rows = np.add.reduceat(image, bounds[0][:-1], axis=0, dtype=float)
    return np.add.reduceat(rows, bounds[1][:-1], axis=1)


def _interpolate(cells: np.ndarray, bounds: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation between the centres of the cells."""
    for axis, (edges, n) in enumerate(zip(bounds, shape)):
        centres = 0.5 * (edges[1:] + edges[:-1]) * (n / edges[-1]) - 0.5
        place = np.interp(np.arange(n), centres, np.arange(centres.size))
        low = np.minimum(place.astype(int), max(centres.size - 2, 0))
        part = np.expand_dims((place - low).astype(np.float32), 1 - axis)
        high = np.minimum(low + 1, centres.size - 1)
        cells = cells.astype(np.float32)
        cells = cells.take(low, axis) * (1 - part) + cells.take(high, axis) * part
    return cells
