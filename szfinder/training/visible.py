"""Which halos of a sky can be seen in its maps at all."""

import numpy as np
from scipy.ndimage import maximum_filter

from szfinder.finders import MatchedFilterFinder
from szfinder.simulation import Sky

__all__ = ["visible_halos"]

#: Part of the measured signal that a halo must have, lest a bright neighbour makes it visible.
OWN_PART = 0.5
#: Side in pixels of the square around a halo in which the signal-to-noise ratio is looked for.
AROUND = 3


def visible_halos(sky: Sky, min_snr: float) -> np.ndarray:
    """Halos where a matched filter measures a signal-to-noise ratio that is mostly theirs.

    A network that is to find what the noise hides learns to guess. The ratio is the highest in the
    pixels next to the halo, and the halo's own central Compton parameter half or more of what is
    measured there.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        Simulated maps on a patch, with their truth.
    min_snr : float
        Least signal-to-noise ratio.

    Returns
    -------
    `~numpy.ndarray` of bool
        One for each row of the truth.
    """
    finder = MatchedFilterFinder(threshold=min_snr)
    score_map = finder.score_map(sky.maps)
    snr = maximum_filter(np.nan_to_num(score_map.data), AROUND)
    # nowhere, if the projection has no place for it
    pixels = np.nan_to_num(sky.maps.wcs.world_to_pixel(sky.truth["sky_centroid"]), nan=-1)
    x, y = np.rint(pixels).astype(int)
    ny, nx = snr.shape
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    visible = np.zeros(len(sky.truth), bool)
    there = y[inside], x[inside]
    measured = maximum_filter(np.nan_to_num(score_map.layers["y_c"]), AROUND)[there]
    own = sky.truth["y_c"][inside].value >= OWN_PART * measured
    visible[inside] = (snr[there] >= min_snr) & own
    return visible
