"""ClassifierTrainer: fits a classifier of cutouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.evaluation import ScoreBook
from szfinder.models import predict
from szfinder.training.cutout_set import CutoutSet
from szfinder.training.recipe import Recipe, Stage
from szfinder.training.trainer import Trainer

if TYPE_CHECKING:
    import keras

    from szfinder.training.stream import SkyStream

__all__ = ["ClassifierTrainer"]

#: Negatives of the validation skies on which the loss is watched; all positives are used.
N_WATCHED = 2000


class ClassifierTrainer(Trainer):
    """Training of a network that gives cutouts two class probabilities.

    It is stopped by the plain cross-entropy of validation cutouts, weighted to the ratio of the
    stage, and judged by all of them.

    Parameters
    ----------
    model : keras.Model
        With two class probabilities as output.
    recipe : `~szfinder.training.Recipe`
        How it is trained.
    training : `~szfinder.training.CutoutSet` or `~szfinder.training.SkyStream`
        Cutouts to learn from.
    validation : `~szfinder.training.CutoutSet`
        Cutouts of other skies to stop by.
    **options
        As for `Trainer`: ``folder``, ``seed`` and ``data``.

    Raises
    ------
    ValueError
        If the validation skies lack cutouts with or without a cluster, or as from `Trainer`.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: CutoutSet | SkyStream,
        validation: CutoutSet,
        *,
        folder: str | Path,
        **options: Any,
    ) -> None:
        self.images, self.labels = validation.on_grid()
        n_positive = int(np.count_nonzero(self.labels))
        n_negative = self.labels.size - n_positive
        if not n_positive or not n_negative:
            raise ValueError(
                "the validation skies must have cutouts with a cluster and cutouts without; found "
                f"{n_positive} and {n_negative}: take more skies, or a larger sky or part of a map"
            )
        super().__init__(model, recipe, training, folder=folder, **options)

    def score(self) -> ScoreBook:
        """Score book of the validation cutouts with the present weights."""
        probability = predict(self.model, self.images)[:, 1]
        return ScoreBook(probability, self.labels, name=self.recipe.name)

    def batch(self, rng: np.random.Generator, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        """Cutouts in the ratio of the stage, and the class of each as (0, 1) or (1, 0)."""
        cutouts = self.training.at(self.progress["total"])
        images, labels = cutouts.batch(
            rng, self.recipe.batch_size, ratio=stage.ratio, adjacent=self.recipe.adjacent
        )
        return images, np.eye(2, dtype=np.float32)[labels]

    def validation_loss(self, stage: Stage) -> float:
        """Cross-entropy of the watched cutouts, weighted to the ratio of the stage."""
        watched, weights = self._watched(stage.ratio)
        probability = predict(self.model, self.images[watched])
        right = probability[np.arange(watched.size), self.labels[watched]]
        return float(weights @ -np.log(np.maximum(right, 1e-7)))

    def _watched(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Validation cutouts whose loss is watched, and weights that give them a ratio."""
        positive, negative = np.flatnonzero(self.labels), np.flatnonzero(self.labels == 0)
        rng = np.random.default_rng(self.seed)
        negative = rng.choice(negative, min(N_WATCHED, negative.size), replace=False)
        watched = np.concatenate([positive, negative])
        weights = np.where(self.labels[watched] > 0, 1 / positive.size, ratio / negative.size)
        return watched, weights / weights.sum()
