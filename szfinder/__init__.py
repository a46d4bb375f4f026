"""
Find galaxy clusters in millimetre maps through the thermal Sunyaev-Zel'dovich effect.

Maps of several bands enter (`szfinder.maps`), a finder turns them into a score map and a
catalogue (`szfinder.finders`), and both stand on the physics of the effect
(`szfinder.physics`) and on plain-array filters (`szfinder.filters`). Their masses are read
from their images (`szfinder.mass`). Mock skies
(`szfinder.simulation`) have a truth that catalogues are scored against
(`szfinder.evaluation`). The names most people need can be taken from here; they are imported
at their first use, so that ``import szfinder`` itself costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.dev0"

_HOMES = {
    "CNNFinder": "szfinder.finders",
    "EnsembleFinder": "szfinder.finders",
    "Instrument": "szfinder.maps",
    "MapStack": "szfinder.maps",
    "MassEstimator": "szfinder.mass",
    "MatchedFilterFinder": "szfinder.finders",
    "SkySimulator": "szfinder.simulation",
    "UNetSegmentFinder": "szfinder.finders",
    "read_healpix": "szfinder.maps",
    "read_maps": "szfinder.maps",
}
_SUBPACKAGES = (
    "evaluation", "filters", "finders", "maps", "mass", "models", "physics", "report",
    "simulation", "training",
)

__all__ = [*_HOMES, *_SUBPACKAGES]


def __getattr__(name):
    """Import a public name or a subpackage when it is first asked for (PEP 562)."""
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return globals().setdefault(name, getattr(import_module(_HOMES[name]), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """List the lazy names beside those already loaded."""
    return sorted({*globals(), *__all__})
