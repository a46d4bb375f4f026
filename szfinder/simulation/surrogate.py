"""SurrogateSimulator: skies that have the statistics of given maps, and known clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from szfinder.filters import inpaint, robust_deviation, subtract_plane
from szfinder.finders.filter_problem import FilterProblem
from szfinder.finders.matched_filter import MatchedFilterFinder
from szfinder.maps import MapError, MapStack
from szfinder.simulation.bright_peaks import BrightPeaks
from szfinder.simulation.component import Component
from szfinder.simulation.dust import PIVOT, GalacticDust
from szfinder.simulation.halos import Halos
from szfinder.simulation.measured_field import MeasuredField, measured_power
from szfinder.simulation.simulator import SkySimulator
from szfinder.simulation.sky import Sky
from szfinder.simulation.sz import ThermalSZ

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["SurrogateSimulator"]

#: Width of the window that power is measured in, in units of the largest beam.
WINDOW_WIDTH = 10.0
#: A cloud reaches down to this part of the brightness at which it counts as one.
CLOUD_EDGE = 0.5
#: Area of a cloud that is larger than a few sources, in squares of the largest beam.
LARGE_CLOUD = 30.0
#: How often clouds are looked for.
CLOUD_ROUNDS = 4


class SurrogateSimulator:
    r"""Makes skies that look like given maps, with clusters that are known.

    A surrogate is the sum of

    * a Gaussian field with the power between bands that is measured in the maps, away from their
      bright peaks: CMB, dust, faint sources and noise, as beams, pixels and filters of the maps
      have left them;
    * the bright peaks of the maps, which are sources and clouds of dust: cut out in all bands at
      once, and put down at random places;
    * dust in filaments, whose power is taken out of that of the Gaussian field;
    * the components given, by default the thermal SZ effect of halos.

    The filaments have part of the power that a cleaning of the maps finds in the colours of dust
    :math:`\mathbf r` at :math:`\ell = 500`: :math:`1 / \mathbf r^T \mathbf C^{-1} \mathbf r`, the
    variance of an internal linear combination (Eriksen et al. 2004, ApJ 612, 633).

    Clusters and sources too faint to be masked are in the measured power already: what is painted
    of them counts twice. For the default halos at the depth of Planck that is half a per cent of
    the power from 100 to 217 GHz. Waves longer than half of the maps go with the plane that is
    taken off, and the noise has the same depth everywhere.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack`
        The maps that are to be imitated.
    mask : `~numpy.ndarray`, optional
        Boolean, shape (ny, nx): True for pixels that are not to be measured. Known clusters belong
        here, lest they are in the power, or cut out as peaks.
    components : sequence of `~szfinder.simulation.Component`, optional
        What is added; by default `~szfinder.simulation.ThermalSZ`.
    halos : `~szfinder.simulation.Halos`, optional
        How halos are drawn; by default independent ones above 1e14 Msun.
    filaments : float, optional
        Part of the power in the colours of dust that is in filaments, from 0 to 1. Set it to 0 to
        give a `~szfinder.simulation.GalacticDust` of your own.
    peak : float, optional
        Least signal-to-noise ratio of a bright peak: of sources in the matched filter of one band,
        of clouds in one pixel of a map.
    put_back : bool, optional
        Whether the bright peaks are put down again. A network that has seen them has seen what is
        not a cluster in these very maps: for a test on them take source components in their place.
    cosmology : `~astropy.cosmology.FLRW`, optional
        As for `~szfinder.simulation.SkySimulator`.

    Attributes
    ----------
    power : `~numpy.ndarray`
        The measured C_ell in uK_CMB^2 sr at ell = 0, 1, 2, ..., shape (n_ell, n_band, n_band).
    n_peaks : int
        Number of bright peaks that were cut out.

    Raises
    ------
    `~szfinder.maps.MapError`
        If the mask does not fit the maps, nothing is left of them, or they are too small.
    ValueError
        If ``filaments`` is not from 0 to 1, or a component of the sky is given twice.

    Examples
    --------
    >>> from szfinder.simulation import SurrogateSimulator
    >>> simulator = SurrogateSimulator(maps, mask=known)  # doctest: +SKIP
    >>> sky = simulator.sky(rng=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        maps: MapStack,
        *,
        mask: np.ndarray | None = None,
        components: Sequence[Component] | None = None,
        halos: Halos | None = None,
        filaments: float = 0.5,
        peak: float = 5.0,
        put_back: bool = True,
        cosmology: FLRW | None = None,
    ) -> None:
        if not 0 <= filaments <= 1:
            raise ValueError(f"filaments is {filaments!r}; it must be a part, from 0 to 1")
        self.maps = maps
        self.halos = halos or Halos(min_mass=1e14)
        self.components = (ThermalSZ(),) if components is None else tuple(components)
        self.cosmology = cosmology
        self.put_back = put_back
        problem = FilterProblem(
            MatchedFilterFinder(sources="mask", source_threshold=peak), maps, mask
        )
        self._grid, self._beams = problem.grid, problem.beams
        self._measure(problem, peak)
        filamentary = np.zeros_like(self.power)
        if filaments > 0:
            dust = self._dust(filaments)
            self.components += (dust,)
            filamentary = self._seen(dust)
        self._field = MeasuredField(self._grid, self.power, elsewhere=filamentary)
        self._painter(0)  # refuses components that cannot be painted together

    @property
    def n_peaks(self) -> int:
        """Number of bright peaks that were cut out."""
        return len(self._peaks)

    def sky(self, rng: int | np.random.Generator | None = None) -> Sky:
        """One surrogate.

        Parameters
        ----------
        rng : int or `~numpy.random.Generator`, optional
            Seed; the same makes the same sky.

        Returns
        -------
        `~szfinder.simulation.Sky`
            Maps on the grid of those imitated, bad where those are bad, without inverse variance;
            and the truth, of the painted halos alone.
        """
        rng = np.random.default_rng(rng)
        painted = self._painter(rng).patch(self.maps.wcs, self.maps.shape)
        data = painted.maps.data + self._field.draw(rng)
        if self.put_back:
            data += self._peaks.scatter(rng, self.maps.n_band)
        stack = MapStack(
            data, wcs=self.maps.wcs, instrument=self.maps.instrument, mask=self.maps.mask
        )
        return Sky(stack, painted.truth, self.maps.instrument)

    def _painter(self, rng: int | np.random.Generator) -> SkySimulator:
        return SkySimulator(
            self.maps.instrument,
            self.components,
            halos=self.halos,
            cosmology=self.cosmology,
            rng=rng,
        )

    def _measure(self, problem: FilterProblem, peak: float) -> None:
        """Measure the power without the bright peaks, and cut these out."""
        footprint = problem.footprint
        widest = max(band.beam.fwhm for band in self.maps.bands)
        width = WINDOW_WIDTH * widest
        window = footprint.window(width / self._grid.pixel_size).astype(np.float32)
        if window.max() < 1:
            raise MapError(
                "the maps are too small to measure their power",
                found=repr(self.maps),
                expected=f"good pixels {width:.3g} arcmin away from every edge",
                hint="take larger maps, or mask less",
            )
        measured = footprint.inside & ~footprint.holes
        bright = _with_clouds(self.maps.data, problem.source_discs & measured, measured, peak)
        flat = subtract_plane(self.maps.data, measured & ~bright)
        images = inpaint(flat, bright | ~measured)
        self.power = measured_power(images, window, self._grid, filled=footprint.holes | bright)
        self._peaks = BrightPeaks(
            np.where(bright, flat - images, 0),
            bright,
            problem.use | bright,
            level=flat[:, measured & ~bright].std(axis=1),
            large=LARGE_CLOUD * (widest / self._grid.pixel_size) ** 2,
        )

    def _dust(self, part: float) -> GalacticDust:
        """Filaments with a part of the power that is in the colours of dust."""
        unit = GalacticDust(amplitude=1.0, filaments=True)
        ell = int(min(PIVOT, self._grid.ell[-1]))
        colour = np.sqrt(np.diag(self._seen(unit)[ell]))
        scale = np.sqrt(np.diag(self.power[ell]))
        correlation = self.power[ell] / np.outer(scale, scale)
        weighed = np.linalg.pinv(correlation, hermitian=True) @ (colour / scale)
        return GalacticDust(amplitude=part / (weighed @ (colour / scale)), filaments=True)

    def _seen(self, component: Component) -> np.ndarray:
        """Power of a component behind the beams, at the multipoles of the grid."""
        power = component.power(np.maximum(self._grid.ell, 1), self.maps.instrument, None)
        beams = self._beams.T
        return power * beams[:, :, None] * beams[:, None, :]


def _with_clouds(
    maps: np.ndarray, bright: np.ndarray, measured: np.ndarray, peak: float
) -> np.ndarray:
    """Add to the bright pixels the clouds, which the filter of a point source sees in part.

    A cloud is a region whose brightest pixel is ``peak`` standard deviations above the mean of the
    map; what is left when it has been taken off may show fainter ones.
    """
    for _ in range(CLOUD_ROUNDS):
        quiet = measured & ~bright
        for image in subtract_plane(maps, quiet):
            brightness = np.where(quiet, image / robust_deviation(image[quiet]), 0)
            labels = ndimage.label(brightness > CLOUD_EDGE * peak)[0]
            peaks = np.unique(labels[brightness > peak])
            bright = bright | np.isin(labels, peaks[peaks > 0])
    return bright
