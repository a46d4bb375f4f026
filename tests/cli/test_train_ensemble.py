"""``szfinder train ensemble`` on small skies, with a small network."""

import pytest
from astropy.table import QTable

from szfinder import SkySimulator
from szfinder.cli import main, train_ensemble
from szfinder.finders import EnsemblePreset
from szfinder.training import ENSEMBLE_TRAININGS


@pytest.fixture
def spt3g_weights(untrained, tmp_path):
    """A U-Net for simulated maps of SPT-3G."""
    network = {"input_shape": [None, None, 3], "filters": [4, 8], "seed": 1}
    return untrained(
        tmp_path / "my-unet", "unet", network, 0.55, instrument="spt3g",
        bands=("95", "150", "220"), frequencies=(95, 150, 220), fwhm=(1.57, 1.17, 1.04),
        scale=(50, 50, 50), pixel_size=0.5, image_size=16)  # fmt: skip


def test_ensemble_that_finds(spt3g_weights, tmp_path, monkeypatch, capsys):
    """From no file but weights to a catalogue; a second run goes on from what there is."""
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "ensemble", "--skies", "4", "--size", "1.5", "--weights",
                 "unet=my-unet", "-o", "out"]  # fmt: skip
    assert main(arguments) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "calibrated_f1" in out and "product_f1" in out and "wrote out/ensemble.json" in out
    preset = EnsemblePreset.load("out/ensemble.json")
    assert preset.card["command"] == (
        "szfinder train ensemble --preset spt3g --skies 4 --size 1.5 --weights unet=my-unet"
    )
    assert preset.card["data"]["size"] == 1.5
    assert preset.configuration["unet"]["preset"] == str(spt3g_weights)
    evidence = sorted((tmp_path / "out").glob("evidence_*.npz"))
    assert len(evidence) == 4
    before = [path.stat().st_mtime_ns for path in evidence]
    assert main(arguments) == 0
    assert [path.stat().st_mtime_ns for path in evidence] == before

    SkySimulator.from_preset("spt3g", size=1.5, rng=3).patch().write("sky")
    maps = [f"{band}=sky/{band}.fits" for band in ("95", "150", "220")]
    assert main(["find", *maps, "--instrument", "sky/instrument.yaml", "--finder", "ensemble",
                 "--weights", "out/ensemble.json", "-o", "cat.ecsv"]) == 0  # fmt: skip
    clusters = QTable.read("cat.ecsv")
    assert clusters.meta["threshold"] == preset.calibration.thresholds["calibrated"]
    assert clusters.meta["unet_preset"] == "my-unet"


def test_presets_are_those_of_python():
    assert set(train_ensemble.PRESETS) == set(ENSEMBLE_TRAININGS)


@pytest.mark.parametrize("options, message", [
    (["--skies", "3"], "n_skies must be from 4"),
    (["--size", "-1"], "size must be positive, in degrees; found -1.0"),
    (["--weights", "cnn=deepsz-spt3g"], "--weights cnn=deepsz-spt3g: no network of the ensemble"),
    (["--weights", "matched_filter=x"], "has this name; it has unet"),
    (["--weights", "unet=none"], "unknown preset 'none'"),
    (["--weights", "unet=deepsz-spt3g"], "UNetSegmentFinder needs a 'unet'"),
])  # fmt: skip
def test_what_cannot_be_trained(tmp_path, capsys, options, message):
    assert main(["train", "ensemble", *options, "-o", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""
    assert not list(tmp_path.glob("out/*.npz"))


@pytest.mark.parametrize("options, message", [
    (["--preset", "deep"], "invalid choice: 'deep'"),
    (["--weights", "unet"], "expected MEMBER=NAME_OR_FOLDER"),
    (["--weights", "=folder"], "found '=folder'"),
])  # fmt: skip
def test_usage(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as status:
        main(["train", "ensemble", *options, "-o", str(tmp_path / "out")])
    assert status.value.code == 2
    assert message in capsys.readouterr().err
