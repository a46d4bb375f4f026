"""The file that a training goes on from, read with care."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_arrays", "read_state"]


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file of a training.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            return dict(file)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is damaged ({error}): put a copy of it in its place, or delete "
            f"{path.parent} to train from the beginning"
        ) from error


def read_state(
    path: Path, like: Mapping[str, np.ndarray], network: str, **same: Any
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
    **same
        Entries that the progress must have.

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
    arrays = load_arrays(path)
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
    for name, value in same.items():
        if progress.get(name) != value:
            raise ValueError(
                f"{path} is the state of a training with {name} {progress.get(name)!r}, not "
                f"{value!r}; choose another folder, or the same {name}"
            )
    return progress, arrays
