"""MassTrainer: fits a network that reads off an image what mass the cluster in it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.models import predict
from szfinder.training.mass_images import MassImages
from szfinder.training.recipe import Recipe, Stage
from szfinder.training.trainer import Trainer

if TYPE_CHECKING:
    import keras

__all__ = ["MassTrainer", "halvings"]

#: Validations without a lower loss after which the learning rate is halved (Gupta & Reichardt 2020,
#: section 3).
PATIENCE = 5
#: Images that are validated at a time.
BATCH = 64


class MassTrainer(Trainer):
    """Training of a network that paints the maps from which a mass is read.

    An epoch goes through all images in random order. Where the recipe ends once the loss on the
    validation images is stuck, the learning rate is halved whenever that has not fallen for five
    epochs.

    Parameters
    ----------
    model : keras.Model
        The network.
    recipe : `~szfinder.training.Recipe`
        How it is trained.
    training, validation : ``MassImages``
        Images to learn from, and those to stop by.
    mixed : bool, optional
        Whether in each epoch the clusters meet other surroundings, mirrored and turned.
    **options
        As for `Trainer`: ``folder``, ``seed`` and ``data``.

    Raises
    ------
    ValueError
        As from `Trainer`.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: MassImages,
        validation: MassImages,
        *,
        mixed: bool = False,
        folder: str | Path,
        **options: Any,
    ) -> None:
        self.images, self.labels = validation.at(np.arange(len(validation)))
        self.mixed = mixed
        super().__init__(model, recipe, training, folder=folder, **options)

    def score(self) -> float:
        """Loss of the validation images with the present weights."""
        return self.validation_loss(self.recipe.stages[-1])

    def merit(self, score: float) -> dict[str, float]:
        """The loss, the lower the better."""
        return {"less loss": -score}

    def learning_rate(self, stage: Stage) -> float:
        """That of the recipe, and in one with patience halved as often as the loss got stuck."""
        rate = super().learning_rate(stage)
        if stage.patience is None:
            return rate
        losses = [row[-1] for row in self.progress["log"]]
        return rate * 0.5 ** halvings(losses)

    def batch(self, rng: np.random.Generator, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        """The images that are next in the order of the epoch, and their labels."""
        n, size = len(self.training), self.recipe.batch_size
        epoch, number = divmod(self.progress["total"], n // size)
        order = np.random.default_rng([self.seed, epoch, n]).permutation(n)
        chosen = order[number * size : (number + 1) * size]
        return self.training.mixed(rng, chosen) if self.mixed else self.training.at(chosen)

    def validation_loss(self, stage: Stage) -> float:
        """Mean loss of the recipe on the validation images."""
        answer = predict(self.model, self.images, batch_size=BATCH)
        parts = [
            np.mean(self.model.loss(self.labels[i : i + BATCH], answer[i : i + BATCH]))
            for i in range(0, len(answer), BATCH)
        ]
        sizes = [len(answer[i : i + BATCH]) for i in range(0, len(answer), BATCH)]
        return float(np.average(parts, weights=sizes))


def halvings(losses: Sequence[float], *, patience: int = PATIENCE) -> int:
    """How often a loss has not fallen for so many times in a row.

    Parameters
    ----------
    losses : sequence of float
        Validation losses, the first first.
    patience : int, optional
        Times in a row.

    Returns
    -------
    int
    """
    number, waited, best = 0, 0, np.inf
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            number, waited = number + 1, 0
    return number
