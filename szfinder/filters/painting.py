"""Paint objects on maps through their Fourier modes: at any position within a pixel."""

import numpy as np

from szfinder.filters.fourier import FourierGrid

__all__ = ["object_modes", "peak_offsets", "slopes"]

#: Relative error of the sums over objects: about the least that single precision allows.
EPSILON = 2e-6


def object_modes(
    x: np.ndarray, y: np.ndarray, amplitude: np.ndarray, grid: FourierGrid
) -> np.ndarray:
    """Fourier modes of delta functions.

    They are summed by a non-uniform Fourier transform (Barnett et al. 2019, as implemented in
    ``ducc0``), whose cost hardly depends on the number of objects. Times the transform of a shape
    in sr, and transformed back, they are a map of objects of that shape.

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
    from ducc0.nufft import nu2u

    ny, nx = grid.padded_shape
    modes = np.zeros((ny, nx // 2 + 1), np.complex64)
    if not len(x):
        return modes
    # The transform is centred on mode zero; a phase moves it to the middle of the half plane.
    centre = modes.shape[1] // 2
    points = amplitude / grid.pixel_area * np.exp(-2j * np.pi * centre / nx * x)
    nu2u(
        points=points.astype(np.complex64),
        coord=np.stack([y, x], axis=1, dtype=float),
        forward=True,
        epsilon=EPSILON,
        periodicity=grid.padded_shape,
        out=modes,
    )
    return np.fft.ifftshift(modes, axes=0)


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
