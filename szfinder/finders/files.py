"""Write catalogues as tables and as regions."""

import os
import warnings

import astropy.units as u
import numpy as np
from astropy.io.fits.verify import VerifyWarning
from astropy.table import QTable

from szfinder.utils.files import replacing

__all__ = ["write_catalogue", "write_regions"]

#: Endings of the files of catalogues that keep units and meta data.
ENDINGS = (".ecsv", ".fits")
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

    Raises
    ------
    ValueError
        If the path ends otherwise.
    """
    ending = os.path.splitext(path)[1]
    if ending not in ENDINGS:
        raise ValueError(
            f"cannot write {os.fspath(path)}: found the ending {ending!r}, "
            f"expected one of {', '.join(ENDINGS)}"
        )
    with replacing(path) as aside, warnings.catch_warnings():
        # FITS keeps names of meta data above eight characters, too, and says so of each
        warnings.simplefilter("ignore", VerifyWarning)
        _readable(clusters).write(aside)


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

    radius = LEAST_RADIUS * np.ones(len(clusters))
    if "theta_c" in clusters.colnames:
        radius = np.maximum(REGION_RADIUS * clusters["theta_c"], LEAST_RADIUS)
    circles = [
        CircleSkyRegion(row["sky_centroid"], size, meta={"text": _label(row["score"])})
        for row, size in zip(clusters, radius)
    ]
    with replacing(path) as aside:
        Regions(circles).write(aside, format="ds9")


def _label(score: float) -> str:
    return f"{score:.1f}" if score >= 10 else f"{score:.3g}"


def _readable(clusters: QTable) -> QTable:
    """The catalogue as it can be read back: astropy fails on ECSV with arrays of no rows."""
    arrays = [name for name in clusters.colnames if clusters[name].ndim > 1]
    if len(clusters) or not arrays:
        return clusters
    clusters = clusters.copy()
    for name in arrays:
        clusters[name] = clusters[name].reshape(0)
    return clusters
