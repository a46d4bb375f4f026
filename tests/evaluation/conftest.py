"""Small truth tables and catalogues, made by hand."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from szfinder.maps import wcs_for_patch


@pytest.fixture(scope="session")
def patch():
    """WCS and shape of a map of 62 x 50 arcmin with pixels of 0.5 arcmin."""
    center = SkyCoord(30 * u.deg, -50 * u.deg)
    return wcs_for_patch(center, [50, 62] * u.arcmin, 0.5 * u.arcmin)


@pytest.fixture(scope="session")
def table_of():
    """Function that makes a table of positions (east, north) in arcmin about a point."""

    def make(offsets, **columns):
        center = SkyCoord(30 * u.deg, -50 * u.deg)
        east, north = np.reshape(np.asarray(offsets, dtype=float), (-1, 2)).T
        table = QTable()
        table["sky_centroid"] = center.spherical_offsets_by(east * u.arcmin, north * u.arcmin)
        for name, values in columns.items():
            table[name] = values if isinstance(values, u.Quantity) else np.array(values, float)
        return table

    return make
