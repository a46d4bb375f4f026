"""The file that a training goes on from, read with care."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_arrays", "load_training", "read_state"]


def load_arrays(path: Path, *, remedy: str) -> dict[str, np.ndarray]:
    """All arrays of a file of a training.

    Parameters
    ----------
    path : path-like
        The file.
    remedy : str
        What to do if it is damaged, for the message.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            return dict(file)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): {remedy}") from error


def load_training(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file in the folder of a training; see `load_arrays`."""
    remedy = f"put a copy of it in its place, or delete {path.parent} to train from the beginning"
    return load_arrays(path, remedy=remedy)


def read_state(
    path: Path, like: Mapping[str, np.ndarray], network: str, training: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Progress and arrays of a training, if it is the one that is to go on.

    Parameters
    ----------
    path : path-like
        The file.
    like : mapping
        Arrays of the training, whose names and shapes the file must have.
    network : str
        Name of the network, for the message.
    training : mapping
        What the training depends on, which the entry ``training`` of the progress must be equal to.

    Returns
    -------
    progress : dict
        How far the training is.
    arrays : dict
        Its arrays.

    Raises
    ------
    ValueError
        If the file is damaged, or of another training.
    """
    arrays = load_training(path)
    progress = json.loads(str(arrays.pop("progress", "{}")))
    found, expected = (
        {name: array.shape for name, array in part.items()} for part in (arrays, like)
    )
    if found != expected:
        raise ValueError(
            f"{path} is the state of another network or optimizer: found {len(found)} arrays, "
            f"expected {len(expected)}, of the shapes of the network {network!r}; choose another "
            "folder, or the network it was made with"
        )
    before = progress.get("training", {})
    for name in {**training, **before}:
        if before.get(name) != training.get(name):
            raise ValueError(
                f"{path} is the state of a training with {name} {before.get(name)!r}, not "
                f"{training.get(name)!r}; choose another folder, or the same {name}"
            )
    return progress, arrays
