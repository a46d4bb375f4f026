"""Figures of what ensembles and their members reach."""

import numpy as np
from classifier_figures import MASS_LIMIT, new_axes, over_both, over_one, reliability_diagram
from ensemble_fields import like_sky
from seeds import TEST_SEEDS

from szfinder.evaluation import CutoutGrid, plot_f1_curve

__all__ = ["draw_figures"]

#: Cutouts of each kind that are shown, and the side of one in pixels.
N_SHOWN, SIDE = 6, 32


def draw_figures(tables, books, test, preset, size):
    """All figures by their names.

    Parameters
    ----------
    tables : dict of str to `~astropy.table.QTable`
        Tables by their names.
    books : dict of str to `~szfinder.evaluation.ScoreBook`
        Of the cutouts of the test fields.
    test : list of dict
        Arrays of these fields.
    preset, size
        Of their skies.
    """
    shown = ("matched_filter", "product", "calibrated")
    cells = {name: None for name in tables["completeness_cells"].colnames if name in shown}
    axes = {
        "f1": plot_f1_curve(list(books.values()), against="detections"),
        "joint_f1": joint_f1(tables["joint_f1"]),
        "completeness_mass": over_one(tables["completeness_mass"], MASS_LIMIT),
        "completeness_redshift": over_one(tables["completeness_redshift"], None),
        "completeness_cells": over_both(tables["completeness_cells"], cells),
        "reliability": reliability_diagram(tables["reliability"]),
        "examples": examples(tables["cutouts"], test[0], like_sky(preset, size, TEST_SEEDS[0])),
    }
    n_clusters = next(iter(books.values())).n_clusters
    axes["f1"].set_xlim(0.2 * n_clusters, 5 * n_clusters)
    return {name: np.ravel(drawn)[0].figure for name, drawn in axes.items()}


def joint_f1(table):
    """F1 over the thresholds of both members (Fig. 6b)."""
    axes = new_axes(figsize=(5.4, 4.4))
    ranks = table["rank"]
    f1 = np.array([table[f"{rank:.1f}"] for rank in ranks])
    image = axes.pcolormesh(ranks, ranks, f1, cmap="viridis", vmin=0.4)
    axes.contour(ranks, ranks, f1, levels=f1.max() - np.array([0.03, 0.01]), colors="white")
    axes.figure.colorbar(image, ax=axes, label="F1 on the validation cutouts")
    one, other = table.meta["members"].split(", ")
    axes.set(xlabel=f"rank threshold, {one}", ylabel=f"rank threshold, {other}")
    return axes


def examples(table, field, sky):
    """Clusters that the members find or miss, and the ensemble finds (Fig. 7)."""
    from matplotlib.figure import Figure

    threshold = dict(zip(table["finder"], table["threshold"]))
    members = [name for name in threshold if f"cutouts {name}" in field][:2]
    found = [field[f"cutouts {name}"] >= threshold[f"{name}, catalogue"] for name in members]
    kept = field["labels"] & (field["cutouts calibrated"] >= threshold["calibrated, catalogue"])
    kinds = {
        "both": kept & found[0] & found[1],
        f"{members[0]} alone": kept & found[0] & ~found[1],
        f"{members[1]} alone": kept & ~found[0] & found[1],
        "the ensemble alone": kept & ~found[0] & ~found[1],
    }
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    half = SIDE // 2
    x, y = (
        np.clip(np.rint(place).astype(int), half, n - half)
        for place, n in zip(sky.maps.wcs.world_to_pixel(grid.centers), sky.maps.shape[::-1])
    )
    scale = 2 * np.ptp(np.nanpercentile(sky.maps.data[:3], [16, 84], axis=(1, 2)), axis=0)
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(len(kinds), N_SHOWN)
    for axes in panels.ravel():
        axes.set_axis_off()
    for (kind, chosen), line in zip(kinds.items(), panels):
        line[0].set_title(f"found by {kind} ({np.count_nonzero(chosen)})", loc="left", fontsize=9)
        for axes, cutout in zip(line, np.flatnonzero(chosen)):
            box = np.s_[
                :3, y[cutout] - half : y[cutout] + half, x[cutout] - half : x[cutout] + half
            ]
            image = sky.maps.data[box]
            image = (image - np.median(image, axis=(1, 2), keepdims=True)) / scale[:, None, None]
            axes.imshow(np.clip(0.5 + np.moveaxis(image, 0, -1), 0, 1), origin="lower")
    return panels
