"""EnsemblePreset and EnsembleCalibration: they come back as saved, and damaged ones are refused."""

import json

import numpy as np
import pytest

from szfinder.finders import (
    ensemble_for,
    CNNFinder,
    EnsembleCalibration,
    EnsembleFinder,
    EnsemblePreset,
    EvidenceModel,
    MatchedFilterFinder,
    TailRank,
    UNetSegmentFinder,
    available_ensembles,
    ensemble_preset,
)
from szfinder.finders.ensemble_preset import make_members
from szfinder.maps import Band, Beam, Instrument, MapError, MapStack
from szfinder.simulation import SkySimulator

MEMBERS = {"small": {"kind": "matched_filter", "threshold": 5.5, "keep_templates": [0, 3]},
           "large": {"kind": "matched_filter", "covariance": "model"}}
EVIDENCE = {"rank_small": [0.1, 2.2, 3.7], "snr_3": [1.1, 4.0, 9.7]}


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(1)
    return EnsembleCalibration(
        {name: TailRank.of(rng.normal(size=300)) for name in MEMBERS},
        {"small": 2.6, "large": 3.3}, {"product": 2.5, "and": 1.0, "calibrated": 0.4},
        EvidenceModel(["rank_small", "snr_3"], [1.1, 0.3], [0.7, 1.9], [-2, -3], [3.3, 4.1],
                      rng.normal(size=10).tolist()))


@pytest.fixture
def saved(calibration, tmp_path):
    """A file, and what is in it."""
    path = tmp_path / "mine.json"
    EnsemblePreset(MEMBERS, calibration, {"date": "2026-01-01"}).save(path)
    return path, json.loads(path.read_text())


def assert_same_calibration(one, other):
    assert list(one.references) == list(other.references)
    scores = np.linspace(-4, 9, 200)
    for name, reference in one.references.items():
        np.testing.assert_array_equal(reference(scores), other.references[name](scores))
    assert dict(one.and_ranks) == dict(other.and_ranks)
    assert dict(one.thresholds) == dict(other.thresholds)
    np.testing.assert_array_equal(one.model.probability(EVIDENCE),
                                  other.model.probability(EVIDENCE))


def test_calibration_goes_through_json(calibration):
    text = json.dumps(calibration.as_dict, allow_nan=False)
    assert_same_calibration(EnsembleCalibration.from_dict(json.loads(text)), calibration)


def test_round_trip(saved, calibration):
    preset = EnsemblePreset.load(saved[0])
    assert preset.configuration == MEMBERS
    assert preset.card == {"date": "2026-01-01"}
    assert_same_calibration(preset.calibration, calibration)


def test_saving_again_changes_nothing(saved, tmp_path):
    path = tmp_path / "again.json"
    EnsemblePreset.load(str(saved[0])).save(path)
    assert path.read_bytes() == saved[0].read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, saved[0]]


def test_finder_of_a_file(saved):
    finder = EnsembleFinder.from_preset(saved[0])
    assert finder.method == "calibrated" and finder.threshold == 0.4
    assert list(finder.members) == ["small", "large"]
    assert finder.members["small"].threshold == 5.5
    assert finder.members["small"].keep_templates == (0, 3)
    assert finder.members["large"].covariance == "model"
    other = EnsembleFinder.from_preset(saved[0], method="and", threshold=1.2)
    assert other.method == "and" and other.threshold == 1.2


def test_configuration_stays(saved):
    preset = EnsemblePreset.load(saved[0])
    make_members(preset.configuration)
    assert preset.configuration == MEMBERS


@pytest.mark.parametrize(("key", "message"), [
    ("members", "it must hold a json object with members"), ("calibration", "it lacks calibration"),
    ("card", "it lacks card")])
def test_file_that_lacks_a_part(saved, key, message):
    path, content = saved
    del content[key]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"mine\.json is no ensemble: {message}"):
        EnsemblePreset.load(path)


@pytest.mark.parametrize("value", [5, None, True, [], "members", ["members"]], ids=repr)
def test_json_of_another_sort(saved, value):
    path, content = saved
    for whole in (value, {**content, "members": value}):
        path.write_text(json.dumps(whole))
        with pytest.raises(ValueError, match=r"mine\.json is no ensemble: it must hold a json obj"):
            EnsemblePreset.load(path)


@pytest.mark.parametrize("text", ["", "{", '{"members": ', "\x00\x01"])
def test_file_that_is_no_json(saved, text):
    saved[0].write_text(text)
    with pytest.raises(ValueError, match=r"mine\.json is no json"):
        EnsemblePreset.load(saved[0])


def test_file_that_is_no_text(saved):
    saved[0].write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(ValueError, match=r"mine\.json is no json"):
        EnsembleFinder.from_preset(saved[0])


@pytest.mark.parametrize("part", [None, "references", "and_ranks", "thresholds", "model"])
@pytest.mark.parametrize("value", [5, None, True, [], "text", [1, 2]], ids=repr)
def test_part_of_another_sort(saved, part, value):
    path, content = saved
    if part is None:
        content["calibration"] = value
    else:
        content["calibration"][part] = value
    path.write_text(json.dumps(content))
    for load in (EnsemblePreset.load, EnsembleFinder.from_preset):
        with pytest.raises(ValueError, match=r"mine\.json: "):
            load(path)


@pytest.mark.parametrize(("part", "change", "message"), [
    ("references", {"large": [0.0] * 3}, "11 finite numbers or more"),
    ("references", {"large": [1.0] * 11 + [0.0]}, "must not fall"),
    ("references", {"large": [None] * 20}, ""),
    ("references", {"large": "text"}, ""),
    ("references", {"large": {"0": 1.0}}, ""),
    ("references", {"third": [0.0] * 20}, "references are of small, large, third, and_ranks of"),
    ("and_ranks", {"third": 2.0}, "expected the same members"),
    ("and_ranks", {"large": 0}, "threshold of large must be positive; found 0"),
    ("and_ranks", {"large": None}, ""),
    ("and_ranks", {"large": "high"}, ""),
    ("thresholds", {"product": -1.0}, "threshold of product must be positive"),
    ("thresholds", {"and": float("nan")}, "threshold of and must be positive"),
    ("thresholds", {"calibrated": float("inf")}, "threshold of calibrated must be positive"),
    ("thresholds", {"calibrated": "high"}, ""),
    ("thresholds", {"product": [2.0]}, ""),
    ("model", {"other": 1.0}, "other"),
    ("model", {"weights": [1.0] * 11}, "a model of 2 features needs .* 10 weights"),
    ("model", {"weights": [None] * 10}, ""),
    ("model", {"weights": [float("nan")] * 10}, "finite numbers"),
    ("model", {"center": ["a", "b"]}, ""),
    ("model", {"center": [[1.0], [2.0, 3.0]]}, ""),
    ("model", {"scale": [0.0, 1.0]}, "scatters above 0"),
    ("model", {"features": 2}, ""),
], ids=str)
def test_damaged_calibration(saved, part, change, message):
    path, content = saved
    content["calibration"][part] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"mine\.json: .*{message}"):
        EnsemblePreset.load(path)


@pytest.mark.parametrize("part", ["references", "and_ranks"])
def test_members_that_lack_a_part(saved, part):
    path, content = saved
    del content["calibration"][part]["large"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"mine\.json: references are of .*the same members"):
        EnsemblePreset.load(path)


@pytest.mark.parametrize("method", ["product", "and", "calibrated"])
def test_thresholds_are_of_all_methods(saved, calibration, method):
    path, content = saved
    del content["calibration"]["thresholds"][method]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"mine\.json: thresholds lack {method}; found"):
        EnsemblePreset.load(path)
    left = {name: value for name, value in calibration.thresholds.items() if name != method}
    with pytest.raises(ValueError, match=f"^thresholds lack {method}; found"):
        EnsembleCalibration(**{**vars(calibration), "thresholds": left})
    with pytest.raises(ValueError, match="thresholds lack product, and, calibrated"):
        EnsembleCalibration(**{**vars(calibration), "thresholds": {}})


@pytest.mark.parametrize(("members", "message"), [
    ({"small": {"kind": "forest"}}, "member 'small': found the kind 'forest'"),
    ({"small": {}}, "member 'small': found the kind None"),
    ({"small": {"kind": "matched_filter", "threshold": -1}}, "threshold must be a positive"),
    ({"small": {"kind": "unet", "preset": "no-such"}}, "no-such"),
    ({"other": {"kind": "matched_filter"}}, "calibration is of the members small, large; found"),
], ids=str)
def test_error_of_a_finder_names_the_ensemble(saved, members, message):
    path, content = saved
    content["members"] |= members
    path.write_text(json.dumps(content))
    for name in (path, str(path)):
        with pytest.raises(ValueError, match=rf"^ensemble '.*mine\.json': .*{message}"):
            EnsembleFinder.from_preset(name)


def test_error_of_an_option_names_the_ensemble(saved):
    with pytest.raises(ValueError, match=r"^ensemble '.*mine\.json': method must be .*'mean'"):
        EnsembleFinder.from_preset(saved[0], method="mean")
    with pytest.raises(ValueError, match="^ensemble 'spt3g': threshold must be a prob.*found 4.5"):
        EnsembleFinder.from_preset("spt3g", threshold=4.5)


@pytest.mark.parametrize("key", ["references", "and_ranks", "thresholds", "model"])
def test_calibration_that_lacks_a_part(saved, key):
    path, content = saved
    del content["calibration"][key]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"mine\.json: the calibration .* lacks {key}"):
        EnsemblePreset.load(path)


@pytest.mark.parametrize("name", ["no-such", "no/such/file.json", "."])
def test_unknown_ensemble(name):
    with pytest.raises(ValueError, match=f"unknown ensemble '{name}'; expected one of those"):
        EnsemblePreset.load(name)
    with pytest.raises(ValueError, match=f"unknown ensemble '{name}'"):
        EnsembleFinder.from_preset(name)


@pytest.mark.parametrize("kind", ["forest", None, "MatchedFilterFinder"])
def test_unknown_kind(kind):
    configuration = {"good": {"kind": "matched_filter"}, "bad": {"kind": kind} if kind else {}}
    with pytest.raises(ValueError, match=f"'bad': found the kind {kind!r}; expected one"):
        make_members(configuration)


def test_kinds():
    members = make_members({"a": {"kind": "matched_filter"},
                            "b": {"kind": "cnn", "preset": "deepsz-spt3g", "stride": 4},
                            "c": {"kind": "unet", "preset": "unet-planck", "threshold": 0.7}})
    assert [type(member) for member in members.values()] == [
        MatchedFilterFinder, CNNFinder, UNetSegmentFinder]
    assert members["c"].threshold == 0.7
    assert members["b"].preset.name == "deepsz-spt3g"


@pytest.mark.parametrize(("part", "value"), [
    ("and_ranks", {"small": 2.0, "other": 2.0}), ("and_ranks", {"small": 2.0}),
    ("and_ranks", {"small": 2.0, "large": np.inf}),
    ("thresholds", {"product": 2.0, "and": 0.0, "calibrated": 0.5}),
    ("thresholds", {"product": 2.0, "and": np.nan, "calibrated": 0.5})], ids=str)
def test_calibration_must_fit(calibration, part, value):
    with pytest.raises(ValueError, match="same members|must be positive"):
        EnsembleCalibration(**{**vars(calibration), part: value})


def test_ensembles_of_the_package():
    """Each can be made, and knows all methods."""
    names = available_ensembles()
    assert names == sorted(names) and names
    for name in names:
        for method in ("product", "and", "calibrated"):
            finder = EnsembleFinder.from_preset(name, method=method)
            assert finder.calibration.references.keys() == finder.members.keys()
            assert finder.threshold == finder.calibration.thresholds[method]


@pytest.fixture(scope="module")
def maps():
    return SkySimulator.from_preset("spt3g", size=1.2, rng=1).patch().maps


def test_ensemble_for_maps(maps):
    """Those that fit bands, beams, pixels and size of the networks; there is none for others."""
    assert "unet" in EnsemblePreset.load(ensemble_for(maps)).configuration
    wide = MapStack(maps.data, wcs=maps.wcs, instrument=Instrument("wide", [
        Band(band.name, band.frequency, Beam.from_fwhm(2 * band.beam.fwhm))
        for band in maps.bands]))
    other = Instrument("other", [Band("30", 30.0, Beam.from_fwhm(1.0))])
    for unknown in (wide, MapStack(maps.data[:1], wcs=maps.wcs, instrument=other)):
        with pytest.raises(MapError, match="none has the bands and beams of"):
            ensemble_for(unknown)
    small = MapStack(maps.data[:, :30, :30], wcs=maps.wcs, instrument=maps.instrument)
    with pytest.raises(MapError, match=r"'spt3g': maps of \(30, 30\) pixels; expected 128 or more"):
        ensemble_for(small)
    coarse = maps.wcs[::2, ::2]
    with pytest.raises(MapError, match="'spt3g': .*pixel"):
        ensemble_for(MapStack(maps.data[:, ::2, ::2], wcs=coarse, instrument=maps.instrument))


def test_ensemble_of_filters_alone_is_for_no_maps(maps, calibration, tmp_path, monkeypatch):
    """Filters fit all maps; a calibration does not."""
    monkeypatch.setattr(ensemble_preset, "BUNDLED", tmp_path)
    EnsemblePreset(MEMBERS, calibration, {}).save(tmp_path / "filters.json")
    assert available_ensembles() == ["filters"]
    with pytest.raises(MapError, match="no ensemble of the package"):
        ensemble_for(maps)
    members = {**MEMBERS, "large": {"kind": "unet", "preset": "unet-spt3g"}}
    EnsemblePreset(members, calibration, {}).save(tmp_path / "net.json")
    assert ensemble_for(maps) == "net"
