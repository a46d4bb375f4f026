"""Preprocessing: the maps a network was trained on, and how they become its input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter

from szfinder.maps import Band, Instrument, MapError, MapStack

__all__ = ["Preprocessing"]

#: Relative difference in frequency, beam and pixel size that a network is allowed to meet.
TOLERANCE = 0.05
#: Weight of the good pixels around that a mean of them cannot be below.
TINY = 1e-6
#: Standard deviations at which the Gaussian of the smoothing ends.
TRUNCATE = 4.0
NORMALIZATIONS = ("linear", "contrast", "local")


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of its maps.

    Parameters
    ----------
    instrument : str
        Name of the instrument, for information.
    bands : sequence of str
        Names of the bands, in the order of the network's input.
    frequencies : sequence of float
        Their frequencies in GHz.
    fwhm : sequence of float
        FWHM of their beams in arcmin.
    scale : sequence of float
        What the maps are divided by, in uK_CMB; see `normalized`.
    pixel_size : float
        Side of a pixel in arcmin.
    image_size : int
        Pixels on a side of the images.
    normalization : {"linear", "contrast", "local"}, optional
        See `normalized`.
    unit : str, optional
        Unit of the maps: uK_CMB, no other.
    offset : sequence of float, optional
        What is subtracted from the maps before that, in uK_CMB; by default 0. Only ``linear``
        takes it.
    smoothing : float, optional
        Standard deviation in arcmin of the Gaussian that ``local`` needs, and no other.

    Raises
    ------
    ValueError
        If the bands' properties differ in number, something is not positive or not finite, or
        there is no such normalisation.
    """

    instrument: str
    bands: Sequence[str]
    frequencies: Sequence[float]
    fwhm: Sequence[float]
    scale: Sequence[float]
    pixel_size: float
    image_size: int
    normalization: str = "linear"
    unit: str = "uK_CMB"
    offset: Sequence[float] = ()
    smoothing: float | None = None

    def __post_init__(self) -> None:
        if self.unit != "uK_CMB":
            raise ValueError(f"unit of the maps: found {self.unit!r}, expected 'uK_CMB'")
        object.__setattr__(self, "bands", tuple(self.bands))
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f"unknown normalization {self.normalization!r}; use one of "
                f"{', '.join(NORMALIZATIONS)}"
            )
        for name in ("frequencies", "fwhm", "scale"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != len(self.bands) or not all(0 < value < np.inf for value in values):
                raise ValueError(
                    f"{name} must be a positive number for each of the bands "
                    f"{', '.join(self.bands)}; found {list(values)}"
                )
            object.__setattr__(self, name, values)
        self._check_offset()
        if (self.smoothing is None) != (self.normalization != "local"):
            raise ValueError(
                "the normalization 'local' needs a smoothing in arcmin, and no other takes one; "
                f"found {self.smoothing!r} with {self.normalization!r}"
            )
        for name in ("pixel_size", "image_size", *["smoothing"] * (self.smoothing is not None)):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive; found {getattr(self, name)!r}")

    def _check_offset(self) -> None:
        offset = tuple(float(value) for value in self.offset) or (0.0,) * len(self.bands)
        if len(offset) != len(self.bands) or not np.isfinite(offset).all():
            raise ValueError(
                f"offset must be a finite number for each of the bands {', '.join(self.bands)}; "
                f"found {list(offset)}"
            )
        if any(offset) and self.normalization != "linear":
            raise ValueError(
                f"the normalization {self.normalization!r} subtracts the mean of each image and "
                f"takes no offset; found {list(offset)}"
            )
        object.__setattr__(self, "offset", offset)

    @classmethod
    def from_instrument(
        cls,
        instrument: Instrument,
        *,
        scale: Sequence[float],
        pixel_size: float,
        image_size: int,
        normalization: str = "linear",
        offset: Sequence[float] = (),
        smoothing: float | None = None,
    ) -> "Preprocessing":
        """Preprocessing for the bands of an instrument; see `Preprocessing` for the parameters."""
        return cls(
            instrument=instrument.name,
            bands=instrument.names,
            frequencies=instrument.frequencies,
            fwhm=[band.beam.fwhm for band in instrument],
            scale=scale,
            pixel_size=pixel_size,
            image_size=image_size,
            normalization=normalization,
            offset=offset,
            smoothing=smoothing,
        )

    @property
    def as_dict(self) -> dict:
        """The values by name, as they go into ``preprocess.json``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def reach(self) -> int:
        """Pixels on either side of one that its value depends on in ``linear`` or ``local``."""
        sigma = 0 if self.smoothing is None else self.smoothing / self.pixel_size
        return int(TRUNCATE * sigma + 0.5)

    def to_images(self, cutouts: np.ndarray) -> np.ndarray:
        """Cutouts (n, n_band, ny, nx) in uK_CMB as images (n, ny, nx, n_band) of the network.

        Raises
        ------
        ValueError
            If they have other dimensions, or not as many bands.
        """
        if np.ndim(cutouts) != 4 or np.shape(cutouts)[1] != len(self.bands):
            raise ValueError(
                f"cutouts must have shape (n, {len(self.bands)}, ny, nx), of the bands "
                f"{', '.join(self.bands)}; found shape {np.shape(cutouts)}"
            )
        return self.normalized(np.moveaxis(cutouts, 1, -1))

    def normalized(self, images: np.ndarray) -> np.ndarray:
        """Images (n, ny, nx, n_band) in uK_CMB as the network takes them, in float32.

        ``linear`` subtracts the offsets of the bands and divides by their scales; with those of
        `~szfinder.models.fit_left_gaussian` it is the normalisation of Bonjean (2020, section 3.2).
        ``contrast`` takes the inverse hyperbolic sine of the difference from the mean of the image,
        over the scale: the CMB, which hardly changes across an image, is taken away, and sources a
        hundred times brighter than a cluster are compressed. ``local`` does so with the difference
        from the image smoothed by a Gaussian, on images that are wide against it; it alone takes
        pixels that are not finite, which no others are smoothed with.
        """
        scale = np.float32(self.scale)
        if self.normalization == "linear":
            return (images.astype(np.float32) - np.float32(self.offset)) / scale
        return np.arcsinh(self._contrast(images) / scale)

    def scatter(self, cutouts: np.ndarray) -> np.ndarray:
        """Scatter of the contrasts of cutouts (n, n_band, ny, nx), band by band, in uK_CMB.

        Half the range from the 16th to the 84th percentile, which sources do not widen: what
        ``scale`` is in the training of a preset with the normalisation ``contrast`` or ``local``.
        For ``local`` pixels that are not finite do not count.
        """
        contrast = self._contrast(np.moveaxis(cutouts, 1, -1))
        low, high = np.nanpercentile(contrast, [16, 84], axis=(0, 1, 2))
        return (high - low) / 2

    def _contrast(self, images: np.ndarray) -> np.ndarray:
        """Difference of images (n, ny, nx, n_band) from what is around, in float32."""
        if self.normalization == "local":
            around = _smoothed(images, self.smoothing / self.pixel_size)
        else:
            around = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
        return (images - around).astype(np.float32)

    def match(self, maps: MapStack) -> tuple[int, ...]:
        """The planes of the maps that the network takes, in its order.

        A band is looked for by its name and, if there is none of that name, by its frequency.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack`
            The maps.

        Returns
        -------
        tuple of int
            Number of the plane of each band of the network; maps may have more bands than that.

        Raises
        ------
        `~szfinder.maps.MapError`
            If a band is missing, or a frequency, a beam or the pixel size, at the centre of the
            maps or anywhere on their border, differs by more than 5 per cent. The message lists all
            that differs.
        """
        planes = self._planes(maps)
        differences = [*self._pixel_difference(maps), *self._differences(maps, planes)]
        if differences:
            raise MapError(
                "the maps differ from those the network was trained on: " + "; ".join(differences),
                hint="bring the maps to its pixels and beams, or train a network for them",
            )
        return tuple(planes)

    def has_bands_of(self, maps: MapStack) -> bool:
        """Whether the maps have the bands and beams that `match` looks for, in any pixels."""
        return not any(self._differences(maps, self._planes(maps)))

    def _planes(self, maps: MapStack) -> list[int | None]:
        planes: list[int | None] = []
        for name, frequency in zip(self.bands, self.frequencies):
            planes.append(self._plane(maps, name, frequency, taken=planes))
        return planes

    def _differences(self, maps: MapStack, planes: Sequence[int | None]) -> Iterator[str]:
        for i, plane in enumerate(planes):
            yield from self._band_differences(i, maps, plane)

    def _plane(
        self, maps: MapStack, name: str, frequency: float, taken: Sequence[int | None]
    ) -> int | None:
        if name in maps.instrument:
            return maps.instrument.names.index(name)
        distances = {
            plane: abs(band.frequency / frequency - 1)
            for plane, band in enumerate(maps.bands)
            if band.name not in self.bands and plane not in taken
        }
        nearest = min(distances, key=distances.get, default=None)
        return nearest if distances.get(nearest, np.inf) <= TOLERANCE else None

    def _band_differences(self, i: int, maps: MapStack, plane: int | None) -> Iterator[str]:
        name, frequency, fwhm = self.bands[i], self.frequencies[i], self.fwhm[i]
        if plane is None:
            yield f"band {name!r} ({frequency:g} GHz) is not among {_listing(maps.bands)}"
            return
        band = maps.bands[plane]
        if _differs(band.frequency, frequency):
            yield f"band {name!r} is at {band.frequency:g} GHz instead of {frequency:g} GHz"
        if _differs(band.beam.fwhm, fwhm):
            yield (
                f"band {name!r} has a beam of {band.beam.fwhm:.3g} arcmin FWHM instead of "
                f"{fwhm:.3g} arcmin"
            )

    def _pixel_difference(self, maps: MapStack) -> Iterator[str]:
        sides = _pixel_sides(maps)
        difference = np.abs(sides / self.pixel_size - 1).max(axis=1)
        centre, worst = difference.size // 2, np.argmax(np.nan_to_num(difference))
        if difference[centre] > TOLERANCE:
            dy, dx = sides[centre]
            yield (
                f"the pixels are {dy:.3g} x {dx:.3g} arcmin instead of {self.pixel_size:.3g} arcmin"
            )
        elif difference[worst] > TOLERANCE:
            dy, dx = sides[worst]
            yield (
                f"the pixels are {dy:.3g} x {dx:.3g} arcmin instead of {self.pixel_size:.3g} "
                "arcmin at the border of the maps, though not at their centre: reproject the maps, "
                "or cut them into pieces that are each reprojected"
            )


def _pixel_sides(maps: MapStack) -> np.ndarray:
    """Sides (dy, dx) in arcmin of the pixels at the corners, the middles of the edges and the
    centre of the maps, shape (9, 2); NaN where a projection leaves the sky."""
    rows, columns = (np.linspace(0, n - 1, 3) for n in maps.shape)
    y, x = (places.ravel() for places in np.meshgrid(rows, columns, indexing="ij"))
    sky = maps.wcs.pixel_to_world
    dy = sky(x, y - 0.5).separation(sky(x, y + 0.5))
    dx = sky(x - 0.5, y).separation(sky(x + 0.5, y))
    return np.transpose([dy.arcmin, dx.arcmin])


def _smoothed(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of the finite pixels of each image and band around each pixel."""
    good = np.isfinite(images)
    blur = partial(gaussian_filter, sigma=(0, sigma, sigma, 0), mode="reflect", truncate=TRUNCATE)
    mean = blur(np.where(good, images, 0).astype(np.float32))
    return mean if good.all() else mean / np.maximum(blur(good.astype(np.float32)), TINY)


def _differs(value: float, expected: float) -> bool:
    return abs(value / expected - 1) > TOLERANCE


def _listing(bands: Sequence[Band]) -> str:
    return ", ".join(f"{band.name!r} ({band.frequency:g} GHz)" for band in bands)
