"""Figures of recovered signals and positions."""

import subprocess
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from szfinder.evaluation import match_detections, plot_offsets, plot_recovery, residuals


@pytest.fixture
def table(table_of):
    """Residuals of four detections 12, 24, 30 and 36 arcsec off."""
    places = np.array([[0, 0], [3, 0], [0, 3], [3, 3]])
    truth = table_of(places, mvir=[1e14] * 4 * u.Msun)
    offsets = [[0.2, 0], [0, -0.4], [0, 0.5], [-0.6, 0]]
    found = table_of(places + offsets, snr=[5, 10, 20, 40])
    table = residuals(found, truth, match_detections(found, truth, score="snr"))
    table["ideal_snr"] = [4.0, 11, 20, 38]
    return table


def test_offsets(table):
    axes = plot_offsets({"filter": table})
    x, y = axes.lines[0].get_xydata().T
    np.testing.assert_allclose(x, [12, 0, 0, -36], atol=0.1)
    np.testing.assert_allclose(y, [0, -24, 30, 0], atol=0.1)
    assert axes.xaxis_inverted() and axes.get_aspect() == 1  # east is at the left
    circle = next(patch for patch in axes.patches if isinstance(patch, Circle))
    assert circle.get_radius() == pytest.approx(27, abs=0.1)
    assert axes.get_legend().get_texts()[0].get_text() == "filter: half within 27 arcsec"
    assert max(axes.get_xlim()) > 36


def test_signals_and_offsets_of_two_finders(table):
    signals, sky = plot_recovery({"filter": table, "network": table[:2]})
    assert [len(line.get_xdata()) for line in signals.lines[:2]] == [4, 2]
    np.testing.assert_array_equal(signals.lines[0].get_xdata(), table["ideal_snr"])
    np.testing.assert_array_equal(signals.lines[0].get_ydata(), table["snr"])
    ideal, fitted = (line.get_xydata().T for line in signals.lines[2:])
    np.testing.assert_array_equal(*ideal)
    np.testing.assert_allclose(fitted[1] ** 2 - fitted[0] ** 2, 3)
    assert len(sky.patches) == 2
    assert signals.lines[0].get_marker() != signals.lines[1].get_marker()


def test_without_matches(table):
    for axes in (plot_offsets({"filter": table[:0]}), *plot_recovery({"filter": table[:0]})):
        axes.figure.canvas.draw()
        assert not axes.patches


def test_missing_columns(table):
    with pytest.raises(ValueError, match="no column 'ideal_snr'"):
        plot_recovery({"filter": table["snr", "offset_east", "offset_north"]})
    with pytest.raises(ValueError, match="no column 'offset_east'"):
        plot_offsets({"filter": QTable({"snr": [5.0]})})


def test_on_given_axes(table):
    given = Figure().subplots(2, 2)
    assert plot_recovery({"filter": table}, axes=given[0]).tolist() == given[0].tolist()
    assert plot_offsets({"filter": table}, axes=given[1, 1]) is given[1, 1]


def test_matplotlib_waits_for_the_first_figure():
    code = "import sys, szfinder.evaluation; print([m for m in sys.modules if 'matplotlib' in m])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
