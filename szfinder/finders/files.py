"""Write catalogues as tables and as regions."""

import os

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.utils.files import replacing

__all__ = ["write_catalogue", "write_regions"]

#: Radius of a region in core radii, and at least.
REGION_RADIUS = 3.0
LEAST_RADIUS = 2.0 * u.arcmin


def write_catalogue(clusters: QTable, path: str | os.PathLike) -> None:
    """Write a catalogue; the ending of the path (``.ecsv``, ``.fits``) says how.

    Parameters
    ----------
    clusters : `~astropy.table.QTable`
        A catalogue of a finder.
    path : path-like
        Where to; an existing file is replaced once the new one is complete.
    """
    with replacing(path) as aside:
        clusters.write(aside)


def write_regions(clusters: QTable, path: str | os.PathLike) -> None:
    """Write circles around the clusters as a ds9 region file.

    Parameters
    ----------
    clusters : `~astropy.table.QTable`
        A catalogue of a finder.
    path : path-like
        Where to, ending in ``.reg``; an existing file is replaced once the new one is complete.
    """
    from regions import CircleSkyRegion, Regions

    radius = np.full(len(clusters), LEAST_RADIUS)
    if "theta_c" in clusters.colnames:
        radius = np.maximum(REGION_RADIUS * clusters["theta_c"], LEAST_RADIUS)
    circles = [
        CircleSkyRegion(row["sky_centroid"], size, meta={"text": f"{row['score']:.1f}"})
        for row, size in zip(clusters, radius)
    ]
    with replacing(path) as aside:
        Regions(circles).write(aside, format="ds9")
