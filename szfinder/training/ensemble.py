"""Train an ensemble: rank the members' scores, choose thresholds, and learn what evidence means."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

import szfinder
from szfinder.evaluation import ScoreBook, select_halos
from szfinder.finders import (
    EnsembleCalibration,
    EnsembleFinder,
    EnsemblePreset,
    EvidenceModel,
    rank_and,
    rank_product,
)
from szfinder.finders.ensemble_preset import make_members
from szfinder.finders.evidence import FLOOR, PROMINENCE
from szfinder.finders.evidence_model import features_of, monomials
from szfinder.finders.lending import PENALTY, REACH
from szfinder.finders.members import SAME_PLACE
from szfinder.finders.tail_rank import STEP
from szfinder.models import available_presets
from szfinder.simulation import Sky
from szfinder.training.evidence import SkyEvidence, pooled
from szfinder.training.joint_thresholds import joint_thresholds
from szfinder.training.seeds import ENSEMBLE_SEEDS
from szfinder.training.skies import MockSkies, Skies
from szfinder.training.visible import visible_halos

__all__ = ["ENSEMBLE_TRAININGS", "EnsembleTraining", "fit_evidence_model",
           "judged_by_others", "train_ensemble"]  # fmt: skip

#: Percentiles of a feature within which the model takes it as it is.
RANGE = (0.1, 99.9)
#: Parts of the skies of which each is judged by a model that learned from the others.
N_FOLDS = 4


@dataclass(frozen=True)
class EnsembleTraining:
    """On which skies an ensemble learns, and of what.

    Parameters
    ----------
    skies : `~szfinder.training.Skies`
        The skies.
    members : mapping of str to mapping
        For each member its ``kind``, ``matched_filter``, ``cnn`` or ``unet``, and its arguments.
    features : sequence of str
        What the model of the evidence looks at.
    radius : float
        Distance in arcmin within which a detection is a cluster.
    min_snr : float, optional
        The clusters are the halos that are visible by this signal-to-noise ratio; by default those
        of `~szfinder.evaluation.select_halos`.
    n_skies : int, optional
        Skies to learn from, of ``ENSEMBLE_SEEDS`` in ``szfinder.training.seeds``.

    Raises
    ------
    ValueError
        If the number of skies is below 4, or there are more than seeds.
    """

    skies: Skies
    members: Mapping[str, Mapping[str, Any]]
    features: Sequence[str]
    radius: float
    min_snr: float | None = None
    n_skies: int = 10

    def __post_init__(self) -> None:
        if not N_FOLDS <= self.n_skies <= len(ENSEMBLE_SEEDS):
            raise ValueError(
                f"n_skies must be from {N_FOLDS} to {len(ENSEMBLE_SEEDS)}; found {self.n_skies!r}"
            )

    @property
    def signature(self) -> str:
        """Hash of all that the evidence of a sky depends on."""
        parts = [
            self.skies.as_dict, dict(self.members), self.radius, self.min_snr,
            *(FLOOR, PROMINENCE, PENALTY, REACH, SAME_PLACE, STEP),
        ]  # fmt: skip
        presets = [getattr(m, "preset", None) for m in make_members(self.members).values()]
        weights = [preset.card["sha256"] for preset in presets if preset is not None]
        return hashlib.sha256(json.dumps([parts, weights]).encode()).hexdigest()[:8]

    def clusters(self, sky: Sky) -> QTable:
        """Rows of the truth of a sky that are to be found."""
        if self.min_snr is None:
            return sky.truth[select_halos(sky.truth)]
        return sky.truth[visible_halos(sky, self.min_snr)]


#: The matched filter of ensembles: S/N in templates of core radii from a quarter to three arcmin.
FILTER = {"kind": "matched_filter", "keep_templates": [0, 3, 6, 11]}
SIZES = tuple(f"snr_{number}" for number in FILTER["keep_templates"])

#: Trainings of the ensembles of the package, by name. Of the wide beams of Planck, S/N by size adds
#: nothing to the ranks.
ENSEMBLE_TRAININGS = {
    "deepsz": EnsembleTraining(
        MockSkies("deepsz"),
        {"matched_filter": FILTER, "cnn": {"kind": "cnn", "preset": "deepsz-spt3g"}},
        ("rank_matched_filter", "rank_cnn", *SIZES),
        radius=1.5,
    ),
    "spt3g": EnsembleTraining(
        MockSkies("spt3g"),
        {"matched_filter": FILTER, "unet": {"kind": "unet", "preset": "unet-spt3g"}},
        ("rank_matched_filter", "rank_unet", *SIZES),
        radius=1.5,
    ),
    "planck": EnsembleTraining(
        MockSkies("planck-hfi"),
        {
            "matched_filter": {"kind": "matched_filter"},
            "unet": {"kind": "unet", "preset": "unet-planck"},
        },
        ("rank_matched_filter", "rank_unet"),
        radius=5.0,
        min_snr=4.5,
        n_skies=16,
    ),
}


def train_ensemble(
    training: EnsembleTraining,
    folder: str | os.PathLike,
    *,
    command: str = "",
    progress_bar: bool = False,
) -> EnsemblePreset:
    """Calibrate an ensemble on simulated skies.

    What the members say of a sky is kept in the folder, so that a training that was stopped goes
    on.

    Parameters
    ----------
    training : `EnsembleTraining`
        Members and skies.
    folder : path-like
        Gets the evidence, and the ensemble as ``ensemble.json``.
    command : str, optional
        For the card.
    progress_bar : bool, optional
        Show how many skies are done.

    Returns
    -------
    `~szfinder.finders.EnsemblePreset`
        Its card has the scores on the skies it learned from. For ``calibrated`` each sky is judged
        by a model of the others; the thresholds of all methods are the best on these very skies.
    """
    from tqdm import tqdm

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    training = replace(training, members=_with_full_paths(training.members))
    finder = EnsembleFinder(make_members(training.members), method="product")
    seeds = ENSEMBLE_SEEDS[: training.n_skies]
    skies = []
    for seed in tqdm(seeds, desc="skies", disable=not progress_bar):
        path = folder / f"evidence_{training.signature}_{seed}.npz"
        if not path.exists():
            sky = training.skies.sky(seed)
            clusters = training.clusters(sky)
            evidence = SkyEvidence.of(finder, sky.maps, clusters, radius=training.radius * u.arcmin)
            evidence.write(path)
        skies.append(SkyEvidence.read(path))
    calibration, scores = calibrate_ensemble(pooled(skies), training.features)
    card = {
        "command": command,
        "data": {
            **training.skies.as_dict,
            "seeds": [seeds[0], seeds[-1]],
            "radius": training.radius,
            "min_snr": training.min_snr,
            "szfinder_version": szfinder.__version__,
        },
        "date": datetime.now(UTC).date().isoformat(),
        "scores": scores,
    }
    preset = EnsemblePreset(training.members, calibration, card)
    preset.save(folder / "ensemble.json")
    return preset


def _with_full_paths(members: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Members whose folders of weights are found from wherever the ensemble is used."""
    full = {name: dict(member) for name, member in members.items()}
    for member in full.values():
        preset = member.get("preset")
        if preset is not None and preset not in available_presets() and Path(preset).is_dir():
            member["preset"] = str(Path(preset).resolve())
    return full


def calibrate_ensemble(
    evidence: SkyEvidence, features: Sequence[str]
) -> tuple[EnsembleCalibration, dict[str, float]]:
    """Thresholds and model of an ensemble, and its scores.

    Parameters
    ----------
    evidence : SkyEvidence
        Of several skies, as from `pooled`.
    features : sequence of str
        What the model looks at.

    Returns
    -------
    calibration : `~szfinder.finders.EnsembleCalibration`
    scores : dict of str to float
        F1 of each method at its threshold.
    """
    rows, names = evidence.rows, list(evidence.references)
    ranks = [rows[f"rank_{name}"] for name in names]
    and_ranks = joint_thresholds(ranks, rows["true"], n_missed=evidence.n_missed)
    scores = {
        "product": rank_product(ranks),
        "and": rank_and(ranks, and_ranks),
        "calibrated": judged_by_others(rows, features),
    }
    books = {method: _book(score, evidence) for method, score in scores.items()}
    thresholds = {method: book.best_threshold for method, book in books.items()}
    calibration = EnsembleCalibration(
        references=evidence.references,
        and_ranks=dict(zip(names, and_ranks.tolist())),
        thresholds={**thresholds, "and": 1.0},
        model=fit_evidence_model(rows, rows["true"], features),
    )
    return calibration, {f"{method}_f1": float(b.f1.max()) for method, b in books.items()}


def fit_evidence_model(
    evidence: Mapping[str, np.ndarray], labels: np.ndarray, features: Sequence[str]
) -> EvidenceModel:
    """Logistic regression on a cubic polynomial of the evidence (scikit-learn).

    Parameters
    ----------
    evidence : mapping of str to array_like
        Columns of detections, shapes (n,).
    labels : array_like
        Whether each is a cluster.
    features : sequence of str
        Columns to learn from: ranks, and signal-to-noise ratios.

    Returns
    -------
    `~szfinder.finders.EvidenceModel`

    Raises
    ------
    ValueError
        If the labels are all the same.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.asarray(labels, dtype=bool)
    if labels.all() or not labels.any():
        raise ValueError("an ensemble learns from clusters and others; found one kind only")
    x = features_of(evidence, features)
    center, scale = x.mean(axis=0), np.maximum(x.std(axis=0), np.finfo(float).eps)
    x = (x - center) / scale
    lower, upper = np.percentile(x, RANGE, axis=0)
    products = monomials(np.clip(x, lower, upper))[:, 1:]
    fit = LogisticRegression(max_iter=5000).fit(products, labels)
    parts = {"center": center, "scale": scale, "lower": lower, "upper": upper,
             "weights": np.append(fit.intercept_, fit.coef_[0])}  # fmt: skip
    return EvidenceModel(list(features), **{name: part.tolist() for name, part in parts.items()})


def judged_by_others(rows: Table, features: Sequence[str]) -> np.ndarray:
    """Probability of each row by a model that has not learned from its sky.

    Parameters
    ----------
    rows : `~astropy.table.Table`
        Evidence of several skies, as of `pooled`.
    features : sequence of str
        Columns to learn from.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,).
    """
    probability = np.zeros(len(rows))
    fold = rows["sky"] % N_FOLDS
    for part in range(N_FOLDS):
        own = fold == part
        model = fit_evidence_model(rows[~own], rows["true"][~own], features)
        probability[own] = model.probability(rows[own])
    return probability


def _book(score: np.ndarray, evidence: SkyEvidence) -> ScoreBook:
    """Score book of the peaks; clusters without one are below all."""
    labels = np.append(evidence.rows["true"], np.ones(evidence.n_missed, dtype=bool))
    return ScoreBook(np.append(score, np.full(evidence.n_missed, -np.inf)), labels)
