"""The default cosmology, and what colossus needs to know of any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.cosmology import FLRW
    from colossus.cosmology.cosmology import Cosmology

__all__ = ["cosmology_parameters", "default_cosmology", "sehgal_cosmology"]

# What a cosmology of astropy may lack: Planck 2018 results VI, table 2.
_SIGMA8, _SPECTRAL_INDEX, _BARYONS = 0.811, 0.965, 0.049


@lru_cache(maxsize=1)
def default_cosmology() -> FLRW:
    """Flat LambdaCDM with H0 = 70 and Om0 = 0.3, as in Arnaud et al. (2010)."""
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(H0=70, Om0=0.3)


@lru_cache(maxsize=1)
def sehgal_cosmology() -> FLRW:
    """The cosmology of the skies of Sehgal et al. (2010, ApJ 709, 920, section 2)."""
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(H0=71, Om0=0.264, Ob0=0.044, name="Sehgal2010",
                         meta={"sigma8": 0.80, "n": 0.96})


def cosmology_parameters(cosmology: FLRW) -> dict[str, float]:
    """Parameters of a cosmology, of its expansion and of its perturbations.

    Those of the perturbations are read from ``cosmology.meta``, as in astropy's own cosmologies;
    what is missing there is that of Planck 2018 (results VI, table 2).

    Parameters
    ----------
    cosmology : astropy.cosmology.FLRW
        The cosmology.

    Returns
    -------
    dict of str to float
        ``H0``, ``Om0``, ``Ode0``, ``Ob0``, ``sigma8`` and the spectral index ``ns``.

    Raises
    ------
    ValueError
        If a parameter is impossible.
    """
    meta = cosmology.meta or {}
    values = {"H0": cosmology.H0.value, "Om0": cosmology.Om0, "Ode0": cosmology.Ode0,
              "Ob0": cosmology.Ob0 or _BARYONS, "sigma8": meta.get("sigma8", _SIGMA8),
              "ns": meta.get("n", _SPECTRAL_INDEX)}
    limits = {"H0": (10, 200), "Om0": (0.01, 1.5), "Ode0": (-1, 1.5), "Ob0": (0, values["Om0"]),
              "sigma8": (0.1, 3), "ns": (0.1, 3)}
    for name, (low, high) in limits.items():
        if not low <= values[name] <= high:
            raise ValueError(f"impossible cosmology: {name} = {values[name]:g}; "
                             f"expected {low:g} to {high:g}")
    return {name: float(value) for name, value in values.items()}


@contextmanager
def colossus_cosmology(cosmology: FLRW) -> Iterator[Cosmology]:
    """Give colossus, whose cosmology is global, this one for a while."""
    from colossus.cosmology import cosmology as colossus

    previous = colossus.current_cosmo
    colossus.current_cosmo = colossus.Cosmology(
        name="szfinder", flat=False, relspecies=False, persistence="",
        **cosmology_parameters(cosmology))
    try:
        yield colossus.current_cosmo
    finally:
        colossus.current_cosmo = previous
