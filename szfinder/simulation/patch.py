"""Patch: the piece of flat sky that is simulated, with the margin around it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from scipy import fft

from szfinder.filters import FourierGrid
from szfinder.filters.fourier import ARCMIN
from szfinder.maps.grid import celestial_grid, pixel_scale_at_center
from szfinder.simulation.region import Region

__all__ = ["Patch"]

#: Clusters and sources this far outside of the map still reach into it, in arcmin.
MARGIN = 30.0
#: The margin is never less than this part of the map, lest opposite edges see the same CMB.
RELATIVE_MARGIN = 0.05
#: The least side of the simulated sky in arcmin, so that a small map too has its large scales.
LEAST_SIDE = 120.0
#: Side of the cells that positions are drawn in, in arcmin.
CELL = 4.0


class Patch(Region):
    """The pixels of a flat map, in the middle of a larger periodic sky.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial.
    shape : tuple of int
        Shape (ny, nx) of the map.

    Attributes
    ----------
    grid : `~szfinder.filters.FourierGrid`
        Fourier grid of the larger sky.
    origin : tuple of int
        Pixel of the larger sky that holds the first pixel of the map, (y, x).
    """

    def __init__(self, wcs: WCS, shape: tuple[int, int]) -> None:
        self.wcs = celestial_grid(wcs, shape)
        self.shape = tuple(shape)
        scale = pixel_scale_at_center(self.wcs, self.shape)
        least = [
            max(n + 2 * max(MARGIN / side, RELATIVE_MARGIN * n), LEAST_SIDE / side)
            for n, side in zip(self.shape, scale)
        ]
        larger = tuple(fft.next_fast_len(int(np.ceil(n)), real=True) for n in least)
        self.grid = FourierGrid(larger, scale)
        self.origin = tuple((big - n) // 2 for big, n in zip(larger, self.shape))
        self._cells = tuple(
            np.linspace(-0.5, n - 0.5, max(int(round(n * side / CELL)), 2) + 1)
            for n, side in zip(larger, scale)
        )

    @cached_property
    def cell_area(self) -> np.ndarray:
        """Solid angle of the cells in sr; 0 where the projection has no sky."""
        y, x = np.meshgrid(*self._cells, indexing="ij")
        lon, lat = self.wcs.wcs_pix2world(x - self.origin[1], y - self.origin[0], 0)
        lon, lat = np.deg2rad([lon, lat])
        vector = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
        diagonals = vector[1:, 1:] - vector[:-1, :-1], vector[1:, :-1] - vector[:-1, 1:]
        return np.nan_to_num(np.linalg.norm(np.cross(*diagonals), axis=-1) / 2).ravel()

    def draw(self, rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
        """Random positions in cells, as pixels (x, y) of the map: shape (2, n)."""
        n_columns = self._cells[1].size - 1
        positions = []
        for edges, index, origin in (
            (self._cells[1], cells % n_columns, self.origin[1]),
            (self._cells[0], cells // n_columns, self.origin[0]),
        ):
            low, high = edges[index], edges[index + 1]
            positions.append(low + (high - low) * rng.random(index.size) - origin)
        return np.array(positions)

    def smooth_field(self, rng: np.random.Generator, power) -> np.ndarray:
        """Gaussian field with a power spectrum C(ell), one value a cell."""
        shape = tuple(edges.size - 1 for edges in self._cells)
        sides = [(edges[1] - edges[0]) * s for edges, s in zip(self._cells, self.grid.pixel_scale)]
        dy, dx = (side * ARCMIN for side in sides)
        ell = (
            2
            * np.pi
            * np.hypot(np.fft.fftfreq(shape[0], dy)[:, None], np.fft.rfftfreq(shape[1], dx))
        )
        white = fft.rfft2(rng.standard_normal(shape))
        amplitude = np.sqrt(power(np.maximum(ell, 1)) / (dy * dx))
        amplitude[0, 0] = 0
        return fft.irfft2(white * amplitude, s=shape).ravel()

    def displaced(self, positions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Positions moved by arcminutes; see `~szfinder.simulation.Region.displaced`."""
        dy, dx = self.grid.pixel_scale
        return positions + offsets / [[dx], [dy]]

    def slow_field(self, rng: np.random.Generator) -> np.ndarray:
        """Field of unit variance, in the pixels of the larger sky, that varies over the map."""
        y, x = (np.arange(n) / n for n in self.grid.padded_shape)
        waves = [(ky, kx) for ky in range(3) for kx in range(-2, 3) if (ky, kx) > (0, 0)]
        field = np.zeros(self.grid.padded_shape, np.float32)
        for (ky, kx), phase in zip(waves, 2 * np.pi * rng.random(len(waves))):
            field += np.cos(2 * np.pi * (ky * y[:, None] + kx * x) + phase)
        return field / field.std()

    def inside(self, positions: np.ndarray) -> np.ndarray:
        """Which positions lie in the map itself."""
        x, y = positions
        ny, nx = self.shape
        return (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)

    def to_sky(self, positions: np.ndarray) -> SkyCoord:
        """ICRS coordinates of positions."""
        return SkyCoord(self.wcs.pixel_to_world(*positions)).icrs

    def columns(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """The pixels of positions; see `~szfinder.simulation.Region.columns`."""
        return {"x_centroid": positions[0], "y_centroid": positions[1]}

    def from_sky(self, coordinates: SkyCoord) -> np.ndarray:
        """Positions of sky coordinates; see `~szfinder.simulation.Region.from_sky`."""
        positions = np.array(self.wcs.world_to_pixel(coordinates)).reshape(2, -1)
        self.check_inside(positions)
        return positions
