"""The columns of a catalogue: the one place that knows their names, units and meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import astropy
import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.utils.exceptions import AstropyUserWarning

import szfinder

__all__ = [
    "COLUMNS",
    "FLAGS",
    "MEMBER_COLUMNS",
    "Column",
    "NoDetectionsWarning",
    "column_of",
    "iau_names",
    "make_catalogue",
]


class NoDetectionsWarning(AstropyUserWarning):
    """Nothing was found, or nothing passed the threshold."""


@dataclass(frozen=True)
class Column:
    """A column of the catalogue.

    Parameters
    ----------
    name : str
        Name of the column, and of the layer of a score map it is sampled from.
    description : str
        What it holds.
    unit : `~astropy.units.Unit`, optional
        Its unit.
    kind : type, optional
        Type of its elements.
    per_score : bool, optional
        Whether it is proportional to the score around a peak: then it is scaled from the pixel to
        the summit.
    """

    name: str
    description: str
    unit: u.UnitBase | None = None
    kind: type = float
    per_score: bool = False


#: Columns in the order of the catalogue.
COLUMNS = {
    column.name: column
    for column in (
        Column("id", "Running number, from 1", kind=int),
        Column("name", "IAU-style name: the truncated position", kind=str),
        Column("sky_centroid", "Position, ICRS", kind=SkyCoord),
        Column("x_centroid", "Position along x in pixels of the score map, from 0 at a centre"),
        Column("y_centroid", "Position along y in pixels of the score map"),
        Column("score", "Highest score of the object", per_score=True),
        Column("snr", "Signal-to-noise ratio of the best template", per_score=True),
        Column("theta_c", "Core or scale radius of the best template", u.arcmin),
        Column("y_c", "Central Compton parameter", u.dimensionless_unscaled, per_score=True),
        Column("y_c_err", "Its standard error", u.dimensionless_unscaled),
        Column("y500", "Compton y integrated in the sphere of R500", u.arcmin**2, per_score=True),
        Column("probability", "Probability of being a cluster"),
        Column("n_pixels", "Number of pixels above the threshold", kind=int),
        Column("flags", "Sum of the values in FLAGS", kind=int),
    )
}

#: Columns of an ensemble, one for each member, whose name follows after an underscore.
MEMBER_COLUMNS = {
    column.name: column
    for column in (
        Column("score", "Score of the member, the highest nearby"),
        Column("rank", "Its rank: -log10 of the part of the reference with a higher score"),
        Column("probability", "Probability that the member gives"),
        Column("found", "Whether the member alone would have found it", kind=bool),
    )
}

#: Bits of the column ``flags``.
FLAGS = {"edge": 1, "source": 2, "blended": 4}

#: Columns that every catalogue has.
COMMON = ("id", "name", "sky_centroid", "x_centroid", "y_centroid", "score", "n_pixels", "flags")


def flag_words(flags: int, bits: Mapping[str, int] = FLAGS) -> str:
    """The flags of a row in words, separated by commas.

    Parameters
    ----------
    flags : int
        Sum of bits.
    bits : mapping, optional
        Bits by name.
    """
    return ", ".join(name.replace("_", " ") for name, bit in bits.items() if flags & bit)


def column_of(name: str) -> Column | None:
    """The column that a name stands for; None where it is none of a catalogue.

    Parameters
    ----------
    name : str
        One of `COLUMNS`, or of `MEMBER_COLUMNS` with a member: ``score_unet``.
    """
    quantity, _, member = name.partition("_")
    return COLUMNS.get(name) or (MEMBER_COLUMNS.get(quantity) if member else None)


def iau_names(positions: SkyCoord) -> list[str]:
    """Names in the style of the IAU: ``SZF JHHMMSS.s+DDMMSS``, truncated and never rounded.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord`
        Positions in any frame.

    Returns
    -------
    list of str
    """
    icrs = positions.icrs
    # A thousandth of the last digit keeps 12h00m00.0s, stored as 11h59m59.99999s, at 12h.
    tenths = np.floor(icrs.ra.wrap_at(360 * u.deg).hourangle * 36000 + 1e-3).astype(int) % 864000
    arcsec = np.floor(np.abs(icrs.dec.deg) * 3600 + 1e-3).astype(int)
    return [
        f"SZF J{ra // 36000:02d}{ra // 600 % 60:02d}{ra // 10 % 60:02d}.{ra % 10}"
        f"{sign}{dec // 3600:02d}{dec // 60 % 60:02d}{dec % 60:02d}"
        for ra, dec, sign in zip(tenths, arcsec, np.where(icrs.dec < 0, "-", "+"))
    ]


def make_catalogue(
    values: Mapping[str, np.ndarray], positions: SkyCoord, meta: Mapping[str, Any]
) -> QTable:
    """Catalogue of detections, brightest first.

    Parameters
    ----------
    values : dict of str to `~numpy.ndarray`
        Columns of numbers, ``score`` among them, in the units of `COLUMNS`; those of the members
        of an ensemble come last.
    positions : `~astropy.coordinates.SkyCoord`
        Sky positions.
    meta : dict
        Flat meta data about what made the catalogue.

    Returns
    -------
    `~astropy.table.QTable`
        With all columns, units and meta, also where it has no row.
    """
    order = np.argsort(-np.asarray(values["score"]), kind="stable")
    positions = positions[order].icrs
    filled = {name: np.asarray(value)[order] for name, value in values.items()}
    filled.update(
        id=np.arange(1, order.size + 1), name=iau_names(positions), sky_centroid=positions
    )
    table = QTable()
    names = [name for name in COLUMNS if name in filled]
    names += [name for name in filled if name not in COLUMNS]
    for name in names:
        column, value = column_of(name), filled[name]
        if column.kind is not SkyCoord:
            value = np.asarray(value, dtype="U24" if column.kind is str else column.kind)
        table[name] = value if column.unit is None else value << column.unit
        table[name].info.description = column.description
    table.meta |= {
        "szfinder_version": szfinder.__version__,
        "astropy_version": astropy.__version__,
        "numpy_version": np.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    table.meta.update(meta)
    return table
