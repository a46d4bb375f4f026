"""EnsembleFinder: finders that differ in method, place and grid answer together."""

from itertools import permutations

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.special import expit
from scipy.stats import combine_pvalues

from szfinder.evaluation import rank_percentile
from szfinder.filters import beta_templates
from szfinder.finders import (
    FLAGS,
    CNNFinder,
    EnsembleCalibration,
    EnsembleFinder,
    EvidenceModel,
    MatchedFilterFinder,
    ScoreMap,
    SZFinder,
    TailRank,
    UNetSegmentFinder,
    rank_and,
    rank_product,
)
from szfinder.finders.base import as_map_stack
from szfinder.finders.combining import mean_rank
from szfinder.maps import HealpixMap, HealpixStack, MapError, MapStack

BANDS = [-0.4, -0.6, 1.0]  # the CMB cancels
X, Y = np.array([[40.2, 39.7], [121.0, 50.3], [45.4, 130.1], [128.3, 139.8], [144.2, 140.1]]).T
#: Half of the smallest beam, in pixels: as far as members are asked for a peak.
NEAR = 2
MASS = [6e14, 5e14, 7e14, 6e14, 6e14]
REDSHIFT = [0.5, 0.6, 0.7, 0.5, 0.5]


class SmoothFinder(SZFinder):
    """S/N in a smoothed sum of the bands.

    Its pixels are larger than those of the maps by the factor ``step``, and all it sees is moved by
    a shift (y, x) in pixels of the maps.
    """

    kind = "smooth"
    prominence = 1.5

    def __init__(self, *, threshold=5.0, step=1, shift=(0, 0), width=2.0, noise=14.0, flag=0):
        super().__init__(threshold=threshold)
        self.step, self.shift, self.width, self.noise = step, shift, width, noise
        self.flag = flag

    def margin(self, maps):
        return 60 * maps.pixel_scale[0]

    def score_step(self, maps):
        return self.step

    def score_map(self, maps, *, mask=None):
        maps = as_map_stack(maps)
        image = np.tensordot(BANDS, maps.data, 1)
        bad = np.isnan(image) | (False if mask is None else mask)
        image[bad] = 0
        image = (ndimage.gaussian_filter(image, self.width)
                 - ndimage.gaussian_filter(image, 3 * self.width))
        image[bad] = np.nan
        image = ndimage.shift(image, self.shift, order=0, mode="nearest") / self.noise
        ny, nx = (n // self.step for n in image.shape)
        blocks = image[: ny * self.step, : nx * self.step].reshape(ny, self.step, nx, self.step)
        snr = blocks.mean(axis=(1, 3)).astype(np.float32)
        wcs = maps.wcs.deepcopy()
        wcs.wcs.crpix = (wcs.wcs.crpix - 0.5) / self.step + 0.5
        wcs.wcs.cdelt = wcs.wcs.cdelt * self.step
        layers = {"probability": expit(snr - 5), "snr": snr}
        if self.flag:
            layers["flags"] = np.full(snr.shape, self.flag)
        return ScoreMap(snr, wcs, layers=layers, meta={"finder": "SmoothFinder"})


def matched_filter(**options):
    return MatchedFilterFinder(covariance="model", sources=None,
                               templates=beta_templates([0.5, 1.0]), **options)


@pytest.fixture(scope="module")
def fine_sky(mock_sky):
    """Pixels of 0.25 arcmin; the last two of five clusters are four arcmin apart."""

    class FineSky(mock_sky):
        pixel = 0.25

    return FineSky(3, shape=(180, 190)).add_clusters(X, Y, MASS, REDSHIFT)


@pytest.fixture(scope="module")
def empty_sky(mock_sky, fine_sky):
    """The same sort of sky without clusters."""
    return type(fine_sky)(4, shape=(180, 190))


def three(shift=(0, 0), **options):
    """Three finders of two grids; the second is off by a shift."""
    return {
        "fine": SmoothFinder(width=1.6, noise=17, threshold=4),
        "coarse": SmoothFinder(step=2, shift=shift, **options),
        "wide": SmoothFinder(width=3, noise=9),
    }


def two(shift=(0, 0), **options):
    return {name: three(shift, **options)[name] for name in ("fine", "coarse")}


@pytest.fixture(scope="module")
def calibrate(empty_sky):
    """A calibration by hand, with the ranks of scores in a sky without clusters."""

    def make(members, *, thresholds=(3.0, 1.0, 0.5)):
        references = {name: TailRank.of(member.score_map(empty_sky.maps).data)
                      for name, member in members.items()}
        n = len(members)
        linear = [-3.0 * n, *[1.0] * n]
        weights = np.append(linear, np.zeros({1: 4, 2: 10, 3: 20}[n] - n - 1))
        model = EvidenceModel([f"rank_{name}" for name in members], [0.0] * n, [1.0] * n,
                              [0.0] * n, [20.0] * n, weights)
        return EnsembleCalibration(references, dict.fromkeys(members, 3.0),
                                   dict(zip(("product", "and", "calibrated"), thresholds)), model)

    return make


def rows_at_clusters(clusters, *, within=6.0):
    """The row of each cluster: there is one, and no other, in the given number of pixels."""
    distance = np.hypot(clusters["x_centroid"][:, None] - X, clusters["y_centroid"][:, None] - Y)
    np.testing.assert_array_equal((distance < within).sum(axis=0), np.ones(X.size))
    return distance.argmin(axis=0)


def ranks_of(scores):
    """-log10 of the part of all scores that are higher, of all but the highest."""
    with np.errstate(divide="ignore"):
        return -np.log10(1 - rank_percentile(scores))


# The scores of an ensemble


@pytest.mark.parametrize("n_finder", [2, 3])
def test_product_orders_as_the_product_of_rank_percentiles(n_finder):
    scores = np.random.default_rng(n_finder).normal(size=(n_finder, 5000))
    ranks = np.array([ranks_of(score) for score in scores])
    product = np.prod([rank_percentile(score) for score in scores], axis=0)
    found = rank_product(ranks)
    # products of whole numbers over n: those that differ do so by more than rounding
    whole = np.rint(product * 5000.0**n_finder)
    order = np.argsort(found, kind="stable")
    assert (np.diff(whole[order]) >= 0).all()
    np.testing.assert_allclose(10**-found, 1 - product, rtol=1e-9)


def test_product_tells_the_highest_apart():
    """Of parts so small that 1 less them is 1, the sum counts."""
    np.testing.assert_allclose(rank_product([[20.0, 30.0], [20.0, 25.0]]),
                               [20 - np.log10(2), 25 - np.log10(1 + 1e-5)])
    np.testing.assert_array_equal(rank_product([[0.0, 3.0, np.nan], [2.0, 0.0, 1.0]]),
                                  [0, 0, np.nan])


some_ranks = st.lists(st.lists(st.floats(0, 30), min_size=3, max_size=3), min_size=2, max_size=6)


@given(some_ranks)
def test_order_of_members_does_not_matter(rows):
    ranks, thresholds = np.transpose(rows), np.array([1.0, 2.5, 0.7])
    for order in map(list, permutations(range(3))):
        np.testing.assert_allclose(rank_product(ranks[order]), rank_product(ranks), rtol=1e-9,
                                   atol=1e-12)
        np.testing.assert_array_equal(rank_and(ranks[order], thresholds[order]),
                                      rank_and(ranks, thresholds))


@given(some_ranks, st.lists(st.floats(0.5, 5), min_size=3, max_size=3))
def test_and_is_the_logical_and(rows, thresholds):
    ranks = np.transpose(rows)
    every = np.logical_and.reduce([rank >= t for rank, t in zip(ranks, thresholds)])
    np.testing.assert_array_equal(rank_and(ranks, thresholds) >= 1, every)
    assert (rank_product(ranks) <= ranks.min(axis=0) * (1 + 1e-12) + 1e-12).all()


def test_mean_rank_orders_as_fisher_does():
    """Of the parts that are higher, taken for chances of independent tests."""
    ranks = np.random.default_rng(7).exponential(size=(3, 200))
    p_values = [combine_pvalues(10**-column, method="fisher")[1] for column in ranks.T]
    np.testing.assert_array_equal(np.argsort(mean_rank(ranks)), np.argsort(p_values)[::-1])
    np.testing.assert_allclose(mean_rank([[1.0, 4.0], [3.0, np.nan]]), [2.0, np.nan])


def test_scores_of_maps():
    ranks = np.random.default_rng(1).exponential(size=(2, 4, 5))
    np.testing.assert_allclose(rank_product(ranks).ravel(), rank_product(ranks.reshape(2, -1)))
    np.testing.assert_array_equal(rank_and(ranks, [1, 2]),
                                  np.minimum(ranks[0], ranks[1] / 2))


# Clusters


METHODS = [("product", False), ("and", False), ("product", True), ("and", True),
           ("calibrated", True)]
SHIFTS = [(0, 1), (-2, 2)]
#: Thresholds where clusters take much of the top of all ranks.
LOW = {"product": 1.4, "and": 0.8, "calibrated": 0.5}


@pytest.mark.parametrize("make", [two, three])
@pytest.mark.parametrize(("method", "calibrated"), METHODS)
def test_a_cluster_is_one_row(make, method, calibrated, fine_sky, calibrate):
    """Wherever the members put it, on whatever grid; and the two that are close stay two."""
    for shift in SHIFTS:
        members = make(shift)
        low = LOW[method] + 0.1 * (make is three and method == "product")
        finder = EnsembleFinder(members, method=method, threshold=None if calibrated else low,
                                calibration=calibrate(members) if calibrated else None)
        clusters = finder(fine_sky.maps)
        rows = rows_at_clusters(clusters, within=7.0)
        assert len(set(rows)) == X.size
        # a pixel or two, and what the members are off
        distance = np.hypot(clusters["x_centroid"][rows] - X, clusters["y_centroid"][rows] - Y)
        assert (distance < 2.6 + np.hypot(*shift)).all()
        # and what is not a cluster is fainter than those
        others = np.delete(np.arange(len(clusters)), rows)
        assert (clusters["score"][others] <= clusters["score"][rows].min()).all()


@pytest.mark.parametrize(("method", "calibrated"), METHODS)
def test_order_in_which_members_are_given(method, calibrated, fine_sky, calibrate):
    members = three((0, 2))
    calibration = calibrate(members) if calibrated else None
    one, other = (
        EnsembleFinder(dict(order), method=method, calibration=calibration).score_map(fine_sky.maps)
        for order in (members.items(), reversed(members.items()))
    )
    np.testing.assert_allclose(one.data, other.data, rtol=1e-5, atol=1e-9)
    assert one.layers.keys() == other.layers.keys()
    for name in ("score_coarse", "rank_wide", "found_fine", "probability_fine"):
        np.testing.assert_array_equal(one.layers[name], other.layers[name])


def nearest(clusters, x, y):
    return np.hypot(clusters["x_centroid"] - x, clusters["y_centroid"] - y).argmin()


def pixels_of(clusters, score):
    """The pixel (y, x) of each row that has its score, the nearest to the centroid."""
    y, x = np.indices(score.shape)
    found = []
    for row in clusters:
        distance = np.hypot(y - row["y_centroid"], x - row["x_centroid"])
        distance[score != row["score"]] = np.inf
        found.append(np.unravel_index(distance.argmin(), score.shape))
    return found


def highest_in(square, rank):
    """The highest pixel (y, x) of a square (y, x, reach)."""
    y, x, reach = square
    box = np.s_[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    j, i = np.unravel_index(np.nanargmax(rank[box]), rank[box].shape)
    return box[0].start + j, box[1].start + i


def bilinear(coarse, shape):
    """A score map of pixels that are twice as large, between the centres of its pixels."""
    places = [np.arange(n) / 2 - 0.25 for n in shape]
    return ndimage.map_coordinates(coarse, np.meshgrid(*places, indexing="ij"), order=1,
                                   mode="nearest")


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_row_has_what_each_member_says(calibrated, fine_sky, calibrate):
    """All its numbers are of one pixel of each member's own map, the highest nearby."""
    members = {"filter": matched_filter(keep_templates=[1]),
               "fine": SmoothFinder(threshold=8.0, shift=(1, 1)),
               "coarse": SmoothFinder(step=2, threshold=4, shift=(0, -1))}
    calibration = calibrate(members) if calibrated else None
    finder = EnsembleFinder(members, method="product", threshold=1.4, calibration=calibration)
    score_map = finder.score_map(fine_sky.maps)
    clusters = finder.detect(score_map)
    own = {name: member.score_map(fine_sky.maps) for name, member in members.items()}
    seen = {name: found.data for name, found in own.items()}
    seen["coarse"] = bilinear(seen["coarse"], fine_sky.shape)
    for row, (y, x) in zip(clusters, pixels_of(clusters, score_map.data)):
        peak = {name: highest_in((y, x, NEAR), score) for name, score in seen.items()}
        peak["coarse"] = tuple(n // 2 for n in peak["coarse"])
        for name in members:
            score = own[name].data[peak[name]]
            assert row[f"score_{name}"] == score
            assert row[f"found_{name}"] == (score > members[name].threshold)
        for name in ("snr", "snr_1", "y_c", "y_c_err", "theta_c"):
            number = own["filter"].layers[name][peak["filter"]]
            assert score_map.layers[name][y, x] == number
            if name != "snr_1":
                assert u.Quantity(row[name]).value == pytest.approx(number, rel=1e-6)
        for name in ("fine", "coarse"):
            assert row[f"probability_{name}"] == own[name].layers["probability"][peak[name]]
    assert 0 < np.count_nonzero(clusters["found_fine"]) < len(clusters)
    assert "probability_filter" not in clusters.colnames
    assert ("probability" in clusters.colnames) == calibrated


@pytest.mark.parametrize(("method", "calibrated"), METHODS)
def test_numbers_are_those_of_the_peaks(method, calibrated, fine_sky, calibrate):
    """Whatever the method and the grid, a member's score of a cluster is the height of its peak."""
    members = two((1, -1))
    finder = EnsembleFinder(members, method=method, threshold=None if calibrated else LOW[method],
                            calibration=calibrate(members) if calibrated else None)
    clusters = finder(fine_sky.maps)
    rows = clusters[rows_at_clusters(clusters, within=7.0)]
    for name, step, (dy, dx) in (("fine", 1, (0, 0)), ("coarse", 2, (1, -1))):
        score = members[name].score_map(fine_sky.maps).data
        for row, x, y in zip(rows, X, Y):
            j, i = highest_in((int((y + dy) / step), int((x + dx) / step), 6 // step), score)
            assert row[f"score_{name}"] == score[j, i]
            assert row[f"found_{name}"]
            assert row[f"probability_{name}"] == pytest.approx(expit(score[j, i] - 5), rel=1e-5)


@pytest.mark.parametrize("method", ["product", "and", "calibrated"])
def test_numbers_of_a_cluster_far_above_the_reference(method, empty_sky, calibrate):
    """Signal-to-noise ratios of hundreds: ranks still tell the peak from the pixels around."""
    members = {"one": SmoothFinder(width=1.6, noise=1.2), "other": SmoothFinder(noise=1.0)}
    bump = np.exp(-(((np.indices(empty_sky.shape).T - [80, 90.2]) / 8) ** 2).sum(axis=-1) / 2).T
    images = empty_sky.images / 14 + 900 * np.multiply.outer([-1.0, -1.0, 1.0], bump)
    maps = MapStack(images, wcs=empty_sky.wcs, instrument=empty_sky.instrument)
    finder = EnsembleFinder(members, method=method, calibration=calibrate(members))
    row = finder(maps)[0]
    for name, member in members.items():
        peak = member.score_map(maps).data.max()
        assert peak > 200 and row[f"score_{name}"] == peak
    assert row["snr"] == row["score_one"]
    assert np.hypot(row["x_centroid"] - 90.2, row["y_centroid"] - 80) < 0.5


@pytest.mark.parametrize("step", [1, 2])
def test_found_is_exact(step, fine_sky):
    """A threshold just below the height of a peak, and just above."""
    score = SmoothFinder(step=step).score_map(fine_sky.maps).data
    height = score[highest_in((int(Y[1] / step), int(X[1] / step), 6 // step), score)]
    for factor in (0.999, 1.001):
        members = {"fine": SmoothFinder(width=1.6, noise=17),
                   "other": SmoothFinder(step=step, threshold=float(factor * height))}
        clusters = EnsembleFinder(members, threshold=1.4)(fine_sky.maps)
        row = clusters[rows_at_clusters(clusters)[1]]
        assert row["score_other"] == height and row["found_other"] == (factor < 1)


def test_first_of_the_members_that_measures(fine_sky):
    """S/N and amplitude are of one member: the first with amplitudes."""
    smooth, filter_ = SmoothFinder(), matched_filter()
    for members in ({"filter": filter_, "smooth": smooth}, {"smooth": smooth, "filter": filter_}):
        layers = EnsembleFinder(members).score_map(fine_sky.maps).layers
        np.testing.assert_array_equal(layers["snr"], layers["score_filter"])
        good = np.isfinite(layers["score_filter"])
        np.testing.assert_allclose((layers["y_c"] / layers["y_c_err"])[good],
                                   layers["score_filter"][good], rtol=1e-5)


def test_templates_that_are_not_there(fine_sky):
    with pytest.raises(ValueError, match="member 'matched_filter': keep_templates names 2; .*0 to"):
        EnsembleFinder([matched_filter(keep_templates=[2]), SmoothFinder()])(fine_sky.maps)


# Methods


def test_ranks_are_those_of_the_pixels(fine_sky):
    """Where a member lends to itself, its rank is that of the score among those of its map."""
    members = {"fine": SmoothFinder(), "wide": SmoothFinder(width=3, shift=(0, 1))}
    found = EnsembleFinder(members).score_map(fine_sky.maps)
    for name, member in members.items():
        score = member.score_map(fine_sky.maps).data
        own = found.layers[f"score_{name}"] == score
        assert own.sum() > 100
        expected = ranks_of(score.ravel()).reshape(score.shape)
        usual = own & (expected < 3)
        np.testing.assert_allclose(found.layers[f"rank_{name}"][usual], expected[usual], atol=0.055)
        highest = ndimage.maximum_filter(score, 2 * NEAR + 1, mode="constant", cval=-np.inf)
        np.testing.assert_array_equal(found.layers[f"score_{name}"], highest)
        assert found.layers[f"rank_{name}"].max() == pytest.approx(np.log10(score.size), abs=0.06)


@pytest.mark.parametrize("calibrated", [False, True])
def test_product_and_and_of_the_ranks(calibrated, fine_sky, calibrate):
    members = three((0, 1))
    calibration = calibrate(members) if calibrated else None
    score = {}
    for method in ("product", "and"):
        finder = EnsembleFinder(members, method=method, calibration=calibration)
        found = finder.score_map(fine_sky.maps)
        score[method] = found.data
        ranks = {name: found.layers[f"rank_{name}"].astype(float) for name in members}
    parts = np.prod([1 - 10**-rank for rank in ranks.values()], axis=0)
    usual = parts < 1 - 1e-6
    np.testing.assert_allclose(10 ** -score["product"][usual], 1 - parts[usual], rtol=1e-4)
    if calibrated:
        met = [rank > 3.0 for rank in ranks.values()]
    else:  # the thresholds of the members, as ranks in their own maps
        met = [found.layers[f"score_{name}"] > 0 for name in members]
        for index, (name, member) in enumerate(members.items()):
            coarse = member.score_map(fine_sky.maps).data
            above = np.mean(coarse[np.isfinite(coarse)] > member.threshold)
            met[index] = ranks[name] > -np.log10(above)
    every = np.logical_and.reduce(met)
    assert every.any()
    assert np.mean((score["and"] > 1) != every) < (1e-3 if calibrated is False else 1e-9)


@pytest.mark.parametrize("make", [two, three])
def test_calibrated_is_the_probability_of_the_peak(make, fine_sky, calibrate):
    """Of the mean rank; around it falls off as that does, and where objects meet they end."""
    members = make((0, 1))
    finder = EnsembleFinder(members, calibration=calibrate(members))
    found = finder.score_map(fine_sky.maps)
    ranks = np.array([found.layers[f"rank_{name}"] for name in members], float)
    mean = ranks.sum(axis=0) / len(members)
    for x, y in zip(X.round().astype(int), Y.round().astype(int)):
        box = np.s_[y - 5 : y + 6, x - 5 : x + 6]
        j, i = np.unravel_index(mean[box].argmax(), (11, 11))
        odds = np.minimum(ranks[:, y - 5 + j, x - 5 + i], 20).sum() - 3 * len(members)
        expected = 1 / (1 + np.exp(-odds))
        assert found.data[box][j, i] == pytest.approx(expected, rel=1e-6)
        same = found.layers["objects"][box] == found.layers["objects"][box][j, i]
        assert same[j, i] and same.sum() > 40
        np.testing.assert_allclose(found.layers["probability"][box][same], expected, rtol=1e-6)
        falling = mean[box][same] / mean[box][j, i]
        np.testing.assert_allclose(found.data[box][same], expected * falling, rtol=1e-5)
    nothing = found.layers["objects"] == 0
    assert np.nanmax(found.data) <= 1 and not np.nan_to_num(found.data[nothing]).any()
    clusters = finder.detect(found)
    rows = rows_at_clusters(clusters)
    np.testing.assert_allclose(clusters["score"], clusters["probability"])
    # those of the pair touch each other
    assert (clusters["flags"][rows[3:]] & FLAGS["blended"]).all()
    assert not clusters["flags"][rows[2]] & FLAGS["blended"]


class SureFinder(SmoothFinder):
    """Its score is a probability, above zero everywhere."""

    kind = "sure"

    def score_map(self, maps, *, mask=None):
        found = super().score_map(maps, mask=mask)
        return ScoreMap(found.layers["probability"], found.wcs, meta=found.meta)


def test_and_with_a_threshold_below_all_scores(fine_sky):
    """Such a member says yes everywhere: the others decide."""
    members = {"fine": SmoothFinder(width=1.6, noise=17, threshold=4),
               "sure": SureFinder(threshold=1e-300)}
    score_map = EnsembleFinder(members, method="and").score_map(fine_sky.maps)
    assert np.isfinite(score_map.data).all()
    fine = members["fine"].score_map(fine_sky.maps).data
    above = score_map.layers["rank_fine"] + np.log10(np.mean(fine > 4))
    yes = score_map.data > 1
    # but for the tenth of the pixels of which it is the least sure, and steps of ranks
    counts = (score_map.layers["rank_sure"] > 0.06) & (np.abs(above) > 0.06)
    np.testing.assert_array_equal(yes[counts], above[counts] > 0)
    assert counts.mean() > 0.8 and yes.any() and not (yes & (above < -0.06)).any()
    clusters = EnsembleFinder(members, method="and", threshold=0.9).detect(score_map)
    assert all(np.hypot(clusters["x_centroid"] - x, clusters["y_centroid"] - y).min() < 6
               for x, y in zip(X, Y))


def test_objects_that_touch_are_blended(fine_sky, calibrate):
    """Of the pixels above the threshold, counted one by one."""
    finder = EnsembleFinder(two(), calibration=calibrate(two()))
    found = finder.score_map(fine_sky.maps)
    for threshold in (0.5, 0.85, 0.05):
        finder = EnsembleFinder(two(), calibration=finder.calibration, threshold=threshold)
        clusters = finder.detect(found)
        kept = np.where(found.data > threshold, found.layers["objects"], 0)
        assert len(clusters) == len(set(kept[kept > 0]))
        for row, (y, x) in zip(clusters, pixels_of(clusters, found.data)):
            own = kept == kept[y, x]
            around = ndimage.binary_dilation(own, np.ones((3, 3))) & ~own
            assert row["n_pixels"] == own.sum()
            assert bool(row["flags"] & FLAGS["blended"]) == (kept[around] > 0).any()


def test_objects_apart_above_the_threshold_are_not_blended(fine_sky):
    """Two that meet in a valley, and a third alone; their numbers are any."""
    score = np.zeros((5, 24))
    score[2, 1:11] = [0.3, 0.6, 0.9, 0.6, 0.3, 0.3, 0.6, 0.8, 0.6, 0.3]
    score[2, 14:18] = [0.3, 0.7, 0.7, 0.3]
    objects = np.zeros((5, 24), int)
    objects[2, 1:6], objects[2, 6:11], objects[2, 14:18] = 7, 3, 12
    score_map = ScoreMap(score, fine_sky.wcs, layers={"objects": objects})
    for threshold, blended in ((0.2, [True, True, False]), (0.5, [False, False, False])):
        clusters = SmoothFinder(threshold=threshold).detect(score_map)
        assert clusters["score"] == pytest.approx([0.9, 0.8, 0.7], rel=0.2)
        assert (clusters["flags"] == np.multiply(blended, FLAGS["blended"])).all()
        np.testing.assert_allclose(clusters["x_centroid"], [3, 8, 15.5], atol=1e-9)
    assert len(SmoothFinder(threshold=0.75).detect(score_map)) == 2


def test_defaults(calibrate):
    members = two()
    calibration = calibrate(members, thresholds=(2.9, 1.0, 0.4))
    assert EnsembleFinder(members).method == "product"
    assert EnsembleFinder(members).threshold == 2
    assert EnsembleFinder(members, method="and").threshold == 1
    assert EnsembleFinder(members, calibration=calibration).method == "calibrated"
    for method, threshold in (("product", 2.9), ("and", 1.0), ("calibrated", 0.4)):
        finder = EnsembleFinder(members, method=method, calibration=calibration)
        assert finder.threshold == threshold
        given = EnsembleFinder(members, method=method, calibration=calibration, threshold=0.3)
        assert given.threshold == 0.3
    assert EnsembleFinder(members, method="product", threshold=3).threshold == 3


def test_names_and_meta(fine_sky, calibrate):
    finder = EnsembleFinder([SmoothFinder(), matched_filter(threshold=5.5)], threshold=1.4)
    assert list(finder.members) == ["smooth", "matched_filter"]
    meta = finder(fine_sky.maps).meta
    assert meta["method"] == "product" and meta["calibrated"] is False
    assert meta["members"] == "smooth, matched_filter"
    assert meta["smooth_threshold"] == 5 and meta["matched_filter_threshold"] == 5.5
    assert meta["matched_filter_covariance"] == "model"
    assert EnsembleFinder(two(), calibration=calibrate(two())).parameters["calibrated"] is True


# Tiles


@pytest.mark.parametrize("method", ["product", "and", "calibrated"])
def test_tiles_are_as_the_whole(method, fine_sky, calibrate):
    """Members that see the same in tiles make an ensemble that finds the same."""
    members = three((1, 1))
    finder = EnsembleFinder(members, method=method, calibration=calibrate(members))
    whole, tiled = finder(fine_sky.maps), finder(fine_sky.maps, block_size=(70, 82))
    assert tiled.meta["block_size"] == "70 82"
    rows_at_clusters(tiled)
    assert len(tiled) == len(whole) and tiled.colnames == whole.colnames
    for row in whole:
        same = tiled[nearest(tiled, row["x_centroid"], row["y_centroid"])]
        for name in whole.colnames:
            if name == "sky_centroid":
                assert row[name].separation(same[name]) < 0.5 * u.arcsec
            elif name not in ("id", "name", "flags"):
                np.testing.assert_allclose(same[name], row[name], rtol=1e-4, atol=1e-6,
                                           err_msg=name)


def test_threads_are_as_tiles(fine_sky, calibrate):
    finder = EnsembleFinder(two((0, 2)), calibration=calibrate(two((0, 2))))
    tiled = finder(fine_sky.maps, block_size=(90, 95))
    threads = finder(fine_sky.maps, block_size=(90, 95), parallel=2)
    for name in tiled.colnames:
        if name != "sky_centroid":
            np.testing.assert_array_equal(tiled[name], threads[name])


@pytest.mark.parametrize("how", [{"block_size": (90, 90)}, {"block_size": "auto"},
                                 {"parallel": True}], ids=str)
def test_tiles_need_a_calibration(how, fine_sky):
    with pytest.raises(ValueError, match="ranks that are the same in all of them.*calibration"):
        EnsembleFinder(two())(fine_sky.maps, **how)


def test_healpix_maps(fine_sky):
    """They are searched in tiles always, with the pixels of the member whose weights have some."""
    values = np.zeros(12 * 64**2, np.float32)
    maps = HealpixStack([HealpixMap(values, 64, nested=False, frame="icrs")] * 3,
                        instrument=fine_sky.instrument)
    with pytest.raises(ValueError, match="ranks that are the same in all of them"):
        EnsembleFinder(two())(maps)
    assert EnsembleFinder(two()).patch_pixel(maps) == maps.pixel_size > 50
    unet = UNetSegmentFinder("unet-spt3g")
    for members in ([SmoothFinder(), unet], [unet, SmoothFinder()]):
        assert EnsembleFinder(members).patch_pixel(maps) == unet.patch_pixel(maps) < 1


def test_what_tiles_need_is_what_members_need(fine_sky):
    maps = fine_sky.maps
    members = {"filter": matched_filter(), "two": SmoothFinder(step=2),
               "three": SmoothFinder(step=3)}
    finder = EnsembleFinder(members)
    assert finder.margin(maps) == 30 == members["filter"].margin(maps)
    assert EnsembleFinder(two()).margin(maps) == pytest.approx(15)
    assert finder.alignment(maps) == 6


# Errors


class BrokenFinder(SmoothFinder):
    """Fails where the maps have a pixel of 1e6 uK."""

    kind = "broken"

    def __init__(self, error):
        super().__init__()
        self.error = error

    def score_map(self, maps, *, mask=None):
        if (as_map_stack(maps).data == 1e6).any():
            raise self.error
        return super().score_map(maps, mask=mask)


@pytest.fixture(scope="module")
def spoiled(fine_sky):
    images = fine_sky.images.copy()
    images[1, 175, 185] = 1e6
    return MapStack(images, wcs=fine_sky.wcs, instrument=fine_sky.instrument)


@pytest.mark.parametrize("error", [ValueError("no such thing"), OSError("no such thing"),
                                   MapError("no such thing", found="1", expected="2")],
                         ids=lambda error: type(error).__name__)
def test_error_in_a_member_has_its_name(error, spoiled):
    finder = EnsembleFinder({"good": SmoothFinder(), "bad_one": BrokenFinder(error)})
    with pytest.raises(type(error), match="^member 'bad_one': no such thing"):
        finder(spoiled)


def test_error_in_a_tile_has_tile_and_member(spoiled, calibrate):
    members = {"good": SmoothFinder(), "bad": BrokenFinder(ValueError("no such thing"))}
    finder = EnsembleFinder(members, calibration=calibrate(members))
    with pytest.raises(ValueError, match=r"^tile.*90.*: member 'bad': no such thing$"):
        finder(spoiled, block_size=(90, 95))


@pytest.mark.parametrize(("members", "message"), [
    ([], "two members or more; found none"),
    ([SmoothFinder()], "two members or more; found smooth"),
    ({"one": SmoothFinder()}, "two members or more; found one"),
    ([SmoothFinder(), SmoothFinder(step=2)], "of one kind: smooth, smooth; name them"),
    ({"one": SmoothFinder(), "the other": SmoothFinder()}, "part of .* columns; found 'the other'"),
])
def test_refuses_members(members, message):
    with pytest.raises(ValueError, match=message):
        EnsembleFinder(members)


def test_refuses_weights_for_different_instruments():
    members = [CNNFinder("deepsz-spt3g"), matched_filter(), UNetSegmentFinder("unet-planck")]
    with pytest.raises(ValueError, match="different instruments: cnn for '.*', unet for '.*'"):
        EnsembleFinder(members)
    assert len(EnsembleFinder(members[:2]).members) == 2
    assert len(EnsembleFinder(members[1:]).members) == 2


def test_refuses_options(calibrate):
    members = two()
    calibration = calibrate(members)
    with pytest.raises(ValueError, match="one of product, and, calibrated; found 'mean'"):
        EnsembleFinder(members, method="mean")
    with pytest.raises(ValueError, match="'calibrated' needs a calibration"):
        EnsembleFinder(members, method="calibrated")
    with pytest.raises(ValueError, match="of the members fine, coarse; found fine, coarse, wide"):
        EnsembleFinder(three(), calibration=calibration)
    with pytest.raises(ValueError, match="of the members fine, coarse; found smooth, matched_filt"):
        EnsembleFinder([SmoothFinder(), matched_filter()], calibration=calibration)
    for threshold in (1, 4.5):
        with pytest.raises(ValueError, match=f"between 0 and 1; found {threshold}"):
            EnsembleFinder(members, calibration=calibration, threshold=threshold)
        EnsembleFinder(members, method="and", calibration=calibration, threshold=threshold)
    with pytest.raises(ValueError, match="threshold must be a positive number; found 0"):
        EnsembleFinder(members, threshold=0)


def test_refuses_templates_that_are_not_kept(calibrate):
    """By name, before any map is filtered; other methods have no use for them."""
    members = {"filter": MatchedFilterFinder(keep_templates=[0, 3]), "smooth": SmoothFinder()}
    zeros = np.zeros(10)
    model = EvidenceModel(["snr_3", "snr_7"], [0, 0], [1, 1], [-9, -9], [9, 9], zeros)
    calibration = EnsembleCalibration(
        {name: TailRank(np.arange(11.0)) for name in members}, dict.fromkeys(members, 1.0),
        {"product": 2.0, "and": 1.0, "calibrated": 0.5}, model)
    with pytest.raises(ValueError, match="templates 3, 7, of which member 'filter' .* keep 7: "
                                         r"make it with keep_templates=\[3, 7\]"):
        EnsembleFinder(members, calibration=calibration)
    EnsembleFinder(members, calibration=calibration, method="and")
    members["filter"] = MatchedFilterFinder(keep_templates=[3, 5, 7])
    EnsembleFinder(members, calibration=calibration)


# Flags and bad pixels


def test_flags_of_any_member(fine_sky):
    members = {"edge": SmoothFinder(flag=1), "none": SmoothFinder(), "source":
               SmoothFinder(flag=2, step=2), "both": SmoothFinder(flag=3)}
    maps = fine_sky.maps
    some = {name: members[name] for name in ("edge", "source", "none")}
    clusters = EnsembleFinder(some, threshold=1.2)(maps)
    assert (clusters["flags"][rows_at_clusters(clusters)] & 3 == 3).all()
    clusters = EnsembleFinder({name: members[name] for name in ("none", "edge")},
                              threshold=1.2)(maps)
    assert (clusters["flags"][rows_at_clusters(clusters)] & 3 == 1).all()


@pytest.mark.parametrize(("method", "calibrated"), METHODS)
def test_mask_and_pixels_without_a_score(method, calibrated, fine_sky, calibrate):
    """The first cluster is masked, the third is bad in one band: both are gone, the others stay."""
    mask = np.zeros(fine_sky.shape, bool)
    mask[20:60, 20:60] = True
    images = fine_sky.images.copy()
    images[0, 110:150, 25:65] = np.nan
    maps = MapStack(images, wcs=fine_sky.wcs, instrument=fine_sky.instrument)
    members = two((0, 1))
    finder = EnsembleFinder(members, method=method,
                            threshold=None if calibrated else LOW[method],
                            calibration=calibrate(members) if calibrated else None)
    score = finder.score_map(maps, mask=mask)
    missing = np.isnan(score.data)
    assert missing[21:59, 22:59].all() and missing[111:149, 27:64].all()
    assert missing.mean() < 0.15
    assert {layer.shape for layer in score.layers.values()} == {fine_sky.shape}
    each = [np.isnan(score.layers[f"rank_{name}"]) for name in members]
    np.testing.assert_array_equal(missing, each[0] | each[1])
    assert (each[1] & ~each[0]).any()
    clusters = finder.detect(score)
    distance = np.hypot(clusters["x_centroid"][:, None] - X, clusters["y_centroid"][:, None] - Y)
    np.testing.assert_array_equal((distance < 7).sum(axis=0), [0, 1, 0, 1, 1])
