"""UNetTraining: on which skies a U-Net is trained, and how; and those of the presets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation import select_halos
from szfinder.simulation import Sky
from szfinder.training.recipe import Recipe
from szfinder.training.recipes import BonjeanRecipe, HeatMapRecipe
from szfinder.training.seeds import TRAINING_SEEDS, VALIDATION_SEEDS
from szfinder.training.segments import disc_map, peak_map
from szfinder.training.skies import MockSkies, Skies
from szfinder.training.visible import visible_halos

__all__ = ["UNET_TRAININGS", "UNetTraining"]

#: Least standard deviation of a peak in units of theta500: the centre of a wide cluster is not as
#: well known, and a small peak at it hard to paint.
PEAK_PART = 0.125


@dataclass(frozen=True)
class UNetTraining:
    """On which skies a U-Net is trained, and how.

    Parameters
    ----------
    skies : `~szfinder.training.Skies`
        The skies.
    recipe : `~szfinder.training.Recipe`
        How the network is trained.
    network : mapping
        Arguments of `~szfinder.models.build_unet`, less the shape of the image and the seed.
    image_size : int
        Pixels on a side of the patches.
    cell : float
        Side in arcmin of the cells of validation maps, each of which has a cluster or not.
    sigma : float, optional
        It is to paint peaks of this standard deviation in arcmin, by `peak_map`, and of an eighth
        of theta500 where that is known and larger; by default discs, by `disc_map`.
    smoothing : float, optional
        In arcmin: maps are normalised by the contrast with what is around, as by ``local`` of
        `~szfinder.models.Preprocessing`. By default they are normalised by `fit_left_gaussian`.
    min_snr : float, optional
        The clusters are the halos that are visible by this signal-to-noise ratio; by default those
        of `~szfinder.evaluation.select_halos`.
    n_skies, n_validation : int, optional
        Skies to learn from and to validate on, of the seeds in ``szfinder.training.seeds``.
    seed : int, optional
        Of the first weights and the batches.

    Raises
    ------
    ValueError
        If a number of skies is not positive, or there are more than seeds.
    """

    skies: Skies
    recipe: Recipe
    network: Mapping[str, Any]
    image_size: int
    cell: float
    sigma: float | None = None
    smoothing: float | None = None
    min_snr: float | None = None
    n_skies: int = 150
    n_validation: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        for name, seeds in {"n_skies": TRAINING_SEEDS, "n_validation": VALIDATION_SEEDS}.items():
            if not 1 <= getattr(self, name) <= len(seeds):
                raise ValueError(
                    f"{name} must be from 1 to {len(seeds)}; found {getattr(self, name)!r}"
                )

    def painter(self, theta500: u.Quantity | None = None) -> Callable[..., np.ndarray]:
        """Function of positions, WCS and shape that paints clusters, of these sizes if known."""
        if self.sigma is None:
            return disc_map
        sigma = self.sigma * u.arcmin
        if theta500 is not None:
            sigma = np.maximum(sigma, PEAK_PART * theta500)
        return partial(peak_map, sigma=sigma)

    def clusters(self, sky: Sky) -> QTable:
        """Rows of the truth of a sky that are to be found."""
        if self.min_snr is None:
            return sky.truth[select_halos(sky.truth)]
        return sky.truth[visible_halos(sky, self.min_snr)]


#: The network of Bonjean (2020); one of the same widths, and a wider one for maps with more detail.
PAPER = {"filters": [8, 16, 32, 64, 128], "dropout": 0.2}
NORMALIZED = {"dropout": 0.0, "activation": "silu", "batch_normalization": True,
              "output_bias": -2.19}  # fmt: skip

#: Trainings by name: for Planck HFI, for SPT-3G, and that of the paper. The preset unet-planck of
#: the package was trained so on `SurrogateSkies` of Planck's maps in place of mock skies.
UNET_TRAININGS = {
    "unet-planck": UNetTraining(
        MockSkies("planck-training"),
        HeatMapRecipe(n_batches=1500, ratio=1.0, batch_size=20),
        {**PAPER, **NORMALIZED},
        image_size=64,
        cell=12.0,
        sigma=2.5,
        smoothing=30.0,
        min_snr=4.5,
        n_validation=8,
    ),
    "unet-spt3g": UNetTraining(
        MockSkies("spt3g"),
        HeatMapRecipe(n_batches=5000),
        {"filters": [12, 32, 96, 192], **NORMALIZED},
        image_size=128,
        cell=6.0,
        sigma=0.75,
        smoothing=8.0,
    ),
    "bonjean2020": UNetTraining(
        MockSkies("planck-hfi"), BonjeanRecipe(), PAPER, image_size=64, cell=12.0, min_snr=4.5
    ),
}
