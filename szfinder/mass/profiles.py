"""Profiles of clusters in the middle of images."""

import numpy as np

__all__ = ["distances", "ring_means"]


def distances(side: int) -> np.ndarray:
    """Distance of each pixel from the middle one, (side // 2, side // 2), in pixels."""
    offset = np.arange(side) - side // 2
    return np.hypot(offset[:, None], offset)


def ring_means(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of images in rings of a pixel around their middle.

    Parameters
    ----------
    images : `~numpy.ndarray`
        Shape (n, side, side).

    Returns
    -------
    radii : `~numpy.ndarray`
        Mean distance of the pixels of each ring, in pixels, shape (n_ring,): of all rings that are
        whole.
    means : `~numpy.ndarray`
        Shape (n, n_ring).
    """
    side = images.shape[1]
    distance = distances(side)
    ring = np.rint(distance).astype(int)
    n_ring = (side - 1) // 2 + 1
    inside = ring < n_ring
    counts = np.bincount(ring[inside], minlength=n_ring)
    radii = np.bincount(ring[inside], distance[inside]) / counts
    sums = np.zeros((n_ring, len(images)))
    np.add.at(sums, ring[inside], images[:, inside].T)
    return radii, (sums / counts[:, None]).T
