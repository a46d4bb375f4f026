"""Bandpass: the transmission of a band as a function of frequency."""

from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.maps.errors import MapError
from szfinder.maps.tables import read_text_table

__all__ = ["Bandpass"]


@dataclass(frozen=True, eq=False)
class Bandpass:
    """Transmission of a band to beam-filling intensity (MJy/sr).

    Parameters
    ----------
    frequency : array_like
        Frequencies in GHz, positive; put in ascending order.
    transmission : array_like
        Transmission at those frequencies, in any normalisation.

    Raises
    ------
    MapError
        If the two differ in length, hold fewer than two points, are not finite, or if the
        transmission does not integrate to something positive.
    """

    frequency: np.ndarray
    transmission: np.ndarray

    def __post_init__(self):
        frequency = np.asarray(self.frequency, dtype=float)
        transmission = np.asarray(self.transmission, dtype=float)
        _check(frequency, transmission)
        order = np.argsort(frequency)
        object.__setattr__(self, "frequency", frequency[order])
        object.__setattr__(self, "transmission", transmission[order])
        if not self._integral(self.transmission) > 0:
            raise MapError("the bandpass transmits nothing: its integral is not positive",
                           hint="give a transmission that is positive inside the band")

    def __eq__(self, other):
        if not isinstance(other, Bandpass):
            return NotImplemented
        return (np.array_equal(self.frequency, other.frequency)
                and np.array_equal(self.transmission, other.transmission))

    @property
    def center(self) -> float:
        """Transmission-weighted mean frequency in GHz."""
        weighted = self._integral(self.frequency * self.transmission)
        return float(weighted / self._integral(self.transmission))

    def _integral(self, values):
        return np.trapezoid(values, self.frequency)

    @classmethod
    def read(cls, path: str | Path) -> "Bandpass":
        """Read frequency (GHz) and transmission from the first two columns of a file.

        Parameters
        ----------
        path : str or path-like
            A plain text table; further columns, such as errors, are left out. Or an IPAC table
            (``.tbl``) as PySM keeps them, whose ``bandpass_weight`` weights Rayleigh-Jeans
            temperature, and is divided by frequency squared to weight intensity.

        Returns
        -------
        Bandpass

        Raises
        ------
        MapError
            If the file is missing or holds no such table.
        """
        path = Path(path)
        try:
            columns = _read_ipac(path) if path.suffix == ".tbl" else _read_text(path)
            return cls(*columns)
        except MapError as error:
            raise MapError(str(error), file=path) from error
        except FileNotFoundError as error:
            raise MapError("no such bandpass file", file=path, hint="check the path") from error
        except (OSError, ValueError, IndexError) as error:
            raise MapError(f"not a bandpass table ({error})", file=path,
                           expected="columns of frequency in GHz and transmission") from error


def _check(frequency, transmission):
    if frequency.ndim != 1 or frequency.size < 2 or frequency.shape != transmission.shape:
        raise MapError("frequency and transmission do not form a bandpass table",
                       found=f"shapes {frequency.shape} and {transmission.shape}",
                       expected="two 1-D arrays of one length, at least 2")
    if not (np.isfinite(frequency).all() and np.isfinite(transmission).all()):
        raise MapError("the bandpass holds values that are not finite", hint="remove these rows")
    if not (frequency > 0).all():
        raise MapError("the bandpass holds frequencies that are not positive",
                       found=f"{frequency.min():g}", expected="GHz above 0")


def _read_text(path):
    table = read_text_table(path)
    return table[:, 0], table[:, 1]


def _read_ipac(path):
    table = QTable.read(path, format="ascii.ipac")
    frequency, transmission = (table[name] for name in table.colnames[:2])
    frequency = u.Quantity(frequency, "GHz").value
    if "bandpass_weight" in table.colnames:
        transmission = transmission / frequency**2
    return frequency, np.asarray(transmission)
