"""The WCS of some of the pixels of a map: from a first one on, and every so many."""

import numpy as np
from astropy.wcs import WCS, Sip

__all__ = ["strided_wcs"]


def strided_wcs(wcs: WCS, first: tuple[float, float], step: int = 1) -> WCS:
    """The WCS of a map whose pixels are some of those of another, or lie between them.

    Distortions (SIP, Shupe et al. 2005, and look-up tables) are in pixels, and become finer with a
    larger step.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Of the whole map.
    first : tuple of float
        Pixel (x, y) of the whole map, from 0, that is the first of the new one.
    step : int, optional
        Distance of neighbouring pixels of the new map, in those of the whole one.

    Returns
    -------
    astropy.wcs.WCS
        Without a shape.
    """

    def renumbered(pixel: np.ndarray) -> np.ndarray:
        return (np.asarray(pixel) - 1 - first) / step + 1

    strided = wcs.deepcopy()
    strided.pixel_shape = None
    strided.wcs.crpix = renumbered(wcs.wcs.crpix)
    if wcs.wcs.has_cd():
        strided.wcs.cd = wcs.wcs.cd * step
    else:
        strided.wcs.cdelt = wcs.wcs.cdelt * step
    if wcs.sip is not None:
        polynomials = (wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp)
        strided.sip = Sip(*(_scaled(p, step) for p in polynomials), renumbered(wcs.sip.crpix))
    for table in (strided.cpdis1, strided.cpdis2, strided.det2im1, strided.det2im2):
        if table is not None:
            table.crval = renumbered(table.crval)
            table.cdelt = np.asarray(table.cdelt) / step
            table.data = table.data / step
    return strided


def _scaled(coefficients: np.ndarray | None, step: int) -> np.ndarray | None:
    """Polynomial in two pixel coordinates, for pixels that are larger by a factor."""
    if coefficients is None:
        return None
    power = np.add.outer(*map(np.arange, coefficients.shape))
    return coefficients * float(step) ** (power - 1)
