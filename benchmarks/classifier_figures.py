"""Figures of what the classifier and the matched filter reach."""

import astropy.units as u
import numpy as np

from szfinder.evaluation import (
    CompletenessMap,
    plot_completeness,
    plot_completeness_map,
    plot_f1_curve,
    plot_roc,
)

__all__ = ["draw_figures"]

MASS_LIMIT, REDSHIFT_LIMIT = 2e14 * u.Msun, 0.25


def draw_figures(tables, finders, ceilings, levels):
    """All figures by their names.

    Parameters
    ----------
    tables : dict of str to `~astropy.table.QTable`
        Tables by their names.
    finders, ceilings, levels : dict of str to `~szfinder.evaluation.ScoreBook`
        Of the test fields.
    """
    books = [*finders.values(), *ceilings.values()]
    networks = [book for name, book in finders.items() if "network" in name]
    axes = {
        "f1": plot_f1_curve(books, against="detections"),
        "f1_threshold": plot_f1_curve(networks),
        "roc": plot_roc(list(levels.values())),
        "completeness_mass": over_one(tables["completeness_mass"], MASS_LIMIT),
        "completeness_redshift": over_one(tables["completeness_redshift"], None),
        "completeness_cells": over_both(tables["completeness_cells"], finders),
        "reliability": reliability_diagram(tables["reliability"]),
        "edge": edge_effect(tables["edge"]),
    }
    axes["f1"].set_xlim(0.1 * books[0].n_clusters, 5 * books[0].n_clusters)
    axes["roc"].set(xscale="log", xlim=(1e-4, 1))
    axes["roc"].legend(frameon=False, loc="lower right")
    return {name: np.ravel(drawn)[0].figure for name, drawn in axes.items()}


def over_one(table, limit):
    """Completeness over mass or redshift (Figs. 10 and 11)."""
    finders = dict.fromkeys(table["finder"].tolist())
    return plot_completeness({name: table[table["finder"] == name] for name in finders},
                             limit=limit)  # fmt: skip


def over_both(table, finders):
    """Completeness over redshift and mass (Fig. 12)."""
    edges = u.Quantity([*table["low"], table["high"][-1]]), table.meta["mvir"] * u.Msun
    n = np.asarray(table["n"])
    maps = {}
    for name in finders:
        fraction = np.divide(table[name], n, out=np.full(n.shape, np.nan), where=n >= 3)
        maps[name] = CompletenessMap(("redshift", "mvir"), edges, n, table[name], fraction)
    return plot_completeness_map(maps, limits=(REDSHIFT_LIMIT, MASS_LIMIT))


def reliability_diagram(table):
    """Frequency of clusters over the probability."""
    axes = new_axes(figsize=(5, 4.4))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    bars = [table["frequency"] - table["lower"], table["upper"] - table["frequency"]]
    axes.errorbar(table["probability"], table["frequency"], np.maximum(bars, 0), fmt="o-")
    axes.set(xlabel="probability, mean in the bin", ylabel="frequency of clusters")
    return axes


def edge_effect(table):
    """Probability over the distance of the cluster from the middle of the cutout (Fig. 9c)."""
    axes = new_axes(figsize=(6, 3.8))
    distance = table["distance"].value
    axes.fill_between(
        distance, table["lower"], table["upper"], alpha=0.25, label="10 to 90 per cent"
    )
    axes.plot(distance, table["mean"], "o-", label="mean")
    axes.axvspan(3, 3 * np.sqrt(2), color="0.85", zorder=0)
    axes.set(xlabel="distance of the cluster from the middle  [arcmin]", ylabel="probability",
             xlim=(0, None), ylim=(0, 1))  # fmt: skip
    axes.legend(frameon=False)
    return axes


def new_axes(**options):
    """Axes of a new figure in the project's colours."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context("tableau-colorblind10"):
        return Figure(layout="constrained", **options).subplots()
