r"""Beam: the response of a band to a point source, as a window in multipole space.

A sky with harmonic coefficients :math:`a_{\ell m}` is seen as :math:`B_\ell a_{\ell m}`. All
windows are normalised to :math:`B_0 = 1`: the maps are taken to be calibrated to extended emission.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.integrate import simpson
from scipy.special import j0

from szfinder.maps.errors import MapError
from szfinder.maps.tables import read_text_table

__all__ = ["Beam"]

ARCMIN = np.pi / 180 / 60
FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))

# A profile is transformed up to ell * sigma = 6, where a Gaussian window has fallen to 1.5e-8, in
# steps fine enough that straight lines between them are right to 5e-6.
PROFILE_REACH = 6.0
PROFILE_STEPS = 1000


class Beam:
    """A beam; made by `from_fwhm`, `from_table`, `from_profile` or `read`.

    Attributes
    ----------
    fwhm : float
        Full width at half maximum in arcmin. For a beam from a table or a profile it is the
        effective one: the FWHM of the Gaussian whose window falls to 1/2 at the same multipole
        (or, where the table ends before that, of the Gaussian through its last point).
    table : tuple of numpy.ndarray or None
        ``(ell, window)``, or None for a Gaussian.
    """

    def __init__(self, fwhm: float, table: tuple | None = None):
        self.fwhm = float(fwhm)
        self.table = table

    def __repr__(self):
        kind = "Gaussian" if self.table is None else f"table to ell = {self.table[0][-1]:g}"
        return f"<Beam: FWHM {self.fwhm:.4g} arcmin, {kind}>"

    def __eq__(self, other):
        if not isinstance(other, Beam):
            return NotImplemented
        if self.table is None or other.table is None:
            return self.table is other.table and self.fwhm == other.fwhm
        return all(np.array_equal(a, b) for a, b in zip(self.table, other.table))

    def window(self, ell) -> np.ndarray:
        """Window B_ell at multipoles `ell` (array of any shape), between 0 and its maximum.

        Between the points of a table the window is linear in ell. Beyond its last point it goes on
        as the Gaussian through that point, and so falls smoothly to 0.
        """
        ell = np.asarray(ell, dtype=float)
        if self.table is None:
            return np.exp(-0.5 * (ell * self.fwhm * ARCMIN * FWHM_TO_SIGMA) ** 2)
        table_ell, table_window = self.table
        tail = table_window[-1] ** ((ell / table_ell[-1]) ** 2)
        return np.where(ell > table_ell[-1], tail, np.interp(ell, table_ell, table_window))

    @classmethod
    def from_fwhm(cls, fwhm: float) -> "Beam":
        """A Gaussian beam of full width at half maximum `fwhm` in arcmin."""
        if not (np.isfinite(fwhm) and fwhm > 0):
            raise MapError("the beam has no width", found=f"fwhm = {fwhm}",
                           expected="a FWHM in arcmin above 0")
        return cls(fwhm)

    @classmethod
    def from_table(cls, ell, window) -> "Beam":
        """A beam from its window, tabulated at multipoles `ell`.

        Parameters
        ----------
        ell, window : array_like
            1-D arrays of one length; `ell` ascending. The window (not squared) is divided by its
            first finite value; values below 0 are set to 0, and what is not finite is left out.

        Raises
        ------
        MapError
            If the arrays do not form such a table.
        """
        ell, window = _as_table(ell, window, "ell", "window")
        if ell[0] < 0 or not window[0] > 0:
            raise MapError("the window does not start above 0 at a low multipole",
                           found=f"B = {window[0]:g} at ell = {ell[0]:g}")
        window = np.clip(window / window[0], 0, None)
        if window[-1] >= 1:
            raise MapError("the window does not fall", found=f"B = {window[-1]:g} of its first "
                           f"value at ell = {ell[-1]:g}", expected="a window, not a profile in "
                           "arcmin", hint="use kind='profile' for a profile")
        return cls(_effective_fwhm(ell, window), (ell, window))

    @classmethod
    def from_profile(cls, theta, profile) -> "Beam":
        r"""A beam from its azimuthally averaged profile.

        The window is the flat-sky (Hankel) transform
        :math:`B_\ell \propto \int b(\theta) J_0(\ell\theta)\,\theta\,d\theta`, by Simpson's rule.

        Parameters
        ----------
        theta : array_like
            Radii in arcmin, ascending, starting at or near 0.
        profile : array_like
            Beam profile at those radii, in any normalisation.

        Raises
        ------
        MapError
            If the arrays do not form such a table, or the profile never falls to half its peak.
        """
        theta, profile = _as_table(theta, profile, "theta", "profile")
        below = np.flatnonzero(profile < 0.5 * profile[0])
        if below.size == 0:
            raise MapError("the beam profile does not fall to half its central value",
                           hint="give it out to a larger radius")
        sigma = 2 * theta[below[0]] * ARCMIN * FWHM_TO_SIGMA
        ell = np.linspace(0, PROFILE_REACH / sigma, PROFILE_STEPS)
        radius = theta * ARCMIN
        window = simpson(profile * radius * j0(ell[:, None] * radius), x=radius)
        return cls.from_table(ell, window)

    @classmethod
    def read(cls, path: str | Path, *, column: int | str | None = None,
             kind: str = "window") -> "Beam":
        """Read a beam from a text or FITS table.

        Parameters
        ----------
        path : str or path-like
            Text: columns of ell and B_ell (or one column, whose row number is ell). FITS (by its
            ending ``.fits``, ``.fit``, ``.fits.gz``): a table of B_ell by row in the HEALPix
            convention, with or without a column ``ELL``.
        column : int or str, optional
            The column of the window, by number from 0 or, in FITS, by name. By default the first
            one that is not ell: T of a FITS window with T, E and B.
        kind : {"window", "profile"}
            "profile": a text table of radius in arcmin and beam profile.

        Raises
        ------
        MapError
            If the file is missing or holds no such table.
        """
        path = Path(path)
        builders = {"window": cls.from_table, "profile": cls.from_profile}
        if kind not in builders:
            raise MapError("unknown kind of beam file", file=path, found=repr(kind),
                           expected="'window' or 'profile'")
        is_fits = any(suffix in (".fits", ".fit") for suffix in path.suffixes)
        try:
            table = _read_fits(path, column) if is_fits else _read_text(path, column)
            return builders[kind](*table)
        except MapError as error:
            raise MapError(str(error), file=path) from error
        except FileNotFoundError as error:
            raise MapError("no such beam file", file=path, hint="check the path") from error
        except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
            raise MapError(f"not a beam table ({error})", file=path, hint="see Beam.read for the "
                           "formats, and choose the column with column=") from error


def _as_table(x, y, x_name, y_name):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise MapError(f"{x_name} and {y_name} do not form a table",
                       found=f"shapes {x.shape} and {y.shape}", expected="1-D arrays of one length")
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if x.size < 2 or not (np.diff(x) > 0).all():
        raise MapError(f"{x_name} does not ascend over at least two finite points")
    return x, y


def _effective_fwhm(ell, window):
    below = np.flatnonzero(window < 0.5)
    if below.size:
        end = below[0]
        half = np.interp(-0.5, -window[end - 1:end + 1], ell[end - 1:end + 1])
        sigma = np.sqrt(2 * np.log(2)) / half
    else:
        sigma = np.sqrt(-2 * np.log(window[-1])) / ell[-1]
    return sigma / FWHM_TO_SIGMA / ARCMIN


def _read_text(path, column):
    table = read_text_table(path)
    if table.shape[1] == 1:
        return np.arange(len(table)), table[:, 0]
    return table[:, 0], table[:, 1 if column is None else column]


def _read_fits(path, column):
    with fits.open(path) as hdus:
        table = [hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))][0]
        names = {name.upper(): name for name in table.columns.names}
        ell = table.data[names["ELL"]] if "ELL" in names else np.arange(len(table.data))
        if column is None:
            column = [name for name in table.columns.names if name.upper() != "ELL"][0]
        return np.array(ell, dtype=float), np.array(table.data.field(column), dtype=float)
