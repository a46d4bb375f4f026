"""Masses of detections beside those of their halos, where both are made by hand."""

import re
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from numpy.testing import assert_allclose
from scipy.stats import norm

from szfinder import Instrument
from szfinder.report import Page
from szfinder.report.masses import add_masses, has_masses, mass_figure, mass_pairs

TRUE = np.array([2e14, 4e14, 8e14, 3e14, 6e14, 9e13])


def make_sky(m200c):
    """What the report looks at of a sky: halos in a row, 6 arcmin from each other."""
    positions = SkyCoord(30 + 0.1 * np.arange(len(m200c)), 0, unit="deg")
    halos = {"sky_centroid": positions, "m200c": m200c * u.Msun, "m500c": 0.55 * m200c * u.Msun}
    return SimpleNamespace(instrument=Instrument.from_preset("spt3g"), truth=QTable(halos))


def weighed(sky, ratio, *, error=0.25, flags=0):
    """A detection at each halo, half an arcminute off, of so many times its mass."""
    halos = sky.truth
    position = halos["sky_centroid"].directional_offset_by(30 * u.deg, 0.5 * u.arcmin)
    mass = halos["m200c"] * ratio
    return QTable({"sky_centroid": position, "score": np.linspace(9, 5, len(halos)),
                   "m200c": mass, "m200c_err": error * mass,
                   "mass_flags": np.broadcast_to(flags, len(halos))})  # fmt: skip


@pytest.fixture
def sky():
    """A sky of six halos, of which the last is too light to be what a detection is of."""
    return make_sky(TRUE)


@pytest.fixture
def clusters(sky):
    """Detections of all halos, and one of nothing; some flagged, and one not weighed."""
    ratio = [1.1, 0.9, np.nan, 1.3, 3.0, 1.0, 1.0]
    flags = [0, 4, 1, 4, 12, 0, 0]
    nothing = make_sky(np.append(TRUE, 5e14))
    return weighed(nothing, ratio, flags=flags)


@pytest.mark.parametrize("name", ["m200c", "m200c_err", "mass_flags"])
def test_whether_a_catalogue_has_masses(clusters, name):
    assert has_masses(clusters)
    clusters.remove_column(name)
    assert not has_masses(clusters)


def test_pairs_are_detections_with_a_mass_at_a_halo(sky, clusters):
    """In any order; neither those of nothing, nor at a light halo, nor without a mass."""
    for order in (slice(None), slice(None, None, -1)):
        pairs = mass_pairs(sky, clusters[order])
        pairs.sort("true_m200c")
        assert_allclose(pairs["true_m200c"].to_value("Msun"), TRUE[[0, 3, 1, 4]])
        ratio = (pairs["m200c"] / pairs["true_m200c"]).to_value(u.one)
        assert_allclose(ratio, [1.1, 1.3, 0.9, 3])
        assert pairs["holds"].tolist() == [True, True, True, False]


def test_what_is_said(sky, clusters):
    """The mass that does not hold is counted, but is not in the median of 0.9, 1.1 and 1.3."""
    clusters.meta["mass_preset"] = "mine"
    page = Page("masses")
    add_masses(page, sky, clusters)
    text = page.html()
    assert "6 of 7 detections have a mass, by the network mine. " in text
    flagged = re.search("Flagged are (.*?)[.]</p>", text).group(1).split("; ")
    assert [part.partition(" ")[0] for part in flagged] == ["1", "3", "1"]
    for part, words in zip(flagged, ("edge of the maps", "known redshift", "beyond the range")):
        assert words in part
    assert "Of 3 masses that hold" in text and "the median is 1.10 of the true M200c" in text
    assert text.count("<img") == 1


def test_bias_and_scatter():
    """Of masses that are log-normal about 0.8 times the true ones."""
    n = 201
    sky = make_sky(np.geomspace(1.2e14, 1e15, n))
    ratio = 0.8 * np.exp(0.3 * norm.ppf((np.arange(n) + 0.5) / n))
    page = Page("masses")
    add_masses(page, sky, weighed(sky, np.random.default_rng(1).permutation(ratio)))
    assert "the median is 0.80 of the true M200c" in page.html()
    assert "the scatter of ln(M / M_true) 0.30: " in page.html()
    assert "Flagged are none." in page.html()


@pytest.mark.parametrize("rows", [[], [2, 6]])
def test_without_any_pair(sky, clusters, rows):
    page = Page("masses")
    add_masses(page, sky, clusters[rows])
    text = page.html()
    assert "No mass that holds is at a halo of 5e+13 Msun" in text and "<img" not in text
    assert f"{len(rows) // 2} of {len(rows)} detections have a mass" in text


def test_figure(sky, clusters):
    """Points on the axes of both masses, bars of log-normal errors, open where none holds."""
    sigma = 0.25
    clusters["m200c_err"] = np.sinh(sigma) * clusters["m200c"]
    clusters["m200c"][3] = -1e13 * u.Msun  # nothing that a logarithmic axis has
    (axes,) = mass_figure(mass_pairs(sky, clusters)).axes
    for container, rows, colour in zip(axes.containers, ([0, 1], [4]), (None, "white")):
        points, _, (bars,) = container.lines
        assert_allclose(points.get_xdata(), TRUE[rows])
        mass = clusters["m200c"].to_value("Msun")[rows]
        assert_allclose(points.get_ydata(), mass)
        ends = np.array(bars.get_segments())[..., 1]
        assert_allclose(ends, mass[:, None] * np.exp([-sigma, sigma]))
        face = points.get_markerfacecolor()
        assert (face == "white") == (colour == "white")
    assert axes.get_xlim() == axes.get_ylim() and axes.get_xscale() == axes.get_yscale() == "log"
    low, high = axes.get_xlim()
    assert low < 1.1 * TRUE[0] < 3 * TRUE[4] < high
