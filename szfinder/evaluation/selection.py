"""Which halos of a truth table, and which rows of any table, are counted."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from szfinder.finders.tables import column_of, positions_of

__all__ = ["inside", "select_halos"]


def select_halos(
    truth: Table,
    *,
    min_mass: u.Quantity = 2e14 * u.Msun,
    min_redshift: float = 0.25,
    max_redshift: float | None = None,
    mass: str = "mvir",
) -> np.ndarray:
    """Halos that a finder is to find.

    By default those of Lin et al. (2021), section 1.2: virial mass of 2e14 Msun or more at redshift
    0.25 or more.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        Halos.
    min_mass : `~astropy.units.Quantity`, optional
        Least mass; a plain number is in Msun.
    min_redshift, max_redshift : float, optional
        Least redshift, and the redshift that they lie below.
    mass : str, optional
        Column of the mass.

    Returns
    -------
    `~numpy.ndarray` of bool
        One for each halo.
    """
    redshift = column_of(truth, "redshift")
    massive = column_of(truth, mass, u.Msun) >= u.Quantity(min_mass, u.Msun).value
    selected = massive & (redshift >= min_redshift)
    return selected if max_redshift is None else selected & (redshift < max_redshift)


def inside(
    table: Table, wcs: WCS, shape: tuple[int, int], *, margin: u.Quantity = 0 * u.arcmin
) -> np.ndarray:
    """Objects that lie on a map, and not too near its edge.

    Detections and halos are to be counted in one area: near an edge a finder sees half an object,
    and halos beyond it cannot be found.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Detections, halos, or anything with positions; see `positions_of`.
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates of the map.
    shape : tuple of int
        Its shape (ny, nx).
    margin : `~astropy.units.Quantity`, optional
        Least distance from the edge on the sky, along the pixel axes; a plain number is in arcmin.

    Returns
    -------
    `~numpy.ndarray` of bool
        One for each row.
    """
    positions = positions_of(table)
    x, y = wcs.world_to_pixel(positions)
    ny, nx = shape
    on_map = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    margin = u.Quantity(margin, u.arcmin)
    if margin > 0:
        x, y, positions = x[on_map], y[on_map], positions[on_map]
        far = np.ones(x.size, dtype=bool)
        for edge_x, edge_y in ((-0.5, y), (nx - 0.5, y), (x, -0.5), (x, ny - 0.5)):
            edge = SkyCoord(wcs.pixel_to_world(*np.broadcast_arrays(edge_x, edge_y)))
            # An edge that is not on the sky, as of a map of all of it, is near nothing.
            far &= ~(edge.separation(positions) < margin)
        on_map[on_map] = far
    return on_map
