"""Stacks: the mean of a map around many positions."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import (
    CartesianRepresentation,
    SkyCoord,
    UnitSphericalRepresentation,
)
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from szfinder.evaluation.rings import checked_radii, ring_means, ring_weights
from szfinder.evaluation.sky_maps import SkyMap
from szfinder.finders.tables import positions_of

__all__ = ["Stack", "cut_out", "stack_maps"]

#: Pixels of cutouts that are interpolated at a time, to bound the memory.
BLOCK = 2**20


@dataclass(frozen=True, eq=False)
class Stack:
    """Cutouts of a map around many positions, and their mean.

    Each is a gnomonic (tangent) projection about its position, which lies at the centre of the
    array. Rows grow upwards and columns to the right; in a cutout that is not rotated north is up,
    and east is left.

    Parameters
    ----------
    cutouts : `~astropy.units.Quantity`
        Shape (n, ny, nx), NaN where the map is bad or ends; in the unit of the map.
    pixel_size : `~astropy.units.Quantity`
        Side of a pixel in arcmin.
    weights : `~numpy.ndarray`
        Weight of each cutout, shape (n,).
    """

    cutouts: u.Quantity
    pixel_size: u.Quantity
    weights: np.ndarray

    @property
    def on_map(self) -> np.ndarray:
        """Whether any pixel of each cutout is on the map."""
        return np.isfinite(self.cutouts.value).any(axis=(1, 2))

    @property
    def n_off(self) -> int:
        """Number of positions off the map, of which nothing enters."""
        return int(np.count_nonzero(~self.on_map))

    @property
    def n(self) -> np.ndarray:
        """Number of cutouts that each pixel was averaged over, shape (ny, nx)."""
        return np.isfinite(self.cutouts.value).sum(axis=0)

    @property
    def mean(self) -> u.Quantity:
        """Weighted mean, pixel by pixel, of what is not NaN; shape (ny, nx)."""
        good = np.isfinite(self.cutouts.value)
        total = np.einsum("i,ijk->jk", self.weights, np.where(good, self.cutouts.value, 0))
        weight = np.einsum("i,ijk->jk", self.weights, good)
        mean = np.divide(total, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
        return mean << self.cutouts.unit

    @property
    def median(self) -> u.Quantity:
        """Median, pixel by pixel, of what is not NaN, without weights; shape (ny, nx)."""
        ordered = np.sort(self.cutouts.value, axis=0)  # NaN last
        n = self.n[None]
        low, high = np.maximum(n - 1, 0) // 2, n // 2
        middle = [np.take_along_axis(ordered, index, axis=0)[0] for index in (low, high)]
        return (middle[0] + middle[1]) / 2 << self.cutouts.unit


def stack_maps(
    image: ArrayLike,
    wcs: WCS | Mapping,
    positions: SkyCoord | Table,
    *,
    size: u.Quantity,
    pixel_size: u.Quantity | None = None,
    weights: ArrayLike | None = None,
    position_angle: u.Quantity | None = None,
    background: u.Quantity | None = None,
    mask: ArrayLike | None = None,
) -> Stack:
    """Stack a map at positions, as in Figs. 4 and 5 of Bonjean (2020).

    Parameters
    ----------
    image : array_like or `~astropy.units.Quantity`
        Image of shape (ny, nx), or HEALPix map of shape (n_pixels,); any quantity, NaN (and UNSEEN
        in a HEALPix map) where bad. Zeros are values.
    wcs : `~astropy.wcs.WCS` or mapping
        Celestial coordinates of an image; of a HEALPix map ``{"order": "ring", "frame":
        "galactic"}``, and of a partial one ``"nside"`` and ``"pixels"`` besides, as for
        `~szfinder.maps.read_maps`.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        Where; of a table see `positions_of`. North is that of their frame, of tables the ICRS.
    size : `~astropy.units.Quantity`
        Side of the cutouts, to a whole number of pixels; a plain number is in arcmin.
    pixel_size : `~astropy.units.Quantity`, optional
        Side of their pixels, between which the map is interpolated bilinearly; by default as the
        map has them.
    weights : array_like, optional
        Weight of each position; by default all the same.
    position_angle : `~astropy.units.Quantity`, optional
        Direction, from north to east, that points up in each cutout, one or one for each position;
        by default north. Angles at random wash out what has one direction all over the map.
    background : `~astropy.units.Quantity`, optional
        Inner and outer radius of a ring whose mean is subtracted from each cutout.
    mask : array_like of bool, optional
        True where the map is bad.

    Returns
    -------
    `Stack`
        With one cutout for each position; those of positions off the map are all NaN.

    Warns
    -----
    `~astropy.utils.exceptions.AstropyUserWarning`
        If positions lie off the map; says how many.

    Raises
    ------
    ValueError
        If no position is on the map, or the weights do not fit.
    """
    sky_map = SkyMap(image, wcs, mask=mask)
    pixel_size = sky_map.pixel_size if pixel_size is None else u.Quantity(pixel_size, u.arcmin)
    size = u.Quantity(size, u.arcmin)
    if not 0 < pixel_size <= size:
        raise ValueError(f"size must be a pixel, {pixel_size:.4g}, or more; found {size}")
    if isinstance(positions, Table):
        positions = positions_of(positions)
    weights = np.ones(positions.size) if weights is None else np.array(weights, dtype=float)
    if weights.shape != (positions.size,) or not (weights >= 0).all():
        raise ValueError(f"weights must be {positions.size} numbers, none of them negative")
    n = round((size / pixel_size).value)
    cutouts = cut_out(sky_map, positions, (n, n), pixel_size, position_angle=position_angle)
    if background is not None:
        edges = checked_radii(background, "background", 2)
        cutouts -= ring_means(cutouts, ring_weights((n, n), pixel_size.value, edges))[0][..., None]
    stack = Stack(cutouts << sky_map.unit, pixel_size, weights)
    _report(stack)
    return stack


def cut_out(
    sky_map: SkyMap,
    positions: SkyCoord,
    shape: tuple[int, int],
    pixel_size: u.Quantity,
    *,
    position_angle: u.Quantity | None = None,
) -> np.ndarray:
    """Gnomonic cutouts around positions, shape (n, ny, nx); NaN off the map and where bad."""
    frame = positions.frame.replicate_without_data(representation_type="unitspherical")
    y, x = (np.indices(shape).T - (np.array(shape) - 1) / 2).T * pixel_size.to_value(u.rad)
    angle = 0 * u.deg if position_angle is None else u.Quantity(position_angle, u.deg)
    axes = _axes(positions, np.broadcast_to(angle.to_value(u.rad), positions.size))
    cutouts = np.empty((positions.size, *shape), dtype=sky_map.dtype)
    step = max(1, BLOCK // x.size)
    for block in (slice(i, i + step) for i in range(0, positions.size, step)):
        forward, right, up = axes[:, :, block, None, None]
        direction = CartesianRepresentation(forward + x * right + y * up)
        on_sky = direction.represent_as(UnitSphericalRepresentation)
        cutouts[block] = sky_map.at(SkyCoord(frame.realize_frame(on_sky)))
    return cutouts


def _axes(positions: SkyCoord, angle: np.ndarray) -> np.ndarray:
    """Unit vectors to positions, to their right and up, shape (3 vectors, 3 components, n)."""
    lon, lat = positions.spherical.lon.rad, positions.spherical.lat.rad
    nothing = np.zeros(lon.size)
    forward = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.stack([-np.sin(lon), np.cos(lon), nothing])
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    up = np.cos(angle) * north + np.sin(angle) * east
    right = np.sin(angle) * north - np.cos(angle) * east
    return np.stack([forward, right, up])


def _report(stack: Stack) -> None:
    n = len(stack.cutouts)
    if stack.n_off == n:
        raise ValueError(f"none of {n} positions is on the map, or all of it is bad there")
    if stack.n_off:
        message = f"{stack.n_off} of {n} positions lie off the map, or all of it is bad there"
        warnings.warn(message, AstropyUserWarning, stacklevel=3)
