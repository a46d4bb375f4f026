"""Means over discs and rings around the centres of cutouts."""

import astropy.units as u
import numpy as np

__all__ = ["checked_radii", "ring_means", "ring_weights"]

#: Part by which a radius may exceed an array: sides of pixels, measured on the sky, are not round.
ROUNDING = 1e-3


def checked_radii(radii: u.Quantity, name: str, n: int | None = None) -> np.ndarray:
    """Rising radii in arcmin.

    Raises
    ------
    ValueError
        If they are negative or do not rise, or are not ``n`` (two or more unless told).
    """
    radii = np.atleast_1d(u.Quantity(radii, u.arcmin).value).astype(float)
    right_number = radii.size == n if n else radii.size >= 2
    if not (radii.ndim == 1 and right_number and radii[0] >= 0 and (np.diff(radii) > 0).all()):
        raise ValueError(f"{name} must be {n or 'two or more'} rising radii; found {radii} arcmin")
    return radii


def ring_weights(shape: tuple[int, int], pixel_size: float, edges: np.ndarray) -> np.ndarray:
    """Part of each pixel that lies in each ring around the centre of an array.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    pixel_size : float
        Side of a pixel.
    edges : `~numpy.ndarray`
        Rising radii, in the unit of the pixel size; from 0 the first ring is a disc.

    Returns
    -------
    `~numpy.ndarray`
        Shape (edges.size - 1, ny, nx), exact.

    Raises
    ------
    ValueError
        If a ring does not fit into the array.
    """
    from photutils.aperture import CircularAperture

    reach = min(shape) * pixel_size / 2
    if edges[-1] > reach * (1 + ROUNDING):
        raise ValueError(
            f"cutouts reach to {reach:.4g} arcmin from their centres; found a radius of "
            f"{edges[-1]:.4g} arcmin"
        )
    center = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    discs = [
        CircularAperture(center, radius / pixel_size).to_mask(method="exact").to_image(shape)
        if radius
        else np.zeros(shape)
        for radius in edges
    ]
    return np.diff(discs, axis=0)


def ring_means(cutouts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each cutout in each ring, over what is not NaN.

    Parameters
    ----------
    cutouts : `~numpy.ndarray`
        Shape (n, ny, nx).
    weights : `~numpy.ndarray`
        Weight of each pixel in each ring, shape (n_rings, ny, nx).

    Returns
    -------
    means : `~numpy.ndarray`
        Shape (n, n_rings); NaN where all is NaN.
    covered : `~numpy.ndarray`
        Sum of the weights of what is not NaN, shape (n, n_rings).
    """
    weights = weights.reshape(len(weights), -1)
    cutouts = cutouts.reshape(len(cutouts), weights.shape[1])
    good = np.isfinite(cutouts)
    covered = good @ weights.T
    sums = np.where(good, cutouts, 0) @ weights.T
    # What rounding leaves of a ring that has no pixel at all is nothing.
    means = np.divide(sums, covered, out=np.full(sums.shape, np.nan), where=covered > 1e-6)
    return means, covered
