"""Score maps of coarser grids on the pixels of the maps."""

import numpy as np
import pytest
from astropy.wcs import WCS

from szfinder.finders import ScoreMap
from szfinder.finders.regridding import on_pixels_of
from szfinder.maps import Band, Beam, Instrument, MapStack

SHAPE = (48, 60)


def some_wcs(step=1):
    """Pixels of half an arcmin, or coarser ones over the same patch."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = 40.0, -30.0
    wcs.wcs.cdelt = -step / 120, step / 120
    wcs.wcs.crpix = 20.5 / step + 0.5, 30.5 / step + 0.5
    return wcs


@pytest.fixture(scope="module")
def maps():
    instrument = Instrument("one", [Band("150", 150.0, Beam.from_fwhm(1.2))])
    return MapStack(np.zeros((1, *SHAPE)), wcs=some_wcs(), instrument=instrument)


def coarse(step, make, **layers):
    """A score map that is a function of the pixel (y, x) of the maps at each pixel's centre."""
    y, x = (np.indices([n // step for n in SHAPE]) + 0.5) * step - 0.5
    return ScoreMap(make(y, x), some_wcs(step),
                    layers={name: function(y, x) for name, function in layers.items()},
                    meta={"finder": "mine"})


@pytest.mark.parametrize("step", [2, 3, 8])
def test_a_plane_is_the_same_plane(maps, step):
    """Bilinear interpolation has a linear function as it is."""
    found = on_pixels_of(maps, coarse(step, lambda y, x: 2 * x - 3 * y + 1))
    y, x = np.indices(SHAPE)
    inner = np.s_[step:-step, step:-step]
    np.testing.assert_allclose(found.data[inner], (2 * x - 3 * y + 1)[inner], atol=2e-3)
    assert found.data.shape == SHAPE and found.wcs.wcs.compare(maps.wcs.wcs)
    assert found.meta == {"finder": "mine"}


@pytest.mark.parametrize("step", [2, 3, 8])
def test_layer_score_has_the_heights_of_the_peaks(maps, step):
    """It is the nearest pixel's, to the last bit; interpolation takes the tops off."""
    ny, nx = (n // step for n in SHAPE)
    scores = np.random.default_rng(4).normal(size=(ny, nx)).astype(np.float32)
    found = on_pixels_of(maps, coarse(step, lambda y, x: scores))
    covered = np.s_[: ny * step, : nx * step]
    nearest = np.kron(scores, np.ones((step, step)))
    np.testing.assert_array_equal(found.layers["score"][covered], nearest)
    highest = nearest[step:-step, step:-step].max()
    if step % 2:  # a centre of a pixel is one of the maps
        assert np.nanmax(found.data) == pytest.approx(highest, rel=1e-3)
    else:
        assert np.nanmax(found.data) < 0.97 * highest


@pytest.mark.parametrize("step", [2, 3, 8])
def test_other_layers_are_those_of_the_nearest_pixel(maps, step):
    rng = np.random.default_rng(1)
    ny, nx = (n // step for n in SHAPE)
    flags = rng.integers(0, 8, (ny, nx)).astype(np.int16)
    found = on_pixels_of(maps, coarse(step, lambda y, x: x, flags=lambda y, x: flags,
                                      seen=lambda y, x: flags > 3,
                                      theta_c=lambda y, x: 0.25 * flags))
    nearest = np.kron(flags, np.ones((step, step)))
    covered = np.s_[: ny * step, : nx * step]
    np.testing.assert_array_equal(found.layers["flags"][covered], nearest)
    assert found.layers["flags"].dtype == np.int16
    np.testing.assert_array_equal(found.layers["seen"][covered], nearest > 3)
    assert found.layers["seen"].dtype == bool
    np.testing.assert_array_equal(found.layers["theta_c"][covered], 0.25 * nearest)


def test_a_missing_pixel_is_missing_around(maps):
    """Where any of the four coarse pixels of the interpolation has no score, there is none."""
    scores = coarse(4, lambda y, x: 0 * x + 5, flags=lambda y, x: (0 * x).astype(int))
    scores.data[5, 7] = np.nan
    found = on_pixels_of(maps, scores)
    y, x = (np.indices(SHAPE) + 0.5) / 4 - 0.5  # in coarse pixels
    near = (np.abs(y - 5) < 1) & (np.abs(x - 7) < 1)
    inner = (np.abs(y - 5.5) < 5) & (np.abs(x - 7) < 7)
    np.testing.assert_array_equal(np.isnan(found.data)[inner], near[inner])
    np.testing.assert_allclose(found.data[inner & ~near], 5)
    np.testing.assert_array_equal(found.mask, np.isnan(found.data))


def test_outside_of_the_score_map(maps):
    """It covers the lower left quarter only."""
    whole = coarse(2, lambda y, x: 0 * x + 1, flags=lambda y, x: (0 * x + 2).astype(int))
    quarter = np.s_[:12, :15]
    part = ScoreMap(whole.data[quarter], whole.wcs,
                    layers={"flags": whole.layers["flags"][quarter]})
    found = on_pixels_of(maps, part)
    assert np.isnan(found.data[25:]).all() and np.isnan(found.data[:, 31:]).all()
    assert not found.layers["flags"][25:].any()
    assert np.isnan(found.layers["score"][25:]).all()
    np.testing.assert_allclose(found.data[1:22, 1:28], 1)
    assert (found.layers["flags"][1:22, 1:28] == 2).all()


def test_same_pixels_are_left_alone(maps):
    rng = np.random.default_rng(2)
    scores = ScoreMap(rng.normal(size=SHAPE), maps.wcs.deepcopy(),
                      layers={"snr": rng.normal(size=SHAPE)}, meta={"finder": "mine"})
    scores.data[3, 4] = np.nan
    found = on_pixels_of(maps, scores)
    np.testing.assert_array_equal(found.data, scores.data)
    assert found.data.dtype == scores.data.dtype
    assert found.layers.keys() == {"snr", "score"}
    np.testing.assert_array_equal(found.layers["score"], scores.data)
    np.testing.assert_array_equal(found.layers["snr"], scores.layers["snr"])
    assert found.meta == {"finder": "mine"} and list(scores.layers) == ["snr"]


def test_same_shape_elsewhere_is_not_the_same(maps):
    wcs = some_wcs()
    wcs.wcs.crpix += [3, 1]
    scores = np.random.default_rng(3).normal(size=SHAPE)
    found = on_pixels_of(maps, ScoreMap(scores, wcs))
    np.testing.assert_allclose(found.data[1:-2, 1:-4], scores[2:-1, 4:-1], atol=1e-4)


def test_without_layers(maps):
    assert list(on_pixels_of(maps, coarse(2, lambda y, x: x)).layers) == ["score"]
