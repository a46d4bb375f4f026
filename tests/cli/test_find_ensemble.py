"""``szfinder find`` with an ensemble, asked for or not."""

import numpy as np
import pytest
from astropy.table import QTable

from szfinder import EnsembleFinder, SkySimulator, read_maps
from szfinder.cli import finders, main
from szfinder.finders.ensemble import THRESHOLDS
from szfinder.finders import ensemble_for


@pytest.fixture
def own(arguments, ensemble, tmp_path):
    """What finds clusters by an ensemble of one's own, and writes them to cat.ecsv."""
    weights = ["--finder", "ensemble", "--weights", str(ensemble)]
    return [*arguments, *weights, "-o", str(tmp_path / "cat.ecsv")]


@pytest.mark.parametrize("method", [None, *THRESHOLDS])
def test_same_as_from_python(own, ensemble, folder, tmp_path, method):
    assert main([*own, *(["--method", method] if method else [])]) == 0
    maps = read_maps({band: folder / f"{band}.fits" for band in (95, 150, 220)},
                     instrument=folder / "mock.yaml")  # fmt: skip
    expected = EnsembleFinder.from_preset(ensemble, method=method)(maps)
    clusters = QTable.read(tmp_path / "cat.ecsv")
    assert clusters.meta["method"] == (method or "calibrated")
    assert len(clusters) >= 2
    np.testing.assert_array_equal(clusters["score"], expected["score"])
    np.testing.assert_array_equal(clusters["found_second"], expected["found_second"])


def test_what_is_printed(own, capsys):
    """Probability, S/N and the members' scores, in lines that a terminal shows whole."""
    assert main(own) == 0
    out = capsys.readouterr().out
    assert "the matched filter is used" not in out
    lines = out.splitlines()
    header = next(line for line in lines if "name" in line and "flags" in line)
    assert header.split() == ["name", "score", "probability", "snr", "theta_c", "y_c", "flags",
                              "score_first", "score_second"]  # fmt: skip
    start = lines.index(header)
    assert max(map(len, lines[start : start + 6])) <= 100


def test_members_that_do_not_fit_are_left_out(own, monkeypatch, capsys):
    monkeypatch.setattr("szfinder.cli.find.MAX_WIDTH", 85)
    assert main(own) == 0
    out = capsys.readouterr().out
    assert "score_first" in out and "score_second" not in out


def test_threshold_of_an_ensemble(own, tmp_path, capsys):
    assert main([*own, "--threshold", "0.9"]) == 0
    assert QTable.read(tmp_path / "cat.ecsv").meta["threshold"] == 0.9
    assert main([*own, "--threshold", "4.5"]) == 1
    assert "threshold must be a probability" in capsys.readouterr().err


def test_matched_filter_where_there_is_no_ensemble(arguments, tmp_path, capsys):
    """The search goes on, and a line says why; not so where the filter is asked for."""
    said = "szfinder: the matched filter is used: no ensemble of the package ("
    assert main([*arguments, "-o", str(tmp_path / "cat.ecsv")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(said) and "none has the bands and beams of" in out
    assert QTable.read(tmp_path / "cat.ecsv").meta["finder"] == "MatchedFilterFinder"
    assert main([*arguments, "--finder", "matched-filter"]) == 0
    assert said not in capsys.readouterr().out


def test_ensemble_of_the_package_unasked(tmp_path, capsys):
    """Maps like those that it was made for need no option."""
    pytest.importorskip("keras")
    sky = SkySimulator.from_preset("spt3g", size=1.5, rng=3).patch()
    sky.write(tmp_path / "sky")
    maps = [f"{band}={tmp_path / 'sky' / band}.fits" for band in ("95", "150", "220")]
    instrument = ["--instrument", str(tmp_path / "sky" / "instrument.yaml")]
    assert main(["find", *maps, *instrument, "-o", str(tmp_path / "cat.ecsv")]) == 0
    assert "the matched filter is used" not in capsys.readouterr().out
    expected = EnsembleFinder.from_preset(ensemble_for(sky.maps))(sky.maps)
    clusters = QTable.read(tmp_path / "cat.ecsv")
    assert clusters.meta["finder"] == "EnsembleFinder" and len(clusters) == len(expected) > 0
    np.testing.assert_allclose(clusters["score"], expected["score"], rtol=1e-3)


def test_methods_are_those_of_python():
    assert set(finders.METHODS) == set(THRESHOLDS)
