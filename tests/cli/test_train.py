"""``szfinder train`` on skies of two degrees and a few batches."""

import pytest

from szfinder.cli import main
from szfinder.finders import CNNFinder
from szfinder.models import Preset


def test_training_leaves_a_preset_that_finds(tmp_path, capsys):
    pytest.importorskip("keras")
    folder = tmp_path / "cnn"
    arguments = ["train", "cnn", "--width", "2", "--skies", "1", "--size", "1.5", "--batches", "3",
                 "-o", str(folder)]
    assert main(arguments) == 0
    assert "validation_auc" in capsys.readouterr().out
    preset = Preset.load(folder / "preset")
    assert preset.card["data"]["sky"] == "deepsz"
    assert preset.preprocessing.bands == ("90", "148", "219")
    assert CNNFinder(preset).threshold == preset.calibration["thresholds"]["f1"]
    before = (folder / "preset" / "model.weights.h5").read_bytes()
    assert main(arguments) == 0
    assert (folder / "preset" / "model.weights.h5").read_bytes() == before


def test_unknown_sky(tmp_path, capsys):
    assert main(["train", "cnn", "--preset", "deep", "-o", str(tmp_path / "cnn")]) == 1
    assert "unknown sky preset 'deep'" in capsys.readouterr().err
