"""``szfinder mass`` with a network whose masses follow from the redshifts alone."""

import json
import shutil
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from numpy.testing import assert_allclose, assert_array_equal

from szfinder import Instrument, MassEstimator, read_maps
from szfinder.cli import demo, main, mass
from szfinder.finders.files import write_catalogue
from szfinder.mass import MASS_FLAGS
from szfinder.models import preset as preset_module

BANDS = ("95", "150", "220")


@pytest.fixture(scope="module")
def weights(folder, scales):
    """The folder of the network."""
    return str(scales(Instrument.read(folder / "mock.yaml")))


@pytest.fixture(scope="module")
def finder(untrained, tmp_path_factory):
    """The folder of a network that finds."""
    network = {"input_shape": [16, 16, 3], "width": 2, "blocks": [1], "dense": 4, "seed": 1}
    return untrained(
        tmp_path_factory.mktemp("weights") / "untrained", "resnet", network, 0.5, instrument="mock",
        bands=BANDS, frequencies=(95, 150, 220), fwhm=(1.7, 1.2, 1), scale=(1, 1, 1),
        pixel_size=0.5, image_size=16)  # fmt: skip


@pytest.fixture(scope="module")
def clusters(folder):
    """Five clusters: one without a redshift, one at the edge, one too heavy, one too far away."""
    wcs = read_maps({"150": folder / "150.fits"}, instrument=folder / "mock.yaml").wcs
    x, y = [40.2, 90.7, 5.0, 60.0, 70.0], [50.5, 95.1, 50.0, 60.0, 70.0]
    return QTable({"name": [f"C{number}" for number in range(5)],
                   "sky_centroid": SkyCoord(wcs.pixel_to_world(x, y)),
                   "redshift": [0.5, np.nan, 0.5, 1.4, 5.0]},
                  meta={"finder": "eye", "matched_filter_threshold": 4.5})  # fmt: skip


@pytest.fixture
def run(folder, clusters, weights, tmp_path):
    """Runs the command on the maps, and reads what it has written."""

    def weigh(*options, table=clusters, ending=".ecsv", **others):
        catalogue, output = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
        write_catalogue(table, catalogue)
        paths = {band: folder / f"{band}.fits" for band in BANDS} | others
        maps = [f"{band}={path}" for band, path in paths.items()]
        assert main(["mass", str(catalogue), *maps, "--instrument", str(folder / "mock.yaml"),
                     "--weights", weights, *options, "-o", str(output)]) == 0  # fmt: skip
        return QTable.read(output)

    return weigh


@pytest.mark.parametrize("ending", [".ecsv", ".fits"])
def test_catalogue_with_masses(run, clusters, capsys, ending):
    weighed = run(ending=ending)
    expected = [4e14 * 1.5**2, 4e14, np.nan, 4e14 * 2.4**2, np.nan]
    assert_allclose(weighed["m200c"].to_value("Msun"), expected, rtol=1e-4)
    assert_allclose(weighed["m200c_err"] / weighed["m200c"],
                    np.where(np.isnan(expected), np.nan, np.sinh(0.25)), rtol=1e-4)  # fmt: skip
    assert weighed["mass_flags"].tolist() == [0, 4, 1, 8, 8]
    profiles = np.where(np.isnan(expected), np.nan, 1e-4)[:, None] * np.ones(8)
    assert_allclose(np.ma.filled(weighed["sz_profile"], np.nan), profiles, rtol=1e-4)
    # four neighbours of a pixel, and four across its corners
    ring = (1 + np.sqrt(2)) / 2 * 0.5
    assert_allclose(weighed.meta["sz_profile_radius"][:2], [0, ring])
    assert weighed.meta["mass_preset"] == "scales"
    assert weighed.meta["matched_filter_threshold"] == 4.5
    assert_array_equal(weighed["name"], clusters["name"])
    assert weighed["sky_centroid"].separation(clusters["sky_centroid"]).arcsec.max() < 1e-6
    out = capsys.readouterr().out
    assert "<MapStack: mock, bands 95, 150, 220" in out and f"out{ending}" in out
    assert ("5 clusters, 2 without a mass: 1 too near the edge of the maps, "
            "1 beyond the range of the weights\n") in out  # fmt: skip
    rows = [line.split() for line in out.splitlines() if line.split()[0] in clusters["name"]]
    assert rows[0] == ["C0", "0.500", "9.00", "2.27"]
    assert rows[1][2:] == ["4.00", "1.01", "no", "redshift"]
    assert rows[2][2:] == ["nan", "nan", "edge"] and rows[3][4:] == rows[4][4:] == ["outside"]


def test_one_redshift_for_all(run, capsys):
    """It goes before those of the catalogue, and the table does not show these."""
    weighed = run("--redshift", "0.25")
    assert_array_equal(weighed["mass_redshift"], 0.25)
    assert weighed["mass_flags"].tolist() == [0, 0, 1, 0, 0]
    assert_allclose(weighed["m200c"].value[[0, 1, 3, 4]], 4e14 * 1.25**2, rtol=1e-4)
    out = capsys.readouterr().out
    assert "5 clusters at redshift 0.25, 1 without a mass: 1 too near" in out
    assert "redshift  " not in out and "nan nan" not in out


def test_catalogue_of_another_code(run, clusters, capsys):
    """Positions in degrees, other names, and redshifts of which one is masked."""
    table = Table({"RA": clusters["sky_centroid"].ra.deg, "DEC": clusters["sky_centroid"].dec.deg,
                   "NAME": clusters["name"],
                   "z": MaskedColumn([0.2, 0.5, 0.5, 0.5, 0.5], mask=[0, 1, 0, 0, 0])}
                  )[:2]  # fmt: skip
    weighed = run(table=table)
    assert weighed.colnames[:4] == table.colnames and weighed["mass_flags"].tolist() == [0, 4]
    assert_allclose(weighed["m200c"].value, [4e14 * 1.2**2, 4e14], rtol=1e-4)
    out = capsys.readouterr().out
    assert "2 clusters, none without a mass\n" in out and "C1    -- " in out


def test_only_positions(run, clusters, capsys):
    weighed = run(table=clusters["sky_centroid",])
    assert_allclose(weighed["m200c"].value[[0, 1, 3, 4]], 4e14, rtol=1e-4)
    assert capsys.readouterr().out.count("no redshift") == 5


def test_long_catalogues_are_cut(run, monkeypatch, capsys):
    monkeypatch.setattr(mass, "MAX_ROWS", 3)
    assert len(run()) == 5
    out = capsys.readouterr().out
    assert "C2 " in out and "C3 " not in out and "and 2 more" in out


@pytest.mark.parametrize("ending", [".ecsv", ".fits"])
def test_nothing_to_weigh(run, clusters, capsys, ending):
    weighed = run(table=clusters[:0], ending=ending)
    assert len(weighed) == 0 and weighed["m200c"].unit == "Msun"
    assert {"sz_profile", "mass_flags", "redshift"} <= set(weighed.colnames)
    assert "0 clusters, none without a mass\nwrote " in capsys.readouterr().out


def test_bad_pixels(run, folder, tmp_path, capsys):
    """A cutout begins 8 pixels before that of its cluster: at 32 for the first, 83 for the second.

    One bad pixel is beside the first cutout, and one in the corner of the second, in one band.
    """
    image, header = fits.getdata(folder / "150.fits", header=True)
    image[50, 31] = image[87, 83] = np.nan
    fits.writeto(tmp_path / "150.fits", image, header)
    assert run(**{"150": tmp_path / "150.fits"})["mass_flags"].tolist() == [0, 2 + 4, 1, 8, 8]
    assert "1 too near the edge of the maps, 1 with bad pixels, 1 beyond" in capsys.readouterr().out


def test_sphere(sphere, sphere_clusters, scales, tmp_path, capsys):
    """One cluster in the part of the sphere that there is, and one that is not."""
    weights = scales(Instrument.read(sphere / "mock.yaml"), pixel=14)
    positions = SkyCoord([sphere_clusters[0].icrs, SkyCoord(30, 40, unit="deg")])
    write_catalogue(QTable({"id": [7, 9], "sky_centroid": positions}), tmp_path / "in.fits")
    maps = [f"{band}={sphere / band}.fits" for band in ("100", "143")]
    assert main(["mass", str(tmp_path / "in.fits"), *maps, "--instrument",
                 str(sphere / "mock.yaml"), "--healpix", "--weights", str(weights),
                 "--redshift", "0.5", "-o", str(tmp_path / "out.fits")]) == 0  # fmt: skip
    weighed = QTable.read(tmp_path / "out.fits")
    assert_allclose(weighed["m200c"].value, [4e14 * 1.5**2, np.nan], rtol=1e-4)
    out = capsys.readouterr().out
    assert "<HealpixStack: coarse" in out and "1 without a mass: 1 with bad pixels" in out
    assert [line.split() for line in out.splitlines() if "masked" in line] == [
        ["9", "nan", "nan", "masked"]]  # fmt: skip


@pytest.fixture
def mistaken(folder, weights, finder, clusters, tmp_path, monkeypatch):
    """A folder of what is right and what is not, and the arguments that are right."""
    for band in BANDS:
        (tmp_path / f"{band}.fits").symlink_to(folder / f"{band}.fits")
    (tmp_path / "finder").symlink_to(finder)
    for name, file, wrong in (
        ("coarse", "preprocess.json", {"pixel_size": 1.0}),
        ("one-redshift", "calibration.json", {"redshift_input": None, "redshifts": [0.7, 0.7]}),
    ):
        shutil.copytree(weights, tmp_path / name)
        values = json.loads((tmp_path / name / file).read_text())
        (tmp_path / name / file).write_text(json.dumps(values | wrong))
    config = json.loads((tmp_path / "one-redshift" / "config.json").read_text())
    config["arguments"]["input_shape"][-1] = len(BANDS)
    (tmp_path / "one-redshift" / "config.json").write_text(json.dumps(config))
    write_catalogue(clusters, tmp_path / "in.ecsv")
    write_catalogue(clusters["sky_centroid",], tmp_path / "unknown.ecsv")
    past, words = clusters.copy(), clusters.copy()
    past["redshift"] = -1.0
    words.replace_column("redshift", ["near"] * len(words))
    write_catalogue(past, tmp_path / "past.ecsv")
    write_catalogue(words, tmp_path / "words.ecsv")
    QTable({"x": [1.0]}).write(tmp_path / "empty.ecsv")
    (tmp_path / "broken.ecsv").write_text("1\n\n2,3\n")
    monkeypatch.chdir(tmp_path)
    return ["mass", "in.ecsv", "95=95.fits", "150=150.fits", "220=220.fits", "--instrument",
            str(folder / "mock.yaml"), "--weights", weights, "-o", "out.ecsv"]  # fmt: skip


@pytest.mark.parametrize("change, message", [
    ({1: "none.ecsv"}, "cannot read none.ecsv: there is no such file"),
    ({1: "broken.ecsv"}, "cannot read broken.ecsv as a table"),
    ({1: "empty.ecsv"}, "the table has no positions; found the columns x"),
    ({1: "words.ecsv"}, "column 'redshift' cannot be read as numbers"),
    ({1: "unknown.ecsv", -3: "one-redshift"}, "is for clusters at redshift 0.7 to 0.7, and that of "
                                              "none of 5 clusters is known"),
    ({1: "past.ecsv", -3: "one-redshift"}, "none of 5 clusters is known"),
    ({2: "95=none.fits"}, "none.fits"),
    ({2: "90=95.fits"}, "'90'"),
    ({4: "150=150.fits"}, "band 150 is given more than once"),
    ({4: "--healpix"}, "the map is not HEALPix"),
    ({3: "--healpix", 4: "--ivar=150=a.fits"}, "--ivar is for flat maps"),
    ({2: "150=150.fits", 3: "220=220.fits", 4: "--unit=uK_CMB"}, "band '95' (95 GHz) is not among"),
    ({-3: "none"}, "unknown preset 'none'"),
    ({-3: "finder"}, "preset 'untrained' is that of a finder (resnet)"),
    ({-3: "coarse"}, "pixel"),
    ({-1: "out.txt"}, "cannot write out.txt: the name must end in .ecsv or .fits"),
    ({-1: "none/out.fits"}, "cannot write none/out.fits: there is no folder none"),
], ids=lambda value: None if isinstance(value, str) else "-".join(value.values()))  # fmt: skip
def test_mistakes_get_one_line(mistaken, capsys, change, message):
    before = sorted(Path().iterdir())
    for place, argument in change.items():
        mistaken[place] = argument
    assert main(mistaken) == 1
    out, err = capsys.readouterr()
    assert message in err and out == "" and sorted(Path().iterdir()) == before
    assert err.startswith("szfinder: ") and err.count("\n") == 1


@pytest.mark.parametrize("options, message", [
    (["in.ecsv"], "BAND=FILE"), (["in.ecsv", "a.fits"], "expected BAND=FILE, such as 150=map.fits"),
    (["in.ecsv", "150=a.fits", "-o", "x.fits"], "--instrument"),
    (["in.ecsv", "150=a.fits", "--instrument", "spt3g"], "-o/--output"),
    (["in.ecsv", "150=a.fits", "--redshift", "0"], "expected a number above 0; found '0'"),
])  # fmt: skip
def test_usage(capsys, options, message):
    with pytest.raises(SystemExit) as status:
        main(["mass", *options])
    assert status.value.code == 2 and message in capsys.readouterr().err


def test_help_says_the_default_weights(capsys):
    with pytest.raises(SystemExit):
        main(["mass", "--help"])
    default = signature(MassEstimator).parameters["preset"].default
    # names are broken at hyphens
    help_text = " ".join(capsys.readouterr().out.split()).replace("- ", "-")
    assert "examples:" in help_text and f"(default: {default})" in help_text


def test_demo_weighs_what_it_finds(scales, tmp_path, monkeypatch, capsys):
    """By the network of the package, which here is one for its maps; masses are of any redshift."""
    presets = {path.name: path for path in preset_module.BUNDLED.iterdir()}
    presets[demo.MASS_PRESET] = scales(Instrument.from_preset("act-dr6"))
    (tmp_path / "package").mkdir()
    for name, path in presets.items():
        (tmp_path / "package" / name).symlink_to(path)
    monkeypatch.setattr(preset_module, "BUNDLED", tmp_path / "package")
    folder = tmp_path / "demo"
    assert main(["demo", "--preset", "act-dr6", "--size", "1.5", "--seed", "4",
                 "-o", str(folder)]) == 0  # fmt: skip
    clusters = QTable.read(folder / "catalogue.ecsv")
    n_weighed = np.isfinite(clusters["m200c"]).sum()
    said = f"{len(clusters)} detections, {n_weighed} of them with a mass;"
    assert said in capsys.readouterr().out
    assert clusters.meta["mass_preset"] == demo.MASS_PRESET
    inner = clusters["mass_flags"] == MASS_FLAGS["no_redshift"]
    assert inner.any()
    assert_allclose(clusters["m200c"][inner].to_value("Msun"), 4e14, rtol=1e-4)
    report = (folder / "report.html").read_text()
    assert f"{inner.sum()} of {len(clusters)} detections have a mass" in report
