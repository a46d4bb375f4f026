"""Profiles of one shape and many sizes, in multipole space."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from szfinder.filters.fourier import ARCMIN
from szfinder.physics import project, transform

__all__ = ["ProfileFamily"]

#: Geometric step of the ladder of sizes. A cluster is shared between the four rungs around it by
#: cubic interpolation, which is then right to 1e-3 of a profile.
STEP = 0.25
#: Reach of the table of the transform, in inverse units of the size.
TABLE = 1e-3, 300.0
N_TABLE = 600


class ProfileFamily:
    """Projected profiles that differ in size and, if need be, in one parameter of shape.

    Parameters
    ----------
    pressure : callable
        Function of radius in units of the size, and of the shape parameter.
    x_max : float
        Radius where the profile ends, in units of the size.
    shapes : sequence of float, optional
        Equidistant nodes of the shape parameter, one or at least four, between which profiles are
        interpolated by cubics.
    """

    def __init__(
        self,
        pressure: Callable[[np.ndarray, float], np.ndarray],
        x_max: float,
        *,
        shapes: Sequence[float] = (0.0,),
    ) -> None:
        self.x_max = x_max
        self.shapes = np.asarray(shapes, dtype=float)
        q = np.geomspace(*TABLE, N_TABLE)
        functions = [lambda x, shape=shape: pressure(x, shape) for shape in self.shapes]
        tables = np.array([transform(function, q, x_max) for function in functions])
        self._integrals = np.array([float(transform(f, 0.0, x_max)) for f in functions])
        self._centres = np.array([float(project(f, 0.0, x_max)) for f in functions])
        self._tables = [CubicSpline(np.log(q), t / i) for t, i in zip(tables, self._integrals)]

    def integral(self, shape: np.ndarray | float = 0.0) -> np.ndarray:
        """Integral of the projected profile over the plane, in units of the size squared."""
        return self._interpolated(self._integrals, shape)

    def centre(self, shape: np.ndarray | float = 0.0) -> np.ndarray:
        """Value of the projected profile at its centre."""
        return self._interpolated(self._centres, shape)

    def transform(
        self, ell: np.ndarray, size: np.ndarray | float, shape: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Transform of profiles of unit integral; arguments broadcast.

        Parameters
        ----------
        ell : `~numpy.ndarray`
            Multipoles.
        size, shape : float or `~numpy.ndarray`
            Size in arcmin and shape parameter.
        """
        q = np.asarray(ell) * size * ARCMIN
        log_q = np.log(np.clip(q, *TABLE))
        nodes, weights = self._between(np.atleast_1d(shape))
        total = 0.0
        for index in np.unique(nodes):
            weight = np.sum(weights * (nodes == index), axis=-1)
            total = total + weight * self._tables[index](log_q)
        return np.where(q > TABLE[1], 0.0, total)

    def shares(
        self, size: np.ndarray, shape: np.ndarray | float = 0.0
    ) -> Iterator[tuple[tuple[float, float], np.ndarray, np.ndarray]]:
        """Share profiles between those on the nodes of size and shape.

        Parameters
        ----------
        size, shape : `~numpy.ndarray`
            Shape (n,), size in arcmin and shape parameter.

        Yields
        ------
        node : tuple of float
            Size in arcmin and shape parameter of a node.
        rows : `~numpy.ndarray`
            Profiles that have a share in it.
        weights : `~numpy.ndarray`
            Their shares, which add up to 1 over all nodes.
        """
        rung, rung_weights = _cubic(np.log(size) / STEP)
        node, node_weights = self._between(np.broadcast_to(shape, np.shape(size)))
        row = np.arange(len(size))
        row, rung, node, weights = (
            np.concatenate([array.ravel() for array in arrays])
            for arrays in zip(
                *(
                    (row, rung[:, i], node[:, j], rung_weights[:, i] * node_weights[:, j])
                    for i in range(rung.shape[1])
                    for j in range(node.shape[1])
                )
            )
        )
        key = rung * self.shapes.size + node
        order = np.argsort(key, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            if group.size:
                at = np.exp(rung[group[0]] * STEP), self.shapes[node[group[0]]]
                yield at, row[group], weights[group]

    def _between(self, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nodes around each shape and their weights; shapes (n, 4), or (n, 1) for one node."""
        n = self.shapes.size
        if n == 1:
            return np.zeros((shape.size, 1), int), np.ones((shape.size, 1))
        coordinate = np.interp(shape, self.shapes, np.arange(n))
        return _cubic(coordinate, 0, n - 4)

    def _interpolated(self, table: np.ndarray, shape: np.ndarray | float) -> np.ndarray:
        nodes, weights = self._between(np.ravel(shape))
        values = np.exp(np.sum(weights * np.log(table)[nodes], axis=-1))
        return values.reshape(np.shape(shape))


def _cubic(
    coordinate: np.ndarray, lowest: float = -np.inf, highest: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Four integers around each coordinate, and Lagrange's weights; shapes (n, 4).

    The first of the four is kept between two limits.
    """
    first = np.clip(np.floor(coordinate) - 1, lowest, highest).astype(int)
    t = coordinate - first - 1
    weights = np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=-1,
    )
    return first[:, None] + np.arange(4), weights
