"""Pictures of single detections: their score, and the map in which they are deepest."""

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable

from szfinder.finders import ScoreMap
from szfinder.maps import Band
from szfinder.simulation import Sky

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cutout_figure", "cutout_side", "shown_band"]

#: Side of a picture in arcmin, and in smallest beams where that is more.
SIDE, SIDE_BEAMS = 20.0, 10.0
#: Gaussian FWHM in smallest beams of what is taken off the map: the CMB, and not clusters.
BACKGROUND_BEAMS = 6.0
#: Where the colours of the map end, in its standard deviations.
DEPTH = 4.0
#: Inches of a picture.
INCHES = 2.1


def shown_band(sky: Sky) -> Band:
    """The band with the deepest decrement for its noise.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    """
    return max(sky.instrument, key=lambda band: -band.tsz_response / (band.noise or 1))


def cutout_side(sky: Sky) -> float:
    """Side of the pictures in arcmin.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    """
    return max(SIDE, SIDE_BEAMS * min(band.beam.fwhm for band in sky.instrument))


def cutout_figure(
    sky: Sky, score_map: ScoreMap, rows: QTable, *, highest: float | None = None
) -> "Figure":
    """Each detection in the score map, above, and in the band with the deepest decrement, below.

    The map is shown less itself smoothed over six of the smallest beams; blue is a decrement in it.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        The sky.
    score_map : `~szfinder.finders.ScoreMap`
        Score map of its maps.
    rows : `~astropy.table.QTable`
        One detection or more.
    highest : float, optional
        Scores are shown from 0 to this, by default to the highest of the rows.
    """
    from astropy.nddata import Cutout2D
    from matplotlib.figure import Figure

    shape = tuple(int(round(cutout_side(sky) / side)) for side in sky.maps.pixel_scale)
    decrement = _less_background(sky)
    depth = DEPTH * decrement.std()
    if highest is None:
        highest = rows["score"].max()
    figure = Figure(figsize=(INCHES * len(rows), 2.1 * INCHES), layout="constrained")
    panels = figure.subplots(2, len(rows), squeeze=False)
    for (above, below), row in zip(panels.T, rows):
        centre = row["x_centroid"], row["y_centroid"]
        for axes, data, colours in (
            (above, score_map.data, {"cmap": "cividis", "vmin": 0, "vmax": highest}),
            (below, decrement, {"cmap": "RdBu_r", "vmin": -depth, "vmax": depth}),
        ):
            piece = Cutout2D(data, centre, shape, mode="partial", fill_value=np.nan).data
            axes.imshow(piece, origin="lower", **colours)
            axes.set_axis_off()
        above.set_title(f"{row['score']:#.3g}")
    return figure


def _less_background(sky: Sky) -> np.ndarray:
    """The map of the shown band without what is wider than clusters."""
    from scipy.ndimage import gaussian_filter

    image = sky.maps.data[sky.instrument.names.index(shown_band(sky).name)]
    fwhm = BACKGROUND_BEAMS * min(band.beam.fwhm for band in sky.instrument)
    widths = [fwhm / np.sqrt(8 * np.log(2)) / side for side in sky.maps.pixel_scale]
    return image - gaussian_filter(image, widths)
