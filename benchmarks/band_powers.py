"""Power spectra of square maps, seen through a taper."""

import numpy as np
from scipy.signal.windows import tukey


def band_powers(one, other, pixel, edges):
    """D_ell of two maps with pixels of a side in arcmin, averaged between edges in multipole."""
    window = taper(len(one))
    modes, others = (np.fft.fft2(window * image) for image in (one, other))
    power = (modes * others.conj()).real * radians(pixel) ** 2 / np.sum(window**2)
    return in_bins(power, pixel, edges)


def expected_band_powers(spectrum, n, pixel, edges):
    """What `band_powers` expects of a Gaussian field: its correlation times that of the taper."""
    correlation = np.fft.ifft2(spectrum(multipole(2 * n, pixel)))
    window = np.abs(np.fft.fft2(taper(n), s=(2 * n, 2 * n))) ** 2
    power = np.fft.fft2(np.real(correlation * np.fft.ifft2(window))).real / np.sum(taper(n) ** 2)
    # every second mode is one of the map's own
    return in_bins(power[::2, ::2], pixel, edges)


def in_bins(power, pixel, edges):
    """Mean of D_ell between edges, of a power spectrum at the modes of a square."""
    ell = multipole(len(power), pixel)
    d_ell = ell * (ell + 1) / (2 * np.pi) * power
    return np.histogram(ell, edges, weights=d_ell)[0] / np.histogram(ell, edges)[0]


def multipole(n, pixel):
    """Multipole of each mode."""
    ell = 2 * np.pi * np.fft.fftfreq(n, radians(pixel))
    return np.hypot(ell[:, None], ell)


def taper(n):
    """A square that falls off towards its edges."""
    return np.outer(tukey(n, 0.3), tukey(n, 0.3))


def radians(arcmin):
    """An angle in radians."""
    return np.deg2rad(arcmin / 60)
