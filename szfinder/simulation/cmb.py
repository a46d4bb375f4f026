"""The lensed cosmic microwave background."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from szfinder.physics import cmb_power, cosmology_parameters
from szfinder.simulation.component import GaussianComponent

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["CMB"]

#: Highest multipole that CAMB is asked for; beyond it the spectrum of Planck's cosmology goes on.
LMAX = 8000


class CMB(GaussianComponent):
    """The lensed CMB, a Gaussian field with the same temperature in all bands.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`, optional
        Its spectrum is then computed with CAMB, which must be installed; by default the bundled
        table for Planck's cosmology is used (`szfinder.physics.cmb_power`).
    """

    name = "cmb"

    def __init__(self, *, cosmology: FLRW | None = None) -> None:
        self.cosmology = cosmology

    def spectrum(self, ell: np.ndarray) -> np.ndarray:
        """C_ell in uK_CMB^2 sr."""
        if self.cosmology is None:
            return cmb_power(ell)
        table = _camb_power(*cosmology_parameters(self.cosmology).values())
        inner = np.interp(ell, np.arange(table.size), table)
        return np.where(ell <= LMAX, inner, cmb_power(ell) * table[-1] / cmb_power(LMAX))

    def amplitude(self, ell, instrument) -> np.ndarray:
        """See `GaussianComponent.amplitude`."""
        return np.broadcast_to(np.sqrt(self.spectrum(ell)), (len(instrument), 1, len(ell))).copy()


@lru_cache(maxsize=4)
def _camb_power(h0, om0, ode0, ob0, sigma8, ns) -> np.ndarray:
    try:
        import camb
    except ImportError as error:
        raise ImportError(
            "the CMB of another cosmology needs CAMB: pip install camb, or leave cosmology out to "
            "use the bundled spectrum of Planck's cosmology"
        ) from error
    h2 = (h0 / 100) ** 2
    options = {"H0": h0, "ombh2": ob0 * h2, "omch2": (om0 - ob0) * h2, "omk": 1 - om0 - ode0,
               "ns": ns, "lmax": LMAX, "lens_potential_accuracy": 1}  # fmt: skip
    trial = 2e-9
    parameters = camb.set_params(As=trial, **options)
    parameters.set_matter_power(kmax=10)
    growth = camb.get_results(parameters).get_sigma8_0()
    results = camb.get_results(camb.set_params(As=trial * (sigma8 / growth) ** 2, **options))
    spectra = results.get_lensed_scalar_cls(LMAX, CMB_unit="muK", raw_cl=True)
    return spectra[: LMAX + 1, 0]
