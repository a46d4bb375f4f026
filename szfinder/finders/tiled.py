"""Find clusters tile by tile, and make one catalogue of what the tiles find.

The tiles on the two sides of a seam see the same cluster, each with its own noise weights, and put
it at slightly different places. Had each tile only what lies in its own core, a cluster on the seam
could be lost, or found twice. So a tile also hands in what lies just outside of its core;
detections of different tiles that are next to one another are one, and it stays with the tile in
whose core it lies deepest.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from numbers import Integral
from os import cpu_count
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import QTable, vstack
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy.spatial import cKDTree

from szfinder.maps import MapError, MapStack
from szfinder.maps.tiles import Tile, divide, piece_maker

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = ["NothingToSearchError", "find_in_tiles"]

#: Side of a core in margins, where the block size is left to the finder.
AUTO_BLOCK = 8
#: Greatest distance of two detections of one cluster by two tiles, in smallest beams, but at least
#: in pixels of the score map.
SAME_BEAMS = 1.0
SAME_PIXELS = 1.5


class NothingToSearchError(MapError):
    """No part of the maps can be searched; of a tile, no harm: the others are searched."""


@dataclass
class Found:
    """What a finder found in a tile.

    Parameters
    ----------
    clusters : `~astropy.table.QTable`
        Its detections in the core and next to it.
    highest : float
        Highest score, NaN where there is none.
    x, y : `~numpy.ndarray`
        Positions of the detections in pixels of the whole map, shape (n,).
    depth : `~numpy.ndarray`
        How deep in the core they are, in pixels, shape (n,).
    """

    clusters: QTable
    highest: float
    x: np.ndarray
    y: np.ndarray
    depth: np.ndarray


def find_in_tiles(
    finder: "SZFinder",
    maps: MapStack,
    mask: np.ndarray,
    *,
    block_size: tuple[int, int] | str | None,
    parallel: bool | int | Executor,
    progress_bar: bool,
) -> tuple[QTable, float]:
    """Catalogue of the clusters in maps of any size.

    Parameters
    ----------
    finder : `~szfinder.finders.SZFinder`
        The finder.
    maps : `~szfinder.maps.MapStack`
        The maps.
    mask : `~numpy.ndarray`
        Boolean, shape (ny, nx): True for pixels that are not to be used.
    block_size, parallel, progress_bar
        As in `SZFinder.find_clusters`.

    Returns
    -------
    clusters : `~astropy.table.QTable`
        One row a cluster, highest score first.
    highest : float
        Highest score there is.
    """
    pixel = np.sqrt(np.prod(maps.pixel_scale))
    margin = int(np.ceil(finder.margin(maps) / pixel - 1e-3))
    if block_size is None or isinstance(block_size, str) and block_size == "auto":
        block_size = (AUTO_BLOCK * margin,) * 2
    step = finder.score_step(maps)
    tiles = divide(maps.shape, block_size, margin, step=step)
    good = maps.good & ~mask
    tiles = [tile for tile in tiles if good[tile.core].any()]
    smallest_beam = min(band.beam.fwhm for band in maps.bands) / pixel
    same = max(SAME_BEAMS * smallest_beam, SAME_PIXELS * step)
    pieces = ((finder, tile, piece_maker(maps, tile.box), mask[tile.box], same) for tile in tiles)
    found = []
    with _runner(parallel) as pool:
        for result in _progress(_results(pool, pieces), len(tiles), progress_bar):
            found += [] if result is None else [result]
    if not found:
        raise NothingToSearchError(
            "nothing of the maps is left to search",
            found=f"{np.count_nonzero(good)} good pixels in {len(tiles)} tiles",
            hint="check the mask, and the bad pixels of each band",
        )
    clusters = _joined(found, same)
    clusters.meta["block_size"] = " ".join(str(side) for side in block_size)
    return clusters, np.fmax.reduce([result.highest for result in found])


def _search(
    finder: "SZFinder",
    tile: Tile,
    make_piece: Callable[[], MapStack],
    mask: np.ndarray,
    same: float,
) -> Found | None:
    """What the finder finds in a tile; None where there is nothing to search."""
    try:
        maps = make_piece()
        score_map = finder.score_map(maps, mask=mask)
        clusters = finder.catalogue(score_map)
    except NothingToSearchError:
        return None
    except Exception as error:
        _name(error, tile)
        raise
    y_start, x_start = (side.start for side in tile.box)
    x, y = maps.wcs.world_to_pixel(clusters["sky_centroid"])
    x, y = x + x_start, y + y_start
    step = np.divide(*(proj_plane_pixel_scales(wcs).mean() for wcs in (score_map.wcs, maps.wcs)))
    clusters["x_centroid"] += x_start / round(step, 6)
    clusters["y_centroid"] += y_start / round(step, 6)
    depth = tile.depth(x, y)
    near = depth >= -same
    highest = np.fmax.reduce(score_map.data, axis=None)
    return Found(clusters[near], highest, x[near], y[near], depth[near])


def _name(error: Exception, tile: Tile) -> None:
    """Put the tile in front of the message of an error, which stays the same error otherwise."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{tile}: {error}",)
    else:
        error.add_note(f"in {tile}")


def _runner(parallel: bool | int | Executor) -> AbstractContextManager[Executor | None]:
    """What the tiles are handed to: nothing, a pool of threads, or what the caller has."""
    if hasattr(parallel, "submit"):
        return nullcontext(parallel)
    if parallel is False:
        return nullcontext()
    if not isinstance(parallel, Integral) or parallel < 1:
        raise ValueError(
            "parallel must be True, False, a number of threads, or an executor (a "
            f"concurrent.futures.ProcessPoolExecutor, a dask client); found {parallel!r}"
        )
    return ThreadPoolExecutor(cpu_count() if parallel is True else parallel)


def _results(pool: Executor | None, calls: Iterable[tuple]) -> Iterator[Found | None]:
    """What `_search` returns for each call, in their order."""
    if pool is None:
        yield from (_search(*call) for call in calls)
        return
    futures = deque(pool.submit(_search, *call) for call in calls)
    try:
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()


def _progress(results: Iterator[Found | None], n_tiles: int, shown: bool) -> Iterator[Found | None]:
    from tqdm import tqdm

    return tqdm(results, total=n_tiles, desc="tiles", disable=not shown)


def _joined(found: Sequence[Found], same: float) -> QTable:
    """One catalogue: each cluster from the tile in whose core it lies deepest."""
    positions = np.concatenate([np.transpose([tile.x, tile.y]) for tile in found])
    tiles = np.repeat(np.arange(len(found)), [tile.x.size for tile in found])
    depth = np.concatenate([tile.depth for tile in found])
    cluster = _clusters(positions, tiles, same)
    order = np.lexsort((tiles, -depth, cluster))
    deepest = order[np.unique(cluster[order], return_index=True)[1]]
    clusters = vstack([tile.clusters for tile in found], metadata_conflicts="silent")[deepest]
    clusters = clusters[np.argsort(-clusters["score"], kind="stable")]
    clusters["id"][:] = np.arange(1, len(clusters) + 1)
    clusters.meta = _common_meta([tile.clusters.meta for tile in found])
    return clusters


def _clusters(positions: np.ndarray, tiles: np.ndarray, same: float) -> np.ndarray:
    """Number of the cluster that each detection is of.

    Detections within a distance are of one cluster, the nearest first, unless they come from the
    same tile, which has told them apart.
    """
    pairs = cKDTree(positions).query_pairs(same, output_type="ndarray")
    pairs = pairs[tiles[pairs[:, 0]] != tiles[pairs[:, 1]]]
    distance = np.hypot(*(positions[pairs[:, 0]] - positions[pairs[:, 1]]).T)
    members = {index: [index] for index in range(len(tiles))}
    cluster = np.arange(len(tiles))
    for one, other in pairs[np.lexsort((*pairs.T, distance))]:
        one, other = cluster[one], cluster[other]
        if not set(tiles[members[one]]) & set(tiles[members[other]]):
            cluster[members[other]] = one
            members[one] += members.pop(other)
    return cluster


def _common_meta(metas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all tiles have in common, and the time of the last; true is what is true of all."""
    common = {}
    for name, value in metas[0].items():
        values = [meta.get(name) for meta in metas]
        if name == "date":
            common[name] = max(values)
        elif isinstance(value, bool):
            common[name] = all(values)
        elif all(other == value for other in values):
            common[name] = value
    return common
