"""A cluster looks the same wherever it is put, and on whatever grid."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.simulation import Halos, KineticSZ, SkySimulator, ThermalSZ

SHAPE = 81, 81


def grid(projection="TAN", flip=False, lat=0.0, pixel=0.5):
    """A grid around right ascension 150 deg."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = 150.0, lat
    wcs.wcs.cdelt = (pixel if flip else -pixel) / 60, pixel / 60
    wcs.wcs.crpix = 41, 41
    return wcs, SHAPE


def paint(lab, place, wcs, shape=SHAPE):
    """Map of a cluster at a place in pixels, or on the sky."""
    if not isinstance(place, SkyCoord):
        place = SkyCoord(wcs.pixel_to_world(*place))
    catalogue = lab.clusters(place, redshift=0.4, m500c=5e14, velocity=500.0)
    components = [ThermalSZ(scatter=0.0), KineticSZ(diffuse=0.0)]
    simulator = SkySimulator(lab.instrument(), components, halos=Halos(catalogue=catalogue))
    return simulator.patch(wcs, shape).maps.data[0]


@pytest.mark.parametrize("dx, dy", [(7, 0), (-12, 20), (30, -25)])
def test_whole_pixels(lab, dx, dy):
    wcs, _ = grid()
    centred = paint(lab, (40.3, 39.6), wcs)
    moved = paint(lab, (40.3 + dx, 39.6 + dy), wcs)
    y, x = (slice(max(d, 0), 81 + min(d, 0)) for d in (dy, dx))
    back_y, back_x = (slice(max(-d, 0), 81 + min(-d, 0)) for d in (dy, dx))
    tolerance = 1e-3 * np.abs(centred).max()
    np.testing.assert_allclose(moved[y, x], centred[back_y, back_x], atol=tolerance)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("projection", ["TAN", "ZEA", "CAR", "SIN"])
def test_projection_and_parity(lab, projection, flip):
    expected = paint(lab, (40, 40), grid()[0])
    found = paint(lab, (40, 40), grid(projection, flip)[0])
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("lat", [-60.0, 45.0, 89.5])
def test_anywhere_on_the_sky(lab, lat):
    expected = paint(lab, (40, 40), grid()[0])
    np.testing.assert_allclose(paint(lab, (40, 40), grid(lat=lat)[0]), expected,
                               atol=1e-4 * np.abs(expected).max())  # fmt: skip


def test_parity_mirrors_the_sky(lab):
    place = SkyCoord(150.1, 0.2, unit="deg")
    image, mirrored = (paint(lab, place, grid(flip=flip)[0]) for flip in (False, True))
    tolerance = 1e-3 * np.abs(image).max()
    np.testing.assert_allclose(mirrored[:, ::-1], image, atol=tolerance)
    assert np.unravel_index(image.argmin(), SHAPE) == (40 + 24, 40 - 12)


def test_quarter_turns(lab):
    """A cluster is round on the pixels."""
    image = paint(lab, (40, 40), grid()[0])
    for turns in (1, 2, 3):
        np.testing.assert_allclose(np.rot90(image, turns), image, atol=1e-4 * np.abs(image).max())


def test_a_finer_grid_samples_the_same_sky(lab):
    coarse = paint(lab, SkyCoord(150.0, 0.0, unit="deg"), grid()[0])
    fine = paint(lab, SkyCoord(150.0, 0.0, unit="deg"), grid(pixel=0.25)[0])
    inner = coarse[20:61, 20:61]
    np.testing.assert_allclose(fine[::2, ::2], inner, atol=3e-3 * np.abs(coarse).max())


def test_two_clusters_add(lab):
    wcs, _ = grid()
    places = [(30.0, 40.0), (50.5, 45.2)]
    together = paint(lab, tuple(np.transpose(places)), wcs)
    apart = sum(paint(lab, place, wcs) for place in places)
    np.testing.assert_allclose(together, apart, atol=1e-4 * np.abs(apart).max())
