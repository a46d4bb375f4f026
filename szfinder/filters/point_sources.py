"""Point sources: found in each band by the matched filter of its beam."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from szfinder.filters.covariance import BandCovariance, ModeCovariance
from szfinder.filters.fourier import FourierGrid
from szfinder.filters.matched import MatchedFilter
from szfinder.filters.noise import NoiseLevel
from szfinder.filters.painting import object_modes, peak_offsets, slopes

__all__ = ["PointSourceFinder", "PointSources"]

#: A peak below this part of the strongest feature nearby, of either sign, may be its sidelobe: it
#: is left for later, when the stronger one has been taken off.
SIDELOBE = 0.5
#: Range of sidelobes in units of the full width at half maximum of the beam.
SIDELOBE_RANGE = 4.0
#: A peak below this part of the clusters that were taken off at its place is what their models left
#: behind.
LEFT_BEHIND = 0.3
#: Least signal-to-noise ratio of a source whose position another band has given.
FORCED_THRESHOLD = 2.0
#: Signal-to-noise ratio below which a source is given up again.
GIVEN_UP = 1.0


@dataclass
class PointSources:
    """Point sources of one band.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Pixel positions.
    flux : `~numpy.ndarray`
        Temperatures integrated over solid angle, in uK_CMB sr.
    snr : `~numpy.ndarray`
        Flux over its error.
    """

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    snr: np.ndarray

    @classmethod
    def none(cls) -> "PointSources":
        """No sources."""
        return cls(*np.zeros((4, 0)))

    def __getitem__(self, index: np.ndarray) -> "PointSources":
        return PointSources(*(values[index] for values in vars(self).values()))

    def __len__(self) -> int:
        return len(self.x)

    def __add__(self, other: "PointSources") -> "PointSources":
        return PointSources(
            *(np.concatenate([a, b]) for a, b in zip(vars(self).values(), vars(other).values()))
        )

    def apart_from(self, others: "PointSources", distance: float) -> np.ndarray:
        """Which sources are further than a distance, in pixels, from all others; boolean."""
        own, other = (np.stack([sources.x, sources.y], axis=1) for sources in (self, others))
        return KDTree(other).query(own)[0] > distance

    def paint(self, grid: FourierGrid, beam: np.ndarray) -> np.ndarray:
        """Map of the sources in uK_CMB, seen through a beam given over ``grid.ell``."""
        if not len(self):
            return np.zeros(grid.shape, np.float32)
        modes = object_modes(self.x, self.y, self.flux, grid)
        return grid.inverse(modes * grid.at_modes(beam))


class PointSourceFinder:
    """Finds positive point sources in single bands.

    Parameters
    ----------
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps.
    beams : `~numpy.ndarray`
        Beam of each band over ``grid.ell``, shape (n_band, n_ell).
    use : `~numpy.ndarray`
        Boolean, shape (ny, nx): where sources are looked for.
    noise_level : `~szfinder.filters.NoiseLevel`
        Measures the noise.
    threshold : float
        Least signal-to-noise ratio.
    flux_limits : `~numpy.ndarray`
        Least flux in each band, in uK_CMB sr, shape (n_band,).
    """

    def __init__(
        self,
        grid: FourierGrid,
        beams: np.ndarray,
        use: np.ndarray,
        noise_level: NoiseLevel,
        *,
        threshold: float,
        flux_limits: np.ndarray,
    ) -> None:
        self.grid = grid
        self.beams = beams
        self.use = use
        self.noise_level = noise_level
        self.threshold = threshold
        self.flux_limits = flux_limits
        self._point = np.ones(grid.ell.size)
        radius = np.arange(0, 100, 0.25)
        profiles = grid.hankel_transform(beams, radius * grid.pixel_size)
        full_width = 2 * radius[np.argmax(profiles < 0.5 * profiles[:, :1], axis=1)]
        self._reach = np.ceil(SIDELOBE_RANGE * full_width).astype(int)

    def find(
        self,
        modes: np.ndarray,
        covariance: BandCovariance | ModeCovariance,
        cluster_modes: np.ndarray | None = None,
    ) -> list[PointSources]:
        """The sources of each band, where none is known yet; parameters as for `update`."""
        nothing = [PointSources.none() for _ in self.beams]
        return self.update(nothing, modes, covariance, cluster_modes)[0]

    def update(
        self,
        known: list[PointSources],
        modes: np.ndarray,
        covariance: BandCovariance | ModeCovariance,
        cluster_modes: np.ndarray | None = None,
    ) -> tuple[list[PointSources], int]:
        """Measure the known sources again and add the new ones.

        Parameters
        ----------
        known : list of `PointSources`
            The sources of each band that have been taken off the maps.
        modes : `~numpy.ndarray`
            Fourier transforms of what is left of the maps, shape (n_band, ny, nx // 2 + 1).
        covariance : `~szfinder.filters.BandCovariance` or `~szfinder.filters.ModeCovariance`
            Covariance of all bands.
        cluster_modes : `~numpy.ndarray`, optional
            Fourier transforms of the clusters that were taken off the maps, shaped as ``modes``.

        Returns
        -------
        sources : list of `PointSources`
            One for each band.
        n_changed : int
            How many are new, or have changed by more than their error.
        """
        filtered, updated, n_changed = [], [], 0
        for band, (beam, old) in enumerate(zip(self.beams, known)):
            matched = MatchedFilter(self.grid, beam[None, None], covariance.of_band(band))
            flux = matched.amplitude(matched.combine(modes[[band]]), self._point)
            level, error = self.noise_level(flux, matched, self._point, bands=slice(band, band + 1))
            error *= level
            clusters = 0.0
            if cluster_modes is not None:
                clusters = matched.amplitude(matched.combine(cluster_modes[[band]]), self._point)
            old, n_moved = self._remeasured(old, flux, error, matched)
            y, x = self._peaks(flux, error, clusters, self.flux_limits[band], self._reach[band])
            dy, dx, height = peak_offsets(flux, y, x)
            new = PointSources(x + dx, y + dy, height, height / error[y, x])
            new = new[new.apart_from(old, self._reach[band] / SIDELOBE_RANGE)]
            filtered.append((flux, error))
            updated.append(old + new)
            n_changed += n_moved + len(new)
        forced = [self._forced(band, updated, *filtered[band]) for band in range(len(updated))]
        n_changed += sum(len(sources) for sources in forced)
        return [own + seen for own, seen in zip(updated, forced)], n_changed

    def _remeasured(
        self, known: PointSources, residual: np.ndarray, error: np.ndarray, matched: MatchedFilter
    ) -> tuple[PointSources, int]:
        """Correct fluxes and positions by what is left at each; how many changed by an error."""
        if not len(known):
            return known, 0
        y, x = np.rint(known.y).astype(int), np.rint(known.x).astype(int)
        one_pixel = np.array([0, self.grid.pixel_size])
        centre, beside = matched.cross_response([self._point], [self._point], one_pixel)[0, 0]
        curvature = 2 * (centre - beside) * known.flux
        slope_y, slope_x = slopes(residual, y, x)
        dy = np.clip(slope_y / curvature, -0.5, 0.5)
        dx = np.clip(slope_x / curvature, -0.5, 0.5)
        flux = known.flux + residual[y, x]
        y_max, x_max = (n - 1 for n in residual.shape)
        updated = PointSources(
            np.clip(known.x + dx, 0, x_max),
            np.clip(known.y + dy, 0, y_max),
            flux,
            flux / error[y, x],
        )
        moved = np.hypot(dx, dy) * known.snr > 1
        changed = moved | (np.abs(residual[y, x]) > error[y, x])
        return updated[updated.snr > GIVEN_UP], np.count_nonzero(changed)

    def _forced(
        self, band: int, found: list[PointSources], flux: np.ndarray, error: np.ndarray
    ) -> PointSources:
        """Sources of other bands that are seen, fainter than the threshold, in this one."""
        forced = PointSources.none()
        for other in found[:band] + found[band + 1 :]:
            y, x = np.rint(other.y).astype(int), np.rint(other.x).astype(int)
            seen = PointSources(other.x, other.y, flux[y, x], flux[y, x] / error[y, x])
            new = seen.apart_from(found[band] + forced, self._reach[band] / SIDELOBE_RANGE)
            forced += seen[new & (seen.snr > FORCED_THRESHOLD)]
        return forced

    def _peaks(
        self,
        flux: np.ndarray,
        error: np.ndarray,
        clusters: np.ndarray | float,
        flux_limit: float,
        reach: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (y, x) of the peaks that are neither sidelobes nor left behind by clusters."""
        bright = self.use & (flux > np.maximum(self.threshold * error, flux_limit))
        bright &= flux > LEFT_BEHIND * np.abs(clusters)
        y, x = np.nonzero(bright)
        for distance, part in ((1, 1.0), (reach, SIDELOBE)):
            around = [np.abs(flux[_box(j, i, distance)]).max() for j, i in zip(y, x)]
            highest = flux[y, x] >= part * np.array(around)
            y, x = y[highest], x[highest]
        return y, x


def _box(y: int, x: int, distance: int) -> tuple[slice, slice]:
    """Pixels within a distance of one along each axis."""
    return np.s_[max(y - distance, 0) : y + distance + 1, max(x - distance, 0) : x + distance + 1]
