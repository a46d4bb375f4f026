"""Galactic dust."""

from __future__ import annotations

import numpy as np

from szfinder.simulation.component import Component

__all__ = ["GalacticDust"]

#: Slope of D_ell, and the multipole of the amplitude (Choi et al. 2020).
SLOPE, PIVOT = -0.6, 500.0
#: Modified black body (Planck 2018 results XI).
TEMPERATURE, EMISSIVITY_INDEX = 19.6, 1.53
#: Multipole of the largest distance between the filaments, and the slope of C_ell above it of the
#: field whose zero lines they follow: it is smoother than the dust, so that they are long and thin.
RIDGE_MULTIPOLE, RIDGE_SLOPE = 100.0, -4.0
#: Their width in units of that field's scatter, and the scatter of the logarithm of brightness.
RIDGE_WIDTH, BRIGHTNESS_SCATTER = 0.3, 0.6
#: Multipole of the regions where uneven dust is stronger or weaker.
UNEVEN_MULTIPOLE = 100.0


class GalacticDust(Component):
    """Galactic dust with a power-law spectrum and the colours of a modified black body.

    Parameters
    ----------
    amplitude : float, optional
        D_500 at 150 GHz in uK^2 (Choi et al. 2020, JCAP 12, 045, find 2.8 and 8.8 in the deep and
        the wide fields of ACT).
    filaments : bool, optional
        Filaments instead of a Gaussian field, with the same power spectrum.
    unevenness : float, optional
        Scatter of the logarithm of the brightness of filaments from one region of a degree or two
        to the next; the power is the mean over the map that is drawn.

    Raises
    ------
    ValueError
        If the amplitude or the unevenness is negative, or Gaussian dust is to be uneven.
    """

    name = "dust"

    def __init__(
        self, *, amplitude: float = 2.8, filaments: bool = False, unevenness: float = 0.0
    ) -> None:
        if not 0 <= amplitude < np.inf:
            raise ValueError(f"amplitude of the dust is {amplitude!r} uK^2; it must be 0 or more")
        if not 0 <= unevenness < np.inf:
            raise ValueError(f"unevenness of the dust is {unevenness!r}; it must be 0 or more")
        if unevenness > 0 and not filaments:
            raise ValueError("unevenness is that of filaments; give filaments=True too")
        self.d_500 = float(amplitude)
        self.filaments = filaments
        self.unevenness = float(unevenness)

    def __repr__(self) -> str:
        uneven = f", unevenness={self.unevenness:g}" if self.unevenness else ""
        return f"GalacticDust(amplitude={self.d_500:g}, filaments={self.filaments}{uneven})"

    def spectrum(self, ell: np.ndarray) -> np.ndarray:
        """C_ell at 150 GHz in uK_CMB^2 sr."""
        d_ell = self.d_500 * (np.maximum(ell, 1) / PIVOT) ** SLOPE
        return 2 * np.pi * d_ell / (ell * (ell + 1))

    def paint(self, canvas, scene, rng) -> None:
        """Draw the dust; see `Component.paint`."""
        response = self._response(canvas.instrument)
        if self.filaments:
            canvas.add_recoloured(self._filaments(canvas, rng), response, self.spectrum)
        else:
            canvas.add_gaussian(
                rng, lambda ell: response[:, None, None] * np.sqrt(self.spectrum(ell))
            )

    def power(self, ell, instrument, model) -> np.ndarray:
        """See `Component.power`."""
        response = self._response(instrument)
        return self.spectrum(np.asarray(ell))[:, None, None] * np.outer(response, response)

    def _filaments(self, canvas, rng) -> np.ndarray:
        """Ridges along the zero lines of one Gaussian field, their brightness from another."""
        ridges = canvas.gaussian_map(rng, lambda ell: np.hypot(ell, RIDGE_MULTIPOLE) ** RIDGE_SLOPE)
        brightness = canvas.gaussian_map(rng, self.spectrum)
        brightness *= BRIGHTNESS_SCATTER / brightness.std()
        if self.unevenness > 0:
            regions = canvas.gaussian_map(rng, lambda ell: np.exp(-((ell / UNEVEN_MULTIPOLE) ** 2)))
            brightness += regions * (self.unevenness / regions.std())
        return np.exp(brightness - np.abs(ridges) / (RIDGE_WIDTH * ridges.std()))

    @staticmethod
    def _response(instrument) -> np.ndarray:
        return np.array(
            [
                band.greybody_response(
                    temperature=TEMPERATURE,
                    emissivity_index=EMISSIVITY_INDEX,
                    reference_frequency=150.0,
                )
                for band in instrument
            ]
        )
