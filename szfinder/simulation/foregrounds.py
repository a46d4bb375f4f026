"""All foregrounds as one Gaussian field."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from szfinder.maps import Instrument
from szfinder.simulation.component import GaussianComponent

__all__ = ["GaussianForegrounds"]

FREQUENCIES = np.array([95.0, 150.0, 220.0])
#: Bands may differ from those of the table by this factor.
TOLERANCE = 0.08


class GaussianForegrounds(GaussianComponent):
    """The foregrounds that George et al. (2015) measured, as a Gaussian field.

    Dusty and radio galaxies, the SZ effects of unrelated halos and cirrus, correlated between bands
    near 95, 150 and 220 GHz as in their best fit (ApJ 799, 177), for skies without these as
    components of their own.
    """

    name = "foregrounds"

    def amplitude(self, ell, instrument) -> np.ndarray:
        """See `GaussianComponent.amplitude`.

        Raises
        ------
        ValueError
            If a band is not near one of the table.
        """
        bands = [_nearest(band, instrument) for band in instrument]
        table_ell, table = _spectra()
        matrix = table[np.ix_(range(len(table)), bands, bands)]
        value, vector = np.linalg.eigh(matrix)
        root = vector * np.sqrt(np.clip(value, 0, None))[:, None, :] @ np.swapaxes(vector, 1, 2)
        per_ell = [
            [np.interp(np.log(ell), np.log(table_ell), column) for column in row]
            for row in np.moveaxis(root, 0, -1)
        ]
        return np.array(per_ell) * np.sqrt(2 * np.pi / (ell * (ell + 1)))


def _nearest(band, instrument: Instrument) -> int:
    index = int(np.abs(np.log(FREQUENCIES / band.frequency)).argmin())
    if abs(np.log(FREQUENCIES[index] / band.frequency)) > TOLERANCE:
        raise ValueError(
            f"band {band.name} of {instrument.name} is at {band.frequency:g} GHz; the Gaussian "
            "foregrounds are known near 95, 150 and 220 GHz: use the components RadioSources, "
            "DustyGalaxies and ClusteredCIB"
        )
    return index


@cache
def _spectra() -> tuple[np.ndarray, np.ndarray]:
    """Multipoles, and D_ell in uK^2 as matrices of shape (n_ell, 3, 3)."""
    table = resources.files(__package__).joinpath("data/foregrounds_george2015.txt")
    with table.open() as lines:
        ell, *columns = np.loadtxt(lines, unpack=True)
    matrix = np.zeros((ell.size, 3, 3))
    for (i, j), column in zip(zip(*np.triu_indices(3)), columns):
        matrix[:, i, j] = matrix[:, j, i] = column
    return ell, matrix
