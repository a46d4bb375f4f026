r"""Aperture photometry of a map at many positions, and its means.

The flux of an object is

.. math::

   F = \pi r^2 \left( \langle m \rangle_{< r} - \langle m \rangle_\mathrm{ring} \right)

with the means of the map :math:`m` over the disc and over a ring around it, both over what is not
bad. An object that reaches into the ring loses flux; nothing is done about that.
"""

from collections.abc import Mapping

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table, vstack
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from szfinder.evaluation.resampling import bootstrap_means, weighted_means
from szfinder.evaluation.rings import checked_radii, ring_means, ring_weights
from szfinder.evaluation.sky_maps import SkyMap, random_positions
from szfinder.evaluation.stacking import BLOCK, cut_out
from szfinder.finders.tables import positions_of

__all__ = ["FLUX_FLAGS", "aperture_flux", "flux_against", "mean_flux"]

#: Bits of the column ``flags`` of `aperture_flux`: bad pixels in the aperture, or in the ring; no
#: flux, since there is nothing else in one of them.
FLUX_FLAGS = {"aperture": 1, "annulus": 2, "no flux": 4}
#: Part of a disc or ring that may be missing by rounding.
ROUNDING = 1e-4


def aperture_flux(
    image: ArrayLike,
    wcs: WCS | Mapping,
    positions: SkyCoord | Table,
    *,
    radius: u.Quantity,
    annulus: u.Quantity | None = None,
    pixel_size: u.Quantity | None = None,
    mask: ArrayLike | None = None,
    n_random: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> QTable:
    """Flux of a map in a circular aperture around each position, less that of a ring around it.

    The map is interpolated onto a tangent plane at each position, as by `stack_maps`; overlaps
    of pixels and circles there are exact.

    The error is measured in the ring: it is cut into sectors, each of about the area of the
    aperture, and their means scatter as those of apertures do, whatever the correlation of the
    noise. It comes from few numbers, and is itself uncertain to 30 per cent or more for one object.
    With ``n_random`` it is instead the standard deviation of fluxes at that many random positions,
    farther from all objects than the two radii of aperture and ring together, and the same for all:
    it holds the confusion of the whole map.

    Parameters
    ----------
    image, wcs, positions, mask
        As for `stack_maps`.
    radius : `~astropy.units.Quantity`
        Radius of the aperture; a plain number is in arcmin.
    annulus : `~astropy.units.Quantity`, optional
        Inner and outer radius of the ring; by default 1.5 and 3 times that of the aperture.
    pixel_size : `~astropy.units.Quantity`, optional
        Side of the pixels on the tangent plane; by default as the map has them.
    n_random : int, optional
        Number of random positions.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator that draws them.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each position: ``sky_centroid``, ``flux`` and ``flux_err`` in the unit of the map
        times arcmin^2, ``background`` (mean of the ring), ``covered`` (part of the aperture that is
        not bad) and ``flags`` (sum of the values in FLUX_FLAGS). Off the map the flux is NaN; the
        meta says how many have none.

    Raises
    ------
    ValueError
        If the radii do not rise, the ring has less than twice the area of the aperture, or there is
        no room for random positions.
    """
    sky_map = SkyMap(image, wcs, mask=mask)
    if isinstance(positions, Table):
        positions = positions_of(positions)
    pixel_size = sky_map.pixel_size if pixel_size is None else u.Quantity(pixel_size, u.arcmin)
    circles = _Circles(radius, annulus, pixel_size)
    flux, background, error, covered = circles.measure(sky_map, positions)
    if n_random is not None:
        # Nor is an object as wide as the aperture to reach into the ring.
        distance = (circles.radii[0] + circles.radii[-1]) << u.arcmin
        places = random_positions(sky_map, n_random, avoid=positions, distance=distance, rng=rng)
        error = np.full(flux.size, np.nanstd(circles.measure(sky_map, places)[0], ddof=1))
    missing = covered < 1 - ROUNDING
    flags = missing @ [FLUX_FLAGS["aperture"], FLUX_FLAGS["annulus"]]
    flags = flags + FLUX_FLAGS["no flux"] * np.isnan(flux)
    unit = sky_map.unit * u.arcmin**2
    return QTable(
        {
            "sky_centroid": positions.icrs,
            "flux": flux << unit,
            "flux_err": error << unit,
            "background": background << sky_map.unit,
            "covered": covered[:, 0],
            "flags": flags,
        },
        meta={
            "radius": circles.radii[0],
            "annulus": circles.radii[1:].tolist(),
            "n_without_flux": int(np.isnan(flux).sum()),
        },
    )


def mean_flux(
    fluxes: Table,
    *,
    weights: ArrayLike | None = None,
    n_samples: int = 1000,
    level: float = 0.68,
    rng: int | np.random.Generator | None = None,
) -> QTable:
    """Mean flux of objects, which is the flux of their stack, with its bootstrap interval.

    Parameters
    ----------
    fluxes : `~astropy.table.Table`
        Table from `aperture_flux`, or rows of one.
    weights : array_like, optional
        Weight of each; by default all the same.
    n_samples, level, rng : optional
        As for `radial_profile`.

    Returns
    -------
    `~astropy.table.QTable`
        One row: ``n`` and, of those, ``n_without_flux``; ``flux`` (NaN where none has one), and its
        interval ``lower`` to ``upper`` (NaN from less than two).
    """
    values = u.Quantity(fluxes["flux"])
    weights = np.ones(values.size) if weights is None else np.asarray(weights, dtype=float)
    columns = values.value[:, None], weights[:, None]
    lower, upper = bootstrap_means(*columns, n_samples=n_samples, level=level, rng=rng)
    return QTable(
        {
            "n": [values.size],
            "n_without_flux": [np.count_nonzero(np.isnan(values))],
            "flux": weighted_means(*columns) << values.unit,
            "lower": lower << values.unit,
            "upper": upper << values.unit,
        },
        meta={"level": level},
    )


def flux_against(
    fluxes: Table,
    column: ArrayLike,
    bins: int | ArrayLike,
    *,
    n_samples: int = 1000,
    level: float = 0.68,
    rng: int | np.random.Generator | None = None,
) -> QTable:
    """Mean flux in bins of any property of the objects, as in Fig. 7 of Bonjean (2020).

    Parameters
    ----------
    fluxes : `~astropy.table.Table`
        Table from `aperture_flux`.
    column : array_like or `~astropy.units.Quantity`
        The property, one number for each row, such as the column of the probability in the
        catalogue.
    bins : int or array_like
        Rising edges, in the unit of the column where they have none, or a number of bins that hold
        equally many objects. A bin holds its lower edge, the last one both.
    n_samples, level, rng : optional
        As for `radial_profile`.

    Returns
    -------
    `~astropy.table.QTable`
        A row for each bin: ``low``, ``high``, ``mean`` (of the property of its objects), and the
        columns of `mean_flux`. The meta says how many objects are in no bin, as ``n_outside``, and
        ``by``, the name of the column where it has one.

    Raises
    ------
    ValueError
        If the column does not fit, or the bins do not rise.
    """
    rng = np.random.default_rng(rng)
    unit = getattr(column, "unit", None) or u.one
    values = u.Quantity(column, unit, dtype=float).value
    if values.shape != (len(fluxes),):
        raise ValueError(f"column must be {len(fluxes)} numbers; found shape {values.shape}")
    edges = _edges(values, bins, unit)
    number = np.searchsorted(edges, values, side="right") - 1
    number[values == edges[-1]] = edges.size - 2
    rows = []
    for i in range(edges.size - 1):
        inside = number == i
        mean = values[inside].mean() if inside.any() else np.nan
        row = QTable({"low": [edges[i]], "high": [edges[i + 1]], "mean": [mean]})
        row.update(mean_flux(fluxes[inside], n_samples=n_samples, level=level, rng=rng))
        rows.append(row)
    table = vstack(rows, metadata_conflicts="silent")
    if unit != u.one:
        for name in ("low", "high", "mean"):
            table[name] = table[name] << unit
    n_outside = len(fluxes) - int(table["n"].sum())
    table.meta = {"by": getattr(column, "name", ""), "level": level, "n_outside": n_outside}
    return table


class _Circles:
    """An aperture and its ring, on the pixels of a cutout that holds both."""

    def __init__(
        self, radius: u.Quantity, annulus: u.Quantity | None, pixel_size: u.Quantity
    ) -> None:
        radius = u.Quantity(radius, u.arcmin).value
        if annulus is None:
            annulus = radius * np.array([1.5, 3])
        annulus = checked_radii(annulus, "annulus", 2)
        self.radii = np.array([radius, *annulus])
        self.area = np.pi * radius**2
        self.n_sectors = int(np.diff(annulus**2)[0] / radius**2 + ROUNDING)
        if not 0 < radius <= annulus[0] or self.n_sectors < 2:
            raise ValueError(
                "the ring must lie around the aperture and have twice its area or more; found "
                f"{annulus} around {radius} arcmin"
            )
        self.pixel_size = pixel_size
        n = 2 * int(np.ceil(annulus[1] / pixel_size.value)) + 1
        self.shape = n, n
        [aperture] = ring_weights(self.shape, pixel_size.value, np.array([0, radius]))
        [ring] = ring_weights(self.shape, pixel_size.value, annulus)
        self.weights = np.stack([aperture, ring, *self._sectors(ring)])

    def measure(self, sky_map: SkyMap, positions: SkyCoord) -> tuple[np.ndarray, ...]:
        """Flux, background, error of the flux, and parts of disc and ring that are not bad."""
        step = max(1, BLOCK // self.weights[0].size)
        blocks = [positions[i : i + step] for i in range(0, max(1, positions.size), step)]
        measured = [self._measure(sky_map, block) for block in blocks]
        return tuple(map(np.concatenate, zip(*measured)))

    def _measure(self, sky_map: SkyMap, positions: SkyCoord) -> tuple[np.ndarray, ...]:
        cutouts = cut_out(sky_map, positions, self.shape, self.pixel_size)
        means, covered = ring_means(cutouts, self.weights)
        flux = self.area * (means[:, 0] - means[:, 1])
        # The mean of the ring has an error, too, as of a mean over all sectors.
        error = self.area * _scatter(means[:, 2:]) * np.sqrt(1 + 1 / self.n_sectors)
        return flux, means[:, 1], error, (covered / self.weights.sum(axis=(1, 2)))[:, :2]

    def _sectors(self, ring: np.ndarray) -> np.ndarray:
        y, x = np.indices(self.shape) - self.shape[0] // 2
        sector = (np.arctan2(y, x) / (2 * np.pi) % 1 * self.n_sectors).astype(int) % self.n_sectors
        return ring * (np.arange(self.n_sectors)[:, None, None] == sector)


def _scatter(means: np.ndarray) -> np.ndarray:
    """Standard deviation along the second axis of what is not NaN; NaN of less than two."""
    n = np.isfinite(means).sum(axis=1)
    mean = np.divide(np.nansum(means, axis=1), n, out=np.zeros(len(n)), where=n > 0)
    squares = np.nansum((means - mean[:, None]) ** 2, axis=1)
    return np.sqrt(np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1))


def _edges(values: np.ndarray, bins: int | ArrayLike, unit: u.UnitBase) -> np.ndarray:
    if np.ndim(bins) == 0 and not isinstance(bins, u.Quantity):
        bins = np.nanquantile(values, np.linspace(0, 1, bins + 1))
    edges = u.Quantity(bins, unit, dtype=float).value
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"bins must be two or more rising edges; found {edges}")
    return edges
