"""Number counts of point sources."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

__all__ = ["SourceCounts"]

#: Finest steps of a table of counts, per unit of ln S.
CELLS_PER_UNIT = 40
DEG2 = np.deg2rad(1) ** 2


class SourceCounts:
    """Differential number counts at one frequency.

    Parameters
    ----------
    flux : array_like
        Ascending fluxes in mJy.
    density : array_like
        dN/dS in mJy^-1 sr^-1; interpolated as a power law.
    frequency : float
        Frequency in GHz.
    """

    def __init__(self, flux: np.ndarray, density: np.ndarray, frequency: float) -> None:
        self.frequency = float(frequency)
        log_flux, log_density = np.log(flux), np.log(density)
        n_cells = int(np.ceil((log_flux[-1] - log_flux[0]) * CELLS_PER_UNIT))
        edges = np.linspace(log_flux[0], log_flux[-1], n_cells + 1)
        middle = 0.5 * (edges[1:] + edges[:-1])
        self._edges = np.exp(edges)
        self._flux = np.exp(middle)
        self._numbers = np.exp(np.interp(middle, log_flux, log_density)) * np.diff(self._edges)

    def __repr__(self) -> str:
        return f"<SourceCounts at {self.frequency:g} GHz>"

    def number(self, low: float, high: float = np.inf) -> float:
        """Number of sources per steradian between two fluxes in mJy."""
        return float(self._numbers @ self._share(low, high))

    def moment(self, order: int, low: float, high: float = np.inf) -> float:
        """Integral of S^order dN/dS between two fluxes, in mJy^order sr^-1."""
        return float((self._numbers * self._flux**order) @ self._share(low, high))

    def draw(
        self, rng: np.random.Generator, n: int, low: float, high: float = np.inf
    ) -> np.ndarray:
        """Fluxes of `n` sources between two fluxes, in mJy."""
        cumulative = np.concatenate([[0], np.cumsum(self._numbers)])
        first, last = np.interp(np.log([low, high]), np.log(self._edges), cumulative)
        at = rng.uniform(first, last, n)
        return np.exp(np.interp(at, cumulative, np.log(self._edges)))

    def _share(self, low: float, high: float) -> np.ndarray:
        """Part of each cell, in ln S, that lies between two fluxes."""
        edges = np.log(self._edges)
        inside = np.clip(edges, np.log(low) if low > 0 else -np.inf, np.log(high))
        return np.diff(inside) / np.diff(edges)

    @staticmethod
    @cache
    def radio() -> SourceCounts:
        """Radio sources at 148 GHz: model C2Ex of Tucci et al. (2011, A&A 533, A57)."""
        table = resources.files(__package__).joinpath("data/radio_counts_tucci2011.txt")
        with table.open() as lines:
            flux, density = np.loadtxt(lines, unpack=True)
        return SourceCounts(1e3 * flux, 1e-3 * density, 148.0)

    @staticmethod
    @cache
    def dusty() -> SourceCounts:
        """Dusty galaxies at 850 um (353 GHz): the Schechter fit of Geach et al. (2017).

        dN/dS = (N0 / S0) (S / S0)^-gamma exp(-S / S0) with N0 = 7180 deg^-2, S0 = 2.5 mJy and
        gamma = 1.5 (MNRAS 465, 1789).
        """
        flux = np.geomspace(1e-3, 50, 400)
        scaled = flux / 2.5
        density = 7180 / DEG2 / 2.5 * scaled**-1.5 * np.exp(-scaled)
        return SourceCounts(flux, density, 353.0)
