"""Keep a trained network as a preset, with how it was made and how good it is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import szfinder
from szfinder.evaluation import ScoreBook
from szfinder.models import Preset

if TYPE_CHECKING:
    import keras

__all__ = ["keep_preset"]


def keep_preset(
    model: "keras.Model",
    folder: Path,
    book: ScoreBook,
    *,
    data: Mapping[str, Any],
    command: str,
    seed: int,
    **properties: Any,
) -> Preset:
    """Save a trained network as the preset of a folder.

    Parameters
    ----------
    model : keras.Model
        The network.
    folder : path-like
        Gets the preset as the folder ``preset`` in it.
    book : `~szfinder.evaluation.ScoreBook`
        Of the validation skies, which were used to stop and to calibrate.
    data, command, seed
        For the card.
    **properties
        Those of `~szfinder.models.Preset` that are not on the card.

    Returns
    -------
    `~szfinder.models.Preset`
        As it is in its folder.
    """
    scores = {
        "validation_f1": float(book.f1.max()),
        "validation_auc": book.auc,
        "validation_average_precision": book.average_precision,
    }
    card = {
        "command": command,
        "seed": seed,
        "data": {**data, "szfinder_version": szfinder.__version__},
        "date": datetime.now(UTC).date().isoformat(),
        "scores": scores,
    }
    preset = Preset.from_model(model, name=folder.name, card=card, **properties)
    preset.save(folder / "preset", overwrite=True)
    return Preset.load(folder / "preset")
