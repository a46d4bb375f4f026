"""Radial profiles of stacks, with errors from resampling the objects."""

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.evaluation.resampling import bootstrap_means, weighted_means
from szfinder.evaluation.rings import checked_radii, ring_means, ring_weights
from szfinder.evaluation.stacking import Stack

__all__ = ["object_profiles", "radial_profile"]


def radial_profile(
    stack: Stack,
    edges: u.Quantity,
    *,
    n_samples: int = 1000,
    level: float = 0.68,
    rng: int | np.random.Generator | None = None,
) -> QTable:
    """Radial profile of a stack, as in Fig. 6 of Bonjean (2020).

    The mean over rings of the pixels of all cutouts, with the weights of the objects. The interval
    is that of the mean over resamples of the objects with replacement (Efron 1979), and holds the
    scatter between objects as well as the noise.

    Parameters
    ----------
    stack : `Stack`
        The cutouts.
    edges : `~astropy.units.Quantity`
        Rising radii of the rings; plain numbers are in arcmin.
    n_samples : int, optional
        Number of resamples.
    level : float, optional
        Part of them within the interval.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each ring: ``low``, ``high``, ``radius`` (their mean), ``n`` (objects with a
        pixel in it), ``mean`` (NaN without), and its interval ``lower`` to ``upper`` (NaN from less
        than two objects). The numbers of objects on and off the map are in the meta.

    Raises
    ------
    ValueError
        If the edges do not rise or exceed the cutouts.
    """
    edges = checked_radii(edges, "edges")
    means, covered = _in_rings(stack, edges)
    weights = stack.weights[:, None] * covered
    lower, upper = bootstrap_means(means, weights, n_samples=n_samples, level=level, rng=rng)
    unit = stack.cutouts.unit
    return QTable(
        {
            "low": edges[:-1] << u.arcmin,
            "high": edges[1:] << u.arcmin,
            "radius": (edges[:-1] + edges[1:]) / 2 << u.arcmin,
            "n": np.isfinite(means).sum(axis=0),
            "mean": weighted_means(means, weights) << unit,
            "lower": lower << unit,
            "upper": upper << unit,
        },
        meta={"level": level, "n_on_map": int(stack.on_map.sum()), "n_off_map": stack.n_off},
    )


def object_profiles(stack: Stack, edges: u.Quantity) -> u.Quantity:
    """Radial profile of each object of a stack.

    Parameters
    ----------
    stack : `Stack`
        The cutouts.
    edges : `~astropy.units.Quantity`
        Rising radii of the rings; plain numbers are in arcmin.

    Returns
    -------
    `~astropy.units.Quantity`
        Shape (n, n_rings), in the unit of the map; NaN in rings without a pixel.

    Raises
    ------
    ValueError
        If the edges do not rise or exceed the cutouts.
    """
    return _in_rings(stack, checked_radii(edges, "edges"))[0] << stack.cutouts.unit


def _in_rings(stack: Stack, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cutouts = stack.cutouts.value
    return ring_means(cutouts, ring_weights(cutouts.shape[1:], stack.pixel_size.value, edges))
