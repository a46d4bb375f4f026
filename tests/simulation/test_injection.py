"""Simulated clusters in given maps."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from szfinder.maps import MapError, MapStack
from szfinder.simulation import Halos, ThermalSZ, inject_clusters

PIXEL = 2.0
#: Integral of the profile within 5 R500 over that within R500: I(5) / I(1) of Arnaud et al. (2010),
#: section 6.3, 1.1037 / 0.6145.
WHOLE = 1.796


@pytest.fixture(scope="module")
def maps(lab):
    """Noise in two bands, with depths that are known."""
    wcs, shape = lab.grid(6, PIXEL)
    noise = 20 * np.random.default_rng(0).standard_normal((2, *shape))
    return MapStack(noise, wcs=wcs, instrument=lab.instrument(150, 220, fwhm=5.0),
                    uncertainty=np.full(shape, 1 / 400.0))  # fmt: skip


@pytest.fixture(scope="module")
def mask(maps):
    mask = np.zeros(maps.shape, bool)
    mask[30:120, 40:170] = True
    return mask


def test_flux_of_one_cluster(lab, maps):
    """The difference of the maps holds the whole signal of the cluster, and nothing else."""
    cluster = lab.clusters(m500c=6e14, redshift=0.3)
    sky = inject_clusters(maps, components=[ThermalSZ(scatter=0)], halos=Halos(catalogue=cluster))
    difference = sky.maps.data - maps.data
    x, y = (float(sky.truth[f"{axis}_centroid"][0]) for axis in "xy")
    near = lab.radius(maps.shape, PIXEL, x, y) < 60
    total = lab.flux(difference[0][near], PIXEL)
    response = maps.bands[0].tsz_response
    assert total == pytest.approx(response * WHOLE * sky.truth["y500"][0].value, rel=0.02)
    assert np.abs(difference[:, ~near]).max() < 0.01 * np.abs(difference[0]).max()
    brightest = np.unravel_index(np.argmin(difference[0]), maps.shape)
    assert np.hypot(brightest[0] - y, brightest[1] - x) < 1


def test_masked_pixels(maps, mask):
    sky = inject_clusters(maps, mask=mask, halos=Halos(min_mass=2e14, boost=5), rng=1)
    x, y = (np.rint(sky.truth[f"{axis}_centroid"]).astype(int) for axis in "xy")
    assert len(x) > 50
    assert not mask[y, x].any()
    assert np.isnan(sky.maps.data[:, mask]).all()
    assert np.isfinite(sky.maps.data[:, ~mask]).all()
    assert (sky.maps.ivar[:, mask] == 0).all()
    np.testing.assert_allclose(sky.maps.ivar[:, ~mask], 1 / 400)
    assert np.isfinite(maps.data).all()  # those given are as they were


def test_density_outside_of_the_mask(maps, mask):
    """Masked area loses its halos, and the rest keeps its own: sqrt(N) of 700."""
    halos = Halos(min_mass=2e14, boost=20)
    whole, rest = (len(inject_clusters(maps, mask=m, halos=halos, rng=3).truth)
                   for m in (None, mask))  # fmt: skip
    assert whole > 400
    assert rest / whole == pytest.approx(1 - mask.mean(), abs=3 / np.sqrt(whole))


def test_boost(maps):
    """Numbers of halos are Poisson, with means in the ratio of the boosts."""
    single, many = (len(inject_clusters(maps, halos=Halos(min_mass=1e14, boost=boost), rng=2).truth)
                    for boost in (1, 6))  # fmt: skip
    assert many / 6 == pytest.approx(single, abs=4 * np.sqrt(single))


def test_same_seed_same_bytes(maps, mask):
    first, again, other = (inject_clusters(maps, mask=mask, rng=seed) for seed in (4, 4, 5))
    assert first.maps.data.tobytes() == again.maps.data.tobytes()
    assert (first.truth["y_c"] == again.truth["y_c"]).all()
    assert len(first.truth) != len(other.truth) or (first.truth["y_c"] != other.truth["y_c"]).any()


def test_refused(lab, maps, mask):
    with pytest.raises(MapError, match="mask does not fit"):
        inject_clusters(maps, mask=np.zeros((3, 3), bool))
    with pytest.raises(MapError, match="no pixel is left"):
        inject_clusters(maps, mask=np.ones(maps.shape, bool))
    inside = lab.clusters(maps.wcs.pixel_to_world([100], [60]), m500c=5e14)
    with pytest.raises(MapError, match=r"masked or bad.*pixel \(100, 60\)"):
        inject_clusters(maps, mask=mask, halos=Halos(catalogue=inside))
    outside = lab.clusters(SkyCoord(90, 20, unit="deg"), m500c=5e14)
    with pytest.raises(MapError, match="outside of the map"):
        inject_clusters(maps, halos=Halos(catalogue=outside))
    with pytest.raises(ValueError, match="boost is 0"):
        Halos(boost=0)


def test_truth_is_of_added_halos_alone(lab, maps):
    """Rows of a given catalogue come back, at their places."""
    centres = maps.wcs.pixel_to_world([40.0, 120.0], [50.0, 90.0])
    cluster = lab.clusters(centres, m500c=[8e14, 4e14])
    truth = inject_clusters(maps, halos=Halos(catalogue=cluster)).truth
    assert list(truth["id"]) == [1, 2]
    assert (truth["sky_centroid"].separation(centres) < 0.1 * u.arcsec).all()
