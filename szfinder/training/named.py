"""A training by its name."""

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["training_of_name"]

Training = TypeVar("Training")


def training_of_name(name: str, trainings: Mapping[str, Training]) -> Training:
    """The training of a name.

    Parameters
    ----------
    name : str
        The name.
    trainings : mapping
        All of one kind, by their names.

    Returns
    -------
    object
        The training.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in trainings:
        kind = type(next(iter(trainings.values()))).__name__
        raise ValueError(
            f"unknown training {name!r}; use one of {', '.join(trainings)}, or a {kind}"
        )
    return trainings[name]
