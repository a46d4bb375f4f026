"""``szfinder find`` tile by tile, on flat maps and on the sphere."""

from inspect import signature

import numpy as np
import pytest
from astropy.table import QTable

import szfinder
from szfinder.cli import main
from szfinder.finders import CNNFinder, UNetSegmentFinder
from szfinder.maps import read_healpix


@pytest.fixture
def on_sphere(sphere):
    """What finds clusters in HEALPix maps."""
    maps = [f"{band}={sphere / band}.fits" for band in ("100", "143")]
    return ["find", *maps, "--instrument", str(sphere / "mock.yaml"), "--healpix"]


def test_flat_maps(arguments, folder, tmp_path, capsys):
    options = ["--block-size", "90", "--parallel", "2", "-o", str(tmp_path / "cat.ecsv")]
    assert main([*arguments, *options]) == 0
    assert "tiles: 100%" in capsys.readouterr().err
    maps = szfinder.read_maps({band: folder / f"{band}.fits" for band in (95, 150, 220)},
                              instrument=folder / "mock.yaml")
    expected = szfinder.MatchedFilterFinder()(maps, block_size=(90, 90))
    clusters = QTable.read(tmp_path / "cat.ecsv")
    assert clusters.meta["block_size"] == "90 90"
    np.testing.assert_array_equal(clusters["snr"], expected["snr"])


def test_sphere(on_sphere, sphere_clusters, tmp_path, capsys):
    outputs = ["-o", str(tmp_path / "cat.ecsv"), "--regions", str(tmp_path / "cat.reg")]
    assert main([*on_sphere, "--threshold", "8", *outputs]) == 0
    out, err = capsys.readouterr()
    assert "<HealpixStack: coarse, bands 100 (nside 256), 143 (nside 256); galactic>" in out
    assert "2 clusters with a score of 8 or more" in out and "tiles: 100%" in err
    clusters = QTable.read(tmp_path / "cat.ecsv")
    index, distance, _ = sphere_clusters.match_to_catalog_sky(clusters["sky_centroid"])
    assert sorted(index) == [0, 1] and distance.arcmin.max() < 5
    assert (tmp_path / "cat.reg").read_text().count("circle(") == 2


def test_unet_on_the_sphere(on_sphere, sphere, sphere_weights, tmp_path):
    options = ["--finder", "unet", "--weights", str(sphere_weights), "--block-size", "60",
               "--parallel", "2"]  # fmt: skip
    assert main([*on_sphere, *options, "-o", str(tmp_path / "cat.ecsv")]) == 0
    clusters = QTable.read(tmp_path / "cat.ecsv")
    maps = read_healpix({band: sphere / f"{band}.fits" for band in (100, 143)},
                        instrument=sphere / "mock.yaml")
    expected = UNetSegmentFinder(sphere_weights)(maps, block_size=(60, 60))
    assert len(clusters) and clusters.meta["tile_nside"] == expected.meta["tile_nside"]
    np.testing.assert_allclose(clusters["score"], expected["score"], rtol=1e-4)


@pytest.mark.parametrize("options, message", [
    (["--plot", "cat.png", "--block-size", "70"], "leave out --plot or --block-size"),
    (["--plot", "cat.png", "--parallel", "2"], "leave out --plot or --parallel"),
    (["--plot", "cat.png", "--healpix"], "leave out --plot or --healpix"),
    (["--finder", "matched-filter", "--block-size", "0"], "block_size must be (ny, nx) in pixels"),
    (["--finder", "matched-filter", "--parallel", "0"], "a number of threads"),
    (["--healpix"], "the map is not HEALPix"),
    (["--healpix", "--ivar", "150=a.fits"], "--ivar is for flat maps: leave it out with --healpix"),
    (["--finder", "unet", "--weights", "none"], "unknown preset 'none'"),
], ids=["plot of tiles", "plot of threads", "plot of the sphere", "no block", "no thread",
        "flat maps", "weights of the sphere", "weights"])  # fmt: skip
def test_mistakes_get_one_line(arguments, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, *options]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("szfinder: ") and err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network(arguments, weights, capsys):
    assert main([*arguments, "--finder", "unet", "--weights", str(weights)]) == 1
    assert "UNetSegmentFinder needs a 'unet'" in capsys.readouterr().err


def test_help_says_the_default_weights(capsys):
    with pytest.raises(SystemExit):
        main(["find", "--help"])
    cnn, unet = (signature(finder).parameters["preset"].default
                 for finder in (CNNFinder, UNetSegmentFinder))  # fmt: skip
    # names are broken at hyphens
    help_text = " ".join(capsys.readouterr().out.split()).replace("- ", "-")
    assert f"(default: {cnn} for the cnn, {unet} for the unet)" in help_text
