"""UNetSegmentFinder: a U-Net paints where the clusters are."""

from concurrent.futures import Executor
from os import PathLike
from typing import Any

import numpy as np
from astropy.nddata import NDData
from scipy import ndimage

from szfinder.finders.base import SZFinder, as_map_stack, checked_mask
from szfinder.finders.catalogue import FLAGS
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.stitched import stitched_score_map
from szfinder.finders.tiled import NothingToSearchError
from szfinder.finders.unlike import warn_if_unlike
from szfinder.maps import HealpixMap, HealpixStack, MapError, MapStack
from szfinder.maps.tiles import divide
from szfinder.models import Preset, calibrated, predict

__all__ = ["UNetSegmentFinder"]

#: Greatest side of what the network is run on in one go, in pixels, without the margin: memory.
BLOCK = 1280
#: Of so many pixels one is looked at for the scatter of the maps.
EVERY = 7
#: Good pixels without which a piece of the maps says little of their scatter.
N_COMPARED = 10_000


class UNetSegmentFinder(SZFinder):
    """Finds clusters with a U-Net that paints a map of them (Bonjean 2020).

    The score of a pixel is the answer of the network, from 0 to 1: p in the paper. Detections are
    connected pixels above the threshold, their positions barycentres, their score the highest p
    and ``n_pixels`` their area (section 3.4). For the network a bad pixel has the value of the mode
    of its band, or of what is around; pixels that are bad in any band have no score. Detections
    within the widest beam of a bad pixel or the edge of the maps have the flag ``edge``.

    The network is fully convolutional. It is run on large pieces of the maps, whose margins are as
    wide as what a pixel of its answer depends on, so that no seam shows.

    Parameters
    ----------
    preset : str, path-like or `~szfinder.models.Preset`, optional
        Trained weights: the name of a preset that comes with the package, ``unet-spt3g``, which is
        the default, or ``unet-planck``; or a folder, as from `~szfinder.training.train_unet`.
    threshold : float, optional
        Least score of a detection, below 1. By default that with the highest F1 on the skies the
        preset was validated on, cell by cell (see `~szfinder.training.UNetTraining`). Bonjean takes
        0.1.

    Raises
    ------
    ValueError
        If there is no such preset, it is of another network, or the threshold is not between 0
        and 1.

    References
    ----------
    Bonjean 2020, A&A 634, A81, sections 3.3 and 3.4.
    """

    kind = "unet"
    #: Tells two clusters whose areas touch from the noise on one.
    prominence = 0.1
    max_score = 1.0

    def __init__(
        self,
        preset: str | PathLike | Preset = "unet-spt3g",
        *,
        threshold: float | None = None,
    ) -> None:
        self.preset = preset if isinstance(preset, Preset) else Preset.load(preset)
        if self.preset.architecture != "unet":
            raise ValueError(
                f"preset {self.preset.name!r} is of the network {self.preset.architecture!r}; "
                "UNetSegmentFinder needs a 'unet'"
            )
        if self.preset.preprocessing.normalization == "contrast":
            raise ValueError(
                f"preset {self.preset.name!r} has the normalization 'contrast', which is for "
                "cutouts; UNetSegmentFinder needs 'linear' or 'local'"
            )
        if threshold is None:
            threshold = self.preset.calibration["thresholds"]["f1"]
        super().__init__(threshold=threshold)
        if threshold >= 1:
            raise ValueError(f"threshold must be between 0 and 1; found {threshold!r}")

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        return {
            **super().parameters,
            "preset": self.preset.name,
            "weights_sha256": self.preset.card.get("sha256"),
        }

    def margin(self, maps: MapStack | HealpixStack) -> float:
        """Context around the core of a tile in arcmin: what a pixel of the answer depends on.

        It is a patch of the training at least, so that no tile is smaller than that.
        """
        known = self.preset.preprocessing
        sphere = isinstance(maps, HealpixStack)
        pixel = known.pixel_size if sphere else np.sqrt(np.prod(maps.pixel_scale))
        return max(self._reach + known.reach, known.image_size) * pixel

    def alignment(self, maps: MapStack) -> int:
        """Pixels that the network sees as one at its coarsest level."""
        return 2 ** (self._n_levels - 1)

    def patch_pixel(self, maps: HealpixStack) -> float:
        """Pixels of the patches that HEALPix maps are read onto, in arcmin."""
        return self.preset.preprocessing.pixel_size

    def predict_map(
        self,
        maps: MapStack | HealpixStack | NDData,
        *,
        mask: np.ndarray | HealpixMap | tuple | None = None,
        block_size: tuple[int, int] | str | None = "auto",
        parallel: bool | int | Executor = False,
        progress_bar: bool = False,
    ) -> ScoreMap | HealpixMap:
        """The answer of the network on maps of any size, tile by tile.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
            The maps.
        mask, block_size, parallel, progress_bar
            As in `SZFinder.find_clusters`.

        Returns
        -------
        `~szfinder.finders.ScoreMap` or `~szfinder.maps.HealpixMap`
            As `score_map`; of HEALPix maps a HEALPix map of the same nside.
        """
        if not isinstance(maps, HealpixStack):
            maps = as_map_stack(maps)
        return stitched_score_map(
            self, maps, mask=mask, block_size=block_size, parallel=parallel,
            progress_bar=progress_bar,
        )  # fmt: skip

    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """The answer of the network in every pixel.

        Parameters and result as in `SZFinder.score_map`. The layer ``probability`` is calibrated:
        that of a cluster within a few arcmin, if the pixel is the highest one there.

        Raises
        ------
        `~szfinder.maps.MapError`
            If bands, beams or pixels are not those of the preset, or the maps are smaller than a
            patch of the training.

        Warns
        -----
        UnlikeTrainingWarning
            If contrasts scatter by over 30 per cent more or less than in the training of the
            preset, in any band; of presets whose normalisation is ``local``.
        """
        maps = as_map_stack(maps)
        planes = self.preset.check_maps(maps)
        size = self.preset.preprocessing.image_size
        if min(maps.shape) < size:
            raise MapError(
                "the maps are smaller than a patch",
                found=f"{maps.shape[0]} x {maps.shape[1]} pixels",
                expected=f"{size} or more on a side",
            )
        data = maps.data[list(planes)]
        good = np.isfinite(data).all(axis=0) & ~checked_mask(maps, mask)
        if not good.any():
            raise NothingToSearchError(
                "nothing of the maps is left to search",
                found="no good pixel",
                hint="check the mask, and the bad pixels of each band",
            )
        data[:, ~good] = np.nan
        images = self.preset.preprocessing.to_images(data[None])[0]
        if self.preset.preprocessing.normalization == "local":
            self._warn_if_unlike(images[good])
        score = self._answer(np.where(np.isnan(images), 0, images))
        score[~good] = np.nan
        layers = {
            "probability": calibrated(score, self.preset.calibration["platt"]),
            "flags": FLAGS["edge"] * self._near_edge(good),
        }
        meta = {
            "finder": type(self).__name__,
            "instrument": maps.instrument.name,
            **self.parameters,
        }
        return ScoreMap(score, maps.wcs, layers=layers, meta=meta)

    def _warn_if_unlike(self, pixels: np.ndarray) -> None:
        """Compare the scatter of normalised pixels (n, n_band) with that of the training."""
        if len(pixels) < N_COMPARED:
            return
        low, high = np.sinh(np.percentile(pixels[::EVERY], [16, 84], axis=0))
        scale = np.array(self.preset.preprocessing.scale)
        warn_if_unlike(
            self.preset, scale * (high - low) / 2, scale, where="contrasts with what is around"
        )

    @property
    def _n_levels(self) -> int:
        return len(self.preset.arguments["filters"])

    @property
    def _reach(self) -> int:
        """Pixels on either side that a pixel of the network's answer depends on.

        One for each of the two 3 x 3 convolutions of each block, in the pixels of its level, and
        what poolings move.
        """
        n = self._n_levels
        convolutions = 2 * (2**n - 1) + 2 * (2 ** (n - 1) - 1)
        return convolutions + 2 ** (n - 1)

    def _answer(self, image: np.ndarray) -> np.ndarray:
        """The network's answer to an image of any size."""
        step = 2 ** (self._n_levels - 1)
        answer = np.empty(image.shape[:2], np.float32)
        for tile in divide(answer.shape, (BLOCK, BLOCK), self._reach, step=step):
            piece = image[tile.box]
            ny, nx = piece.shape[:2]
            filled = np.pad(piece, [(0, -ny % step), (0, -nx % step), (0, 0)])
            whole = predict(self.preset.network, filled[None], batch_size=1)[0, :ny, :nx, 0]
            answer[tile.core] = whole[tile.inner]
        return answer

    def _near_edge(self, good: np.ndarray) -> np.ndarray:
        """Pixels within the widest beam of a bad pixel or the edge."""
        known = self.preset.preprocessing
        reach = max(known.fwhm) / known.pixel_size
        return ndimage.distance_transform_edt(np.pad(good, 1))[1:-1, 1:-1] <= reach
