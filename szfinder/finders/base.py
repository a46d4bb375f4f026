"""SZFinder: what all finders have in common."""

import warnings
from abc import ABC, abstractmethod
from concurrent.futures import Executor
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable

from szfinder.finders.catalogue import FLAGS, NoDetectionsWarning, column_of, make_catalogue
from szfinder.finders.detection import centroids, label_objects, peaks, touching
from szfinder.finders.flat import flat_pieces
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.sphere import sky_pieces
from szfinder.finders.tiled import Pieces, find_in_tiles
from szfinder.maps import HealpixMap, HealpixStack, MapError, MapStack

__all__ = ["SZFinder"]

#: Context that a finder has around the core of a tile, unless it says otherwise: in arcmin, and in
#: smallest beams.
MARGIN = 30.0
MARGIN_BEAMS = 25.0


class SZFinder(ABC):
    """Finds clusters in a map stack, in three steps of which each can be used alone.

    `score_map` gives every pixel a score, `detect` turns a score map into a catalogue, and
    `find_clusters`, which calling the finder does too, is the two in a row. A finder holds its
    configuration only: one instance serves any number of maps and threads.

    Parameters
    ----------
    threshold : float
        Least score of a detection.
    """

    #: Name of what it is, by which an ensemble calls it.
    kind: str = "finder"
    #: Least height of a peak above the pass to a higher one that makes it a detection of its own.
    prominence: float | None = None
    #: Greatest score there is: the summit between pixels is not taken to be higher.
    max_score: float = np.inf
    #: Whether scores are those of the summits between pixels, rather than of the highest pixels.
    between_pixels: bool = True

    def __init__(self, *, threshold: float) -> None:
        if not 0 < threshold < np.inf:
            raise ValueError(f"threshold must be a positive number; found {threshold!r}")
        self.threshold = float(threshold)

    def __call__(self, maps: MapStack | HealpixStack | NDData, **options: Any) -> QTable:
        """Find clusters; see `find_clusters`."""
        return self.find_clusters(maps, **options)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({values})"

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        return {"threshold": self.threshold}

    @abstractmethod
    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """Score of every pixel.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack` or `~astropy.nddata.NDData`
            The maps; of plain NDData the meta must hold the ``instrument``.
        mask : `~numpy.ndarray`, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used.

        Returns
        -------
        `~szfinder.finders.ScoreMap`
        """

    def find_clusters(
        self,
        maps: MapStack | HealpixStack | NDData,
        *,
        mask: np.ndarray | HealpixMap | tuple | None = None,
        block_size: tuple[int, int] | str | None = None,
        parallel: bool | int | Executor = False,
        progress_bar: bool = False,
    ) -> QTable:
        """Catalogue of the clusters in the maps.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
            The maps; of plain NDData the meta must hold the ``instrument``.
        mask : `~numpy.ndarray`, `~szfinder.maps.HealpixMap` or tuple, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used. Of HEALPix maps a
            HEALPix map, as `~szfinder.maps.HealpixStack.masked` takes it.
        block_size : tuple of int or "auto", optional
            Search the maps in tiles, whose cores are at most this large, ``(ny, nx)`` in pixels;
            "auto" leaves it to the finder. By default the maps are searched as one. HEALPix maps
            are always searched in tiles, the pixels of a coarse HEALPix grid: by default with sides
            of at most ten margins, and of 30 degrees.
        parallel : bool, int or ``concurrent.futures.Executor``, optional
            Search tiles at the same time: True for as many threads as there are CPUs, a number of
            threads, or an executor or dask client to hand the tiles to, for example a
            ``ProcessPoolExecutor``. Then ``block_size`` is "auto" if not given.
        progress_bar : bool, optional
            Show how many tiles are done.

        Returns
        -------
        `~astropy.table.QTable`
            See `detect`. Of the meta data of tiles it has what they have in common. In HEALPix maps
            ``x_centroid`` and ``y_centroid`` are NaN: there is no pixel grid of the whole.

        Raises
        ------
        ValueError
            If the block size or ``parallel`` is not one of the above.
        Exception
            What is raised in a tile is raised with the tile in its message.
        """
        whole = block_size is None and parallel is False
        if whole and not isinstance(maps, HealpixStack):
            return self.detect(self.score_map(maps, mask=mask))
        clusters, highest = find_in_tiles(
            self,
            pieces_of(self, maps, mask, block_size),
            parallel=parallel,
            progress_bar=progress_bar,
        )
        if not len(clusters):
            self._warn_nothing_found(highest)
        return clusters

    def margin(self, maps: MapStack | HealpixStack) -> float:
        """Context that the finder needs around the core of a tile, in arcmin.

        By default half a degree, or 25 of the smallest beam where that is more: what the matched
        filter needs to measure the noise as in the whole.
        """
        return max(MARGIN, MARGIN_BEAMS * min(band.beam.fwhm for band in maps.bands))

    def score_step(self, maps: MapStack) -> int:
        """Side of a pixel of the score map in pixels of the maps."""
        return 1

    def patch_pixel(self, maps: HealpixStack) -> float:
        """Pixel size in arcmin of the patches onto which HEALPix maps are interpolated.

        By default that of the finest of the maps.
        """
        return maps.pixel_size

    def alignment(self, maps: MapStack) -> int:
        """Pixels of the maps at whose multiples the boxes of tiles start.

        By default the pixels of a score map's pixel, so that those of all tiles are on one grid.
        """
        return self.score_step(maps)

    def detect(self, score_map: ScoreMap) -> QTable:
        """Catalogue of the objects in a score map.

        Connected pixels above the threshold are an object; peaks that stand out from one another
        are objects of their own. A finder that has told objects apart itself says so in the layer
        ``objects``: the number of the object that a pixel belongs to, or 0. Positions are centroids
        weighted with the score, the layers are
        sampled at the peaks.

        Parameters
        ----------
        score_map : `~szfinder.finders.ScoreMap`
            The map.

        Returns
        -------
        `~astropy.table.QTable`
            One row an object, highest score first, with the columns of
            ``szfinder.finders.COLUMNS`` that the finder fills.

        Warns
        -----
        NoDetectionsWarning
            If there is no object; the table then has all columns, and no row.
        """
        clusters = self.catalogue(score_map)
        if not len(clusters):
            self._warn_nothing_found(np.fmax.reduce(score_map.data, axis=None))
        return clusters

    def catalogue(self, score_map: ScoreMap) -> QTable:
        """The catalogue of `detect`, without a warning where it is empty."""
        score = score_map.data
        labels, blended = self._objects(score_map)
        y, x, summit = peaks(score, labels)
        summit = np.minimum(summit, self.max_score) if self.between_pixels else score[y, x]
        y_centroid, x_centroid = centroids(score, labels)
        values = {
            "x_centroid": x_centroid,
            "y_centroid": y_centroid,
            "score": summit,
            "n_pixels": np.bincount(labels.ravel(), minlength=blended.size + 1)[1:],
        }
        values["flags"] = blended * FLAGS["blended"]
        for name, layer in score_map.layers.items():
            sampled = layer[y, x]
            if name == "flags":
                values["flags"] = values["flags"] | sampled.astype(int)
            elif (column := column_of(name)) is not None:
                values[name] = sampled * summit / score[y, x] if column.per_score else sampled
        positions = SkyCoord(score_map.wcs.pixel_to_world(x_centroid, y_centroid))
        return make_catalogue(values, positions, {**score_map.meta, "threshold": self.threshold})

    def _objects(self, score_map: ScoreMap) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the objects from 1, and which of them touch another one."""
        score = score_map.data
        if "objects" not in score_map.layers:
            return label_objects(score, self.threshold, prominence=self.prominence)
        known = np.where(score > self.threshold, score_map.layers["objects"], 0)
        numbers, labels = np.unique(np.append(0, known), return_inverse=True)
        labels = labels[1:].reshape(score.shape)
        return labels, touching(labels, numbers.size - 1)

    def _warn_nothing_found(self, highest: float) -> None:
        if np.isfinite(highest):
            message = (
                f"no pixel passed the threshold of {self.threshold:g}; the highest score is "
                f"{highest:.3g}. Lower the threshold to see fainter objects."
            )
        else:
            message = "the score map has no valid pixel: is the whole map masked?"
        warnings.warn(message, NoDetectionsWarning, stacklevel=3)


def as_map_stack(maps: MapStack | NDData) -> MapStack:
    """A map stack as it is, or one made of NDData whose meta names the instrument.

    Raises
    ------
    `~szfinder.maps.MapError`
        If it is neither, or in another unit than uK_CMB.
    """
    if isinstance(maps, MapStack):
        return maps
    if isinstance(maps, NDData):
        if maps.unit not in (None, u.uK):
            raise MapError(
                "a finder takes NDData in uK_CMB",
                found=str(maps.unit),
                expected="uK, or no unit",
                hint="convert the maps with szfinder.maps.read_maps first",
            )
        return MapStack(
            maps.data, wcs=maps.wcs, mask=maps.mask, uncertainty=maps.uncertainty, meta=maps.meta
        )
    hint = "read the maps with szfinder.maps.read_maps first"
    if isinstance(maps, HealpixStack):
        hint = "search it with find_clusters, or score one of its patches: maps.patch(wcs, shape)"
    raise MapError(
        "a finder takes a map stack",
        found=type(maps).__name__,
        expected="MapStack, or NDData with meta['instrument']",
        hint=hint,
    )


def pieces_of(
    finder: SZFinder,
    maps: MapStack | HealpixStack | NDData,
    mask: np.ndarray | HealpixMap | tuple | None,
    block_size: tuple[int, int] | str | None,
) -> Pieces:
    """What there is to search, tile by tile; parameters as of `SZFinder.find_clusters`."""
    if isinstance(maps, HealpixStack):
        return sky_pieces(finder, maps if mask is None else maps.masked(mask), block_size)
    maps = as_map_stack(maps)
    return flat_pieces(finder, maps, checked_mask(maps, mask), block_size)


def checked_mask(maps: MapStack, mask: np.ndarray | None) -> np.ndarray:
    """The mask of a search; without one, nothing is masked.

    Raises
    ------
    `~szfinder.maps.MapError`
        If it has not the shape of the maps.
    """
    if mask is None:
        return np.zeros(maps.shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != maps.shape:
        raise MapError(
            "the mask does not fit the maps",
            found=f"shape {mask.shape}",
            expected=f"{maps.shape}, True for pixels that are not to be used",
        )
    return mask.astype(bool)
