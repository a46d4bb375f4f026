"""cluster_images: one cluster in the middle of each image, as networks that weigh it take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable, vstack

from szfinder.maps import wcs_for_patch
from szfinder.simulation.halos import Halos
from szfinder.simulation.presets import SkyPreset, sky_preset
from szfinder.simulation.simulator import SkySimulator
from szfinder.simulation.sz import KineticSZ, ThermalSZ

if TYPE_CHECKING:
    from szfinder.simulation.component import Component
    from szfinder.simulation.pressure import Arnaud2010, Battaglia2012

__all__ = ["ClusterImages", "cluster_images"]

#: Pixels from one cluster to the next in the skies that images are cut from: 30 arcmin in those of
#: `gupta2020`, twice as far as a cluster there reaches.
SPACING = 120
#: Pixels on a side of these skies.
SIDE = 10 * SPACING
#: What is known of each cluster.
COLUMNS = ("redshift", "m200c", "m500c", "theta500", "y_c", "y500")


@dataclass(frozen=True, eq=False)
class ClusterImages:
    """Images of single clusters, as from `cluster_images`.

    Attributes
    ----------
    clusters, surroundings : `~numpy.ndarray`
        What the clusters do to the sky, and what is around and in front of them: shape (n, n_band,
        ny, nx), float32 in uK_CMB. A cluster without an offset is in the middle of the pixel
        (ny // 2, nx // 2).
    truth : `~astropy.table.QTable`
        A row an image: ``redshift``, ``m200c``, ``m500c``, ``theta500``, ``y_c`` and ``y500`` as in
        the truth of a `Sky`, and ``x_offset`` and ``y_offset``, by which the cluster is off.
    pixel : float
        Side of a pixel in arcmin.
    """

    clusters: np.ndarray
    surroundings: np.ndarray
    truth: QTable
    pixel: float

    @property
    def images(self) -> np.ndarray:
        """Both together: what is seen."""
        return self.clusters + self.surroundings


def cluster_images(
    preset: str | SkyPreset,
    m200c: np.ndarray,
    redshift: np.ndarray | float = 0.7,
    *,
    side: int = 40,
    max_offset: float = 0.0,
    scatter: float = 0.2,
    pressure: Arnaud2010 | Battaglia2012 | None = None,
    rng: int | np.random.Generator | None = None,
    progress_bar: bool = False,
) -> ClusterImages:
    """Images of clusters of given masses and redshifts.

    The clusters have the SZ effects of the preset. What is around and in front of them are pieces
    of its skies, in random order and none of them twice: of ``gupta2020`` the CMB, Gaussian
    foregrounds and noise, of others the whole sky with its sources and halos.

    Parameters
    ----------
    preset : str or `~szfinder.simulation.SkyPreset`
        The sky; a name is one of ``szfinder.simulation.PRESETS``.
    m200c : array_like
        Masses in Msun, shape (n,).
    redshift : array_like, optional
        Redshifts, shape (n,), or one for all.
    side : int, optional
        Pixels on a side of an image.
    max_offset : float, optional
        Clusters are off the middle by up to so many arcmin, anywhere in a disc.
    scatter : float, optional
        Scatter of the logarithm of the thermal signal at given mass and redshift.
    pressure : `~szfinder.simulation.Arnaud2010` or `~szfinder.simulation.Battaglia2012`, optional
        Pressure of the clusters; by default that of the preset.
    rng : int or `~numpy.random.Generator`, optional
        Seed.
    progress_bar : bool, optional
        Show progress.

    Returns
    -------
    `ClusterImages`

    Raises
    ------
    ValueError
        If there is no such preset, the side is not from 1 to 120 pixels, a cluster could be off its
        image, or a mass or a redshift is beyond the tables of `~szfinder.simulation.Halos`.
    """
    from tqdm import tqdm

    if not 1 <= side <= SPACING:
        raise ValueError(f"side must be from 1 to {SPACING} pixels; found {side!r}")
    preset = sky_preset(preset) if isinstance(preset, str) else preset
    rng = np.random.default_rng(rng)
    m200c, redshift = np.broadcast_arrays(np.atleast_1d(m200c).astype(float), redshift)
    n, pixel = m200c.size, preset.pixel.to_value(u.arcmin)
    if not 0 <= max_offset <= side * pixel / 2:
        raise ValueError(
            f"max_offset must be from 0 to the {side * pixel / 2:g} arcmin of half an image; found "
            f"{max_offset!r}"
        )
    effects = _effects(preset, scatter, pressure)
    offsets = _in_disc(rng, n, max_offset / pixel)
    clusters, surroundings = np.empty((2, n, len(preset.instrument), side, side), np.float32)
    truth = []
    for rows in tqdm(_groups(n, (SIDE // SPACING) ** 2), disable=not progress_bar, desc="clusters"):
        clusters[rows], known = _clusters(
            preset, effects, m200c[rows], redshift[rows], offsets[:, rows], side, rng
        )
        truth.append(known)
    groups = _groups(n, (SIDE // side) ** 2, order=rng.permutation(n))
    for rows in tqdm(groups, disable=not progress_bar, desc="skies"):
        surroundings[rows] = _pieces(preset, len(rows), side, rng)
    table = vstack(truth, metadata_conflicts="silent")
    table["x_offset"], table["y_offset"] = offsets * pixel * u.arcmin
    return ClusterImages(clusters, surroundings, table, pixel)


def _groups(n: int, size: int, *, order: np.ndarray | None = None) -> list[np.ndarray]:
    """Numbers from 0 to n, as they come or in an order, so many at a time."""
    numbers = np.arange(n) if order is None else order
    return np.split(numbers, range(size, n, size))


def _effects(
    preset: SkyPreset, scatter: float, pressure: Arnaud2010 | Battaglia2012 | None
) -> list[Component]:
    """What a cluster does to the sky: the gas outside of halos is none of it."""
    effects: list[Component] = []
    for component in preset.components:
        if isinstance(component, ThermalSZ):
            effects.append(ThermalSZ(pressure=pressure or component.pressure, scatter=scatter))
        elif isinstance(component, KineticSZ):
            effects.append(KineticSZ(diffuse=0.0))
    return effects


def _in_disc(rng: np.random.Generator, n: int, radius: float) -> np.ndarray:
    """Random points (x, y) in a disc, shape (2, n)."""
    r, angle = radius * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    return r * np.array([np.cos(angle), np.sin(angle)])


def _clusters(
    preset: SkyPreset,
    effects: Sequence[Component],
    m200c: np.ndarray,
    redshift: np.ndarray,
    offsets: np.ndarray,
    side: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, QTable]:
    """Clusters alone, in a sky without anything else, and what they are."""
    n_columns = int(np.ceil(np.sqrt(m200c.size)))
    wcs, shape = _patch(preset, n_columns * SPACING)
    row, column = np.divmod(np.arange(m200c.size), n_columns)
    corners = np.array([column, row]) * SPACING + (SPACING - side) // 2
    centres = corners + side // 2
    catalogue = QTable(
        {
            "sky_centroid": SkyCoord(wcs.pixel_to_world(*(centres + offsets))),
            "redshift": redshift,
            "m200c": m200c * u.Msun,
        }
    )
    simulator = SkySimulator(
        preset.instrument,
        effects,
        halos=Halos(catalogue=catalogue),
        cosmology=preset.cosmology,
        rng=rng,
    )
    sky = simulator.patch(wcs, shape)
    # the truth of a sky is in order of mass
    columns, rows = (
        np.asarray(sky.truth[name]) // SPACING for name in ("x_centroid", "y_centroid")
    )
    truth = sky.truth[np.argsort(rows * n_columns + columns)]
    return _cut(sky.maps.data, corners, side), truth[[n for n in COLUMNS if n in truth.colnames]]


def _pieces(preset: SkyPreset, n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Pieces of a sky, side by side; without a cluster if the preset has no halos of its own."""
    n_columns = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), n_columns)
    alone = preset.halos.catalogue is not None
    components = [
        component
        for component in preset.components
        if not (alone and isinstance(component, ThermalSZ | KineticSZ))
    ]
    simulator = SkySimulator(
        preset.instrument,
        components,
        halos=preset.halos,
        cosmology=preset.cosmology,
        rng=rng,
    )
    maps = simulator.patch(*_patch(preset, n_columns * side)).maps.data
    return _cut(maps, np.array([column, row]) * side, side)


def _patch(preset: SkyPreset, side: int) -> tuple:
    """WCS and shape of a patch of so many pixels."""
    centre = SkyCoord(*preset.centre, unit="deg")
    return wcs_for_patch(centre, side * preset.pixel, preset.pixel)


def _cut(maps: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """Cutouts by their first pixels (x, y), shape (n, n_band, side, side)."""
    return np.stack([maps[:, y : y + side, x : x + side] for x, y in corners.T])
