"""Trainer: fits a network by a recipe, and goes on where it was stopped."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szfinder.evaluation import ScoreBook
from szfinder.models import predict
from szfinder.training.cutouts import CutoutSet
from szfinder.training.recipes import Recipe, Stage
from szfinder.utils.files import replacing

if TYPE_CHECKING:
    import keras

__all__ = ["Trainer"]

#: Negatives of the validation skies on which the loss is watched; all positives are used.
N_WATCHED = 2000
FIELDS = ("stage", "ratio", "batch", "learning_rate", "loss", "validation_loss")


class Trainer:
    """A training that leaves its state in a folder.

    The random numbers of a batch depend on the seed and its number alone, so that a training that
    was stopped, and goes on from its folder, ends with the same weights.

    Parameters
    ----------
    model : keras.Model
        With two class probabilities as output.
    recipe : `~szfinder.training.Recipe`
        How it is trained.
    training, validation : `~szfinder.training.CutoutSet`
        Cutouts to learn from, and cutouts of other skies to stop by.
    folder : str or path-like
        Holds ``state.npz``, ``progress.json`` and ``log.csv``; made if need be.
    seed : int
        Of the batches.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: CutoutSet,
        validation: CutoutSet,
        *,
        folder: str | Path,
        seed: int = 0,
    ) -> None:
        self.model, self.recipe = model, recipe
        self.training, self.seed = training, seed
        self.images, self.labels = validation.on_grid()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        model.compile(optimizer=recipe.optimizer(), loss=recipe.loss(), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        self.progress = {"stage": 0, "batch": 0, "total": 0, "best_loss": None, "best_batch": 0,
                         "stages": [], "recipe": recipe.name, "seed": seed}  # fmt: skip
        self._best = self._weights()
        self._restore()

    def run(self, *, progress_bar: bool = False) -> ScoreBook:
        """Train to the end of the recipe.

        The model is left with the weights of the stage whose F1 on the validation cutouts, as
        unbalanced as the sky, is highest.

        Returns
        -------
        `~szfinder.evaluation.ScoreBook`
            Of the validation cutouts.
        """
        from tqdm import tqdm

        total = sum(stage.max_batches for stage in self.recipe.stages)
        with tqdm(total=total, disable=not progress_bar, initial=self.progress["total"]) as bar:
            for index, stage in enumerate(self.recipe.stages):
                if index < self.progress["stage"]:
                    continue
                for loss in self._stage(stage):
                    bar.update()
                    bar.set_postfix(stage=index, loss=f"{loss:.4f}")
                self._end_of_stage(stage)
        self._use_best_stage()
        return self.score()

    def score(self) -> ScoreBook:
        """Score book of the validation cutouts with the present weights."""
        probability = predict(self.model, self.images)[:, 1]
        return ScoreBook(probability, self.labels, name=self.recipe.name)

    def _stage(self, stage: Stage) -> Iterator[float]:
        """Train until the stage ends; yields the loss of every batch."""
        watched, weights = self._watched(stage.ratio)
        for batch in range(self.progress["batch"], stage.max_batches):
            if self._waited_long_enough(stage):
                return
            rng = np.random.default_rng([self.seed, self.progress["total"]])
            images, labels = self.training.batch(rng, self.recipe.batch_size, ratio=stage.ratio)
            self.model.optimizer.learning_rate = rate = stage.learning_rate(batch)
            loss = float(self.model.train_on_batch(images, np.eye(2, dtype=np.float32)[labels]))
            self.progress["batch"] = batch + 1
            self.progress["total"] += 1
            yield loss
            if (batch + 1) % self.recipe.validate_every and batch + 1 < stage.max_batches:
                continue
            validation_loss = self._validation_loss(watched, weights)
            best = self.progress["best_loss"]
            if best is None or validation_loss < best:
                self.progress |= {"best_loss": validation_loss, "best_batch": batch + 1}
                self._best = self._weights()
            self._log(stage, rate, loss, validation_loss)
            self._save()

    def _waited_long_enough(self, stage: Stage) -> bool:
        """Whether the validation loss, if it was just looked at, has not fallen for long."""
        batch, best = self.progress["batch"], self.progress["best_batch"]
        validated = batch % self.recipe.validate_every == 0
        return stage.patience is not None and validated and batch - best >= stage.patience

    def _end_of_stage(self, stage: Stage) -> None:
        """Keep the best weights of the stage, and judge them on the unbalanced cutouts."""
        self._set_weights(self._best)
        book = self.score()
        index = self.progress["stage"]
        with replacing(self.folder / f"stage_{index}.npz") as aside:
            np.savez(aside, *self._best)
        self.progress["stages"].append(
            {"ratio": stage.ratio, "f1": float(book.f1.max()), "threshold": book.best_threshold}
        )
        self.progress |= {"stage": index + 1, "batch": 0, "best_loss": None, "best_batch": 0}
        self._save()

    def _use_best_stage(self) -> None:
        best = int(np.argmax([stage["f1"] for stage in self.progress["stages"]]))
        with np.load(self.folder / f"stage_{best}.npz") as arrays:
            self._set_weights(list(arrays.values()))

    def _watched(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Validation cutouts whose loss is watched, and weights that give them a ratio."""
        positive, negative = np.flatnonzero(self.labels), np.flatnonzero(self.labels == 0)
        if not positive.size or not negative.size:
            raise ValueError(
                "the validation skies must have cutouts with a cluster and cutouts without; found "
                f"{positive.size} and {negative.size}: take more skies"
            )
        rng = np.random.default_rng(self.seed)
        negative = rng.choice(negative, min(N_WATCHED, negative.size), replace=False)
        watched = np.concatenate([positive, negative])
        weights = np.where(self.labels[watched] > 0, 1 / positive.size, ratio / negative.size)
        return watched, weights / weights.sum()

    def _validation_loss(self, watched: np.ndarray, weights: np.ndarray) -> float:
        """Cross-entropy of the watched cutouts."""
        probability = predict(self.model, self.images[watched])
        right = probability[np.arange(watched.size), self.labels[watched]]
        return float(weights @ -np.log(np.maximum(right, 1e-7)))

    def _log(self, stage: Stage, rate: float, loss: float, validation_loss: float) -> None:
        values = (self.progress["stage"], stage.ratio, self.progress["batch"], rate, loss,
                  validation_loss)  # fmt: skip
        self.progress.setdefault("log", []).append(values)
        with replacing(self.folder / "log.csv") as aside, aside.open("w", newline="") as file:
            csv.writer(file).writerows([FIELDS, *self.progress["log"]])

    def _weights(self) -> list[np.ndarray]:
        return [np.array(weight) for weight in self.model.get_weights()]

    def _set_weights(self, weights: list[np.ndarray]) -> None:
        self.model.set_weights(weights)

    def _arrays(self) -> dict[str, np.ndarray]:
        """All arrays that the training goes on from."""
        optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        parts = {"weights": self._weights(), "best": self._best, "optimizer": optimizer}
        return {f"{name}_{i}": array for name, part in parts.items()
                for i, array in enumerate(part)}  # fmt: skip

    def _save(self) -> None:
        """The whole state, in one file, so that it is never half of one and half of another."""
        with replacing(self.folder / "state.npz") as aside:
            np.savez(aside, progress=json.dumps(self.progress), **self._arrays())

    def _restore(self) -> None:
        path = self.folder / "state.npz"
        if not path.exists():
            return
        with np.load(path) as file:
            state = dict(file)
        progress = json.loads(str(state.pop("progress")))
        shapes, expected = (
            {name: array.shape for name, array in arrays.items()}
            for arrays in (state, self._arrays())
        )
        if shapes != expected:
            raise ValueError(
                f"{path} is the state of another network or optimizer: found {len(shapes)} arrays, "
                f"expected {len(expected)}, of the shapes of the network {self.model.name!r}; "
                "choose another folder, or the network it was made with"
            )

        for name in ("recipe", "seed"):
            if progress[name] != self.progress[name]:
                raise ValueError(
                    f"{path} is the state of a training with {name} {progress[name]!r}, not "
                    f"{self.progress[name]!r}; choose another folder, or the same {name}"
                )

        def part(name: str, n: int) -> list[np.ndarray]:
            return [state[f"{name}_{i}"] for i in range(n)]

        self.progress = progress
        self._set_weights(part("weights", len(self._best)))
        self._best = part("best", len(self._best))
        variables = self.model.optimizer.variables
        for variable, value in zip(variables, part("optimizer", len(variables))):
            variable.assign(value)
