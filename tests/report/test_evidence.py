"""Why an ensemble kept its detections, as the report says it."""

import re
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from szfinder import EnsembleFinder, Instrument, MatchedFilterFinder, SkySimulator
from szfinder.report import Page, write_report
from szfinder.report.cutouts import cutout_figure
from szfinder.report.evidence import add_evidence, explain, member_names
from szfinder.report.truth import heavy_halos, matching_radius

META = {"members": "matched_filter, unet", "method": "calibrated", "threshold": 0.3,
        "unet_threshold": 0.4, "matched_filter_threshold": 4.5}  # fmt: skip


def row(found=(True, True), score=0.9731, **meta):
    """A detection by hand: ranks of 3 and 4.3."""
    values = {"score": score, "score_matched_filter": 12.34, "rank_matched_filter": 3.0,
              "found_matched_filter": found[0], "score_unet": 0.31, "rank_unet": 4.3,
              "found_unet": found[1]}  # fmt: skip
    return QTable([values], meta={**META, **meta})[0]


@pytest.mark.parametrize("found, who", [
    ((True, True), "Found by both members: "),
    ((True, False), "Found by the matched filter alone: "),
    ((False, True), "Found by the U-Net alone: "),
    ((False, False), "No member alone would have found it: "),
])  # fmt: skip
def test_who_found_it(found, who):
    text = explain(row(found))
    assert text.startswith(who) and text.endswith(".") and "\n" not in text
    assert ("U-Net, below its threshold of 0.4 (" in text) == (not found[1])
    assert ("matched filter, below its threshold of 4.5 (" in text) == (not found[0])


def test_scores_and_ranks_in_words():
    text = explain(row())
    assert "S/N 12.3 in the matched filter (counts as 1 in 1,000 pixels)" in text
    assert "0.31 in the U-Net (counts as 1 in 20,000 pixels)" in text


@pytest.mark.parametrize("method, words", [
    ("calibrated", "a cluster with a probability of 0.973, and 0.300 is enough"),
    ("product", "the rank of their product is 0.973, and 0.300 is enough"),
    ("and", "the lowest rank is 0.973 of the one that is asked for, and 0.300 is enough"),
])  # fmt: skip
def test_what_the_ensemble_makes_of_it(method, words):
    assert words in explain(row(method=method))


def test_three_members_and_names_of_ones_own():
    catalogue = QTable(row().table)
    for quantity, value in {"score": 7.0, "rank": 2.0, "found": True}.items():
        catalogue[f"{quantity}_mine"] = value
    catalogue.meta["members"] += ", mine"
    assert explain(catalogue[0]).startswith("Found by all 3 members: ")
    catalogue["found_unet"] = False
    text = explain(catalogue[0])
    assert text.startswith("Found by the matched filter and the mine alone: ")
    assert "7.00 in the mine (counts as 1 in 100 pixels)" in text


@pytest.fixture(scope="module")
def sky():
    return SkySimulator.from_preset("spt3g", size=2, rng=5).patch()


@pytest.fixture(scope="module")
def search(sky):
    """Two filters, of which one asks for twice the S/N of the other."""
    members = {"matched_filter": MatchedFilterFinder(), "strict": MatchedFilterFinder(threshold=9)}
    finder = EnsembleFinder(members, threshold=1.9)
    score_map = finder.score_map(sky.maps)
    return score_map, finder.detect(score_map)


def test_best_and_most_doubtful(sky, search):
    """Ten from the top in falling order, ten from the bottom in rising, none of them twice."""
    score_map, clusters = search
    assert len(clusters) > 20
    page = Page("why")
    add_evidence(page, sky, score_map, clusters)
    html = page.html()
    shown = [int(number) for number in re.findall(r"<h3>(\d+)\. SZF J", html)]
    last = len(clusters)
    assert shown == [*range(1, 11), *range(last, last - 10, -1)]
    assert html.count("<img") == html.count("<section>") == html.count("</section>") == 20
    for number in shown:
        assert explain(clusters[number - 1]) in html
        assert clusters["name"][number - 1] in html


def test_few_detections_are_shown_once(sky, search):
    score_map, clusters = search
    page = Page("why")
    add_evidence(page, sky, score_map, clusters[:3])
    html = page.html()
    assert html.count("<section>") == 3 and html.count("There is none.") == 1


def test_masses_beside_the_rest(sky, search):
    """With the flags of a mass in words; without masses nothing is said of them."""
    score_map, clusters = search
    weighed = clusters[:3].copy()
    weighed["m200c"] = [4.44e14, 3.33e14, np.nan] * u.Msun
    weighed["m200c_err"] = [1.11e14, 2.22e14, np.nan] * u.Msun
    weighed["mass_flags"] = [4 + 8, 0, 1]
    pages = Page("without"), Page("with")
    for page, table in zip(pages, (clusters[:3], weighed)):
        add_evidence(page, sky, score_map, table)
    without, with_masses = (page.html() for page in pages)
    assert "m200c" not in without and "of the mass" not in without
    flags = re.findall("; of the mass: (.*?)[.] In truth", with_masses)
    assert flags == ["no redshift, outside", "none", "edge"]
    for cells in ("4.44e+14</td><td>1.11e+14", "3.33e+14</td><td>2.22e+14", "nan</td><td>nan"):
        assert f"<td>{cells}</td>" in with_masses


def test_truth_of_each_row(sky, search):
    """Masses in the page are those of the heaviest halos nearby, by brute force."""
    score_map, clusters = search
    page = Page("why")
    add_evidence(page, sky, score_map, clusters[:8])
    told = re.findall(r"In truth: (.*?)\.</p>", page.html())
    heavy = heavy_halos(sky.truth)
    taken = set()
    for text, position in zip(told, clusters["sky_centroid"][:8], strict=True):
        near = position.separation(heavy["sky_centroid"]) <= matching_radius(sky)
        near = sorted(set(np.flatnonzero(near)) - taken, key=lambda i: -heavy["m500c"][i].value)
        if near:
            taken.add(near[0])
            m500c, m200c = (heavy[name][near[0]].value for name in ("m500c", "m200c"))
            assert text.startswith(f"a halo of {m500c:.1e} Msun (M500c; {m200c:.1e} M200c) at ")
            assert f"redshift {heavy['redshift'][near[0]]:.2f}" in text
        else:
            assert text.startswith("nothing")


def test_report_of_an_ensemble(sky, search, tmp_path):
    score_map, clusters = search
    write_report(tmp_path / "report.html", sky, score_map, clusters)
    html = (tmp_path / "report.html").read_text()
    assert "The best detections, and why" in html and "The strongest detections" not in html
    assert not re.search(r'(src|href)="(?!data:)', html)
    write_report(tmp_path / "report.html", sky, score_map, clusters[:0])
    assert "There is none." in (tmp_path / "report.html").read_text()


def test_other_catalogues_have_no_members():
    assert member_names(QTable(meta={"finder": "MatchedFilterFinder"})) == []
    assert member_names(row().table) == ["matched_filter", "unet"]


@pytest.mark.parametrize("preset, radius", [("spt3g", 1.04), ("planck-hfi", 4.26)])
def test_halos_are_matched_within_the_beam(preset, radius):
    sky = SimpleNamespace(instrument=Instrument.from_preset(preset))
    assert matching_radius(sky) == radius * u.arcmin


def test_decrements_are_blue(sky, search):
    """The middle of the picture of the most massive cluster, in units of the colour scale."""
    score_map, clusters = search
    heavy = sky.truth[np.argmax(sky.truth["m500c"])]
    separation = clusters["sky_centroid"].separation(heavy["sky_centroid"])
    number = np.argmin(separation)
    figure = cutout_figure(sky, score_map, clusters[number : number + 1])
    above, below = (axes.images[0] for axes in figure.axes)
    middle = tuple(n // 2 for n in below.get_array().shape)
    assert below.norm(below.get_array()[middle]) < 0.2
    assert above.norm(above.get_array()[middle]) == pytest.approx(1, abs=0.1)
