"""Masses of detections beside those of their halos."""

from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation.plot_style import axis_label, finder_style, new_axes
from szfinder.mass import MASS_FLAGS
from szfinder.report.truth import REAL_MASS, heavy_halos, matched
from szfinder.simulation import Sky

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from szfinder.report.page import Page

__all__ = ["add_masses", "has_masses", "mass_figure", "mass_pairs"]

#: What is said of the detections with each flag, after their number.
FLAGGED = {
    "edge": "too near the edge of the maps to be weighed",
    "masked": "with a bad pixel in their image, and not weighed",
    "no_redshift": "without a known redshift, whose masses are those of any",
    "outside": "with a mass or redshift beyond the range for which masses hold",
    "unlike": "in noise unlike that of the training, whose errors are others",
}


def has_masses(clusters: QTable) -> bool:
    """Whether a catalogue has the columns of `~szfinder.mass.MassEstimator`.

    Parameters
    ----------
    clusters : `~astropy.table.QTable`
        The catalogue.
    """
    return {"m200c", "m200c_err", "mass_flags"} <= set(clusters.colnames)


def add_masses(page: "Page", sky: Sky, clusters: QTable) -> None:
    """Add how the masses of a catalogue compare with those of the halos.

    Parameters
    ----------
    page : `Page`
        Is added to.
    sky : `~szfinder.simulation.Sky`
        The sky.
    clusters : `~astropy.table.QTable`
        Catalogue with masses, of the maps of the sky.
    """
    page.heading("Masses")
    page.paragraph(_flags_text(clusters))
    pairs = mass_pairs(sky, clusters)
    page.paragraph(_ratio_text(pairs))
    if len(pairs):
        page.figure(
            mass_figure(pairs),
            "M200c as estimated against that of the halo; on the line both are the same. "
            "Open symbols are masses beyond the range for which they hold.",
        )


def mass_pairs(sky: Sky, clusters: QTable) -> QTable:
    """Masses of the detections that have one and are at a halo of 5e13 Msun (M500c) or more.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    clusters : `~astropy.table.QTable`
        Catalogue with masses, of the maps of the sky.

    Returns
    -------
    `~astropy.table.QTable`
        ``m200c`` and ``m200c_err`` of the detection, ``true_m200c`` of the halo; and ``holds``,
        False where the mass is beyond the range for which it does.
    """
    halos = heavy_halos(sky.truth)
    detection, halo = matched(sky, clusters, halos).pairs
    pairs = QTable(clusters["m200c", "m200c_err"][detection], copy=True)
    pairs["true_m200c"] = halos["m200c"][halo]
    pairs["holds"] = clusters["mass_flags"][detection] & MASS_FLAGS["outside"] == 0
    return pairs[np.isfinite(pairs["m200c"])]


def mass_figure(pairs: QTable) -> "Figure":
    """Estimated masses against true ones.

    Parameters
    ----------
    pairs : `~astropy.table.QTable`
        As from `mass_pairs`. Bars are those of a log-normal distribution with the errors, from the
        16th to the 84th percentile.
    """
    axes = new_axes(size=(5.2, 4.8))
    above = pairs[pairs["m200c"] > 0]
    true, mass = (above[name].to_value(u.Msun) for name in ("true_m200c", "m200c"))
    sigma = np.arcsinh(above["m200c_err"].to_value(u.Msun) / mass)
    bars = mass * (1 - np.exp(-sigma)), mass * (np.exp(sigma) - 1)
    colour = finder_style(0)["color"]
    for which, face in ((above["holds"], colour), (~above["holds"], "white")):
        axes.errorbar(
            true[which], mass[which], np.compress(which, bars, axis=1), fmt="o", color=colour,
            markerfacecolor=face, markersize=4, elinewidth=0.8,
        )  # fmt: skip
    ends = np.min([true, mass], initial=1e14) / 1.2, np.max([true, mass], initial=1e15) * 1.2
    axes.plot(ends, ends, color="black", linewidth=0.8)
    axes.set(
        xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal",
        xlabel=f"true {axis_label('m200c', u.Msun)}",
        ylabel=f"estimated {axis_label('m200c', u.Msun)}",
    )  # fmt: skip
    return axes.figure


def _flags_text(clusters: QTable) -> str:
    n_weighed = np.isfinite(clusters["m200c"]).sum()
    text = f"{n_weighed} of {len(clusters)} detections have a mass"
    if "mass_preset" in clusters.meta:
        text += f", by the network {clusters.meta['mass_preset']}"
    counts = {
        name: np.count_nonzero(clusters["mass_flags"] & bit) for name, bit in MASS_FLAGS.items()
    }
    flagged = [f"{counts[name]} {meaning}" for name, meaning in FLAGGED.items() if counts[name]]
    return f"{text}. Flagged are {'; '.join(flagged) or 'none'}."


def _ratio_text(pairs: QTable) -> str:
    pairs = pairs[pairs["holds"]]
    where = f"at a halo of {REAL_MASS:.0e} Msun (M500c) or more"
    if not len(pairs):
        return f"No mass that holds is {where}."
    ratio = (pairs["m200c"] / pairs["true_m200c"]).to_value(u.one)
    low, high = np.percentile(np.log(ratio), [16, 84])
    return (
        f"Of {len(pairs)} masses that hold and are {where}, the median is {np.median(ratio):.2f} "
        f"of the true M200c, and the scatter of ln(M / M_true) {(high - low) / 2:.2f}: half of the "
        "range from the 16th to the 84th percentile."
    )
