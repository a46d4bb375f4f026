"""CNNFinder: a convolutional network looks at overlapping cutouts."""

from collections.abc import Iterator
from numbers import Integral
from os import PathLike
from typing import Any

import numpy as np
from astropy.nddata import NDData
from astropy.wcs import WCS, Sip
from scipy import ndimage

from szfinder.finders.base import SZFinder, as_map_stack, checked_mask
from szfinder.finders.score_map import ScoreMap
from szfinder.maps import MapError, MapStack
from szfinder.models import Preset, calibrated, predict

__all__ = ["CNNFinder"]

#: Cutouts that are looked at in one go: they overlap, and each holds its own copy of the pixels.
BLOCK = 4096
#: Part of a cutout that may be bad; its pixels are given the median of the band in the cutout.
MAX_BAD = 0.05
#: Part of the side of a cutout, in its middle, where the network sees a cluster without the effect
#: of the edge: the middle two quarters of Lin et al. 2021, section 3.4.2.
MIDDLE = 0.5


class CNNFinder(SZFinder):
    """Finds clusters with a classifier of cutouts (Lin et al. 2021).

    The network gives each cutout the probability that a cluster is near its middle. Cutouts follow
    one another at a stride, and the score map has a pixel for each cutout. A cluster is seen by all
    cutouts around it, so that at a small stride its probability is a plateau. The score of a place
    is therefore the mean probability of the cutouts that have it in the middle half of their sides:
    it is highest about the centre of the plateau, and a single cutout does not make a detection. At
    the stride of the paper it is the probability itself. Two clusters are told apart where their
    plateaus are: from about 6 arcmin.

    The network is never run over the whole map at once: zero padding at the border of a cutout is
    part of what it has learned.

    Parameters
    ----------
    preset : str, path-like or `~szfinder.models.Preset`, optional
        Trained weights: the name of a preset that comes with the package, or a folder.
    threshold : float, optional
        Least score of a detection; by default the probability that maximises F1 on the skies the
        preset was validated on.
    stride : float, optional
        Distance of neighbouring cutouts in arcmin, rounded to whole pixels. Lin et al. use 6, and
        propose a quarter of a cutout, 2. Below, positions are better by little, and the time grows
        with the number of cutouts, as one over the square of the stride.
    batch_size : int, optional
        Cutouts that the network takes at a time.

    Raises
    ------
    ValueError
        If there is no such preset, or the threshold, the stride or the batch size is not positive.

    References
    ----------
    Lin et al. 2021, MNRAS 507, 4149, sections 2.2 and 3.4.2.
    """

    #: Splits the plateaus of two clusters that touch, and not the noise on one.
    prominence = 0.05
    max_score = 1.0

    def __init__(
        self,
        preset: str | PathLike | Preset = "deepsz-spt3g",
        *,
        threshold: float | None = None,
        stride: float = 2.0,
        batch_size: int = 256,
    ) -> None:
        self.preset = preset if isinstance(preset, Preset) else Preset.load(preset)
        if threshold is None:
            threshold = self.preset.calibration["thresholds"]["f1"]
        super().__init__(threshold=threshold)
        if not 0 < stride < np.inf:
            raise ValueError(f"stride must be positive, in arcmin; found {stride!r}")
        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number from 1; found {batch_size!r}")
        self.stride, self.batch_size = float(stride), int(batch_size)

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        return {
            **super().parameters,
            "preset": self.preset.name,
            "stride": self.stride,
            "weights_sha256": self.preset.card.get("sha256"),
        }

    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """Mean probability of the cutouts that have a place in their middle.

        Parameters and result as in `SZFinder.score_map`; the pixels are the middles of the cutouts.
        The layer ``probability`` is the calibrated probability of each cutout alone.

        Raises
        ------
        `~szfinder.maps.MapError`
            If bands, beams or pixels are not those of the preset, or the maps are smaller than a
            cutout.
        """
        maps = as_map_stack(maps)
        planes = self.preset.check_maps(maps)
        size = self.preset.preprocessing.image_size
        step = max(1, int(round(self.stride / np.sqrt(np.prod(maps.pixel_scale)))))
        if min(maps.shape) < size:
            raise MapError(
                "the maps are smaller than a cutout",
                found=f"{maps.shape[0]} x {maps.shape[1]} pixels",
                expected=f"{size} or more on a side",
            )
        windows, usable = _windows(maps, planes, mask, size, step)
        if not usable.any():
            raise MapError(
                "nothing of the maps is left to search",
                found="no cutout",
                expected=f"cutouts of {size} x {size} pixels with at most {MAX_BAD:.0%} bad ones",
                hint="check the mask, and the bad pixels of each band",
            )
        chance = np.full(usable.shape, np.nan, np.float32)
        model = self.preset.build_model()
        for rows in _blocks(usable):
            images = self.preset.preprocessing.to_images(_filled(windows[rows]))
            answer = predict(model, images, batch_size=self.batch_size)[:, 1]
            chance[rows] = calibrated(answer, self.preset.calibration["platt"])
        meta = {
            "finder": type(self).__name__,
            "instrument": maps.instrument.name,
            **self.parameters,
        }
        wcs = _wcs_of_cutouts(maps.wcs, size, step, chance.shape)
        score = _mean_over_square(chance, MIDDLE * size / step)
        return ScoreMap(score, wcs, layers={"probability": chance}, meta=meta)


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


def _mean_over_square(image: np.ndarray, side: float) -> np.ndarray:
    """Mean of the pixels of an image, those of NaN left out, in a square around each of them.

    Pixels that the square cuts count for the part of them that is in it, in both directions.
    """
    reach = int(np.ceil(max(side - 1, 0) / 2))
    weight = np.clip(side / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)

    def total(pixels: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            pixels = ndimage.convolve1d(pixels, weight, axis=axis, mode="constant")
        return pixels

    good = np.isfinite(image)
    mean = np.full(image.shape, np.nan, np.float32)
    mean[good] = total(np.where(good, image, 0.0))[good] / total(good.astype(float))[good]
    return mean


def _wcs_of_cutouts(wcs: WCS, size: int, step: int, shape: tuple[int, int]) -> WCS:
    """WCS whose pixels are the cutouts: the first is at the middle of the first one.

    Distortions (SIP, Shupe et al. 2005, and look-up tables) are in pixels, and so become finer.
    """

    def coarse_pixel(pixel: np.ndarray) -> np.ndarray:
        return (np.asarray(pixel) - 1 - (size - 1) / 2) / step + 1

    coarse = wcs.deepcopy()
    coarse.pixel_shape = shape[::-1]
    coarse.wcs.crpix = coarse_pixel(wcs.wcs.crpix)
    if wcs.wcs.has_cd():
        coarse.wcs.cd = wcs.wcs.cd * step
    else:
        coarse.wcs.cdelt = wcs.wcs.cdelt * step
    if wcs.sip is not None:
        polynomials = (wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp)
        coarse.sip = Sip(*(_scaled(p, step) for p in polynomials), coarse_pixel(wcs.sip.crpix))
    for table in (coarse.cpdis1, coarse.cpdis2, coarse.det2im1, coarse.det2im2):
        if table is not None:
            table.crval = coarse_pixel(table.crval)
            table.cdelt = np.asarray(table.cdelt) / step
            table.data = table.data / step
    return coarse


def _scaled(coefficients: np.ndarray | None, step: int) -> np.ndarray | None:
    """Polynomial in two pixel coordinates, for pixels that are larger by a factor."""
    if coefficients is None:
        return None
    power = np.add.outer(*map(np.arange, coefficients.shape))
    return coefficients * float(step) ** (power - 1)
