"""Tiles of flat maps, as finders search a map stack in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable
from astropy.wcs.utils import proj_plane_pixel_scales

from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tiled import AUTO_BLOCK, Pieces, pixel_size
from szfinder.maps import MapStack
from szfinder.maps.tiles import Tile, divide, piece_maker

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = ["FlatPiece", "flat_pieces"]


@dataclass(frozen=True)
class FlatPiece:
    """A tile of a map stack.

    Parameters
    ----------
    tile : ``Tile``
        The tile.
    make : callable
        Returns the maps in its box.
    mask : `~numpy.ndarray`
        Boolean, of the shape of its box.
    """

    tile: Tile
    make: Callable[[], MapStack]
    mask: np.ndarray

    def __str__(self) -> str:
        return str(self.tile)

    def read(self) -> tuple[MapStack, np.ndarray]:
        """The maps of the tile, and their mask."""
        return self.make(), self.mask

    def place(
        self, clusters: QTable, score_map: ScoreMap, maps: MapStack
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions in pixels of the whole maps, and how deep in the core they are."""
        y_start, x_start = (side.start for side in self.tile.box)
        x, y = maps.wcs.world_to_pixel(clusters["sky_centroid"])
        x, y = x + x_start, y + y_start
        step = np.divide(*(proj_plane_pixel_scales(w).mean() for w in (score_map.wcs, maps.wcs)))
        clusters["x_centroid"] += x_start / round(step, 6)
        clusters["y_centroid"] += y_start / round(step, 6)
        return np.transpose([x, y]), self.tile.depth(x, y)


def flat_pieces(
    finder: "SZFinder",
    maps: MapStack,
    mask: np.ndarray,
    block_size: tuple[int, int] | str | None,
) -> Pieces:
    """What there is to search of a map stack, tile by tile.

    Parameters
    ----------
    finder : `~szfinder.finders.SZFinder`
        The finder.
    maps : `~szfinder.maps.MapStack`
        The maps.
    mask : `~numpy.ndarray`
        Boolean, shape (ny, nx): True for pixels that are not to be used.
    block_size : tuple of int or "auto", optional
        As in `SZFinder.find_clusters`.

    Returns
    -------
    Pieces
    """
    margin = int(np.ceil(finder.margin(maps) / pixel_size(maps) - 1e-3))
    if block_size is None or isinstance(block_size, str) and block_size == "auto":
        block_size = (AUTO_BLOCK * margin,) * 2
    tiles = divide(maps.shape, block_size, margin, step=finder.alignment(maps))
    good = maps.good & ~mask
    tiles = [tile for tile in tiles if good[tile.core].any()]
    pieces = [FlatPiece(tile, piece_maker(maps, tile.box), mask[tile.box]) for tile in tiles]
    meta = {"block_size": " ".join(str(side) for side in block_size)}
    return Pieces(pieces, meta, f"{np.count_nonzero(good)} good pixels in {len(tiles)} tiles")
