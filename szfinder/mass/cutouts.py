"""Cutouts of maps around clusters."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData

from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import HealpixMap, HealpixStack, MapError, MapStack, wcs_for_patch
from szfinder.mass.flags import MASS_FLAGS
from szfinder.models import Preset

__all__ = ["cutouts_at"]

#: Pixels that are farther away than any map is wide.
FAR = 1e9
#: Side of the pixels of HEALPix maps over that of a preset up to which they are fine enough.
COARSEST = 1.2


def cutouts_at(
    maps: MapStack | HealpixStack | NDData,
    positions: SkyCoord,
    preset: Preset,
    *,
    mask: np.ndarray | HealpixMap | tuple | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cutouts as a network takes them, with each cluster in the middle pixel.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
        The maps.
    positions : `~astropy.coordinates.SkyCoord`
        Of the clusters, shape (n,).
    preset : `~szfinder.models.Preset`
        The network.
    mask : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for pixels that are not to be used; for HEALPix maps a
        HEALPix map, as `~szfinder.maps.HealpixStack.masked` takes it.

    Returns
    -------
    cutouts : `~numpy.ndarray`
        Shape (n, n_band, side, side), the bands of the network, uK_CMB.
    flags : `~numpy.ndarray` of int
        Shape (n,): ``edge`` where a cutout reaches beyond the maps, and ``masked`` where it has a
        bad pixel in any band; see ``MASS_FLAGS``. HEALPix maps have no edge: beyond a partial one
        all pixels are bad.

    Raises
    ------
    `~szfinder.maps.MapError`
        If bands, beams or pixels do not fit, or the mask does not.
    """
    if isinstance(maps, HealpixStack):
        return _from_sphere(maps if mask is None else maps.masked(mask), positions, preset)
    maps = as_map_stack(maps)
    planes = list(preset.check_maps(maps))
    data = maps.data[planes]
    bad = ~np.isfinite(data).all(axis=0) | checked_mask(maps, mask)
    side = preset.preprocessing.image_size
    x, y = maps.wcs.world_to_pixel(positions)
    # a position that the projection does not have is as far beyond the maps as any; one between
    # two pixels is not to depend on the last digits of a WCS
    x, y = (np.clip(np.nan_to_num(p, nan=-FAR), -FAR, FAR) + 0.5 + 1e-6 for p in (x, y))
    x, y = (np.floor(p).astype(int) - side // 2 for p in (x, y))
    ny, nx = maps.shape
    inside = (x >= 0) & (y >= 0) & (x + side <= nx) & (y + side <= ny)
    cutouts = np.full((len(positions), len(planes), side, side), np.nan, np.float32)
    flags = np.where(inside, 0, MASS_FLAGS["edge"])
    for number in np.flatnonzero(inside):
        rows, columns = slice(y[number], y[number] + side), slice(x[number], x[number] + side)
        cutouts[number] = data[:, rows, columns]
        if bad[rows, columns].any():
            flags[number] = MASS_FLAGS["masked"]
    return cutouts, flags


def _from_sphere(
    maps: HealpixStack, positions: SkyCoord, preset: Preset
) -> tuple[np.ndarray, np.ndarray]:
    """The same of HEALPix maps: a patch around each cluster."""
    preprocessing = preset.preprocessing
    side, pixel = preprocessing.image_size, preprocessing.pixel_size * u.arcmin
    # all bands and beams are looked at, even without a cluster; pixels are as they should be
    wcs, shape = wcs_for_patch(SkyCoord(0, 0, unit="deg"), side * pixel, pixel)
    blank = np.zeros((len(maps.bands), *shape), np.float32)
    planes = list(preset.check_maps(MapStack(blank, wcs=wcs, instrument=maps.instrument)))
    _check_pixels(maps, planes, preset)
    cutouts = np.full((len(positions), len(planes), side, side), np.nan, np.float32)
    # finer maps are averaged over so many points on a side of a pixel, and not only looked up
    n = max(1, int(preprocessing.pixel_size / maps.pixel_size))
    for number in np.flatnonzero(np.isfinite(positions.cartesian.xyz).all(axis=0)):
        position = positions[number]
        wcs, _ = wcs_for_patch(position, side * pixel, pixel / n)
        wcs.wcs.crpix = [(side // 2 + 0.5) * n + 0.5] * 2
        points = maps.around(position, side * pixel).planes(wcs, (side * n, side * n))[planes]
        cutouts[number] = points.reshape(-1, side, n, side, n).mean(axis=(2, 4))
    bad = ~np.isfinite(cutouts).all(axis=(1, 2, 3))
    return cutouts, np.where(bad, MASS_FLAGS["masked"], 0)


def _check_pixels(maps: HealpixStack, planes: list[int], preset: Preset) -> None:
    """Refuse pixels that are wider than those of the network: nothing makes them sharper."""
    wanted = preset.preprocessing.pixel_size
    for plane in planes:
        band_map = maps.maps[plane]
        if band_map.pixel_size > COARSEST * wanted:
            raise MapError(
                f"the HEALPix maps are too coarse for preset {preset.name!r}",
                band=maps.bands[plane].name,
                found=f"nside {band_map.nside}, pixels of {band_map.pixel_size:.2f} arcmin",
                expected=f"pixels of {wanted:g} arcmin or finer",
            )
