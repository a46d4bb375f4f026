"""Figures of the masses and profiles from single images (Gupta & Reichardt 2020)."""

import numpy as np
from matplotlib.figure import Figure

__all__ = ["draw"]

COLOURS = {"learned": "#2ca02c", "between": "#006BA4", "outside": "#C85200"}


def draw(masses, ratios, pictures, folder):
    """Make all figures in a folder.

    Parameters
    ----------
    masses, ratios : `~astropy.table.Table`
        Estimates for each mass, and ln(estimated / true) of samples.
    pictures : dict
        For a mass an image, and the mean profiles, true and painted.
    folder : path-like
        Where they go.
    """
    for name, make in (
        ("profiles", lambda: profiles(pictures)),
        ("masses", lambda: estimated(masses)),
        ("scatter", lambda: histograms(ratios)),
    ):
        make().savefig(folder / f"{name}.png", dpi=110)


def profiles(pictures):
    """Figure 3: an image, the true and the painted mean Compton y, and their difference."""
    figure = Figure(figsize=(10, 2.6 * len(pictures)), layout="constrained")
    panels = figure.subplots(len(pictures), 4)
    for row, (mass, (image, true, painted)) in zip(panels, pictures.items()):
        for axes, data, title in zip(
            row,
            (image, 1e5 * true, 1e5 * painted, 1e5 * (painted - true)),
            (f"{mass / 1e14:g}e14 Msun: map [uK]", "true y [1e-5]", "painted", "difference"),
        ):
            style = {"cmap": "cividis"}
            if title == "difference":
                style = {"cmap": "RdBu_r", "vmin": -np.abs(data).max(), "vmax": np.abs(data).max()}
            shown = axes.imshow(data, origin="lower", **style)
            figure.colorbar(shown, ax=axes, shrink=0.8)
            axes.set_title(title, fontsize="small")
            axes.set_axis_off()
    return figure


def estimated(masses):
    """Figure 4: estimated against true mass, and the deviation in units of the error."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    above.plot([0, 11], [0, 11], color="0.6", lw=1)
    below.axhline(0, color="0.6", lw=1)
    for kind, colour in COLOURS.items():
        own = masses[masses["kind"] == kind]
        above.errorbar(own["true"], own["estimated"], own["err"], fmt="o", ms=4, color=colour,
                       label=kind)  # fmt: skip
        below.plot(own["true"], own["deviation"], "o", ms=4, color=colour)
    above.set_ylabel("estimated M200c [1e14 Msun]")
    above.legend(frameon=False)
    below.set_ylabel("deviation / error")
    below.set_xlabel("true M200c [1e14 Msun]")
    return figure


def histograms(ratios):
    """Figure 5: estimated over true mass, with scatter of the signal and without; and others."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = ratios.colnames[1:]
    bins = np.linspace(-0.8, 0.8, 41)
    for axes, group in zip(panels, (names[:2], [names[0], *names[2:]])):
        for name in group:
            width = np.diff(np.percentile(ratios[name], [16, 84]))[0] / 2
            axes.hist(ratios[name], bins, histtype="step", density=True, lw=1.5,
                      label=f"{name}: {width:.2f}")  # fmt: skip
        axes.set_xlabel("ln(estimated / true mass)")
        axes.legend(frameon=False, fontsize="small")
    panels[0].set_ylabel("density")
    return figure
