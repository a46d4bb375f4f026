r"""Power spectrum of halos at random positions.

.. math:: C_\ell = \int \mathrm dz \frac{\mathrm dV}{\mathrm dz\, \mathrm d\Omega}
          \int \mathrm d\ln M \frac{\mathrm dn}{\mathrm d\ln M} |\tilde y_\ell(M, z)|^2

(Komatsu & Seljak 2002, MNRAS 336, 1256, eq. 1), for all halos above 1e13 Msun. In clustered skies
the two-halo term comes on top, which is below it on all scales of clusters.
"""

from collections.abc import Callable

import numpy as np
from astropy.table import QTable

from szfinder.filters.fourier import ARCMIN
from szfinder.simulation.halo_model import HaloModel
from szfinder.simulation.halos import halo_properties

__all__ = ["halo_power"]

MASSES = 1e13, 1e16
REDSHIFTS = 0.005, 3.0
N_MASS, N_REDSHIFT, N_ELL = 81, 61, 160


def halo_power(
    ell: np.ndarray,
    model: HaloModel,
    signals: Callable[[QTable], object],
    *,
    weight: Callable[[QTable], np.ndarray],
) -> np.ndarray:
    """Power spectrum of one signal of all halos.

    Parameters
    ----------
    ell : `~numpy.ndarray`
        Multipoles.
    model : `~szfinder.simulation.halo_model.HaloModel`
        Abundance of halos.
    signals : callable
        Signals of a table of halos.
    weight : callable
        Further factor of each halo's power.

    Returns
    -------
    `~numpy.ndarray`
        C_ell in sr, shaped like `ell`.
    """
    log_z = np.linspace(*np.log(REDSHIFTS), N_REDSHIFT)
    log_m = np.linspace(*np.log(MASSES), N_MASS)
    z, m = (grid.ravel() for grid in np.meshgrid(np.exp(log_z), np.exp(log_m), indexing="ij"))
    halos = halo_properties(model, z, m)
    found = signals(halos)
    density = model.density(m, z) * z * model.volume(z) * weight(halos)
    strength = density * (found.integral * ARCMIN**2) ** 2
    nodes = np.geomspace(1, max(np.max(ell), 2), N_ELL)
    profile = found.family.transform(nodes[:, None], found.size, found.shape)
    integrand = (strength * profile**2).reshape(N_ELL, N_REDSHIFT, N_MASS)
    power = np.trapezoid(np.trapezoid(integrand, log_m, axis=-1), log_z, axis=-1)
    flat = np.interp(np.log(np.maximum(ell, 1)), np.log(nodes), power * nodes**2)
    return flat / np.maximum(ell, 1) ** 2
