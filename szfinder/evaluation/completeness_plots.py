"""Figures of completeness."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation.completeness import CompletenessMap
from szfinder.evaluation.plot_style import (
    MARKERS,
    axes_behind,
    axis_label,
    finder_style,
    new_axes,
    outline,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_completeness", "plot_completeness_map"]

#: Distance of the points of neighbouring finders in widths of a bin, so that bars do not cover
#: each other.
SHIFT = 0.06


def plot_completeness(
    tables: Mapping[str, QTable],
    *,
    limit: u.Quantity | float | None = None,
    reference: str | None = None,
    axes: "Axes | np.ndarray | None" = None,
) -> "Axes | np.ndarray":
    """Completeness in bins of one property, as in Figs. 10 and 11 of Lin et al. (2021).

    Points with their intervals for each finder, and behind them the number of halos of the first
    table. The abscissa, and the number of halos, are logarithmic where the bins are.

    Parameters
    ----------
    tables : mapping of str to `~astropy.table.QTable`
        Tables from `completeness`, all over the same bins, by the name of the finder.
    limit : `~astropy.units.Quantity` or float, optional
        Where a vertical line marks the limit of what counts as a cluster; a plain number is in the
        unit of the bins.
    reference : str, optional
        Finder by whose completeness that of the others is divided in a lower panel. There are no
        bars there: the finders looked at the same halos, and their errors are not independent.
    axes : `~matplotlib.axes.Axes` or sequence of two, optional
        Axes to draw on, with a reference those of both panels; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`, or `~numpy.ndarray` of two with a reference
        The axes.

    Raises
    ------
    ValueError
        If there are no tables, their bins differ or the reference is none of them.
    """
    by, edges = _common_bins(tables)
    if reference is None:
        axes = new_axes() if axes is None else axes
        panels = [axes]
    else:
        if reference not in tables:
            raise ValueError(f"reference must be one of {', '.join(tables)}; found {reference!r}")
        if axes is None:
            options = {"nrows": 2, "sharex": True, "gridspec_kw": {"height_ratios": (3, 1)}}
            axes = new_axes(size=(6.4, 6.2), **options)
        panels = axes = np.asarray(axes)
        _draw_ratios(panels[1], tables, reference)
    _draw_points(panels[0], tables)
    counts = next(iter(tables.values()))["n"]
    behind = axes_behind(panels[0])
    scale = _scale(edges)
    # Mass functions are steep: their counts span as many decades as their masses.
    lowest = 0.5 if scale == "log" else 0
    behind.set(ylabel="halos", yscale=scale, ylim=(lowest, 1.1 * max(1, *counts)))
    behind.stairs(counts, edges.value, fill=True, color="0.88")
    for panel in panels:
        if limit is not None:
            panel.axvline(u.Quantity(limit, edges.unit).value, color="0.3", linestyle=":")
        panel.set(xlim=edges.value[[0, -1]], xscale=scale)
    panels[-1].set_xlabel(axis_label(by, edges.unit))
    return axes


def plot_completeness_map(
    maps: Mapping[str, CompletenessMap],
    *,
    limits: tuple[u.Quantity | float | None, u.Quantity | float | None] = (None, None),
    axes: "np.ndarray | None" = None,
) -> np.ndarray:
    """Completeness over two properties, one panel a finder, as in Fig. 12 of Lin et al. (2021).

    The first property is the abscissa and the second the ordinate. Cells with too few halos are
    left grey.

    Parameters
    ----------
    maps : mapping of str to `CompletenessMap`
        Maps from `completeness_map` by the name of the finder.
    limits : tuple, optional
        Where dashed lines mark the limits of the first and of the second property; plain numbers
        are in the units of the bins.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        One for each finder; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If there are no maps, or not as many axes.
    """
    if not maps:
        raise ValueError("maps must hold at least one finder; found none")
    if axes is None:
        axes = new_axes(len(maps), size=(3.9, 3.6), squeeze=False, sharex=True, sharey=True)
    axes = np.ravel(axes)
    if axes.size != len(maps):
        raise ValueError(f"axes must be one for each finder: found {axes.size} for {len(maps)}")
    for panel, (name, cells) in zip(axes, maps.items()):
        x, y = cells.edges
        colours = panel.pcolormesh(
            x.value, y.value, cells.completeness.T, cmap="cividis", vmin=0, vmax=1
        )
        for edges, limit, line in zip(cells.edges, limits, (panel.axvline, panel.axhline)):
            if limit is not None:
                place = u.Quantity(limit, edges.unit).value
                line(place, color="black", linestyle="--", path_effects=outline())
        panel.set_facecolor("0.85")
        panel.set(
            title=name,
            xlabel=axis_label(cells.by[0], x.unit),
            xscale=_scale(x),
            yscale=_scale(y),
        )
    axes[0].set_ylabel(axis_label(cells.by[1], y.unit))
    axes[0].figure.colorbar(colours, ax=axes.tolist(), label="completeness")
    return axes


def _common_bins(tables: Mapping[str, QTable]) -> tuple[str, u.Quantity]:
    """Property and edges of the bins that all tables have."""
    if not tables:
        raise ValueError("tables must hold at least one finder; found none")
    bins = [(t.meta["by"], u.Quantity([*t["low"], t["high"][-1]])) for t in tables.values()]
    by, edges = bins[0]
    for name, (other, other_edges) in zip(tables, bins):
        if other != by or not np.array_equal(other_edges, edges):
            raise ValueError(
                f"tables must share their bins: those of {name!r}, of {other}, differ from the "
                f"first, of {by}"
            )
    return by, edges


def _scale(edges: u.Quantity) -> str:
    """Scale of an axis: that on which the bins are closest to equal."""
    if edges[0] <= 0:
        return "linear"
    steps, ratios = np.diff(edges.value), np.diff(np.log(edges.value))
    is_log = ratios.std() / ratios.mean() < steps.std() / steps.mean()
    return "log" if is_log else "linear"


def _centres(table: QTable, shift: float) -> np.ndarray:
    """Centres of the bins on the page, shifted by a part of their width."""
    low, high = table["low"].value, table["high"].value
    if _scale(u.Quantity([*table["low"], table["high"][-1]])) == "log":
        return low * (high / low) ** (0.5 + shift)
    return low + (0.5 + shift) * (high - low)


def _draw_points(axes: "Axes", tables: Mapping[str, QTable]) -> None:
    for number, (name, table) in enumerate(tables.items()):
        x = _centres(table, SHIFT * (number - (len(tables) - 1) / 2))
        value = table["completeness"]
        # Near 0 and 1 an end of the interval may lie beyond the fraction found by a rounding.
        bars = np.maximum([value - table["lower"], table["upper"] - value], 0)
        marker = MARKERS[number % len(MARKERS)]
        style = finder_style(number)
        axes.errorbar(x, value, bars, label=name, marker=marker, markersize=4, **style)
    axes.set(ylabel="completeness", ylim=(0, 1.05))
    axes.legend(frameon=False)


def _draw_ratios(axes: "Axes", tables: Mapping[str, QTable], reference: str) -> None:
    divisor = np.asarray(tables[reference]["completeness"])
    divisor = np.where(divisor > 0, divisor, np.nan)
    for number, (name, table) in enumerate(tables.items()):
        marker = MARKERS[number % len(MARKERS)]
        ratio = np.asarray(table["completeness"]) / divisor
        axes.plot(_centres(table, 0), ratio, marker=marker, markersize=4, **finder_style(number))
    axes.set_ylabel(f"over {reference}")
