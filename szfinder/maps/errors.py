"""The one exception of the maps floor."""

import os

__all__ = ["MapError"]


class MapError(ValueError):
    """Input from which no map stack, band or instrument can be made.

    Parameters
    ----------
    problem : str
        What is wrong, without a full stop.
    file : str or path-like, optional
        The file it was found in.
    band : str, optional
        The band it concerns.
    found, expected : object, optional
        What the input holds and what it should hold.
    hint : str, optional
        What to do about it.

    Attributes
    ----------
    file, band, found, expected, hint
        As given, for programs that want to react.

    Examples
    --------
    >>> from szfinder.maps import MapError
    >>> print(MapError("unknown unit", band="143", found="furlong", hint="pass unit='K_CMB'"))
    band '143': unknown unit; found furlong; pass unit='K_CMB'
    """

    def __init__(self, problem, *, file=None, band=None, found=None, expected=None, hint=None):
        self.file = None if file is None else os.fspath(file)
        self.band = band
        self.found = found
        self.expected = expected
        self.hint = hint
        super().__init__(self._message(problem))

    def _message(self, problem):
        where = [f"band {self.band!r}" if self.band is not None else "", self.file or ""]
        where = ", ".join(part for part in where if part)
        parts = [problem]
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.hint is not None:
            parts.append(self.hint)
        text = "; ".join(parts)
        return f"{where}: {text}" if where else text
