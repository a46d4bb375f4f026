"""Tiles of the sphere, as finders search HEALPix maps in them.

The cores are the pixels of a coarse HEALPix grid, so that each place of the sky has one owner. A
finder sees a flat patch around each, onto which the maps are interpolated.
"""

import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tiled import NothingToSearchError, Pieces
from szfinder.maps import HealpixStack, MapStack
from szfinder.maps.healpix_tiles import HealpixTile, healpix_tiles
from szfinder.maps.tiles import divide

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = ["SkyPiece", "sky_pieces"]

#: Greatest side of a core where the block size is left to the finder: in margins, and in arcmin, as
#: beyond that a patch is no longer flat.
MAX_MARGINS, MAX_SIDE = 10, 30 * 60
#: Side of the twelve base pixels of the sphere, in arcmin (Gorski et al. 2005, ApJ 622, 759).
BASE_SIDE = float(np.degrees(np.sqrt(np.pi / 3)) * 60)


@dataclass(frozen=True)
class SkyPiece:
    """A tile of the sphere and the maps it is read from.

    Nothing is copied before it is read, or pickled: then the maps are cut to what the tile needs.

    Parameters
    ----------
    tile : ``HealpixTile``
        The tile.
    maps : `~szfinder.maps.HealpixStack`
        The maps.
    pixel : float
        Pixel size of the patch in arcmin.
    """

    tile: HealpixTile
    maps: HealpixStack
    pixel: float

    def __str__(self) -> str:
        return str(self.tile)

    def __getstate__(self) -> dict[str, Any]:
        ny, nx = self.tile.shape
        corners = self.tile.wcs.pixel_to_world([0, 0, nx - 1, nx - 1], [0, ny - 1, 0, ny - 1])
        reach = self.tile.center.separation(corners.transform_to(self.tile.frame)).deg
        reach = np.nan_to_num(reach, nan=180).max() * u.deg
        return {**self.__dict__, "maps": self.maps.around(self.tile.center, reach)}

    def read(self) -> tuple[MapStack, None]:
        """The maps on the patch, of which nothing else is masked.

        Raises
        ------
        NothingToSearchError
            If no pixel of the core is good in all bands.
        """
        planes = self.maps.planes(self.tile.wcs, self.tile.shape)
        y, x = np.nonzero(np.isfinite(planes).all(axis=0))
        if not self.tile.owns(self.tile.wcs.pixel_to_world(x, y)).any():
            raise NothingToSearchError("the core has no pixel that is good in all bands")
        return MapStack(planes, wcs=self.tile.wcs, instrument=self.maps.instrument), None

    def place(
        self, clusters: QTable, score_map: ScoreMap, maps: MapStack
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where detections are on a sphere on which a pixel is 1, and how deep in the core.

        Their centroids on the patch become NaN: they mean nothing to others.
        """
        positions = clusters["sky_centroid"]
        pixel = np.radians(self.pixel / 60)
        clusters["x_centroid"] = clusters["y_centroid"] = np.nan
        depth = self.tile.depth(positions).to_value(u.rad)
        return positions.cartesian.xyz.value.T / pixel, depth / pixel


def sky_pieces(
    finder: "SZFinder", maps: HealpixStack, block_size: tuple[int, int] | str | None
) -> Pieces:
    """What there is to search of HEALPix maps, tile by tile.

    Parameters
    ----------
    finder : `~szfinder.finders.SZFinder`
        The finder, which says what margin and what pixels it needs.
    maps : `~szfinder.maps.HealpixStack`
        The maps.
    block_size : tuple of int or "auto", optional
        As in `SZFinder.find_clusters`.

    Returns
    -------
    Pieces
    """
    pixel, margin = finder.patch_pixel(maps), finder.margin(maps)
    nside = _coarse_nside(block_size, pixel, margin)
    frame = "galactic" if maps.frame == "galactic" else "icrs"
    tiles = healpix_tiles(
        nside,
        margin=margin * u.arcmin,
        pixel_scale=pixel * u.arcmin,
        frame=frame,
        numbers=maps.tiles_with_data(nside, frame),
    )
    pieces = [SkyPiece(_as_unpickled(tile), maps, pixel) for tile in tiles]
    meta = {"tile_nside": nside, "tile_frame": frame, "tile_pixel": pixel}
    return Pieces(pieces, meta, f"good pixels near {len(pieces)} of {12 * nside**2} tiles")


def _coarse_nside(block_size: tuple[int, int] | str | None, pixel: float, margin: float) -> int:
    """The least power of 2 at which cores are no larger than they may be.

    A base pixel is taken for a square, which is divided as a flat map is.
    """
    if block_size is None or isinstance(block_size, str) and block_size == "auto":
        block_size = (int(min(MAX_MARGINS * margin, MAX_SIDE) / pixel),) * 2
    side = round(BASE_SIDE / pixel)
    cores = [tile.core for tile in divide((side, side), block_size, 0)]
    across = max(len({core[axis].start for core in cores}) for axis in (0, 1))
    return 2 ** int(np.ceil(np.log2(across)))


def _as_unpickled(tile: HealpixTile) -> HealpixTile:
    """The tile with the WCS that another process sees: pickling rounds its numbers."""
    return replace(tile, wcs=pickle.loads(pickle.dumps(tile.wcs)))
