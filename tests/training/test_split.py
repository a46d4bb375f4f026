"""split_by_right_ascension: parts of one map that share no pixel."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS

from szfinder.maps import Band, Beam, Instrument, MapStack, wcs_for_patch
from szfinder.training import SkyCutouts, split_by_right_ascension

SHAPE = (60, 180)
NAMES = ("training", "validation", "test")


def tangential(ra, frame="icrs"):
    centre = SkyCoord(ra, -4, unit="deg", frame=frame)
    return wcs_for_patch(centre, [1, 3] * u.deg, 1 * u.arcmin)[0]


def cylindrical(ra):
    """Right ascension rises with the columns."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---CAR", "DEC--CAR"], [ra, 0], [90.5, 30.5]
    wcs.wcs.cdelt = [1 / 60, 1 / 60]
    return wcs


def noise(wcs):
    data = np.random.default_rng(1).standard_normal((1, *SHAPE))
    return MapStack(data, wcs=wcs, instrument=Instrument("one", [Band(150, 150.0, Beam(1.2))]))


def clusters_of(maps, n=16):
    x, y = np.random.default_rng(2).uniform(0, 1, (2, n)) * [[SHAPE[1]], [SHAPE[0]]]
    return QTable({"sky_centroid": SkyCoord(maps.wcs.pixel_to_world(x, y)).icrs})


def places_inside(inside):
    """Cutouts of 8 x 8 all of whose pixels are inside, one by one."""
    found = np.zeros((SHAPE[0] - 7, SHAPE[1] - 7), bool)
    for y, x in np.ndindex(found.shape):
        found[y, x] = inside[y : y + 8, x : x + 8].all()
    return found


def pixels_of(part):
    """Pixels in any cutout of a part."""
    used = np.zeros(SHAPE, bool)
    for y, x in np.argwhere(part.places.kinds > 0):
        used[y : y + 8, x : x + 8] = True
    return used


@pytest.mark.parametrize("wcs", [tangential(30), tangential(0), tangential(179.6), cylindrical(0.1),
                                 tangential(96, "galactic")])  # fmt: skip
def test_parts(wcs):
    maps = noise(wcs)
    y, x = np.indices(SHAPE)
    ra = SkyCoord(maps.wcs.pixel_to_world(x, y)).icrs.ra.deg
    if np.ptp(ra) > 180:
        ra[ra > 180] -= 360
    fraction = (ra - ra.min()) / np.ptp(ra)
    catalogue = clusters_of(maps)
    whole = SkyCutouts.from_maps(maps, catalogue)
    parts = split_by_right_ascension(maps, catalogue, test=0.3, validation=0.55)
    inside = (fraction > 0.55, (fraction >= 0.3) & (fraction <= 0.55), fraction < 0.3)
    for part, pixels in zip(parts, inside, strict=True):
        expected = np.where(places_inside(pixels), whole.places.kinds, 0)
        np.testing.assert_array_equal(part.places.kinds, expected)
        assert part.has_positives and part.corners.shape[1] > 20
    assert (np.sum([pixels_of(part) for part in parts], axis=0) <= 1).all()
    assert np.shares_memory(parts[0].maps, parts[1].maps)
    assert np.shares_memory(parts[0].maps, parts[2].maps)


@pytest.mark.parametrize("ra", [0.0, 0.6, 359.3, 180])
def test_zero_hours_are_nowhere_in_particular(ra):
    """The same map anywhere along the equator gives the same parts."""
    parts, expected = (
        split_by_right_ascension(maps, clusters_of(maps), test=0.2, validation=0.4)
        for maps in (noise(tangential(ra)), noise(tangential(77)))
    )
    for part, same in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part.places.kinds, same.places.kinds)


def test_fractions_of_the_paper():
    """Of a map along the equator, whose columns are right ascensions from 88.5 to 91.5 deg."""
    parts = split_by_right_ascension(noise(cylindrical(90)), clusters_of(noise(cylindrical(90))))
    columns = [np.flatnonzero(pixels_of(part).any(axis=0)) for part in parts]
    ends = [(pixels[0], pixels[-1]) for pixels in columns]
    # 0.13 and 0.2 of the 179 arcmin from the first to the last pixel: 23.27 and 35.8
    assert ends == [(36, 179), (24, 35), (0, 23)]


def test_pixels_that_are_masked():
    """They are in no part, and the range is that of the others: 101 arcmin."""
    maps, mask = noise(cylindrical(90)), np.zeros(SHAPE, bool)
    mask[:, :78] = True
    parts = split_by_right_ascension(maps, clusters_of(maps), mask=mask, validation=0.5)
    used = [np.flatnonzero(pixels_of(part).any(axis=0)) for part in parts]
    assert [(pixels[0], pixels[-1]) for pixels in used] == [(129, 179), (92, 128), (78, 91)]


@pytest.mark.parametrize("fractions", [{"test": 0.3}, {"test": 0}, {"validation": 1.2}])
def test_fractions_out_of_order(fractions):
    maps = noise(tangential(0))
    with pytest.raises(ValueError, match="0 < test < validation < 1; found test="):
        split_by_right_ascension(maps, clusters_of(maps), **fractions)


def test_part_too_narrow_for_a_cutout():
    maps = noise(cylindrical(90))
    with pytest.raises(ValueError, match="the validation part of the map has no whole cutout"):
        split_by_right_ascension(maps, clusters_of(maps), test=0.17)
