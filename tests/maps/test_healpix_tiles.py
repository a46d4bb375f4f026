"""The coarse pixels cover the sky once, and each patch covers its own with the margin."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import MapError
from szfinder.maps.healpix_tiles import healpix_tiles

MARGIN = 2 * u.deg


def random_positions(n, frame="icrs", seed=1):
    lon, z = np.random.default_rng(seed).uniform([[0], [-1]], [[360], [1]], (2, n))
    return SkyCoord(lon, np.degrees(np.arcsin(z)), unit="deg", frame=frame)


@pytest.mark.parametrize("frame", ["galactic", "icrs"])
@pytest.mark.parametrize("nside, projection", [(1, "ZEA"), (2, "ZEA"), (2, "TAN")])
def test_tiles_of_the_sphere(nside, projection, frame):
    """Every position has one owner, whose patch reaches further than the margin beyond it."""
    tiles = list(healpix_tiles(nside, margin=MARGIN, pixel_scale=0.5 * u.deg, frame=frame,
                               projection=projection))
    assert [tile.number for tile in tiles] == list(range(12 * nside**2))
    positions = random_positions(20000)
    owners = np.zeros(positions.size, int)
    for tile in tiles:
        own = tile.owns(positions)
        owners += own
        around = [positions[own].directional_offset_by(angle * u.deg, 0.9 * MARGIN)
                  for angle in (0, 90, 180, 270)]
        for places in (positions[own], *around):
            x, y = tile.wcs.world_to_pixel(places)
            assert (x > -0.5).all() and (x < tile.shape[1] - 0.5).all()
            assert (y > -0.5).all() and (y < tile.shape[0] - 0.5).all()
    assert (owners == 1).all()


def test_patches_are_no_larger_than_need_be():
    """A pixel on the equator is a square that stands on its corner, and so does its patch."""
    margin = 10 * u.arcmin
    tile = list(healpix_tiles(4, margin=margin, pixel_scale=2 * u.arcmin))[12 * 4**2 // 2]
    side = np.sqrt(41253 / (12 * 4**2)) + 2 * margin.to_value("deg")
    area = np.prod(tile.shape) * (2 / 60) ** 2
    assert 1 < area / side**2 < 1.2


def test_refuses_other_grids():
    options = {"margin": MARGIN, "pixel_scale": 1 * u.deg}
    with pytest.raises(MapError, match="impossible nside.*3.*power of 2"):
        next(healpix_tiles(3, **options))
    with pytest.raises(MapError, match="unknown frame.*'fk4'"):
        next(healpix_tiles(2, frame="fk4", **options))
