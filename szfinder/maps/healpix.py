"""HEALPix maps: reading them, and interpolation onto the pixels of a patch.

A pixel of the patch is the bilinear mean of its four HEALPix neighbours
(`healpy.get_interp_weights`; Gorski et al. 2005, ApJ 622, 759). Bad pixels are NaN before that, so
that what is not observed never leaks into what is.
"""

from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from szfinder.maps.errors import MapError

__all__ = ["HealpixMap", "Patch", "healpix_from_array", "healpix_from_table", "weighted_mean"]

FRAMES = {"G": "galactic", "GALACTIC": "galactic",
          "C": "icrs", "Q": "icrs", "CELESTIAL": "icrs", "EQUATORIAL": "icrs", "ICRS": "icrs",
          "FK5": "icrs", "J2000": "icrs",
          "E": "barycentricmeanecliptic", "ECLIPTIC": "barycentricmeanecliptic"}
ORDERS = {"RING": False, "NESTED": True, "NEST": True}
INDEX_COLUMNS = ("PIXEL", "PIXELS", "PIX", "HPX_INDEX", "INDEX")

UNSEEN = -1.6375e30  # the bad-pixel value of the HEALPix software
BLOCK = 2**20  # pixels of the patch at a time, to bound the memory
NEGLIGIBLE = 1e-5  # weight below which a bad neighbour does no harm


@dataclass
class HealpixMap:
    """A whole or partial HEALPix map, NaN where bad.

    Parameters
    ----------
    values : `~numpy.ndarray`
        One value a pixel: all ``12 nside^2``, or those of ``pixels``.
    nside : int
        Resolution.
    nested : bool
        Whether pixels are numbered in the nested order; otherwise in that of rings.
    frame : str
        Name of an astropy frame.
    pixels : `~numpy.ndarray`, optional
        Ascending pixel numbers of a partial map.
    unit : object, optional
        As stated by the file or the Quantity.
    file : str, optional
        Where it comes from, for messages.
    """

    values: np.ndarray
    nside: int
    nested: bool
    frame: str
    pixels: np.ndarray | None = None
    unit: object = None
    file: str | None = None

    @property
    def pixel_size(self) -> float:
        """Square root of the area of its pixels, in arcmin."""
        return float(np.degrees(np.sqrt(np.pi / 3) / self.nside) * 60)

    def at(self, pixels: np.ndarray) -> np.ndarray:
        """Values of the given pixels, NaN where the map has none."""
        if self.pixels is None:
            return self.values[pixels]
        index, present = self.index(pixels)
        return np.where(present, self.values[index], np.nan)

    def index(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the values of the given pixels are, and which of them the map has."""
        if self.pixels is None:
            return pixels, np.ones(np.shape(pixels), dtype=bool)
        index = np.minimum(np.searchsorted(self.pixels, pixels), self.pixels.size - 1)
        return index, self.pixels[index] == pixels

    def around(self, center: SkyCoord, radius: u.Quantity) -> "HealpixMap":
        """The partial map of the pixels whose centres are within a radius of a position."""
        pixels = self.pixels_around(center, radius)
        return replace(self, values=self.at(pixels), pixels=_compact(pixels))

    def pixels_around(self, center: SkyCoord, radius: u.Quantity) -> np.ndarray:
        """Ascending numbers of the pixels whose centres are within a radius of a position."""
        import healpy  # it loads matplotlib, which nothing else here needs

        sky = center.transform_to(self.frame).spherical
        vector = healpy.ang2vec(sky.lon.deg, sky.lat.deg, lonlat=True)
        radius = min(radius.to_value(u.rad), np.pi)
        return np.sort(healpy.query_disc(self.nside, vector, radius, nest=self.nested))

    def centers(self, pixels: np.ndarray) -> SkyCoord:
        """Positions of the centres of pixels, in the frame of the map."""
        import healpy

        lon, lat = healpy.pix2ang(self.nside, pixels, nest=self.nested, lonlat=True)
        return SkyCoord(lon, lat, unit="deg", frame=self.frame)


def healpix_from_array(values, keywords: dict, *, band, unit=None, file=None,
                       zeros_are_bad: bool = True) -> HealpixMap:
    """A HEALPix map from an array and its keywords.

    Parameters
    ----------
    values : array_like
        1-D; a 2-D array is taken for (I, Q, U) maps, of which the first is used. ``UNSEEN``
        and what is not finite is bad.
    keywords : dict
        ``order`` ("ring" or "nested") and ``frame`` ("galactic", "icrs" or "ecliptic"); and for
        a partial map ``nside`` and ``pixels``, the number of each pixel.
    band, file
        Named in errors.
    zeros_are_bad : bool, optional
        Whether exact zeros are bad where they are over 1 per cent, as in maps of temperature; in
        maps of counts they are values.
    """
    where = {"band": band, "file": file}
    _check_keywords(keywords, where)
    values = np.atleast_2d(np.asarray(values))[0]
    pixels = keywords.get("pixels")
    nside = _nside(values, pixels, keywords.get("nside"), where)
    nested = _look_up(ORDERS, "order", keywords, where)
    if nside < 1 or nested and nside & (nside - 1):
        raise MapError("impossible nside of a HEALPix map", found=nside,
                       expected="a power of 2" if nested else "1 or more", **where)
    if pixels is not None:
        pixels, first = np.unique(np.asarray(pixels, dtype=np.int64), return_index=True)
        values = values[first]
        if pixels[0] < 0 or pixels[-1] >= 12 * nside**2:
            raise MapError("pixel numbers outside the HEALPix map", found=f"{pixels[0]} to "
                           f"{pixels[-1]}", expected=f"0 to {12 * nside**2 - 1}", **where)
    return HealpixMap(_nan_where_bad(values, zeros_are_bad), nside, nested,
                      _look_up(FRAMES, "frame", keywords, where), pixels, unit, file)


def healpix_from_table(hdu, overrides: dict, *, band, file=None) -> HealpixMap:
    """A HEALPix map from a FITS table, implicitly or explicitly indexed.

    `overrides` may hold the keywords of `healpix_from_array` and ``column``, the name of the
    column to read; the default is the first that is not the pixel number.
    """
    header, names = hdu.header, hdu.columns.names
    index = next((name for name in names if name.upper() in INDEX_COLUMNS), None)
    overrides = dict(overrides)
    column = overrides.pop("column", None) or next((name for name in names if name != index), None)
    if column not in names:
        raise MapError("the HEALPix table has no such column", band=band, file=file,
                       found=repr(column), expected=f"one of {', '.join(names)}")
    keywords = {"order": header.get("ORDERING"), "frame": header.get("COORDSYS"),
                "nside": header.get("NSIDE")}
    if index is not None:
        keywords["pixels"] = np.ravel(hdu.data[index])
    values = np.ravel(hdu.data[column])
    return healpix_from_array(values, {**keywords, **overrides}, band=band, file=file,
                              unit=hdu.columns[column].unit)


class Patch:
    """The pixels of a patch, onto which HEALPix maps are interpolated.

    The coordinates are transformed once for all maps of one frame, and the neighbours found once
    for all of one frame, nside and order.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
    shape : tuple of int
        ``(ny, nx)``.
    """

    def __init__(self, wcs, shape: tuple[int, int]):
        self._wcs = wcs
        self._shape = tuple(shape)
        self._positions = {}
        self._neighbours = {}

    def interpolate(self, healpix_map: HealpixMap) -> np.ndarray:
        """The map on the patch: ``(ny, nx)``, NaN where a neighbour that counts is bad."""
        frame = healpix_map.frame
        if frame not in self._positions:
            self._positions[frame] = [self._find_positions(frame, block)
                                      for block in self._blocks()]
        key = (healpix_map.nside, healpix_map.nested, frame)
        if key not in self._neighbours:
            self._neighbours[key] = [_find_neighbours(*key[:2], lon, lat)
                                     for _, lon, lat in self._positions[frame]]
        patch = np.full(self._shape[0] * self._shape[1], np.nan)
        for block, (on_sky, *_), (pixels, weights) in zip(
                self._blocks(), self._positions[frame], self._neighbours[key]):
            patch[block][on_sky] = weighted_mean(healpix_map.at(pixels), weights)
        return patch.reshape(self._shape)

    def _blocks(self):
        size = self._shape[0] * self._shape[1]
        return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]

    def _find_positions(self, frame, block):
        """Which pixels of a block lie on the sky, and where those are, in degrees."""
        y, x = np.divmod(np.arange(block.start, block.stop), self._shape[1])
        position = SkyCoord(self._wcs.pixel_to_world(x, y)).transform_to(frame).spherical
        lon, lat = position.lon.deg, position.lat.deg
        on_sky = np.isfinite(lon) & np.isfinite(lat)
        return on_sky, lon[on_sky], lat[on_sky]


def _find_neighbours(nside, nested, lon, lat):
    """The four neighbours of positions, and their weights."""
    import healpy

    pixels, weights = healpy.get_interp_weights(nside, lon, lat, nest=nested, lonlat=True)
    return _compact(pixels), weights.astype(np.float32)


def _compact(pixels):
    return pixels.astype(np.int32 if pixels.max(initial=0) < 2**31 else np.int64)


def weighted_mean(values, weights):
    """Mean over the neighbours, the first axis; weights so small that they are noise count as 0."""
    weights = np.where(weights > NEGLIGIBLE, weights, 0)
    values = np.where(weights > 0, values, 0)
    return (weights * values).sum(axis=0) / weights.sum(axis=0)


def _check_keywords(keywords, where):
    known = ("order", "frame", "nside", "pixels")
    unknown = set(keywords) - set(known)
    if unknown:
        raise MapError("unknown HEALPix keyword", found=", ".join(map(str, unknown)),
                       expected=f"some of {', '.join(known)}", **where)


def _look_up(table, name, keywords, where):
    value = keywords.get(name)
    key = str(value).strip().upper()
    if value is None or key not in table:
        raise MapError(f"the {name} of the HEALPix map is unknown", found=repr(value),
                       expected=f"one of {', '.join(sorted(table))}",
                       hint=f"say which by (map, {{'{name}': ...}})", **where)
    return table[key]


def _nside(values, pixels, nside, where):
    count = values.size
    if pixels is None:
        whole = round((count / 12) ** 0.5)
        if count == 0 or 12 * whole**2 != count or nside not in (None, whole):
            raise MapError("the HEALPix map is not whole", found=f"{count} pixels, nside {nside}",
                           expected="12 nside^2", hint="a partial map needs its pixel numbers",
                           **where)
        return whole
    if nside is None or np.shape(pixels) != (count,) or count == 0:
        raise MapError("the partial HEALPix map does not fit its pixel numbers",
                       found=f"{count} values, {np.size(pixels)} pixel numbers, nside {nside}",
                       expected="one number a value, and nside", **where)
    return int(nside)


def _nan_where_bad(values, zeros_are_bad):
    """A native float copy in which UNSEEN and, if bad and over 1 per cent, exact zeros are NaN."""
    values = np.array(values, dtype=np.result_type(values, np.float32))
    values[values <= 0.99 * UNSEEN] = np.nan
    zero = values == 0
    if zeros_are_bad and zero.mean() > 0.01:
        values[zero] = np.nan
    return values
