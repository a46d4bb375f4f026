"""Completeness over the properties of the halos."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table
from numpy.typing import ArrayLike

from szfinder.evaluation.intervals import jeffreys_interval
from szfinder.finders.tables import column_of

__all__ = ["CompletenessMap", "completeness", "completeness_map"]


@dataclass(frozen=True, eq=False)
class CompletenessMap:
    """Completeness over two properties of the halos.

    Parameters
    ----------
    by : tuple of str
        The two columns.
    edges : tuple of `~astropy.units.Quantity`
        Edges of the bins of each, of lengths n_first + 1 and n_second + 1.
    n, n_found : `~numpy.ndarray` of int
        Halos in each cell and those found, shape (n_first, n_second).
    completeness : `~numpy.ndarray`
        Part found, NaN where too few; shape (n_first, n_second).
    """

    by: tuple[str, str]
    edges: tuple[u.Quantity, u.Quantity]
    n: np.ndarray
    n_found: np.ndarray
    completeness: np.ndarray


def completeness(
    truth: Table, found: ArrayLike, by: str, bins: ArrayLike, *, level: float = 0.68
) -> QTable:
    """Completeness in bins of one property, as in Figs. 10 and 11 of Lin et al. (2021).

    Parameters
    ----------
    truth : `~astropy.table.Table`
        Halos.
    found : array_like of bool
        Whether each was found: ``match.found``.
    by : str
        Column: ``mvir``, ``redshift``, ``theta500`` or any other of numbers.
    bins : array_like or `~astropy.units.Quantity`
        Rising edges, in the unit of the column where they have none. A bin holds its lower edge,
        the last one both.
    level : float, optional
        Probability within the error bars.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin: ``low``, ``high``, ``centre`` (their mean), ``n``, ``n_found``,
        ``completeness`` (NaN without halos), and its `jeffreys_interval` ``lower`` to ``upper``.

    Raises
    ------
    ValueError
        If the column is missing, ``found`` does not fit the truth or the bins do not rise.
    """
    values, edges = _binned(truth, by, bins)
    found = _checked(found, truth)
    n, _ = np.histogram(values, edges.value)
    n_found, _ = np.histogram(values[found], edges.value)
    lower, upper = jeffreys_interval(n_found, n, level=level)
    return QTable(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "centre": (edges[:-1] + edges[1:]) / 2,
            "n": n,
            "n_found": n_found,
            "completeness": _fraction(n_found, n, 1),
            "lower": lower,
            "upper": upper,
        },
        meta={"by": by, "level": level},
    )


def completeness_map(
    truth: Table,
    found: ArrayLike,
    by: tuple[str, str],
    bins: tuple[ArrayLike, ArrayLike],
    *,
    min_count: int = 3,
) -> CompletenessMap:
    """Completeness in cells of two properties, as in Fig. 12 of Lin et al. (2021).

    Parameters
    ----------
    truth, found
        As for `completeness`.
    by : tuple of str
        Two columns.
    bins : tuple of array_like or `~astropy.units.Quantity`
        Rising edges of each, as for `completeness`.
    min_count : int, optional
        Cells with fewer halos are NaN.

    Returns
    -------
    `CompletenessMap`
    """
    (first, first_edges), (second, second_edges) = map(_binned, (truth, truth), by, bins)
    found = _checked(found, truth)
    edges = first_edges.value, second_edges.value
    n = np.histogram2d(first, second, edges)[0].astype(int)
    n_found = np.histogram2d(first[found], second[found], edges)[0].astype(int)
    return CompletenessMap(
        tuple(by), (first_edges, second_edges), n, n_found, _fraction(n_found, n, min_count)
    )


def _binned(truth: Table, by: str, bins: ArrayLike) -> tuple[np.ndarray, u.Quantity]:
    """A column, and the edges of its bins in its unit."""
    unit = (truth[by].unit if by in truth.colnames else None) or u.one
    edges = u.Quantity(bins, unit, dtype=float)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"bins of {by!r} must be two or more rising edges; found {bins}")
    return column_of(truth, by, unit), edges


def _checked(found: ArrayLike, truth: Table) -> np.ndarray:
    found = np.asarray(found)
    if found.dtype != bool or found.shape != (len(truth),):
        raise ValueError(
            f"found must be {len(truth)} booleans, one for each halo of the truth; found "
            f"{found.dtype} of shape {found.shape}"
        )
    return found


def _fraction(part: np.ndarray, whole: np.ndarray, min_count: int) -> np.ndarray:
    enough = whole >= max(min_count, 1)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=enough)
