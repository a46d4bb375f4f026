"""The report of a finder on a simulated sky."""

import re

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from szfinder import MatchedFilterFinder, SkySimulator
from szfinder.report import score_table, write_report


@pytest.fixture(scope="module")
def search():
    sky = SkySimulator.from_preset("spt3g", size=2, rng=5).patch()
    score_map = MatchedFilterFinder().score_map(sky.maps)
    return sky, score_map, MatchedFilterFinder().detect(score_map)


@pytest.fixture
def weighed(search):
    """The catalogue with masses that fall from row to row."""
    clusters = search[-1].copy()
    clusters["m200c"] = np.linspace(7.77e14, 2e14, len(clusters)) * u.Msun
    clusters["m200c_err"] = 0.2 * clusters["m200c"]
    clusters["mass_flags"] = 4
    return clusters


def test_report_shows_what_was_found(search, tmp_path):
    sky, score_map, clusters = search
    write_report(tmp_path / "report.html", sky, score_map, clusters, seed=5)
    html = (tmp_path / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert clusters["name"][0] in html and "seed 5" in html and "szfinder" in html
    assert html.count("<img") >= 3
    assert "Masses" not in html and "m200c" not in html


def test_report_with_masses(search, weighed, tmp_path):
    """They have a section of their own, with a picture, and stand beside the detections."""
    sky, score_map, _ = search
    write_report(tmp_path / "report.html", sky, score_map, weighed)
    html = (tmp_path / "report.html").read_text()
    section = html.partition("<h2>Masses</h2>")[2].partition("<h2>")[0]
    assert section.count("<img") == 1
    assert f"{len(weighed)} of {len(weighed)} detections have a mass" in section
    assert "<td>7.77e+14</td><td>1.55e+14</td>" in html


@pytest.mark.parametrize("with_masses", [False, True])
def test_report_without_detections(search, weighed, tmp_path, with_masses):
    sky, score_map, clusters = search
    nothing = (weighed if with_masses else clusters)[:0]
    write_report(tmp_path / "report.html", sky, score_map, nothing)
    html = (tmp_path / "report.html").read_text()
    assert "There is none." in html
    assert ("0 of 0 detections have a mass" in html) == with_masses


def test_scores_of_the_truth_itself_are_perfect(search):
    sky, _, _ = search
    truth = sky.truth[sky.truth["m500c"].value > 5e13]
    perfect = QTable({"sky_centroid": truth["sky_centroid"], "score": np.full(len(truth), 10.0)})
    table = score_table(sky, perfect)
    np.testing.assert_array_equal(table["purity"], 1)
    np.testing.assert_array_equal(table["complete, M500c > 1e+14"], 1)


def test_scores_of_empty_sky_positions_are_zero(search):
    """Halves of a map without clusters do not match: shift the truth by half a degree."""
    sky, _, _ = search
    truth = sky.truth[sky.truth["m500c"].value > 2e14]
    offset = truth["sky_centroid"].directional_offset_by(0, 0.1 * truth["theta500"].unit * 200)
    table = score_table(sky, QTable({"sky_centroid": offset, "score": np.full(len(truth), 10.0)}))
    assert table["complete, M500c > 3e+14"][0] in (0, pytest.approx(np.nan, nan_ok=True))


@pytest.mark.parametrize("least, thresholds", [
    (4.5, [4.5, 5, 6, 8]), (5.4, [5.4, 6, 8]), (5.5, [5.5, 8]), (9, [9]),
    (0.33, [0.33, 0.4, 0.6, 0.8]), (0.7, [0.7, 0.8]),
])  # fmt: skip
def test_table_begins_at_the_threshold(search, least, thresholds):
    """Higher ones follow: probabilities where it is below 1, or else signal-to-noise ratios."""
    sky, _, clusters = search
    clusters = clusters.copy()
    clusters.meta["threshold"] = least
    table = score_table(sky, clusters)
    assert table["score"].tolist() == thresholds
    expected = score_table(sky, clusters, thresholds=thresholds)
    assert table["detections"].tolist() == expected["detections"].tolist()


@pytest.mark.parametrize("method, least", [("product", 2.1), ("and", 0.8), ("and", 1.0)])
def test_table_of_ranks(search, method, least):
    """They are no probabilities, nor signal-to-noise ratios: steps are parts of the least."""
    sky, _, clusters = search
    clusters = clusters.copy()
    clusters.meta |= {"method": method, "threshold": least}
    expected = least * np.array([1, 1.1, 1.2, 1.3])
    np.testing.assert_allclose(score_table(sky, clusters)["score"], expected)
