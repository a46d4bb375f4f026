"""UNetSegmentFinder: the network on maps of any size, with answers that are known."""

import pickle
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import NDData
from astropy.wcs import WCS
from scipy import ndimage

from szfinder.finders import FLAGS, ScoreMap, UNetSegmentFinder, UnlikeTrainingWarning
from szfinder.maps import Band, Beam, Instrument, MapError, MapStack
from szfinder.models import Preprocessing, Preset, build_unet

PIXEL, NOISE, SCALE, OFFSET = 0.5, 50.0, [50.0, 40.0], [10.0, -20.0]


@pytest.fixture(scope="module")
def instrument():
    return Instrument("camera", [Band(name, float(name), Beam.from_fwhm(2.2))
                                 for name in ("95", "150")])  # fmt: skip


def make_maps(instrument, shape=(150, 132), *, seed=3, pixel=PIXEL):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (30.0, -50.0), (40.0, 90.0)
    wcs.wcs.cdelt = -pixel / 60, pixel / 60
    images = NOISE * np.random.default_rng(seed).standard_normal((2, *shape))
    return MapStack(images, wcs=wcs, instrument=instrument)


@pytest.fixture(scope="module")
def make_random(instrument):
    """Preset of a network with random weights and biases, whose answer changes with all it sees."""
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    pytest.importorskip("keras", reason="networks need Keras")
    made = {}

    def make(n_levels=3, *, image_size=16, **normalization):
        arguments = {"input_shape": [None, None, 2], "filters": [3, 2, 2, 2, 2][:n_levels],
                     "activation": "silu", "seed": 4}  # fmt: skip
        if n_levels not in made:
            model = build_unet(**arguments)
            rng = np.random.default_rng(7)
            weights = [w + 0.3 * rng.standard_normal(w.shape) for w in model.get_weights()]
            weights[-2:] = [0.3 * weights[-2], weights[-1]]
            model.set_weights(weights)
            made[n_levels] = model
        normalization = normalization or {"offset": OFFSET}
        scale = SCALE if "offset" in normalization else (NOISE, NOISE)
        return Preset.from_model(
            made[n_levels], name="random", architecture="unet", arguments=arguments,
            preprocessing=Preprocessing.from_instrument(
                instrument, scale=scale, pixel_size=PIXEL, image_size=image_size, **normalization),
            calibration={"platt": {"slope": 0.5, "intercept": -1.5}, "thresholds": {"f1": 0.6},
                         "score_quantiles": {}},
            card={"command": "", "seed": 0, "data": {}, "date": "2026-01-01", "scores": {}},
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def preset(make_random):
    return make_random()


@pytest.fixture(scope="module")
def maps(instrument):
    return make_maps(instrument)


@pytest.fixture(scope="module")
def score_map(preset, maps):
    return UNetSegmentFinder(preset).score_map(maps)


def changed(maps, place, value=3000.0):
    """The maps with another value in one pixel, of one band."""
    images = maps.data.copy()
    images[(1, *place)] = value
    return MapStack(images, wcs=maps.wcs, instrument=maps.instrument)


def network_alone(preset, images):
    """The answer of the network to one image, filled up with zeros to whole coarse pixels."""
    step = 2 ** (len(preset.arguments["filters"]) - 1)
    ny, nx = images.shape[:2]
    filled = np.pad(images, [(0, -ny % step), (0, -nx % step), (0, 0)])
    return np.asarray(preset.build_model()(filled[None]))[0, :ny, :nx, 0]


def normalised(images):
    return ((np.moveaxis(images, 0, -1) - OFFSET) / SCALE).astype(np.float32)


@pytest.mark.parametrize("n_levels, block", [(3, 64), (4, 40), (1, 50)])
def test_blocks_show_no_seams(make_random, maps, monkeypatch, n_levels, block):
    preset = make_random(n_levels)
    expected = network_alone(preset, normalised(maps.data))
    assert expected.std() > 0.01
    monkeypatch.setattr("szfinder.finders.unet.BLOCK", block)
    found = UNetSegmentFinder(preset).score_map(maps).data
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("n_levels", [1, 2, 3, 4, 5])
def test_reach(make_random, instrument, n_levels):
    """No pixel beyond it is seen; with two alignments at most all within less the coarsest are."""
    finder = UNetSegmentFinder(make_random(n_levels))
    reach, step = finder._reach, 2 ** (n_levels - 1)
    side = 2 * reach + 2 * step
    maps = make_maps(instrument, (max(side, 16), max(side, 16)))
    usual = finder.score_map(maps).data
    furthest = []
    for y, x in [(side // 2, side // 2), (side // 2 - 1, side // 2 + step - 1)]:
        seen = np.argwhere(finder.score_map(changed(maps, (y, x))).data != usual)
        furthest.append(np.abs(seen - [y, x]).max())
    assert max(furthest) <= reach
    assert max(furthest) > reach - 2 * step


def test_margin_is_what_the_answer_depends_on(make_random, instrument):
    """The smoothing of the normalisation is part of it."""
    preset = make_random(2, normalization="local", smoothing=4.0)
    finder = UNetSegmentFinder(preset)
    maps = make_maps(instrument, (120, 100))
    margin = finder.margin(maps) / PIXEL
    seen = finder.score_map(changed(maps, (60, 50), 1e5)).data != finder.score_map(maps).data
    furthest = np.abs(np.argwhere(seen) - [60, 50]).max()
    assert 32 < furthest <= margin
    assert finder.margin(maps) == pytest.approx(PIXEL * (2 * 3 + 2 + 2 + 32), rel=1e-4)


@pytest.mark.parametrize("factor, names", [(1.0, ""), (1.2, ""), (1.5, "75"), (0.6, "30")])
def test_warns_of_maps_that_scatter_otherwise(make_random, maps, instrument, factor, names):
    finder = UNetSegmentFinder(make_random(2, normalization="local", smoothing=4.0))
    other = MapStack(factor * maps.data, wcs=maps.wcs, instrument=instrument)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        finder.score_map(other)
    assert [warning.category for warning in caught] == [UnlikeTrainingWarning] * bool(names)
    if names:
        scatter = re.search(r"by ([\d.]+) uK instead of 50 uK in band '95'", str(caught[0].message))
        assert float(scatter[1]) == pytest.approx(float(names), rel=0.05)


@pytest.mark.parametrize("block_size", [(70, 60), (20, 132), "auto"])
@pytest.mark.parametrize("normalization", [{}, {"normalization": "local", "smoothing": 2.0}])
def test_tiles_are_the_whole(make_random, maps, block_size, normalization):
    finder = UNetSegmentFinder(make_random(image_size=32, **normalization), threshold=0.5)
    whole = finder.score_map(maps)
    stitched = finder.predict_map(maps, block_size=block_size)
    assert isinstance(stitched, ScoreMap)
    np.testing.assert_allclose(stitched.data, whole.data, atol=1e-5)
    np.testing.assert_allclose(stitched.layers["probability"], whole.layers["probability"],
                               atol=1e-5)
    np.testing.assert_array_equal(stitched.layers["flags"], whole.layers["flags"])


def test_catalogue_of_tiles_is_that_of_the_whole(by_hand, blobs):
    finder = UNetSegmentFinder(by_hand)
    whole, tiles = finder(blobs), finder.find_clusters(blobs, block_size=(60, 47))
    assert len(whole) == len(tiles) == len(BLOBS)
    for name in ("x_centroid", "y_centroid", "score", "probability"):
        np.testing.assert_allclose(tiles[name], whole[name], atol=1e-4)
    for name in ("name", "n_pixels", "flags"):
        np.testing.assert_array_equal(tiles[name], whole[name])


@pytest.mark.parametrize("n_levels", [2, 4])
def test_shift_by_coarse_pixels(make_random, instrument, n_levels):
    finder = UNetSegmentFinder(make_random(n_levels))
    step, reach = finder.alignment(None), finder._reach
    side = 2 * reach + 6 * step
    maps = make_maps(instrument, (side, side))
    dy, dx = 2 * step, step
    moved = MapStack(np.roll(maps.data, (dy, dx), (1, 2)), wcs=maps.wcs, instrument=instrument)
    one, other = (finder.score_map(m).data for m in (maps, moved))
    inner = slice(reach, side - reach - 2 * step)
    np.testing.assert_allclose(np.roll(other, (-dy, -dx), (0, 1))[inner, inner], one[inner, inner],
                               atol=1e-5)


@pytest.mark.parametrize("how", ["one band", "mask"])
def test_bad_pixels_have_no_score_and_the_value_of_the_mode(preset, maps, how):
    bad = np.zeros(maps.shape, bool)
    bad[50:60, 70:75] = bad[20, 30] = True
    if how == "mask":
        given, before = bad.copy(), maps.data.copy()
        found = UNetSegmentFinder(preset).score_map(maps, mask=bad)
        np.testing.assert_array_equal(bad, given)
        np.testing.assert_array_equal(maps.data, before)
    else:
        images = maps.data.copy()
        images[1, bad] = np.nan
        spoilt = MapStack(images, wcs=maps.wcs, instrument=maps.instrument)
        found = UNetSegmentFinder(preset).score_map(spoilt)
    filled = np.where(bad, np.array(OFFSET)[:, None, None], maps.data)
    expected = network_alone(preset, normalised(filled))
    np.testing.assert_array_equal(np.isnan(found.data), bad)
    np.testing.assert_array_equal(found.mask, bad)
    np.testing.assert_allclose(found.data[~bad], expected[~bad], atol=1e-5)


def test_edge_flags(preset, maps, instrument):
    """2.2 arcmin, 4.4 pixels, of a bad pixel or one that would lie beyond the edge."""
    bad = np.zeros(maps.shape, bool)
    bad[60, 70] = True
    flags = UNetSegmentFinder(preset).score_map(maps, mask=bad).layers["flags"]
    y, x = np.indices(maps.shape)
    to_edge = np.min([y + 1, x + 1, maps.shape[0] - y, maps.shape[1] - x], axis=0)
    near = (np.hypot(y - 60, x - 70) <= 4.4) | (to_edge <= 4.4)
    np.testing.assert_array_equal(flags == FLAGS["edge"], near)
    assert set(np.unique(flags)) == {0, FLAGS["edge"]}


def test_probability(score_map):
    """That of Platt, with slope 0.5 and intercept -1.5."""
    p = score_map.data.astype(float)
    expected = 1 / (1 + np.exp(1.5) * np.sqrt((1 - p) / p))
    np.testing.assert_allclose(score_map.layers["probability"], expected, rtol=1e-5)


def test_bands_in_another_order(preset, maps, score_map):
    turned = Instrument("other", [*maps.instrument.bands[::-1], Band("220", 220.0, Beam(1.0))])
    images = np.concatenate([maps.data[::-1], np.full_like(maps.data[:1], np.nan)])
    images[2, 0, 0] = 1.0
    found = UNetSegmentFinder(preset).score_map(
        MapStack(images, wcs=maps.wcs, instrument=turned))  # fmt: skip
    np.testing.assert_array_equal(found.data, score_map.data)


def test_what_it_says_of_itself(preset, score_map, tmp_path):
    preset.save(tmp_path / "random")
    saved = UNetSegmentFinder(tmp_path / "random", threshold=0.3)
    assert saved.parameters["preset"] == "random" and saved.threshold == 0.3
    assert len(saved.parameters["weights_sha256"]) == 64
    assert UNetSegmentFinder(preset).threshold == 0.6
    assert score_map.meta["finder"] == "UNetSegmentFinder"
    assert score_map.meta["instrument"] == "camera"
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(saved)).preset.network.get_weights()[0],
        preset.network.get_weights()[0], atol=1e-3)  # fmt: skip


BLOBS = np.array([[30.3, 28.6], [92.0, 40.4], [59.7, 100.2], [110.5, 118.9]])


@pytest.fixture(scope="module")
def by_hand(make_unet_preset, instrument):
    return make_unet_preset(instrument, pixel_size=PIXEL, bands=[-0.5, -0.5], level=40,
                            steepness=0.2)  # fmt: skip


@pytest.fixture(scope="module")
def blobs(instrument):
    maps = make_maps(instrument)
    images = 0.1 * maps.data
    y, x = np.indices(maps.shape)
    for x0, y0 in BLOBS:
        images -= 100 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 2.5**2))
    return MapStack(images, wcs=maps.wcs, instrument=instrument)


def test_known_network(by_hand, blobs):
    """Four means over 3 x 3 pixels, with zeros around the maps and for what is negative."""
    smooth = -0.5 * blobs.data.sum(axis=0)
    for _ in range(4):
        smooth = np.maximum(ndimage.uniform_filter(smooth, 3, mode="constant"), 0)
    expected = 1 / (1 + np.exp(-0.2 * (smooth - 40)))
    np.testing.assert_allclose(UNetSegmentFinder(by_hand).score_map(blobs).data, expected,
                               atol=2e-5)


def test_finds_the_blobs(by_hand, blobs):
    """Barycentres, the area above the threshold, and the highest score."""
    finder = UNetSegmentFinder(by_hand)
    clusters, score = finder(blobs), finder.score_map(blobs).data
    assert len(clusters) == len(BLOBS)
    for x, y in BLOBS:
        distance = np.hypot(clusters["x_centroid"] - x, clusters["y_centroid"] - y)
        row = clusters[np.argmin(distance)]
        assert distance.min() < 0.3
        box = np.s_[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13]
        assert row["n_pixels"] == (score[box] > 0.5).sum() > 10
        assert score[box].max() <= row["score"] + 1e-6 and row["score"] <= 1


def test_maps_that_do_not_fit(preset, instrument, maps):
    finder = UNetSegmentFinder(preset)
    with pytest.raises(MapError, match="smaller than a patch; found 15 x 40 pixels; expected 16"):
        finder(make_maps(instrument, (15, 40)))
    with pytest.raises(MapError, match="preset 'random'.*band '150' .*is not among '95'"):
        finder(maps.select(["95"]))
    with pytest.raises(MapError, match="pixels are 0.56 x 0.56 arcmin instead of 0.5 arcmin"):
        finder(make_maps(instrument, pixel=0.56))
    wide = Instrument("camera", [replace(band, beam=Beam.from_fwhm(3.0)) for band in instrument])
    with pytest.raises(MapError, match="'95' has a beam of 3 arcmin FWHM instead of 2.2"):
        finder(MapStack(maps.data, wcs=maps.wcs, instrument=wide))
    kelvin = NDData(maps.data, unit=u.K, wcs=maps.wcs, meta={"instrument": instrument})
    with pytest.raises(MapError, match="NDData in uK_CMB; found K; expected uK"):
        finder(kelvin)


def test_nothing_left(preset, maps):
    finder, everything = UNetSegmentFinder(preset), np.ones(maps.shape, bool)
    for call in (finder.score_map, finder, finder.predict_map):
        with pytest.raises(MapError, match="nothing of the maps is left to search.*mask"):
            call(maps, mask=everything)
    with pytest.raises(MapError, match=r"mask does not fit.*\(9, 9\).*\(150, 132\)"):
        finder(maps, mask=np.zeros((9, 9), bool))


def test_wrong_configuration(preset, make_preset, instrument):
    resnet = make_preset(make_three(instrument), pixel_size=PIXEL, bands=[1, 1, 1], level=1,
                         steepness=1)  # fmt: skip
    with pytest.raises(ValueError, match="'by-hand' is of the network 'resnet'.*needs a 'unet'"):
        UNetSegmentFinder(resnet)
    with pytest.raises(ValueError, match="unknown preset 'none'"):
        UNetSegmentFinder("none")
    for threshold in (1.0, 4.5):
        with pytest.raises(ValueError, match=f"between 0 and 1; found {threshold}"):
            UNetSegmentFinder(preset, threshold=threshold)
    with pytest.raises(ValueError, match="threshold must be a positive number; found 0"):
        UNetSegmentFinder(preset, threshold=0)


def make_three(instrument):
    return Instrument("three", [*instrument.bands, Band("220", 220.0, Beam.from_fwhm(1.0))])
