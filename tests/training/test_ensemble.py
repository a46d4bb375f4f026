"""Training of an ensemble: evidence on skies, kept in files, and the preset that comes out."""

import json
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szfinder.evaluation import select_halos
from szfinder.finders import EnsembleFinder, EnsemblePreset, TailRank
from szfinder.finders.ensemble_preset import make_members
from szfinder.models.preset import BUNDLED
from szfinder.training import (
    ENSEMBLE_TRAININGS,
    EnsembleTraining,
    MockSkies,
    SkyEvidence,
    fit_evidence_model,
    pooled,
    train_ensemble,
)
from szfinder.training.ensemble import _with_full_paths, calibrate_ensemble
from szfinder.training.seeds import ENSEMBLE_SEEDS, TEST_SEEDS, VALIDATION_SEEDS

pytest.importorskip("sklearn", reason="ensembles learn with scikit-learn")

SEEDS = list(ENSEMBLE_SEEDS[:4])
MEMBERS = {
    "model": {"kind": "matched_filter", "covariance": "model", "sources": None},
    "maps": {"kind": "matched_filter", "covariance": "maps", "sources": None,
             "keep_templates": [0, 3]},
}
FEATURES = ["rank_model", "rank_maps", "snr_3"]


class KnownSkies(MockSkies):
    """Skies that are simulated once."""

    made = {}

    def sky(self, seed):
        if seed not in self.made:
            self.made[seed] = super().sky(seed)
        return self.made[seed]


class OnlySkies(MockSkies):
    """Skies of no seed but one."""

    def sky(self, seed):
        assert seed == SEEDS[2], f"the sky of {seed} is not needed"
        return super().sky(seed)


class NoSkies(MockSkies):
    """Skies that cannot be made."""

    def sky(self, seed):
        raise RuntimeError("no sky is needed")


@pytest.fixture(scope="module")
def training():
    return EnsembleTraining(KnownSkies("spt3g", 1.0), MEMBERS, FEATURES, radius=1.5, n_skies=4)


@pytest.fixture(scope="module")
def trained(training, tmp_path_factory):
    """Folder and preset of a training."""
    folder = tmp_path_factory.mktemp("trained") / "new" / "folder"
    return folder, train_ensemble(training, folder, command="train it")


@pytest.fixture(scope="module")
def skies(trained):
    return [SkyEvidence.read(kept(trained[0], seed)) for seed in SEEDS]


def kept(folder, seed):
    """The one file with the evidence of a sky."""
    (path,) = folder.glob(f"evidence_*_{seed}.npz")
    return path


def without_date(path):
    content = json.loads(path.read_text())
    del content["card"]["date"]
    return content


# Evidence


def test_evidence_of_a_sky(training, skies):
    """Peaks of the mean rank; true are those next to a cluster, one for each at most."""
    for seed, evidence in zip(SEEDS, skies):
        sky = training.skies.sky(seed)
        rows = evidence.rows
        truth = sky.truth[select_halos(sky.truth)]
        x, y = sky.maps.wcs.world_to_pixel(truth["sky_centroid"])
        ny, nx = sky.maps.shape
        truth = truth[(x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)]
        peaks = SkyCoord(sky.maps.wcs.pixel_to_world(rows["x"], rows["y"]))
        near = peaks[:, None].separation(truth["sky_centroid"]) < 1.5 * u.arcmin
        assert np.count_nonzero(rows["true"]) + evidence.n_missed == len(truth)
        assert near.any(axis=1)[rows["true"]].all()
        assert evidence.n_missed >= np.count_nonzero(~near.any(axis=0))
        assert len(set(zip(rows["x"], rows["y"]))) == len(rows)
        assert (rows["mean_rank"] > 1.4).all()
    assert sum(np.count_nonzero(evidence.rows["true"]) for evidence in skies) > 8


def test_evidence_is_what_the_members_say(training, skies):
    """Numbers are of the highest pixel nearby in the member's own map, ranks are the best offer."""
    sky, evidence = training.skies.sky(SEEDS[0]), skies[0]
    rows = evidence.rows
    near = 0.5 * min(band.beam.fwhm for band in sky.maps.bands) / 0.5  # pixels of half an arcmin
    found = {name: make_members(MEMBERS)[name].score_map(sky.maps) for name in MEMBERS}
    y, x = np.indices(sky.maps.shape)
    for name, own in found.items():
        reference = TailRank.of(own.data)
        np.testing.assert_array_equal(evidence.references[name].scores, reference.scores)
        rank = np.where(np.isnan(own.data), -np.inf, reference(own.data))
        for row in rows:
            dy, dx = np.abs(y - row["y"]), np.abs(x - row["x"])
            square = np.maximum(dy, dx)
            peak = np.where(square <= np.ceil(near), rank, -np.inf).argmax()
            assert row[f"score_{name}"] == own.data.ravel()[peak]
            if name == "maps":
                assert row["snr_3"] == own.layers["snr_3"].ravel()[peak]
            offers = rank - 0.3 * (dy**2 + dx**2) / near**2
            best = offers[square <= 2.5 * near].max()
            assert row[f"rank_{name}"] == pytest.approx(best, rel=1e-6)
    mean = (rows["rank_model"] + rows["rank_maps"]) / 2
    np.testing.assert_allclose(rows["mean_rank"], mean, rtol=1e-6)


def test_evidence_comes_back(skies, tmp_path):
    skies[1].write(tmp_path / "evidence.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.npz"]
    back = SkyEvidence.read(tmp_path / "evidence.npz")
    assert back.rows.colnames == skies[1].rows.colnames
    for name in back.rows.colnames:
        assert back.rows[name].dtype == skies[1].rows[name].dtype
        np.testing.assert_array_equal(back.rows[name], skies[1].rows[name])
    assert list(back.references) == list(MEMBERS)
    for name, reference in back.references.items():
        np.testing.assert_array_equal(reference.scores, skies[1].references[name].scores)
    assert back.n_missed == skies[1].n_missed


def test_evidence_with_names_of_any_sort(tmp_path):
    rank = TailRank(np.arange(20.0))
    rows = Table({"score_my net": [1.0], "true": [True], "row x": [3], "reference": [4]})
    SkyEvidence(rows, {"my net": rank, "row": rank}, 7).write(tmp_path / "evidence.npz")
    back = SkyEvidence.read(tmp_path / "evidence.npz")
    assert back.rows.colnames == rows.colnames
    assert list(back.references) == ["my net", "row"] and back.n_missed == 7


def some_evidence(seed, scale, n=40, n_missed=0):
    """Peaks of two members, whose scores scatter by a scale; the second lends from a pixel away."""
    rng = np.random.default_rng(seed)
    references = {name: TailRank.of(scale * rng.exponential(size=5000)) for name in ("a", "b")}
    rows = Table({f"score_{name}": scale * rng.uniform(4, 11, n) for name in references})
    for name, loan in (("a", 0.0), ("b", 0.3)):
        rows[f"rank_{name}"] = (references[name](rows[f"score_{name}"]) - loan).astype(np.float32)
    rows["mean_rank"] = 0.0
    rows["true"] = rng.uniform(size=n) < 0.3
    return SkyEvidence(rows, references, n_missed)


def test_pooled_keeps_rows_in_order():
    parts = [some_evidence(1, 1.0, n=30, n_missed=2), some_evidence(2, 1.5, n=50, n_missed=1),
             some_evidence(3, 0.7, n=20)]
    given = [part.rows.copy() for part in parts]
    whole = pooled(parts)
    np.testing.assert_array_equal(whole.rows["sky"], np.repeat([0, 1, 2], [30, 50, 20]))
    assert whole.n_missed == 3
    for name in ("score_a", "score_b", "true"):
        np.testing.assert_array_equal(whole.rows[name],
                                      np.concatenate([rows[name] for rows in given]))
    for part, before in zip(parts, given):
        assert part.rows.colnames == before.colnames
        np.testing.assert_array_equal(part.rows["rank_a"], before["rank_a"])


def test_pooled_ranks_anew():
    """One score has one rank in all skies, whatever its rank in its own; loans stay."""
    parts = [some_evidence(1, 1.0), some_evidence(2, 1.5)]
    rows = pooled(parts).rows
    for name, loan in (("a", 0.0), ("b", 0.3)):
        order = np.argsort(rows[f"score_{name}"])
        assert (np.diff(rows[f"rank_{name}"][order]) >= -1e-6).all()
        # mean scores of a rank are those of an exponential distribution of the mean scale
        expected = rows[f"score_{name}"] / 1.25 / np.log(10)
        usual = expected < 3
        assert usual.sum() > 20
        np.testing.assert_allclose(rows[f"rank_{name}"][usual], expected[usual] - loan, atol=0.25)
    np.testing.assert_allclose(rows["mean_rank"], (rows["rank_a"] + rows["rank_b"]) / 2, rtol=1e-6)


def test_pooled_of_equal_skies_changes_no_rank():
    one = some_evidence(4, 1.0)
    rows = pooled([one, one]).rows
    np.testing.assert_allclose(rows["rank_a"], np.tile(one.rows["rank_a"], 2), rtol=1e-6)


def test_pooled_of_skies_of_about_one_size():
    """The ranks that all have."""
    one, other = some_evidence(5, 1.0), some_evidence(5, 1.0)
    short = TailRank(other.references["a"].scores[:-3])
    other = replace(other, references={**other.references, "a": short})
    assert pooled([one, other]).references["a"].scores.size == short.scores.size


def test_ranks_are_never_negative():
    """A sky of faint scores among bright ones, whose ranks fall, and loans that are not small."""
    rows = pooled([some_evidence(1, 0.3), some_evidence(2, 3.0)]).rows
    for name, loan in (("a", 0.0), ("b", 0.3)):
        assert (rows[f"rank_{name}"] >= 0).all()
        # the rank in the mean of both, of a scale of 1.65, less the loan
        expected = np.maximum(rows[f"score_{name}"] / 1.65 / np.log(10) - loan, 0)
        usual = expected < 3
        np.testing.assert_allclose(rows[f"rank_{name}"][usual], expected[usual], atol=0.25)
    assert (rows["mean_rank"] >= 0).all()


def test_a_rank_that_a_loan_takes_below_zero_is_zero():
    """Ranks are lower among scores that are five times as high; what was lost stays lost."""
    one, other = some_evidence(1, 1.0, n=3), some_evidence(2, 9.0, n=3)
    score, loan = np.array([2.2, 4.0, 20.0]), 0.9
    one.rows["score_b"], one.rows["rank_b"] = score, one.references["b"](score) - loan
    assert (one.rows["rank_b"] > 0).all()
    rank = pooled([one, other]).rows["rank_b"][:3]
    assert rank[:2].tolist() == [0, 0]
    assert rank[2] == pytest.approx(20 / 5 / np.log(10) - loan, abs=0.15)


# Training


def test_preset_can_be_used(trained, training):
    folder, preset = trained
    loaded = EnsemblePreset.load(folder / "ensemble.json")
    assert loaded.configuration == MEMBERS == preset.configuration
    assert loaded.calibration.thresholds == preset.calibration.thresholds
    assert loaded.calibration.thresholds["and"] == 1
    assert loaded.card == preset.card
    assert loaded.card["command"] == "train it"
    assert loaded.card["data"] == {**training.skies.as_dict, "seeds": [SEEDS[0], SEEDS[-1]],
                                   "radius": 1.5, "min_snr": None,
                                   "szfinder_version": loaded.card["data"]["szfinder_version"]}
    assert list(loaded.calibration.model.features) == FEATURES
    sky = training.skies.sky(SEEDS[1])
    truth = sky.truth[select_halos(sky.truth)]
    brightest = truth["sky_centroid"][truth["y_c"].argmax()]
    for method in ("and", "calibrated"):
        clusters = EnsembleFinder.from_preset(folder / "ensemble.json", method=method)(sky.maps)
        assert brightest.separation(clusters["sky_centroid"]).min() < 1.5 * u.arcmin
        assert ((clusters["probability"] >= 0) & (clusters["probability"] <= 1)).all()


def copied(folder, target, seeds):
    for seed in seeds:
        path = kept(folder, seed)
        (target / path.name).write_bytes(path.read_bytes())


def test_goes_on_from_what_was_kept(trained, training, tmp_path):
    copied(trained[0], tmp_path, SEEDS)
    again = replace(training, skies=NoSkies("spt3g", 1.0))
    train_ensemble(again, tmp_path, command="train it")
    assert without_date(tmp_path / "ensemble.json") == without_date(trained[0] / "ensemble.json")


def test_makes_only_the_sky_that_lacks(trained, training, tmp_path):
    """And that, simulated once more, to the last byte."""
    copied(trained[0], tmp_path, [SEEDS[0], SEEDS[1], SEEDS[3]])
    train_ensemble(replace(training, skies=OnlySkies("spt3g", 1.0)), tmp_path, command="train it")
    assert without_date(tmp_path / "ensemble.json") == without_date(trained[0] / "ensemble.json")
    ours, theirs = kept(tmp_path, SEEDS[2]), kept(trained[0], SEEDS[2])
    assert ours.name == theirs.name and ours.read_bytes() == theirs.read_bytes()


def test_signature_names_the_evidence(trained, training):
    names = sorted(path.name for path in trained[0].iterdir())
    assert names == ["ensemble.json", *sorted(f"evidence_{training.signature}_{seed}.npz"
                                              for seed in SEEDS)]
    assert len(training.signature) == 8 and int(training.signature, 16) >= 0


def test_other_features_need_no_skies(trained, training, tmp_path):
    copied(trained[0], tmp_path, SEEDS)
    again = replace(training, skies=NoSkies("spt3g", 1.0), features=FEATURES[:2])
    assert list(train_ensemble(again, tmp_path).calibration.model.features) == FEATURES[:2]


CHANGES = [
    {"radius": 2.0}, {"min_snr": 5.0}, {"skies": NoSkies("spt3g", 1.1)},
    {"skies": NoSkies("planck-hfi", 1.0)},
    {"members": {**MEMBERS, "maps": {**MEMBERS["maps"], "keep_templates": [3]}}},
    {"members": {"first": MEMBERS["model"], "second": MEMBERS["maps"]}},
    {"members": {**MEMBERS, "net": {"kind": "unet", "preset": "unet-spt3g"}}},
    {"members": {**MEMBERS, "net": {"kind": "unet", "preset": "unet-planck"}}},
]


def test_signature_is_of_all_that_evidence_depends_on(training):
    """And of no more: features and the number of skies may change."""
    others = [replace(training, **change).signature for change in CHANGES]
    assert len({training.signature, *others}) == 1 + len(CHANGES)
    for change in ({"features": FEATURES[:1]}, {"n_skies": 9}, {}):
        assert replace(training, **change).signature == training.signature


def test_weights_are_found_from_elsewhere(monkeypatch):
    """A folder is kept by its full path, a name of the package as it is."""
    monkeypatch.chdir(BUNDLED)
    members = {**MEMBERS, "net": {"kind": "unet", "preset": "./unet-spt3g"},
               "other": {"kind": "unet", "preset": "unet-spt3g"}}
    full = _with_full_paths(members)
    assert full == {**members, "net": {"kind": "unet", "preset": str(BUNDLED / "unet-spt3g")}}


@pytest.mark.parametrize("name", ["FLOOR", "PROMINENCE", "PENALTY", "REACH", "SAME_PLACE", "STEP"])
def test_signature_is_of_how_evidence_is_taken(training, name, monkeypatch):
    before = training.signature
    monkeypatch.setattr(f"szfinder.training.ensemble.{name}", 0.123)
    assert training.signature != before


def test_evidence_of_another_training_is_not_taken(trained, training, tmp_path):
    copied(trained[0], tmp_path, SEEDS)
    for change in CHANGES[:3]:
        other = replace(training, **{"skies": NoSkies("spt3g", 1.0), **change})
        with pytest.raises(RuntimeError, match="no sky is needed"):
            train_ensemble(other, tmp_path)


def best_f1(score, labels, n_missed):
    n_true = np.count_nonzero(labels) + n_missed
    return max(2 * np.count_nonzero(labels & (score >= t)) / (np.count_nonzero(score >= t) + n_true)
               for t in score)


def test_scores_and_thresholds(trained, skies):
    """F1 of product and both, one threshold after the other; of the model without its own sky."""
    preset, whole = trained[1], pooled(skies)
    rows, labels = whole.rows, np.array(whole.rows["true"])
    probability = np.zeros(len(rows))
    for sky in range(4):
        own = rows["sky"] == sky
        model = fit_evidence_model(rows[~own], labels[~own], FEATURES)
        probability[own] = model.probability(rows[own])
    scores = preset.card["scores"]
    assert scores["calibrated_f1"] == pytest.approx(best_f1(probability, labels, whole.n_missed))
    parts = [1 - 10 ** -np.array(rows[f"rank_{name}"], float) for name in MEMBERS]
    product = -np.log10(1 - np.prod(parts, axis=0))
    assert scores["product_f1"] == pytest.approx(best_f1(product, labels, whole.n_missed))
    at = product >= preset.calibration.thresholds["product"] - 1e-9
    n_true = np.count_nonzero(labels) + whole.n_missed
    assert scores["product_f1"] == pytest.approx(
        2 * np.count_nonzero(labels & at) / (np.count_nonzero(at) + n_true))
    both = np.logical_and.reduce([rows[f"rank_{name}"] >= preset.calibration.and_ranks[name] - 1e-9
                                  for name in MEMBERS])
    f1 = 2 * np.count_nonzero(labels & both) / (np.count_nonzero(both) + n_true)
    # of one pair of thresholds F1 is at least this: all ranks may rise in proportion
    assert f1 <= scores["and_f1"] <= 1
    assert f1 > 0.5


def test_members_agree_on_what_is_a_cluster():
    """Evidence of which only one member knows: the model looks at that one."""
    rng = np.random.default_rng(6)
    parts = [some_evidence(seed, 1.0, n=150) for seed in range(4)]
    for part in parts:
        part.rows["true"] = part.rows["rank_a"] > 2.6
        flipped = rng.uniform(size=150) < 0.05
        part.rows["true"][flipped] = ~part.rows["true"][flipped]
    calibration, scores = calibrate_ensemble(pooled(parts), ["rank_a", "rank_b"])
    assert calibration.and_ranks["a"] == pytest.approx(2.6, abs=0.15)
    assert calibration.and_ranks["b"] < 2
    low, high = calibration.model.probability({"rank_a": [2.0, 3.2], "rank_b": [3.0, 2.0]})
    assert low < 0.2 and high > 0.8
    assert scores["calibrated_f1"] > scores["product_f1"] + 0.05
    assert scores["and_f1"] > 0.9


@pytest.mark.parametrize("n_skies", [3, len(ENSEMBLE_SEEDS) + 1])
def test_number_of_skies(training, n_skies):
    with pytest.raises(ValueError, match=f"n_skies must be from 4 to 5000; found {n_skies}"):
        replace(training, n_skies=n_skies)


def test_unknown_features(trained, training, tmp_path):
    copied(trained[0], tmp_path, SEEDS)
    with pytest.raises(ValueError, match="evidence lacks snr_7; it has"):
        train_ensemble(replace(training, features=["rank_maps", "snr_7"]), tmp_path)
    assert not (tmp_path / "ensemble.json").exists()


def test_seeds_are_of_no_other_use():
    assert not set(ENSEMBLE_SEEDS) & (set(VALIDATION_SEEDS) | set(TEST_SEEDS))
    for training in ENSEMBLE_TRAININGS.values():
        assert {f"rank_{name}" for name in training.members} <= set(training.features)
