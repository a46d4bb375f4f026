"""Columns of truth tables and catalogues, whichever code wrote them."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

__all__ = ["column_of", "positions_of", "scores_of"]

#: Pairs of columns, in small letters, that hold equatorial positions.
POSITION_COLUMNS = (("ra", "dec"), ("raj2000", "dej2000"), ("radeg", "dedeg"))


def positions_of(table: Table) -> SkyCoord:
    """Positions of the objects of a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the column ``sky_centroid``, or ``ra`` and ``dec``, ``RAJ2000`` and ``DEJ2000`` or
        ``RAdeg`` and ``DEdeg`` in any letter case (degrees, unless they have a unit), or one
        column of `~astropy.coordinates.SkyCoord`.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ICRS, one for each row.

    Raises
    ------
    ValueError
        If there are no such columns, or no numbers in them.
    """
    if isinstance(table.columns.get("sky_centroid"), SkyCoord):
        return table["sky_centroid"].icrs
    names = {name.lower(): name for name in table.colnames}
    for lon, lat in POSITION_COLUMNS:
        if lon in names and lat in names:
            return SkyCoord(_degrees(table, names[lon]), _degrees(table, names[lat]))
    coordinates = [name for name in table.colnames if isinstance(table[name], SkyCoord)]
    if len(coordinates) == 1:
        return table[coordinates[0]].icrs
    raise ValueError(
        f"the table has no positions; found the columns {', '.join(table.colnames) or 'none'}; "
        "expected sky_centroid, ra and dec, RAJ2000 and DEJ2000, or one column of SkyCoord"
    )


def column_of(table: Table, name: str, unit: u.UnitBase = u.dimensionless_unscaled) -> np.ndarray:
    """Numbers in a column, in a given unit.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    name : str
        Name of the column.
    unit : `~astropy.units.Unit`, optional
        Unit of the result, and of the column where it has none.

    Returns
    -------
    `~numpy.ndarray`
        One number for each row.

    Raises
    ------
    ValueError
        If the column is missing, masked in places, or cannot be expressed in the unit.
    """
    if name not in table.colnames:
        raise ValueError(
            f"the table has no column {name!r}; found {', '.join(table.colnames) or 'none'}"
        )
    column = table[name]
    if np.any(getattr(column, "mask", False)):
        raise ValueError(f"column {name!r} has masked values; remove those rows first")
    try:
        return np.array(u.Quantity(column, unit, dtype=float).value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {name!r} cannot be read as numbers{f' in {unit}' if str(unit) else ''}: "
            f"{error}"
        ) from error


def scores_of(table: Table, name: str) -> np.ndarray:
    """Scores of detections; see `column_of`.

    Raises
    ------
    ValueError
        If there is no such column, or a score is NaN.
    """
    scores = column_of(table, name)
    n_missing = np.count_nonzero(np.isnan(scores))
    if n_missing:
        raise ValueError(
            f"column {name!r} has {n_missing} NaN of {scores.size} scores; remove those rows first"
        )
    return scores


def _degrees(table: Table, name: str) -> u.Quantity:
    column = table[name]
    if isinstance(column.unit, u.UnrecognizedUnit) and str(column.unit).lower() == "degrees":
        # Planck's catalogues spell it so.
        column = column.copy()
        column.unit = u.deg
    return column_of(Table([column], names=[name]), name, u.deg) << u.deg
