"""What a U-Net is to paint: discs, or Gaussian peaks, at the positions of the clusters."""

from collections.abc import Callable

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

__all__ = ["disc_map", "peak_map"]

#: Standard deviations beyond which a peak is 0; it is 3e-4 there.
PEAK_REACH = 4.0


def disc_map(
    positions: SkyCoord,
    wcs: WCS,
    shape: tuple[int, int],
    *,
    diameter: u.Quantity = 5 * u.arcmin,
) -> np.ndarray:
    """Map that is 1 in a disc around each position and 0 elsewhere.

    The segmentation map of Bonjean (2020, section 3.1.3), where the diameter is the smallest beam
    of Planck HFI.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        Of the clusters, shape (n,); those off the map count as far as their discs reach into it.
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates of the map.
    shape : tuple of int
        Its shape (ny, nx).
    diameter : `~astropy.units.Quantity`, optional
        Of a disc, or of each; a plain number is in arcmin. Pixels whose centre is within it are 1.

    Returns
    -------
    `~numpy.ndarray`
        Shape (ny, nx), float32.

    Raises
    ------
    ValueError
        If the diameter is not positive, or there are neither one nor as many as positions.
    """
    places = _Places(positions, wcs, 0.5 * _arcmin(diameter, "diameter", positions))
    return _paint(places, shape, np.ones_like)


def peak_map(
    positions: SkyCoord,
    wcs: WCS,
    shape: tuple[int, int],
    *,
    sigma: u.Quantity = 0.75 * u.arcmin,
) -> np.ndarray:
    """Map of Gaussian peaks of height 1, of which the highest counts where they overlap.

    The heat map of Zhou et al. (2019, section 3). The pixel that holds a position is exactly 1,
    wherever in it that is: `focal_loss` takes such pixels, and no others, for objects.

    Parameters
    ----------
    positions, wcs, shape
        As for `disc_map`.
    sigma : `~astropy.units.Quantity`, optional
        Standard deviation of a peak, or of each; a plain number is in arcmin. Beyond four of them
        it is 0.

    Returns
    -------
    `~numpy.ndarray`
        Shape (ny, nx), float32.

    Raises
    ------
    ValueError
        If sigma is not positive, or neither one nor as many as positions.
    """
    places = _Places(positions, wcs, PEAK_REACH * _arcmin(sigma, "sigma", positions))
    peaks = _paint(places, shape, lambda square: np.exp(-0.5 * PEAK_REACH**2 * square))
    x, y = np.rint([places.x, places.y])
    within = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    peaks[y[within].astype(int), x[within].astype(int)] = 1
    return peaks


def _arcmin(angle: u.Quantity, name: str, positions: SkyCoord) -> np.ndarray:
    """The angle at each of the positions."""
    value = u.Quantity(angle, u.arcmin).value
    if not (np.all(value > 0) and np.all(value < np.inf)):
        raise ValueError(f"{name} must be a positive angle; found {angle}")
    if value.ndim and value.shape != (positions.size,):
        raise ValueError(
            f"{name} must be one angle, or one a position ({positions.size}); found {value.size}"
        )
    return np.broadcast_to(value, positions.size)


class _Places:
    """Pixels x and y of positions, and how many pixels (x, y) an arcmin (east, north) is there.

    Left out are positions that have no pixel, as behind the plane of projection, and those around
    which, within their radius in arcmin, it is far from linear, as along its horizon.
    """

    def __init__(self, positions: SkyCoord, wcs: WCS, radius: np.ndarray) -> None:
        # each position, and those a radius to its east, north, west and south
        angles = [0, 90, 0, 270, 180] * u.deg
        steps = [0, 1, 1, 1, 1] * radius[:, None] * u.arcmin
        around = positions.reshape(-1, 1).directional_offset_by(angles, steps)
        here, *there = np.moveaxis(wcs.world_to_pixel(around), -1, 0)
        steps = np.moveaxis(there, 0, -1) - here[..., None]  # (x, y), object, direction
        difference, sum_ = steps[..., :2] - steps[..., 2:], steps[..., :2] + steps[..., 2:]
        size, bend = (np.linalg.norm(vectors, axis=0) for vectors in (difference, sum_))
        smooth = (bend < 0.5 * size).all(axis=-1)
        self.x, self.y = here[:, smooth]
        self.radius = radius[smooth]
        self.steps = (difference[:, smooth] / (2 * self.radius[:, None])).swapaxes(0, 1)


def _paint(
    places: _Places,
    shape: tuple[int, int],
    height: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Highest value of ``height((distance / radius)^2)`` of the places within their radius."""
    painted = np.zeros(shape, np.float32)
    center = np.array([places.x, places.y])
    reach = places.radius * np.linalg.norm(places.steps, axis=-1).T
    limit = np.array(shape[::-1])[:, None]
    first = np.clip(np.ceil(center - reach), 0, limit).astype(int)
    end = np.clip(np.floor(center + reach) + 1, 0, limit).astype(int)
    per_pixel = np.linalg.inv(places.steps)  # arcmin (east, north) for a pixel (x, y)
    for i in np.flatnonzero((end > first).all(axis=0)):
        (x, y), (x_end, y_end) = first[:, i], end[:, i]
        dx = np.arange(x, x_end) - places.x[i]
        dy = (np.arange(y, y_end) - places.y[i])[:, None]
        east, north = (a * dx + b * dy for a, b in per_pixel[i])
        square = (east**2 + north**2) / places.radius[i] ** 2
        box = painted[y:y_end, x:x_end]
        np.maximum(box, np.where(square <= 1, height(square), 0), out=box)
    return painted
