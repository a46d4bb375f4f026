"""The YAML form of an instrument, described in `szfinder.maps.Instrument.read`."""

from pathlib import Path

import numpy as np
import yaml

from szfinder.maps.band import Band, band_name
from szfinder.maps.bandpass import Bandpass
from szfinder.maps.beams import Beam
from szfinder.maps.errors import MapError
from szfinder.maps.instrument import Instrument

__all__ = ["read", "write"]

INSTRUMENT_KEYS = ("name", "pixel_window", "bands")
BAND_KEYS = ("frequency", "fwhm", "beam", "noise", "bandpass", "unit")


def read(path) -> Instrument:
    """Read an `~szfinder.maps.Instrument`; see `Instrument.read`."""
    path = Path(path)
    content = _load(path)
    _check_keys(content, INSTRUMENT_KEYS, path)
    bands = content.get("bands")
    if not isinstance(bands, dict):
        raise MapError("the instrument file names no bands", file=path,
                       expected="a mapping 'bands' from band name to its numbers")
    try:
        return Instrument(name=str(content.get("name", path.stem)),
                          bands=[_read_band(name, entry, path) for name, entry in bands.items()],
                          pixel_window=bool(content.get("pixel_window", False)))
    except MapError as error:
        if error.file is not None:
            raise
        raise MapError(str(error), file=path) from error


def write(instrument, path) -> None:
    """Write an `~szfinder.maps.Instrument`; see `Instrument.write`."""
    path = Path(path)
    content = {"name": instrument.name, "pixel_window": instrument.pixel_window,
               "bands": {band.name: _write_band(band, path) for band in instrument}}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _load(path):
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MapError("the instrument file cannot be read", file=path, found=str(error),
                       hint="check the path, or give the name of a preset") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MapError(f"the instrument file is not YAML ({error})", file=path) from error
    if not isinstance(content, dict):
        raise MapError("the instrument file is empty or no mapping", file=path,
                       expected=f"the keys {', '.join(INSTRUMENT_KEYS)}")
    return content


def _check_keys(entry, known, path, band=None):
    unknown = [str(key) for key in entry if key not in known]
    if unknown:
        raise MapError("unknown key in the instrument file", file=path, band=band,
                       found=", ".join(unknown), expected=f"some of {', '.join(known)}")


def _read_band(name, entry, path):
    name = band_name(name)
    if not isinstance(entry, dict):
        raise MapError("the band is no mapping", file=path, band=name, found=repr(entry),
                       expected=f"the keys {', '.join(BAND_KEYS)}")
    _check_keys(entry, BAND_KEYS, path, band=name)
    if ("fwhm" in entry) == ("beam" in entry):
        raise MapError("the band needs either 'fwhm' (arcmin) or 'beam' (a file)", file=path,
                       band=name)
    bandpass = entry.get("bandpass")
    return Band(name, entry.get("frequency"), _read_beam(name, entry, path),
                noise=entry.get("noise"),
                bandpass=None if bandpass is None else Bandpass.read(path.parent / bandpass),
                unit=entry.get("unit", "uK_CMB"))


def _read_beam(name, entry, path):
    if "fwhm" in entry:
        try:
            return Beam.from_fwhm(float(entry["fwhm"]))
        except (TypeError, ValueError) as error:
            raise MapError("the beam has no width", file=path, band=name,
                           found=f"fwhm = {entry['fwhm']!r}", expected="arcmin above 0") from error
    beam = entry["beam"]
    options = dict(beam) if isinstance(beam, dict) else {"file": beam}
    _check_keys(options, ("file", "column", "kind"), path, band=name)
    if not isinstance(options.get("file"), str):
        raise MapError("the beam names no file", file=path, band=name, found=repr(beam))
    return Beam.read(path.parent / options.pop("file"), **options)


def _write_band(band, path):
    entry = {"frequency": band.frequency, "unit": band.unit}
    if band.beam.table is None:
        entry["fwhm"] = band.beam.fwhm
    else:
        entry["beam"] = _write_table(path, f"{band.name}_beam", band.beam.table)
    if band.noise is not None:
        entry["noise"] = band.noise
    if band.bandpass is not None:
        table = (band.bandpass.frequency, band.bandpass.transmission)
        entry["bandpass"] = _write_table(path, f"{band.name}_bandpass", table)
    return entry


def _write_table(path, label, columns):
    file = path.with_name(f"{path.stem}_{label}.txt")
    np.savetxt(file, np.transpose(columns), fmt="%.17g")
    return file.name
