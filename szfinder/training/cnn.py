"""Train the classifier of cutouts on simulated skies, and make a preset of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import szfinder
from szfinder.maps import Instrument
from szfinder.models import Preprocessing, Preset, build_network
from szfinder.simulation import sky_preset
from szfinder.training.calibration import calibrate
from szfinder.training.cutouts import CutoutSet, SkyCutouts
from szfinder.training.recipes import ImbalanceSchedule, ModernRecipe, Recipe
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS
from szfinder.training.trainer import Trainer

__all__ = ["RECIPES", "train_cnn"]

#: Recipes by name.
RECIPES = {"modern": ModernRecipe, "imbalance": ImbalanceSchedule}
#: What maps are divided by, in uK_CMB: about the scatter of the CMB.
SCALE = 100.0


def train_cnn(
    sky: str,
    folder: str | Path,
    *,
    recipe: Recipe | None = None,
    width: int = 16,
    n_skies: int = 12,
    n_validation: int = 2,
    size: float | None = None,
    seed: int = 1,
    progress_bar: bool = False,
) -> Preset:
    """Train a classifier of cutouts on the skies of a preset.

    Skies, state and log are kept in the folder, so that a call with the same arguments goes on
    where another was stopped.

    Parameters
    ----------
    sky : str
        One of ``szfinder.simulation.PRESETS``.
    folder : str or path-like
        Where everything is kept; the preset goes into ``preset`` in it.
    recipe : `~szfinder.training.Recipe`, optional
        How the network is trained; by default `~szfinder.training.ModernRecipe`.
    width : int, optional
        Width of the network, 64 in Lin et al. (2021).
    n_skies, n_validation : int, optional
        Skies to learn from and to validate on, of the seeds in ``szfinder.training.seeds``.
    size : float, optional
        Side of the skies in degrees; by default the preset's own.
    seed : int, optional
        Of the first weights and the batches.
    progress_bar : bool, optional
        Show progress.

    Returns
    -------
    `~szfinder.models.Preset`
        Calibrated on the validation skies.
    """
    recipe = recipe or ModernRecipe()
    folder = Path(folder)
    instrument = sky_preset(sky).instrument
    scale = np.full(len(instrument), SCALE, np.float32)
    training, validation = (
        CutoutSet(
            [SkyCutouts.simulated(sky, s, folder=folder / "skies", size=size) for s in seeds], scale
        )
        for seeds in (TRAINING_SEEDS[:n_skies], VALIDATION_SEEDS[:n_validation])
    )
    size = training.skies[0].size
    arguments = {"input_shape": [size, size, len(instrument)], "width": width, "seed": seed,
                 "weight_decay": recipe.weight_decay}  # fmt: skip
    model = build_network("resnet", arguments)
    trainer = Trainer(model, recipe, training, validation, folder=folder / recipe.name, seed=seed)
    book = trainer.run(progress_bar=progress_bar)
    preset = Preset.from_model(
        model,
        name=folder.name,
        architecture="resnet",
        arguments=arguments,
        preprocessing=_preprocessing(instrument, training, scale),
        calibration=calibrate(book),
        card={
            "command": f"szfinder train cnn --preset {sky} --recipe {recipe.name} --width {width} "
            f"--skies {n_skies} --seed {seed}",
            "seed": seed,
            "data": {
                "sky": sky,
                "training_seeds": [TRAINING_SEEDS[0], TRAINING_SEEDS[n_skies - 1]],
                "validation_seeds": [VALIDATION_SEEDS[0], VALIDATION_SEEDS[n_validation - 1]],
                "recipe": recipe.name,
                "szfinder_version": szfinder.__version__,
            },
            "date": datetime.now(UTC).date().isoformat(),
            "scores": _scores(book),
        },
    )
    preset.save(folder / "preset", overwrite=True)
    return preset


def _preprocessing(instrument: Instrument, cutouts: CutoutSet, scale: np.ndarray) -> Preprocessing:
    first = cutouts.skies[0]
    return Preprocessing.from_instrument(
        instrument, scale=scale.tolist(), pixel_size=first.pixel, image_size=first.size
    )


def _scores(book) -> dict[str, float]:
    """What the validation skies say; they were used to stop and to calibrate."""
    return {
        "validation_f1": float(book.f1.max()),
        "validation_auc": book.auc,
        "validation_average_precision": book.average_precision,
    }
