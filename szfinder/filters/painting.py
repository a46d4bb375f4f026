"""Paint objects on maps through the shift theorem: exact at any position within a pixel."""

import numpy as np

from szfinder.filters.fourier import FourierGrid

__all__ = ["object_modes", "peak_offsets", "slopes"]


def object_modes(
    x: np.ndarray, y: np.ndarray, amplitude: np.ndarray, grid: FourierGrid
) -> np.ndarray:
    """Fourier modes of delta functions.

    The phases of a shift separate in x and y, so that any number of objects costs one matrix
    product. Times the transform of a shape in sr, and transformed back, they are a map of objects
    of that shape.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Pixel positions.
    amplitude : `~numpy.ndarray`
        Amplitudes.
    grid : `~szfinder.filters.FourierGrid`
        Grid of the map.

    Returns
    -------
    `~numpy.ndarray`
        Complex, shape (ny, nx // 2 + 1) of the padded grid.
    """
    ny, nx = grid.padded_shape
    phase_y = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(ny), y)) * (amplitude / grid.pixel_area)
    phase_x = np.exp(-2j * np.pi * np.outer(x, np.fft.rfftfreq(nx)))
    return phase_y.astype(np.complex64) @ phase_x.astype(np.complex64)


def peak_offsets(
    image: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Summit of the parabola through a peak pixel and its neighbours along each axis.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx).
    y, x : `~numpy.ndarray` of int
        Peak pixels.

    Returns
    -------
    dy, dx, height : `~numpy.ndarray`
        Offsets from the peak pixels, within half a pixel, and heights of the summits.
    """
    padded = np.pad(image, 1, mode="edge").astype(float)
    y, x = y + 1, x + 1
    height = padded[y, x]
    offsets = []
    for step in ((1, 0), (0, 1)):
        before, after = padded[y - step[0], x - step[1]], padded[y + step[0], x + step[1]]
        slope = 0.5 * (after - before)
        curvature = 2 * padded[y, x] - before - after
        offset = np.divide(slope, curvature, out=np.zeros_like(height), where=curvature > 0)
        offsets.append(np.clip(offset, -0.499, 0.499))
        height = height + 0.5 * slope * offsets[-1]
    return offsets[0], offsets[1], height


def slopes(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of an image along y and x; at its edges half of the one-sided ones.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx).
    y, x : `~numpy.ndarray` of int
        Pixels.

    Returns
    -------
    slope_y, slope_x : `~numpy.ndarray`
        Differences per pixel.
    """
    y_max, x_max = (n - 1 for n in image.shape)
    above, below = np.minimum(y + 1, y_max), np.maximum(y - 1, 0)
    right, left = np.minimum(x + 1, x_max), np.maximum(x - 1, 0)
    return 0.5 * (image[above, x] - image[below, x]), 0.5 * (image[y, right] - image[y, left])
