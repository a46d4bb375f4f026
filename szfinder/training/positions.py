"""Positions of the clusters that a network learns from."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szfinder.finders.tables import positions_of

__all__ = ["known_positions"]


def known_positions(catalogue: Table) -> SkyCoord:
    """Positions of a catalogue, none of which may be missing.

    Parameters
    ----------
    catalogue : `~astropy.table.Table`
        As for `~szfinder.evaluation.positions_of`.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        Shape (n,).

    Raises
    ------
    ValueError
        If it has no positions, or one of them is missing or NaN.
    """
    positions = positions_of(catalogue)
    degrees = np.array([np.ma.filled(angle, np.nan) for angle in (positions.ra, positions.dec)])
    rows = np.flatnonzero(~np.isfinite(degrees).all(axis=0))
    if rows.size:
        named = ", ".join(map(str, rows[:5])) + (", ..." if rows.size > 5 else "")
        raise ValueError(
            f"the catalogue has {rows.size} of {len(catalogue)} rows without a position (from 0: "
            f"{named}); remove them first"
        )
    return positions
