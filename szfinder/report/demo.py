"""The report of a finder on a simulated sky."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from szfinder.evaluation import (
    CutoutGrid,
    ScoreBook,
    ceilings,
    completeness,
    inside,
    plot_completeness,
    plot_score_map,
)
from szfinder.finders import ScoreMap
from szfinder.report.cutouts import cutout_figure, cutout_side, shown_band
from szfinder.report.evidence import add_evidence, member_names
from szfinder.report.masses import add_masses, has_masses
from szfinder.report.page import Page
from szfinder.report.truth import REAL_MASS, is_real, matched, matching_radius
from szfinder.simulation import Sky

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["score_table", "write_report"]

#: Border of the map in arcmin that is left out of the score: clusters outside of it reach in.
BORDER = 5.0
#: M500c in Msun of the halos whose completeness is shown.
MASSES = (1e14, 2e14, 3e14)
#: Thresholds of the table, for signal-to-noise ratios and for probabilities; and factors on that of
#: the catalogue, for the scores of ensembles that are ranks.
THRESHOLDS = (4.5, 5.0, 6.0, 8.0)
PROBABILITIES = (0.2, 0.4, 0.6, 0.8)
RANKS = {"product": (1.1, 1.2, 1.3), "and": (1.1, 1.2, 1.3)}
#: Bins of M500c in Msun for the completeness curve.
MASS_BINS = np.geomspace(5e13, 1e15, 14)
#: Detections shown side by side.
N_SHOWN = 6
#: Their columns, where the catalogue has them, and formats of numbers.
SHOWN = ("name", "score", "theta_c", "y_c", "m200c", "m200c_err", "flags")
FORMATS = {"score": ".3g", "theta_c": ".2f", "y_c": ".2e", "m200c": ".2e", "m200c_err": ".2e"}
PACKAGES = ("szfinder", "numpy", "scipy", "astropy", "photutils", "healpy", "colossus")


def score_table(sky: Sky, clusters: QTable, *, thresholds: Sequence[float] | None = None) -> Table:
    """Purity and completeness of a catalogue at several thresholds, the map's border left out.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        A sky on a patch.
    clusters : `~astropy.table.QTable`
        The catalogue of its maps.
    thresholds : sequence of float, optional
        Least scores. By default the threshold of the catalogue and, higher by more than a tenth,
        5, 6 and 8, or 0.4, 0.6 and 0.8 where it is below 1 and the scores are probabilities; for
        ensembles whose scores are ranks, 1.1, 1.2 and 1.3 times the threshold.

    Returns
    -------
    `~astropy.table.Table`
        A row a threshold: number of detections, purity, and completeness above several masses.
    """
    if thresholds is None:
        thresholds = _thresholds(clusters)
    truth, clusters = _inner(sky, sky.truth), _inner(sky, clusters)
    match = matched(sky, clusters, truth)
    mass = truth["m500c"].to_value(u.Msun)
    real = is_real(sky, clusters)
    rows = []
    for threshold in thresholds:
        kept = clusters["score"] >= threshold
        found = match.found & np.isin(match.detection, np.flatnonzero(kept))
        rows.append([threshold, kept.sum(), _mean(real[kept])])
        rows[-1] += [_mean(found[mass > least]) for least in MASSES]
    names = ["score", "detections", "purity"]
    return Table(rows=rows, names=names + [f"complete, M500c > {m:.0e}" for m in MASSES])


def _inner(sky: Sky, table: QTable) -> QTable:
    return table[inside(table, sky.maps.wcs, sky.maps.shape, margin=BORDER)]


def _mean(values: np.ndarray) -> float:
    return values.mean() if values.size else np.nan


def _thresholds(clusters: QTable) -> list[float]:
    """The threshold of a catalogue, and higher ones."""
    least = clusters.meta.get("threshold", THRESHOLDS[0])
    if clusters.meta.get("method") in RANKS:
        return [least, *(least * factor for factor in RANKS[clusters.meta["method"]])]
    higher = PROBABILITIES if least < 1 else THRESHOLDS
    return [least, *(threshold for threshold in higher[1:] if threshold > 1.1 * least)]


def write_report(
    path: str | Path,
    sky: Sky,
    score_map: ScoreMap,
    clusters: QTable,
    *,
    thresholds: Sequence[float] | None = None,
    seed: int | None = None,
) -> None:
    """Write a page that shows what a finder found in a simulated sky.

    Parameters
    ----------
    path : str or path-like
        The HTML file.
    sky : `~szfinder.simulation.Sky`
        A sky on a patch.
    score_map : `~szfinder.finders.ScoreMap`
        Score map of its maps.
    clusters : `~astropy.table.QTable`
        Catalogue of the score map; with the columns of `~szfinder.mass.MassEstimator` the page has
        a section on masses.
    thresholds : sequence of float, optional
        Least scores of the table, as of `score_table`.
    seed : int, optional
        Seed of the sky.
    """
    page = Page("szfinder: clusters in a simulated sky")
    page.paragraph(
        f"{len(clusters)} detections of {score_map.meta['finder']} in {sky.maps!r}. "
        f"The sky holds {len(sky.truth)} halos and was made with seed {seed}."
    )
    _add_scores(page, sky, clusters, thresholds)
    page.heading("Where they are")
    page.figure(
        _map_figure(sky, score_map, clusters),
        "Score map with the detections (circles) and the halos above 3e14 Msun (crosses).",
    )
    if has_masses(clusters):
        add_masses(page, sky, clusters)
    inner = _inner(sky, clusters)
    false = inner[~is_real(sky, inner)]
    if member_names(clusters):
        add_evidence(page, sky, score_map, clusters)
    else:
        _add_detections(page, sky, score_map, "strongest", clusters[:N_SHOWN])
    _add_detections(page, sky, score_map, "false", false[:N_SHOWN])
    page.heading("Made with")
    page.table(_versions())
    page.write(path)


def _add_scores(page: Page, sky: Sky, clusters: QTable, thresholds: Sequence[float] | None) -> None:
    page.heading("Purity and completeness")
    page.paragraph(
        f"A detection is real if a halo with M500c of {REAL_MASS:.0e} Msun or more is within "
        f"{matching_radius(sky):.2g}. The outer {BORDER:g} arcmin of the map are left out."
    )
    table = score_table(sky, clusters, thresholds=thresholds)
    page.table(table, formats={"score": ".3g"} | {n: ".3f" for n in table.colnames[2:]})
    page.paragraph(_ceiling_text(sky, clusters))
    page.figure(
        _completeness_figure(sky, _inner(sky, clusters)),
        "Completeness of all detections against mass, with the number of halos behind.",
    )


def _add_detections(page: Page, sky: Sky, score_map: ScoreMap, which: str, rows: QTable) -> None:
    page.heading(f"The {which} detections")
    if not len(rows):
        page.paragraph("There is none.")
        return
    shown = [name for name in SHOWN if name in rows.colnames]
    page.table(rows[shown], formats=FORMATS)
    page.figure(
        cutout_figure(sky, score_map, rows),
        f"The {which} detections: score above, {shown_band(sky).name} GHz map below, "
        f"{cutout_side(sky):.0f} arcmin wide.",
    )


def _ceiling_text(sky: Sky, clusters: QTable) -> str:
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    book = ScoreBook.from_cutouts(grid, clusters, sky.truth)
    if not book.n_clusters:
        return "No cutout of this sky holds a cluster above 2e14 Msun (Mvir) and redshift 0.25."
    text = (
        "As a classifier of all cutouts of 8 arcmin, those being positive that hold a cluster with "
        "Mvir above 2e14 Msun beyond redshift 0.25 (Lin et al. 2021), F1 reaches "
        f"{book.f1.max():.2f} at its best threshold, a score of {book.best_threshold:.3g}. With "
        "every true signal and size known, it would reach "
    )
    reached = (
        f"{best.f1.max():.2f} ({best.name})" for best in ceilings(sky.truth, grid=grid, rng=0)
    )
    return text + " and ".join(reached) + "."


def _completeness_figure(sky: Sky, clusters: QTable) -> "Figure":
    from matplotlib.figure import Figure

    truth = _inner(sky, sky.truth)
    found = matched(sky, clusters, truth).found
    table = completeness(truth, found, "m500c", MASS_BINS * u.Msun)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    plot_completeness({clusters.meta["finder"]: table}, axes=figure.add_subplot())
    return figure


def _map_figure(sky: Sky, score_map: ScoreMap, clusters: QTable) -> "Figure":
    axes = plot_score_map(score_map, clusters)
    heavy = sky.truth[sky.truth["m500c"].to_value(u.Msun) > MASSES[-1]]
    axes.autoscale(False)
    axes.scatter(
        heavy["sky_centroid"].ra.deg,
        heavy["sky_centroid"].dec.deg,
        transform=axes.get_transform("icrs"),
        marker="x",
        color="orange",
        linewidths=1,
        s=25,
    )
    return axes.figure


def _versions() -> Table:
    names = ("Python", *PACKAGES)
    return Table([names, [platform.python_version(), *map(version, PACKAGES)]],
                 names=["package", "version"])  # fmt: skip
