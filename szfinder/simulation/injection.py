"""inject_clusters: simulated clusters in real maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable

from szfinder.finders.base import checked_mask
from szfinder.maps import MapError, MapStack
from szfinder.simulation.component import Component
from szfinder.simulation.halo_model import HaloModel
from szfinder.simulation.halos import Halos
from szfinder.simulation.simulator import SkySimulator
from szfinder.simulation.sky import Sky
from szfinder.simulation.sz import ThermalSZ

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["inject_clusters"]


def inject_clusters(
    maps: MapStack,
    *,
    mask: np.ndarray | None = None,
    components: Sequence[Component] | None = None,
    halos: Halos | None = None,
    cosmology: FLRW | None = None,
    rng: int | np.random.Generator | None = None,
) -> Sky:
    """Add simulated clusters to maps.

    Everything else of the sky is then real. Pixels under the mask are bad in what is returned: the
    clusters that are known there are neither objects nor background to anyone who learns from it.
    Clusters that are not masked remain, as background.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The maps.
    mask : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True where clusters are known, or the maps are not to be used. No
        drawn halo has its centre there, nor in a bad pixel.
    components : sequence of `~szfinder.simulation.Component`, optional
        What is added of the halos; by default `~szfinder.simulation.ThermalSZ`.
    halos : `~szfinder.simulation.Halos`, optional
        How halos are drawn, or a catalogue of them; by default independent ones above 3e14 Msun,
        twice as many as there are.
    cosmology : `~astropy.cosmology.FLRW`, optional
        As for `~szfinder.simulation.SkySimulator`.
    rng : int or `~numpy.random.Generator`, optional
        Seed; the same makes the same sky.

    Returns
    -------
    `~szfinder.simulation.Sky`
        The maps with the clusters, and the truth, of the added halos alone.

    Raises
    ------
    `~szfinder.maps.MapError`
        If the mask does not fit the maps, nothing is left of them, or a halo of a given catalogue
        lies outside of them or in a pixel that is masked or bad.

    Examples
    --------
    >>> from szfinder.simulation import Halos, inject_clusters
    >>> sky = inject_clusters(
    ...     maps, mask=known, halos=Halos(min_mass=5e14, boost=10), rng=1
    ... )  # doctest: +SKIP
    """
    mask = checked_mask(maps, mask)
    allowed = maps.good & ~mask
    if not allowed.any():
        raise MapError(
            "no pixel is left to put clusters in",
            found=f"{maps.good.sum()} good pixels, all of them masked",
            hint="check the mask",
        )
    simulator = SkySimulator(
        maps.instrument,
        (ThermalSZ(),) if components is None else components,
        halos=_AllowedHalos(halos or Halos(min_mass=3e14, boost=2), allowed),
        cosmology=cosmology,
        rng=rng,
    )
    painted = simulator.patch(maps.wcs, maps.shape)
    stack = MapStack(
        maps.data + painted.maps.data,
        wcs=maps.wcs,
        instrument=maps.instrument,
        mask=maps.mask | mask,
        uncertainty=maps.uncertainty,
        meta=maps.meta,
    )
    return Sky(stack, painted.truth, maps.instrument)


class _AllowedHalos:
    """Halos, less those whose centre lies in a pixel of the map that is not allowed."""

    def __init__(self, halos: Halos, allowed: np.ndarray) -> None:
        self.halos = halos
        self.allowed = allowed

    def __repr__(self) -> str:
        return repr(self.halos)

    def draw(self, region, model: HaloModel, rng: np.random.Generator) -> tuple[np.ndarray, QTable]:
        """Halos of a region; see `~szfinder.simulation.Halos.draw`."""
        positions, table = self.halos.draw(region, model, rng)
        kept = np.ones(len(table), bool)
        inside = region.inside(positions)
        x, y = np.rint(positions[:, inside]).astype(int)
        kept[inside] = self.allowed[y, x]
        if self.halos.catalogue is not None and not kept.all():
            raise MapError(
                f"{np.count_nonzero(~kept)} of the given halos lie in masked or bad pixels",
                found=f"the first at pixel ({x[~kept[inside]][0]}, {y[~kept[inside]][0]})",
                hint="leave them out, or mask less",
            )
        return positions[:, kept], table[kept]
