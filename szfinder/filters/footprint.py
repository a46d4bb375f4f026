"""Where a set of maps has data: its edge, the holes inside, a smooth window."""

import numpy as np
from scipy import ndimage

__all__ = ["Footprint", "subtract_plane"]


class Footprint:
    """Region covered by maps, told apart from the small holes in it.

    Parameters
    ----------
    good : `~numpy.ndarray`
        Boolean, shape (ny, nx): True where all bands have data.
    hole_area : float
        Bad pixels that touch neither the border nor a larger bad region than this, in pixels, are a
        hole: it is filled, and is no edge of the maps.

    Attributes
    ----------
    inside : `~numpy.ndarray`
        Boolean, shape (ny, nx): the covered region, holes included.
    holes : `~numpy.ndarray`
        Boolean, shape (ny, nx).
    edge_distance : `~numpy.ndarray`
        Distance in pixels from the centre of each pixel to the edge of the covered region, shape
        (ny, nx), 0 outside.
    hole_distance : `~numpy.ndarray`
        Distance in pixels to the nearest hole, negative within it and infinite where there is none.
    """

    def __init__(self, good: np.ndarray, hole_area: float) -> None:
        labels, n_labels = ndimage.label(~good)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        outside = np.bincount(labels.ravel(), minlength=n_labels + 1) > hole_area
        outside[border] = True
        outside[0] = False
        self.inside = ~outside[labels]
        self.holes = self.inside & ~good
        distance = self._border_distance()
        if not self.inside.all():
            covered = ndimage.distance_transform_edt(self.inside) - 0.5
            distance = np.clip(covered, 0, distance)
        self.edge_distance = distance.astype(np.float32)
        self.hole_distance = np.full(good.shape, np.inf, np.float32)
        if self.holes.any():
            self.hole_distance = ndimage.distance_transform_edt(~self.holes) - 0.5

    def window(self, width: float) -> np.ndarray:
        """Window that rises from 0 at the edge to 1 at a distance in pixels, as a squared sine."""
        phase = np.clip(self.edge_distance / width, 0, 1)
        return np.sin(0.5 * np.pi * phase) ** 2

    def _border_distance(self) -> np.ndarray:
        ny, nx = self.inside.shape
        y = np.minimum(np.arange(ny), np.arange(ny)[::-1]) + 0.5
        x = np.minimum(np.arange(nx), np.arange(nx)[::-1]) + 0.5
        return np.minimum(y[:, None], x)


def subtract_plane(maps: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Take the mean and the gradient of the good pixels off each map.

    A dipole, or the offset of an instrument, would leave a step at the edges.

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (n_band, ny, nx).
    good : `~numpy.ndarray`
        Boolean, shape (ny, nx): the pixels to which the plane is fitted.

    Returns
    -------
    `~numpy.ndarray`
        New maps of the same shape and type.
    """
    ny, nx = good.shape
    y, x = np.linspace(-1, 1, ny)[:, None], np.linspace(-1, 1, nx)
    terms = [np.broadcast_to(term, good.shape) for term in (np.ones((1, 1)), y, x)]
    basis = np.stack([term[good] for term in terms])
    normal = np.einsum("ip,jp->ij", basis, basis)
    planes = []
    for image in maps:
        moments = np.einsum("ip,p->i", basis, image[good].astype(float))
        offset, slope_y, slope_x = np.linalg.solve(normal, moments)
        planes.append(image - (offset + slope_y * y + slope_x * x).astype(image.dtype))
    return np.stack(planes)
