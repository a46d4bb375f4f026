"""``szfinder train unet`` on small skies, small networks and few batches."""

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable

from szfinder import read_maps
from szfinder.cli import main, train_unet
from szfinder.finders import UNetSegmentFinder
from szfinder.maps import wcs_for_patch
from szfinder.models import Preset
from szfinder.training import UNET_TRAININGS, InjectedSkies, SurrogateSkies

BANDS = ("95", "150")
SHORT = ["train", "unet", "--batches", "2"]
OWN = ["--maps", "150=a.fits", "--instrument", "spt3g"]
LABELLED = [*OWN, "--catalogue", "c.ecsv"]


def files_of(folder, bands=BANDS):
    return [f"{band}={folder / band}.fits" for band in bands]


def test_preset_that_finds(tmp_path, capsys):
    """From no file at all to a catalogue, which is the one that Python makes."""
    pytest.importorskip("keras")
    folder, sky = tmp_path / "2", tmp_path / "sky"
    options = "--filters 4 8 --skies 2 --size 1.5 --seed 0"
    arguments = [*SHORT, *options.split(), "-o", str(folder)]
    assert main(arguments) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "validation_f1" in out and f"wrote {folder}/preset" in out
    preset = Preset.load(folder / "preset")
    assert preset.card["command"] == (
        "szfinder train unet --preset unet-spt3g --batches 2 --filters 4 8 --skies 2 --size 1.5 "
        "--seed 0"
    )
    data = preset.card["data"]
    assert (data["sky"], data["size"], data["n_skies"], data["max_batches"]) == (
        "spt3g", 1.5, 2, [2])  # fmt: skip
    assert preset.arguments["filters"] == [4, 8] and preset.card["seed"] == 0

    assert main(["simulate", "--size", "1.5", "--seed", "3", "-o", str(sky)]) == 0
    bands, instrument = ("95", "150", "220"), sky / "instrument.yaml"
    catalogue = tmp_path / "cat.ecsv"
    assert main(["find", *files_of(sky, bands), "--instrument", str(instrument), "--finder", "unet",
                 "--weights", str(folder / "preset"), "-o", str(catalogue)]) == 0  # fmt: skip
    found = QTable.read(catalogue)
    maps = read_maps({band: sky / f"{band}.fits" for band in bands}, instrument=instrument)
    finder = UNetSegmentFinder(folder / "preset")
    expected = finder(maps)
    assert found.meta["threshold"] == finder.threshold and len(found) == len(expected) > 0
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)


def write_maps(folder, sides):
    """Maps with clusters too bright to miss, and their catalogue; as arguments."""
    rng = np.random.default_rng(5)
    wcs, shape = wcs_for_patch(SkyCoord(30, 0, unit="deg"), sides * u.deg, 0.5 * u.arcmin)
    x, y = rng.uniform(0, np.array(shape[::-1])[:, None], (2, 40))
    squares = [(np.indices(shape) - np.array([b, a])[:, None, None]) ** 2 for a, b in zip(x, y)]
    clusters = sum(np.exp(-square.sum(axis=0) / 2 / 2**2) for square in squares)
    header = wcs.to_header()
    header["BUNIT"] = "uK_CMB"
    for band, depth in zip(BANDS, (400, 250)):
        image = rng.normal(scale=20, size=shape) - depth * clusters
        fits.writeto(folder / f"{band}.fits", image.astype(np.float32), header)
    QTable({"sky_centroid": wcs.pixel_to_world(x, y)}).write(folder / "clusters.ecsv")
    return ["--maps", *files_of(folder), "--instrument", "spt3g",
            "--catalogue", str(folder / "clusters.ecsv")]  # fmt: skip


def test_clusters_of_a_catalogue(tmp_path, capsys):
    pytest.importorskip("keras")
    maps = write_maps(tmp_path, [1.2, 6])
    arguments = [*SHORT, "--filters", "4", *maps, "--test-end", "0.05", "--validation-end", "0.5",
                 "-o", str(tmp_path / "unet")]  # fmt: skip
    assert main(arguments) == 0, capsys.readouterr().err
    preset = Preset.load(tmp_path / "unet" / "preset")
    assert preset.preprocessing.bands == BANDS and preset.preprocessing.pixel_size == 0.5
    assert preset.card["command"].endswith(
        "--filters 4 --maps 95=95.fits 150=150.fits --instrument spt3g --catalogue clusters.ecsv "
        "--test-end 0.05 --validation-end 0.5"
    )
    data = preset.card["data"]
    assert (data["n_clusters"], data["test"], data["validation"]) == (40, 0.05, 0.5)


@pytest.mark.parametrize("option, skies, width", [
    ("--surrogates", SurrogateSkies, 1.5), ("--inject", InjectedSkies, 6.5),
])  # fmt: skip
def test_simulated_clusters(tmp_path, capsys, option, skies, width):
    """What is learned from has the pixels masked whose separation from a cluster is small."""
    pytest.importorskip("keras")
    maps = write_maps(tmp_path, [1.5, width])
    stack = read_maps({band: tmp_path / f"{band}.fits" for band in BANDS}, instrument="spt3g")
    # beside the one patch of 128 pixels that is validated on
    few = QTable({"sky_centroid": stack.wcs.pixel_to_world([150, 20, 160], [20, 150, 160])})
    few.write(tmp_path / "clusters.ecsv", overwrite=True)
    arguments = [*SHORT, "--filters", "4", "--skies", "2", *maps, option, "--mask-radius", "4",
                 "-o", str(tmp_path / "unet")]  # fmt: skip
    assert main(arguments) == 0, capsys.readouterr().err
    card = Preset.load(tmp_path / "unet" / "preset").card
    assert card["command"].endswith(f"{option} --mask-radius 4.0")
    y, x = np.indices(stack.shape)
    separation = few["sky_centroid"][:, None, None].separation(stack.wcs.pixel_to_world(x, y)[None])
    expected = skies(stack, (separation <= 4 * u.arcmin).any(axis=0)).as_dict
    assert card["data"]["sky"] == expected["sky"] and card["data"]["maps"] == expected["maps"]


def test_sphere(tmp_path, capsys):
    """Another length leaves the rest of the recipe of Planck as it is."""
    pytest.importorskip("keras")
    rng = np.random.default_rng(1)
    for band in ("100", "143"):
        healpy.write_map(tmp_path / f"{band}.fits", rng.normal(size=healpy.nside2npix(64)),
                         coord="G", column_units="uK_CMB", dtype=np.float32)  # fmt: skip
    lon, lat = rng.uniform(0, 360, 600), np.degrees(np.arcsin(rng.uniform(-1, 1, 600)))
    QTable({"ra": lon * u.deg, "dec": lat * u.deg}).write(tmp_path / "clusters.fits")
    arguments = [*SHORT, "--preset", "bonjean2020", "--filters", "4",
                 "--maps", *files_of(tmp_path, ("100", "143")), "--instrument", "planck-hfi",
                 "--healpix", "--catalogue", str(tmp_path / "clusters.fits"),
                 "-o", str(tmp_path / "unet")]  # fmt: skip
    assert main(arguments) == 0, capsys.readouterr().err
    preset = Preset.load(tmp_path / "unet" / "preset")
    assert preset.preprocessing.pixel_size == 1.7 and preset.preprocessing.image_size == 64
    data = preset.card["data"]
    assert (data["max_batches"], data["batch_size"], data["ratios"]) == ([2], 20, [0.0])
    assert "--healpix --catalogue clusters.fits" in preset.card["command"]


@pytest.mark.parametrize("name", UNET_TRAININGS)
def test_another_length_changes_nothing_else(name):
    """The recipes of all presets: the learning rate of the middle of the training stays."""
    recipe = UNET_TRAININGS[name].recipe
    longer = recipe.of_length(10 * recipe.stages[0].max_batches)
    assert type(longer) is type(recipe)
    before, after = recipe.as_dict, longer.as_dict
    assert after.pop("max_batches") == [10 * n for n in before.pop("max_batches")]
    rates = after.pop("learning_rates"), before.pop("learning_rates")
    assert rates[0] == pytest.approx(rates[1])
    assert after == before


def test_presets_are_those_of_python():
    assert sorted(train_unet.PRESETS) == sorted(UNET_TRAININGS)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--sky", "deep"], "unknown sky preset 'deep'"),
        (["--skies", "0"], "n_skies must be from 1 to 1000000; found 0"),
        (["--batches", "0"], "takes 1 batch or more; found 0"),
        (["--size", "-1"], "size must be positive, in degrees; found -1.0"),
        (["--catalogue", "c.ecsv"], "--catalogue has no effect without --maps"),
        (["--healpix"], "--healpix has no effect without --maps"),
        (["--surrogates"], "--surrogates has no effect without --maps"),
        (["--inject"], "--inject has no effect without --maps"),
        (["--sources", "own"], "--sources has no effect without --maps"),
        ([*OWN, "--inject", "--sources", "own"], "--sources has no effect without --surrogates"),
        (["--mask-radius", "3"], "--mask-radius has no effect without --maps"),
        (["--validation-end", "0.3"], "--validation-end has no effect without --maps"),
        ([*LABELLED, "--sky", "spt3g"], "--sky has no effect with --maps: leave it out"),
        ([*LABELLED, "--size", "0"], "--size has no effect with --maps: leave it out"),
        ([*LABELLED, "--skies", "3"], "--skies has no effect with --maps unless --surrogates or"),
        ([*LABELLED, "--mask-radius", "3"], "--mask-radius has no effect with --maps unless"),
        ([*LABELLED, "--healpix", "--test-end", "0.1"], "--test-end has no effect with --healpix"),
        ([*LABELLED, "--healpix", "--ivar", "150=b.fits"], "--ivar is for flat maps"),
        (OWN[:2] + LABELLED[4:], "--maps needs --instrument too"),
        (OWN, "--maps needs --catalogue, --surrogates or --inject too"),
        ([*OWN, "--surrogates", "--inject"], "--surrogates and --inject are two ways"),
        ([*OWN, "--inject", "--healpix"], "--inject takes flat maps: leave out --healpix"),
        ([*OWN, "--inject", "--test-end", "0.1"], "--test-end has no effect with --inject"),
        ([*OWN, "--surrogates", "--mask-radius", "3"], "--mask-radius has no effect without --cat"),
    ],
)
def test_what_cannot_be_trained(tmp_path, capsys, options, message):
    assert main(["train", "unet", *options, "-o", str(tmp_path / "unet")]) == 1
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""


@pytest.mark.parametrize("options, message", [
    ([], "NETWORK"), (["rnn"], "invalid choice: 'rnn'"), (["unet"], "-o/--output"),
    (["unet", "--preset", "deep", "-o", "x"], "invalid choice: 'deep'"),
    (["unet", "--mask-radius", "0", "-o", "x"], "expected a number above 0; found '0'"),
    (["unet", "--filters", "-o", "x"], "--filters: expected at least one argument"),
])  # fmt: skip
def test_usage(capsys, options, message):
    with pytest.raises(SystemExit) as status:
        main(["train", *options])
    assert status.value.code == 2
    assert message in capsys.readouterr().err
