"""Labels: the maps that a network is to paint of a cluster, to have its mass read from them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.mass import CentralMass, CentralNormal
from szfinder.mass.profiles import distances
from szfinder.physics import (
    ARNAUD2010,
    gnfw_pressure,
    nfw_concentration,
    nfw_surface_density,
    project,
    r200,
)
from szfinder.simulation import ClusterImages, SkyPreset, ThermalSZ

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["compton_images", "mass_labels", "nfw_images"]

#: Where the pressure ends, in R500 (Arnaud et al. 2010, section 6).
EDGE = 5.0


def mass_labels(
    made: ClusterImages, answer: CentralMass | CentralNormal, preset: SkyPreset
) -> np.ndarray:
    """What a network is to paint of clusters.

    Parameters
    ----------
    made : `~szfinder.simulation.ClusterImages`
        The clusters.
    answer : `~szfinder.mass.CentralMass` or `~szfinder.mass.CentralNormal`
        How the mass stands in the maps. Around the middle of the second map the first has the
        surface density of the halo, and the second nothing.
    preset : `~szfinder.simulation.SkyPreset`
        Of the sky, for its cosmology and the mass bias of its clusters.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, side, side, 2), float32.
    """
    side, pixel, truth = made.clusters.shape[-1], made.pixel, made.truth
    (thermal,) = (part for part in preset.components if isinstance(part, ThermalSZ))
    y = compton_images(truth, side, pixel, mass_bias=thermal.pressure.mass_bias)
    labels = np.stack([y / answer.y_unit, np.zeros_like(y)], axis=-1)
    if isinstance(answer, CentralMass):
        labels[..., 1] = nfw_images(truth, side, pixel, cosmology=preset.cosmology)
    labels[:, side // 2, side // 2, 1] = answer.central(truth["m200c"].to_value(u.Msun))
    return labels


def compton_images(truth: QTable, side: int, pixel: float, *, mass_bias: float = 0.0) -> np.ndarray:
    """Compton y of clusters of the universal pressure profile in the middle of images, no beam.

    Parameters
    ----------
    truth : `~astropy.table.QTable`
        The clusters: ``theta500`` and ``y_c``.
    side : int
        Pixels on a side.
    pixel : float
        Side of a pixel in arcmin.
    mass_bias : float, optional
        That of the pressure model: the profile of a cluster is that of (1 - b) M500.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, side, side), float32, with the central y in the pixel (side // 2, side // 2).
    """
    size = np.cbrt(1 - mass_bias) * truth["theta500"].to_value(u.arcmin)
    x = distances(side) * pixel / size[:, None, None]
    shape = np.interp(x, *_shape(), right=0.0)
    return (np.asarray(truth["y_c"])[:, None, None] * shape).astype(np.float32)


def nfw_images(truth: QTable, side: int, pixel: float, *, cosmology: FLRW) -> np.ndarray:
    """Surface density of NFW halos in the middle of images, over that one pixel beside it.

    Parameters
    ----------
    truth, side, pixel
        As for `compton_images`: ``m200c``, ``redshift``.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, side, side), float32; 1 in the central pixel too, where it would be infinite.
    """
    mass, redshift = truth["m200c"].to_value(u.Msun), np.asarray(truth["redshift"])
    scale = np.empty(mass.shape)
    for z in np.unique(redshift):
        here = redshift == z
        concentration = nfw_concentration(mass[here], z, cosmology=cosmology)
        distance = cosmology.angular_diameter_distance(z).to_value(u.Mpc)
        scale[here] = r200(mass[here], z, cosmology=cosmology) / concentration / distance
    pixels = np.maximum(distances(side), 1.0)
    density = nfw_surface_density(pixels * (np.deg2rad(pixel / 60) / scale[:, None, None]))
    return (density / density[:, side // 2, side // 2, None, None]).astype(np.float32)


@cache
def _shape() -> tuple[np.ndarray, np.ndarray]:
    """Radii in R500, dense at the cusp of the centre, and the projected profile over its centre."""
    x = EDGE * np.linspace(0, 1, 1000) ** 2
    profile = project(lambda r: gnfw_pressure(r, **ARNAUD2010), x, EDGE)
    return x, profile / profile[0]
