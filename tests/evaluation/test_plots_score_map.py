"""The picture of a score map."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from szfinder.evaluation import plot_score_map
from szfinder.finders import FLAGS, MatchedFilterFinder


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
