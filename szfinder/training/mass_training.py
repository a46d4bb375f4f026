"""MassTraining: of which clusters a network learns to weigh them, and how; those of the presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import le, lt
from typing import Any

import numpy as np

from szfinder.mass import CentralMass, CentralNormal
from szfinder.simulation import ClusterImages, SkyPreset, cluster_images, sky_preset
from szfinder.training.recipe import Recipe
from szfinder.training.recipes import GuptaRecipe, MassRecipe

__all__ = ["MASS_TRAININGS", "MassTraining"]

#: Compton y that is 1 in the map that a network paints.
Y_UNIT = 2e-4


@dataclass(frozen=True)
class MassTraining:
    """Of which clusters a network learns to weigh them, and how.

    Parameters
    ----------
    sky : str or `~szfinder.simulation.SkyPreset`
        The clusters and what is around them; a name is one of ``szfinder.simulation.PRESETS``.
    recipe : `~szfinder.training.Recipe`
        How the network is trained.
    network : mapping
        Arguments of `~szfinder.models.build_mresunet`, less the shapes and the seed.
    masses : sequence of float
        M200c in Msun: those of the clusters; or, if ``continuous``, their range, in which all
        ln M are as likely.
    redshifts : tuple of float
        Range of redshift, in which all are as likely.
    continuous : bool, optional
        Whether masses and redshifts are continuous. The network then is told the redshift, and says
        how sure it is of the mass; clusters are off the middle of their images, and meet other
        surroundings in each epoch. Otherwise all is as Gupta & Reichardt (2020) have it.
    held : tuple of float, optional
        Range of mass in Msun for which the masses of the network are said to hold; by default that
        of the training.
    max_offset : float, optional
        Clusters are off the middle of their images by up to so many arcmin.
    image_size : int, optional
        Pixels on a side of an image.
    n_images, n_validation : int, optional
        Images to learn from and to validate on.
    seed : int, optional
        Of the first weights and the batches.

    Raises
    ------
    ValueError
        If there are too few images, or a range is none.
    """

    sky: str | SkyPreset
    recipe: Recipe
    network: Mapping[str, Any]
    masses: Sequence[float]
    redshifts: tuple[float, float]
    continuous: bool = False
    held: tuple[float, float] | None = None
    max_offset: float = 0.0
    image_size: int = 40
    n_images: int = 3200
    n_validation: int = 1600
    seed: int = 0

    def __post_init__(self) -> None:
        n_masses = len(self.masses)
        for name, (number, why) in {
            "n_images": max(
                (n_masses, "one of each mass"), (self.recipe.batch_size, "those of a batch")
            ),
            "n_validation": (2 * n_masses, "two of each mass, for their scatter"),
        }.items():
            if getattr(self, name) < number:
                raise ValueError(
                    f"{name} must be {number} or more, {why}; found {getattr(self, name)!r}"
                )
        self._check_ranges()

    def _check_ranges(self) -> None:
        names = ("redshifts", *["held"] * (self.held is not None), *["masses"] * self.continuous)
        ascend = lt if self.continuous else le
        for name in names:
            limits = getattr(self, name)
            if len(limits) != 2 or not (limits[0] > 0 and ascend(*limits)):
                raise ValueError(
                    f"{name} must be two positive numbers that ascend; found {list(limits)}"
                )

    def images(self, n: int, seed: int, *, progress_bar: bool = False) -> ClusterImages:
        """Images of so many clusters.

        Parameters
        ----------
        n : int
            Of all masses together.
        seed : int
            Seed.
        progress_bar : bool, optional
            Show progress.

        Returns
        -------
        `~szfinder.simulation.ClusterImages`
        """
        rng = np.random.default_rng(seed)
        if self.continuous:
            m200c = np.exp(rng.uniform(*np.log(self.masses), n))
        else:
            m200c = np.resize(self.masses, n)
        return cluster_images(
            self.sky, m200c, rng.uniform(*self.redshifts, n), side=self.image_size,
            max_offset=self.max_offset, rng=rng, progress_bar=progress_bar,
        )  # fmt: skip

    @property
    def made_of(self) -> SkyPreset:
        """The sky itself."""
        return sky_preset(self.sky) if isinstance(self.sky, str) else self.sky

    @property
    def answer(self) -> CentralMass | CentralNormal:
        """How the network is to say the mass."""
        if not self.continuous:
            return CentralMass(Y_UNIT, float(np.mean(self.masses)))
        low, high = np.log(self.masses)
        return CentralNormal(Y_UNIT, float(low + high) / 2, float(high - low) / np.sqrt(12))

    @property
    def redshift_input(self) -> tuple[float, float] | None:
        """Mean and width of ln(1 + z), if the network is told the redshift."""
        if not self.continuous:
            return None
        low, high = np.log1p(self.redshifts)
        return float(low + high) / 2, float(high - low) / np.sqrt(12)

    @property
    def as_dict(self) -> dict[str, Any]:
        """What the images depend on, by name, in values that JSON has."""
        return {
            "sky": self.sky if isinstance(self.sky, str) else repr(self.sky),
            "masses": [float(mass) for mass in self.masses],
            "redshifts": list(self.redshifts), "continuous": self.continuous,
            "max_offset": self.max_offset, "image_size": self.image_size,
            "n_images": self.n_images, "n_validation": self.n_validation,
        }  # fmt: skip


#: Trainings of the presets, by name: that of Gupta & Reichardt (2020), its narrower sister that
#: comes with the package, and that for three bands and all redshifts.
MASS_TRAININGS = {
    "mass-gupta2020": MassTraining(
        "gupta2020",
        GuptaRecipe(),
        {"filters": (16, 32, 64, 128)},
        masses=np.arange(1, 9) * 1e14,
        redshifts=(0.7, 0.7),
        held=(1.5e14, 7.5e14),
    ),
    "mass-spt3g": MassTraining(
        "spt3g",
        MassRecipe(),
        {"filters": (8, 16, 32, 64), "dropout": 0.0},
        masses=(5e13, 2e15),
        redshifts=(0.1, 1.5),
        continuous=True,
        held=(1e14, 1.5e15),
        max_offset=1.0,
        image_size=32,
        n_images=10_000,
        n_validation=2_000,
    ),
}
