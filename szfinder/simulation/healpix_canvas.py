"""The canvas for HEALPix maps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import j0

from szfinder.filters.fourier import ARCMIN, pixel_window
from szfinder.maps import Instrument
from szfinder.simulation.canvas import Canvas
from szfinder.simulation.sphere import Sphere, white_alm

__all__ = ["HealpixCanvas"]

#: Radii at which the profile of an object is tabulated: equidistant in the root of the radius, and
#: so closest where the profile is steep.
N_RADIUS = 128
#: Step in multipole of the integral over waves; the fastest of them turn in 30 at ten degrees.
ELL_STEP = 4
#: How far the beams reach, in FWHM.
BEAM_REACH = 1.8
#: Clusters or sources that are painted at a time.
BLOCK = 1000
#: Largest ratio of sizes of clusters that are painted as far out as the largest of them.
LIKE = 1.2


class HealpixCanvas(Canvas):
    """The canvas of a sphere: fields are added up as spherical harmonics, objects as pixels.

    The pixels are taken for squares of their mean area. The profile of an object is tabulated with
    the beam and the pixel window in it, and so is smooth on the scale of the pixels wherever its
    centre falls.

    Parameters
    ----------
    sphere : `~szfinder.simulation.Sphere`
        The pixels.
    instrument : `~szfinder.maps.Instrument`
        The bands.
    """

    def __init__(self, sphere: Sphere, instrument: Instrument) -> None:
        import healpy

        super().__init__(instrument)
        self.sphere = sphere
        self.ell = np.arange(sphere.lmax + 1)
        n_alm = healpy.Alm.getsize(sphere.lmax)
        self._sky = np.zeros((len(instrument), n_alm), np.complex64)
        self._pixels = np.zeros((12 * sphere.nside**2, len(instrument)), np.float32)
        self._noise_rms = None
        side = np.sqrt(np.pi / 3) / sphere.nside / ARCMIN
        pixel = pixel_window(self.ell, (side, side)) if instrument.pixel_window else 1.0
        self._windows = [band.beam.window(self.ell) * pixel for band in instrument]

    def add_gaussian(self, rng, amplitude) -> None:
        tables = amplitude(np.maximum(self.ell, 1))
        tables[..., 0] = 0
        for field in np.moveaxis(tables, 1, 0):
            white = white_alm(rng, self.sphere.lmax)
            for alm, table in zip(self._sky, field):
                alm += _scaled(white, table)

    def add_points(self, positions, temperature) -> None:
        reach = self._reach(0.0)
        profile = self._radial(np.ones(self.ell.size), reach)
        for block in _blocks(positions.shape[1]):
            weights = temperature[:, block].T[:, None, :]
            self._stamp(positions[:, block], reach, weights * profile)

    def add_profiles(self, positions, family, integral, size, shape, response) -> None:
        shape = np.broadcast_to(shape, size.shape)
        for largest, like in _of_like_size(size):
            reach = self._reach(family.x_max * largest)

            @cache
            def radial(*node, reach=reach):
                return self._radial(family.transform(self.ell, *node), reach) * response

            for block in _blocks(like.size):
                rows = like[block]
                profiles = np.zeros((rows.size, N_RADIUS, len(response)), np.float32)
                for node, members, weights in family.shares(size[rows], shape[rows]):
                    profiles[members] += weights[:, None, None] * radial(*node)
                profiles *= integral[rows][:, None, None]
                self._stamp(positions[:, rows], reach, profiles)

    def gaussian_map(self, rng, power) -> np.ndarray:
        table = np.sqrt(power(np.maximum(self.ell, 1)))
        table[0] = 0
        return self._to_map(_scaled(white_alm(rng, self.sphere.lmax), table))

    def add_recoloured(self, image, amplitude, power) -> None:
        import healpy

        alm = healpy.map2alm(image, lmax=self.sphere.lmax, iter=0)
        scale = self.ell * (self.ell + 1.0)
        measured = gaussian_filter1d(healpy.alm2cl(alm) * scale, 3) + 1e-30
        wanted = power(np.maximum(self.ell, 1)) * scale
        alm = _scaled(alm.astype(np.complex64), np.sqrt(wanted / measured))
        for sky, factor in zip(self._sky, amplitude):
            sky += np.float32(factor) * alm

    def add_noise(self, rng, levels, amplitude, unevenness) -> None:
        colour = amplitude(np.maximum(self.ell, 1.0), None)
        pixel = np.sqrt(np.pi / 3) / self.sphere.nside / ARCMIN
        relative = np.float32(1)
        if unevenness > 0:
            relative = np.exp(np.float32(unevenness) * self._slow_field(rng))
            self._noise_rms = self._cut((levels / pixel).astype(np.float32)[:, None] * relative)
        for plane, level in zip(self._pixels.T, levels):
            if (colour == 1).all():
                noise = rng.standard_normal(plane.size, np.float32)
                noise *= np.float32(level / pixel)
            else:
                noise = self._to_map(
                    _scaled(white_alm(rng, self.sphere.lmax), colour * level * ARCMIN)
                )
            plane += noise * relative

    @property
    def noise_rms(self) -> np.ndarray | None:
        return self._noise_rms

    def maps(self) -> np.ndarray:
        maps = []
        for alm, pixels, window in zip(self._sky, self._pixels.T, self._windows):
            plane = self._to_map(_scaled(alm, window)) if alm.any() else 0
            maps.append(self._cut(plane + pixels))
        return np.array(maps)

    def _cut(self, maps: np.ndarray) -> np.ndarray:
        return maps if self.sphere.pixels is None else maps[..., self.sphere.pixels]

    def _to_map(self, alm: np.ndarray) -> np.ndarray:
        import healpy

        image = healpy.alm2map(alm.astype(complex), self.sphere.nside, lmax=self.sphere.lmax)
        return image.astype(np.float32)

    def _slow_field(self, rng: np.random.Generator) -> np.ndarray:
        """Field of unit variance on the scale of tens of degrees."""
        table = ((self.ell > 0) & (self.ell <= 6)).astype(float)
        field = self._to_map(_scaled(white_alm(rng, self.sphere.lmax), table))
        return field / field.std()

    def _reach(self, radius: float) -> float:
        """How far from its centre an object is painted, in arcmin."""
        return radius + BEAM_REACH * max(band.beam.fwhm for band in self.instrument)

    def _radial(self, transform: np.ndarray, reach: float) -> np.ndarray:
        """Profile per arcmin^2 with the beams in it, at radii up to a reach: (n_radius, n_band)."""
        radius = np.linspace(0, 1, N_RADIUS) ** 2 * reach * ARCMIN
        ell = self.ell[::ELL_STEP]
        weights = transform[::ELL_STEP] * ell / (2 * np.pi) * ARCMIN**2 * ELL_STEP
        waves = j0(np.outer(radius, ell))
        return np.stack([waves @ (weights * w[::ELL_STEP]) for w in self._windows], axis=-1)

    def _stamp(self, positions: np.ndarray, reach: float, profiles: np.ndarray) -> None:
        """Add profiles, of shape (n, n_radius, n_band), around positions."""
        import healpy

        centres = healpy.ang2vec(*positions, lonlat=True)
        steps = np.float32((N_RADIUS - 1) / np.sqrt(reach * ARCMIN))
        for centre, profile in zip(centres, profiles):
            pixels = healpy.query_disc(self.sphere.nside, centre, 0.999 * reach * ARCMIN)
            offset = self._vectors[pixels] - centre.astype(np.float32)
            # the chord: shorter than the arc by 1e-4 at two degrees
            chord = np.sqrt(np.einsum("ij,ij->i", offset, offset))
            index = np.sqrt(chord) * steps
            low = index.astype(np.intp)
            inner = profile[low]
            self._pixels[pixels] += inner + (index - low)[:, None] * (profile[low + 1] - inner)

    @cached_property
    def _vectors(self) -> np.ndarray:
        """Unit vectors of all pixels, to a hundredth of an arcsecond."""
        import healpy

        vectors = np.empty((12 * self.sphere.nside**2, 3), np.float32)
        for block in _blocks(len(vectors), 2**20):
            pixels = np.arange(block.start, block.stop)
            vectors[block] = np.stack(healpy.pix2vec(self.sphere.nside, pixels), axis=-1)
        return vectors


def _scaled(alm: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Coefficients times a function of multipole, in single precision."""
    lmax = table.size - 1
    table = table.astype(np.float32)
    scaled = np.empty_like(alm)
    start = 0
    for m in range(lmax + 1):
        stop = start + lmax + 1 - m
        scaled[start:stop] = alm[start:stop] * table[m:]
        start = stop
    return scaled


def _of_like_size(size: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """Groups of objects whose sizes differ by less than `LIKE`: the largest size, and the rows."""
    order = np.argsort(size)
    rung = np.floor(np.log(size[order]) / np.log(LIKE))
    for group in np.split(order, np.flatnonzero(np.diff(rung)) + 1):
        if group.size:
            yield size[group[-1]], group


def _blocks(n: int, size: int = BLOCK) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
