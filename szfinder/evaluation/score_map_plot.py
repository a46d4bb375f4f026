"""Pictures of score maps."""

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable
from astropy.wcs.utils import wcs_to_celestial_frame

from szfinder.finders import FLAGS, ScoreMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_score_map"]

#: Signal-to-noise ratios that the colours span: from its negative to twice it.
COLOUR_SCALE = 4.0
#: What the scores of ensembles are by their method, where they are no probabilities.
RANKS = {"product": "score (rank of the product)", "and": "score (rank over threshold)"}
#: Detections that are labelled.
MAX_LABELS = 40


def plot_score_map(
    score_map: ScoreMap, clusters: QTable | None = None, *, axes: "Axes | None" = None
) -> "Axes":
    """Show a score map on its celestial axes, with detections marked by a circle and their score.

    Detections flagged for an edge or a source nearby are drawn dashed; pixels without a score are
    grey.

    Parameters
    ----------
    score_map : `~szfinder.finders.ScoreMap`
        The map.
    clusters : `~astropy.table.QTable`, optional
        A catalogue of the map.
    axes : `~astropy.visualization.wcsaxes.WCSAxes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.
    """
    if axes is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 7), layout="constrained")
        axes = figure.add_subplot(projection=score_map.wcs)
    label, low, high = _scale(score_map)
    image = axes.imshow(
        score_map.data,
        origin="lower",
        cmap="cividis",
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    axes.set_facecolor("0.75")
    axes.figure.colorbar(image, ax=axes, label=label, extend="neither" if high == 1 else "both")
    if wcs_to_celestial_frame(score_map.wcs).name == "galactic":
        axes.set_xlabel("Galactic longitude")
        axes.set_ylabel("Galactic latitude")
    else:
        axes.set_xlabel("right ascension (ICRS)")
        axes.set_ylabel("declination (ICRS)")
    axes.coords.grid(color="white", alpha=0.2)
    if clusters is not None:
        _mark(axes, clusters, max(score_map.data.shape) / 60, digits=2 if high == 1 else 1)
    return axes


def _mark(axes: "Axes", clusters: QTable, radius: float, *, digits: int) -> None:
    from matplotlib.patches import Circle

    doubtful = (np.asarray(clusters["flags"]) & ~FLAGS["blended"]) > 0
    for number, (row, dashed) in enumerate(zip(clusters, doubtful)):
        centre = row["x_centroid"], row["y_centroid"]
        style = "--" if dashed else "-"
        axes.add_patch(Circle(centre, radius, fill=False, color="white", lw=1.2, ls=style))
        if number < MAX_LABELS:
            axes.annotate(
                f"{row['score']:.{digits}f}",
                centre,
                xytext=(6, 6),
                textcoords="offset points",
                color="white",
                fontsize=8,
                annotation_clip=True,
            )


def _scale(score_map: ScoreMap) -> tuple[str, float, float]:
    """What the colours stand for, and the scores that they span."""
    if score_map.meta.get("method") in RANKS:
        return RANKS[score_map.meta["method"]], 0.0, 2 * score_map.meta["threshold"]
    if np.nanmax(score_map.data, initial=0) <= 1:
        return "score (0 to 1)", 0.0, 1.0
    return "score (signal-to-noise ratio)", -COLOUR_SCALE, 2 * COLOUR_SCALE
