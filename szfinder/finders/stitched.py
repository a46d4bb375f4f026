"""One score map of maps of any size, made tile by tile."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData

from szfinder.finders.base import as_map_stack, pieces_of
from szfinder.finders.flat import FlatPiece
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.sphere import SkyPiece
from szfinder.finders.tiled import common_meta, on_tiles
from szfinder.maps import HealpixStack, MapError, MapStack
from szfinder.maps.healpix import HealpixMap, weighted_mean

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = ["stitched_score_map"]


def stitched_score_map(
    finder: "SZFinder",
    maps: MapStack | HealpixStack | NDData,
    *,
    mask: np.ndarray | HealpixMap | tuple | None = None,
    block_size: tuple[int, int] | str | None = None,
    parallel: bool | int | Executor = False,
    progress_bar: bool = False,
) -> ScoreMap | HealpixMap:
    """Score of every pixel of maps of any size, from the tile that owns it.

    The tiles are those in which `SZFinder.find_clusters` searches the maps.

    Parameters
    ----------
    finder : `~szfinder.finders.SZFinder`
        The finder.
    maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
        The maps; of plain NDData the meta must hold the ``instrument``.
    mask, block_size, parallel, progress_bar
        As in `SZFinder.find_clusters`, but that without a block size it is always left to the
        finder.

    Returns
    -------
    `~szfinder.finders.ScoreMap` or `~szfinder.maps.HealpixMap`
        Of a map stack, score and layers on its pixels; layers of integers are 0 where nothing was
        searched. Of HEALPix maps the score alone, on the pixels of the finest of them: float32,
        interpolated bilinearly. NaN where nothing was searched.

    Raises
    ------
    `~szfinder.maps.MapError`
        If the score map of a map stack is coarser than the maps, or there is nothing to search.
    """
    if not isinstance(maps, HealpixStack):
        maps = as_map_stack(maps)
        _check_grid(finder, maps)
    sphere = isinstance(maps, HealpixStack)
    pieces = pieces_of(finder, maps, mask, block_size)
    work = _sky_core if sphere else _flat_core
    cores = on_tiles(work, finder, pieces, parallel=parallel, progress_bar=progress_bar)
    stitched = _sky_map(cores, maps) if sphere else _flat_map(cores, maps)
    if stitched is None:
        raise pieces.nothing()
    if not sphere:
        stitched.meta.update(pieces.meta)
    return stitched


def _check_grid(finder: "SZFinder", maps: MapStack) -> None:
    step = finder.score_step(maps)
    if step != 1:
        raise MapError(
            "the score map is coarser than the maps",
            found=f"a score every {step} pixels",
            expected="one in every pixel",
            hint="only the catalogue of such a finder can be made in tiles",
        )


def _flat_core(
    finder: "SZFinder", piece: FlatPiece, maps: MapStack, score_map: ScoreMap
) -> tuple[tuple[slice, slice], ScoreMap]:
    """The core of a tile, and the score map in it."""
    if score_map.data.shape != maps.shape:
        raise MapError(
            "the score map is not on the pixels of the maps",
            found=f"{score_map.data.shape[0]} x {score_map.data.shape[1]} of them",
            expected=f"{maps.shape[0]} x {maps.shape[1]}",
            hint="only the catalogue of such a finder can be made in tiles",
        )
    core, inner = piece.tile.core, piece.tile.inner
    layers = {name: layer[inner].copy() for name, layer in score_map.layers.items()}
    data = score_map.data[inner].copy()
    return core, ScoreMap(data, score_map.wcs, layers=layers, meta=score_map.meta)


def _flat_map(
    cores: Iterator[tuple[tuple[slice, slice], ScoreMap]], maps: MapStack
) -> ScoreMap | None:
    """The score maps of the cores in one, with the layers that all of them have."""
    planes, metas = {}, []
    for core, score_map in cores:
        tile_planes = {None: score_map.data, **score_map.layers}
        if not metas:
            planes = {name: _blank(maps.shape, tile_planes[name]) for name in tile_planes}
        planes = {name: planes[name] for name in planes if name in tile_planes}
        for name, plane in planes.items():
            plane[core] = tile_planes[name]
        metas.append(score_map.meta)
    if not metas:
        return None
    return ScoreMap(planes.pop(None), maps.wcs, layers=planes, meta=common_meta(metas))


def _blank(shape: tuple[int, int], like: np.ndarray) -> np.ndarray:
    """A plane on which nothing was searched."""
    return np.full(shape, np.nan if like.dtype.kind == "f" else 0, like.dtype)


def _sky_core(
    finder: "SZFinder", piece: SkyPiece, maps: MapStack, score_map: ScoreMap
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the finest HEALPix map whose centres the core of a tile owns, and their scores."""
    finest = piece.maps.finest
    pixels = finest.pixels_around(piece.tile.center, piece.tile.radius)
    centers = finest.centers(pixels)
    own = piece.tile.owns(centers)
    return pixels[own], _interpolated(score_map, centers[own])


def _interpolated(score_map: ScoreMap, positions: SkyCoord) -> np.ndarray:
    """Bilinear score at positions, NaN where a pixel that counts has none; float32."""
    x, y = score_map.wcs.world_to_pixel(positions)
    ny, nx = score_map.data.shape
    within = (x >= 0) & (x <= nx - 1) & (y >= 0) & (y <= ny - 1)
    values = np.full(x.shape, np.nan, np.float32)
    x, y = x[within], y[within]
    left, below = np.minimum(x.astype(int), nx - 2), np.minimum(y.astype(int), ny - 2)
    right, above = x - left, y - below
    corners = [score_map.data[below + dy, left + dx] for dy in (0, 1) for dx in (0, 1)]
    weights = [wy * wx for wy in (1 - above, above) for wx in (1 - right, right)]
    values[within] = weighted_mean(np.array(corners), np.array(weights))
    return values


def _sky_map(
    cores: Iterable[tuple[np.ndarray, np.ndarray]], maps: HealpixStack
) -> HealpixMap | None:
    """The scores of all cores on the pixels of the finest map."""
    finest = maps.finest
    values = np.full(finest.values.size, np.nan, np.float32)
    searched = False
    for pixels, score in cores:
        searched = True
        index, present = finest.index(pixels)
        values[index[present]] = score[present]
    return replace(finest, values=values, unit=None, file=None) if searched else None
