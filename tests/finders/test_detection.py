"""Objects of a score map: which pixels belong together, where the objects are, how high."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from szfinder.finders.detection import centroids, label_objects, peaks, touching


def gaussian(shape, x, y, sigma, height=1.0):
    j, i = np.indices(shape)
    return height * np.exp(-0.5 * ((j - y) ** 2 + (i - x) ** 2) / sigma**2)


def test_prominence_splits_two_objects():
    score = gaussian((40, 60), 20, 20, 3, 10) + gaussian((40, 60), 31, 20, 3, 8)
    labels, blended = label_objects(score, 2.0, prominence=1.5)
    assert blended.tolist() == [True, True]
    assert labels[20, 20] != labels[20, 31]
    np.testing.assert_array_equal(labels > 0, score > 2)
    # the border lies in the valley
    valley = 20 + np.argmin(score[20, 20:32])
    assert np.abs(np.flatnonzero(np.diff(labels[20, 20:32]))[0] + 20 - valley) <= 1
    assert label_objects(score, 2.0)[1].tolist() == [False]


@pytest.mark.parametrize("prominence, n", [(0.5, 2), (1.9, 2), (2.1, 1), (5.0, 1)])
def test_prominence_is_the_height_above_the_pass(prominence, n):
    score = np.zeros((3, 7))
    score[1, 1:6] = [9, 5, 4, 6, 3]
    labels, blended = label_objects(score, 1.0, prominence=prominence)
    assert labels.max() == n == blended.size


def test_three_peaks_of_which_one_stands_out_from_its_neighbour_alone():
    score = np.zeros((3, 9))
    score[1, 1:8] = [5, 4.5, 5.2, 1.5, 7, 6.5, 6.8]
    labels, blended = label_objects(score, 1.0, prominence=1.0)
    assert blended.tolist() == [True, True]
    assert len(set(labels[1, 1:4])) == len(set(labels[1, 5:8])) == 1
    assert labels[1, 1] != labels[1, 7]


def test_noise_does_not_split_a_blob():
    rng = np.random.default_rng(3)
    score = gaussian((80, 80), 40, 40, 12, 20) + rng.uniform(0, 0.6, (80, 80))
    _, blended = label_objects(score, 4.5, prominence=1.5)
    assert blended.tolist() == [False]


def test_only_the_split_objects_are_blended():
    score = gaussian((40, 90), 20, 20, 3, 10) + gaussian((40, 90), 31, 20, 3, 8)
    score += gaussian((40, 90), 70, 20, 3, 9)
    labels, blended = label_objects(score, 2.0, prominence=1.5)
    assert sorted(blended.tolist()) == [False, True, True]
    assert not blended[labels[20, 70] - 1]


def test_nan_belongs_to_nothing():
    score = gaussian((30, 30), 15, 15, 3, 10)
    score[15, 10:14] = np.nan
    score[14, 16] = np.nan
    labels, blended = label_objects(score, 2.0, prominence=1.0)
    assert (labels[np.isnan(score)] == 0).all()
    assert blended.size == 1
    y, x, summit = peaks(score, labels)
    assert (y[0], x[0]) == (15, 15) and np.isfinite(summit).all()


def test_nan_beside_a_peak_does_not_hide_it():
    score = np.full((9, 9), np.nan)
    score[4, 4], score[4, 5] = 8.0, 6.0
    labels, _ = label_objects(score, 4.5, prominence=1.5)
    y, x, summit = peaks(score, labels)
    assert (y.tolist(), x.tolist()) == ([4], [4])
    assert summit[0] == pytest.approx(8, rel=0.1)


def test_diagonal_pixels_touch():
    score = np.zeros((5, 5))
    score[1, 1] = score[2, 2] = 5
    assert label_objects(score, 1.0)[0].max() == 1


def test_plateau_and_ties_are_one_object():
    score = np.zeros((9, 30))
    score[3:6, 3:12] = 7
    score[4, 20] = score[4, 22] = 6
    score[4, 21] = 5.5
    labels, blended = label_objects(score, 1.0, prominence=1.5)
    assert blended.tolist() == [False, False]
    y, x = centroids(score, labels)
    np.testing.assert_allclose([y[0], x[0]], [4, 7])


def test_equal_peaks_are_split():
    score = np.zeros((3, 9))
    score[1, 1:8] = [5, 6, 5, 2, 5, 6, 5]
    labels, blended = label_objects(score, 1.0, prominence=1.5)
    assert blended.tolist() == [True, True]


@pytest.mark.parametrize("score", [np.zeros((4, 5)), np.full((4, 5), np.nan)], ids=["low", "nan"])
def test_nothing(score):
    labels, blended = label_objects(score, 1.0, prominence=1.0)
    assert labels.max() == 0 and blended.size == 0
    for values in (*peaks(score, labels), *centroids(score, labels)):
        assert values.shape == (0,)


def test_the_threshold_is_exclusive_as_documented():
    score = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(label_objects(score, 2.0)[0], [[0, 0, 1]])


score_maps = arrays(
    float, (11, 13), elements=st.sampled_from([np.nan, -2.0, 0.0, 1.0, 2.0, 2.5, 3.0, 5.0, 6.0])
)


@given(score_maps, st.floats(0.2, 4))
def test_every_pixel_above_threshold_has_one_label(score, prominence):
    labels, blended = label_objects(score, 0.5, prominence=prominence)
    np.testing.assert_array_equal(labels > 0, score > 0.5)
    assert set(np.unique(labels)) - {0} == set(range(1, blended.size + 1))
    whole, n_whole = ndimage.label(score > 0.5, np.ones((3, 3)))
    assert n_whole <= blended.size
    for label in range(1, blended.size + 1):
        _, n_parts = ndimage.label(labels == label, np.ones((3, 3)))
        assert n_parts == 1
        assert len(set(whole[labels == label])) == 1
        mates = set(labels[whole == whole[labels == label][0]])
        assert blended[label - 1] == (len(mates) > 1)


@given(score_maps)
def test_without_prominence_it_is_connected_components(score):
    labels, blended = label_objects(score, 0.5)
    expected, n = ndimage.label(score > 0.5, np.ones((3, 3)))
    assert labels.max() == n == blended.size and not blended.any()
    np.testing.assert_array_equal(labels, expected)


@given(score_maps, st.floats(0.2, 4))
def test_peaks_and_centroids_lie_in_their_objects(score, prominence):
    labels, blended = label_objects(score, 0.5, prominence=prominence)
    y, x, summit = peaks(score, labels)
    np.testing.assert_array_equal(labels[y, x], np.arange(1, blended.size + 1))
    heights = ndimage.maximum(np.nan_to_num(score), labels, range(1, blended.size + 1))
    np.testing.assert_array_equal(score[y, x], np.reshape(heights, -1))
    assert np.isfinite(summit).all()
    for label, (j, i) in enumerate(zip(*centroids(score, labels)), start=1):
        rows, columns = np.nonzero(labels == label)
        assert rows.min() - 1e-9 <= j <= rows.max() + 1e-9
        assert columns.min() - 1e-9 <= i <= columns.max() + 1e-9


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(1.5, 4.0))
def test_centroid_of_a_gaussian(dx, dy, sigma):
    score = gaussian((41, 44), 20 + dx, 18 + dy, sigma, 12)
    labels, _ = label_objects(score, 4.5, prominence=1.5)
    y, x = centroids(score, labels)
    assert labels.max() == 1
    assert abs(x[0] - 20 - dx) < 0.1 and abs(y[0] - 18 - dy) < 0.1


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_summit_of_a_paraboloid(dx, dy):
    j, i = np.indices((21, 21))
    score = 9 - 0.3 * (i - 10 - dx) ** 2 - 0.2 * (j - 10 - dy) ** 2
    labels, _ = label_objects(score, 5)
    np.testing.assert_allclose(peaks(score, labels)[2], 9, rtol=1e-3)


def test_centroid_is_not_pulled_by_wings():
    score = gaussian((40, 60), 20.3, 20.2, 2.5, 10) + gaussian((40, 60), 30, 20, 4, 3)
    labels, _ = label_objects(score, 1.0)
    y, x = centroids(score, labels)
    assert abs(x[0] - 20.3) < 0.15 and abs(y[0] - 20.2) < 0.1


def test_input_is_left_alone():
    score = gaussian((20, 20), 9, 9, 2, 10)
    score[3, 3] = np.nan
    before = score.copy()
    labels, _ = label_objects(score, 2.0, prominence=1.0)
    peaks(score, labels)
    centroids(score, labels)
    np.testing.assert_array_equal(score, before)


def test_objects_that_touch():
    """At sides and at corners, the border of the map as well; those a pixel apart do not."""
    labels = np.array([[1, 0, 0, 2, 2],
                       [0, 3, 0, 0, 0],
                       [0, 0, 0, 0, 4],
                       [5, 5, 0, 0, 6]])
    assert touching(labels, 7).tolist() == [True, False, True, True, False, True, False]
    assert touching(np.zeros((3, 4), int), 0).tolist() == []
    assert touching(np.ones((3, 4), int), 1).tolist() == [False]


@given(arrays(int, (6, 7), elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4])))
def test_touching_by_all_pairs_of_pixels(labels):
    expected = np.zeros(5, bool)
    pixels = np.argwhere(labels > 0)
    for one in pixels:
        beside = pixels[np.abs(pixels - one).max(axis=1) <= 1]
        expected[labels[tuple(one)]] |= (labels[tuple(beside.T)] != labels[tuple(one)]).any()
    given = labels.copy()
    np.testing.assert_array_equal(touching(labels, 4), expected[1:])
    np.testing.assert_array_equal(labels, given)


@given(score_maps, st.floats(0.2, 4))
def test_objects_that_were_split_touch(score, prominence):
    labels, blended = label_objects(score, 0.5, prominence=prominence)
    np.testing.assert_array_equal(touching(labels, blended.size), blended)
