"""Figures of stacks, profiles, fluxes and cross-matches."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation.plot_style import MARKERS, axis_label, finder_style, new_axes
from szfinder.evaluation.stacking import Stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_flux_against", "plot_profiles", "plot_recovery_curve", "plot_stacks"]

#: Most panels side by side.
N_COLUMNS = 4


def plot_stacks(
    stacks: Mapping[str, Stack], *, median: bool = False, axes: "np.ndarray | None" = None
) -> np.ndarray:
    """Stacks of any maps, each with its own colours, as in Figs. 4 and 5 of Bonjean (2020).

    Parameters
    ----------
    stacks : mapping of str to `Stack`
        Stacks by the name of the map.
    median : bool, optional
        Show medians in place of means.
    axes : sequence of `~matplotlib.axes.Axes`, optional
        One for each stack; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If there are no stacks, or not as many axes.
    """
    if not stacks:
        raise ValueError("stacks must hold at least one map; found none")
    if axes is None:
        n_columns = min(len(stacks), N_COLUMNS)
        n_rows = -(-len(stacks) // n_columns)
        size = (3.4, 2.9 * n_rows)
        axes = np.ravel(new_axes(n_columns, size=size, nrows=n_rows, squeeze=False))
        for empty in axes[len(stacks) :]:
            empty.remove()
        axes = axes[: len(stacks)]
    axes = np.ravel(axes)
    if axes.size != len(stacks):
        raise ValueError(f"axes must be one for each stack: found {axes.size} for {len(stacks)}")
    for panel, (name, stack) in zip(axes, stacks.items()):
        image = stack.median if median else stack.mean
        y, x = np.array(image.shape) / 2 * stack.pixel_size.to_value(u.arcmin)
        shown = panel.imshow(
            image.value,
            origin="lower",
            extent=(-x, x, -y, y),
            cmap="cividis",
            interpolation="nearest",
        )
        label = "" if image.unit == u.one else f"{image.unit:latex_inline}"
        panel.figure.colorbar(shown, ax=panel, label=label)
        panel.set(title=f"{name} ({stack.on_map.sum()})", xlabel="arcmin", ylabel="arcmin")
        panel.set_facecolor("0.85")
    return axes


def plot_profiles(
    profiles: Mapping[str, QTable],
    *,
    beam: u.Quantity | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Radial profiles with their intervals, as in Fig. 6 of Bonjean (2020).

    Parameters
    ----------
    profiles : mapping of str to `~astropy.table.QTable`
        Tables from `radial_profile`, all in one unit, by the name of the sample.
    beam : `~astropy.units.Quantity`, optional
        Full width at half maximum of a Gaussian beam, which is drawn dotted through the first point
        of the first profile. A plain number is in arcmin.
    axes : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If there are no profiles.
    """
    if not profiles:
        raise ValueError("profiles must hold at least one; found none")
    axes = new_axes() if axes is None else axes
    first = next(iter(profiles.values()))
    unit = first["mean"].unit
    for number, (name, table) in enumerate(profiles.items()):
        x = table["radius"].to_value(u.arcmin)
        _draw_points(axes, x, table, "mean", unit, number, name)
    axes.axhline(0, color="0.6", linewidth=0.8)
    if beam is not None:
        sigma = u.Quantity(beam, u.arcmin).value / np.sqrt(8 * np.log(2))
        start, end = first["radius"].to_value(u.arcmin)[[0, -1]]
        radius = np.linspace(start, end, 200)
        shape = np.exp((start**2 - radius**2) / (2 * sigma**2))
        axes.plot(radius, first["mean"].value[0] * shape, ":", color="black", label="beam")
    axes.set(xlabel="radius  [arcmin]", ylabel=axis_label("mean", unit))
    axes.legend(frameon=False)
    return axes


def plot_flux_against(
    tables: Mapping[str, QTable],
    *,
    references: Mapping[str, QTable] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Mean flux against a property of the detections, as in Fig. 7 of Bonjean (2020).

    Parameters
    ----------
    tables : mapping of str to `~astropy.table.QTable`
        Tables from `flux_against` of one property, by the name of the sample.
    references : mapping of str to `~astropy.table.QTable`, optional
        Tables from `mean_flux` of other samples, which are drawn as horizontal lines with bands.
    axes : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    ValueError
        If there are no tables.
    """
    if not tables:
        raise ValueError("tables must hold at least one sample; found none")
    axes = new_axes() if axes is None else axes
    first = next(iter(tables.values()))
    unit, abscissa = first["flux"].unit, getattr(first["mean"], "unit", None) or u.one
    for number, (name, table) in enumerate(tables.items()):
        x = u.Quantity(table["mean"]).to_value(abscissa)
        _draw_points(axes, x, table, "flux", unit, number, name)
    for number, (name, table) in enumerate((references or {}).items(), start=len(tables)):
        style = finder_style(number)
        lower, flux, upper = (table[end].to_value(unit)[0] for end in ("lower", "flux", "upper"))
        axes.axhspan(lower, upper, color=style["color"], alpha=0.2, linewidth=0)
        axes.axhline(flux, label=name, **style)
    by = first.meta["by"] or "property"
    axes.set(xlabel=axis_label(by, abscissa), ylabel=axis_label("flux", unit))
    axes.legend(frameon=False)
    return axes


def plot_recovery_curve(curve: QTable, *, axes: "np.ndarray | None" = None) -> np.ndarray:
    """Recovered fractions and unmatched detections, as in Fig. 3 of Bonjean (2020).

    Parameters
    ----------
    curve : `~astropy.table.QTable`
        Table from `recovery_curve`.
    axes : sequence of two `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~numpy.ndarray` of two `~matplotlib.axes.Axes`
        The axes: fractions with their intervals, and the number of unmatched detections.
    """
    axes = new_axes(2, size=(4.8, 4.0)) if axes is None else np.asarray(axes)
    threshold = curve["threshold"]
    for number, (name, size) in enumerate(curve.meta["sizes"].items()):
        style = finder_style(number)
        axes[0].plot(threshold, curve[f"recovered_{name}"], label=f"{name} ({size})", **style)
        ends = curve[f"lower_{name}"], curve[f"upper_{name}"]
        axes[0].fill_between(threshold, *ends, color=style["color"], alpha=0.2, linewidth=0)
    axes[0].set(ylabel="recovered", ylim=(0, 1.05))
    axes[0].legend(frameon=False)
    axes[1].plot(threshold, curve["n_unmatched"], color="black")
    axes[1].set(ylabel="in no catalogue", ylim=(0, None))
    for panel in axes:
        panel.set_xlabel(f"least {curve.meta['score']}")
    return axes


def _draw_points(
    axes: "Axes", x: np.ndarray, table: QTable, name: str, unit: u.UnitBase, number: int, label: str
) -> None:
    """Points with bars, of no length where the end is unknown or not beyond the point."""
    value, lower, upper = (table[end].to_value(unit) for end in (name, "lower", "upper"))
    bars = np.maximum(np.nan_to_num([value - lower, upper - value]), 0)
    marker = MARKERS[number % len(MARKERS)]
    axes.errorbar(x, value, bars, label=label, marker=marker, markersize=4, **finder_style(number))
