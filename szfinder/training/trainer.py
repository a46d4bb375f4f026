"""Trainer: fits a network by a recipe, and goes on where it was stopped."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.models.backend import make_deterministic
from szfinder.training.recipe import Recipe, Stage
from szfinder.training.state import load_training, read_state
from szfinder.utils.files import replacing

if TYPE_CHECKING:
    import keras

__all__ = ["Trainer"]

FIELDS = ("stage", "ratio", "batch", "learning_rate", "loss", "validation_loss")


class Trainer(ABC):
    """A training that leaves its state in a folder.

    What it is given to learn from, and what it is judged by, are left to `ClassifierTrainer`,
    `SegmentationTrainer` and `MassTrainer`.

    The random numbers of a batch depend on the seed and its number alone, so that a training that
    was stopped, and goes on from its folder, ends with the same weights. On a CPU the same seed
    gives the same weights to the last bit; for that, TensorFlow is told to add up in one order in
    all that the process does from then on (``enable_op_determinism``).

    Parameters
    ----------
    model : keras.Model
        The network.
    recipe : `~szfinder.training.Recipe`
        How it is trained.
    training : object
        What to learn from: ``at(number)`` returns what that batch is drawn from, as that of
        `~szfinder.training.SkyStream`.
    folder : str or path-like
        Holds ``state.npz``, all that the training goes on from; ``log.csv``; and the best weights
        of each stage, ``stage_0.npz`` and so on. It is made if need be. In the log ``loss`` is that
        of the recipe for the last batch, such as the focal loss or one with the penalty of the
        weights, and ``validation_loss`` what the training is stopped by.
    seed : int, optional
        Of the batches.
    data : mapping, optional
        What is learned from, by name, in values that JSON has. A training goes on from its folder
        only if these, the recipe and the seed are the same.

    Raises
    ------
    ValueError
        If the folder holds a state that is damaged or of another training.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: Any,
        *,
        folder: str | Path,
        seed: int = 0,
        data: Mapping[str, Any] = {},
    ) -> None:
        self.model, self.recipe = model, recipe
        self.training, self.seed = training, seed
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

    def run(self, *, progress_bar: bool = False) -> Any:
        """Train to the end of the recipe.

        The model is left with the weights of the best stage by `merit`.

        Returns
        -------
        object
            As from `score`.

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

    @abstractmethod
    def score(self) -> Any:
        """What the network is worth with the present weights, on the validation skies.

        Of a finder it is a `~szfinder.evaluation.ScoreBook`.
        """

    def merit(self, score: Any) -> dict[str, float]:
        """Numbers of a score for the record of a stage; the highest of the first is the best."""
        return {"f1": float(score.f1.max()), "threshold": score.best_threshold}

    def learning_rate(self, stage: Stage) -> float:
        """Learning rate of the batch that is next."""
        return stage.learning_rate(self.progress["batch"])

    @abstractmethod
    def batch(self, rng: np.random.Generator, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        """Images and truth of the batch that is next."""

    @abstractmethod
    def validation_loss(self, stage: Stage) -> float:
        """Loss of the validation skies with the present weights."""

    def _stage(self, stage: Stage) -> Iterator[float]:
        """Train until the stage ends; yields the loss of every batch."""
        for batch in range(self.progress["batch"], stage.max_batches):
            if self._waited_long_enough(stage):
                return
            images, truth = self.batch(
                np.random.default_rng([self.seed, self.progress["total"]]), stage
            )
            self.model.optimizer.learning_rate = rate = self.learning_rate(stage)
            loss = float(self.model.train_on_batch(images, truth))
            self._check_finite("loss", loss)
            self.progress["batch"] = batch + 1
            self.progress["total"] += 1
            yield loss
            if (batch + 1) % self.recipe.validate_every and batch + 1 < stage.max_batches:
                continue
            validation_loss = self.validation_loss(stage)
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
        """Keep the best weights of the stage, and judge them."""
        self._set_weights(self._best)
        merit = self.merit(self.score())
        index = self.progress["stage"]
        with self._replacing(f"stage_{index}.npz") as aside:
            np.savez(aside, *self._best)
        self.progress["stages"].append({"ratio": stage.ratio, **merit})
        self.progress |= {"stage": index + 1, "batch": 0, "best_loss": None, "best_batch": 0}
        self._save()

    def _use_best_stage(self) -> None:
        first = list(self.progress["stages"][0])[1]
        best = int(np.argmax([stage[first] for stage in self.progress["stages"]]))
        self._set_weights(list(load_training(self.folder / f"stage_{best}.npz").values()))

    def _check_finite(self, name: str, loss: float) -> None:
        if not np.isfinite(loss):
            raise ValueError(
                f"the {name} is {loss} at batch {self.progress['total']} of the training: look for "
                "extreme values in the maps, or take a lower learning rate; the training "
                f"is safe up to batch {self._n_safe} in {self.folder}"
            )

    def _weights(self) -> list[np.ndarray]:
        return [np.array(weight) for weight in self.model.get_weights()]

    def _set_weights(self, weights: list[np.ndarray]) -> None:
        self.model.set_weights(weights)

    def _hidden(self) -> list[Any]:
        """Variables besides the weights: of the optimizer, and the random states of dropout."""
        random = [variable for variable in self.model.variables
                  if variable.path.endswith("seed_generator_state")]  # fmt: skip
        return [*self.model.optimizer.variables, *random]

    def _arrays(self) -> dict[str, np.ndarray]:
        """All arrays that the training goes on from."""
        hidden = [variable.numpy() for variable in self._hidden()]
        parts = {"weights": self._weights(), "best": self._best, "hidden": hidden}
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
                 for name in ("weights", "best", "hidden")}  # fmt: skip
        self.progress = progress
        self._set_weights(parts["weights"])
        self._best = parts["best"]
        for variable, value in zip(self._hidden(), parts["hidden"]):
            variable.assign(value)
        self._write_log()
