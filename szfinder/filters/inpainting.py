"""Fill the bad pixels of maps smoothly, so that they can be Fourier transformed."""

import numpy as np

__all__ = ["inpaint"]

#: Relaxations towards the mean of the four neighbours at each resolution.
N_RELAX = 20


def inpaint(maps: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Replace bad pixels by an approximately harmonic continuation of the good ones.

    The maps are filled at half the resolution first, recursively; what comes back is relaxed
    towards the mean of each pixel's neighbours. Holes of any size, and the region outside the
    survey, are filled in a time that grows with the number of pixels only.

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (n_band, ny, nx); values in bad pixels are ignored.
    bad : `~numpy.ndarray`
        Boolean, shape (ny, nx), True where the maps are to be filled.

    Returns
    -------
    `~numpy.ndarray`
        A new array of the shape and type of ``maps``.
    """
    if not bad.any():
        return maps.copy()
    # A transposed array has no flat view through which it can be relaxed in place.
    maps = np.ascontiguousarray(np.where(bad, 0, maps))
    if bad.all():
        return maps
    coarse_sum = _add_blocks(maps)
    coarse_count = _add_blocks((~bad).astype(maps.dtype))
    coarse = inpaint(coarse_sum / np.maximum(coarse_count, 1), coarse_count == 0)
    y, x = np.nonzero(bad)
    maps[:, y, x] = coarse[:, y // 2, x // 2]
    _relax(maps, y, x)
    return maps


def _add_blocks(image: np.ndarray) -> np.ndarray:
    """Sum of each block of 2 x 2 pixels; an odd edge is padded with zeros."""
    ny, nx = image.shape[-2:]
    pad = [(0, 0)] * (image.ndim - 2) + [(0, ny % 2), (0, nx % 2)]
    image = np.pad(image, pad)
    return (
        image[..., ::2, ::2]
        + image[..., 1::2, ::2]
        + image[..., ::2, 1::2]
        + image[..., 1::2, 1::2]
    )


def _relax(maps: np.ndarray, y: np.ndarray, x: np.ndarray) -> None:
    """Move the pixels (y, x) towards the mean of their neighbours, in place."""
    ny, nx = maps.shape[-2:]
    flat = maps.reshape(len(maps), -1)
    here = y * nx + x
    around = [
        np.maximum(y - 1, 0) * nx + x,
        np.minimum(y + 1, ny - 1) * nx + x,
        y * nx + np.maximum(x - 1, 0),
        y * nx + np.minimum(x + 1, nx - 1),
    ]
    for _ in range(N_RELAX):
        flat[:, here] = sum(flat[:, neighbour] for neighbour in around) / 4
