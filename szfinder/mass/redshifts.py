"""Redshifts of clusters, as far as they are known, and how a network is told."""

from collections.abc import Sequence

import astropy.units as u
import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from szfinder.finders.tables import column_of
from szfinder.models import Preset

__all__ = ["given_redshifts", "redshift_planes"]

#: Columns of a catalogue that are redshifts.
NAMES = ("redshift", "z", "REDSHIFT", "Z")


def given_redshifts(clusters: Table, redshift: ArrayLike | None, preset: Preset) -> np.ndarray:
    """Redshifts of the clusters of a catalogue, NaN where they are not known or masked.

    Parameters
    ----------
    clusters : `~astropy.table.Table`
        The catalogue, of n clusters.
    redshift : array_like or None
        Redshifts, shape (n,), or one of all; None for those of a column, if there is one.
    preset : `~szfinder.models.Preset`
        The network.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,).

    Raises
    ------
    ValueError
        If they are no numbers or not as many as clusters, one is not positive, or none is known and
        the preset is for clusters of one redshift.
    """
    name = next((name for name in NAMES if name in clusters.colnames), None)
    if redshift is None and name is not None:
        redshift = column_of(Table([_filled(clusters[name])], names=[name]), name)
    known = _numbers(np.nan if redshift is None else _filled(redshift))
    if known.shape not in ((), (len(clusters),)):
        raise ValueError(
            f"redshift must be one number, or one of each of the {len(clusters)} clusters; found "
            f"shape {known.shape}"
        )
    known = np.broadcast_to(known, len(clusters)).copy()
    wrong = ~np.isnan(known) & ~((known > 0) & (known < np.inf))
    if wrong.any():
        raise ValueError(
            f"redshifts must be positive, or NaN where they are not known; found {known[wrong][0]} "
            f"in row {np.flatnonzero(wrong)[0]}"
        )
    if preset.calibration["redshift_input"] is None and np.isnan(known).any():
        low, high = preset.calibration["redshifts"]
        raise ValueError(
            f"preset {preset.name!r} is for clusters at redshift {low:g} to {high:g}, and that of "
            f"{np.isnan(known).sum()} of {known.size} clusters is not known: give a column "
            "redshift, or redshift="
        )
    return known


def redshift_planes(redshift: np.ndarray, side: int, scaling: Sequence[float]) -> np.ndarray:
    """Two planes beside the bands of an image: ln(1 + z), and whether it is known.

    Parameters
    ----------
    redshift : `~numpy.ndarray`
        Shape (n,), NaN where it is not known; then both planes are 0.
    side : int
        Pixels on a side.
    scaling : sequence of float
        Mean and width of ln(1 + z) in the training.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, side, side, 2), float32.
    """
    mean, width = scaling
    known = np.isfinite(redshift)
    scaled = np.where(known, (np.log1p(redshift) - mean) / width, 0.0)
    planes = np.stack([scaled, known], axis=-1).astype(np.float32)
    return np.tile(planes[:, None, None, :], (1, side, side, 1))


def _numbers(redshift: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(
            redshift.to_value(u.one) if isinstance(redshift, u.Quantity) else redshift, dtype=float
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"redshift cannot be read as numbers: {error}") from error


def _filled(values: ArrayLike) -> ArrayLike:
    """Values with NaN where they are masked."""
    return values.astype(float).filled(np.nan) if hasattr(values, "filled") else values
