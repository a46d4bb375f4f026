"""Peaks lend their rank to the places around them."""

import numpy as np

__all__ = ["highest_nearby", "lent"]

#: What a loan costs, in decades of rank, at the distance NEAR; it grows with the square. Beyond
#: REACH times that distance along either axis nothing is lent.
PENALTY, REACH = 0.3, 2.5


def lent(rank: np.ndarray, near: float) -> np.ndarray:
    """The best rank that a place can borrow.

    Two finders may put one cluster a pixel or two apart. A place therefore has the rank of a peak
    nearby, less 0.3 at the distance ``near`` and more as its square: a grey dilation with a
    parabola (van den Boomgaard & Smeulders 1994), which has no plateau and, away from missing
    pixels, makes no new peak.

    Parameters
    ----------
    rank : `~numpy.ndarray`
        Ranks, shape (ny, nx); NaN lends nothing, and borrows nothing.
    near : float
        In pixels.

    Returns
    -------
    `~numpy.ndarray`
        Shaped like ``rank``, nowhere less than it.
    """
    return _dilated(rank, int(REACH * near), PENALTY / near**2 if near else 0.0)[0]


def highest_nearby(rank: np.ndarray, near: float) -> np.ndarray:
    """Flat index of the pixel with the highest rank within a distance along either axis.

    Parameters
    ----------
    rank : `~numpy.ndarray`
        Ranks, shape (ny, nx); NaN is below all.
    near : float
        In pixels, rounded up.

    Returns
    -------
    `~numpy.ndarray` of int
        Shaped like ``rank``.
    """
    return _dilated(rank, int(np.ceil(near)), 0.0)[1]


def _dilated(rank: np.ndarray, reach: int, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Greatest rank, less the penalty times the square of the distance, and where from."""
    missing = np.isnan(rank)
    best = np.where(missing, -np.inf, rank)
    source = np.arange(rank.size).reshape(rank.shape)
    for axis in (0, 1):
        # a parabola of two coordinates is the sum of those of one: first columns, then rows
        best, source = _dilated_along(best, source, axis, reach, penalty)
    best[missing] = np.nan
    return best, source


def _dilated_along(
    rank: np.ndarray, source: np.ndarray, axis: int, reach: int, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """The same along one axis."""
    best, origin = rank.copy(), source.copy()
    rank, source, to_rank, to_source = (
        np.moveaxis(array, axis, 0) for array in (rank, source, best, origin)
    )
    for distance in range(1, min(reach, len(rank) - 1) + 1):
        offered = rank - penalty * distance**2
        for lender, borrower in (
            (slice(distance, None), slice(None, -distance)),
            (slice(None, -distance), slice(distance, None)),
        ):
            better = offered[lender] > to_rank[borrower]
            np.copyto(to_rank[borrower], offered[lender], where=better)
            np.copyto(to_source[borrower], source[lender], where=better)
    return best, origin
