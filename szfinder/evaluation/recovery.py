r"""How well positions, significances and amplitudes are recovered.

The optimal filter, with a cluster's true profile :math:`\tau` (1 at the centre) and the true
covariance :math:`C` of the bands, measures its central Compton parameter to

.. math::

   \sigma^{-2} = \int \frac{\ell\, d\ell}{2\pi}\, |\tau(\ell)|^2\, F^T C^{-1} F

(Melin et al. 2006, eq. 10), with :math:`F` the SZ response of each band times its beam.
"""

from collections.abc import Callable

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from szfinder.evaluation.matching import Match
from szfinder.filters import BandCovariance, FourierGrid, gnfw_templates
from szfinder.finders.tables import column_of, positions_of
from szfinder.maps import Instrument

__all__ = ["ideal_snr", "residuals"]

#: Pixels in arcmin that set the multipoles of maps without pixels: beams of half an arcmin have
#: fallen to 1 per cent at the highest.
FINE_PIXELS = 0.3
#: Every so many multipoles a covariance that is a function is evaluated.
NODE_STEP = 4
#: Sizes for which the noise is computed; a spline through them is good to 1e-4.
N_SIZES = 48


def ideal_snr(
    truth: Table,
    instrument: Instrument,
    covariance: BandCovariance | Callable[[np.ndarray], np.ndarray],
    *,
    pixel_size: u.Quantity | None = None,
    mass_bias: float = 0.0,
) -> np.ndarray:
    """Signal-to-noise ratio that the optimal filter with true profile and covariance would have.

    The profile is that of Arnaud et al. (2010), as in `~szfinder.filters.gnfw_templates`.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        Halos with ``theta500`` (arcmin) and ``y_c``.
    instrument : `~szfinder.maps.Instrument`
        Bands, with their beams.
    covariance : `~szfinder.filters.BandCovariance` or callable
        Covariance of sky and noise in uK_CMB^2 sr, beams included; a callable takes multipoles of
        shape (n_ell,) and returns shape (n_ell, n_band, n_band).
    pixel_size : `~astropy.units.Quantity`, optional
        Side of the pixels, which an instrument with pixel window averages over; multipoles that
        they cannot hold are left out. A plain number is in arcmin.
    mass_bias : float, optional
        b of the pressure model: the gas of a halo has the size that goes with (1 - b) M500. Skies
        of `szfinder.simulation` have 0.2 unless they were made with another.

    Returns
    -------
    `~numpy.ndarray`
        One for each halo.

    Raises
    ------
    ValueError
        If the pixel size of an instrument with pixel window is missing, or the covariance does not
        fit the bands.
    """
    theta500, y_c = column_of(truth, "theta500", u.arcmin), column_of(truth, "y_c")
    theta500 = np.cbrt(1 - mass_bias) * theta500
    if not theta500.size:
        return np.zeros(0)
    from scipy.interpolate import make_interp_spline

    ell, information = _information(instrument, covariance, pixel_size)
    sizes = np.geomspace(0.99 * theta500.min(), 1.01 * theta500.max(), N_SIZES)
    fisher = [
        np.trapezoid(template.transform(ell) ** 2 * information * ell / (2 * np.pi), ell)
        for template in gnfw_templates(sizes)
    ]
    log_fisher = make_interp_spline(np.log(sizes), np.log(fisher))
    return y_c * np.exp(0.5 * log_fisher(np.log(theta500)))


def residuals(detections: Table, truth: Table, match: Match) -> QTable:
    """What the matched detections have over their halos.

    Parameters
    ----------
    detections, truth : `~astropy.table.Table`
        Catalogue and halos.
    match : `Match`
        Which is which, from `match_detections`.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each pair: ``detection`` and ``halo`` (indices), ``separation`` (arcmin),
        ``offset_east`` and ``offset_north`` of the detection (arcsec); where the catalogue has
        them, ``snr`` and, from ``y_c``, the ``y_c_ratio`` over the truth and its natural logarithm
        ``log_y_c_ratio`` (NaN if the ratio is not positive).
    """
    matched, halos = match.pairs
    east, north = positions_of(truth)[halos].spherical_offsets_to(positions_of(detections)[matched])
    table = QTable(
        {
            "detection": matched,
            "halo": halos,
            "separation": match.separation[matched],
            "offset_east": u.Quantity(east, u.arcsec),
            "offset_north": u.Quantity(north, u.arcsec),
        }
    )
    if "snr" in detections.colnames:
        table["snr"] = column_of(detections, "snr")[matched]
    if "y_c" in detections.colnames:
        ratio = column_of(detections, "y_c")[matched] / column_of(truth, "y_c")[halos]
        table["y_c_ratio"] = ratio
        table["log_y_c_ratio"] = np.log(np.where(ratio > 0, ratio, np.nan))
    return table


def _information(
    instrument: Instrument,
    covariance: BandCovariance | Callable[[np.ndarray], np.ndarray],
    pixel_size: u.Quantity | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Multipoles, and the information F^T C^-1 F of all bands on Compton y at each."""
    if instrument.pixel_window and pixel_size is None:
        raise ValueError(
            f"the maps of {instrument.name!r} are averages over their pixels: give pixel_size"
        )
    side = u.Quantity(FINE_PIXELS if pixel_size is None else pixel_size, u.arcmin).value
    # Four pixels have the multipoles, and the window, of any map of such pixels.
    grid = FourierGrid((2, 2), (side, side))
    response = np.stack([band.tsz_response * band.beam.window(grid.ell) for band in instrument])
    if instrument.pixel_window:
        response *= grid.pixel_window()
    if not isinstance(covariance, BandCovariance):
        nodes = grid.ell[2::NODE_STEP]
        covariance = BandCovariance(nodes, np.asarray(covariance(nodes)))
    expected = (covariance.ell.size, len(instrument), len(instrument))
    if covariance.matrix.shape != expected:
        raise ValueError(
            f"the covariance does not fit the bands of {instrument.name!r}; found shape "
            f"{covariance.matrix.shape} at {covariance.ell.size} multipoles, expected {expected}"
        )
    return grid.ell, covariance.weigh(response[None], grid)[1][0, 0]
