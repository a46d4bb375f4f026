"""The maps and options that are given for the bands of an instrument, by the names of the bands."""

import os
from collections.abc import Mapping

from szfinder.maps.errors import MapError
from szfinder.maps.instrument import Instrument
from szfinder.maps.units import uk_cmb_per_unit

__all__ = ["all_given", "as_instrument", "by_name", "match_bands", "per_band", "uk_cmb_factor"]


def as_instrument(instrument) -> Instrument:
    """An instrument as it is, or that of a preset or a YAML file."""
    if isinstance(instrument, Instrument):
        return instrument
    if not isinstance(instrument, (str, os.PathLike)):
        raise MapError("not an instrument", found=repr(instrument),
                       expected="an Instrument, the name of a preset, or the path of a YAML file")
    if str(instrument).endswith((".yaml", ".yml")):
        return Instrument.read(instrument)
    return Instrument.from_preset(str(instrument))


def match_bands(maps, instrument):
    """The instrument with the bands that have maps, and the maps by the names of its bands."""
    if not isinstance(maps, Mapping):
        raise MapError("the maps are not named by their bands", found=type(maps).__name__,
                       expected=f"a mapping from band name ({', '.join(instrument.names)}) to map")
    if not maps:
        raise MapError("no maps given", expected=f"some of {', '.join(instrument.names)}")
    maps = by_name(maps, "maps", instrument)
    all_given(maps, maps, "map", "leave the band out, or give its map")
    return instrument.select(maps), maps


def by_name(mapping, what, instrument):
    """What is given for some bands, by their names; `what` it is goes into the error."""
    named = {instrument[key].name: value for key, value in mapping.items()}
    if len(named) < len(mapping):
        raise MapError(f"a band is named twice in {what}", found=", ".join(map(repr, mapping)))
    return named


def all_given(sources, names, what, hint):
    """Check that there is something for each of the names."""
    for name in names:
        if sources.get(name) is None:
            raise MapError(f"no {what} given", band=name, hint=hint)


def per_band(option, what, instrument):
    """An option by band: the same for all, or that of a mapping (None where it says nothing)."""
    if isinstance(option, Mapping):
        return {**dict.fromkeys(instrument.names), **by_name(option, what, instrument)}
    return dict.fromkeys(instrument.names, option)


def uk_cmb_factor(band, source, unit):
    """uK_CMB per unit of a map: of the unit asked for, else its own, else the band's."""
    own = source.unit
    if unit is None and (own is None or not str(own).strip()):
        if source.file is not None:
            raise MapError("the file states no unit (BUNIT or TUNITn)", band=band.name,
                           file=source.file, hint="pass unit=..., such as 'K_CMB' or 'MJy/sr'")
        own = band.unit
    return uk_cmb_per_unit(own if unit is None else unit, band, file=source.file)
