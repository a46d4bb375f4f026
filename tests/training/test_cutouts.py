"""SkyCutouts and CutoutSet: the right pixels with the right labels."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from astropy.coordinates import SkyCoord
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from szfinder.evaluation import CutoutGrid, select_halos
from szfinder.maps import MapError, MapStack
from szfinder.simulation import SkySimulator
from szfinder.simulation.presets import PRESETS
from szfinder.training import CutoutSet, SkyCutouts

N_TURNS = 8


@pytest.fixture(scope="module")
def sky():
    return SkySimulator.from_preset("deepsz", size=1, rng=1001).patch()


@pytest.fixture(scope="module")
def cutouts(sky):
    return SkyCutouts.from_sky(sky, min_mass=6e13)


def kinds_one_by_one(clusters, good, size=8, core=6, stride=6):
    """Kind of every place of a map with pixels of an arcmin, from the definitions."""
    kinds = np.empty((good.shape[0] - size + 1, good.shape[1] - size + 1), int)
    for y, x in np.ndindex(kinds.shape):
        middle = np.array([x, y]) + (size - 1) / 2
        nearest = min((np.abs(cluster - middle).max() for cluster in clusters.T), default=np.inf)
        kinds[y, x] = 3 if nearest <= core / 2 else 2 if nearest <= core / 2 + stride else 1
        if not good[y : y + size, x : x + size].all():
            kinds[y, x] = 0
    return kinds


def spoiled_sky(seed, n_clusters=2, shape=(48, 53)):
    """Cutouts of a map with NaN in one band, and other bad pixels; and the good pixels."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((*shape, 2)).astype(np.float32)
    maps[30, 40, 1] = np.nan
    usable = np.ones(shape, bool)
    usable[5:9, 45:] = False
    clusters = rng.uniform(-9, 60, (2, n_clusters))
    corners = np.mgrid[: shape[1] - 7 : 6, : shape[0] - 7 : 6].reshape(2, -1)
    good = usable & ~np.isnan(maps).any(axis=-1)
    return SkyCutouts(maps, clusters, corners, 1.0, usable=usable), good


def turned(image):
    """The eight copies of an image by quarter turns and mirrors."""
    return [np.rot90(copy, turn) for copy in (image, image[::-1]) for turn in range(4)]


@pytest.mark.parametrize("limits", [{}, {"min_mass": 6e13}, {"min_redshift": 1, "min_mass": 4e13}])
def test_labels_are_those_of_the_grid(sky, limits):
    cutouts = SkyCutouts.from_sky(sky, **limits)
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    labels = cutouts.labels(cutouts.corners)
    np.testing.assert_array_equal(labels, grid.labels(sky.truth, **limits))
    assert 0 < labels.sum() < labels.size


def test_images_are_the_pixels_of_the_grid(sky, cutouts):
    images = cutouts.images(cutouts.corners)
    assert images.shape == (81, 32, 32, 3) and images.dtype == np.float32
    for image, place in zip(images, CutoutGrid(sky.maps.wcs, sky.maps.shape).slices, strict=True):
        np.testing.assert_array_equal(np.moveaxis(image, -1, 0), sky.maps.data[:, *place])


def test_labels_follow_the_definition(cutouts):
    """A cluster within 3 arcmin of the middle along each axis, one cutout after the other."""
    rng = np.random.default_rng(4)
    corners = rng.integers(0, 240 - 31, size=(2, 200))
    expected = [
        any(max(abs(x - x0 - 15.5), abs(y - y0 - 15.5)) <= 12 for x, y in cutouts.clusters.T)
        for x0, y0 in corners.T
    ]
    np.testing.assert_array_equal(cutouts.labels(corners), expected)
    assert 20 < sum(expected) < 180


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_clusters", [0, 1, 4])
def test_kinds_follow_the_definitions(seed, n_clusters):
    sky, good = spoiled_sky(seed, n_clusters)
    expected = kinds_one_by_one(sky.clusters, good)
    np.testing.assert_array_equal(sky.places.kinds, expected)
    y, x = np.indices(expected.shape)
    corners = np.array([x.ravel(), y.ravel()])
    np.testing.assert_array_equal(sky.labels(corners), (expected == 3).ravel())
    on_grid = expected[::6, ::6].T.ravel()
    np.testing.assert_array_equal(sky.labels(sky.corners), on_grid[on_grid > 0] == 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-20, 60)] * 2), max_size=3), st.integers(7, 12))
def test_kinds_are_mirrored_with_the_sky(places, size):
    """Along x, and with x and y exchanged."""
    x, y = np.array(places).reshape(-1, 2).T
    ny, nx = 40, 45
    corners, pixel = np.zeros((2, 1), int), 8 / size

    def kinds(shape, *clusters):
        maps = np.zeros((*shape, 1), np.float32)
        return SkyCutouts(maps, np.array(clusters), corners, pixel).places.kinds

    expected = kinds((ny, nx), x, y)
    np.testing.assert_array_equal(kinds((nx, ny), y, x), expected.T)
    mirrored = nx - 1 - x
    exact = nx - 1 - mirrored == x  # rounding may move a cluster over the border of a pixel
    if exact.all():
        np.testing.assert_array_equal(kinds((ny, nx), mirrored, y), expected[:, ::-1])


def test_random_places_are_uniform():
    """All negatives, and none beside a positive; all positives; chi-square of their counts.

    Two clusters are so near each other that cutouts have both in the middle.
    """
    spoiled, good = spoiled_sky(1)
    clusters = np.array([[12.3, 15.1, 44.0], [14.2, 16.0, 26.0]])
    sky = SkyCutouts(spoiled.maps, clusters, spoiled.corners, 1.0, usable=good)
    kinds = kinds_one_by_one(clusters, good)
    for draw, kind in ((sky.random_negatives, 1), (sky.random_positives, 3)):
        n = np.count_nonzero(kinds == kind)
        assert n > 40
        x, y = corners = draw(np.random.default_rng(5), 40 * n)
        assert corners.dtype.kind == "i"
        counts = np.zeros(kinds.shape)
        np.add.at(counts, (y, x), 1)
        assert (counts[kinds != kind] == 0).all()
        chi_square = ((counts[kinds == kind] - 40) ** 2 / 40).sum()
        assert abs(chi_square - n) < 5 * np.sqrt(2 * n)


def test_adjacent_negatives_if_asked_for(blobs):
    """As many as their share of all negative places, and not in one piece."""
    sky = blobs(1)
    corners = sky.random_negatives(np.random.default_rng(2), 4000, adjacent=True)
    kinds = sky.places.at(corners)
    assert set(np.unique(kinds)) == {1, 2}
    adjacent, negative = (np.count_nonzero(sky.places.kinds == kind) for kind in (2, 1))
    share = adjacent / (adjacent + negative)
    assert abs((kinds == 2).mean() - share) < 4 * np.sqrt(share * (1 - share) / 4000)
    assert abs((kinds[:2000] == 2).mean() - share) < 0.1


def test_bad_pixels_are_never_seen(preprocessing):
    skies = [spoiled_sky(seed)[0] for seed in range(5)]
    cutouts = CutoutSet(skies, preprocessing)
    for number in range(20):
        images, _ = cutouts.batch(np.random.default_rng(number), 300, ratio=2)
        assert np.isfinite(images).all()
    assert np.isfinite(cutouts.on_grid()[0]).all()


def test_adjacent_cutouts_are_kept_on_the_grid(blobs, preprocessing):
    sky = blobs(1)
    kinds = sky.places.at(sky.corners)
    images, labels = CutoutSet([sky], preprocessing).on_grid()
    assert len(images) == 210 and 30 < np.count_nonzero(kinds == 2) < 180
    np.testing.assert_array_equal(labels, kinds == 3)


def test_no_negative_is_left(preprocessing):
    """Of a map as small as the surroundings of a cluster."""
    corners = np.zeros((2, 1), int)
    sky = SkyCutouts(np.zeros((20, 20, 1), np.float32), np.full((2, 1), 9.5), corners, 1.0)
    assert sky.random_negatives(np.random.default_rng(1), 0).shape == (2, 0)
    with pytest.raises(ValueError, match="no negative cutout.*0 negative, 120 adjacent, 49 posit"):
        CutoutSet([sky], preprocessing).batch(np.random.default_rng(1), 20, ratio=1)


def test_cluster_of_a_positive_is_anywhere_in_the_middle():
    """Uniformly over the square, for a cluster far from the edges of the sky."""
    cutouts = SkyCutouts(np.zeros((80, 90, 1), np.float32), np.array([[40.3], [50.7]]),
                         np.zeros((2, 1), int), 0.5)
    corners = cutouts.random_positives(np.random.default_rng(6), 20000)
    for corner, cluster in zip(corners, (40.3, 50.7)):
        offset = cluster - (corner + 7.5)
        assert (np.abs(offset) <= 6).all()
        counts = np.unique(offset, return_counts=True)[1]
        assert counts.size == 12
        np.testing.assert_allclose(counts, 20000 / 12, rtol=0.12)


def test_clusters_that_no_cutout_has_in_its_middle():
    """Less than 1 arcmin from the edge of the sky, or beyond it."""
    unreached = np.array([[0.2, 30.0, 87.3, -3.0], [30.0, 0.3, 30.0, 40.0]])
    cutouts = SkyCutouts(np.zeros((96, 88, 1), np.float32), unreached, np.zeros((2, 1), int), 1.0)
    assert not cutouts.has_positives
    assert cutouts.random_positives(np.random.default_rng(1), 0).shape == (2, 0)
    assert not cutouts.labels(np.indices((81, 89)).reshape(2, -1)).any()


@pytest.mark.parametrize("ratio", [1, 4, 19])
def test_ratio_of_the_classes(training, ratio):
    rng = np.random.default_rng(7)
    labels = np.concatenate([training.batch(rng, 500, ratio=ratio)[1] for _ in range(8)])
    p = 1 / (1 + ratio)
    assert abs(labels.sum() - 4000 * p) < 4 * np.sqrt(4000 * p * (1 - p))


def test_sky_without_clusters(blobs, training):
    nothing = CutoutSet([blobs(1, n_blobs=0)], training.preprocessing)
    with pytest.raises(ValueError, match="any of the 1 skies; take more skies, or a lower limit"):
        nothing.batch(np.random.default_rng(0), 40, ratio=1)
    assert nothing.on_grid()[1].sum() == 0
    both = CutoutSet([nothing.skies[0], *training.skies], training.preprocessing)
    _, labels = both.batch(np.random.default_rng(0), 400, ratio=1)
    assert 90 < labels.sum() < 210


def test_every_batch_is_drawn_from_the_same_cutouts(training):
    assert training.at(0) is training and training.at(12345) is training


def test_batches_repeat(training):
    batches = [training.batch(np.random.default_rng(seed), 64, ratio=2) for seed in (3, 3, 4)]
    assert batches[0][0].tobytes() == batches[1][0].tobytes()
    np.testing.assert_array_equal(batches[0][1], batches[1][1])
    assert not np.array_equal(batches[0][0], batches[2][0])


def test_images_of_a_batch_are_turned_pieces_of_a_sky(blobs, preprocessing):
    """Each is one of the eight copies of a cutout, whose label it has; all copies occur."""
    sky = blobs(8)
    sky.maps += 100 * np.arange(96 * 88).reshape(96, 88, 1)  # no two cutouts are alike
    images, labels = CutoutSet([sky], preprocessing).batch(np.random.default_rng(9), 300, ratio=1)
    assert images.dtype == np.float32 and labels.dtype.kind == "i"
    counts = np.zeros(N_TURNS, int)
    for image, label in zip(images, labels):
        y, x = np.unravel_index(int(np.rint(image[..., 0].min() * 2 / 100)), (96, 88))
        copies = turned(sky.maps[y : y + 8, x : x + 8] / np.float32([2, 4]))
        same = [np.array_equal(copy, image) for copy in copies]
        assert sum(same) == 1
        counts += same
        assert label == sky.labels(np.array([[x], [y]]))[0]
    assert counts.min() > 15 and counts.max() < 65


def test_on_grid(validation):
    images, labels = validation.on_grid()
    assert images.shape == (2 * 210, 8, 8, 2) and labels.shape == (420,)
    assert images.dtype == np.float32
    second = validation.skies[1]
    np.testing.assert_array_equal(images[210:], second.images(second.corners) / [2, 4])
    np.testing.assert_array_equal(labels[210:], second.labels(second.corners))


@pytest.fixture(scope="module")
def clusters(sky):
    """The heaviest halos as a catalogue of another code: ra and dec alone."""
    chosen = sky.truth[select_halos(sky.truth, min_mass=6e13)]
    positions = chosen["sky_centroid"]
    return QTable({"RA": positions.ra.deg, "Dec": positions.dec.deg, "x": chosen["x_centroid"],
                   "y": chosen["y_centroid"]})  # fmt: skip


def test_own_maps(sky, cutouts, clusters):
    """The same as of the sky, whose truth has pixels; clusters elsewhere do nothing."""
    np.testing.assert_allclose(cutouts.clusters, [clusters["x"], clusters["y"]], atol=1e-6)
    centre = sky.maps.wcs.pixel_to_world(119.5, 119.5)
    elsewhere = [centre.directional_offset_by(0 * u.deg, r * u.deg) for r in (20, 80, 100, 180)]
    more = QTable({"sky_centroid": SkyCoord([*SkyCoord(clusters["RA"], clusters["Dec"], unit="deg"),
                                             *elsewhere])})  # fmt: skip
    for catalogue in (clusters, more):
        own = SkyCutouts.from_maps(sky.maps, catalogue)
        np.testing.assert_array_equal(own.places.kinds, cutouts.places.kinds)
        np.testing.assert_array_equal(own.corners, cutouts.corners)
        np.testing.assert_array_equal(own.maps, np.moveaxis(sky.maps.data, 0, -1))


def test_own_maps_with_bad_pixels(sky, cutouts, clusters):
    data, mask = sky.maps.data.copy(), np.zeros((240, 240), bool)
    data[1, 100, 50] = np.nan
    mask[200:, 30:50] = True
    maps = MapStack(data, wcs=sky.maps.wcs, instrument=sky.maps.instrument)
    own = SkyCutouts.from_maps(maps, clusters, mask=mask)
    bad = np.zeros((209, 209), bool)
    bad[69:101, 19:51] = True  # 32 pixels back from a bad one, to the pixel itself
    bad[169:, :50] = True
    np.testing.assert_array_equal(own.places.kinds, np.where(bad, 0, cutouts.places.kinds))
    x, y = cutouts.corners
    np.testing.assert_array_equal(own.corners, cutouts.corners[:, ~bad[y, x]])


def test_own_maps_without_clusters(sky, clusters):
    own = SkyCutouts.from_maps(sky.maps, clusters[:0])
    assert not own.has_positives and (own.places.kinds == 1).all()


def test_own_maps_that_cannot_be_used(sky, clusters):
    with pytest.raises(ValueError, match="no positions; found the columns x, y"):
        SkyCutouts.from_maps(sky.maps, clusters["x", "y"])
    with pytest.raises(MapError, match="the mask does not fit"):
        SkyCutouts.from_maps(sky.maps, clusters, mask=np.zeros((3, 3), bool))
    with pytest.raises(MapError, match="nothing of the maps is left; found 0 of 57600"):
        SkyCutouts.from_maps(sky.maps, clusters, mask=np.ones((240, 240), bool))


def test_positions_that_are_missing(sky, clusters):
    """Those of no place on the sky; those behind the projection are elsewhere."""
    spoiled = clusters["RA", "Dec"]
    spoiled["Dec"][1] = np.nan
    message = f"1 of {len(clusters)} rows without a position .from 0: 1.; remove"
    with pytest.raises(ValueError, match=message):
        SkyCutouts.from_maps(sky.maps, spoiled)
    whole = QTable({"sky_centroid": SkyCoord(spoiled["RA"], spoiled["Dec"], unit="deg")})
    with pytest.raises(ValueError, match=message):
        SkyCutouts.from_maps(sky.maps, whole)


def test_number_of_clusters_on_the_map():
    """The border is half a pixel from the middle of the outer ones."""
    places = np.array([[-0.4, -0.6, 29.4, 29.6, 5, 5], [5, 5, 5, 5, 19.4, 19.6]])
    sky = SkyCutouts(np.zeros((20, 30, 1), np.float32), places, np.zeros((2, 1), int), 1.0)
    assert sky.n_clusters == 3


def test_hash_is_that_of_what_is_drawn(blobs):
    """The same for the same sky, another with a pixel, a cluster or a bad pixel changed."""

    def sha256(maps=0.0, clusters=0.0, usable=True):
        sky, good = blobs(1), np.ones((96, 88), bool)
        sky.maps[3, 4, 1] += maps
        good[50, 50] = usable
        return SkyCutouts(sky.maps, sky.clusters + clusters, sky.corners, 1.0, usable=good).sha256

    assert sha256() == sha256()
    others = [sha256(maps=1e-3), sha256(clusters=5.0), sha256(usable=False)]
    assert len({sha256(), *others}) == 4


def test_kept_sky_that_is_damaged(monkeypatch, tmp_path):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    first = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path)
    path = tmp_path / "deepsz_1001.npz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", whole[:2000] + bytes(200) + whole[2200:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="deepsz_1001.npz is damaged .*: delete it, and the"):
            SkyCutouts.simulated("deepsz", 1001, folder=tmp_path)
    path.unlink()
    again = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path)
    np.testing.assert_array_equal(again.maps, first.maps)


def test_no_room_for_a_sky(monkeypatch, tmp_path, full_disk):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    folder = tmp_path / "skies"
    with full_disk(9000), pytest.raises(OSError, match="cannot write .*deepsz_1001.npz: File too "
                                        "large: make room in .*skies, and give the same command"):
        SkyCutouts.simulated("deepsz", 1001, folder=folder)  # fmt: skip
    assert not list(folder.iterdir())
    assert SkyCutouts.simulated("deepsz", 1001, folder=folder).maps.shape == (120, 120, 3)


def test_simulated_skies_are_kept(monkeypatch, tmp_path):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    first = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path / "skies")
    other = SkyCutouts.simulated("deepsz", 1002, folder=tmp_path / "skies")
    monkeypatch.setitem(PRESETS, "deepsz", None)  # nothing can be simulated any more
    second = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path / "skies")
    for name in ("maps", "clusters", "corners", "pixel", "size", "half_core"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.maps.shape == (120, 120, 3) and first.size == 32
    assert not np.array_equal(first.maps, other.maps)
    assert len(list((tmp_path / "skies").iterdir())) == 2


def test_simulated_sky_is_that_of_the_simulator(monkeypatch, tmp_path):
    small = replace(PRESETS["deepsz"](), size=0.5 * u.deg)
    monkeypatch.setitem(PRESETS, "deepsz", lambda: small)
    kept = SkyCutouts.simulated("deepsz", 1001, folder=tmp_path)
    sky = SkySimulator.from_preset("deepsz", rng=1001).patch()
    np.testing.assert_array_equal(np.moveaxis(kept.maps, -1, 0), sky.maps.data)
