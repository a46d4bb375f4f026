"""Maps unlike those that a network was trained on, for which its answers mean little."""

import warnings
from collections.abc import Sequence

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning

from szfinder.models import Preset

__all__ = ["UnlikeTrainingWarning", "is_unlike", "warn_if_unlike"]

#: Relative difference in scatter from which on there is a warning.
MAX_UNLIKE = 0.3


def is_unlike(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Whether a scatter differs by over 30 per cent from that in the training."""
    return np.abs(np.divide(found, expected) - 1) > MAX_UNLIKE


class UnlikeTrainingWarning(AstropyUserWarning):
    """The maps scatter otherwise than those the network was trained on."""


def warn_if_unlike(
    preset: Preset,
    found: np.ndarray,
    expected: Sequence[float],
    *,
    where: str,
    stacklevel: int = 4,
) -> None:
    """Warn of maps that scatter otherwise than those of the training.

    Parameters
    ----------
    preset : `~szfinder.models.Preset`
        The network.
    found : `~numpy.ndarray`
        Scatter in the maps in uK_CMB, shape (n_band,).
    expected : sequence of float
        That in the training.
    where : str
        What scatters, for the message.
    stacklevel : int, optional
        That of `warnings.warn`.

    Warns
    -----
    UnlikeTrainingWarning
        If it differs by over 30 per cent in any band.
    """
    unlike = [
        f"{here:.3g} uK instead of {there:.3g} uK in band {band!r}"
        for band, here, there in zip(preset.preprocessing.bands, found, expected, strict=True)
        if is_unlike(here, there)
    ]
    if unlike:
        warnings.warn(
            f"the maps are unlike those that preset {preset.name!r} was trained on: {where} "
            f"scatter by {', '.join(unlike)}. The noise, the foregrounds or the unit is another "
            "one, and what the network says cannot be relied on. Train a network for such maps.",
            UnlikeTrainingWarning,
            stacklevel=stacklevel,
        )
