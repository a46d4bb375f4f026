"""Whole skies: instrument, components, halos, cosmology and pixels under one name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from astropy.table import QTable

from szfinder.maps import Band, Beam, Instrument, wcs_for_patch
from szfinder.physics import sehgal_cosmology
from szfinder.simulation.cib import ClusteredCIB
from szfinder.simulation.cmb import CMB
from szfinder.simulation.component import Component
from szfinder.simulation.dust import GalacticDust
from szfinder.simulation.foregrounds import GaussianForegrounds
from szfinder.simulation.halos import Halos, many_and_near
from szfinder.simulation.noise import Noise
from szfinder.simulation.pressure import Arnaud2010
from szfinder.simulation.sources import DustyGalaxies, RadioSources
from szfinder.simulation.sz import KineticSZ, ThermalSZ

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["PRESETS", "STRONG_DUST", "SkyPreset", "default_components", "sky_preset"]

#: Dust to train on: in some regions as weak as in the cleanest fields, in others so strong that
#: clusters can just be found.
STRONG_DUST = GalacticDust(amplitude=10.0, filaments=True, unevenness=1.2)


@dataclass(frozen=True)
class SkyPreset:
    """What a sky is made of.

    Parameters
    ----------
    instrument : `~szfinder.maps.Instrument`
        The bands, their beams and noise.
    components : tuple of `~szfinder.simulation.Component`
        The sky and the noise.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology of the halos.
    pixel, size : `~astropy.units.Quantity`
        Pixel and side of a patch.
    halos : `~szfinder.simulation.Halos`
        The halos.
    centre : tuple of float
        Right ascension and declination of the centre of a patch, in degrees.
    """

    instrument: Instrument
    components: tuple[Component, ...]
    cosmology: FLRW
    pixel: u.Quantity
    size: u.Quantity
    halos: Halos
    centre: tuple[float, float] = (30.0, -50.0)

    def grid(self) -> tuple:
        """WCS and shape of a patch."""
        return wcs_for_patch(SkyCoord(*self.centre, unit="deg"), self.size, self.pixel)


def default_components() -> tuple[Component, ...]:
    """CMB, thermal and kinetic SZ, infrared and radio sources, Galactic dust, and white noise."""
    return (
        CMB(),
        ThermalSZ(),
        KineticSZ(),
        DustyGalaxies(),
        ClusteredCIB(),
        RadioSources(),
        GalacticDust(),
        Noise(),
    )


def _deepsz() -> SkyPreset:
    """The maps of Lin et al. (2021, section 1.1).

    They have no beam but the half arcminute of the pixels of the maps they were cut from.
    """
    noise = {"90": 2.8, "148": 2.6, "219": 6.6}
    beam = Beam.from_fwhm(0.5)
    bands = [Band(name, float(name), beam, level) for name, level in noise.items()]
    return _ground_based(Instrument("deepsz", bands), pixel=0.25)


def _spt3g() -> SkyPreset:
    return _ground_based(Instrument.from_preset("spt3g"))


def _act_dr6() -> SkyPreset:
    return _ground_based(Instrument.from_preset("act-dr6"))


def _planck_hfi() -> SkyPreset:
    """Six bands; the dust has filaments, as what fools Planck's finders.

    Sources and halos too faint for its maps are left to the Gaussian floor, or out.
    """
    components = {component.name: component for component in default_components()}
    components |= {
        "dusty": DustyGalaxies(floor=15.0),
        "radio": RadioSources(floor=20.0),
        "dust": GalacticDust(filaments=True),
    }
    return SkyPreset(
        Instrument.from_preset("planck-hfi"),
        tuple(components.values()),
        Planck18,
        pixel=1.7177 * u.arcmin,
        size=14.6 * u.deg,
        halos=Halos(min_mass=1e14),
    )


def _planck_training() -> SkyPreset:
    """Skies of ``planck-hfi`` to train on: with many clusters, and strong dust."""
    preset = _planck_hfi()
    components = {component.name: component for component in preset.components}
    components["dust"] = STRONG_DUST
    halos = Halos(min_mass=1e14, boost=many_and_near)
    return replace(preset, components=tuple(components.values()), halos=halos)


def _ground_based(instrument: Instrument, *, pixel: float = 0.5) -> SkyPreset:
    return SkyPreset(
        instrument,
        default_components(),
        sehgal_cosmology(),
        pixel=pixel * u.arcmin,
        size=10 * u.deg,
        halos=Halos(),
    )


def gupta2020(m200c: float = 3e14) -> SkyPreset:
    """The images of Gupta & Reichardt (2020, section 2.2): one cluster in the centre, z = 0.7.

    Parameters
    ----------
    m200c : float, optional
        Its mass in Msun.
    """
    catalogue = QTable(
        {"sky_centroid": SkyCoord([0], [0], unit="deg"), "redshift": [0.7],
         "m200c": [m200c] * u.Msun}
    )  # fmt: skip
    return SkyPreset(
        Instrument("gupta2020", [Band("150", 150.0, Beam.from_fwhm(1.0), 5.0)]),
        (CMB(), ThermalSZ(pressure=Arnaud2010(mass_bias=0.0)), GaussianForegrounds(), Noise()),
        Planck18,
        pixel=0.25 * u.arcmin,
        size=10 * u.arcmin,
        halos=Halos(catalogue=catalogue),
        centre=(0.0, 0.0),
    )


#: Presets by name: functions that return a `SkyPreset`.
PRESETS = {
    "deepsz": _deepsz,
    "spt3g": _spt3g,
    "act-dr6": _act_dr6,
    "planck-hfi": _planck_hfi,
    "planck-training": _planck_training,
    "gupta2020": gupta2020,
}


def sky_preset(name: str, **options: float) -> SkyPreset:
    """A preset by its name.

    Parameters
    ----------
    name : str
        One of ``PRESETS``.
    **options
        Of the preset: ``m200c`` in Msun, of the cluster of ``gupta2020``.

    Raises
    ------
    ValueError
        If there is no such preset, or it has no such option.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown sky preset {name!r}; use one of {', '.join(PRESETS)}")
    known = {"m200c"} if name == "gupta2020" else set()
    if not set(options) <= known:
        raise ValueError(
            f"sky preset {name!r} has no option {', '.join(set(options) - known)}; it has "
            f"{', '.join(known) or 'none'}"
        )
    return PRESETS[name](**options)
