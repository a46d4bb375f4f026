"""Orientations of images about the pixel that a cluster is in."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from szfinder.mass.orientations import ORIENTATIONS, painted, turned
from szfinder.mass.profiles import distances
from szfinder.models import build_network, predict


@pytest.mark.parametrize("side", [7, 8])
def test_all_eight_keep_distances_from_the_middle(side):
    """But for the first row and column of even sides, which have no others opposite."""
    images = np.arange(side**2, dtype=float).reshape(1, side, side)
    made = [turned(images, orientation) for orientation in ORIENTATIONS]
    assert len({image.tobytes() for image in made}) == 8
    inner = slice(1 - side % 2, None)
    for orientation, image in zip(ORIENTATIONS, made):
        assert image[0, side // 2, side // 2] == images[0, side // 2, side // 2]
        moved = turned(distances(side)[None], orientation)[0]
        assert_allclose(moved[inner, inner], distances(side)[inner, inner])
        assert_array_equal(turned(image, orientation, back=True), images)


def test_one_by_hand():
    """Columns reversed about the third of four, then rows and columns swapped."""
    image = np.arange(16).reshape(4, 4)
    expected = [[0, 4, 8, 12], [3, 7, 11, 15], [2, 6, 10, 14], [1, 5, 9, 13]]
    assert_array_equal(turned(image, (False, True, True)), expected)


def test_other_axes():
    images = np.random.default_rng(1).normal(size=(2, 6, 6, 3))
    for orientation in ORIENTATIONS:
        expected = turned(np.moveaxis(images, -1, 1), orientation)
        assert_array_equal(turned(images, orientation, axes=(1, 2)), np.moveaxis(expected, 1, -1))


def test_what_is_painted_turns_with_the_sky():
    """And in the middle, where the mass stands, it stays; of a network that does not do so."""
    pytest.importorskip("tensorflow", reason="networks need TensorFlow")
    rng = np.random.default_rng(2)
    network = build_network("mresunet", {"input_shape": [8, 8, 2], "filters": [2, 4]})
    last = network.get_layer("maps_conv")
    last.set_weights([rng.normal(size=weight.shape) for weight in last.get_weights()])
    images = rng.normal(size=(5, 8, 8, 2)).astype(np.float32)
    maps, alone = painted(network, images, batch_size=5), predict(network, images, batch_size=5)
    changes = []
    for orientation in ORIENTATIONS[1:]:
        other = turned(images, orientation, axes=(1, 2))
        expected = turned(maps, orientation, axes=(1, 2))
        assert_allclose(painted(network, other, batch_size=5), expected, rtol=1e-4, atol=1e-5)
        changes.append(predict(network, other, batch_size=5)[:, 4, 4] - alone[:, 4, 4])
    assert np.abs(changes).max() > 0.01
