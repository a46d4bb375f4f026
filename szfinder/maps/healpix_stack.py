"""HealpixStack: the HEALPix maps of all bands, of the whole sky or a part of it."""

import os
from collections.abc import Iterable
from dataclasses import replace

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szfinder.maps.by_band import as_instrument, match_bands, per_band, uk_cmb_factor
from szfinder.maps.errors import MapError
from szfinder.maps.healpix import BLOCK, HealpixMap, Patch, healpix_from_array
from szfinder.maps.instrument import Instrument
from szfinder.maps.sources import read_source
from szfinder.maps.stack import MapStack

__all__ = ["HealpixStack", "read_healpix"]

#: Pixels across which it is looked at whether a part of the sky holds any good ones.
PROBES = 16


class HealpixStack:
    """HEALPix maps in uK_CMB, one a band, NaN where bad; they may differ in nside, order and frame.

    Usually made by `read_healpix`. Finders search it as they search a `MapStack`, in tiles.

    Parameters
    ----------
    maps : iterable of `~szfinder.maps.HealpixMap`
        Whole or partial, in uK_CMB, in the order of the bands.
    instrument : Instrument
        The bands.
    masks : iterable of `~szfinder.maps.HealpixMap`, optional
        Maps that are NaN where those of no band are to be used; see `masked`.

    Attributes
    ----------
    maps : tuple of `~szfinder.maps.HealpixMap`
        With float32 values.
    instrument : Instrument
    masks : tuple of `~szfinder.maps.HealpixMap`

    Raises
    ------
    MapError
        If there are not as many maps as bands.
    """

    def __init__(self, maps: Iterable[HealpixMap], *, instrument: Instrument,
                 masks: Iterable[HealpixMap] = ()):
        self.maps = tuple(replace(band_map, values=np.asarray(band_map.values, np.float32))
                          for band_map in maps)
        self.instrument = instrument
        self.masks = tuple(masks)
        if len(self.maps) != len(instrument):
            raise MapError("the maps do not fit the instrument", found=f"{len(self.maps)} maps",
                           expected=f"one a band, {', '.join(instrument.names)}")
        for name, band_map in zip(instrument.names, self.maps):
            if band_map.unit not in (None, u.uK, "uK_CMB"):
                raise MapError("a HealpixStack takes maps in uK_CMB", band=name,
                               found=str(band_map.unit), expected="uK_CMB, or no unit",
                               hint="read_healpix converts them")

    def __repr__(self):
        bands = ", ".join(f"{name} (nside {band_map.nside})"
                          for name, band_map in zip(self.instrument.names, self.maps))
        return f"<HealpixStack: {self.instrument.name}, bands {bands}; {self.frame}>"

    @property
    def bands(self) -> tuple:
        """The bands, in the order of the maps."""
        return self.instrument.bands

    @property
    def finest(self) -> HealpixMap:
        """The map of the greatest nside, the first of them."""
        return max(self.maps, key=lambda band_map: band_map.nside)

    @property
    def nside(self) -> int:
        """That of the finest map."""
        return self.finest.nside

    @property
    def frame(self) -> str:
        """Frame of the finest map, the name of an astropy frame."""
        return self.finest.frame

    @property
    def pixel_size(self) -> float:
        """Square root of the area of the pixels of the finest map, in arcmin."""
        return self.finest.pixel_size

    def masked(self, mask) -> "HealpixStack":
        """The stack without some of its pixels, which count as bad.

        Parameters
        ----------
        mask : HealpixMap or tuple
            Map of any nside, order and frame, or ``(array, keywords)`` as for `read_healpix`: True,
            not zero or NaN for pixels that are not to be used. Those that a partial mask lacks are
            not used either.

        Raises
        ------
        MapError
            If it is neither.
        """
        if isinstance(mask, tuple) and len(mask) == 2 and isinstance(mask[1], dict):
            mask = healpix_from_array(*mask, band=None, zeros_are_bad=False)
        if not isinstance(mask, HealpixMap):
            raise MapError("not the mask of HEALPix maps", found=type(mask).__name__,
                           expected="a HealpixMap, or (array, {'order': ..., 'frame': ...})")
        values = np.where(mask.values == 0, np.float32(0), np.float32(np.nan))
        return HealpixStack(self.maps, instrument=self.instrument,
                            masks=(*self.masks, replace(mask, values=values)))

    def patch(self, wcs: WCS, shape: tuple[int, int]) -> MapStack:
        """The maps on a flat patch, interpolated bilinearly, NaN where a neighbour is bad.

        Parameters
        ----------
        wcs : astropy.wcs.WCS
            Celestial; see `wcs_for_patch`.
        shape : tuple of int
            ``(ny, nx)``.

        Raises
        ------
        MapError
            If a band has no good pixel there.
        """
        return MapStack(self.planes(wcs, shape), wcs=wcs, instrument=self.instrument)

    def planes(self, wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
        """The values of `patch` alone: ``(n_band, ny, nx)`` float32, which may all be NaN."""
        patch = Patch(wcs, shape)
        planes = np.array([patch.interpolate(band_map) for band_map in self.maps], np.float32)
        for mask in self.masks:
            planes[:, np.isnan(patch.interpolate(mask))] = np.nan
        return planes

    def around(self, center: SkyCoord, radius: u.Quantity) -> "HealpixStack":
        """The part of the stack that patches within a radius of a position are made of."""
        import healpy  # it loads matplotlib, which nothing else here needs

        def part(healpix_map):
            neighbour = 3 * healpy.max_pixrad(healpix_map.nside) * u.rad
            return healpix_map.around(center, radius + neighbour)

        return HealpixStack(map(part, self.maps), instrument=self.instrument,
                            masks=map(part, self.masks))

    def tiles_with_data(self, nside: int, frame: str) -> np.ndarray:
        """Pixels of a coarse grid that may hold pixels that are good in all bands.

        Parameters
        ----------
        nside : int
            Of the coarse grid.
        frame : str
            Of the coarse grid, the name of an astropy frame.

        Returns
        -------
        numpy.ndarray of int
            Ascending numbers in RING order. Some may hold none, and be but near some.
        """
        import healpy

        lon, lat = healpy.pix2ang(nside, np.arange(12 * nside**2), lonlat=True)
        centers = SkyCoord(lon, lat, unit="deg", frame=frame)
        near = np.ones(12 * nside**2, dtype=bool)
        for healpix_map in (*self.maps, *self.masks):
            near &= _near_good(healpix_map, centers, nside)
        return np.flatnonzero(near)


def read_healpix(maps, *, instrument: Instrument | str | os.PathLike, unit=None,
                 hdu=None) -> HealpixStack:
    """Read the HEALPix maps of the bands of an instrument, in uK_CMB.

    The sibling of `read_maps` that leaves the maps on the sphere.

    Parameters
    ----------
    maps : mapping
        From the name of a band to its map, in any of these forms:

        * the path of a FITS file, an HDU or an HDUList with a HEALPix table, whole or partial.
          ``(path, {...})`` overrides what the file says, and ``"column"`` chooses its column;
        * ``(array, {"order": "nested", "frame": "galactic"})``; a partial one with ``"nside"`` and
          ``"pixels"`` besides. The array may be a Quantity.

        The stack has these bands, in the order of the instrument. They may differ in nside, order
        and frame. A `HealpixStack` is returned as is.
    instrument : Instrument, str or path-like
        An instrument, the name of a preset, or the path of a YAML file.
    unit : str or mapping, optional
        Unit of all maps, or a band, as in `read_maps`.
    hdu : int, str or mapping, optional
        The HDU of all files, or a band.

    Returns
    -------
    HealpixStack

    Raises
    ------
    MapError
        If anything is wrong with the input, or a map is not HEALPix. It names the band, the file,
        and what to do.

    Notes
    -----
    What is not finite or UNSEEN is bad; exact zeros are, too, where they are over 1 per cent.
    """
    if isinstance(maps, HealpixStack):
        return maps
    instrument, maps = match_bands(maps, as_instrument(instrument))
    unit = per_band(unit, "unit", instrument)
    hdu = per_band(hdu, "hdu", instrument)
    sources = []
    for band in instrument:
        source = read_source(maps[band.name], band=band.name, hdu=hdu[band.name])
        if not isinstance(source, HealpixMap):
            raise MapError("the map is not HEALPix", band=band.name, file=source.file,
                           found=f"an image of shape {source.values.shape}",
                           expected="a HEALPix table, or (array, {'order': ..., 'frame': ...})",
                           hint="read images with szfinder.maps.read_maps")
        factor = uk_cmb_factor(band, source, unit[band.name])
        values = (source.values * factor).astype(np.float32)
        if not np.isfinite(values).any():
            raise MapError("the map is empty: every pixel is NaN, UNSEEN or exactly zero",
                           band=band.name, file=source.file)
        sources.append(replace(source, values=values, unit=u.uK))
    return HealpixStack(sources, instrument=instrument)


def _near_good(healpix_map, centers, nside):
    """Whether good pixels may be in coarse pixels around some centres.

    It is asked of a grid of `PROBES` pixels across a coarse one, or of the pixels themselves.
    """
    import healpy
    from scipy.spatial import cKDTree

    good = np.flatnonzero(np.isfinite(healpix_map.values))
    pixels = good if healpix_map.pixels is None else healpix_map.pixels[good]
    probe = min(PROBES * nside, healpix_map.nside)
    occupied = np.zeros(12 * probe**2, dtype=bool)
    n_blocks = -(-pixels.size // BLOCK)
    for first in range(n_blocks):  # each spread over all, so that the first may be enough
        vectors = healpy.pix2vec(healpix_map.nside, pixels[first::n_blocks],
                                 nest=healpix_map.nested)
        occupied[healpy.vec2pix(probe, *vectors)] = True
        if occupied.all():
            break
    if not occupied.any():
        return np.zeros(centers.shape, dtype=bool)
    tree = cKDTree(np.transpose(healpy.pix2vec(probe, np.flatnonzero(occupied))))
    reach = sum(healpy.max_pixrad(n) for n in (nside, probe, healpix_map.nside))
    vectors = centers.transform_to(healpix_map.frame).cartesian.xyz.value.T
    return tree.query(vectors)[0] <= 2 * np.sin(min(reach, np.pi) / 2)
