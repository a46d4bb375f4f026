"""CNNFinder: a convolutional network looks at overlapping cutouts."""

from collections.abc import Iterator
from numbers import Integral, Real
from os import PathLike
from typing import Any

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from scipy import ndimage

from szfinder.finders.base import SZFinder, as_map_stack, checked_mask
from szfinder.finders.catalogue import FLAGS
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tiled import NothingToSearchError
from szfinder.finders.unlike import warn_if_unlike
from szfinder.maps import HealpixStack, MapError, MapStack
from szfinder.maps.strided_wcs import strided_wcs
from szfinder.models import Preprocessing, Preset, calibrated, predict

__all__ = ["CNNFinder"]

#: Cutouts that are looked at in one go: they overlap, and each holds its own copy of the pixels.
BLOCK = 4096
#: Part of a cutout that may be bad; its pixels are given the median of the band in the cutout.
MAX_BAD = 0.05
#: Part of the side of a cutout, in its middle, where the network sees a cluster without the effect
#: of the edge: the middle two quarters of Lin et al. 2021, section 3.4.2.
MIDDLE = 0.5
#: Cutouts whose scatter is compared with that of the training.
N_COMPARED = 1000


class CNNFinder(SZFinder):
    """Finds clusters with a classifier of cutouts (Lin et al. 2021).

    The network gives each cutout the probability that a cluster is near its middle. Cutouts follow
    one another at a stride, and the score map has a pixel for each cutout. A cluster is seen by all
    cutouts around it, so that at a small stride its probability is a plateau. The score of a place
    is therefore the mean probability of the cutouts that have it in the middle half of their sides:
    it is highest about the centre of the plateau, and a single cutout does not make a detection. At
    a stride of half a cutout or more, as that of the paper, the score map is the probability
    itself. A detection has the summit of the parabola through the highest pixel and its neighbours,
    which may be above the pixel, and never above 1. Two clusters are told apart where their
    plateaus are: from about 6 arcmin.

    No cutout has its middle within half a cutout of the edge of the maps. A cluster there is seen,
    if at all, by the outermost ones only, and found too far inside, by up to 3 arcmin. Detections
    whose square lacks cutouts, or that have none on one side, have the flag ``edge``.

    The probability holds for maps like those of the training. If contrasts within the cutouts
    scatter by over 30 per cent more or less, there is a warning: other noise or foregrounds, or
    another unit.

    The network is never run over the whole map at once: zero padding at the border of a cutout is
    part of what it has learned.

    Parameters
    ----------
    preset : str, path-like or `~szfinder.models.Preset`, optional
        Trained weights: the name of a preset that comes with the package, or a folder.
    threshold : float, optional
        Least score of a detection, below 1. By default the probability that maximises F1 on the
        skies the preset was validated on, of single cutouts at the stride of 6 arcmin. It serves at
        smaller strides too: the best for the detections of ``deepsz-spt3g`` at a stride of 2 arcmin
        is 0.36 on these skies, and that of the cutouts 0.38.
    stride : float or `~astropy.units.Quantity`, optional
        Distance of neighbouring cutouts, in arcmin if it has no unit, rounded to whole pixels; at
        most a cutout. Lin et al. use 6, and propose a quarter of a cutout, 2. Below, positions are
        better by little, and the time grows with the number of cutouts, as one over the square of
        the stride. Above 6 some clusters are in no cutout's middle, and are missed.
    batch_size : int, optional
        Cutouts that the network takes at a time.

    Raises
    ------
    ValueError
        If there is no such preset, the threshold is not between 0 and 1, the stride is no angle
        between 0 and the side of a cutout, or the batch size is not positive.

    References
    ----------
    Lin et al. 2021, MNRAS 507, 4149, sections 2.2 and 3.4.2.
    """

    kind = "cnn"
    #: Splits the plateaus of two clusters that touch, and not the noise on one.
    prominence = 0.05
    max_score = 1.0

    def __init__(
        self,
        preset: str | PathLike | Preset = "deepsz-spt3g",
        *,
        threshold: float | None = None,
        stride: float | u.Quantity = 2.0,
        batch_size: int = 256,
    ) -> None:
        self.preset = preset if isinstance(preset, Preset) else Preset.load(preset)
        if self.preset.architecture != "resnet":
            raise ValueError(
                f"preset {self.preset.name!r} is of the network {self.preset.architecture!r}; "
                "CNNFinder needs a 'resnet'"
            )
        if threshold is None:
            threshold = self.preset.calibration["thresholds"]["f1"]
        super().__init__(threshold=threshold)
        if threshold >= 1:
            raise ValueError(
                f"threshold must be a probability, between 0 and 1; found {threshold!r}"
            )
        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number from 1; found {batch_size!r}")
        self.stride = _checked_stride(stride, self.preset.preprocessing)
        self.batch_size = int(batch_size)

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        return {
            **super().parameters,
            "preset": self.preset.name,
            "stride": self.stride,
            "weights_sha256": self.preset.card.get("sha256"),
        }

    def margin(self, maps: MapStack | HealpixStack) -> float:
        """Context around the core of a tile in arcmin: a cutout, and half of a plateau."""
        preprocessing = self.preset.preprocessing
        return 1.25 * preprocessing.image_size * preprocessing.pixel_size

    def patch_pixel(self, maps: HealpixStack) -> float:
        """Pixel size in arcmin of the patches of HEALPix maps: that of the preset."""
        return self.preset.preprocessing.pixel_size

    def score_step(self, maps: MapStack) -> int:
        """The stride in pixels of the maps."""
        pixel = np.sqrt(np.prod(maps.pixel_scale))
        return int(np.clip(round(self.stride / pixel), 1, self.preset.preprocessing.image_size))

    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """Mean probability of the cutouts that have a place in their middle.

        Parameters and result as in `SZFinder.score_map`; the pixels are the middles of the cutouts.
        The layer ``probability`` is the calibrated probability of each cutout alone, ``flags`` has
        ``edge`` where cutouts around are missing, and ``stride`` of the meta data is the one after
        rounding to pixels.

        Raises
        ------
        `~szfinder.maps.MapError`
            If bands, beams or pixels are not those of the preset, or the maps are smaller than a
            cutout.

        Warns
        -----
        UnlikeTrainingWarning
            If contrasts within the cutouts scatter by over 30 per cent more or less than in the
            training of the preset, in any band; of presets whose normalisation is ``contrast``.
        """
        maps = as_map_stack(maps)
        planes = self.preset.check_maps(maps)
        size = self.preset.preprocessing.image_size
        step = self.score_step(maps)
        if min(maps.shape) < size:
            raise MapError(
                "the maps are smaller than a cutout",
                found=f"{maps.shape[0]} x {maps.shape[1]} pixels",
                expected=f"{size} or more on a side",
            )
        windows, usable = _windows(maps, planes, mask, size, step)
        if not usable.any():
            raise NothingToSearchError(
                "nothing of the maps is left to search",
                found="no cutout",
                expected=f"cutouts of {size} x {size} pixels with at most {MAX_BAD:.0%} bad ones",
                hint="check the mask, and the bad pixels of each band",
            )
        _warn_if_unlike(self.preset, windows, usable)
        chance = self._probabilities(windows, usable)
        meta = {
            "finder": type(self).__name__,
            "instrument": maps.instrument.name,
            **self.parameters,
            "stride": round(step * self.preset.preprocessing.pixel_size, 6),
        }
        wcs = strided_wcs(maps.wcs, ((size - 1) / 2,) * 2, step)
        wcs.pixel_shape = chance.shape[::-1]
        side = MIDDLE * size / step
        layers = {"probability": chance, "flags": FLAGS["edge"] * _at_edge(usable, side)}
        return ScoreMap(_mean_over_square(chance, side), wcs, layers=layers, meta=meta)

    def _probabilities(self, windows: np.ndarray, usable: np.ndarray) -> np.ndarray:
        chance = np.full(usable.shape, np.nan, np.float32)
        for rows in _blocks(usable):
            images = self.preset.preprocessing.to_images(_filled(windows[rows]))
            answer = predict(self.preset.network, images, batch_size=self.batch_size)[:, 1]
            chance[rows] = calibrated(answer, self.preset.calibration["platt"])
        return chance


def _checked_stride(stride: float | u.Quantity, preprocessing: Preprocessing) -> float:
    """The stride in arcmin."""
    try:
        value = float(stride if isinstance(stride, Real) else stride.to_value(u.arcmin))
    except (AttributeError, TypeError, u.UnitsError) as error:
        raise ValueError(
            f"stride must be a number of arcmin, or an angle with a unit; found {stride!r}"
        ) from error
    if not 0 < value < np.inf:
        raise ValueError(f"stride must be positive, in arcmin; found {stride!r}")
    size, pixel = preprocessing.image_size, preprocessing.pixel_size
    if round(value / pixel) > size:
        raise ValueError(
            f"stride must be at most the side of a cutout, {size * pixel:.3g} arcmin; "
            f"found {stride!r}: nothing between the cutouts would be looked at"
        )
    return value


def _warn_if_unlike(preset: Preset, windows: np.ndarray, usable: np.ndarray) -> None:
    """Compare the scatter within cutouts from all over the maps with that of the training."""
    if preset.preprocessing.normalization == "contrast":
        y, x = np.nonzero(usable)
        some = np.linspace(0, y.size - 1, min(y.size, N_COMPARED)).astype(int)
        found = preset.preprocessing.scatter(_filled(windows[y[some], x[some]]))
        warn_if_unlike(preset, found, preset.preprocessing.scale, where="contrasts in a cutout")


def _windows(
    maps: MapStack, planes: tuple[int, ...], mask: np.ndarray | None, size: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """View of all cutouts, shape (ny, nx, n_band, size, size), and which of them can be used."""
    data = maps.data[list(planes)]
    data[:, checked_mask(maps, mask)] = np.nan
    bad = ~np.isfinite(data).all(axis=0)
    view = np.lib.stride_tricks.sliding_window_view

    def cutouts(image: np.ndarray) -> np.ndarray:
        return view(image, (size, size), axis=(-2, -1))[..., ::step, ::step, :, :]

    share = cutouts(bad.astype(np.float32)).mean(axis=(-2, -1))
    return np.moveaxis(cutouts(data), 0, 2), share <= MAX_BAD


def _filled(cutouts: np.ndarray) -> np.ndarray:
    """Cutouts whose bad pixels have the median of the band in the cutout."""
    holes = np.isnan(cutouts)
    spoiled = holes.any(axis=(1, 2, 3))
    median = np.nanmedian(cutouts[spoiled], axis=(-2, -1), keepdims=True)
    cutouts[spoiled] = np.where(holes[spoiled], median, cutouts[spoiled])
    return cutouts


def _blocks(usable: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the usable cutouts, a block at a time."""
    y, x = np.nonzero(usable)
    for start in range(0, y.size, BLOCK):
        yield y[start : start + BLOCK], x[start : start + BLOCK]


def _reach(side: float) -> int:
    """Pixels on either side of the middle one that a square of that side touches."""
    return int(np.ceil(max(side - 1, 0) / 2))


def _at_edge(usable: np.ndarray, side: float) -> np.ndarray:
    """Where a cutout is missing in the square around, or, if that is but one, next to it."""
    around = np.ones((2 * max(_reach(side), 1) + 1,) * 2, dtype=bool)
    return ~ndimage.binary_erosion(usable, around)


def _mean_over_square(image: np.ndarray, side: float) -> np.ndarray:
    """Mean of the pixels of an image, those of NaN left out, in a square around each of them.

    Pixels that the square cuts count for the part of them that is in it, in both directions.
    """
    reach = _reach(side)
    weight = np.clip(side / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)

    def total(pixels: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            pixels = ndimage.convolve1d(pixels, weight, axis=axis, mode="constant")
        return pixels

    good = np.isfinite(image)
    mean = np.full(image.shape, np.nan, np.float32)
    mean[good] = total(np.where(good, image, 0.0))[good] / total(good.astype(float))[good]
    return mean
