"""The clustered cosmic infrared background."""

from __future__ import annotations

import numpy as np

from szfinder.simulation.component import GaussianComponent
from szfinder.simulation.sources import DustyGalaxies

__all__ = ["ClusteredCIB"]

#: D_3000 at 150 GHz in uK^2, and slope of D_ell (George et al. 2015, best fit).
AMPLITUDE, SLOPE = 3.37, 0.8
PIVOT = 3000.0
#: The clustered galaxies are redder than those of the Poisson power by this index, up to 220 GHz
#: (George et al. 2015: 2.51 against 1.51); above it they have the same spectrum.
STEEPENING, BREAK = 0.98, 220.0
#: Bands decorrelate with their distance in ln nu: 0.90 between 217 and 857 GHz (Planck 2013 results
#: XXX), 0.99 between 150 and 220 GHz.
CORRELATION_LENGTH = 3.0


class ClusteredCIB(GaussianComponent):
    """Clustered dusty galaxies, a Gaussian field correlated between the bands.

    D_ell goes as ell^0.8 with the amplitudes of George et al. (2015) from 95 to 220 GHz, and with a
    greybody above.

    Parameters
    ----------
    amplitude : float, optional
        D_3000 at 150 GHz in uK^2.

    Raises
    ------
    ValueError
        If it is negative.
    """

    name = "cib"

    def __init__(self, *, amplitude: float = AMPLITUDE) -> None:
        if not 0 <= amplitude < np.inf:
            raise ValueError(f"amplitude of the CIB is {amplitude!r} uK^2; it must be 0 or more")
        self.d_3000 = float(amplitude)

    def __repr__(self) -> str:
        return f"ClusteredCIB(amplitude={self.d_3000:g})"

    def amplitude(self, ell, instrument) -> np.ndarray:
        """See `GaussianComponent.amplitude`."""
        response = np.array([self.response(band) for band in instrument])
        log_frequency = np.log([band.frequency for band in instrument])
        distance = (log_frequency[:, None] - log_frequency) / CORRELATION_LENGTH
        value, vector = np.linalg.eigh(np.exp(-0.5 * distance**2) * np.outer(response, response))
        mixing = vector * np.sqrt(np.clip(value, 0, None))
        d_ell = self.d_3000 * (ell / PIVOT) ** SLOPE
        return mixing[..., None] * np.sqrt(2 * np.pi * d_ell / (ell * (ell + 1)))

    @staticmethod
    def response(band) -> float:
        """Temperature in uK_CMB with 1 uK_CMB at 150 GHz."""
        dust = band.greybody_response(
            temperature=DustyGalaxies.TEMPERATURE,
            emissivity_index=DustyGalaxies.EMISSIVITY_INDEX,
            reference_frequency=150.0,
        )
        return dust * (min(band.frequency, BREAK) / 150.0) ** STEEPENING
