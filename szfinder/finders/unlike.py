"""Maps unlike those that a network was trained on, for which its answers mean little."""

import warnings

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning

from szfinder.models import Preset

__all__ = ["UnlikeTrainingWarning", "warn_if_unlike"]

#: Relative difference in scatter from which on there is a warning.
MAX_UNLIKE = 0.3


class UnlikeTrainingWarning(AstropyUserWarning):
    """The maps scatter otherwise than those the network was trained on."""


def warn_if_unlike(preset: Preset, found: np.ndarray, *, where: str) -> None:
    """Warn of maps that scatter otherwise than those of the training.

    Parameters
    ----------
    preset : `~szfinder.models.Preset`
        The network; the scale of its preprocessing is the scatter of its training.
    found : `~numpy.ndarray`
        Scatter of the contrasts of the maps in uK_CMB, shape (n_band,).
    where : str
        Of what they are contrasts, for the message.

    Warns
    -----
    UnlikeTrainingWarning
        If it differs by over 30 per cent in any band.
    """
    preprocessing = preset.preprocessing
    unlike = [
        f"{there:.3g} uK instead of {expected:.3g} uK in band {band!r}"
        for band, there, expected in zip(preprocessing.bands, found, preprocessing.scale)
        if abs(there / expected - 1) > MAX_UNLIKE
    ]
    if unlike:
        warnings.warn(
            f"the maps are unlike those that preset {preset.name!r} was trained on: contrasts "
            f"{where} scatter by {', '.join(unlike)}. The noise, the foregrounds or the unit is "
            "another one, and the scores are no probabilities. Train a network for such maps.",
            UnlikeTrainingWarning,
            stacklevel=4,
        )
