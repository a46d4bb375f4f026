"""The clusters found so far, as a model that is taken off the maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szfinder.filters.fourier import FourierGrid
from szfinder.filters.painting import object_modes

__all__ = ["Clusters"]


@dataclass
class Clusters:
    """Positions, templates and amplitudes of clusters.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Pixel positions.
    template : `~numpy.ndarray` of int
        Index of the template of each.
    amplitude : `~numpy.ndarray`
        Central Compton parameters.
    snr : `~numpy.ndarray`
        Signal-to-noise ratios.
    """

    x: np.ndarray
    y: np.ndarray
    template: np.ndarray
    amplitude: np.ndarray
    snr: np.ndarray

    @classmethod
    def none(cls) -> "Clusters":
        """No clusters."""
        return cls(*np.zeros((2, 0)), np.zeros(0, int), *np.zeros((2, 0)))

    def __add__(self, other: "Clusters") -> "Clusters":
        return Clusters(
            *(np.concatenate([a, b]) for a, b in zip(vars(self).values(), vars(other).values()))
        )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: np.ndarray) -> "Clusters":
        return Clusters(*(values[index] for values in vars(self).values()))

    @classmethod
    def best_of(cls, trials: Sequence["Clusters"]) -> "Clusters":
        """Of each cluster, the measurement with the highest signal-to-noise ratio."""
        best = np.argmax([trial.snr for trial in trials], axis=0)
        member = np.arange(best.size)
        columns = zip(*(vars(trial).values() for trial in trials))
        return cls(*(np.stack(column)[best, member] for column in columns))

    @property
    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices (y, x) of the pixels that hold the centres."""
        return np.rint(self.y).astype(int), np.rint(self.x).astype(int)

    def paint(
        self, grid: FourierGrid, templates: Sequence[np.ndarray], response: np.ndarray
    ) -> np.ndarray:
        """Maps of the clusters in each band.

        Parameters
        ----------
        grid : `~szfinder.filters.FourierGrid`
            Grid of the maps.
        templates : sequence of `~numpy.ndarray`
            Templates over ``grid.ell``, in sr.
        response : `~numpy.ndarray`
            Spectral response times beam over ``grid.ell``, shape (n_band, n_ell).

        Returns
        -------
        `~numpy.ndarray`
            In uK_CMB, shape (n_band, ny, nx).
        """
        if not len(self):
            return np.zeros((len(response), *grid.shape), np.float32)
        compton = self.compton_modes(grid, templates)
        return np.stack([grid.inverse(compton * grid.at_modes(row)) for row in response])

    def compton_modes(self, grid: FourierGrid, templates: Sequence[np.ndarray]) -> np.ndarray:
        """Fourier modes of Compton y of the clusters; parameters as for `paint`."""
        modes = np.zeros(grid.ell_index.shape, np.complex64)
        for index in np.unique(self.template):
            member = self[self.template == index]
            shape = grid.at_modes(templates[index])
            modes += object_modes(member.x, member.y, member.amplitude, grid) * shape
        return modes
