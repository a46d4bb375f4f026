"""Figures of how well significances and positions are recovered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import Table

from szfinder.evaluation.plot_style import MARKERS, finder_style, new_axes, outline
from szfinder.finders.tables import column_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_offsets", "plot_recovery"]

#: Degrees of freedom of a detection, its position and its size, by which the square of the highest
#: S/N exceeds that at the true ones (Vanderlinde et al. 2010).
FITTED = 3


def plot_recovery(tables: Mapping[str, Table], *, axes: "np.ndarray | None" = None) -> np.ndarray:
    """Signal-to-noise ratio against the ideal one, and offsets on the sky.

    Left, points on the solid line have the S/N that the optimal filter would have there; those on
    the dashed one exceed it by what position and size can gain when they are fitted to the noise,
    :math:`\\sqrt{\\mathrm{S/N}^2 + 3}`. Right, `plot_offsets`.

    Parameters
    ----------
    tables : mapping of str to `~astropy.table.Table`
        Tables from `residuals` by the name of the finder, with ``snr`` and a further column
        ``ideal_snr``: ``table["ideal_snr"] = ideal_snr(truth, ...)[table["halo"]]``.
    axes : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of two `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If a table lacks a column.
    """
    points = {
        name: (column_of(table, "ideal_snr"), column_of(table, "snr"))
        for name, table in tables.items()
    }
    axes = new_axes(2, size=(4.8, 4.4)) if axes is None else np.asarray(axes)
    _draw_snr(axes[0], points)
    plot_offsets(tables, axes=axes[1])
    return axes


def plot_offsets(tables: Mapping[str, Table], *, axes: "Axes | None" = None) -> "Axes":
    """Offsets of the detections from their halos on the sky.

    A circle holds half of the detections of a finder; its radius stands in the legend.

    Parameters
    ----------
    tables : mapping of str to `~astropy.table.Table`
        Tables from `residuals` by the name of the finder.
    axes : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If a table lacks a column.
    """
    from matplotlib.patches import Circle

    offsets = {
        name: [column_of(table, f"offset_{way}", u.arcsec) for way in ("east", "north")]
        for name, table in tables.items()
    }
    axes = new_axes(size=(4.8, 4.4)) if axes is None else axes
    for number, (name, (east, north)) in enumerate(offsets.items()):
        style, label = finder_style(number), name
        if east.size:
            half = np.median(np.hypot(east, north))
            label = f"{name}: half within {half:.0f} arcsec"
            circle = Circle((0, 0), half, fill=False, linewidth=2, zorder=3, **style)
            axes.add_patch(circle).set_path_effects(outline())
        _draw_cloud(axes, east, north, number, label)
    reach = 1.05 * max([1.0, *(np.abs(offset).max(initial=0) for offset in offsets.values())])
    axes.set(
        xlabel="offset to the east  [arcsec]",
        ylabel="offset to the north  [arcsec]",
        xlim=(reach, -reach),
        ylim=(-reach, reach),
        aspect="equal",
    )
    axes.legend(loc="upper right")
    return axes


def _draw_snr(axes: "Axes", points: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for number, (name, (ideal, snr)) in enumerate(points.items()):
        _draw_cloud(axes, ideal, snr, number, name)
    ends = [value for pair in points.values() for part in pair for value in part[part > 0]]
    low, high = min(ends, default=1), max(ends, default=10)
    line = np.geomspace(0.9 * low, 1.1 * high, 100)
    axes.plot(line, line, color="black", linewidth=0.8, label="ideal")
    fitted = np.sqrt(line**2 + FITTED)
    axes.plot(line, fitted, "--", color="black", linewidth=0.8, label="ideal, fitted")
    axes.set(xscale="log", yscale="log", xlabel="ideal S/N", ylabel="S/N")
    axes.legend(frameon=False)


def _draw_cloud(axes: "Axes", x: np.ndarray, y: np.ndarray, number: int, label: str) -> None:
    colour = finder_style(number)["color"]
    marker = MARKERS[number % len(MARKERS)]
    axes.plot(x, y, marker, color=colour, markersize=3, alpha=0.4, label=label)
