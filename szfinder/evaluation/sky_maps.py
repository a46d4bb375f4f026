"""Values of any map, an image or HEALPix, at any positions on the sky.

Both kinds are interpolated bilinearly between the four pixels around a position, and where one that
counts is bad, so is the value.
"""

from collections.abc import Mapping

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from szfinder.maps import MapError
from szfinder.maps.grid import celestial_grid, pixel_scale_at_center
from szfinder.maps.healpix import healpix_from_array, weighted_mean

__all__ = ["SkyMap", "random_positions"]

#: Pixels of a map from which its extent is judged, about.
N_PROBES = 10_000
#: Positions drawn, per position wanted, after which there seems to be no room for them.
MAX_DRAWS = 1000


class SkyMap:
    """A map that can be asked for its value anywhere.

    Parameters
    ----------
    image : array_like or `~astropy.units.Quantity`
        Image of shape (ny, nx), or HEALPix map of shape (n_pixels,); any quantity, NaN (and UNSEEN
        in a HEALPix map) where bad. Zeros are values: there may be no photon in a pixel.
    wcs : `~astropy.wcs.WCS` or mapping
        Celestial coordinates of an image; of a HEALPix map ``{"order": "ring", "frame":
        "galactic"}``, and of a partial one ``"nside"`` and ``"pixels"`` besides, as for
        `~szfinder.maps.read_maps`.
    mask : array_like of bool, optional
        True where bad, in the shape of the image.

    Attributes
    ----------
    unit : `~astropy.units.Unit`
        That of the image.
    dtype : `~numpy.dtype`
        That of its values, float32 or wider.
    pixel_size : `~astropy.units.Quantity`
        Side of a pixel, of an image at its centre, in arcmin.

    Raises
    ------
    `~szfinder.maps.MapError`
        If the shape of the map does not go with its coordinates or its mask.
    """

    def __init__(
        self, image: ArrayLike, wcs: WCS | Mapping, *, mask: ArrayLike | None = None
    ) -> None:
        self.unit = getattr(image, "unit", None) or u.one
        values = np.array(getattr(image, "value", image))
        values = values.astype(np.result_type(values, np.float32), copy=False)
        is_healpix = isinstance(wcs, Mapping)
        if values.ndim != (1 if is_healpix else 2):
            raise MapError(
                "the map does not go with its coordinates",
                found=f"shape {values.shape} and {type(wcs).__name__}",
                expected="2-D and a WCS, or 1-D and HEALPix keywords such as "
                "{'order': 'ring', 'frame': 'galactic'}",
            )
        values[~np.isfinite(values)] = np.nan
        if mask is not None:
            mask = np.asarray(mask, dtype=bool)
            if mask.shape != values.shape:
                raise MapError(
                    "the mask does not fit the map", found=mask.shape, expected=values.shape
                )
            values[mask] = np.nan
        self._pixels = (_HealpixPixels if is_healpix else _ImagePixels)(values, wcs)
        self.dtype, self.pixel_size = values.dtype, self._pixels.size

    def at(self, positions: SkyCoord) -> np.ndarray:
        """Values at positions in any frame, in their shape; NaN off the map and where bad."""
        flat = positions.reshape(-1)
        values = np.full(flat.size, np.nan, dtype=self.dtype)
        on_map, neighbours, weights = self._pixels.around(flat)
        values[on_map] = weighted_mean(neighbours, weights)
        return values.reshape(positions.shape)

    def probes(self) -> SkyCoord:
        """Centres of some pixels that are not bad, spread over the map; ICRS."""
        return self._pixels.probes()


def random_positions(
    sky_map: SkyMap,
    n: int,
    *,
    avoid: SkyCoord | None = None,
    distance: u.Quantity = 0 * u.arcmin,
    rng: int | np.random.Generator | None = None,
) -> SkyCoord:
    """Positions at random where a map is not bad, uniform on the sky.

    Parameters
    ----------
    sky_map : `SkyMap`
        The map.
    n : int
        How many.
    avoid : `~astropy.coordinates.SkyCoord`, optional
        Objects that none of them is to be near.
    distance : `~astropy.units.Quantity`, optional
        Least distance from those; a plain number is in arcmin.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ICRS.

    Raises
    ------
    ValueError
        If there is no room.
    """
    rng = np.random.default_rng(rng)
    center, lowest = _cap(sky_map.probes())
    found, n_found, n_drawn, step = [], 0, 0, 2 * n + 100
    while n_found < n:
        if n_drawn >= MAX_DRAWS * n:
            raise ValueError(
                f"only {n_found} of {n} random positions were found {distance} or more from all "
                "objects; ask for a smaller distance"
            )
        height = rng.uniform(lowest, 1, step)
        angle = rng.uniform(0, 2 * np.pi, step) << u.rad
        drawn = center.directional_offset_by(angle, np.arccos(height) << u.rad)
        drawn = drawn[np.isfinite(sky_map.at(drawn))]
        if avoid is not None and avoid.size and drawn.size:
            nearest = drawn.match_to_catalog_sky(avoid)[1]
            drawn = drawn[nearest >= u.Quantity(distance, u.arcmin)]
        found.append([drawn.ra.deg, drawn.dec.deg])
        n_found, n_drawn = n_found + drawn.size, n_drawn + step
    return SkyCoord(*np.concatenate(found, axis=1)[:, :n], unit="deg")


def _cap(probes: SkyCoord) -> tuple[SkyCoord, float]:
    """A disc on the sky around all pixels: its centre, and the cosine of its radius."""
    if not probes.size:
        raise ValueError("every pixel of the map is bad")
    mean = UnitSphericalRepresentation.from_cartesian(probes.cartesian.mean())
    center = SkyCoord(mean.lon, mean.lat)
    # A margin for what lies between the probes.
    radius = 1.1 * center.separation(probes).max().rad + 0.01
    return center, np.cos(min(radius, np.pi))


class _ImagePixels:
    """Pixels of an image."""

    def __init__(self, values: np.ndarray, wcs: WCS) -> None:
        self.values = np.pad(values, 1, constant_values=np.nan)
        self._wcs = celestial_grid(wcs, values.shape)
        self.size = np.sqrt(np.prod(pixel_scale_at_center(self._wcs, values.shape))) << u.arcmin

    def around(self, positions: SkyCoord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which positions are on the map, and values and weights of four pixels around those."""
        x, y = self._wcs.world_to_pixel(positions)
        x, y = x + 1, y + 1  # of the padded image
        ny, nx = self.values.shape
        on_map = (x >= 0) & (x < nx - 1) & (y >= 0) & (y < ny - 1)
        x, y = x[on_map], y[on_map]
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        x, y = x - column, y - row
        weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
        rows = np.stack([row, row, row + 1, row + 1])
        columns = np.stack([column, column + 1, column, column + 1])
        return on_map, self.values[rows, columns], weights

    def probes(self) -> SkyCoord:
        """Centres of some pixels."""
        step = int(np.ceil(np.sqrt(self.values.size / N_PROBES)))
        y, x = np.nonzero(np.isfinite(self.values[1:-1:step, 1:-1:step]))
        positions = SkyCoord(self._wcs.pixel_to_world(step * x, step * y)).icrs
        return positions[np.isfinite(positions.ra)]


class _HealpixPixels:
    """Pixels of a HEALPix map."""

    def __init__(self, values: np.ndarray, keywords: Mapping) -> None:
        self._map = healpix_from_array(values, dict(keywords), band=None, zeros_are_bad=False)
        self.values = self._map.values
        self.size = np.sqrt(np.pi / 3) / self._map.nside * u.rad.to(u.arcmin) << u.arcmin

    def around(self, positions: SkyCoord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which positions are on the map, and values and weights of four pixels around those."""
        import healpy

        on_sky = positions.transform_to(self._map.frame).spherical
        pixels, weights = healpy.get_interp_weights(
            self._map.nside, on_sky.lon.deg, on_sky.lat.deg, nest=self._map.nested, lonlat=True
        )
        return np.ones(positions.size, dtype=bool), self._map.at(pixels), weights

    def probes(self) -> SkyCoord:
        """Centres of some pixels."""
        import healpy

        good = np.flatnonzero(np.isfinite(self.values))
        good = good[:: max(1, good.size // N_PROBES)]
        pixels = good if self._map.pixels is None else self._map.pixels[good]
        lon, lat = healpy.pix2ang(self._map.nside, pixels, nest=self._map.nested, lonlat=True)
        return SkyCoord(lon, lat, unit="deg", frame=self._map.frame).icrs
