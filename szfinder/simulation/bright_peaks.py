"""BrightPeaks: the bright sources of maps, cut out to be put down elsewhere."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["BrightPeaks"]


class BrightPeaks:
    """Cutouts of the bright peaks of maps, in all bands at once.

    Sources and cold clumps keep their own shapes and colours: no model of them is needed. A large
    cloud of dust has CMB and noise within it, which are no part of it: it keeps the shape it has in
    the band in which it stands out most, and in each other band the mean colour, by regression on
    that one.

    Parameters
    ----------
    excess : `~numpy.ndarray`
        The maps less what the pixels of peaks were filled in with, shape (n_band, ny, nx).
    discs : `~numpy.ndarray`
        Boolean, shape (ny, nx): the pixels of the peaks. Pixels that touch are one peak.
    searched : `~numpy.ndarray`
        Boolean, shape (ny, nx): where peaks were looked for.
    level : `~numpy.ndarray`
        Standard deviation of the rest of the maps in uK_CMB, shape (n_band,).
    large : float
        Number of pixels from which a peak is a large cloud.
    """

    def __init__(
        self,
        excess: np.ndarray,
        discs: np.ndarray,
        searched: np.ndarray,
        *,
        level: np.ndarray,
        large: float,
    ) -> None:
        self._shape = discs.shape
        labels = ndimage.label(discs, np.ones((3, 3)))[0]
        self.cutouts = [
            excess[(slice(None), *box)] * (labels[box] == number)
            for number, box in enumerate(ndimage.find_objects(labels), start=1)
        ]
        for cutout in self.cutouts:
            if np.count_nonzero(cutout.any(axis=0)) > large:
                brightest = cutout[np.argmax((cutout**2).sum(axis=(1, 2)) / level**2)].copy()
                colour = (cutout * brightest).sum(axis=(1, 2)) / np.sum(brightest**2)
                cutout[:] = colour[:, None, None] * brightest
        self._expected = len(self) * discs.size / max(np.count_nonzero(searched), 1)

    def __len__(self) -> int:
        return len(self.cutouts)

    def scatter(self, rng: np.random.Generator, n_band: int) -> np.ndarray:
        """Maps of peaks at random places, shape (n_band, ny, nx), float32 in uK_CMB.

        Their number is Poisson distributed; each is any of those cut out, in any of the eight
        orientations of a square.
        """
        ny, nx = self._shape
        reach = max((max(cutout.shape[1:]) for cutout in self.cutouts), default=0)
        larger = np.zeros((n_band, ny + 2 * reach, nx + 2 * reach), np.float32)
        for _ in range(rng.poisson(self._expected)):
            peak = np.rot90(self.cutouts[rng.integers(len(self))], rng.integers(4), axes=(1, 2))
            if rng.integers(2):
                peak = peak[:, :, ::-1]
            height, width = peak.shape[1:]
            y = rng.integers(ny) + reach - height // 2
            x = rng.integers(nx) + reach - width // 2
            larger[:, y : y + height, x : x + width] += peak
        return larger[:, reach : reach + ny, reach : reach + nx]
