"""CNNFinder, with a network whose answer is known, on maps of bumps."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS, DistortionLookupTable, Sip

from szfinder.finders import (
    COLUMNS,
    FLAGS,
    CNNFinder,
    NoDetectionsWarning,
    ScoreMap,
    UnlikeTrainingWarning,
    cnn,
)
from szfinder.maps import Band, Beam, Instrument, MapError, MapStack
from szfinder.simulation import SkySimulator

PIXEL = 0.25  # arcmin
SHAPE = (150, 132)
SIZE = 13
BLOBS = np.array([[30.3, 28.6], [92.0, 40.4], [60.7, 100.2], [110.5, 118.9]])


@pytest.fixture(scope="module")
def instrument():
    bands = [Band(name, float(name), Beam.from_fwhm(1.0)) for name in ("95", "150", "220")]
    return Instrument("camera", bands)


@pytest.fixture(scope="module")
def preset(make_preset, instrument):
    return make_preset(instrument, pixel_size=PIXEL, bands=[-0.5, -0.5, 0], level=20,
                       steepness=0.1, scale=[50, 40, 30])


def make_wcs(angle=0.0, parity=-1, cd=False, projection="TAN"):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = f"RA---{projection}", f"DEC--{projection}"
    wcs.wcs.crval = (30.0, 0.0) if projection == "CAR" else (30.0, -50.0)
    wcs.wcs.crpix = 40.0, 90.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if cd:
        wcs.wcs.cd = turn @ np.diag([parity * PIXEL / 60, PIXEL / 60])
    else:
        wcs.wcs.cdelt = parity * PIXEL / 60, PIXEL / 60
        wcs.wcs.pc = turn
    return wcs


def make_maps(instrument, *, blobs=BLOBS, wcs=None, shape=SHAPE, height=-150.0):
    """Noise of 5 uK, and Gaussians of 1.5 arcmin FWHM that are negative in two of three bands."""
    images = 5 * np.random.default_rng(3).standard_normal((3, *shape))
    y, x = np.indices(shape)
    sigma = 1.5 / PIXEL / np.sqrt(8 * np.log(2))
    for x0, y0 in blobs:
        bump = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
        images += np.array([height, height, 0])[:, None, None] * bump
    return MapStack(images, wcs=wcs or make_wcs(), instrument=instrument)


@pytest.fixture(scope="module")
def maps(instrument):
    return make_maps(instrument)


@pytest.fixture(scope="module")
def score_map(preset, maps):
    return CNNFinder(preset, stride=1.0).score_map(maps)


@pytest.mark.parametrize("stride, step", [(0.25, 1), (0.5, 2), (1.0, 4), (2.0, 8)])
def test_finds_the_blobs(preset, maps, stride, step):
    clusters = CNNFinder(preset, stride=stride)(maps)
    assert len(clusters) == len(BLOBS)
    truth = SkyCoord(maps.wcs.pixel_to_world(*BLOBS.T))
    index, distance, _ = truth.match_to_catalog_sky(clusters["sky_centroid"])
    assert sorted(index) == [0, 1, 2, 3]
    x, y = maps.wcs.world_to_pixel(clusters["sky_centroid"][index])
    offset = np.abs([x, y] - BLOBS.T) * PIXEL
    assert offset.max() < max(stride / 2, PIXEL / 2)
    np.testing.assert_allclose(clusters["x_centroid"][index] * step + (SIZE - 1) / 2, x, atol=1e-6)


@pytest.mark.parametrize("stride, shape", [(3.0, (12, 10)), (2.0, (18, 15)), (1.0, (35, 30))])
def test_every_cutout_has_a_pixel(preset, maps, stride, shape):
    """Of 138 and 120 places for the first pixel of a cutout, every 12th, 8th or 4th."""
    score_map = CNNFinder(preset, stride=stride).score_map(maps)
    assert score_map.data.shape == shape
    assert score_map.wcs.pixel_shape in (None, shape[::-1])


def test_score_is_the_network_on_each_cutout(preset, maps, score_map):
    """One by one, without the finder; the calibration leaves the network's answer as it is."""
    model = preset.build_model()
    rng = np.random.default_rng(2)
    probability = score_map.layers["probability"]
    for row, column in zip(rng.integers(35, size=12), rng.integers(30, size=12)):
        y, x = 4 * row, 4 * column
        image = np.moveaxis(maps.data[:, y : y + SIZE, x : x + SIZE], 0, -1) / [50, 40, 30]
        expected = model.predict_on_batch(image[None].astype("float32"))[0, 1]
        assert probability[row, column] == pytest.approx(expected, abs=2e-6)
    assert 0 <= probability.min() < 0.01 and 0.99 < probability.max() <= 1


@pytest.mark.parametrize("stride, reach", [(0.25, 3.25), (1.0, 0.8125), (2.0, 0.5)])
def test_score_is_the_mean_of_the_cutouts_around(preset, instrument, stride, reach):
    """A square of half a cutout's side, 6.5 pixels, or at least of the pixel itself, by the area
    of each pixel that is in it; cutouts that were not looked at do not count."""
    maps = make_maps(instrument, shape=(60, 50), blobs=[(20, 20), (33, 31)])
    mask = np.zeros(maps.shape, bool)
    mask[25:30, 15:20] = True
    score_map = CNNFinder(preset, stride=stride).score_map(maps, mask=mask)
    probability = score_map.layers["probability"]
    good = np.isfinite(probability)
    rows, columns = np.indices(probability.shape)
    assert not good.all()
    np.testing.assert_array_equal(np.isfinite(score_map.data), good)
    for row, column in np.argwhere(good):
        area = good * np.prod([
            np.clip(reach + 0.5 - abs(rows - row), 0, 1),
            np.clip(reach + 0.5 - abs(columns - column), 0, 1),
        ], axis=0)
        expected = (area * np.nan_to_num(probability)).sum() / area.sum()
        assert score_map.data[row, column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("stride", [0.25, 0.5, 1.0, 2.0])
def test_edge_is_where_the_square_lacks_cutouts(preset, instrument, stride):
    """Those beyond the border of the maps as well as those that a mask has spoiled; the neighbours
    at least, also where the square is but one cutout."""
    maps = make_maps(instrument, shape=(80, 70), blobs=[])
    mask = np.zeros(maps.shape, bool)
    mask[35:40, 35:40] = True
    score_map = CNNFinder(preset, stride=stride).score_map(maps, mask=mask)
    missing = np.isnan(np.pad(score_map.layers["probability"], 20, constant_values=np.nan))
    rows, columns = np.indices(missing.shape)
    # of the square, and of half a pixel that it cuts
    reach = max(3.25 / (stride / PIXEL) + 0.5, 1.5)
    edge = score_map.layers["flags"] == FLAGS["edge"]
    assert 0 < edge.mean() < 1 and set(np.unique(score_map.layers["flags"])) == {0, FLAGS["edge"]}
    for row, column in np.ndindex(edge.shape):
        square = (abs(rows - 20 - row) < reach) & (abs(columns - 20 - column) < reach)
        assert edge[row, column] == missing[square].any()


@pytest.mark.parametrize("stride", [0.5, 1.0])
def test_clusters_at_the_edge_have_the_flag(preset, instrument, stride):
    """They are found too far from the edge, of the maps or of a mask; one in the open is not."""
    blobs = np.array([(2.5, 40.0), (56.5, 40.0), (30.2, 40.3)])
    maps = make_maps(instrument, shape=(80, 100), blobs=blobs)
    mask = np.zeros(maps.shape, bool)
    mask[20:60, 60:] = True
    clusters = CNNFinder(preset, stride=stride)(maps, mask=mask)
    truth = SkyCoord(maps.wcs.pixel_to_world(*blobs.T))
    index, distance, _ = truth.match_to_catalog_sky(clusters["sky_centroid"])
    assert sorted(index) == [0, 1, 2]
    assert list(clusters["flags"][index] & FLAGS["edge"]) == [FLAGS["edge"]] * 2 + [0]
    assert distance[0].arcmin > 3 * PIXEL and distance[2].arcmin < stride / 2


@pytest.mark.parametrize("height", [-150.0, -400.0])
@pytest.mark.parametrize("stride, tolerance", [(1.0, 0.25), (2.0, 0.5)])
def test_position_is_better_than_the_stride(make_preset, instrument, height, stride, tolerance):
    """To a quarter of it, with pixels of 0.5 arcmin, on probabilities that saturate."""
    preset = make_preset(instrument, pixel_size=0.5, bands=[-0.5, -0.5, 0], level=20,
                         steepness=0.1, scale=[50, 40, 30])
    wcs = make_wcs()
    wcs.wcs.cdelt *= 2
    places = np.arange(25, 200, 45)
    blobs = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    blobs = blobs + np.random.default_rng(4).uniform(-3, 3, blobs.shape)
    maps = make_maps(instrument, blobs=blobs, wcs=wcs, shape=(220, 220), height=height)
    clusters = CNNFinder(preset, stride=stride)(maps)
    assert len(clusters) == len(blobs)
    truth = SkyCoord(maps.wcs.pixel_to_world(*blobs.T))
    assert truth.match_to_catalog_sky(clusters["sky_centroid"])[1].arcmin.max() < tolerance


def plateaus(preset, *centers, stride=1.0):
    """Score map of probabilities of 0.99 wherever a cluster is in the middle 6 x 6 arcmin."""
    y, x = np.indices((int(40 / stride),) * 2) * stride
    near = [np.maximum(abs(x - x0), abs(y - y0)) < 3 for x0, y0 in centers]
    probability = np.where(np.any(near, axis=0), 0.99, 0.01).astype(np.float32)
    score = cnn._mean_over_square(probability, 4.0 / stride)
    clusters = CNNFinder(preset).detect(
        ScoreMap(score, make_wcs(), layers={"probability": probability}))
    return clusters, np.transpose([clusters["x_centroid"], clusters["y_centroid"]]) * stride


@pytest.mark.parametrize("stride", [0.5, 1.0, 2.0])
def test_plateau(preset, stride):
    clusters, found = plateaus(preset, (17.3, 20.6), stride=stride)
    np.testing.assert_allclose(found, [(17.3, 20.6)], atol=stride / 2)
    assert clusters["probability"][0] == pytest.approx(0.99)
    assert clusters["flags"][0] == 0


def test_two_plateaus(preset):
    """Seven arcmin apart they are two clusters, although they touch; at five they are one."""
    clusters, found = plateaus(preset, (10.3, 20.2), (17.3, 20.2))
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], [(10.3, 20.2), (17.3, 20.2)],
                               atol=0.8)
    assert list(clusters["flags"] & FLAGS["blended"]) == [FLAGS["blended"]] * 2
    clusters, found = plateaus(preset, (10.3, 20.2), (15.3, 20.2))
    np.testing.assert_allclose(found, [(12.8, 20.2)], atol=0.5)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
@pytest.mark.parametrize("parity", [-1, 1])
@pytest.mark.parametrize("cd", [False, True])
def test_wcs_of_the_score_map(preset, instrument, angle, parity, cd):
    shape = (40, 50)
    maps = make_maps(instrument, wcs=make_wcs(angle, parity, cd), shape=shape, blobs=[(20, 20)])
    score_map = CNNFinder(preset, stride=2.0).score_map(maps)
    row, column = np.indices(score_map.data.shape)
    found = score_map.wcs.pixel_to_world(column, row)
    expected = maps.wcs.pixel_to_world(8 * column + 6, 8 * row + 6)
    assert found.separation(expected).arcsec.max() < 1e-3


@pytest.mark.parametrize("projection, cd", [
    ("CAR", False), ("ZEA", True), ("TAN", False), ("TAN-SIP", True), ("TAN-SIP", False),
    ("table", False)])
def test_wcs_of_the_score_map_with_distortion(preset, instrument, projection, cd):
    """The distortions move pixels by up to 5 arcsec, and the middles of the cutouts with them."""
    wcs = make_wcs(0.3, cd=cd, projection="TAN" if projection == "table" else projection)
    if projection == "TAN-SIP":
        a, b = np.zeros((2, 4, 4))
        a[2, 0], a[1, 1], b[0, 2], b[3, 0] = 5e-5, 3e-5, -4e-5, 2e-7
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    if projection == "table":
        table = np.linspace(0, 0.3, 30, dtype=np.float32).reshape(5, 6)
        wcs.cpdis1 = DistortionLookupTable(table, (2, 3), (30, 40), (20, 25))
    maps = make_maps(instrument, wcs=wcs, shape=(100, 90), blobs=[(20, 20)])
    score_map = CNNFinder(preset, stride=2.0).score_map(maps)
    row, column = np.indices(score_map.data.shape)
    expected = wcs.pixel_to_world(8 * column + 6, 8 * row + 6)
    found = score_map.wcs.pixel_to_world(column, row)
    assert found.separation(expected).arcsec.max() < 0.01
    np.testing.assert_allclose(score_map.wcs.world_to_pixel(expected), (column, row), atol=1e-3)
    if projection in ("TAN-SIP", "table"):
        plain = make_wcs(0.3, cd=cd).pixel_to_world(8 * column + 6, 8 * row + 6)
        assert plain.separation(expected).arcsec.max() > 1


def test_platt_scaling(make_preset, instrument, maps, score_map):
    """probability = 1 / (1 + exp(-(a logit + b)))."""
    scaled = make_preset(instrument, pixel_size=PIXEL, bands=[-0.5, -0.5, 0], level=20,
                         steepness=0.1, scale=[50, 40, 30], platt=(0.5, -1.5))
    found = CNNFinder(scaled, stride=1.0).score_map(maps).layers["probability"]
    before = score_map.layers["probability"]
    usual = (before > 1e-3) & (before < 1 - 1e-3)
    p = before[usual].astype(float)
    np.testing.assert_allclose(found[usual], 1 / (1 + np.exp(1.5) * np.sqrt((1 - p) / p)),
                               rtol=1e-3)
    assert usual.sum() > 20


def test_threshold_of_the_preset(preset):
    assert CNNFinder(preset).threshold == 0.5
    assert CNNFinder(preset, threshold=0.8).threshold == 0.8


@pytest.mark.parametrize("stride", [0, -1.0, np.nan, np.inf])
def test_stride_must_be_positive(preset, stride):
    with pytest.raises(ValueError, match="stride must be positive"):
        CNNFinder(preset, stride=stride)


@pytest.mark.parametrize("stride", ["2", None, 2 * u.s, [1, 2] * u.arcmin, 2 * u.one])
def test_stride_must_be_an_angle(preset, stride):
    with pytest.raises(ValueError, match="stride must be a number of arcmin, or an angle"):
        CNNFinder(preset, stride=stride)


@pytest.mark.parametrize("stride", [3.4, 8.0, 5 * u.arcmin])
def test_stride_must_leave_no_gaps(preset, stride):
    with pytest.raises(ValueError, match="at most the side of a cutout, 3.25 arcmin; found"):
        CNNFinder(preset, stride=stride)


@pytest.mark.parametrize("stride, used", [(30 * u.arcsec, 0.5), (0.6, 0.5), (0.1, 0.25),
                                          (np.float32(1), 1.0), (3.25, 3.25)])
def test_stride_in_whole_pixels(preset, instrument, stride, used):
    maps = make_maps(instrument, shape=(30, 30), blobs=[(15, 15)])
    score_map = CNNFinder(preset, stride=stride).score_map(maps)
    assert score_map.meta["stride"] == pytest.approx(used, rel=1e-4)
    scale = score_map.wcs.proj_plane_pixel_scales()[1].to_value("arcmin")
    assert scale == pytest.approx(used, rel=1e-4)


@pytest.mark.parametrize("threshold", [1, 4.5])
def test_threshold_must_be_a_probability(preset, threshold):
    with pytest.raises(ValueError, match=f"between 0 and 1; found {threshold}"):
        CNNFinder(preset, threshold=threshold)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "many"])
def test_batch_size_must_be_a_number(preset, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1; found"):
        CNNFinder(preset, batch_size=batch_size)


def test_parameters_and_preset_from_a_folder(preset, maps, score_map, tmp_path):
    preset.save(tmp_path / "by-hand")
    finder = CNNFinder(tmp_path / "by-hand", stride=1.0)
    assert finder.parameters["preset"] == "by-hand"
    assert len(finder.parameters["weights_sha256"]) == 64
    np.testing.assert_allclose(finder.score_map(maps).data, score_map.data, atol=5e-3)  # float16
    with pytest.raises(ValueError, match="unknown preset 'none'"):
        CNNFinder("none")


@pytest.mark.parametrize("batch_size", [1, 7, 5000])
def test_batch_size_changes_nothing(preset, instrument, batch_size):
    maps = make_maps(instrument, shape=(40, 40), blobs=[(20, 20)])
    one, other = (CNNFinder(preset, stride=1.0, batch_size=n).score_map(maps).data
                  for n in (256, batch_size))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_blocks_change_nothing(preset, maps, score_map, monkeypatch):
    monkeypatch.setattr("szfinder.finders.cnn.BLOCK", 100)
    again = CNNFinder(preset, stride=1.0).score_map(maps)
    np.testing.assert_allclose(again.data, score_map.data, atol=1e-6)


def test_mask(preset, maps, score_map):
    """A cutout is lost where more than a twentieth of it, here 8 pixels, are bad."""
    mask = np.zeros(SHAPE, bool)
    mask[60:90, 20:60] = True
    given, before = mask.copy(), maps.data.copy()
    masked = CNNFinder(preset, stride=1.0).score_map(maps, mask=mask)
    np.testing.assert_array_equal(mask, given)
    np.testing.assert_array_equal(maps.data, before)
    n_bad = np.array([[mask[y : y + SIZE, x : x + SIZE].sum() for x in range(0, 120, 4)]
                      for y in range(0, 138, 4)])
    np.testing.assert_array_equal(np.isnan(masked.data), n_bad > 8)
    found, usual = (part.layers["probability"][n_bad == 0] for part in (masked, score_map))
    np.testing.assert_allclose(found, usual, atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 500.0])
def test_small_holes(make_preset, instrument, maps, offset):
    """They look like what is around them, whatever the level of the maps there, as of the CMB."""
    preset = make_preset(instrument, pixel_size=PIXEL, bands=[-0.5, -0.5, 1], level=20,
                         steepness=0.1)
    images = maps.data.copy()
    images[:, 70:] += offset
    holes = images.copy()
    holes[1, 125:127, 20:22] = holes[0, 20, 70] = np.nan
    plain, filled = (
        CNNFinder(preset, stride=1.0).score_map(
            MapStack(data, wcs=maps.wcs, instrument=instrument)) for data in (images, holes)
    )
    assert np.isfinite(filled.data).all()
    np.testing.assert_allclose(filled.data, plain.data, atol=0.02)


def test_bad_region_of_one_band(preset, instrument, maps):
    images = maps.data.copy()
    images[2, 90:] = np.nan
    score = CNNFinder(preset, stride=1.0).score_map(
        MapStack(images, wcs=maps.wcs, instrument=instrument)).data
    lost = np.isnan(score)
    assert not lost[:20].any() and lost[21:].all()
    clusters = CNNFinder(preset, stride=1.0)(MapStack(images, wcs=maps.wcs, instrument=instrument))
    assert len(clusters) == 2


def test_nothing_left(preset, maps):
    with pytest.raises(MapError, match="nothing of the maps is left to search.*mask"):
        CNNFinder(preset)(maps, mask=np.ones(SHAPE, bool))
    with pytest.raises(MapError, match=r"mask does not fit.*\(9, 9\).*\(150, 132\)"):
        CNNFinder(preset)(maps, mask=np.zeros((9, 9), bool))


def test_maps_that_do_not_fit(preset, instrument, maps):
    with pytest.raises(MapError, match="smaller than a cutout.*12 x 40 pixels.*13"):
        CNNFinder(preset)(make_maps(instrument, shape=(12, 40), blobs=[]))
    with pytest.raises(MapError, match="by-hand.*band '220'.*is not among"):
        CNNFinder(preset)(maps.select(["95", "150"]))
    wide = make_wcs()
    wide.wcs.cdelt *= 2
    with pytest.raises(MapError, match="by-hand.*pixels are 0.5 x 0.5 arcmin instead of 0.25"):
        CNNFinder(preset)(make_maps(instrument, wcs=wide))


def test_bands_in_another_order(preset, instrument, maps, score_map):
    turned = MapStack(maps.data[::-1], wcs=maps.wcs,
                      instrument=Instrument("camera", instrument.bands[::-1]))
    np.testing.assert_array_equal(CNNFinder(preset, stride=1.0).score_map(turned).data,
                                  score_map.data)


def test_nothing_found(preset, instrument):
    maps = make_maps(instrument, blobs=[])
    with pytest.warns(NoDetectionsWarning, match="threshold of 0.5; the highest score is"):
        empty = CNNFinder(preset)(maps)
    assert len(empty) == 0
    assert set(empty.colnames) == {"id", "name", "sky_centroid", "x_centroid", "y_centroid",
                                   "score", "probability", "n_pixels", "flags"}
    assert empty.colnames == [name for name in COLUMNS if name in empty.colnames]


def test_score_is_a_probability(preset):
    """Between a plateau and a fall, the parabola through three pixels would pass one."""
    score = np.full((9, 9), 0.01)
    score[4, 4:6] = 1.0, 0.97
    score_map = ScoreMap(score, make_wcs(), layers={"probability": score})
    (cluster,) = CNNFinder(preset).detect(score_map)
    assert cluster["score"] == 1 and cluster["probability"] == 1


def test_threads(preset, maps, score_map):
    with ThreadPoolExecutor(2) as pool:
        for again in pool.map(CNNFinder(preset, stride=1.0).score_map, [maps] * 3):
            np.testing.assert_allclose(again.data, score_map.data, atol=1e-6)


def test_network_is_built_once_and_does_not_travel(preset, maps, score_map):
    network = preset.network
    finder = CNNFinder(preset, stride=1.0)
    again = finder.score_map(maps)
    assert preset.network is network
    sent = pickle.loads(pickle.dumps(finder))
    assert sent.preset.network is not network
    for other in (again, sent.score_map(maps)):
        np.testing.assert_allclose(other.data, score_map.data, atol=1e-6)


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    return CNNFinder("deepsz-spt3g", stride=8.0)


@pytest.fixture(scope="module")
def deepsz():
    """A sky like those of the training."""
    return SkySimulator.from_preset("deepsz", size=1, rng=1012).patch().maps


def test_maps_like_those_of_the_training(trained, deepsz, recwarn):
    """Nothing is said of them, nor of holes, which are filled."""
    trained.score_map(deepsz)
    trained.score_map(deepsz, mask=np.random.default_rng(1).random(deepsz.shape) < 0.02)
    assert not [warning for warning in recwarn if warning.category is UnlikeTrainingWarning]


def test_noisier_maps(trained, deepsz):
    images = deepsz.data.copy()
    images[1] += 60 * np.random.default_rng(1).standard_normal(deepsz.shape)
    noisy = MapStack(images, wcs=deepsz.wcs, instrument=deepsz.instrument)
    with pytest.warns(UnlikeTrainingWarning, match="uK instead of 30.6 uK in band '148'") as caught:
        trained.score_map(noisy)
    (warning,) = caught
    assert "'90'" not in str(warning.message) and "'219'" not in str(warning.message)
    found = float(str(warning.message).split("scatter by ")[1].split()[0])
    assert found == pytest.approx(np.hypot(60, 30.6), rel=0.05)
    assert warning.filename == __file__


def test_maps_in_kelvin(trained, deepsz):
    kelvin = MapStack(1e-6 * deepsz.data, wcs=deepsz.wcs, instrument=deepsz.instrument)
    with pytest.warns(UnlikeTrainingWarning, match="deepsz-spt3g.*'90', .*'148', .*'219'.*unit"):
        trained.score_map(kelvin)


def test_finders_need_no_keras():
    code = ("import sys, szfinder.finders, szfinder.finders.cnn;"
            "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["unet-spt3g", "mass-spt3g"])
def test_weights_of_another_network(name):
    with pytest.raises(ValueError, match=f"'{name}' is of .*; CNNFinder needs a 'resnet'"):
        CNNFinder(name)
