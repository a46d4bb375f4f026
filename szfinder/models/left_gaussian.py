"""The Gaussian on the left of a map's pixel distribution, which sources do not reach."""

from collections.abc import Iterable

import numpy as np

__all__ = ["fit_left_gaussian"]

#: Pixels of a band without which no fit is tried, and beyond which a start is found from a part.
MIN_PIXELS, MAX_PIXELS_OF_START = 4000, 1_000_000
#: Part of the pixels in whose shortest interval the mode is looked for first.
CORE = 0.1
#: In units of the scatter: width of a bin, smoothing of the mode, and reach of the fit.
BIN, SMOOTHING, REACH = 0.05, 0.25, 4.0


def fit_left_gaussian(
    maps: Iterable[np.ndarray], *, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the Gaussian that each band's pixels follow below their mode.

    CMB and noise are Gaussian, while sources and dust are positive and make the distribution longer
    on its right. Bonjean (2020, section 3.2 and figure 2) fits a Gaussian up to the mode, and
    normalises the maps by it. The results are the ``offset`` and the ``scale`` of
    `~szfinder.models.Preprocessing`.

    Parameters
    ----------
    maps : iterable of `~numpy.ndarray`
        One map a band, of any shape, as the data of a `~szfinder.maps.MapStack` or the values of
        HEALPix maps; pixels that are not finite are bad.
    mask : `~numpy.ndarray` of bool, optional
        True where bad, of the shape of each map.

    Returns
    -------
    offset, scale : `~numpy.ndarray`
        Shape (n_band,), in the unit of the maps.

    Raises
    ------
    ValueError
        If a band has fewer than 4000 good pixels, or no Gaussian fits it.

    Notes
    -----
    The mode is the maximum of the histogram, smoothed by a quarter of the scatter. The fit is by
    least squares to the bins from four times the scatter below it to the mode, all of one weight,
    so that a few very low pixels do no harm. A first mode, from which the bins are made, is the
    middle of the shortest interval with a tenth of the pixels; the scatter is the distance below it
    that 68.27 per cent of the lower pixels keep.
    """
    fits = []
    for band, values in enumerate(maps):
        good = np.isfinite(values) if mask is None else np.isfinite(values) & ~np.asarray(mask)
        try:
            fits.append(_fit(values[good].astype(float)))
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"no Gaussian fits band {band} below its mode: {error}") from error
    offset, scale = np.transpose(fits)
    return offset, scale


def _fit(values: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import curve_fit

    if values.size < MIN_PIXELS:
        raise ValueError(f"found {values.size} good pixels, expected {MIN_PIXELS} or more")
    start, scatter = _start(values[:: 1 + values.size // MAX_PIXELS_OF_START])
    if not scatter > 0:
        raise ValueError(f"most of the pixels have the same value, {start:g}")
    centres, counts = _histogram(values, start, scatter)
    mode = _mode(centres, counts)
    left = (centres <= mode) & (centres > mode - REACH * scatter)
    (_, mean, sigma), _ = curve_fit(
        _gaussian, centres[left], counts[left], p0=(counts.max(), mode, scatter)
    )
    return mean, abs(sigma)


def _start(values: np.ndarray) -> tuple[float, float]:
    """Rough mode, and scatter below it."""
    values = np.sort(values)
    n = int(CORE * values.size)
    shortest = np.argmin(values[n:] - values[:-n])
    mode = 0.5 * (values[shortest] + values[shortest + n])
    below = mode - values[values <= mode]
    return mode, np.quantile(below, 0.6827)


def _histogram(values: np.ndarray, mode: float, scatter: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the bins around the mode, and the pixels in each."""
    reach = (REACH + 1) * scatter
    edges = np.linspace(mode - reach, mode + reach, 1 + round(2 * (REACH + 1) / BIN))
    counts, _ = np.histogram(values, edges)
    return 0.5 * (edges[1:] + edges[:-1]), counts


def _mode(centres: np.ndarray, counts: np.ndarray) -> float:
    from scipy.ndimage import gaussian_filter1d

    return centres[np.argmax(gaussian_filter1d(counts.astype(float), SMOOTHING / BIN))]


def _gaussian(x: np.ndarray, height: float, mean: float, sigma: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((x - mean) / sigma) ** 2)
