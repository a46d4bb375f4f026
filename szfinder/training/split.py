"""Training, validation and test cutouts of one map."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import Table

from szfinder.finders.base import as_map_stack, checked_mask
from szfinder.maps import MapError, MapStack
from szfinder.training.cutouts import SkyCutouts

__all__ = ["right_ascension_parts", "split_by_right_ascension"]

#: Rows of the map whose coordinates are computed at a time, to bound the memory.
BLOCK = 64


def split_by_right_ascension(
    maps: MapStack | NDData,
    catalogue: Table,
    *,
    mask: np.ndarray | None = None,
    test: float = 0.13,
    validation: float = 0.2,
) -> tuple[SkyCutouts, SkyCutouts, SkyCutouts]:
    """Split a map into parts to train, to validate and to test on.

    The test part has the lowest right ascensions and the training part the highest, as in Lin et
    al. (2021, section 1.2), whose map covers 90 degrees. Cutouts overlap, so that those on a border
    would share pixels with the next part: a cutout belongs to the part that all its pixels lie in,
    and one on a border to none.

    Parameters
    ----------
    maps, catalogue, mask
        As for `SkyCutouts.from_maps`.
    test, validation : float, optional
        Where the test and the validation part end, as fractions of the range of right ascension
        that the good pixels cover, from its western end. It may contain 0h.

    Returns
    -------
    training, validation, test : `SkyCutouts`
        They share the array of the maps.

    Raises
    ------
    ValueError
        If the fractions are not in this order between 0 and 1, or a part has no cutout.
    `~szfinder.maps.MapError`
        As from `SkyCutouts.from_maps`.
    """
    _check_fractions(test, validation)
    maps = as_map_stack(maps)
    good = maps.good & ~checked_mask(maps, mask)
    whole = SkyCutouts.from_maps(maps, catalogue, mask=mask)
    parts = right_ascension_parts(maps, good, test=test, validation=validation)
    return tuple(_part(whole, name, usable) for name, usable in parts.items())


def right_ascension_parts(
    maps: MapStack, good: np.ndarray, *, test: float, validation: float
) -> dict[str, np.ndarray]:
    """The good pixels of each part of a map, by its name.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The map.
    good : `~numpy.ndarray`
        Boolean, shape (ny, nx): its good pixels.
    test, validation : float
        As for `split_by_right_ascension`.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        Boolean, shape (ny, nx), of "training", "validation" and "test".

    Raises
    ------
    ValueError
        If the fractions are not in this order between 0 and 1.
    `~szfinder.maps.MapError`
        If no pixel is good.
    """
    _check_fractions(test, validation)
    if not good.any():
        raise MapError("no pixel is good", found=repr(maps), hint="check the mask")
    fraction = _fraction_of_range(_right_ascension(maps), good)
    parts = {
        "training": fraction > validation,
        "validation": (fraction >= test) & (fraction <= validation),
        "test": fraction < test,
    }
    return {name: good & inside for name, inside in parts.items()}


def _check_fractions(test: float, validation: float) -> None:
    if not 0 < test < validation < 1:
        raise ValueError(
            "test and validation must be fractions with 0 < test < validation < 1; found "
            f"test={test!r} and validation={validation!r}"
        )


def _part(whole: SkyCutouts, name: str, usable: np.ndarray) -> SkyCutouts:
    part = SkyCutouts(whole.maps, whole.clusters, whole.corners, whole.pixel, usable=usable)
    if not part.corners.size:
        raise ValueError(
            f"the {name} part of the map has no whole cutout in {usable.sum()} good pixels; take a "
            "larger map, or change test and validation, the fractions where these parts end"
        )
    return part


def _right_ascension(maps: MapStack) -> np.ndarray:
    """Right ascension of every pixel in degrees, from that of the centre, within half a turn."""
    ny, nx = maps.shape
    centre = SkyCoord(maps.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)).icrs.ra
    offset = np.empty(maps.shape, np.float32)
    for first in range(0, ny, BLOCK):
        y = np.arange(first, min(first + BLOCK, ny))
        pixels = np.broadcast_arrays(np.arange(nx), y[:, None])
        positions = SkyCoord(maps.wcs.pixel_to_world(*pixels)).icrs
        offset[y] = (positions.ra - centre).wrap_at("180d").deg
    return offset


def _fraction_of_range(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Values from 0 at the least to 1 at the greatest of the good ones."""
    least, greatest = np.nanmin(values[good]), np.nanmax(values[good])
    return (values - least) / (greatest - least)
