"""Recipes: how a cutout network is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ImbalanceSchedule", "ModernRecipe", "Recipe", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A part of the training with one balance of the classes.

    Parameters
    ----------
    ratio : float
        Negatives for each positive in a batch.
    learning_rate : callable
        Function of the batch's number within the stage, from 0.
    max_batches : int
        Where the stage ends at the latest.
    patience : int, optional
        The stage ends when the validation loss has not fallen for so many batches.

    Raises
    ------
    ValueError
        If it has no batch.
    """

    ratio: float
    learning_rate: Callable[[int], float]
    max_batches: int
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.max_batches < 1:
            raise ValueError(
                f"a training, or a stage of it, takes 1 batch or more; found {self.max_batches!r}"
            )


@dataclass(frozen=True)
class Recipe:
    """Stages, and what is the same in all of them.

    Parameters
    ----------
    name : str
        Name of the recipe.
    stages : sequence of `Stage`
        In their order.
    weight_decay : float
        Weight decay w of the kernels by the loss: w / 2 times the sum of their squares is added.
    adjacent : bool, optional
        Whether negatives that are adjacent to a positive cutout are learned from.
    batch_size : int, optional
        Cutouts in a batch.
    validate_every : int, optional
        Batches from one validation to the next.
    """

    name: str
    stages: Sequence[Stage]
    weight_decay: float
    adjacent: bool = False
    batch_size: int = 128
    validate_every: int = 100

    @property
    def as_dict(self) -> dict[str, Any]:
        """What the training depends on, by name; the rate of a stage is that of its middle."""
        return {
            "recipe": self.name,
            "ratios": [float(stage.ratio) for stage in self.stages],
            "max_batches": [stage.max_batches for stage in self.stages],
            "patience": [stage.patience for stage in self.stages],
            "learning_rates": [
                float(stage.learning_rate(stage.max_batches // 2)) for stage in self.stages
            ],
            "weight_decay": self.weight_decay,
            "adjacent": self.adjacent,
            "batch_size": self.batch_size,
            "validate_every": self.validate_every,
        }

    def optimizer(self) -> Any:
        """The keras optimizer; its learning rate is set for each batch."""
        raise NotImplementedError

    def loss(self) -> Any:
        """The keras loss of the two class probabilities."""
        raise NotImplementedError


class ImbalanceSchedule(Recipe):
    """The scheme of Lin et al. (2021, section 2.2.2), from balanced samples to unbalanced ones.

    Stochastic gradient descent on cross-entropy, with a weight decay w = 0.003 of the kernels,
    which is a penalty of w / 2 times the sum of their squares. In stage r = 1 to 20 there are r
    negatives for each positive. The rate rises from 5/3e-3 to 5e-3 over 500 batches and
    falls to 5e-4 after 1000; a stage ends when the validation loss has not fallen for 1000 batches,
    and its best weights start the next one. Negatives beside a positive cutout are left out
    (section 1.2).

    Parameters
    ----------
    ratios : sequence of float, optional
        The stages.
    max_batches : int, optional
        Where a stage ends at the latest.

    Raises
    ------
    ValueError
        If ``max_batches`` is not positive.
    """

    def __init__(
        self, *, ratios: Sequence[float] = tuple(range(1, 21)), max_batches: int = 10_000
    ) -> None:
        stages = [Stage(ratio, _warm_up_then_fall, max_batches, patience=1000) for ratio in ratios]
        super().__init__("imbalance", stages, weight_decay=0.003, adjacent=False)

    def optimizer(self):
        """Stochastic gradient descent; the paper names no momentum."""
        import keras

        return keras.optimizers.SGD(learning_rate=5e-3)

    def loss(self):
        """Cross-entropy."""
        import keras

        return keras.losses.CategoricalCrossentropy()


class ModernRecipe(Recipe):
    """AdamW with a cosine schedule and the focal loss.

    AdamW is that of Loshchilov & Hutter (2019, arXiv:1711.05101), with a weight decay of 0.05, and
    the focal loss that of Lin, Goyal et al. (2017, arXiv:1708.02002), with gamma = 2.

    Parameters
    ----------
    n_batches : int, optional
        Length of the training.
    ratio : float, optional
        Negatives for each positive.
    learning_rate : float, optional
        Its peak, after a tenth of the training.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(
        self, *, n_batches: int = 6000, ratio: float = 4.0, learning_rate: float = 2e-3
    ) -> None:
        def cosine(batch: int) -> float:
            warm = 0.1 * n_batches
            if batch < warm:
                return learning_rate * (batch + 1) / warm
            return learning_rate * 0.5 * (1 + np.cos(np.pi * (batch - warm) / (n_batches - warm)))

        super().__init__(
            "modern", [Stage(ratio, cosine, n_batches)], weight_decay=0.0, adjacent=True
        )

    def optimizer(self):
        """AdamW."""
        import keras

        return keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=0.05, clipnorm=1.0)

    def loss(self):
        """Focal cross-entropy with gamma = 2."""
        import keras

        return keras.losses.CategoricalFocalCrossentropy(gamma=2.0)


def _warm_up_then_fall(batch: int) -> float:
    if batch < 500:
        return 5e-3 * (1 / 3 + 2 / 3 * batch / 500)
    return 5e-3 if batch < 1000 else 5e-4
