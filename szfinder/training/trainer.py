"""Trainer: fits a network by a recipe, and goes on where it was stopped."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.evaluation import ScoreBook
from szfinder.models import predict
from szfinder.models.backend import make_deterministic
from szfinder.training.cutout_set import CutoutSet
from szfinder.training.recipes import Recipe, Stage
from szfinder.training.state import load_training, read_state
from szfinder.utils.files import replacing

if TYPE_CHECKING:
    import keras

    from szfinder.training.stream import SkyStream

__all__ = ["Trainer"]

#: Negatives of the validation skies on which the loss is watched; all positives are used.
N_WATCHED = 2000
FIELDS = ("stage", "ratio", "batch", "learning_rate", "loss", "validation_loss")


class Trainer:
    """A training that leaves its state in a folder.

    The random numbers of a batch depend on the seed and its number alone, so that a training that
    was stopped, and goes on from its folder, ends with the same weights. On a CPU the same seed
    gives the same weights to the last bit; for that, TensorFlow is told to add up in one order in
    all that the process does from then on (``enable_op_determinism``).

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
    folder : str or path-like
        Holds ``state.npz``, all that the training goes on from; ``log.csv``; and the best weights
        of each stage, ``stage_0.npz`` and so on. It is made if need be. In the log ``loss`` is that
        of the recipe for the last batch, such as the focal loss or one with the penalty of the
        weights, and ``validation_loss`` the plain cross-entropy, weighted to the stage's ratio.
    seed : int, optional
        Of the batches.
    data : mapping, optional
        What the cutouts are, by name, in values that JSON has. A training goes on from its folder
        only if these, the recipe and the seed are the same.

    Raises
    ------
    ValueError
        If the validation skies lack cutouts with or without a cluster, or the folder holds a state
        that is damaged or of another training.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: CutoutSet | SkyStream,
        validation: CutoutSet,
        *,
        folder: str | Path,
        seed: int = 0,
        data: Mapping[str, Any] = {},
    ) -> None:
        self.model, self.recipe = model, recipe
        self.training, self.seed = training, seed
        self.images, self.labels = validation.on_grid()
        self._check_validation()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        make_deterministic()
        model.compile(optimizer=recipe.optimizer(), loss=recipe.loss(), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        # as it is read back, with lists in place of tuples
        same = json.loads(json.dumps({"seed": seed, **recipe.as_dict, **data}))
        self.progress = {"stage": 0, "batch": 0, "total": 0, "best_loss": None, "best_batch": 0,
                         "stages": [], "log": [], "training": same}  # fmt: skip
        self._best = self._weights()
        self._restore()
        self._n_safe = self.progress["total"]

    def run(self, *, progress_bar: bool = False) -> ScoreBook:
        """Train to the end of the recipe.

        The model is left with the weights of the stage whose F1 on the validation cutouts, as
        unbalanced as the sky, is highest.

        Returns
        -------
        `~szfinder.evaluation.ScoreBook`
            Of the validation cutouts.

        Raises
        ------
        ValueError
            If a loss is not finite.
        OSError
            If the state cannot be written, as on a full disk; the last one is still there, and the
            same training goes on from it.
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
            cutouts = self.training.at(self.progress["total"])
            images, labels = cutouts.batch(
                rng, self.recipe.batch_size, ratio=stage.ratio, adjacent=self.recipe.adjacent
            )
            self.model.optimizer.learning_rate = rate = stage.learning_rate(batch)
            loss = float(self.model.train_on_batch(images, np.eye(2, dtype=np.float32)[labels]))
            self._check_finite("loss", loss)
            self.progress["batch"] = batch + 1
            self.progress["total"] += 1
            yield loss
            if (batch + 1) % self.recipe.validate_every and batch + 1 < stage.max_batches:
                continue
            validation_loss = self._validation_loss(watched, weights)
            self._check_finite("validation loss", validation_loss)
            best = self.progress["best_loss"]
            if best is None or validation_loss < best:
                self.progress |= {"best_loss": validation_loss, "best_batch": batch + 1}
                self._best = self._weights()
            self.progress["log"].append(
                (self.progress["stage"], stage.ratio, batch + 1, rate, loss, validation_loss)
            )
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
        with self._replacing(f"stage_{index}.npz") as aside:
            np.savez(aside, *self._best)
        self.progress["stages"].append(
            {"ratio": stage.ratio, "f1": float(book.f1.max()), "threshold": book.best_threshold}
        )
        self.progress |= {"stage": index + 1, "batch": 0, "best_loss": None, "best_batch": 0}
        self._save()

    def _use_best_stage(self) -> None:
        best = int(np.argmax([stage["f1"] for stage in self.progress["stages"]]))
        self._set_weights(list(load_training(self.folder / f"stage_{best}.npz").values()))

    def _check_validation(self) -> None:
        n_positive = int(np.count_nonzero(self.labels))
        n_negative = self.labels.size - n_positive
        if not n_positive or not n_negative:
            raise ValueError(
                "the validation skies must have cutouts with a cluster and cutouts without; found "
                f"{n_positive} and {n_negative}: take more skies, or a larger sky or part of a map"
            )

    def _check_finite(self, name: str, loss: float) -> None:
        if not np.isfinite(loss):
            raise ValueError(
                f"the {name} is {loss} at batch {self.progress['total']} of the training: look for "
                "extreme values in the maps, or take a lower learning rate; the training "
                f"is safe up to batch {self._n_safe} in {self.folder}"
            )

    def _watched(self, ratio: float) -> tuple[np.ndarray, np.ndarray]:
        """Validation cutouts whose loss is watched, and weights that give them a ratio."""
        positive, negative = np.flatnonzero(self.labels), np.flatnonzero(self.labels == 0)
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
        with self._replacing("state.npz") as aside:
            np.savez(aside, progress=json.dumps(self.progress), **self._arrays())
        self._n_safe = self.progress["total"]
        self._write_log()

    def _write_log(self) -> None:
        """The log is part of the state, of which the file for reading is a copy."""
        with self._replacing("log.csv") as aside, aside.open("w", newline="") as file:
            csv.writer(file).writerows([FIELDS, *self.progress["log"]])

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        try:
            with replacing(self.folder / name) as aside:
                yield aside
        except OSError as error:
            raise OSError(
                f"cannot write {self.folder / name}: {error.strerror or error}. The training is "
                f"safe up to batch {self._n_safe}: make room in {self.folder}, and give the same "
                "command again to go on from there"
            ) from error

    def _restore(self) -> None:
        path = self.folder / "state.npz"
        if not path.exists():
            return
        like = self._arrays()
        progress, state = read_state(path, like, self.model.name, self.progress["training"])
        parts = {name: [state[key] for key in like if key.startswith(name)]
                 for name in ("weights", "best", "optimizer")}  # fmt: skip
        self.progress = progress
        self._set_weights(parts["weights"])
        self._best = parts["best"]
        for variable, value in zip(self.model.optimizer.variables, parts["optimizer"]):
            variable.assign(value)
        self._write_log()
