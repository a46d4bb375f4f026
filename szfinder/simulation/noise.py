"""Noise of the instrument: white, 1/f, striped, and of uneven depth."""

from __future__ import annotations

import numpy as np

from szfinder.simulation.component import Component

__all__ = ["Noise"]

#: Waves longer than this part of a scan are filtered from the time streams, so that 1/f noise stays
#: finite: the least multipole along the scan over the knee.
LEAST_MULTIPOLE = 0.1


class Noise(Component):
    r"""Noise with the depth of the bands.

    Its power is :math:`N_\ell = N_{\rm white} [1 + (\ell_{\rm knee} / \ell)^\alpha]`, with the
    multipole along right ascension in place of :math:`\ell` for scans along right ascension.

    Parameters
    ----------
    knee : float, optional
        Multipole where 1/f noise and white noise are equal; 0 for white noise.
    slope : float, optional
        Slope alpha of the 1/f noise.
    scan : bool, optional
        Striped noise of scans along right ascension (flat patches only).
    unevenness : float, optional
        Scatter of the logarithm of the depth over the field: noise levels then vary smoothly, and
        the map stack has the inverse variances.

    Raises
    ------
    ValueError
        If a parameter is negative.
    """

    name = "noise"

    def __init__(
        self,
        *,
        knee: float = 0.0,
        slope: float = 3.0,
        scan: bool = False,
        unevenness: float = 0.0,
    ) -> None:
        for parameter, value in (("knee", knee), ("slope", slope), ("unevenness", unevenness)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{parameter} of the noise is {value!r}; it must be 0 or more")
        self.knee, self.slope = float(knee), float(slope)
        self.scan, self.unevenness = scan, float(unevenness)

    def paint(self, canvas, scene, rng) -> None:
        """Add the noise; see `Component.paint`."""
        levels = noise_levels(canvas.instrument)
        canvas.add_noise(rng, levels, self.amplitude, self.unevenness)

    def amplitude(self, ell: np.ndarray, ell_ra: np.ndarray | None) -> np.ndarray:
        """Root of the power over that of white noise, at multipoles and those along RA.

        Raises
        ------
        ValueError
            If scans are asked for where there is no multipole along right ascension.
        """
        if self.scan and ell_ra is None:
            raise ValueError("noise of scans is known for flat patches only; leave scan out")
        along = ell_ra if self.scan else ell
        if self.knee == 0:
            return np.ones_like(along)
        along = np.maximum(along, LEAST_MULTIPOLE * self.knee)
        return np.sqrt(1 + (self.knee / along) ** self.slope)

    def power(self, ell, instrument, model) -> np.ndarray:
        """Power of the noise at mean depth; of striped noise, its mean over all directions."""
        direction = np.cos(np.pi * (np.arange(64) + 0.5) / 128) if self.scan else np.ones(1)
        ell = np.asarray(ell, dtype=float)[:, None]
        relative = np.mean(self.amplitude(ell, ell * direction) ** 2, axis=1)
        white = np.deg2rad(noise_levels(instrument) / 60) ** 2
        return relative[:, None, None] * np.diag(white)


def noise_levels(instrument) -> np.ndarray:
    """White noise of the bands in uK arcmin.

    Raises
    ------
    ValueError
        If a band states none.
    """
    for band in instrument:
        if band.noise is None:
            raise ValueError(
                f"band {band.name} of {instrument.name} has no noise level; give it one in "
                "uK_CMB arcmin, or leave the noise out of the components"
            )
    return np.array([band.noise for band in instrument])
