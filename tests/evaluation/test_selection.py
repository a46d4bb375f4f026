"""Halos above the limits, and objects away from the edge."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS

from szfinder.evaluation import inside, select_halos


def test_limits_are_those_of_lin_2021():
    truth = QTable({"mvir": [2, 1.99, 2, 9] * (1e14 * u.Msun), "redshift": [0.25, 0.5, 0.249, 1.5]})
    assert select_halos(truth).tolist() == [True, False, False, True]
    assert select_halos(truth, max_redshift=1.5).tolist() == [True, False, False, False]
    assert select_halos(truth, min_mass=1e14, min_redshift=0).tolist() == [True] * 4
    assert select_halos(truth, min_mass=3.9e44 * u.kg).tolist() == [True, True, False, True]


def test_other_mass():
    truth = QTable({"m500c": [1, 3] * (1e14 * u.Msun), "redshift": [1.0, 1.0]})
    assert select_halos(truth, mass="m500c").tolist() == [False, True]
    with pytest.raises(ValueError, match="no column 'mvir'"):
        select_halos(truth)


@pytest.mark.parametrize(
    "offset, margin",
    [((0, 24.99), 0), ((-30.99, 0), 0), ((30.9, -24.9), 0), ((0, 21.9), 3), ((27.9, 0), 3)],
)
def test_inside(patch, table_of, offset, margin):
    def is_inside(offset):
        return inside(table_of(offset), *patch, margin=margin * u.arcmin)[0]

    assert is_inside(offset)
    assert is_inside(-np.array(offset))
    assert not is_inside(np.array(offset) + np.sign(offset) * 0.12)
    assert not is_inside(np.array(offset) - np.sign(offset) * 100)


def test_behind_the_plane_of_projection(patch):
    table = QTable({"ra": [30.0, 210.0, 120.0], "dec": [-50.0, 50.0, 0.0]})
    assert inside(table, *patch, margin=1 * u.arcmin).tolist() == [True, False, False]


def test_margin_is_an_angle_on_the_sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---CAR", "DEC--CAR"
    wcs.wcs.crval = 30.0, 0.0
    wcs.wcs.cdelt = -0.1, 0.1
    wcs.wcs.crpix = 50.5, -549.5
    shape = 100, 100  # 10 degrees of declination from 55, 10 degrees of right ascension
    east_edge = SkyCoord(35 * u.deg, 60 * u.deg)
    for distance, expected in ((0.9, False), (1.1, True)):
        position = east_edge.directional_offset_by(-90 * u.deg, distance * u.deg)
        table = QTable({"sky_centroid": position.reshape(1)})
        assert inside(table, wcs, shape, margin=1 * u.deg)[0] == expected


def test_edge_that_is_not_on_the_sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---AIT", "DEC--AIT"
    wcs.wcs.cdelt = -1.0, 1.0
    wcs.wcs.crpix = 180.5, 90.5
    table = QTable({"ra": [0.0, 179.0, 120.0], "dec": [0.0, 0.0, -60.0]})
    assert inside(table, wcs, (180, 360), margin=5 * u.arcmin).all()
