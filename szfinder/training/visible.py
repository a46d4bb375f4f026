"""Which halos of a sky can be seen in its maps at all."""

import numpy as np
from astropy.table import QTable

from szfinder.filters import gnfw_templates
from szfinder.finders import MatchedFilterFinder
from szfinder.simulation import Arnaud2010, Sky

__all__ = ["measured_halos", "visible_halos"]

#: Part of the measured signal that a halo must have, lest a bright neighbour makes it visible.
OWN_PART = 0.5
#: Sizes of templates for each factor of e.
SIZES_PER_E = 10
#: Of the pressure model of simulated skies: the gas of a halo has the size of (1 - b) M500.
MASS_BIAS = Arnaud2010().mass_bias


def visible_halos(sky: Sky, min_snr: float) -> np.ndarray:
    """Halos where a matched filter measures a signal-to-noise ratio that is mostly theirs.

    A network that is to find what the noise hides learns to guess. The ratio is measured at the
    halo as by `measured_halos`, and the halo's own central Compton parameter is half or more of
    what is measured.

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
    measured = measured_halos(sky)
    own = sky.truth["y_c"] >= OWN_PART * measured["y_c"]
    return (measured["snr"] >= min_snr) & own


def measured_halos(sky: Sky) -> QTable:
    """What a matched filter measures at the halos of a sky, with templates of their own sizes.

    The profile is that of Arnaud et al. (2010), in the size of the gas of simulated skies, which
    have a mass bias of 0.2, to 5 per cent.

    Parameters
    ----------
    sky : `~szfinder.simulation.Sky`
        Simulated maps on a patch, with their truth.

    Returns
    -------
    `~astropy.table.QTable`
        As from `~szfinder.finders.MatchedFilterFinder.measure_at`, one row for each of the truth.
    """
    theta500 = np.cbrt(1 - MASS_BIAS) * sky.truth["theta500"].to_value("arcmin")
    step, index = np.unique(np.rint(SIZES_PER_E * np.log(theta500)), return_inverse=True)
    shapes = gnfw_templates(np.exp(step / SIZES_PER_E))
    return MatchedFilterFinder().measure_at(
        sky.maps, sky.truth["sky_centroid"], templates=[shapes[i] for i in index]
    )
