"""``szfinder find``, end to end."""

import numpy as np
import pytest
from astropy.table import QTable

import szfinder
from szfinder.cli import find, main


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_everything(arguments, tmp_path, capsys):
    outputs = {"-o": "cat.ecsv", "--regions": "cat.reg", "--plot": "cat.png"}
    options = [text for name, file in outputs.items() for text in (name, str(tmp_path / file))]
    assert main([*arguments, "--finder", "matched-filter", "--threshold", "6", *options]) == 0
    assert names(tmp_path) == sorted(outputs.values())
    clusters = QTable.read(tmp_path / "cat.ecsv")
    assert len(clusters) == 2 and clusters.meta["threshold"] == 6
    np.testing.assert_allclose(np.sort(clusters["x_centroid"]), [40.2, 90.7], atol=0.5)
    assert (tmp_path / "cat.reg").read_text().count("circle(") == 2
    assert (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG")
    out, err = capsys.readouterr()
    assert err == ""
    assert "mock, bands 95, 150, 220" in out
    assert "2 clusters with a score of 6 or more" in out
    assert all(name in out for name in clusters["name"])
    assert all(f"wrote {tmp_path / file}" in out for file in outputs.values())


def test_same_as_from_python(arguments, folder, tmp_path):
    assert main([*arguments, "-o", str(tmp_path / "cat.ecsv")]) == 0
    maps = szfinder.read_maps({band: folder / f"{band}.fits" for band in (95, 150, 220)},
                              instrument=folder / "mock.yaml")
    expected = szfinder.MatchedFilterFinder(threshold=4.5)(maps)
    clusters = QTable.read(tmp_path / "cat.ecsv")
    np.testing.assert_array_equal(clusters["snr"], expected["snr"])


def test_cnn(arguments, folder, weights, tmp_path, capsys):
    options = ["--finder", "cnn", "--weights", str(weights)]
    outputs = {"-o": "cat.ecsv", "--regions": "cat.reg", "--plot": "cat.png"}
    files = [text for name, file in outputs.items() for text in (name, str(tmp_path / file))]
    assert main([*arguments, *options, *files]) == 0
    out = capsys.readouterr().out
    assert "score probability flags" in " ".join(out.split()) and "theta_c" not in out
    assert names(tmp_path) == sorted(outputs.values())
    clusters = QTable.read(tmp_path / "cat.ecsv")
    assert clusters.meta["threshold"] == 1e-6 and clusters.meta["preset"] == "untrained"
    maps = szfinder.read_maps({band: folder / f"{band}.fits" for band in (95, 150, 220)},
                              instrument=folder / "mock.yaml")
    expected = szfinder.finders.CNNFinder(weights)(maps)
    np.testing.assert_allclose(clusters["score"], expected["score"], rtol=1e-4)
    assert main([*arguments, *options, "--threshold", "0.999"]) == 0
    assert "no pixel passed the threshold of 0.999" in capsys.readouterr().out


def test_fits_catalogue(arguments, tmp_path, capsys):
    assert main([*arguments, "-o", str(tmp_path / "cat.fits")]) == 0
    assert len(QTable.read(tmp_path / "cat.fits")) >= 2
    assert capsys.readouterr().err == ""


def test_nothing_is_written_unasked(arguments, folder, tmp_path, monkeypatch, capsys):
    before = names(folder)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    assert names(folder) == before and names(tmp_path) == []
    assert "wrote" not in capsys.readouterr().out


def test_weights_and_unit(folder, tmp_path, capsys):
    bands = ("95", "150", "220")
    maps = [f"{band}={folder / f'no_unit_{band}.fits'}" for band in bands]
    instrument = ["--instrument", str(folder / "mock.yaml")]
    weights = ["--ivar", *(f"{band}={folder / f'ivar_{band}.fits'}" for band in bands)]
    assert main(["find", *maps, *instrument]) == 1
    assert "BUNIT" in capsys.readouterr().err
    assert main(["find", *maps, *instrument, *weights, "--unit", "uK_CMB",
                 "-o", str(tmp_path / "cat.ecsv")]) == 0
    assert len(QTable.read(tmp_path / "cat.ecsv")) >= 2


def test_nothing_found(arguments, tmp_path, capsys):
    path = tmp_path / "cat.ecsv"
    options = ["-o", str(path), "--regions", str(tmp_path / "cat.reg"),
               "--plot", str(tmp_path / "cat.png")]
    assert main([*arguments, "--threshold", "500", *options]) == 0
    out = capsys.readouterr().out
    assert "no pixel passed the threshold of 500" in out
    assert "0 clusters" in out
    clusters = QTable.read(path)
    assert len(clusters) == 0 and "snr" in clusters.colnames
    assert names(tmp_path) == ["cat.ecsv", "cat.png", "cat.reg"]


def test_long_catalogues_are_cut(arguments, monkeypatch, capsys):
    monkeypatch.setattr(find, "MAX_ROWS", 1)
    assert main([*arguments, "--threshold", "6"]) == 0
    assert "and 1 more" in capsys.readouterr().out


@pytest.mark.parametrize("change, message", [
    (lambda a: [*a[:1], "95=missing.fits", *a[2:]], ["'95'", "missing.fits"]),
    (lambda a: [*a[:1], "90=" + a[1].partition("=")[2], *a[2:]], ["'90'", "95, 150, 220"]),
    (lambda a: [*a[:2], a[1], *a[2:]], ["band 95 is given more than once"]),
    (lambda a: [*a[:-1], "spt9g"], ["spt9g", "spt3g"]),
    (lambda a: [*a[:-1], "none.yaml"], ["none.yaml"]),
    (lambda a: [*a, "--ivar", a[1]], ["'150'", "inverse variance"]),
    (lambda a: [*a, "--ivar", a[1], a[1]], ["band 95 is given more than once"]),
    (lambda a: [*a, "--unit", "furlong"], ["furlong"]),
    (lambda a: [*a, "--finder", "matched-filter", "--threshold", "nan"],
     ["threshold must be a positive number"]),
    (lambda a: [*a, "--weights", "deepsz-spt3g"], ["--weights is for --finder ensemble, cnn or"]),
    (lambda a: [*a, "--finder", "matched-filter", "--weights", "deepsz-spt3g"],
     ["--weights is for --finder ensemble, cnn or unet"]),
    (lambda a: [*a, "--finder", "matched-filter", "--method", "and"],
     ["--method is for --finder ensemble"]),
    (lambda a: [*a, "--finder", "ensemble"],
     ["no ensemble of the package (", "is for these maps", "95, 150, 220"]),
    (lambda a: [*a, "--method", "and"], ["no ensemble of the package (", "is for these maps"]),
    (lambda a: [*a, "--finder", "ensemble", "--weights", "none"], ["unknown ensemble 'none'"]),
    (lambda a: [*a, "--finder", "cnn", "--weights", "none"], ["unknown preset 'none'"]),
    (lambda a: [*a, "--finder", "cnn", "--threshold", "4.5"],
     ["threshold must be a probability, between 0 and 1; found 4.5"]),
], ids=["missing file", "unknown band", "band twice", "unknown preset", "missing instrument",
        "weights missing", "weights twice", "unit", "threshold", "weights of unsaid",
        "weights of no use", "method of no use", "no ensemble", "method of no ensemble",
        "unknown ensemble", "unknown weights", "threshold of another finder"])
def test_mistakes_get_one_line(arguments, tmp_path, capsys, change, message):
    path = tmp_path / "cat.ecsv"
    assert main([*change(arguments), "-o", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("szfinder: ") and err.count("\n") == 1
    assert all(part in err for part in message)
    assert names(tmp_path) == []


@pytest.mark.parametrize("option, name", [
    ("-o", "none/cat.ecsv"), ("--regions", "none/cat.reg"), ("--plot", "none/cat.png"),
    ("-o", "cat.txt"), ("--plot", "cat.xyz"),
])
def test_nothing_is_left_over_when_writing_fails(arguments, tmp_path, capsys, option, name):
    assert main([*arguments, option, str(tmp_path / name)]) == 1
    assert capsys.readouterr().err.startswith("szfinder: ")
    assert names(tmp_path) == []


def test_ending_of_the_catalogue(arguments, tmp_path, capsys):
    assert main([*arguments, "-o", str(tmp_path / "cat.txt")]) == 1
    assert "cat.txt: the name must end in .ecsv or .fits" in capsys.readouterr().err


def test_an_old_catalogue_is_replaced(arguments, tmp_path):
    path = tmp_path / "cat.ecsv"
    path.write_text("old")
    assert main([*arguments, "-o", str(path)]) == 0
    assert len(QTable.read(path)) >= 2


@pytest.mark.parametrize("assignment", ["95", "=map.fits", "95="])
def test_bad_assignment(arguments, capsys, assignment):
    with pytest.raises(SystemExit) as status:
        main(["find", assignment, *arguments[2:]])
    assert status.value.code == 2
    assert f"expected BAND=FILE, such as 150=map.fits; found {assignment!r}" in (
        capsys.readouterr().err)


def test_path_with_an_equals_sign(folder, tmp_path, capsys):
    odd = tmp_path / "v=2.fits"
    odd.write_bytes((folder / "150.fits").read_bytes())
    assert main(["find", f"150={odd}", "--instrument", str(folder / "mock.yaml")]) == 0


@pytest.mark.parametrize("arguments, message", [
    ([], "COMMAND"), (["seek"], "invalid choice"), (["find"], "BAND=FILE"),
    (["find", "150=map.fits"], "--instrument"),
    (["find", "150=m.fits", "--instrument", "spt3g", "--finder", "eye"], "invalid choice"),
])
def test_usage(capsys, arguments, message):
    with pytest.raises(SystemExit) as status:
        main(arguments)
    assert status.value.code == 2
    assert message in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as status:
        main(["--version"])
    assert status.value.code == 0
    assert capsys.readouterr().out.strip() == f"szfinder {szfinder.__version__}"


def test_help(capsys):
    with pytest.raises(SystemExit) as status:
        main(["find", "--help"])
    assert status.value.code == 0
    assert "examples:" in capsys.readouterr().out
