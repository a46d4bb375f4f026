"""Train the classifier of cutouts, and make a preset of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.nddata import NDData
from astropy.table import Table

from szfinder.finders.base import as_map_stack
from szfinder.maps import Instrument, MapStack
from szfinder.models import Preprocessing, Preset, build_network
from szfinder.simulation import sky_preset
from szfinder.training.calibration import calibrate
from szfinder.training.classifier_trainer import ClassifierTrainer
from szfinder.training.cutout_set import CutoutSet
from szfinder.training.cutouts import SkyCutouts
from szfinder.training.kept import keep_preset
from szfinder.training.named import training_of_name
from szfinder.training.recipe import Recipe
from szfinder.training.recipes import ImbalanceSchedule, ModernRecipe
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS
from szfinder.training.split import split_by_right_ascension
from szfinder.training.stream import SkyStream

__all__ = ["CNN_TRAININGS", "RECIPES", "CNNTraining", "train_cnn", "train_cnn_on_maps"]

#: Recipes by name.
RECIPES = {"modern": ModernRecipe, "imbalance": ImbalanceSchedule}


def _check_range(name: str, value: int, greatest: int | None = None) -> None:
    if value < 1 or (greatest is not None and value > greatest):
        expected = "1 or more" if greatest is None else f"from 1 to {greatest}"
        raise ValueError(f"{name} must be {expected}; found {value!r}")


@dataclass(frozen=True)
class CNNTraining:
    """On which simulated skies a classifier is trained, and how.

    Parameters
    ----------
    sky : str
        The skies: one of ``szfinder.simulation.PRESETS``.
    recipe : `~szfinder.training.Recipe`, optional
        How the network is trained.
    width : int, optional
        Width of the network, 64 in Lin et al. (2021).
    n_skies, n_validation : int, optional
        Skies to learn from and to validate on, of the seeds in ``szfinder.training.seeds``.
    size : float, optional
        Side of the skies in degrees; by default the preset's own.
    seed : int, optional
        Of the first weights and the batches.

    Raises
    ------
    ValueError
        If there is no such sky, a number or the size is not positive, or there are more skies than
        seeds.
    """

    sky: str
    recipe: Recipe = ModernRecipe()
    width: int = 16
    n_skies: int = 60
    n_validation: int = 4
    size: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        sky_preset(self.sky)
        _check_range("n_skies", self.n_skies, len(TRAINING_SEEDS))
        _check_range("n_validation", self.n_validation, len(VALIDATION_SEEDS))
        _check_range("width", self.width)
        if self.size is not None and not self.size > 0:
            raise ValueError(f"size must be positive, in degrees; found {self.size!r}")


#: How the presets that come with the package are made.
CNN_TRAININGS = {"deepsz-spt3g": CNNTraining("deepsz")}


def train_cnn(
    training: str | CNNTraining,
    folder: str | Path,
    *,
    command: str = "szfinder.training.train_cnn",
    progress_bar: bool = False,
) -> Preset:
    """Train a classifier of cutouts on simulated skies, which are made as the training goes on.

    Skies, state and log are kept in the folder, so that a call with the same arguments goes on
    where another was stopped.

    Parameters
    ----------
    training : str or `CNNTraining`
        What it is trained on and how; a name is one of ``CNN_TRAININGS``.
    folder : str or path-like
        Where everything is kept; the preset goes into ``preset`` in it. A sky of 10 by 10 degrees
        takes 70 MB there.
    command : str, optional
        For the card: what can be called to make the weights again.
    progress_bar : bool, optional
        Show progress.

    Returns
    -------
    `~szfinder.models.Preset`
        As it is in its folder, calibrated on the validation skies.

    Raises
    ------
    ValueError
        If there is no training of that name, the folder holds a damaged file or the state of
        another training, the skies lack clusters or places without, or a loss is not finite.
    OSError
        If a sky or the state cannot be written, as on a full disk; the same call goes on.
    """
    folder = Path(folder)
    if isinstance(training, str):
        training = training_of_name(training, CNN_TRAININGS)
    make = partial(_simulated, training, folder / "skies")
    training_seeds = TRAINING_SEEDS[: training.n_skies]
    validation_seeds = VALIDATION_SEEDS[: training.n_validation]
    preset = sky_preset(training.sky)
    preprocessing = _preprocessing(preset.instrument, make(training_seeds[0]))
    validation = CutoutSet([make(seed) for seed in validation_seeds], preprocessing)
    data = {
        "sky": training.sky,
        "size": training.size or preset.size.to_value("deg").item(),
        "n_skies": training.n_skies,
        "n_validation": training.n_validation,
        "training_seeds": [training_seeds[0], training_seeds[-1]],
        "validation_seeds": [validation_seeds[0], validation_seeds[-1]],
    }
    gather = partial(CutoutSet, preprocessing=preprocessing)
    with SkyStream(make, training_seeds, gather, progress_bar=progress_bar) as stream:
        return _trained(
            stream, validation, folder, recipe=training.recipe, width=training.width,
            seed=training.seed, data=data, command=command, progress_bar=progress_bar,
        )  # fmt: skip


def train_cnn_on_maps(
    maps: MapStack | NDData,
    catalogue: Table,
    folder: str | Path,
    *,
    mask: np.ndarray | None = None,
    test: float = 0.13,
    validation: float = 0.2,
    recipe: Recipe = ModernRecipe(),
    width: int = 16,
    seed: int = 1,
    command: str = "szfinder.training.train_cnn_on_maps",
    progress_bar: bool = False,
) -> Preset:
    """Train a classifier of cutouts on maps of your own, with clusters that you know of.

    The map is split by right ascension (`split_by_right_ascension`); its test part is not looked
    at.

    Parameters
    ----------
    maps, catalogue, mask
        As for `SkyCutouts.from_maps`.
    folder, command, progress_bar
        As for `train_cnn`.
    test, validation : float, optional
        Where these parts of the map end; as for `split_by_right_ascension`.
    recipe, width, seed
        As for `CNNTraining`.

    Returns
    -------
    `~szfinder.models.Preset`
        As it is in its folder, calibrated on the validation part of the maps.

    Raises
    ------
    ValueError
        As from `split_by_right_ascension` and `train_cnn`, or if the width is not positive.
    `~szfinder.maps.MapError`
        As from `SkyCutouts.from_maps`.
    OSError
        If the state cannot be written, as on a full disk; the same call goes on.
    """
    _check_range("width", width)
    maps = as_map_stack(maps)
    learned, watched, _ = split_by_right_ascension(
        maps, catalogue, mask=mask, test=test, validation=validation
    )
    preprocessing = _preprocessing(maps.instrument, learned)
    data = {
        "n_clusters": learned.n_clusters,
        "test": test,
        "validation": validation,
        "training_maps": learned.sha256,
        "validation_maps": watched.sha256,
    }
    return _trained(
        CutoutSet([learned], preprocessing), CutoutSet([watched], preprocessing), Path(folder),
        recipe=recipe, width=width, seed=seed, data=data, command=command,
        progress_bar=progress_bar,
    )  # fmt: skip


def _simulated(training: CNNTraining, folder: Path, seed: int) -> SkyCutouts:
    return SkyCutouts.simulated(training.sky, seed, folder=folder, size=training.size)


def _trained(
    cutouts: SkyStream | CutoutSet,
    validation: CutoutSet,
    folder: Path,
    *,
    recipe: Recipe,
    width: int,
    seed: int,
    data: Mapping[str, Any],
    command: str,
    progress_bar: bool,
) -> Preset:
    """Train the network, calibrate it, and save it as a preset."""
    preprocessing = validation.preprocessing
    size, n_band = preprocessing.image_size, len(preprocessing.bands)
    arguments = {"input_shape": [size, size, n_band], "width": width, "seed": seed,
                 "weight_decay": recipe.weight_decay}  # fmt: skip
    model = build_network("resnet", arguments)
    normalised = {f"preprocessing.{name}": value for name, value in preprocessing.as_dict.items()}
    trainer = ClassifierTrainer(
        model, recipe, cutouts, validation, folder=folder / recipe.name, seed=seed,
        data={**data, **normalised},
    )  # fmt: skip
    book = trainer.run(progress_bar=progress_bar)
    return keep_preset(
        model, folder, book, data={**data, "width": width, **recipe.as_dict}, command=command,
        seed=seed, architecture="resnet", arguments=arguments, preprocessing=preprocessing,
        calibration=calibrate(book),
    )  # fmt: skip


def _preprocessing(instrument: Instrument, cutouts: SkyCutouts) -> Preprocessing:
    """Contrasts are measured in what they scatter by in an image: noise, CMB and faint sources."""
    preprocessing = Preprocessing.from_instrument(
        instrument,
        scale=np.ones(len(instrument)),
        pixel_size=cutouts.pixel,
        image_size=cutouts.size,
        normalization="contrast",
    )
    contrast = np.sinh(preprocessing.normalized(cutouts.images(cutouts.corners)))
    low, high = np.percentile(contrast, [16, 84], axis=(0, 1, 2))
    return replace(preprocessing, scale=((high - low) / 2).tolist())
