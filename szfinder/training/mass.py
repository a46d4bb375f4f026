"""Train a network that weighs clusters, and make a preset of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

import szfinder
from szfinder.mass import CentralMass, CentralNormal
from szfinder.mass.answers import answer_as_dict
from szfinder.mass.orientations import painted
from szfinder.mass.roughness import roughness
from szfinder.models import Preprocessing, Preset, build_network
from szfinder.simulation import ClusterImages
from szfinder.training.mass_images import MassImages, kept_images
from szfinder.training.mass_labels import mass_labels
from szfinder.training.mass_trainer import BATCH, MassTrainer
from szfinder.training.mass_training import MASS_TRAININGS, MassTraining
from szfinder.training.named import training_of_name
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS

__all__ = ["train_mass"]

#: Scale of contrasts in their scatter, which is measured in so many images: nearly linear for the
#: CMB and clusters, and not for sources.
CONTRAST, N_MEASURED = 3.0, 2000


def train_mass(
    training: str | MassTraining,
    folder: str | Path,
    *,
    command: str = "szfinder.training.train_mass",
    progress_bar: bool = False,
) -> Preset:
    """Train a network that weighs clusters on images that are made first.

    Images, state and log are kept in the folder, so that a call with the same arguments goes on
    where another was stopped.

    Parameters
    ----------
    training : str or `MassTraining`
        What it is trained on and how; a name is one of ``MASS_TRAININGS``.
    folder : str or path-like
        Where everything is kept; the preset goes into ``preset`` in it.
    command : str, optional
        For the card: what can be called to make the weights again.
    progress_bar : bool, optional
        Show progress.

    Returns
    -------
    `~szfinder.models.Preset`
        As it is in its folder. Errors are those found on the images it was validated on.

    Raises
    ------
    ValueError
        If there is no training of that name, the folder holds a damaged file or the state of
        another training, or a loss is not finite.
    OSError
        If something cannot be written, as on a full disk; the same call goes on.
    """
    if isinstance(training, str):
        training = training_of_name(training, MASS_TRAININGS)
    arguments = _arguments(training)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = build_network("mresunet", arguments)
    made = {
        name: kept_images(
            folder / f"{name}.npz", training.images, n, seeds[0], of=training.as_dict,
            progress_bar=progress_bar,
        )
        for name, n, seeds in (
            ("training", training.n_images, TRAINING_SEEDS),
            ("validation", training.n_validation, VALIDATION_SEEDS),
        )
    }  # fmt: skip
    preprocessing = _preprocessing(training, made["training"])
    answer = training.answer
    learned, watched = (
        MassImages(
            part, mass_labels(part, answer, training.made_of), preprocessing,
            training.redshift_input,
        )
        for part in made.values()
    )  # fmt: skip
    trainer = MassTrainer(
        model, training.recipe, learned, watched, mixed=training.continuous,
        folder=folder / training.recipe.name, seed=training.seed,
        data={**training.as_dict, **arguments, **preprocessing.as_dict},
    )  # fmt: skip
    trainer.run(progress_bar=progress_bar)
    answer, scores = _calibrated(
        answer, painted(model, trainer.images, batch_size=BATCH), watched.made.truth
    )
    held = training.held or (min(training.masses), max(training.masses))
    calibration = {
        "answer": answer_as_dict(answer),
        "masses": [float(mass) for mass in held],
        "redshifts": list(training.redshifts),
        "redshift_input": training.redshift_input,
        "roughness": np.median(roughness(watched.made.surroundings), axis=0).tolist(),
    }
    Preset.from_model(
        model, name=folder.name, architecture="mresunet", arguments=arguments,
        preprocessing=preprocessing, calibration=calibration,
        card=_card(training, command, scores),
    ).save(folder / "preset", overwrite=True)  # fmt: skip
    return Preset.load(folder / "preset")


def _card(training: MassTraining, command: str, scores: dict[str, float]) -> dict[str, Any]:
    return {
        "command": command,
        "seed": training.seed,
        "data": {
            "training_seeds": [TRAINING_SEEDS[0]] * 2,
            "validation_seeds": [VALIDATION_SEEDS[0]] * 2,
            **training.as_dict, **training.recipe.as_dict,
            "szfinder_version": szfinder.__version__,
        },
        "date": datetime.now(UTC).date().isoformat(),
        "scores": scores,
    }  # fmt: skip


def _arguments(training: MassTraining) -> dict[str, Any]:
    """Those of the network: it takes the bands of the sky, and two planes with the redshift."""
    n_planes = len(training.made_of.instrument) + 2 * training.continuous
    return {
        "input_shape": [training.image_size, training.image_size, n_planes],
        **training.network,
        "n_outputs": training.answer.n_maps,
        "seed": training.seed,
    }


def _preprocessing(training: MassTraining, made: ClusterImages) -> Preprocessing:
    """A constant factor for all pixels, as in the paper, or contrasts on a scale of theirs."""
    make = partial(
        Preprocessing.from_instrument, training.made_of.instrument,
        pixel_size=made.pixel, image_size=training.image_size,
    )  # fmt: skip
    if not training.continuous:
        highest = float(np.abs(made.images).max())
        return make(scale=[highest] * made.clusters.shape[1])
    unscaled = make(scale=[1.0] * made.clusters.shape[1], normalization="contrast")
    scatter = unscaled.scatter(made.images[:N_MEASURED])
    return replace(unscaled, scale=(CONTRAST * scatter).tolist())


def _calibrated(
    answer: CentralMass | CentralNormal, maps: np.ndarray, truth: QTable
) -> tuple[CentralMass | CentralNormal, dict[str, float]]:
    """The answer with errors that are right for the validation images, and its scores on them."""
    true = truth["m200c"].to_value(u.Msun)
    if isinstance(answer, CentralMass):
        answer = replace(answer, **_errors(answer.read(maps)[0], true))
    else:
        mass, error, _ = answer.read(maps)
        pull = np.log(mass / true) / np.arcsinh(error / mass)
        answer = replace(answer, stretch=float(np.std(pull)))
    mass, error, _ = answer.read(maps)
    return answer, {
        "validation_bias": float(np.mean(mass / true - 1)),
        "validation_scatter": float(np.std(mass / true)),
        "validation_pull": float(np.std((mass - true) / error)),
    }


def _errors(estimate: np.ndarray, true: np.ndarray) -> dict[str, list[float]]:
    """How far true masses are from estimates, in as many groups of these as there are masses.

    What a network that has hardly learned calls a mass may be below 0; such groups are left out.
    """
    groups = np.array_split(np.argsort(estimate), np.unique(true).size)
    medians = [float(np.median(estimate[group])) for group in groups]
    apart = [float(np.sqrt(np.mean((true - estimate)[group] ** 2))) for group in groups]
    errors = {mass: away / mass for mass, away in zip(medians, apart) if mass > 0}
    return {"masses": list(errors), "scatter": list(errors.values())} if errors else {}
