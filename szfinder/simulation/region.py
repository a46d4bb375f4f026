"""Region: the pixels of a simulated sky, and where positions are drawn for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord

from szfinder.maps import MapError

__all__ = ["Region"]


class Region(ABC):
    """A piece of the sky, divided into small cells.

    Positions have shape (2, n) in coordinates of the region's own: pixels (x, y) of a patch,
    longitudes and latitudes in degrees of a sphere.
    """

    @property
    @abstractmethod
    def cell_area(self) -> np.ndarray:
        """Solid angle of every cell in sr, shape (n_cell,)."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
        """Random positions, one in each of the given cells."""

    @abstractmethod
    def smooth_field(
        self, rng: np.random.Generator, power: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Gaussian field with a power spectrum C(ell), one value a cell."""

    @abstractmethod
    def displaced(self, positions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Positions moved by small offsets in arcmin, shape (2, n)."""

    @abstractmethod
    def inside(self, positions: np.ndarray) -> np.ndarray:
        """Which positions lie in the map itself, not in the margin around it."""

    @abstractmethod
    def to_sky(self, positions: np.ndarray) -> SkyCoord:
        """ICRS coordinates of positions."""

    @abstractmethod
    def from_sky(self, coordinates: SkyCoord) -> np.ndarray:
        """Positions of sky coordinates.

        Raises
        ------
        `~szfinder.maps.MapError`
            If one lies outside of the map.
        """

    def check_inside(self, positions: np.ndarray) -> None:
        """Refuse positions of given halos that are not in the map."""
        outside = ~self.inside(positions)
        if outside.any():
            first = self.to_sky(positions[:, outside])[0].to_string("hmsdms", precision=0)
            raise MapError(
                f"{outside.sum()} of the given halos lie outside of the map",
                found=f"the first at {first}",
                hint="make a larger map, or leave them out",
            )

    @abstractmethod
    def columns(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of a truth table that are the region's own."""

    def uniform(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Independent positions of uniform density on the sky."""
        cumulative = self._cumulative_area
        return self.draw(rng, np.searchsorted(cumulative, rng.random(n) * cumulative[-1]))

    @property
    def solid_angle(self) -> float:
        """Solid angle in sr in which positions are drawn."""
        return float(self._cumulative_area[-1])

    @cached_property
    def _cumulative_area(self) -> np.ndarray:
        return np.cumsum(self.cell_area)
