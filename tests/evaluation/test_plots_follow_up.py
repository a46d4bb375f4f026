"""Figures of stacks, profiles and fluxes."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, QTable

from szfinder.evaluation import (
    Stack,
    flux_against,
    mean_flux,
    plot_flux_against,
    plot_profiles,
    plot_stacks,
    radial_profile,
)


@pytest.fixture
def stack():
    cutouts = np.random.default_rng(1).lognormal(size=(9, 11, 21)) * u.uK
    return Stack(cutouts, 2 * u.arcmin, np.ones(9))


@pytest.fixture
def fluxes():
    return QTable({"flux": np.random.default_rng(2).normal(3, 1, 80) * u.arcmin**2})


@pytest.mark.parametrize("n", [1, 3, 6])
def test_stacks(stack, n, tmp_path):
    stacks = {f"{frequency} GHz": stack for frequency in range(n)}
    axes = plot_stacks(stacks)
    assert [panel.get_title() for panel in axes] == [f"{name} (9)" for name in stacks]
    for panel in axes:
        np.testing.assert_allclose(panel.images[0].get_array(), stack.mean.value)
        assert panel.images[0].get_extent() == [-21, 21, -11, 11]
    assert len(axes[0].figure.axes) == 2 * n  # a colour bar each, and no empty panel
    axes[0].figure.savefig(tmp_path / "stacks.png")


def test_medians_on_given_axes(stack):
    given = plot_stacks({"a": stack, "b": stack})[0].figure.subplots(2)
    axes = plot_stacks({"a": stack, "b": stack}, median=True, axes=given)
    assert axes[0] is given[0]
    np.testing.assert_allclose(axes[1].images[0].get_array(), stack.median.value)
    with pytest.raises(ValueError, match="found 2 for 1"):
        plot_stacks({"a": stack}, axes=given)


def points(axes):
    return {one.get_label(): (one[0].get_xydata(), np.array(one[2][0].get_segments(), dtype=object))
            for one in axes.containers}


def test_profiles_and_the_beam(stack):
    table = radial_profile(stack, [0, 2, 5, 10], rng=1)
    axes = plot_profiles({"bright": table, "faint": table}, beam=5 * u.arcmin)
    drawn = points(axes)
    assert list(drawn) == ["bright", "faint"]
    x, y = drawn["faint"][0].T
    np.testing.assert_allclose(x, table["radius"].value)
    np.testing.assert_allclose(y, table["mean"].value)
    np.testing.assert_allclose(drawn["bright"][1][..., 1].astype(float),
                               np.transpose([table["lower"].value, table["upper"].value]))
    beam = next(line for line in axes.lines if line.get_label() == "beam").get_xydata()
    np.testing.assert_allclose(beam[0], [1, table["mean"].value[0]])
    # between 1 and 2.5 arcmin a Gaussian that is 5 arcmin wide falls by this
    expected = 2 ** ((1 - 2.5**2) / 2.5**2)
    assert np.interp(2.5, *beam.T) / beam[0, 1] == pytest.approx(expected, rel=1e-3)
    assert "uK" in axes.get_ylabel() or "mu" in axes.get_ylabel()


def test_fluxes_and_references(fluxes, tmp_path):
    probability = Column(np.random.default_rng(3).random(80), name="probability")
    table, psz2 = flux_against(fluxes, probability, 4, rng=1), mean_flux(fluxes[:9], rng=1)
    axes = plot_flux_against({"U-Net": table}, references={"PSZ2": psz2})
    np.testing.assert_allclose(points(axes)["U-Net"][0],
                               np.transpose([table["mean"], table["flux"].value]))
    line = next(line for line in axes.lines if line.get_label() == "PSZ2")
    np.testing.assert_allclose(line.get_ydata(), psz2["flux"].value[0])
    assert axes.get_xlabel() == "probability" and "flux" in axes.get_ylabel()
    axes.figure.savefig(tmp_path / "fluxes.png")


def test_unknown_bars_are_not_drawn(fluxes):
    table = flux_against(fluxes[:3], [0.1, 0.2, 0.9] * u.Msun, [0, 0.5, 0.8, 1])
    axes = plot_flux_against({"few": table})
    axes.figure.canvas.draw()
    assert "M" in axes.get_xlabel()
    bars = points(axes)["few"][1]
    assert bars[0][0, 1] < bars[0][1, 1]  # of two objects
    assert bars[2][0, 1] == bars[2][1, 1]  # of one


@pytest.mark.parametrize("plot", [plot_stacks, plot_profiles, plot_flux_against])
def test_nothing_to_draw(plot):
    with pytest.raises(ValueError, match="must hold at least one"):
        plot({})
