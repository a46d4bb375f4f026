"""Instrument: an ordered set of bands, and the presets of the surveys in use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from szfinder.maps.band import Band, band_name
from szfinder.maps.errors import MapError

__all__ = ["Instrument"]

PRESETS = Path(__file__).parent / "instruments"


@dataclass(frozen=True)
class Instrument:
    """The bands of a camera, in order.

    Parameters
    ----------
    name : str
    bands : iterable of Band
        At least one, with different names.
    pixel_window : bool, optional
        Whether the maps are averages over their pixels, as maps binned from detector samples are;
        otherwise they are samples of the sky at the pixel centres.

    Examples
    --------
    >>> from szfinder.maps import Instrument
    >>> planck = Instrument.from_preset("planck-hfi")
    >>> planck.names
    ('100', '143', '217', '353', '545', '857')
    >>> planck[143].beam.fwhm
    7.13
    """

    name: str
    bands: tuple[Band, ...]
    pixel_window: bool = False

    def __post_init__(self):
        object.__setattr__(self, "bands", tuple(self.bands))
        if not self.bands:
            raise MapError(f"instrument {self.name!r} has no bands")
        if len(set(self.names)) < len(self.bands):
            raise MapError(f"instrument {self.name!r} names a band twice",
                           found=", ".join(self.names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def frequencies(self) -> tuple[float, ...]:
        """Nominal frequencies of the bands in GHz."""
        return tuple(band.frequency for band in self.bands)

    def __len__(self) -> int:
        return len(self.bands)

    def __iter__(self) -> Iterator[Band]:
        return iter(self.bands)

    def __contains__(self, name) -> bool:
        return band_name(name) in self.names

    def __getitem__(self, name) -> Band:
        """The band of that name; ``instrument["143"]`` and ``instrument[143]`` are the same.

        Raises
        ------
        MapError
            If there is none.
        """
        if name not in self:
            raise MapError(f"instrument {self.name!r} has no such band", band=band_name(name),
                           expected=f"one of {', '.join(self.names)}")
        return self.bands[self.names.index(band_name(name))]

    def select(self, names: Iterable) -> "Instrument":
        """The instrument with the named bands alone, in the order of this instrument.

        Raises
        ------
        MapError
            If a name is unknown, or none is given.
        """
        wanted = {self[name].name for name in names}
        return replace(self, bands=tuple(band for band in self if band.name in wanted))

    @classmethod
    def from_preset(cls, name: str) -> "Instrument":
        """One of the instruments that come with the package.

        Parameters
        ----------
        name : {"spt3g", "act-dr6", "planck-hfi", "simons-observatory"}
            The sources of their numbers stand in the YAML files of ``szfinder/maps/instruments``.

        Raises
        ------
        MapError
            If there is no such preset.
        """
        known = sorted(path.stem for path in PRESETS.glob("*.yaml"))
        if name not in known:
            raise MapError("unknown instrument preset", found=repr(name), expected="one of "
                           + ", ".join(known), hint="or give the path of a YAML file (*.yaml)")
        return cls.read(PRESETS / f"{name}.yaml")

    @classmethod
    def read(cls, path: str | Path) -> "Instrument":
        """Read an instrument from a YAML file.

        Parameters
        ----------
        path : str or path-like
            Beam and bandpass files named in it are looked for beside it.

        Raises
        ------
        MapError
            If the file is missing, is no YAML, or lacks a number it must have.

        Notes
        -----
        The bands keep the order of the file:

        .. code-block:: yaml

            name: my-camera             # optional, default the name of the file
            pixel_window: true          # optional, default false
            bands:
              "90":
                frequency: 97.5         # GHz
                fwhm: 2.0               # arcmin
              "150":
                frequency: 150.0
                beam: beam_150.txt      # or {file: ..., column: ..., kind: ...}, as Beam.read
                noise: 10.0             # optional, uK_CMB arcmin
                bandpass: band_150.txt  # optional, as Bandpass.read
                unit: uK_CMB            # optional, of arrays that do not state theirs
        """
        from szfinder.maps import instrument_yaml  # it imports this module
        return instrument_yaml.read(path)

    def write(self, path: str | Path) -> None:
        """Write the instrument to a YAML file that `read` understands.

        Beams and bandpasses that are tables go into text files beside it, named after the YAML
        file and the band.
        """
        from szfinder.maps import instrument_yaml  # it imports this module
        instrument_yaml.write(self, path)
