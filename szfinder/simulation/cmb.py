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

#: Highest multipole that is taken from CAMB; beyond it the spectrum of Planck's cosmology goes on.
LMAX = 4000
#: Optical depth of reionisation (Planck 2018 results VI, table 2).
OPTICAL_DEPTH = 0.054


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
        values = cosmology_parameters(self.cosmology)
        names = "H0", "Om0", "Ob0", "sigma8", "ns"
        table = _camb_power(*(values[name] for name in names), float(self.cosmology.Ok0))
        inner = np.interp(ell, np.arange(table.size), table)
        return np.where(ell <= LMAX, inner, cmb_power(ell) * table[-1] / cmb_power(LMAX))

    def amplitude(self, ell, instrument) -> np.ndarray:
        """See `GaussianComponent.amplitude`."""
        return np.broadcast_to(np.sqrt(self.spectrum(ell)), (len(instrument), 1, len(ell))).copy()


@lru_cache(maxsize=4)
def _camb_power(h0, om0, ob0, sigma8, ns, ok0) -> np.ndarray:
    try:
        import camb
    except ImportError as error:
        raise ImportError(
            "the CMB of another cosmology needs CAMB: pip install camb, or leave cosmology out to "
            "use the bundled spectrum of Planck's cosmology"
        ) from error
    h2 = (h0 / 100) ** 2
    options = {"H0": h0, "ombh2": ob0 * h2, "omch2": (om0 - ob0) * h2, "omk": ok0, "ns": ns,
               "tau": OPTICAL_DEPTH}  # fmt: skip
    trial = camb.set_params(As=2e-9, **options)
    trial.set_matter_power(kmax=5)
    trial.WantCls = False
    amplitude = 2e-9 * (sigma8 / camb.get_results(trial).get_sigma8_0()) ** 2
    # lensing carries power down from far beyond the last multipole
    parameters = camb.set_params(
        As=amplitude, lmax=LMAX + 2000, lens_potential_accuracy=4, **options
    )
    spectra = camb.get_results(parameters).get_lensed_scalar_cls(LMAX, CMB_unit="muK", raw_cl=True)
    return spectra[: LMAX + 1, 0]
