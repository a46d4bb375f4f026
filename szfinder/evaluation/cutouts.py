"""CutoutGrid: a map as staggered cutouts, each with a score and a label."""

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from szfinder.evaluation.matching import match_detections
from szfinder.evaluation.selection import select_halos
from szfinder.finders.tables import positions_of, scores_of
from szfinder.maps import MapError
from szfinder.maps.grid import pixel_scale_at_center

__all__ = ["CutoutGrid"]

#: Part of a pixel by which a cutout may overlap the edge of the map: rounding.
ROUNDING = 1e-6


class CutoutGrid:
    """Cutouts of a map in rows and columns, which overlap.

    The layout of Lin et al. (2021), section 1.2: squares of 8 arcmin staggered by 6 arcmin, all of
    them whole. Objects belong to the cutout in whose central square, as wide as the stride, they
    lie; the central squares tile the area. Rows and columns follow the pixel axes from the first
    pixel, with the size that pixels have at the centre of the map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates of the map.
    shape : tuple of int
        Its shape (ny, nx).
    size, stride : `~astropy.units.Quantity`, optional
        Side of a cutout, and distance between neighbours; plain numbers are in arcmin.

    Attributes
    ----------
    shape : tuple of int
        Numbers of rows and columns.

    Raises
    ------
    ValueError
        If the stride is not positive or exceeds the size: then gaps are left.
    `~szfinder.maps.MapError`
        If not one cutout fits into the map.
    """

    def __init__(
        self,
        wcs: WCS,
        shape: tuple[int, int],
        *,
        size: u.Quantity = 8 * u.arcmin,
        stride: u.Quantity = 6 * u.arcmin,
    ) -> None:
        size, stride = (u.Quantity(length, u.arcmin) for length in (size, stride))
        if not 0 < stride <= size:
            raise ValueError(
                f"stride must be positive and not exceed the size of a cutout, {size}; "
                f"found {stride}"
            )
        scale = np.array(pixel_scale_at_center(wcs, shape))
        self.wcs = wcs
        self._size, self._stride = size.value / scale, stride.value / scale
        steps = (np.array(shape) - self._size + ROUNDING) / self._stride
        if (steps < 0).any():
            raise MapError(
                "the map is smaller than a cutout",
                found=" x ".join(f"{side:.4g}" for side in shape * scale) + " arcmin",
                expected=f"{size.value:g} arcmin or more on each side",
            )
        self.shape = tuple(int(n) + 1 for n in steps)

    def __repr__(self) -> str:
        return f"<CutoutGrid: {self.shape[0]} x {self.shape[1]} cutouts>"

    @property
    def n_cutouts(self) -> int:
        """Number of cutouts."""
        return self.shape[0] * self.shape[1]

    @property
    def slices(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the map, to the pixel, that each cutout covers."""
        first = np.floor(self._corners() + ROUNDING).astype(int)
        ny, nx = np.rint(self._size).astype(int)
        return [(slice(y, y + ny), slice(x, x + nx)) for y, x in first.tolist()]

    @property
    def centers(self) -> SkyCoord:
        """Centres of the cutouts, row by row, ICRS."""
        y, x = (self._corners() + self._size / 2 - 0.5).T
        return SkyCoord(self.wcs.pixel_to_world(x, y)).icrs

    def index(self, positions: SkyCoord) -> np.ndarray:
        """Number of the cutout in whose central square each position lies; -1 outside of all."""
        x, y = self.wcs.world_to_pixel(positions)
        border = (self._size - self._stride) / 2
        place = np.floor((np.stack([y, x], axis=-1) + 0.5 - border) / self._stride)
        # Positions behind the plane of projection have no pixel: NaN is within nothing.
        within = ((place >= 0) & (place < self.shape)).all(axis=-1)
        row, column = np.where(within[..., None], place, 0).astype(int).T
        return np.where(within, row * self.shape[1] + column, -1)

    def labels(self, truth: Table, **limits: Any) -> np.ndarray:
        """Cutouts that contain a cluster.

        Parameters
        ----------
        truth : `~astropy.table.Table`
            Halos.
        **limits
            Which of them are clusters, as for `select_halos`.

        Returns
        -------
        `~numpy.ndarray` of bool
            Shape (n_cutouts,): whether a cluster lies in the central square.
        """
        clusters = truth[select_halos(truth, **limits)]
        return self.largest(positions_of(clusters), np.ones(len(clusters))) > 0

    def scores(
        self,
        detections: Table,
        truth: Table,
        *,
        radius: u.Quantity = 1 * u.arcmin,
        score: str = "score",
        mass: str = "mvir",
        fill: float = 0.0,
    ) -> np.ndarray:
        """Score of each cutout, as in section 2.3 of Lin et al. (2021).

        A detection that matches a halo counts in the cutout of the halo's true centre, any other in
        the cutout of its own; the highest score in a cutout is that of the cutout.

        Parameters
        ----------
        detections, truth, radius, score, mass
            As for `match_detections`.
        fill : float, optional
            Score of cutouts without detection.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_cutouts,).
        """
        match = match_detections(detections, truth, radius=radius, score=score, mass=mass)
        cutout = self.index(positions_of(detections))
        matched, halos = match.pairs
        cutout[matched] = self.index(positions_of(truth)[halos])
        return self._largest(cutout, scores_of(detections, score), fill)

    def largest(self, positions: SkyCoord, values: np.ndarray, *, fill: float = 0.0) -> np.ndarray:
        """Largest of the values at the positions in each cutout's central square.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`
            Shape (n,).
        values : `~numpy.ndarray`
            Shape (n,).
        fill : float, optional
            Value of cutouts without position.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_cutouts,).
        """
        return self._largest(self.index(positions), values, fill)

    def _largest(self, cutout: np.ndarray, values: np.ndarray, fill: float) -> np.ndarray:
        within = cutout >= 0
        largest = np.full(self.n_cutouts, -np.inf)
        np.maximum.at(largest, cutout[within], values[within])
        largest[np.bincount(cutout[within], minlength=self.n_cutouts) == 0] = fill
        return largest

    def _corners(self) -> np.ndarray:
        """First edge (y, x) of each cutout in pixels, from 0 at the edge of the first pixel."""
        return np.stack(np.indices(self.shape), axis=-1).reshape(-1, 2) * self._stride
