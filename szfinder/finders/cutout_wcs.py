"""WCS of a score map that has a pixel for each cutout."""

import numpy as np
from astropy.wcs import WCS, Sip

__all__ = ["wcs_of_cutouts"]


def wcs_of_cutouts(wcs: WCS, size: int, step: int, shape: tuple[int, int]) -> WCS:
    """WCS whose pixels are the cutouts: the first is at the middle of the first one.

    Distortions (SIP, Shupe et al. 2005, and look-up tables) are in pixels, and so become finer.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Of the maps.
    size, step : int
        Side of a cutout, and distance of neighbouring ones, in pixels of the maps.
    shape : tuple of int
        (ny, nx), the number of cutouts.
    """

    def coarse_pixel(pixel: np.ndarray) -> np.ndarray:
        return (np.asarray(pixel) - 1 - (size - 1) / 2) / step + 1

    coarse = wcs.deepcopy()
    coarse.pixel_shape = shape[::-1]
    coarse.wcs.crpix = coarse_pixel(wcs.wcs.crpix)
    if wcs.wcs.has_cd():
        coarse.wcs.cd = wcs.wcs.cd * step
    else:
        coarse.wcs.cdelt = wcs.wcs.cdelt * step
    if wcs.sip is not None:
        polynomials = (wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp)
        coarse.sip = Sip(*(_scaled(p, step) for p in polynomials), coarse_pixel(wcs.sip.crpix))
    for table in (coarse.cpdis1, coarse.cpdis2, coarse.det2im1, coarse.det2im2):
        if table is not None:
            table.crval = coarse_pixel(table.crval)
            table.cdelt = np.asarray(table.cdelt) / step
            table.data = table.data / step
    return coarse


def _scaled(coefficients: np.ndarray | None, step: int) -> np.ndarray | None:
    """Polynomial in two pixel coordinates, for pixels that are larger by a factor."""
    if coefficients is None:
        return None
    power = np.add.outer(*map(np.arange, coefficients.shape))
    return coefficients * float(step) ** (power - 1)
