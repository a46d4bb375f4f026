"""Recipe: what is the same in all trainings, and the stages that each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

__all__ = ["Recipe", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A part of the training with one balance of the classes.

    Parameters
    ----------
    ratio : float
        Negatives for each positive in a batch of cutouts; patches from anywhere for each that
        surely has a cluster; 0 where all images have one.
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
        Cutouts or patches in a batch.
    validate_every : int, optional
        Batches from one validation to the next.
    arguments : mapping, optional
        What the class was called with, less the length, for `of_length`.
    """

    #: Argument of the class that is the length of its stages.
    length: ClassVar[str] = "n_batches"

    name: str
    stages: Sequence[Stage]
    weight_decay: float
    adjacent: bool = False
    batch_size: int = 128
    validate_every: int = 100
    arguments: Mapping[str, Any] = field(default_factory=dict)

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

    def of_length(self, n_batches: int) -> Self:
        """The same recipe with stages of another length.

        Parameters
        ----------
        n_batches : int
            Where a stage ends at the latest; schedules of the learning rate go with it.

        Raises
        ------
        ValueError
            If it is not positive.
        """
        return type(self)(**self.arguments, **{self.length: n_batches})

    def optimizer(self) -> Any:
        """The keras optimizer; its learning rate is set for each batch."""
        raise NotImplementedError

    def loss(self) -> Any:
        """The keras loss of the network's answer."""
        raise NotImplementedError
