"""Redshifts of clusters, as far as they are known, and how a network is told."""

from collections.abc import Sequence

import astropy.units as u
import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from szfinder.finders.tables import column_of
from szfinder.models import Preset

__all__ = ["checked_redshifts", "given_redshifts", "redshift_planes"]

#: Columns of a catalogue that are redshifts.
NAMES = ("redshift", "z", "REDSHIFT", "Z")


def given_redshifts(clusters: Table, redshift: ArrayLike | None, preset: Preset) -> np.ndarray:
    """Redshifts of the clusters of a catalogue, NaN where they are not known or masked.

    In a column, what no redshift can be, as 0 or -1, stands for one that is not known.

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
        If they are no numbers or not as many as clusters, one that is given is not positive, or
        none at all is known and the preset is for clusters of one redshift.
    """
    known = _of_column(clusters) if redshift is None else checked_redshifts(redshift, len(clusters))
    if preset.calibration["redshift_input"] is None and known.size and np.isnan(known).all():
        low, high = preset.calibration["redshifts"]
        raise ValueError(
            f"preset {preset.name!r} is for clusters at redshift {low:g} to {high:g}, and that of "
            f"none of {known.size} clusters is known: give a column redshift, or redshift="
        )
    return known


def checked_redshifts(redshift: ArrayLike, n: int) -> np.ndarray:
    """Redshifts that were given for clusters, NaN where they are not known or masked.

    Parameters
    ----------
    redshift : array_like
        Redshifts, shape (n,), or one of all.
    n : int
        Clusters.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,).

    Raises
    ------
    ValueError
        If they are no numbers or not as many, or one is not positive.
    """
    known = _numbers(_filled(redshift))
    if known.shape not in ((), (n,)):
        raise ValueError(
            f"redshift must be one number, or one of each of the {n} clusters; found shape "
            f"{known.shape}"
        )
    known = np.broadcast_to(known, n).copy()
    wrong = ~np.isnan(known) & ~_possible(known)
    if wrong.any():
        raise ValueError(
            f"redshifts must be positive, or NaN where they are not known; found {known[wrong][0]} "
            f"in row {np.flatnonzero(wrong)[0]}"
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


def _of_column(clusters: Table) -> np.ndarray:
    name = next((name for name in NAMES if name in clusters.colnames), None)
    if name is None:
        return np.full(len(clusters), np.nan)
    known = _numbers(column_of(Table([_filled(clusters[name])], names=[name]), name))
    return np.where(_possible(known), known, np.nan)


def _possible(redshift: np.ndarray) -> np.ndarray:
    return (redshift > 0) & (redshift < np.inf)


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
