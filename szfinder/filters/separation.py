"""Separate clusters and point sources from all else: filter, take them off, weigh again.

Clusters are part of the maps from which the covariance is measured; left in, they are weighed down
as if they were noise, and the bright ones bury their neighbours. So what is found is subtracted,
the covariance is measured on what is left, and this is repeated until the catalogue is stable.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import ndimage

from szfinder.filters.clusters import Clusters
from szfinder.filters.covariance import BandCovariance, ModeCovariance
from szfinder.filters.fourier import FourierGrid
from szfinder.filters.matched import MatchedFilter
from szfinder.filters.noise import NoiseLevel
from szfinder.filters.painting import peak_offsets, slopes
from szfinder.filters.point_sources import PointSourceFinder, PointSources

__all__ = ["Separation"]

MAX_ITERATIONS = 12
#: Iterations in which point sources alone are taken off, before their sidelobes can pass for
#: clusters.
SOURCE_ITERATIONS = 6
#: Until the clusters are stable for the first time, one template in this many will do.
COARSE_STRIDE = 2
#: Signal-to-noise ratio above which a cluster is taken off, and below which it is given up again.
THRESHOLD = 4.5
GIVEN_UP = 4.0
#: A peak is a cluster of its own only above this part of what brighter neighbours put at its place.
LEFT_BEHIND = 0.3
#: Changes below which a cluster is stable: of its place in pixels, of its signal-to-noise ratio
#: (relative, absolute); and the part of all clusters that may be less stable.
SAME_PLACE = 0.6
SAME_SNR = (0.05, 0.5)
UNSTABLE = 0.04
#: Step and range of responses on the sky, in sides of a square pixel of the same area.
STEP = 0.5
RANGE = 200


class Separation:
    """Clusters, point sources and residual of a set of maps.

    Parameters
    ----------
    maps : `~numpy.ndarray`
        Shape (n_band, ny, nx) in uK_CMB, without bad pixels.
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps.
    response : `~numpy.ndarray`
        Spectral response times beam over ``grid.ell``, shape (n_component, n_band, n_ell).
    templates : sequence of `~numpy.ndarray`
        Templates over ``grid.ell``, in sr.
    covariance : callable
        Returns the covariance, given maps of the shape of ``maps``.
    noise_level : `~szfinder.filters.NoiseLevel`
        Measures the noise of filtered maps.
    use : `~numpy.ndarray`
        Boolean, shape (ny, nx): where clusters are looked for.
    source_finder : `~szfinder.filters.PointSourceFinder`, optional
        Finds the point sources to be taken off.
    iterative : bool, optional
        Measure the covariance with the clusters taken off; otherwise they are left in.

    Attributes
    ----------
    clusters : `~szfinder.filters.Clusters`
        The clusters that were taken off.
    sources : list of `~szfinder.filters.PointSources`
        The point sources that were taken off each band.
    matched : `~szfinder.filters.MatchedFilter`
        The filter of the last covariance.
    level : float
        Noise of the filtered residual over what the filter expects, the median of the templates.
    n_iterations : int
        How often the covariance was measured.
    converged : bool
        Whether the catalogue came to rest before the last iteration allowed.
    """

    def __init__(
        self,
        maps: np.ndarray,
        grid: FourierGrid,
        response: np.ndarray,
        templates: Sequence[np.ndarray],
        *,
        covariance: Callable[[np.ndarray], BandCovariance | ModeCovariance],
        noise_level: NoiseLevel,
        use: np.ndarray,
        source_finder: PointSourceFinder | None = None,
        iterative: bool = True,
    ) -> None:
        self.maps = maps
        self.grid = grid
        self.response = response
        self.templates = templates
        self.covariance = covariance
        self.noise_level = noise_level
        self.use = use
        self.source_finder = source_finder
        self.iterative = iterative
        self.clusters = Clusters.none()
        self.sources = [PointSources.none() for _ in maps]
        self.level = 1.0
        self._radius = np.arange(0, RANGE, STEP)
        # Clusters are round on the sky; far from the equator pixels of a CAR map are not square.
        self._side_y, self._side_x = np.array(grid.pixel_scale) / grid.pixel_size
        self._iterate()

    def _iterate(self) -> None:
        """Take off sources, then clusters, then sources they had hidden, until nothing changes."""
        stable, stride = True, COARSE_STRIDE
        for self.n_iterations in range(1, MAX_ITERATIONS + 1):
            maps = self._without_sources()
            residual = maps - self.clusters.paint(self.grid, self.templates, self.response[0])
            covariance = self.covariance(residual if self.iterative else maps)
            modes = self.grid.transform_extended(residual)
            changing = self._update_sources(modes, covariance) if stable else False
            if changing and not len(self.clusters) and self.n_iterations <= SOURCE_ITERATIONS:
                continue
            self.matched = MatchedFilter(self.grid, self.response, covariance)
            self._combined = self.matched.combine(modes)
            self._cross = self._cross_response(self.templates)
            updated = self._update(range(0, len(self.templates), stride))
            complete = stable and not changing and stride == 1
            stable = self._is_stable(updated)
            self.converged = bool(complete and stable)
            if self.converged or self.n_iterations == MAX_ITERATIONS:
                break
            if stable:
                stride = 1
            self.clusters = updated

    def filtered(
        self, templates: Sequence[np.ndarray] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Amplitude and error of each template, one at a time, clusters included.

        At every pixel the amplitude is what the filter returns with all clusters taken off but the
        one that outshines the others there: neighbours do not add to each other.

        Parameters
        ----------
        templates : sequence of `~numpy.ndarray`, optional
            Templates over the multipoles of the grid, in sr; by default those of the clusters.

        Yields
        ------
        amplitude, error : `~numpy.ndarray`
            Shape (ny, nx).
        excess : float
            Noise of this template over what the filter expects, over the median of all. Where the
            filter expects too little of some sizes, the best size is the one with the highest
            signal-to-noise ratio times this.
        """
        templates = self.templates if templates is None else templates
        (y, x), owner, distance = self._zones()
        step = np.minimum((distance / STEP).astype(int), self._radius.size - 2)
        part = distance / STEP - step
        kind, peak = self.clusters.template[owner], self.clusters.amplitude[owner]
        for template, response in zip(templates, self._cross_response(templates)):
            amplitude, error, level = self._filtered_residual(template)
            near, far = response[kind, step], response[kind, step + 1]
            amplitude[y, x] += peak * (near + (far - near) * part)
            yield amplitude, error * level, level / self.level

    def _filtered_residual(self, template: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        amplitude = self.matched.amplitude(self._combined, template)
        level, error = self.noise_level(amplitude, self.matched, template)
        return amplitude, error, level

    def _without_sources(self) -> np.ndarray:
        if self.source_finder is None:
            return self.maps
        beams = self.source_finder.beams
        return self.maps - np.stack(
            [sources.paint(self.grid, beam) for sources, beam in zip(self.sources, beams)]
        )

    def _update_sources(
        self, modes: np.ndarray, covariance: BandCovariance | ModeCovariance
    ) -> bool:
        """Measure the point sources in the residual; whether they are still changing."""
        if self.source_finder is None:
            return False
        cluster_modes = None
        if len(self.clusters):
            compton = self.clusters.compton_modes(self.grid, self.templates)
            cluster_modes = np.stack(
                [compton * self.grid.at_modes(band) for band in self.response[0]]
            )
        self.sources, n_changed = self.source_finder.update(
            self.sources, modes, covariance, cluster_modes
        )
        n_sources = sum(len(sources) for sources in self.sources)
        return n_changed > max(UNSTABLE * n_sources, 1)

    def _cross_response(self, templates: Sequence[np.ndarray]) -> np.ndarray:
        radius = self._radius * self.grid.pixel_size
        return self.matched.cross_response(templates, self.templates, radius)

    def _update(self, indices: range) -> Clusters:
        """Measure the known clusters again and add the new ones, with some of the templates."""
        known = self.clusters
        y, x = known.pixels
        snr = np.full(self.grid.shape, -np.inf, np.float32)
        template = np.zeros(self.grid.shape, np.int16)
        trials, levels = [], []
        for index in indices:
            amplitude, error, level = self._filtered_residual(self.templates[index])
            trials.append(self._remeasured(index, amplitude, error[y, x]))
            levels.append(level)
            better = np.divide(amplitude, error, out=error) > snr
            np.copyto(snr, error, where=better)
            np.copyto(template, index, where=better)
        self.level = float(np.median(levels))
        best = Clusters.best_of(trials)
        best.snr /= self.level
        found = best[best.snr > GIVEN_UP] + self._new(snr / self.level, template)
        return found[self._stands_alone(found)]

    def _remeasured(self, index: int, residual: np.ndarray, error: np.ndarray) -> Clusters:
        """Put each known cluster back into a filtered residual, and find its peak there."""
        known = self.clusters
        y, x = known.pixels
        own = self._cross[index, known.template] * known.amplitude[:, None]
        amplitude = residual[y, x] + own[:, 0]
        curvature = 2 * (own[:, 0] - own[:, int(1 / STEP)])
        slope_y, slope_x = slopes(residual, y, x)
        y_max, x_max = (n - 1 for n in residual.shape)
        return Clusters(
            np.clip(known.x + np.clip(slope_x / curvature / self._side_x**2, -0.5, 0.5), 0, x_max),
            np.clip(known.y + np.clip(slope_y / curvature / self._side_y**2, -0.5, 0.5), 0, y_max),
            np.full(len(known), index),
            amplitude,
            amplitude / error,
        )

    def _new(self, snr: np.ndarray, template: np.ndarray) -> Clusters:
        """The highest peak of each connected region above the threshold."""
        labels, n_labels = ndimage.label((snr > THRESHOLD) & self.use, np.ones((3, 3)))
        if not n_labels:
            return Clusters.none()
        peaks = ndimage.maximum_position(snr, labels, range(1, n_labels + 1))
        y, x = np.array(peaks).T
        dy, dx, height = peak_offsets(snr, y, x)
        index = template[y, x].astype(int)
        return Clusters(x + dx, y + dy, index, height * self._noise()[index], height)

    def _noise(self) -> np.ndarray:
        """Error of the amplitude of each template, far from edges."""
        return self.level * np.array([self.matched.noise(template) for template in self.templates])

    def _half_widths(self) -> np.ndarray:
        """Radius in pixels at which each template's response to itself has fallen to half."""
        own = self._cross.diagonal().T
        return self._radius[np.argmax(own < 0.5 * own[:, :1], axis=1)]

    def _stands_alone(self, clusters: Clusters) -> np.ndarray:
        """Which clusters are neither within a brighter one nor what its model leaves behind."""
        distance = self._distance(
            clusters.x[:, None] - clusters.x, clusters.y[:, None] - clusters.y
        )
        brighter = clusters.snr > clusters.snr[:, None]
        half_width = self._half_widths()[clusters.template]
        within = brighter & (distance < np.maximum(half_width, half_width[:, None]))
        step = np.minimum((distance / STEP).astype(int), self._radius.size - 1)
        response = self._cross[clusters.template[:, None], clusters.template, step]
        spilled = np.where(brighter, clusters.amplitude * response, 0)
        left_behind = LEFT_BEHIND * np.max(spilled, axis=1, initial=0)
        return ~within.any(axis=1) & (clusters.amplitude > left_behind)

    def _is_stable(self, updated: Clusters) -> bool:
        before = self.clusters
        distance = np.hypot(updated.x[:, None] - before.x, updated.y[:, None] - before.y)
        same = np.isclose(updated.snr[:, None], before.snr, *SAME_SNR) & (distance < SAME_PLACE)
        changed = max(len(updated), len(before)) - np.count_nonzero(same)
        return changed <= UNSTABLE * len(before)

    def _zones(self) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
        """Pixels near clusters, the cluster that outshines the others there, its distance."""
        ny, nx = self.grid.shape
        brightest, distance = np.zeros((2, ny, nx))
        owner = np.full((ny, nx), -1)
        profiles = self._sky_profiles()
        half_width = self._half_widths()
        for number in range(len(self.clusters)):
            cluster = self.clusters[[number]]
            kind = cluster.template[0]
            reach = int(half_width[kind]) + 1
            reach_y, reach_x = int(reach / self._side_y) + 1, int(reach / self._side_x) + 1
            y0, x0 = (int(value[0]) for value in cluster.pixels)
            box = np.s_[
                max(y0 - reach_y, 0) : y0 + reach_y + 1, max(x0 - reach_x, 0) : x0 + reach_x + 1
            ]
            y, x = np.ogrid[
                box[0].start : min(box[0].stop, ny), box[1].start : min(box[1].stop, nx)
            ]
            r = self._distance(x - cluster.x, y - cluster.y)
            light = np.where(
                r < reach, np.interp(r, self._radius, cluster.amplitude * profiles[kind]), 0
            )
            wins = light > brightest[box]
            for image, value in ((brightest, light), (distance, r)):
                np.copyto(image[box], value, where=wins)
            owner[box][wins] = number
        near = np.nonzero(owner >= 0)
        return near, owner[near], distance[near]

    def _distance(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Length on the sky of offsets in pixels, in the unit of the radius of responses."""
        return np.hypot(dx * self._side_x, dy * self._side_y)

    def _sky_profiles(self) -> np.ndarray:
        """Profiles of the templates on the sky, smoothed by about two pixels, over the radius."""
        sigma = 2 * np.sqrt(self.grid.pixel_area)
        smooth = np.exp(-0.5 * (self.grid.ell * sigma) ** 2)
        tables = np.array(self.templates) * smooth
        return self.grid.hankel_transform(tables, self._radius * self.grid.pixel_size)
