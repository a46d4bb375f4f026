"""Point sources: radio sources and dusty galaxies."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy

import numpy as np

from szfinder.filters.fourier import ARCMIN
from szfinder.maps import Band, Instrument
from szfinder.physics import flux_per_kelvin, greybody_response
from szfinder.simulation.component import Component, Scene
from szfinder.simulation.counts import SourceCounts

__all__ = ["DustyGalaxies", "PointSources", "RadioSources"]

#: Frequency in GHz at which a cut in flux is made, as in George et al. (2015).
CUT_FREQUENCY = 150.0
#: Mass of the clusters that ``cluster_excess`` is quoted for, in Msun.
CLUSTER_MASS = 1e14
#: Scatter of the positions of sources in clusters, in theta500.
CLUSTER_SPREAD = 0.3


class PointSources(Component):
    """A population of point sources drawn from number counts, above a floor of fainter ones.

    Sources fainter than the floor are a Gaussian field with their Poisson power.

    Parameters
    ----------
    counts : SourceCounts
        Counts at their own frequency.
    floor : float
        Least flux of the sources that are drawn, in mJy at the frequency of the counts.
    index_scatter : float
        Scatter of the spectral index from source to source.
    max_flux : float, optional
        Sources brighter than this at 150 GHz, in mJy, are left out, as if they had been found and
        taken off.
    cluster_excess : float
        Mean number of further sources in a halo with M500c = 1e14 Msun, in proportion to its mass.
    """

    def __init__(
        self,
        counts: SourceCounts,
        *,
        floor: float,
        index_scatter: float,
        max_flux: float | None,
        cluster_excess: float,
    ) -> None:
        for name, value in (("index_scatter", index_scatter), ("cluster_excess", cluster_excess)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} of {self.name} is {value!r}; it must be 0 or more")
        for name, value in (("floor", floor), ("max_flux", max_flux)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} of {self.name} is {value!r} mJy; it must be above 0")
        self.counts = counts
        self.floor = float(floor)
        self.index_scatter = float(index_scatter)
        self.max_flux = max_flux
        self.cluster_excess = float(cluster_excess)

    @abstractmethod
    def response(self, band: Band) -> float:
        """Temperature in uK_CMB of the mean spectrum with 1 uK_CMB at the counts' frequency."""

    def draw(self, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Sources of a scene.

        Returns
        -------
        positions : `~numpy.ndarray`
            Shape (2, n).
        flux : `~numpy.ndarray`
            In mJy at the frequency of the counts.
        index : `~numpy.ndarray`
            Difference of each spectral index from the mean.
        """
        number = rng.poisson(self.counts.number(self.floor) * scene.region.solid_angle)
        positions = scene.region.uniform(rng, number)
        if self.cluster_excess > 0:
            positions = np.hstack([positions, self._in_clusters(scene, rng)])
        n = positions.shape[1]
        flux = self.counts.draw(rng, n, self.floor)
        return positions, flux, self.index_scatter * rng.standard_normal(n)

    def paint(self, canvas, scene, rng) -> None:
        """Paint the sources and the floor; see `Component.paint`."""
        positions, flux, index = self.draw(scene, rng)
        if self.max_flux is not None:
            seen = self._flux_at_cut(flux, index) <= self.max_flux
            positions, flux, index = positions[:, seen], flux[seen], index[seen]
        canvas.add_points(positions, self.temperature(canvas.instrument, flux, index))
        floor = self._floor_amplitude(canvas.instrument)
        canvas.add_gaussian(rng, lambda ell: floor[..., None] * np.ones(ell.size))

    def temperature(
        self, instrument: Instrument, flux: np.ndarray, index: np.ndarray
    ) -> np.ndarray:
        """Integrated temperature of sources in each band, shape (n_band, n), in uK_CMB arcmin^2."""
        at_counts = flux / flux_per_kelvin(self.counts.frequency)
        return np.array(
            [at_counts * self.response(band) * self._stretch(band) ** index for band in instrument]
        )

    def power(self, ell, instrument, model) -> np.ndarray:
        """Poisson power of all sources up to the cut in flux; see `Component.power`."""
        power = self._poisson_power(instrument, 0.0, self._cut_at_counts())
        return np.broadcast_to(power, (np.size(ell), *power.shape))

    def remaining(self, *, max_flux: float, max_mass: float) -> PointSources:
        """The population without sources brighter than ``max_flux``; see `Component.remaining`."""
        fainter = copy(self)
        fainter.max_flux = max_flux if self.max_flux is None else min(max_flux, self.max_flux)
        return fainter

    def _poisson_power(self, instrument: Instrument, low: float, high: float) -> np.ndarray:
        """Integral of T_i T_j dN/dS, in uK_CMB^2 sr; sums over the scatter of the indices."""
        mean = np.array([self.response(band) for band in instrument])
        stretch = np.log([self._stretch(band) for band in instrument])
        spread = np.exp(0.5 * self.index_scatter**2 * (stretch[:, None] + stretch) ** 2)
        per_flux = ARCMIN**2 / flux_per_kelvin(self.counts.frequency)
        return self.counts.moment(2, low, high) * per_flux**2 * spread * np.outer(mean, mean)

    def _floor_amplitude(self, instrument: Instrument) -> np.ndarray:
        highest = min(self.floor, self._cut_at_counts())
        value, vector = np.linalg.eigh(self._poisson_power(instrument, 0.0, highest))
        return vector * np.sqrt(np.clip(value, 0, None))

    def _stretch(self, band: Band) -> float:
        return band.frequency / self.counts.frequency

    def _flux_at_cut(self, flux: np.ndarray, index: np.ndarray) -> np.ndarray:
        return flux * self._cut_ratio() * (CUT_FREQUENCY / self.counts.frequency) ** index

    def _cut_at_counts(self) -> float:
        return np.inf if self.max_flux is None else self.max_flux / self._cut_ratio()

    @abstractmethod
    def _cut_ratio(self) -> float:
        """Flux at 150 GHz over that at the frequency of the counts, for the mean spectrum."""

    def _in_clusters(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        expected = self.cluster_excess * scene.halos["m500c"].value / CLUSTER_MASS
        host = np.repeat(np.arange(len(expected)), rng.poisson(expected))
        spread = CLUSTER_SPREAD * scene.halos["theta500"].value[host]
        return scene.region.displaced(
            scene.positions[:, host], spread * rng.standard_normal((2, host.size))
        )


class RadioSources(PointSources):
    """Radio sources: the counts of Tucci et al. (2011), S ~ nu^-0.9 (George et al. 2015).

    Parameters
    ----------
    floor : float, optional
        Least flux of the sources that are drawn, in mJy at 148 GHz; fainter ones are Gaussian.
    index_scatter : float, optional
        Scatter of the spectral index from source to source.
    max_flux : float, optional
        Sources brighter than this at 150 GHz, in mJy, are left out, as if they had been found and
        taken off.
    cluster_excess : float, optional
        Mean number of further sources above the floor in a halo with M500c = 1e14 Msun, in
        proportion to its mass; `power` does not know them.

    Raises
    ------
    ValueError
        If a parameter is negative, or a flux is 0.
    """

    name = "radio"
    SPECTRAL_INDEX = -0.9

    def __init__(
        self,
        *,
        floor: float = 0.2,
        index_scatter: float = 0.2,
        max_flux: float | None = None,
        cluster_excess: float = 0.0,
    ) -> None:
        super().__init__(
            SourceCounts.radio(),
            floor=floor,
            index_scatter=index_scatter,
            max_flux=max_flux,
            cluster_excess=cluster_excess,
        )

    def response(self, band: Band) -> float:
        """See `~szfinder.simulation.PointSources.response`."""
        return band.power_law_response(
            spectral_index=self.SPECTRAL_INDEX, reference_frequency=self.counts.frequency
        )

    def _cut_ratio(self) -> float:
        return (CUT_FREQUENCY / self.counts.frequency) ** self.SPECTRAL_INDEX


class DustyGalaxies(PointSources):
    """Dusty galaxies: the counts of Geach et al. (2017) at 353 GHz and a greybody spectrum.

    The greybody has 9.7 K (Addison et al. 2012) and an emissivity index of 1.6, which carries the
    counts to the Poisson powers that George et al. (2015) measure from 95 to 220 GHz. The counts
    end at 50 mJy at 353 GHz, so that strongly lensed galaxies are left out.

    Parameters
    ----------
    floor : float, optional
        Least flux of the galaxies that are drawn, in mJy at 353 GHz; fainter ones are Gaussian.
    index_scatter, max_flux, cluster_excess
        As for `RadioSources`.

    Raises
    ------
    ValueError
        If a parameter is negative, or a flux is 0.
    """

    name = "dusty"
    TEMPERATURE, EMISSIVITY_INDEX = 9.7, 1.6

    def __init__(
        self,
        *,
        floor: float = 3.0,
        index_scatter: float = 0.1,
        max_flux: float | None = None,
        cluster_excess: float = 0.0,
    ) -> None:
        super().__init__(
            SourceCounts.dusty(),
            floor=floor,
            index_scatter=index_scatter,
            max_flux=max_flux,
            cluster_excess=cluster_excess,
        )

    def response(self, band: Band) -> float:
        """See `~szfinder.simulation.PointSources.response`."""
        return band.greybody_response(reference_frequency=self.counts.frequency, **self._greybody)

    @property
    def _greybody(self) -> dict[str, float]:
        return {"temperature": self.TEMPERATURE, "emissivity_index": self.EMISSIVITY_INDEX}

    def _cut_ratio(self) -> float:
        at_cut = greybody_response(
            CUT_FREQUENCY, reference_frequency=self.counts.frequency, **self._greybody
        )
        return at_cut * flux_per_kelvin(CUT_FREQUENCY) / flux_per_kelvin(self.counts.frequency)
