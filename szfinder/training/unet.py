"""Train the U-Net that paints where the clusters are, and make a preset of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import Table

from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import HealpixStack, MapError, MapStack
from szfinder.models import Preprocessing, Preset, build_network, fit_left_gaussian
from szfinder.training.calibration import calibrate
from szfinder.training.kept import keep_preset
from szfinder.training.named import training_of_name
from szfinder.training.patch_set import PatchSet
from szfinder.training.patches import FlatPatches
from szfinder.training.positions import known_positions
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS
from szfinder.training.segmentation_trainer import SegmentationTrainer
from szfinder.training.sky_patches import SkyPatches
from szfinder.training.split import right_ascension_parts
from szfinder.training.stream import SkyStream
from szfinder.training.unet_training import UNET_TRAININGS, UNetTraining

__all__ = ["train_unet", "train_unet_on_maps"]

#: Skies in memory, and batches after which one of them gives way to a new one.
WINDOW, BATCHES_PER_SKY = 6, 25
#: Pixels of the patches of HEALPix maps in arcmin (Bonjean 2020, section 3.1.3).
PATCH_PIXEL = 1.7
#: Patches of HEALPix maps that their normalisation is measured in, and that a training is validated
#: on.
N_PATCHES = 300
#: Where the parts for test and for validation of a flat map end, unless it is said.
TEST_END, VALIDATION_END = 0.13, 0.2
#: Greatest threshold of a preset: answers end below 1, but for rounding.
MAX_THRESHOLD = 0.999


def train_unet(
    training: str | UNetTraining,
    folder: str | Path,
    *,
    command: str = "szfinder.training.train_unet",
    progress_bar: bool = False,
) -> Preset:
    """Train a U-Net on skies that are made as the training goes on.

    State and log are kept in the folder, so that a call with the same arguments goes on where
    another was stopped.

    Parameters
    ----------
    training : str or `UNetTraining`
        What it is trained on and how; a name is one of ``UNET_TRAININGS``.
    folder : str or path-like
        Where everything is kept; the preset goes into ``preset`` in it.
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
        another training, the skies lack clusters, or a loss is not finite.
    OSError
        If the state cannot be written, as on a full disk; the same call goes on.
    """
    if isinstance(training, str):
        training = training_of_name(training, UNET_TRAININGS)
    training_seeds = TRAINING_SEEDS[: training.n_skies]
    validation_seeds = VALIDATION_SEEDS[: training.n_validation]
    preprocessing = _preprocessing(training.skies.sky(training_seeds[0]).maps, training)
    make = partial(_patches, training, preprocessing)
    validation = PatchSet([make(seed) for seed in validation_seeds]).on_grid()
    data = {
        **training.skies.as_dict,
        "n_skies": training.n_skies,
        "n_validation": training.n_validation,
        "training_seeds": [training_seeds[0], training_seeds[-1]],
        "validation_seeds": [validation_seeds[0], validation_seeds[-1]],
        "min_snr": training.min_snr,
    }
    with SkyStream(
        make, training_seeds, PatchSet, window=WINDOW, batches_per_sky=BATCHES_PER_SKY,
        progress_bar=progress_bar,
    ) as stream:  # fmt: skip
        return _trained(
            training, stream, validation, preprocessing, Path(folder), data=data,
            command=command, progress_bar=progress_bar,
        )  # fmt: skip


def train_unet_on_maps(
    maps: MapStack | HealpixStack | NDData,
    catalogue: Table,
    folder: str | Path,
    *,
    mask: np.ndarray | None = None,
    test: float | None = None,
    validation: float | None = None,
    training: UNetTraining = UNET_TRAININGS["bonjean2020"],
    command: str = "szfinder.training.train_unet_on_maps",
    progress_bar: bool = False,
) -> Preset:
    """Train a U-Net on maps of your own, with clusters that you know of.

    HEALPix maps are split as in Bonjean (2020), by `SkySplit`; others by right ascension, as by
    `split_by_right_ascension`. The test part is not looked at.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
        The maps.
    catalogue : `~astropy.table.Table`
        The clusters in them, with positions as for `~szfinder.evaluation.positions_of`: PSZ2 and
        MCXC as they come.
    folder, command, progress_bar
        As for `train_unet`.
    mask : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for pixels that are not to be used; not of HEALPix maps.
    test, validation : float, optional
        Where these parts of a map end, by default 0.13 and 0.2; not of HEALPix maps.
    training : `UNetTraining`, optional
        Recipe, network and patches; its skies are not used. The sizes of the clusters are not
        known: all are painted alike.

    Returns
    -------
    `~szfinder.models.Preset`
        As it is in its folder, calibrated on the validation part of the maps.

    Raises
    ------
    ValueError
        As from `train_unet`, or if the catalogue has no positions, or a part of the maps no patch.
    `~szfinder.maps.MapError`
        If the maps or the mask do not fit.
    OSError
        If the state cannot be written, as on a full disk; the same call goes on.
    """
    positions = known_positions(catalogue)
    if isinstance(maps, HealpixStack):
        for name, value in {"mask": mask, "test": test, "validation": validation}.items():
            if value is not None:
                raise ValueError(
                    f"{name} is for flat maps: HEALPix maps are split by SkySplit, and not used "
                    "where they are NaN; leave it out"
                )
        learned, watched, preprocessing = _parts_of_sky(maps, positions, training)
        data = {"split": "SkySplit"}
    else:
        ends = {
            "test": TEST_END if test is None else test,
            "validation": VALIDATION_END if validation is None else validation,
        }
        learned, watched, preprocessing = _parts_of_map(
            maps, positions, training, mask=mask, **ends
        )
        data = ends
    data = {**data, "n_clusters": len(positions), "training_maps": learned.sha256}
    return _trained(
        training, PatchSet([learned]), watched, preprocessing, Path(folder), data=data,
        command=command, progress_bar=progress_bar,
    )  # fmt: skip


def _patches(training: UNetTraining, preprocessing: Preprocessing, seed: int) -> FlatPatches:
    """Patches of the sky of a seed."""
    sky = training.skies.sky(seed)
    clusters = training.clusters(sky)
    painter = training.painter(clusters["theta500"])
    return FlatPatches(sky.maps, clusters["sky_centroid"], preprocessing, paint=painter)


def _parts_of_map(
    maps: MapStack | NDData,
    positions: SkyCoord,
    training: UNetTraining,
    *,
    mask: np.ndarray | None,
    **ends: float,
) -> tuple[FlatPatches, tuple[np.ndarray, np.ndarray], Preprocessing]:
    """Patches to learn from, those to validate on, and how they are normalised."""
    maps = as_map_stack(maps)
    good = maps.good & ~checked_mask(maps, mask)
    parts = right_ascension_parts(maps, good, **ends)
    preprocessing = _preprocessing(maps, training, mask=~parts["training"])
    patches = []
    for name in ("training", "validation"):
        mask = ~parts[name]
        try:
            part = FlatPatches(maps, positions, preprocessing, paint=training.painter(), mask=mask)
        except MapError as error:
            raise ValueError(
                f"the {name} part of the map has no patch: {error}; or change test and validation, "
                "the fractions where these parts end"
            ) from error
        patches.append(part)
    learned, watched = patches
    return learned, watched.on_grid(), preprocessing


def _parts_of_sky(
    maps: HealpixStack,
    positions: SkyCoord,
    training: UNetTraining,
) -> tuple[SkyPatches, tuple[np.ndarray, np.ndarray], Preprocessing]:
    """As `_parts_of_map`, of HEALPix maps."""
    if maps.masks:
        raise MapError(
            "a network is trained on HEALPix maps without a mask",
            found="one given with them",
            hint="put NaN into the maps where they are not to be used",
        )
    if training.smoothing is not None:
        raise ValueError(
            "patches of HEALPix maps are normalised by fit_left_gaussian; found a smoothing of "
            f"{training.smoothing!r}: take a training without it, as 'bonjean2020'"
        )
    raw = Preprocessing.from_instrument(
        maps.instrument, scale=np.ones(len(maps.bands)), pixel_size=PATCH_PIXEL,
        image_size=training.image_size,
    )  # fmt: skip

    def patches(part: str, preprocessing: Preprocessing) -> SkyPatches:
        return SkyPatches(maps.maps, positions, preprocessing, part, paint=training.painter())

    rng = np.random.default_rng(training.seed)
    images, _ = patches("training", raw).batch(rng, N_PATCHES, occupied=0.0)
    offset, scale = fit_left_gaussian(np.moveaxis(images, -1, 0))
    preprocessing = replace(raw, offset=offset, scale=scale)
    watched = patches("validation", preprocessing).batch(rng, N_PATCHES, occupied=0.0)
    return patches("training", preprocessing), watched, preprocessing


def _preprocessing(
    maps: MapStack, training: UNetTraining, *, mask: np.ndarray | None = None
) -> Preprocessing:
    """Contrasts are measured in what they scatter by, temperatures in the left of their pixels."""
    make = partial(
        Preprocessing.from_instrument, maps.instrument, image_size=training.image_size,
        pixel_size=round(np.sqrt(np.prod(maps.pixel_scale)), 6),
    )  # fmt: skip
    planes = maps.data.copy()
    if mask is not None:
        planes[:, mask] = np.nan
    if training.smoothing is None:
        offset, scale = fit_left_gaussian(planes)
        return make(offset=offset, scale=scale)
    unscaled = make(scale=np.ones(maps.n_band), normalization="local", smoothing=training.smoothing)
    return replace(unscaled, scale=unscaled.scatter(planes[None]).tolist())


def _trained(
    training: UNetTraining,
    patches: PatchSet | SkyStream,
    validation: tuple[np.ndarray, np.ndarray],
    preprocessing: Preprocessing,
    folder: Path,
    *,
    data: Mapping[str, Any],
    command: str,
    progress_bar: bool,
) -> Preset:
    """Train the network, calibrate it, and save it as a preset."""
    arguments = {
        "input_shape": [None, None, len(preprocessing.bands)],
        **training.network,
        "weight_decay": training.recipe.weight_decay,
        "seed": training.seed,
    }
    cell = round(training.cell / preprocessing.pixel_size)
    if not 1 <= cell <= training.image_size:
        raise ValueError(
            f"a cell must be a pixel or more, and fit into a patch; found {training.cell:g} arcmin "
            f"with pixels of {preprocessing.pixel_size:.3g} arcmin and patches of "
            f"{training.image_size} of them: give the UNetTraining another cell"
        )
    model = build_network("unet", arguments)
    data = {**data, "sigma": training.sigma, "cell": training.cell}
    known = {f"preprocessing.{name}": value for name, value in preprocessing.as_dict.items()}
    known |= {f"network.{name}": value for name, value in training.network.items()}
    trainer = SegmentationTrainer(
        model, training.recipe, patches, validation,
        cell=cell,
        folder=folder / training.recipe.name, seed=training.seed, data={**data, **known},
    )  # fmt: skip
    book = trainer.run(progress_bar=progress_bar)
    threshold = min(book.best_threshold, MAX_THRESHOLD)
    return keep_preset(
        model, folder, book, data={**data, **training.recipe.as_dict}, command=command,
        seed=training.seed, architecture="unet", arguments=arguments, preprocessing=preprocessing,
        # the score of the finder is the answer itself
        calibration={**calibrate(book), "thresholds": {"f1": threshold}},
    )  # fmt: skip
