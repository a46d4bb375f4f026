"""Tiles: a map divided into cores that own its pixels, each with a margin around it.

What is found in the margin of a tile is context, and belongs to a neighbour. The cores are disjoint
and cover the map, so that every pixel has one owner.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np

from szfinder.maps.stack import MapStack
from szfinder.maps.strided_wcs import strided_wcs

__all__ = ["Tile", "divide", "piece", "piece_maker"]

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """A piece of a map.

    Parameters
    ----------
    number : int
        From 0, row by row.
    core : tuple of slice
        Rows and columns of the pixels it owns.
    box : tuple of slice
        Rows and columns of the core and its margin, which ends at the edge of the map.
    """

    number: int
    core: Box
    box: Box

    def __str__(self) -> str:
        rows, columns = self.core
        return (
            f"tile {self.number} (rows {rows.start} to {rows.stop - 1}, "
            f"columns {columns.start} to {columns.stop - 1})"
        )

    @property
    def inner(self) -> Box:
        """Rows and columns of the core in the box."""
        return tuple(
            slice(core.start - box.start, core.stop - box.start)
            for core, box in zip(self.core, self.box)
        )

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far within the core a position is.

        Parameters
        ----------
        x, y : `~numpy.ndarray`
            Positions in pixels of the map, of shape (n,). The core ends at the outer edges of its
            pixels.

        Returns
        -------
        `~numpy.ndarray`
            Distance in pixels to the nearest side of the core that has a neighbour, of shape (n,);
            negative outside, infinite without neighbours. It is the smaller of the distances along
            x and y.
        """
        depth = np.full(np.shape(x), np.inf)
        for position, core, box in zip((y, x), self.core, self.box):
            if core.start > box.start:
                depth = np.minimum(depth, position - (core.start - 0.5))
            if core.stop < box.stop:
                depth = np.minimum(depth, core.stop - 0.5 - position)
        return depth


def divide(
    shape: tuple[int, int], block_size: tuple[int, int], margin: int, *, step: int = 1
) -> list[Tile]:
    """Divide a map into tiles.

    There are as few as the block size allows, and they are of one size to a pixel: nothing is left
    over at the end of a row.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)`` of the map.
    block_size : tuple of int
        Greatest ``(ny, nx)`` of a core.
    margin : int
        Pixels around a core.
    step : int, optional
        The boxes start at multiples of it, with a margin that is the wider for it.

    Returns
    -------
    list of Tile
        Row by row.

    Raises
    ------
    ValueError
        If the block size is not two whole numbers from 1.
    """
    if not (
        isinstance(block_size, (tuple, list, np.ndarray))
        and len(block_size) == 2
        and all(isinstance(side, Integral) and side > 0 for side in block_size)
    ):
        raise ValueError(
            f"block_size must be (ny, nx) in pixels, two whole numbers from 1; found {block_size!r}"
        )
    rows, columns = (_intervals(n, block, margin, step) for n, block in zip(shape, block_size))
    pairs = [(row, column) for row in rows for column in columns]
    return [
        Tile(number, (core_y, core_x), (box_y, box_x))
        for number, ((core_y, box_y), (core_x, box_x)) in enumerate(pairs)
    ]


def piece(maps: MapStack, box: Box) -> MapStack:
    """A piece of a map stack, with the sky coordinates of the whole.

    Parameters
    ----------
    maps : MapStack
        The whole.
    box : tuple of slice
        Rows and columns, as of `Tile.box`.

    Returns
    -------
    MapStack
    """
    return piece_maker(maps, box)()


def piece_maker(maps: MapStack, box: Box) -> Callable[[], MapStack]:
    """Function that returns a piece: until then nothing is copied, unless it is pickled.

    Pickling a WCS rounds its numbers to 14 digits. They are rounded here already, so that another
    process sees the same piece to the last bit.
    """
    planes = (slice(None), *box)
    wcs = strided_wcs(maps.wcs, (box[1].start, box[0].start))
    return partial(
        MapStack,
        maps.data[planes],
        wcs=pickle.loads(pickle.dumps(wcs)),
        uncertainty=None if maps.ivar is None else maps.ivar[planes],
        meta=maps.meta,
    )


def _intervals(n: int, block: int, margin: int, step: int) -> list[tuple[slice, slice]]:
    """Cores along one axis, and the boxes around them."""
    n_cores = -(-n // block)
    edges = [n * i // n_cores for i in range(n_cores + 1)]
    return [
        (slice(start, stop), slice(max(start - margin, 0) // step * step, min(stop + margin, n)))
        for start, stop in zip(edges[:-1], edges[1:])
    ]
