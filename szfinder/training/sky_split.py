"""SkySplit: the parts of the whole sky that are for training, for validation and for test."""

from collections.abc import Sequence

import numpy as np

__all__ = ["SkySplit"]

NSIDE = 2
PARTS = ("training", "validation", "test")
#: Order of the HEALPix grid from which random positions are taken: 0.2 arcsec.
FINE_ORDER = 20


class SkySplit:
    """The sky by the 48 pixels of a HEALPix map of nside 2, Galactic, RING.

    The defaults are those of Bonjean (2020, sections 3.1.2 and 3.1.3). The test part is "the
    seventh" pixel, centred on (l, b) = (112.5, 41.81) deg: it has the number 6, counted from 0.
    Those for validation have the numbers 10, 39 and 42; all others are for training.

    Parameters
    ----------
    test, validation : sequence of int, optional
        Numbers of the pixels.

    Raises
    ------
    ValueError
        If a number is not from 0 to 47, or given twice.
    """

    def __init__(
        self, *, test: Sequence[int] = (6,), validation: Sequence[int] = (10, 39, 42)
    ) -> None:
        given = [*test, *validation]
        if not set(given) <= set(range(12 * NSIDE**2)) or len(set(given)) < len(given):
            raise ValueError(
                "the pixels of test and validation must be different numbers from 0 to 47; found "
                f"test={list(test)}, validation={list(validation)}"
            )
        self._parts = np.zeros(12 * NSIDE**2, int)
        self._parts[list(validation)] = PARTS.index("validation")
        self._parts[list(test)] = PARTS.index("test")

    def contains(self, part: str, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Whether Galactic positions, in degrees, lie in a part of the sky.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        import healpy

        return self._parts[healpy.ang2pix(NSIDE, lon, lat, lonlat=True)] == _number(part)

    def random(self, rng: np.random.Generator, part: str) -> tuple[float, float]:
        """Galactic longitude and latitude in degrees of a place in a part, each as likely.

        Raises
        ------
        ValueError
            If there is no such part, or nothing of the sky is in it.
        """
        import healpy

        pixels = np.flatnonzero(self._parts == _number(part))
        if not pixels.size:
            raise ValueError(f"no pixel of the sky is in the {part} part")
        finer = (2**FINE_ORDER // NSIDE) ** 2
        pixel = healpy.ring2nest(NSIDE, rng.choice(pixels)) * finer + rng.integers(finer)
        lon, lat = healpy.pix2ang(2**FINE_ORDER, pixel, nest=True, lonlat=True)
        return float(lon), float(lat)


def _number(part: str) -> int:
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r} of the sky; use one of {', '.join(PARTS)}")
    return PARTS.index(part)
