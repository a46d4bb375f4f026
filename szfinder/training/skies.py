"""Where the skies of a training come from: each kind makes a sky from a seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import astropy.units as u
import numpy as np

from szfinder.finders.base import checked_mask
from szfinder.maps import MapStack
from szfinder.simulation import (
    STRONG_DUST,
    Component,
    DustyGalaxies,
    Halos,
    RadioSources,
    Sky,
    SkySimulator,
    SurrogateSimulator,
    ThermalSZ,
    inject_clusters,
    many_and_near,
    sky_preset,
)
from szfinder.training.seeds import VALIDATION_SEEDS
from szfinder.training.split import right_ascension_parts

__all__ = ["InjectedSkies", "MockSkies", "Skies", "SurrogateSkies"]

#: Mass in Msun above which clusters are put into maps, which have their own fainter ones.
INJECTED_MASS = 3e14
#: The same for surrogates, which have none but by the power of their maps.
SURROGATE_MASS = 1e14
#: Part of maps with injected clusters that networks are validated on.
VALIDATED = 0.2
#: Flux in mJy below which sources are left to the power that is measured in the maps.
LEAST_FLUX = 15.0


class Skies(Protocol):
    """Skies by their seeds."""

    def sky(self, seed: int) -> Sky:
        """The sky of a seed."""

    @property
    def as_dict(self) -> dict[str, Any]:
        """What they are, by name, in values that JSON has."""


@dataclass(frozen=True)
class MockSkies:
    """Skies of a preset.

    Parameters
    ----------
    preset : str
        One of ``szfinder.simulation.PRESETS``.
    size : float, optional
        Side in degrees; by default the preset's own.

    Raises
    ------
    ValueError
        If there is no such preset, or the size is not positive.
    """

    preset: str
    size: float | None = None

    def __post_init__(self) -> None:
        sky_preset(self.preset)
        if self.size is not None and not self.size > 0:
            raise ValueError(f"size must be positive, in degrees; found {self.size!r}")

    def sky(self, seed: int) -> Sky:
        """The sky of a seed."""
        return SkySimulator.from_preset(self.preset, size=self.size, rng=seed).patch()

    @property
    def as_dict(self) -> dict[str, Any]:
        """Preset and size."""
        size = self.size or sky_preset(self.preset).size.to_value(u.deg).item()
        return {"sky": self.preset, "size": size}


@dataclass(frozen=True, eq=False)
class SurrogateSkies:
    """Surrogates of maps: Gaussian skies of their power, with clusters that are known.

    They have more and nearer clusters than the sky, and on top of the dust in the power of the maps
    dust in filaments, in places far stronger: for a network that meets what is not in the field.
    A probability that is calibrated on them is that of such skies.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The maps.
    masked : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for pixels that are not to be measured, as known clusters.
    sources : {"own", "counts"}, optional
        Whether bright sources and clouds are those of the maps, put down elsewhere, or drawn from
        number counts: so they must be if the network is to be tested on these maps.

    Raises
    ------
    ValueError
        If the sources are neither.
    """

    maps: MapStack
    masked: np.ndarray | None = None
    sources: str = "own"

    def __post_init__(self) -> None:
        if self.sources not in ("own", "counts"):
            raise ValueError(f"sources must be 'own' or 'counts'; found {self.sources!r}")

    @cached_property
    def simulator(self) -> SurrogateSimulator:
        """It measures the maps once."""
        components: tuple[Component, ...] = (ThermalSZ(), STRONG_DUST)
        if self.sources == "counts":
            components += DustyGalaxies(floor=LEAST_FLUX), RadioSources(floor=LEAST_FLUX)
        return SurrogateSimulator(
            self.maps, mask=self.masked, components=components, filaments=0,
            halos=Halos(min_mass=SURROGATE_MASS, boost=many_and_near),
            put_back=self.sources == "own",
        )  # fmt: skip

    def sky(self, seed: int) -> Sky:
        """The sky of a seed."""
        return self.simulator.sky(seed)

    @property
    def as_dict(self) -> dict[str, Any]:
        """Hash of the maps and the mask, where sources come from, and what is painted."""
        return {
            "sky": "surrogate",
            "maps": _sha256(self.maps, self.masked),
            "sources": self.sources,
            "components": [repr(component) for component in self.simulator.components],
            "halos": repr(self.simulator.halos),
        }


@dataclass(frozen=True, eq=False)
class InjectedSkies:
    """Maps with simulated clusters put into them.

    Networks are validated on the western fifth of the maps, and learn from the rest. A probability
    that is calibrated on such skies is that of a sky with so many clusters.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The maps.
    masked : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for known clusters and what else is not to be learned from.
    boost : float, optional
        How many more clusters above 3e14 Msun than in the sky.
    """

    maps: MapStack
    masked: np.ndarray | None = None
    boost: float = 5.0

    def sky(self, seed: int) -> Sky:
        """The sky of a seed."""
        part = "validation" if seed in VALIDATION_SEEDS else "training"
        halos = Halos(min_mass=INJECTED_MASS, boost=self.boost)
        return inject_clusters(self.maps, mask=~self._parts[part], halos=halos, rng=seed)

    @cached_property
    def _parts(self) -> dict[str, np.ndarray]:
        """Good pixels of each part."""
        good = self.maps.good & ~checked_mask(self.maps, self.masked)
        parts = right_ascension_parts(self.maps, good, test=VALIDATED / 2, validation=VALIDATED)
        return {**parts, "validation": parts["validation"] | parts["test"]}

    @property
    def as_dict(self) -> dict[str, Any]:
        """Hash of the maps and the mask, and the boost."""
        return {"sky": "injected", "maps": _sha256(self.maps, self.masked), "boost": self.boost}


def _sha256(maps: MapStack, mask: np.ndarray | None) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(maps.data))
    digest.update(b"" if mask is None else np.packbits(mask))
    return digest.hexdigest()
