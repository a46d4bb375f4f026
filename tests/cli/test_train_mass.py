"""``szfinder train mass`` on few images, with a small network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from szfinder.cli import main, train_mass
from szfinder.maps import Instrument
from szfinder.models import Preset
from szfinder.training import MASS_TRAININGS, MassTrainer

OPTIONS = "--preset mass-gupta2020 --images 8 --batches 6 --filters 3 --seed 4"


@pytest.fixture
def small(monkeypatch):
    """The training of the paper with small images, and few to validate on."""
    pytest.importorskip("keras", reason="networks need Keras")
    training = replace(MASS_TRAININGS["mass-gupta2020"], image_size=16, n_validation=16)
    monkeypatch.setitem(MASS_TRAININGS, "mass-gupta2020", training)


@pytest.fixture
def run(tmp_path, small, monkeypatch, capsys):
    """Runs the command in a new folder, and returns status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def train(folder, options=OPTIONS):
        status = main(["train", "mass", *options.split(), "-o", folder])
        return status, *capsys.readouterr()

    return train


class Stopped(Exception):
    """The training was stopped."""


def test_preset_that_weighs(run, monkeypatch):
    """Options reach the training, which goes on where it was stopped, and refuses other options."""
    with monkeypatch.context() as patch:
        patch.setattr(MassTrainer, "validation_loss", stop_at_second(MassTrainer.validation_loss))
        with pytest.raises(Stopped):
            run("out")
    before = read_log()
    assert len(before) == 2 and not Path("out/preset").exists()
    made = Path("out/training.npz").stat().st_mtime_ns

    status, out, err = run("out")
    assert status == 0, err
    assert len(read_log()) == 4 and read_log()[:2] == before
    assert Path("out/training.npz").stat().st_mtime_ns == made
    lines = dict(line.split() for line in out.splitlines())
    assert list(lines) == ["validation_bias", "validation_scatter", "validation_pull", "wrote"]
    assert lines["wrote"] == "out/preset"
    preset = Preset.load("out/preset")
    assert preset.card["command"] == f"szfinder train mass {OPTIONS}"
    data = preset.card["data"]
    assert (data["sky"], data["n_images"], data["max_batches"]) == ("gupta2020", 8, [6])
    # an epoch is now two batches of four images, and the training ends after fifteen without a gain
    assert (data["validate_every"], data["patience"]) == (2, [30])
    assert preset.arguments["filters"] == [3] and preset.card["seed"] == 4
    assert preset.calibration["redshifts"] == [0.7, 0.7]
    with np.load("out/training.npz") as images:
        assert images["clusters"].shape == (8, 1, 16, 16)

    for other, message in {
        "--images 20": "out/training.npz holds images with n_images 8, not 20",
        "--seed 5": "out/gupta/state.npz is the state of a training with seed 4, not 5",
        "--filters 3 6": "out/gupta/state.npz is the state of another network",
        "--batches 8": "state of a training with max_batches [6], not [8]",
    }.items():
        status, out, err = run("out", f"{OPTIONS} {other}")
        assert status == 1 and out == "" and message in err and "choose another folder" in err
        assert err.startswith("szfinder: ") and err.count("\n") == 1
    assert Preset.load("out/preset").card["sha256"] == preset.card["sha256"]


def read_log():
    return Path("out/gupta/log.csv").read_text().splitlines()


def stop_at_second(validation_loss):
    """A validation that the training does not come back from when it is done again."""
    calls = []

    def stopping(trainer, stage):
        calls.append(stage)
        if len(calls) == 2:
            raise Stopped
        return validation_loss(trainer, stage)

    return stopping


def test_presets_are_those_of_python():
    assert sorted(train_mass.PRESETS) == sorted(MASS_TRAININGS)


@pytest.mark.parametrize("preset, options, message", [
    ("mass-gupta2020", "--images 7", "n_images must be 8 or more, one of each mass; found 7"),
    ("mass-spt3g", "--images 31", "n_images must be 32 or more, those of a batch; found 31"),
    ("mass-gupta2020", "--batches 0", "takes 1 batch or more; found 0"),
    ("mass-spt3g", "--batches 0", "takes 1 batch or more; found 0"),
])  # fmt: skip
def test_what_cannot_be_trained(tmp_path, capsys, preset, options, message):
    folder = tmp_path / "out"
    arguments = ["train", "mass", "--preset", preset, *options.split(), "-o", str(folder)]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == "" and not folder.exists()


@pytest.mark.parametrize("options, message", [
    ("--preset mass-planck -o x", "invalid choice: 'mass-planck'"),
    ("--filters -o x", "--filters: expected at least one argument"),
    ("--width 8 -o x", "unrecognized arguments: --width 8"),
    ("--images 20", "-o/--output"),
])  # fmt: skip
def test_usage(capsys, options, message):
    with pytest.raises(SystemExit) as status:
        main(["train", "mass", *options.split()])
    assert status.value.code == 2 and message in capsys.readouterr().err


def test_another_sky(run):
    """Clusters in the maps of another instrument, whose bands the network takes."""
    status, _, err = run("out", f"{OPTIONS} --sky act-dr6")
    assert status == 0, err
    preset = Preset.load("out/preset")
    assert preset.card["data"]["sky"] == "act-dr6"
    assert preset.preprocessing.bands == Instrument.from_preset("act-dr6").names
