"""Recipes: how a network is trained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from szfinder.training.losses import focal_loss, mass_loss
from szfinder.training.recipe import Recipe, Stage

__all__ = ["BonjeanRecipe", "GuptaRecipe", "HeatMapRecipe", "ImbalanceSchedule", "MassRecipe",
           "ModernRecipe"]  # fmt: skip


class ImbalanceSchedule(Recipe):
    """The scheme of Lin et al. (2021, section 2.2.2), from balanced samples to unbalanced ones.

    Stochastic gradient descent on cross-entropy, with a weight decay w = 0.003 of the kernels,
    which is a penalty of w / 2 times the sum of their squares. In stage r = 1 to 20 there are r
    negatives for each positive. The rate rises from 5/3e-3 to 5e-3 over 500 batches and
    falls to 5e-4 after 1000; a stage ends when the validation loss has not fallen for 1000 batches,
    and its best weights start the next one. Negatives beside a positive cutout are left out
    (section 1.2).

    Parameters
    ----------
    ratios : sequence of float, optional
        The stages.
    max_batches : int, optional
        Where a stage ends at the latest.

    Raises
    ------
    ValueError
        If ``max_batches`` is not positive.
    """

    length = "max_batches"

    def __init__(
        self, *, ratios: Sequence[float] = tuple(range(1, 21)), max_batches: int = 10_000
    ) -> None:
        stages = [Stage(ratio, _warm_up_then_fall, max_batches, patience=1000) for ratio in ratios]
        super().__init__(
            "imbalance", stages, weight_decay=0.003, adjacent=False, arguments={"ratios": ratios}
        )

    def optimizer(self):
        """Stochastic gradient descent; the paper names no momentum."""
        import keras

        return keras.optimizers.SGD(learning_rate=5e-3)

    def loss(self):
        """Cross-entropy."""
        import keras

        return keras.losses.CategoricalCrossentropy()


class ModernRecipe(Recipe):
    """AdamW with a cosine schedule and the focal loss.

    AdamW is that of Loshchilov & Hutter (2019, arXiv:1711.05101), with a weight decay of 0.05, and
    the focal loss that of Lin, Goyal et al. (2017, arXiv:1708.02002), with gamma = 2.

    Parameters
    ----------
    n_batches : int, optional
        Length of the training.
    ratio : float, optional
        Negatives for each positive.
    learning_rate : float, optional
        Its peak, after a tenth of the training.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(
        self, *, n_batches: int = 6000, ratio: float = 4.0, learning_rate: float = 2e-3
    ) -> None:
        super().__init__(
            "modern",
            [Stage(ratio, partial(_cosine, learning_rate, n_batches), n_batches)],
            weight_decay=0.0,
            adjacent=True,
            arguments={"ratio": ratio, "learning_rate": learning_rate},
        )

    def optimizer(self):
        """AdamW."""
        return _adamw()

    def loss(self):
        """Focal cross-entropy with gamma = 2."""
        import keras

        return keras.losses.CategoricalFocalCrossentropy(gamma=2.0)


class HeatMapRecipe(Recipe):
    """AdamW with a cosine schedule and the focal loss of heat maps, for `peak_map`.

    As `ModernRecipe`, with `focal_loss`.

    Parameters
    ----------
    n_batches : int, optional
        Length of the training.
    ratio : float, optional
        Patches from anywhere for each that surely has a cluster.
    batch_size : int, optional
        Patches in a batch.
    learning_rate : float, optional
        Its peak, after a tenth of the training.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(
        self,
        *,
        n_batches: int = 3000,
        ratio: float = 0.0,
        batch_size: int = 8,
        learning_rate: float = 2e-3,
    ) -> None:
        stage = Stage(ratio, partial(_cosine, learning_rate, n_batches), n_batches)
        super().__init__(
            "heat-map", [stage], weight_decay=0.0, batch_size=batch_size, validate_every=250,
            arguments={"ratio": ratio, "batch_size": batch_size, "learning_rate": learning_rate},
        )  # fmt: skip

    def optimizer(self):
        """AdamW."""
        return _adamw()

    def loss(self):
        """Focal loss of heat maps."""
        return focal_loss


class BonjeanRecipe(Recipe):
    """The scheme of Bonjean (2020, section 3.3), for `disc_map`.

    Adam with a rate of 1e-4 on binary cross-entropy, in batches of 20 patches, until the validation
    loss has not fallen for 12 epochs.

    Parameters
    ----------
    n_batches : int, optional
        Where the training ends at the latest.
    ratio : float, optional
        Patches from anywhere for each that surely has a cluster; in the paper all have one.
    learning_rate : float, optional
        Of Adam.
    epoch : int, optional
        Batches in an epoch. Patches are drawn at random for ever, so that it is but the distance of
        two validations.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(
        self,
        *,
        n_batches: int = 20_000,
        ratio: float = 0.0,
        learning_rate: float = 1e-4,
        epoch: int = 100,
    ) -> None:
        stage = Stage(ratio, lambda batch: learning_rate, n_batches, patience=12 * epoch)
        super().__init__(
            "bonjean", [stage], weight_decay=0.0, batch_size=20, validate_every=epoch,
            arguments={"ratio": ratio, "learning_rate": learning_rate, "epoch": epoch},
        )  # fmt: skip

    def optimizer(self):
        """Adam."""
        import keras

        return keras.optimizers.Adam()

    def loss(self):
        """Binary cross-entropy."""
        import keras

        return keras.losses.BinaryCrossentropy()


class GuptaRecipe(Recipe):
    """The scheme of Gupta & Reichardt (2020, section 3), for images of clusters.

    Adam with a rate of 1e-3 on the mean squared error, in batches of four. The rate is halved when
    the validation loss has not fallen for 5 epochs, and the training ends when it has not for 15.

    Parameters
    ----------
    n_batches : int, optional
        Where the training ends at the latest.
    epoch : int, optional
        Batches in an epoch; by default those of the 3200 images of the paper. Trainings on another
        number of images need another.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(self, *, n_batches: int = 80_000, epoch: int = 800) -> None:
        stage = Stage(0.0, lambda batch: 1e-3, n_batches, patience=15 * epoch)
        super().__init__(
            "gupta", [stage], weight_decay=0.0, batch_size=4, validate_every=epoch,
            arguments={"epoch": epoch},
        )  # fmt: skip

    def optimizer(self):
        """Adam."""
        import keras

        return keras.optimizers.Adam()

    def loss(self):
        """Mean squared error."""
        import keras

        return keras.losses.MeanSquaredError()


class MassRecipe(Recipe):
    """AdamW with a cosine schedule and `mass_loss`, for images of clusters.

    Parameters
    ----------
    n_batches : int, optional
        Length of the training.
    batch_size : int, optional
        Images in a batch.
    learning_rate : float, optional
        Its peak, after a tenth of the training.

    Raises
    ------
    ValueError
        If ``n_batches`` is not positive.
    """

    def __init__(
        self, *, n_batches: int = 16_000, batch_size: int = 32, learning_rate: float = 1e-3
    ) -> None:
        stage = Stage(0.0, partial(_cosine, learning_rate, n_batches), n_batches)
        super().__init__(
            "mass", [stage], weight_decay=0.0, batch_size=batch_size, validate_every=250,
            arguments={"batch_size": batch_size, "learning_rate": learning_rate},
        )  # fmt: skip

    def optimizer(self):
        """AdamW."""
        return _adamw(weight_decay=0.01)

    def loss(self):
        """Squared error of the profile, and normal likelihood of the mass."""
        return mass_loss


def _adamw(weight_decay: float = 0.05) -> Any:
    import keras

    return keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=weight_decay, clipnorm=1.0)


def _cosine(peak: float, n_batches: int, batch: int) -> float:
    """Learning rate that rises for a tenth of the training, and falls to 0 at its end."""
    warm = 0.1 * n_batches
    if batch < warm:
        return peak * min((batch + 1) / warm, 1.0)
    return peak * 0.5 * (1 + np.cos(np.pi * (batch - warm) / (n_batches - warm)))


def _warm_up_then_fall(batch: int) -> float:
    if batch < 500:
        return 5e-3 * (1 / 3 + 2 / 3 * batch / 500)
    return 5e-3 if batch < 1000 else 5e-4
