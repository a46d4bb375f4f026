"""Figures of completeness."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from matplotlib.figure import Figure

from szfinder.evaluation import (
    completeness,
    completeness_map,
    plot_completeness,
    plot_completeness_map,
)

MASSES = [1, 2, 4, 8] * (1e14 * u.Msun)
REDSHIFTS = [0, 0.5, 1]


@pytest.fixture
def truth():
    rng = np.random.default_rng(1)
    mass = np.exp(rng.uniform(np.log(1e14), np.log(4e14), 200)) * u.Msun
    return QTable({"mvir": mass, "redshift": rng.uniform(0, 1, 200)})


@pytest.fixture
def found(truth):
    return np.random.default_rng(2).random(200) < truth["redshift"]


@pytest.fixture
def tables(truth, found):
    return {"filter": completeness(truth, found, "mvir", MASSES),
            "network": completeness(truth, ~found, "mvir", MASSES)}


def bars(axes):
    """Points of each finder, and the ends of their bars."""
    return {one.get_label(): (one[0].get_xydata(), np.array(one[2][0].get_segments(), dtype=object))
            for one in axes.containers}


def test_points_and_bars(truth, found, tables):
    points, segments = bars(plot_completeness(tables))["filter"]
    mass = truth["mvir"].to_value(u.Msun)
    first = (mass >= 1e14) & (mass < 2e14)
    assert points[0, 1] == pytest.approx(found[first].mean())
    assert np.isnan(points[2, 1])
    lower, upper = tables["filter"]["lower"][0], tables["filter"]["upper"][0]
    np.testing.assert_allclose(np.array(segments[0], float)[:, 1], [lower, upper])


def test_points_of_finders_lie_within_their_bins_and_apart(tables):
    drawn = [points[:, 0] for points, _ in bars(plot_completeness(tables)).values()]
    low, high = MASSES[:-1].value, MASSES[1:].value
    for x in drawn:
        assert ((low < x) & (x < high)).all()
        # geometric bins: all at the same place within
        np.testing.assert_allclose(np.log(x / low) / np.log(high / low), np.log(x[0] / low[0])
                                   / np.log(2))
    assert (drawn[0] < drawn[1]).all()


def test_scale_of_the_axes_follows_the_bins(truth, found, tables):
    assert plot_completeness(tables).get_xscale() == "log"
    table = completeness(truth, found, "redshift", REDSHIFTS)
    axes = plot_completeness({"filter": table})
    assert axes.get_xscale() == "linear" and axes.get_xlabel() == "redshift"
    uneven = completeness(truth, found, "redshift", [0.1, 0.2, 0.4, 0.8])
    assert plot_completeness({"filter": uneven}).get_xscale() == "log"


def test_halos_behind(tables):
    axes = plot_completeness(tables)
    behind = next(one for one in axes.figure.axes if one is not axes)
    assert behind.get_ylabel() == "halos" and behind.get_zorder() < axes.get_zorder()
    np.testing.assert_array_equal(behind.patches[0].get_data().values, tables["filter"]["n"])


@pytest.mark.parametrize("limit", [2e14, 2e14 * u.Msun, (2e14 * u.Msun).to(u.kg)])
def test_limit(tables, limit):
    axes = plot_completeness(tables, limit=limit)
    line = next(one for one in axes.lines if one.get_linestyle() == ":")
    np.testing.assert_allclose(line.get_xdata(), 2e14)


def test_ratio_to_a_reference(truth, found, tables):
    upper, lower = plot_completeness(tables, reference="filter", limit=2e14)
    assert upper.get_shared_x_axes().joined(upper, lower)
    ratio = lower.lines[1].get_ydata()
    mass = truth["mvir"].to_value(u.Msun)
    first = found[mass < 2e14]
    assert ratio[0] == pytest.approx((~first).mean() / first.mean())
    assert lower.lines[0].get_ydata()[:2].tolist() == [1, 1]
    assert lower.get_xlabel() and not upper.get_xlabel()
    assert lower.get_ylabel() == "over filter"


def test_ratio_where_the_reference_finds_nothing(truth, found):
    nothing = completeness(truth, np.zeros(200, bool), "mvir", MASSES)
    tables = {"filter": completeness(truth, found, "mvir", MASSES), "blind": nothing}
    axes = plot_completeness(tables, reference="blind")
    axes[0].figure.canvas.draw()
    assert np.isnan(axes[1].lines[0].get_ydata()).all()


@pytest.mark.parametrize("change, message", [
    (lambda t, other: plot_completeness({}), "at least one"),
    (lambda t, other: plot_completeness(t, reference="eye"), "filter, network; found 'eye'"),
    (lambda t, other: plot_completeness({**t, "eye": other}), "share their bins: those of 'eye'"),
    (lambda t, other: plot_completeness_map({}), "at least one"),
])
def test_mistakes(truth, found, tables, change, message):
    with pytest.raises(ValueError, match=message):
        change(tables, completeness(truth, found, "redshift", REDSHIFTS))


def test_other_edges_are_refused(truth, found, tables):
    tables["network"] = completeness(truth, found, "mvir", MASSES * 1.1)
    with pytest.raises(ValueError, match="share their bins"):
        plot_completeness(tables)


def test_without_halos(truth):
    table = completeness(truth[:0], np.zeros(0, bool), "mvir", MASSES)
    assert np.isnan(table["completeness"]).all()
    axes = plot_completeness({"filter": table}, limit=2e14)
    axes.figure.canvas.draw()
    assert "filter" in axes.get_legend_handles_labels()[1]


def test_completeness_on_given_axes(tables):
    given = Figure().subplots(2, 2)
    assert plot_completeness(tables, axes=given[0, 0]) is given[0, 0]
    drawn = plot_completeness(tables, reference="filter", axes=given[:, 1])
    assert drawn.tolist() == given[:, 1].tolist()


@pytest.fixture
def maps(truth, found):
    by, edges = ("redshift", "mvir"), (REDSHIFTS, MASSES)
    return {"filter": completeness_map(truth, found, by, edges),
            "network": completeness_map(truth, ~found, by, edges)}


def test_one_panel_a_finder(truth, found, maps):
    axes = plot_completeness_map(maps)
    assert [panel.get_title() for panel in axes] == ["filter", "network"]
    colours = axes[0].collections[0].get_array()
    assert colours.shape == (3, 2)  # mass upwards, redshift to the right
    mass = truth["mvir"].to_value(u.Msun)
    cell = (mass >= 2e14) & (truth["redshift"] < 0.5)
    assert colours[1, 0] == pytest.approx(found[cell].mean())
    assert np.ma.getmaskarray(colours)[2].all()
    assert axes[0].collections[0].get_clim() == (0, 1)
    assert axes[0].get_xscale() == "linear" and axes[0].get_yscale() == "log"
    assert axes[0].get_xlabel() == "redshift" and "vir" in axes[0].get_ylabel()
    assert axes[0].figure.axes[-1].get_ylabel() == "completeness"


def test_limits_of_the_map(maps):
    panel = plot_completeness_map(maps, limits=(0.25, 2e14 * u.Msun))[1]
    vertical, horizontal = panel.lines
    assert set(vertical.get_xdata()) == {0.25} and set(horizontal.get_ydata()) == {2e14}
    panel = plot_completeness_map(maps, limits=(None, 2e14))[0]
    assert set(panel.lines[0].get_ydata()) == {2e14} and len(panel.lines) == 1


def test_map_on_given_axes(maps):
    given = Figure().subplots(2, 2)
    assert plot_completeness_map(maps, axes=given[:, 0]).tolist() == given[:, 0].tolist()
    with pytest.raises(ValueError, match="found 4 for 2"):
        plot_completeness_map(maps, axes=given)
