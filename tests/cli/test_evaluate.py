"""``szfinder evaluate``, end to end."""

import re

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from scipy.stats import beta

from szfinder.cli import main

FIGURES = [
    "completeness_map.png", "completeness_mass.png", "completeness_redshift.png", "f1.png",
    "offsets.png",
]


def positions(east):
    """Places in arcmin east of a point, all on one parallel."""
    center = SkyCoord(30 * u.deg, 0 * u.deg)
    return center.spherical_offsets_by(np.array(east, float) * u.arcmin, 0 * u.arcmin)


@pytest.fixture
def truth():
    """Four clusters, one too near, one too light."""
    return QTable({
        "sky_centroid": positions([0, 10, 20, 30, 40, 50]),
        "mvir": [4e14, 3e14, 3e14, 2e14, 5e14, 1.9e14] * u.Msun,
        "m500c": [2e14, 1.5e14, 1.5e14, 0.9e14, 2.5e14, 0.8e14] * u.Msun,
        "redshift": [0.3, 0.5, 0.7, 0.25, 0.1, 0.5],
    })


@pytest.fixture
def detections():
    """Clusters 0, 1 and 2 found, 12, 18 and 24 arcsec off, the near and the light one, noise."""
    return QTable({
        "sky_centroid": positions([0.2, 10.3, 20.4, 40, 50, 70]),
        "score": [9.0, 7, 5, 8, 4, 6],
    })


@pytest.fixture
def arguments(detections, truth, tmp_path):
    detections.write(tmp_path / "cat.ecsv")
    truth.write(tmp_path / "truth.ecsv")
    return ["evaluate", str(tmp_path / "cat.ecsv"), "--truth", str(tmp_path / "truth.ecsv")]


def rows(text):
    """The table that was printed: cells by the name of the row."""
    cells = [re.split(r"\s{2,}", line) for line in text.splitlines()]
    return {name: rest for name, *rest in cells if rest}


def written(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if "ecsv" not in path.name)


def interval(successes, trials):
    low, high = beta.ppf([0.16, 0.84], successes + 0.5, trials - successes + 0.5)
    return f"({low:.3f}-{high:.3f})"


def test_table_by_hand(arguments, capsys):
    assert main([*arguments, "--threshold", "6.5"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "6 detections" in out and "4 clusters among 6 halos" in out
    printed = rows(out)
    # above 6.5: clusters 0 and 1, and the near halo. All: 3 of 6 right, F1 = 6 / 10, the highest
    # but for the threshold of 5: 3 of 5 right, F1 = 6 / 9.
    assert printed["least score"] == ["6.5", "5"]
    assert printed["detections"] == ["3", "5"]
    assert printed["clusters found"] == ["2 of 4", "3 of 4"]
    assert printed["purity"] == [f"0.667 {interval(2, 3)}", f"0.600 {interval(3, 5)}"]
    assert printed["completeness"] == [f"0.500 {interval(2, 4)}", f"0.750 {interval(3, 4)}"]
    assert [cell.split()[0] for cell in printed["F1"]] == ["0.571", "0.667"]
    assert [cell.split()[0] for cell in printed["purity, M500c >= 1e+14"]] == ["1.000", "0.800"]
    assert printed["median position error"] == ["15.0 arcsec", "18.0 arcsec"]
    assert "on these very skies" in out


def test_interval_of_f1_covers(arguments, capsys):
    """The interval of F1 holds F1 of resampled skies about as often as it says."""
    main(arguments)
    printed = re.search(r"F1 +0\.600 \((.*?)-(.*?)\)", capsys.readouterr().out)
    low, high = map(float, printed.groups())
    # 3 right, 3 false, 1 missed: F1 is a function of right among 7
    drawn = np.random.default_rng(1).binomial(7, 3 / 7, 10_000)
    f1 = 2 * drawn / (drawn + 7)
    assert 0.55 < np.mean((f1 >= low) & (f1 <= high)) < 0.85


def test_all_detections_count_by_default(arguments, capsys):
    assert main(arguments) == 0
    printed = rows(capsys.readouterr().out)
    assert printed["least score"][0] == "none" and printed["detections"][0] == "6"


@pytest.mark.parametrize("options, clusters, found", [
    (["--min-mass", "1e14"], 5, 4),
    (["--min-redshift", "0"], 5, 4),
    (["--min-mass", "3.5e14"], 1, 1),
    (["--radius", "0.25"], 4, 1),
])
def test_limits(arguments, capsys, options, clusters, found):
    assert main([*arguments, *options]) == 0
    assert rows(capsys.readouterr().out)["clusters found"][0] == f"{found} of {clusters}"


def test_figures(arguments, tmp_path, capsys):
    folder = tmp_path / "figures"
    for _ in range(2):  # existing ones are replaced
        assert main([*arguments, "-o", str(folder)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert sorted(path.name for path in folder.iterdir()) == FIGURES
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in FIGURES)
    assert all(f"wrote {folder / name}" in out for name in FIGURES)


def test_nothing_is_written_unasked(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    assert written(tmp_path) == [] and "wrote" not in capsys.readouterr().out


def test_tables_of_other_codes(detections, truth, tmp_path, capsys):
    """Degrees, plain numbers, another column, another format: the same result."""
    paths = []
    for name, table in (("a.fits", detections), ("b.csv", truth)):
        plain = Table({column: np.array(table[column]) for column in table.colnames[1:]})
        plain["RA"], plain["Dec"] = (table["sky_centroid"].ra.deg, table["sky_centroid"].dec.deg)
        paths.append(str(tmp_path / name))
        if name == "a.fits":
            plain.rename_column("score", "xi")
        plain.write(paths[-1])
    assert main(["evaluate", paths[0], "--truth", paths[1], "--score", "xi",
                 "-o", str(tmp_path / "out")]) == 0
    assert rows(capsys.readouterr().out)["clusters found"][0] == "3 of 4"


def test_mass_in_another_unit(arguments, truth, tmp_path, capsys):
    truth["mvir"] = (1.001 * truth["mvir"]).to(u.kg)
    truth.remove_column("m500c")
    truth.write(tmp_path / "truth.ecsv", overwrite=True)
    assert main([*arguments, "-o", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert rows(out)["clusters found"][0] == "3 of 4" and "M500c" not in out


@pytest.mark.parametrize("n_detections, n_halos", [(0, 6), (6, 0), (0, 0)])
def test_empty_tables(arguments, detections, truth, tmp_path, capsys, n_detections, n_halos):
    detections[:n_detections].write(tmp_path / "cat.ecsv", overwrite=True)
    truth[:n_halos].write(tmp_path / "truth.ecsv", overwrite=True)
    assert main([*arguments, "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    printed = rows(out)
    n_clusters = 4 if n_halos else 0
    assert err == "" and printed["detections"] == [str(n_detections)]
    assert printed["clusters found"] == [f"0 of {n_clusters}"]
    assert printed["median position error"] == ["-"]
    assert (printed["purity"] == ["-"]) == (n_detections == 0)
    assert (printed["completeness"] == ["-"]) == (n_halos == 0)
    assert "none of the clusters was detected" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FIGURES


@pytest.mark.parametrize("change, message", [
    (lambda a, f: [*a[:1], str(f / "none.ecsv"), *a[2:]], "none.ecsv: there is no such file"),
    (lambda a, f: [*a[:3], str(f / "none.ecsv")], "none.ecsv: there is no such file"),
    (lambda a, f: [*a[:3], str(f)], "there is no such file"),
    (lambda a, f: [*a, "--score", "snr"], "cat.ecsv: the table has no column 'snr'"),
    (lambda a, f: [*a[:3], a[1]], "cat.ecsv: the table has no column 'redshift'"),
], ids=["missing catalogue", "missing truth", "folder", "score", "truth"])
def test_mistakes_get_one_line(arguments, tmp_path, capsys, change, message):
    assert main([*change(arguments, tmp_path), "-o", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("szfinder: ") and err.count("\n") == 1
    assert message in err
    assert written(tmp_path) == []


@pytest.mark.parametrize("name, content", [
    ("notes.txt", "no table"), ("bad.ecsv", "no table"), ("bad.fits", "no table"),
    ("nowhere.csv", "score\n5\n"),
])
def test_files_that_are_no_catalogue(arguments, tmp_path, capsys, name, content):
    path = tmp_path / name
    path.write_text(content)
    assert main([arguments[0], str(path), *arguments[2:]]) == 1
    out, err = capsys.readouterr()
    assert out == "" and name in err and err.count("\n") == 1


def test_missing_scores(arguments, detections, tmp_path, capsys):
    detections["score"][2] = np.nan
    detections.write(tmp_path / "cat.ecsv", overwrite=True)
    assert main(arguments) == 1
    assert "cat.ecsv: column 'score' has 1 NaN" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["cat.ecsv", "none/figures", "cat.ecsv/figures"])
def test_folders_that_cannot_be(arguments, tmp_path, capsys, folder):
    assert main([*arguments, "-o", str(tmp_path / folder)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "cannot write figures to" in err
    assert written(tmp_path) == []


def test_no_figure_before_all_are_drawn(arguments, tmp_path, capsys):
    folder = tmp_path / "figures"
    (folder / "offsets.png").mkdir(parents=True)  # in the way of the last figure
    assert main([*arguments, "-o", str(folder)]) == 1
    assert capsys.readouterr().out == ""
    assert [path.name for path in folder.iterdir()] == ["offsets.png"]


@pytest.mark.parametrize("option, text", [
    ("--radius", "0"), ("--radius", "nan"), ("--min-mass", "-1"), ("--min-redshift", "far"),
    ("--threshold", "inf"),
])
def test_numbers(arguments, capsys, option, text):
    with pytest.raises(SystemExit) as status:
        main([*arguments, option, text])
    assert status.value.code == 2
    err = capsys.readouterr().err
    assert f"argument {option}: expected a number" in err and f"found {text!r}" in err


def test_help(capsys):
    with pytest.raises(SystemExit) as status:
        main(["evaluate", "--help"])
    assert status.value.code == 0
    assert "same area" in capsys.readouterr().out


def test_ceilings_are_printed_where_the_truth_has_signals(arguments, truth, tmp_path, capsys):
    """Signals that follow the mass, and a redshift limit that lets all of them pass."""
    truth["y_c"] = 1e-19 * truth["mvir"].value
    truth["theta500"] = 2 * u.arcmin
    truth.write(tmp_path / "truth.ecsv", overwrite=True)
    assert main([*arguments, "--min-redshift", "0"]) == 0
    assert rows(capsys.readouterr().out)["F1, amplitude ceiling"] == ["1.000"]
