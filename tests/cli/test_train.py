"""``szfinder train`` on small skies and few batches."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable

from szfinder.cli import main
from szfinder.finders import CNNFinder
from szfinder.maps import wcs_for_patch
from szfinder.models import Preset

MAPS = ["--maps", "150=a.fits", "--instrument", "spt3g", "--catalogue", "c.ecsv"]
SHORT = ["train", "cnn", "--width", "4", "--batches", "60"]


def test_training_leaves_a_preset_that_finds(tmp_path, capsys):
    pytest.importorskip("keras")
    folder = tmp_path / "2"  # a word that is that of the numbers too
    arguments = [*SHORT, "--skies", "2", "--size", "1.5", f"-o{folder}"]
    assert main(arguments) == 0
    assert "validation_auc" in capsys.readouterr().out
    preset = Preset.load(folder / "preset")
    assert preset.card["data"]["sky"] == "deepsz"
    options = "--preset deepsz-spt3g --batches 60 --width 4 --skies 2 --size 1.5"
    assert preset.card["command"] == f"szfinder train cnn {options}"
    assert preset.card["data"]["max_batches"] == [60] and preset.card["data"]["n_skies"] == 2
    assert preset.preprocessing.bands == ("90", "148", "219")
    assert CNNFinder(preset).threshold == preset.calibration["thresholds"]["f1"]
    before = (folder / "preset" / "model.weights.h5").read_bytes()
    assert main(arguments) == 0
    assert (folder / "preset" / "model.weights.h5").read_bytes() == before


@pytest.fixture
def observed(tmp_path):
    """Maps of 1 by 8 degrees with clusters too bright to miss, and their catalogue."""
    rng = np.random.default_rng(5)
    wcs, shape = wcs_for_patch(SkyCoord(30, 0, unit="deg"), [1, 8] * u.deg, 0.5 * u.arcmin)
    x, y = rng.uniform(0, np.array(shape[::-1])[:, None], (2, 120))
    squares = (np.indices(shape)[..., None] - np.array([y, x])[:, None, None, :]) ** 2
    clusters = np.exp(-squares.sum(axis=0) / 2 / 2**2).sum(axis=-1)
    paths = {}
    for band, depth in {"95": 400, "150": 250, "220": 0}.items():
        image = rng.normal(scale=20, size=shape) - depth * clusters
        paths[band] = tmp_path / f"{band}.fits"
        header = wcs.to_header()
        header["BUNIT"] = "uK_CMB"
        fits.writeto(paths[band], image.astype(np.float32), header)
    QTable({"sky_centroid": wcs.pixel_to_world(x, y)}).write(tmp_path / "clusters.ecsv")
    return paths, tmp_path / "clusters.ecsv"


def test_training_on_maps_of_ones_own(observed, tmp_path, capsys):
    pytest.importorskip("keras")
    paths, catalogue = observed
    maps = [f"{band}={path}" for band, path in paths.items()]
    arguments = ["train", "cnn", "--width", "8", "--batches", "300", "--maps", *maps,
                 "--catalogue", str(catalogue), "--instrument", "spt3g", "--validation-end", "0.25",
                 "-o", str(tmp_path / "cnn")]  # fmt: skip
    assert main(arguments) == 0, capsys.readouterr().err
    preset = Preset.load(tmp_path / "cnn" / "preset")
    assert preset.preprocessing.pixel_size == pytest.approx(0.5)
    assert preset.preprocessing.image_size == 16
    assert preset.preprocessing.scale[2] == pytest.approx(20, rel=0.05)  # noise, and nothing else
    assert preset.card["scores"]["validation_auc"] > 0.8
    assert str(tmp_path) not in str(dict(preset.card))
    assert preset.card["command"].endswith(
        "--maps 95=95.fits 150=150.fits 220=220.fits --instrument spt3g --catalogue clusters.ecsv "
        "--validation-end 0.25"
    )
    assert 110 < preset.card["data"]["n_clusters"] <= 120  # a few are on the border
    assert preset.card["data"]["validation"] == 0.25


@pytest.mark.parametrize(
    "options, message",
    [
        (["--preset", "deep"], "unknown preset 'deep'; there is deepsz-spt3g"),
        (["--sky", "deep"], "unknown sky preset 'deep'"),
        (["--skies", "0"], "n_skies must be from 1 to 1000000; found 0"),
        (["--batches", "0"], "takes 1 batch or more; found 0"),
        (["--recipe", "imbalance", "--batches", "0"], "takes 1 batch or more; found 0"),
        (["--catalogue", "c.ecsv"], "--catalogue has no effect without --maps"),
        (["--instrument", "spt3g"], "--instrument has no effect without --maps"),
        (["--ivar", "150=a.fits"], "--ivar has no effect without --maps"),
        (["--unit", "K"], "--unit has no effect without --maps"),
        (["--test-end", "0.1"], "--test-end has no effect without --maps"),
        ([*MAPS, "--sky", "spt3g"], "--sky has no effect with --maps: leave it out"),
        ([*MAPS, "--skies", "3"], "--skies has no effect with --maps: leave it out"),
        ([*MAPS, "--size", "3"], "--size has no effect with --maps: leave it out"),
        (["--maps", "150=a.fits", "--catalogue", "c.ecsv"], "--maps needs --instrument too"),
        (["--maps", "150=a.fits", "--instrument", "spt3g"], "--maps needs --catalogue too"),
    ],
)
def test_what_cannot_be_trained(tmp_path, capsys, options, message):
    assert main(["train", "cnn", *options, "-o", str(tmp_path / "cnn")]) == 1
    assert message in capsys.readouterr().err
