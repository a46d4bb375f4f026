"""How rough maps are around clusters, which is their noise rather than anything else."""

import numpy as np

__all__ = ["roughness"]


def roughness(cutouts: np.ndarray) -> np.ndarray:
    """Scatter of the differences between neighbouring pixels, away from the middle of cutouts.

    The CMB hardly changes from pixel to pixel, and sources are rare.

    Parameters
    ----------
    cutouts : `~numpy.ndarray`
        Shape (n, n_band, side, side), without bad pixels.

    Returns
    -------
    `~numpy.ndarray`
        Half of the range from the 16th to the 84th percentile, shape (n, n_band).
    """
    side = cutouts.shape[-1]
    outer = np.ones((side, side - 1), dtype=bool)
    outer[side // 4 : side - side // 4, side // 4 : side - side // 4 - 1] = False
    low, high = np.percentile(np.diff(cutouts, axis=-1)[..., outer], [16, 84], axis=2)
    return (high - low) / 2
