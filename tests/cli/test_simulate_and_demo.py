"""``szfinder simulate`` and ``szfinder demo`` on small skies."""

import re

import numpy as np
import pytest
from astropy.table import QTable
from astropy.utils.exceptions import AstropyUserWarning

from szfinder import Instrument, SkySimulator, read_maps
from szfinder.cli import main
from szfinder.cli.simulate import SKIES
from szfinder.models import available_presets
from szfinder.simulation import PRESETS


def test_simulated_sky_is_read_back(tmp_path, capsys):
    folder = tmp_path / "sky"
    assert main(["simulate", "--size", "1", "--seed", "3", "-o", str(folder)]) == 0
    assert "halos" in capsys.readouterr().out
    instrument = Instrument.read(folder / "instrument.yaml")
    maps = read_maps({name: folder / f"{name}.fits" for name in instrument.names},
                     instrument=instrument)
    sky = SkySimulator.from_preset("spt3g", size=1, rng=3).patch()
    np.testing.assert_allclose(maps.data, sky.maps.data, rtol=1e-6)
    truth = QTable.read(folder / "truth.ecsv")
    assert len(truth) == len(sky.truth)
    assert truth.meta["entropy"] == sky.truth.meta["entropy"]
    ell, window = np.loadtxt(folder / "150_beam.txt", unpack=True)
    np.testing.assert_allclose(window, instrument["150"].beam.window(ell), atol=1e-6)


def test_sphere(tmp_path):
    arguments = ["simulate", "--preset", "gupta2020", "--nside", "64", "-o", str(tmp_path / "sky")]
    with pytest.warns(AstropyUserWarning, match="wider than half the beam of band 150"):
        assert main(arguments) == 0
    assert {path.name for path in (tmp_path / "sky").iterdir()} == {
        "150.fits", "150_beam.txt", "instrument.yaml", "truth.ecsv"}


@pytest.mark.parametrize("preset, finder", [
    ("spt3g", "EnsembleFinder"), ("act-dr6", "MatchedFilterFinder"),
])  # fmt: skip
def test_demo_leaves_a_folder(tmp_path, capsys, preset, finder):
    """What finds the clusters is the ensemble for such maps, or else the matched filter."""
    if finder == "EnsembleFinder":
        pytest.importorskip("keras")
    folder = tmp_path / "demo"
    arguments = ["demo", "--preset", preset, "--size", "1.5", "--seed", "2", "-o", str(folder)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "purity" in out and "wrote" in out and f"searching with {finder}" in out
    assert ("the matched filter is used" in out) == (finder == "MatchedFilterFinder")
    assert {path.name for path in folder.iterdir()} == {
        "catalogue.ecsv", "catalogue.reg", "truth.ecsv", "report.html"}
    clusters = QTable.read(folder / "catalogue.ecsv")
    assert clusters.meta["finder"] == finder
    least = next(line for line in out.splitlines() if re.match(r" *[0-9.]+ +\d+ ", line)).split()
    assert float(least[0]) == pytest.approx(clusters.meta["threshold"], rel=1e-2)
    report = (folder / "report.html").read_text()
    weighed = preset == "spt3g" and "mass-spt3g" in available_presets() and len(clusters) > 0
    assert ("m200c" in clusters.colnames) == ("<h2>Masses</h2>" in report) == weighed
    assert ("The best detections, and why" in report) == (finder == "EnsembleFinder")
    assert f"{len(clusters)} detections" in out and f"{len(clusters)} detections" in report


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_folder_in_use_is_kept(tmp_path, capsys, command):
    (tmp_path / "mine.txt").write_text("mine")
    assert main([command, "--size", "0.5", "-o", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_unwritable_folder(tmp_path, capsys, command):
    assert main([command, "--size", "0.5", "-o", str(tmp_path / "no" / "folder")]) == 1
    assert "no folder" in capsys.readouterr().err


def test_impossible_size(tmp_path, capsys):
    assert main(["simulate", "--size", "-1", "-o", str(tmp_path / "sky")]) == 1
    assert "size" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_unknown_preset(tmp_path, capsys):
    assert main(["simulate", "--preset", "spt", "-o", str(tmp_path / "sky")]) == 1
    assert "use one of deepsz, spt3g" in capsys.readouterr().err


def test_presets_of_the_help_are_those_there_are():
    assert set(SKIES.replace(" or ", ", ").split(", ")) == set(PRESETS)


def test_a_sphere_has_no_size(tmp_path, capsys):
    assert main(["simulate", "--nside", "64", "--size", "2", "-o", str(tmp_path / "sky")]) == 1
    assert "--size is the side of a patch" in capsys.readouterr().err
