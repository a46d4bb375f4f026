"""Conversion between definitions of a halo's mass, for NFW haloes (by colossus)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .cosmology import colossus_cosmology, default_cosmology

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["convert_mass"]

DEFINITIONS = ("200c", "500c", "200m", "vir")


def convert_mass(mass: ArrayLike, redshift: ArrayLike, from_definition: str, to_definition: str, *,
                 cosmology: FLRW | None = None) -> np.ndarray:
    """Convert a halo mass from one overdensity to another.

    The halo is NFW (Navarro, Frenk & White 1997) with the concentration of Diemer & Joyce (2019,
    ApJ 871, 168).

    Parameters
    ----------
    mass, redshift : array_like
        Mass in Msun and redshift, broadcast against each other. Some milliseconds for each
        redshift, and for each mass.
    from_definition, to_definition : {"200c", "500c", "200m", "vir"}
        Overdensity over the critical (c) or mean (m) density, or virial (Bryan & Norman 1998).
    cosmology : astropy.cosmology.FLRW, optional
        Flat with H0 = 70 and Om0 = 0.3 by default.

    Returns
    -------
    numpy.ndarray
        Mass in Msun, in the shape of the broadcast input.

    Raises
    ------
    ValueError
        If a definition is unknown.
    """
    for definition in (from_definition, to_definition):
        if definition not in DEFINITIONS:
            raise ValueError(f"unknown mass definition {definition!r}; "
                             f"use one of {', '.join(DEFINITIONS)}")
    from colossus.halo import mass_adv

    mass, redshift = np.broadcast_arrays(np.asarray(mass, dtype=float), redshift)
    converted = np.empty(mass.shape)
    with colossus_cosmology(cosmology or default_cosmology()) as colossus:
        h = colossus.h
        for z in np.unique(redshift):
            here = redshift == z
            converted[here] = mass_adv.changeMassDefinitionCModel(
                mass[here] * h, float(z), from_definition, to_definition, c_model="diemer19")[0] / h
    return converted
