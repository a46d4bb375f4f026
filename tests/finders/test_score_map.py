"""ScoreMap and the step from it to a catalogue, with a finder that does nothing else."""

import numpy as np
import pytest
from astropy.nddata import NDData

from szfinder.finders import FLAGS, NoDetectionsWarning, ScoreMap, SZFinder


class GivenScore(SZFinder):
    """A finder whose score map is made by hand."""

    prominence = 1.5

    def score_map(self, maps, *, mask=None):
        return maps


@pytest.fixture
def score(sky):
    j, i = np.indices(sky.shape)
    blobs = [(50.3, 60.2, 10.0), (61.0, 60.2, 8.0), (150.0, 150.0, 6.0)]
    return sum(height * np.exp(-0.5 * ((i - x) ** 2 + (j - y) ** 2) / 9) for x, y, height in blobs)


def test_is_nddata(sky, score):
    score[0, 0] = np.nan
    made = ScoreMap(score, sky.wcs, meta={"finder": "none"})
    assert isinstance(made, NDData) and made.layers == {}
    assert made.mask[0, 0] and made.mask.sum() == 1
    assert made.meta == {"finder": "none"}


def test_shapes_are_checked(sky, score):
    with pytest.raises(ValueError, match=r"two dimensions; found shape \(3, 240, 225\)"):
        ScoreMap(sky.images, sky.wcs)
    with pytest.raises(ValueError, match=r"layer 'snr' has shape \(240, 224\).*\(240, 225\)"):
        ScoreMap(score, sky.wcs, layers={"snr": score[:, 1:]})


def test_layers_are_sampled_at_the_peaks(sky, score):
    j, i = np.indices(score.shape)
    layers = {
        "theta_c": i.astype(float), "snr": score, "y_c": 1e-4 * score, "y_c_err": 0 * score + 1e-4,
        "flags": np.where(i > 100, FLAGS["edge"], 0), "unknown": score,
    }
    clusters = GivenScore(threshold=3).find_clusters(ScoreMap(score, sky.wcs, layers=layers))
    assert len(clusters) == 3 and "unknown" not in clusters.colnames
    assert clusters["theta_c"].value.tolist() == [50, 61, 150]
    np.testing.assert_allclose(clusters["score"], [10, 8, 6], rtol=0.02)
    np.testing.assert_allclose(clusters["snr"], clusters["score"])
    np.testing.assert_allclose(clusters["y_c"], 1e-4 * clusters["score"])
    np.testing.assert_allclose(clusters["y_c_err"], 1e-4)
    blended, edge = FLAGS["blended"], FLAGS["edge"]
    assert clusters["flags"].tolist() == [blended, blended, edge]
    assert clusters["n_pixels"].sum() == np.count_nonzero(score > 3)
    np.testing.assert_allclose(clusters["x_centroid"], [50.3, 61.0, 150.0], atol=0.1)


def test_least_prominence_is_of_the_finder(sky, score):
    finder = GivenScore(threshold=3)
    finder.prominence = None
    assert len(finder.detect(ScoreMap(score, sky.wcs))) == 2


def test_parameters_and_representation():
    finder = GivenScore(threshold=3)
    assert finder.parameters == {"threshold": 3.0}
    assert repr(finder) == "GivenScore(threshold=3.0)"


def test_warnings_tell_why(sky, score):
    finder = GivenScore(threshold=30)
    with pytest.warns(NoDetectionsWarning, match="threshold of 30; the highest score is 9.9"):
        finder(ScoreMap(score, sky.wcs))
    with pytest.warns(NoDetectionsWarning, match="masked"):
        finder(ScoreMap(np.full(sky.shape, np.nan), sky.wcs))


def test_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        SZFinder(threshold=3)
