"""The picture of a score map."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from szfinder.evaluation import plot_score_map
from szfinder.finders import FLAGS, MatchedFilterFinder, ScoreMap


@pytest.fixture(scope="module")
def score_map(sky):
    return MatchedFilterFinder(covariance="model").score_map(sky.maps)


@pytest.fixture(scope="module")
def clusters(score_map):
    return MatchedFilterFinder().detect(score_map)


def circles(axes):
    return [patch for patch in axes.patches if isinstance(patch, Circle)]


def test_a_circle_around_every_detection(score_map, clusters, tmp_path):
    axes = plot_score_map(score_map, clusters)
    assert isinstance(axes, WCSAxes)
    assert axes.wcs is score_map.wcs
    centres = [circle.center for circle in circles(axes)]
    np.testing.assert_allclose(centres, np.transpose([clusters["x_centroid"],
                                                      clusters["y_centroid"]]))
    labels = {text.get_text() for text in axes.texts}
    assert {f"{score:.1f}" for score in clusters["score"]} <= labels
    axes.figure.savefig(tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_doubtful_detections_are_dashed(score_map, clusters):
    flagged = clusters.copy()
    flagged["flags"] = 0
    flagged["flags"][:3] = [FLAGS["edge"], FLAGS["source"], FLAGS["blended"]]
    styles = [circle.get_linestyle() for circle in circles(plot_score_map(score_map, flagged))]
    assert styles[:2] == ["--", "--"] and set(styles[2:]) == {"-"}


def test_without_catalogue(score_map):
    axes = plot_score_map(score_map)
    assert not circles(axes)
    np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), score_map.data)


def test_empty_catalogue(score_map, clusters):
    assert not circles(plot_score_map(score_map, clusters[:0]))


def test_axes_say_what_is_shown(score_map):
    axes = plot_score_map(score_map)
    axes.figure.canvas.draw()
    assert "right ascension" in axes.get_xlabel() and "declination" in axes.get_ylabel()
    assert "signal-to-noise" in axes.figure.axes[1].get_ylabel()


def scale_of(scores, wcs, **meta):
    """Axes, limits of the colours and colour bar of a picture of given scores."""
    axes = plot_score_map(ScoreMap(scores, wcs, meta=meta))
    return axes.images[0].get_clim(), axes.figure.axes[1].get_ylabel(), axes.images[0].colorbar


def test_colours_of_signal_to_noise_ratios(score_map):
    limits, label, bar = scale_of(score_map.data, score_map.wcs)
    assert limits == (-4, 8) and "signal-to-noise" in label and bar.extend == "both"


@pytest.mark.parametrize("meta", [{}, {"method": "calibrated", "threshold": 0.4}],
                         ids=["network", "ensemble"])
def test_colours_of_probabilities(score_map, meta):
    """All that there are, and nothing beyond; they are the same for whatever there is."""
    for highest in (0.3, 1.0):
        scores = np.where(score_map.data > 5, highest, 0.0)
        scores[4, 5] = np.nan
        limits, label, bar = scale_of(scores, score_map.wcs, **meta)
        assert limits == (0, 1) and "0 to 1" in label and bar.extend == "neither"


@pytest.mark.parametrize(("method", "threshold"), [("product", 2.3), ("and", 1.0)])
def test_colours_of_ranks(score_map, method, threshold):
    """The threshold is in the middle, also where no rank is above one."""
    for highest in (None, 0.9):
        scores = np.clip(score_map.data, 0, highest)
        limits, label, bar = scale_of(scores, score_map.wcs, method=method, threshold=threshold)
        assert limits == pytest.approx((0, 2 * threshold))
        assert "rank" in label and "noise" not in label and bar.extend == "both"


def test_labels_of_probabilities_have_two_digits(score_map, clusters):
    known = clusters.copy()
    known["score"] = np.linspace(0.987, 0.512, len(known))
    probabilities = ScoreMap(np.clip(score_map.data / 50, 0, 1), score_map.wcs)
    labels = [text.get_text() for text in plot_score_map(probabilities, known).texts]
    assert labels == [f"{score:.2f}" for score in known["score"]]
    assert labels[0] == "0.99"


def test_on_given_axes(score_map, clusters):
    figure = Figure()
    given = figure.add_subplot(1, 2, 2, projection=score_map.wcs)
    assert plot_score_map(score_map, clusters, axes=given) is given
    assert len(circles(given)) == len(clusters)


def test_pyplot_is_left_alone():
    code = """
import sys, numpy as np
from astropy.wcs import WCS
from szfinder.evaluation import plot_score_map
from szfinder.finders import ScoreMap
wcs = WCS(naxis=2)
wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
wcs.wcs.cdelt = -0.01, 0.01
plot_score_map(ScoreMap(np.zeros((9, 9)), wcs)).figure.canvas.draw()
print("matplotlib.pyplot" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
