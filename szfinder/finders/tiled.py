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
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from astropy.table import QTable, vstack
from scipy.spatial import cKDTree

from szfinder.finders.score_map import ScoreMap
from szfinder.maps import MapError, MapStack
from szfinder.utils.errors import put_in_front

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = [
    "AUTO_BLOCK",
    "Found",
    "NothingToSearchError",
    "Piece",
    "Pieces",
    "common_meta",
    "find_in_tiles",
    "on_tiles",
    "pixel_size",
]

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
    positions : `~numpy.ndarray`
        Where the detections are, in pixels: in the whole map, shape (n, 2), or on the sphere, shape
        (n, 3).
    depth : `~numpy.ndarray`
        How deep in the core they are, in pixels, shape (n,).
    same : float
        Greatest distance in pixels of two detections that may be of one cluster.
    """

    clusters: QTable
    highest: float
    positions: np.ndarray
    depth: np.ndarray
    same: float


class Piece(Protocol):
    """A tile as it is handed to a worker; as a string, its name in messages."""

    def read(self) -> tuple[MapStack, np.ndarray | None]:
        """The maps of the tile, and their mask."""

    def place(
        self, clusters: QTable, score_map: ScoreMap, maps: MapStack
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and depths as of `Found`; the centroids become those in the whole."""


@dataclass(frozen=True)
class Pieces:
    """All that is to be searched.

    Parameters
    ----------
    tiles : sequence of Piece
        The tiles that may have something to search.
    meta : dict
        How the maps were cut, for the meta data of a catalogue.
    contents : str
        What there is, for the message if it is nothing.
    """

    tiles: Sequence[Piece]
    meta: dict[str, Any]
    contents: str

    def nothing(self) -> NothingToSearchError:
        """The error if nothing can be searched in any tile."""
        return NothingToSearchError(
            "nothing of the maps is left to search",
            found=self.contents,
            hint="check the mask, and the bad pixels of each band",
        )


def find_in_tiles(
    finder: "SZFinder", pieces: Pieces, *, parallel: bool | int | Executor, progress_bar: bool
) -> tuple[QTable, float]:
    """Catalogue of the clusters in maps of any size.

    Parameters
    ----------
    finder : `~szfinder.finders.SZFinder`
        The finder.
    pieces : Pieces
        The maps.
    parallel, progress_bar
        As in `SZFinder.find_clusters`.

    Returns
    -------
    clusters : `~astropy.table.QTable`
        One row a cluster, highest score first.
    highest : float
        Highest score there is.
    """
    found = list(on_tiles(_found, finder, pieces, parallel=parallel, progress_bar=progress_bar))
    if not found:
        raise pieces.nothing()
    clusters = _joined(found)
    clusters.meta.update(pieces.meta)
    return clusters, np.fmax.reduce([result.highest for result in found])


def on_tiles(
    work: Callable[["SZFinder", Piece, MapStack, ScoreMap], Any],
    finder: "SZFinder",
    pieces: Pieces,
    *,
    parallel: bool | int | Executor,
    progress_bar: bool,
) -> Iterator[Any]:
    """What is made of the score map of each tile, in their order.

    Parameters
    ----------
    work : callable
        Takes finder, tile, its maps and its score map.
    finder, pieces, parallel, progress_bar
        As in `find_in_tiles`.

    Yields
    ------
    object
        What ``work`` returns; nothing of tiles in which there is nothing to search.
    """
    from tqdm import tqdm

    calls = ((work, finder, piece) for piece in pieces.tiles)
    with _runner(parallel) as pool:
        results = _results(pool, calls)
        for result in tqdm(
            results, total=len(pieces.tiles), desc="tiles", disable=not progress_bar
        ):
            if result is not None:
                yield result


def _on_tile(work: Callable, finder: "SZFinder", piece: Piece) -> Any:
    """What is made of the score map of a tile; None where there is nothing to search."""
    try:
        maps, mask = piece.read()
        score_map = finder.score_map(maps, mask=mask)
        return work(finder, piece, maps, score_map)
    except NothingToSearchError:
        return None
    except Exception as error:
        put_in_front(error, piece)
        raise


def _found(finder: "SZFinder", piece: Piece, maps: MapStack, score_map: ScoreMap) -> Found:
    """The detections of a finder in the core of a tile and next to it."""
    clusters = finder.catalogue(score_map)
    positions, depth = piece.place(clusters, score_map, maps)
    smallest_beam = min(band.beam.fwhm for band in maps.bands) / pixel_size(maps)
    same = max(SAME_BEAMS * smallest_beam, SAME_PIXELS * finder.score_step(maps))
    near = depth >= -same
    highest = np.fmax.reduce(score_map.data, axis=None)
    return Found(clusters[near], highest, positions[near], depth[near], same)


def pixel_size(maps: MapStack) -> float:
    """Side of a pixel in arcmin."""
    return np.sqrt(np.prod(maps.pixel_scale))


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


def _results(pool: Executor | None, calls: Iterable[tuple]) -> Iterator[Any]:
    """What `_on_tile` returns for each call, in their order."""
    if pool is None:
        yield from (_on_tile(*call) for call in calls)
        return
    futures = deque(pool.submit(_on_tile, *call) for call in calls)
    try:
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()


def _joined(found: Sequence[Found]) -> QTable:
    """One catalogue: each cluster from the tile in whose core it lies deepest."""
    positions = np.concatenate([tile.positions for tile in found])
    tiles = np.repeat(np.arange(len(found)), [tile.depth.size for tile in found])
    depth = np.concatenate([tile.depth for tile in found])
    cluster = _clusters(positions, tiles, max(tile.same for tile in found))
    order = np.lexsort((tiles, -depth, cluster))
    deepest = order[np.unique(cluster[order], return_index=True)[1]]
    clusters = vstack([tile.clusters for tile in found], metadata_conflicts="silent")[deepest]
    clusters = clusters[np.argsort(-clusters["score"], kind="stable")]
    clusters["id"][:] = np.arange(1, len(clusters) + 1)
    clusters.meta = common_meta([tile.clusters.meta for tile in found])
    return clusters


def _clusters(positions: np.ndarray, tiles: np.ndarray, same: float) -> np.ndarray:
    """Number of the cluster that each detection is of.

    Detections within a distance are of one cluster, the nearest first, unless they come from the
    same tile, which has told them apart.
    """
    pairs = cKDTree(positions).query_pairs(same, output_type="ndarray")
    pairs = pairs[tiles[pairs[:, 0]] != tiles[pairs[:, 1]]]
    distance = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    members = {index: [index] for index in range(len(tiles))}
    cluster = np.arange(len(tiles))
    for one, other in pairs[np.lexsort((*pairs.T, distance))]:
        one, other = cluster[one], cluster[other]
        if not set(tiles[members[one]]) & set(tiles[members[other]]):
            cluster[members[other]] = one
            members[one] += members.pop(other)
    return cluster


def common_meta(metas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
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
