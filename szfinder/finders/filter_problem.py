"""FilterProblem: the arrays that a map stack and the configuration of a matched filter make."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from szfinder.filters import (
    BandCovariance,
    Footprint,
    FourierGrid,
    ModeCovariance,
    NoiseLevel,
    PointSourceFinder,
    Separation,
    beta_templates,
    inpaint,
    measure_covariance,
    measure_mode_covariance,
    model_covariance,
    subtract_plane,
)
from szfinder.filters.fourier import ARCMIN
from szfinder.finders.base import checked_mask
from szfinder.finders.catalogue import FLAGS
from szfinder.finders.tiled import NothingToSearchError
from szfinder.maps import Band, MapError, MapStack

if TYPE_CHECKING:
    from szfinder.finders.matched_filter import MatchedFilterFinder

__all__ = ["GREYBODIES", "FilterProblem"]

#: Core radii of Lin et al. (2021), section 2.1, in arcmin, and the beam they were chosen for.
CORE_RADII = 0.25 * np.arange(1, 13)
CORE_RADII_BEAM = 1.2

#: Greybody of the cosmic infrared background (Planck Collaboration XXX 2014, table 9) and of
#: Galactic dust (Planck Collaboration XI 2014, table 3), for ``deproject``.
GREYBODIES = {
    "cib": {"temperature": 24.4, "emissivity_index": 1.75, "redshift": 1.2},
    "dust": {"temperature": 19.7, "emissivity_index": 1.62},
}

#: Least margin between opposite edges of a map, and width of the window that covariances are
#: measured in, in arcmin for the beam the core radii were chosen for.
MARGIN = 30.0
#: Distance at which the edge of the maps is felt, in units of the smallest beam, and the part of
#: it, in units of the largest beam, in which nothing is looked for.
EDGE_REACH = 5.0
EDGE_STRIP = 1.0
#: Largest hole that is filled rather than taken for the outside, in areas of the largest beam.
HOLE_AREA = 30.0
#: Beam in arcmin above which what looks like a point source may be a clump of dust.
RESOLVED_BEAM = 3.0
#: Radius of the disc that is masked at a point source, and within which a source is near, in units
#: of the beam.
SOURCE_RADIUS = 1.5


class FilterProblem:
    """The arrays that one set of maps and one finder's configuration make."""

    def __init__(
        self, finder: "MatchedFilterFinder", maps: MapStack, mask: np.ndarray | None
    ) -> None:
        self.finder = finder
        self.maps = maps
        widths = np.array([band.beam.fwhm for band in maps.bands])
        scale = max(widths.min() / CORE_RADII_BEAM, 1.0)
        self.templates = finder.templates
        if self.templates is None:
            self.templates = beta_templates(CORE_RADII * scale)
        self.grid = FourierGrid(maps.shape, maps.pixel_scale, margin=MARGIN * scale)
        pixel = self.grid.pixel_size
        self.beams = _beams(maps, self.grid)
        self.response = self._response()
        self.footprint = Footprint(_good(maps, mask), HOLE_AREA * (widths.max() / pixel) ** 2)
        self.reach = EDGE_REACH * widths.min() / pixel
        strip = self.footprint.edge_distance > EDGE_STRIP * widths.max() / pixel
        self.use = self.footprint.inside & ~self.footprint.holes & strip
        if not self.use.any():
            raise NothingToSearchError(
                "nothing of the maps is left to search",
                found=f"{np.count_nonzero(_good(maps, mask))} good pixels",
                expected=f"a region wider than {2 * widths.max():.3g} arcmin, good in all bands",
                hint="check the mask, or leave out the band that covers least with maps.select",
            )
        self.noise_level = NoiseLevel(self.footprint, self.reach, maps.ivar)
        window = self.footprint.window(MARGIN * scale / pixel).astype(np.float32)
        self._window, self._window_area = window, float(np.sum(window.astype(float) ** 2))
        flat = subtract_plane(maps.data, self.footprint.inside & ~self.footprint.holes)
        self.images = inpaint(flat, ~self.footprint.inside | self.footprint.holes)
        self.source_discs = np.zeros(maps.shape, dtype=bool)
        sources = finder.sources
        if sources == "auto":
            sources = "subtract" if widths.min() < RESOLVED_BEAM else "mask"
        self._subtracts_sources = sources == "subtract"
        if sources == "mask":
            self._mask_sources()

    def separate(self) -> Separation:
        """Take the maps apart into clusters, sources and the rest."""
        return Separation(
            self.images,
            self.grid,
            self.response,
            [template.transform(self.grid.ell) for template in self.templates],
            covariance=self._covariance(),
            noise_level=self.noise_level,
            use=self.use,
            source_finder=self._source_finder() if self._subtracts_sources else None,
            iterative=self.finder.covariance == "iterative",
        )

    def flags(self, separation: Separation) -> np.ndarray:
        """Flags of every pixel: near the edge, near a point source or a masked region."""
        near = self.source_discs.copy()
        for sources, band in zip(separation.sources, self.maps.bands):
            near |= self._discs(sources.x, sources.y, band)
        holes = ndimage.binary_dilation(
            self.footprint.holes, iterations=int(np.ceil(self.reach / EDGE_REACH))
        )
        edge = self.footprint.edge_distance < self.reach
        return edge * FLAGS["edge"] + (near | holes) * FLAGS["source"]

    def _response(self) -> np.ndarray:
        spectra = [[band.tsz_response for band in self.maps.bands]]
        if self.finder.deproject is not None:
            spectra.append(_nulled_spectrum(self.finder.deproject, self.maps.bands))
            if np.linalg.matrix_rank(spectra / np.linalg.norm(spectra, axis=1)[:, None]) < 2:
                raise MapError(
                    "deproject would null the clusters too",
                    found=f"{self.maps.n_band} band(s) in which the spectrum is that of clusters",
                    expected="two bands or more, and another spectrum",
                    hint="add a band, or leave deproject out",
                )
        return np.array(spectra)[:, :, None] * self.beams

    def _covariance(self) -> Callable[[np.ndarray], BandCovariance | ModeCovariance]:
        """Function that returns the covariance of residual maps."""
        given = self.finder.covariance
        if given == "model":
            fixed = self._model_covariance()
        elif isinstance(given, BandCovariance):
            fixed = given
        elif callable(given):
            nodes = self.grid.ell[2:][:: max(self.grid.ell.size // 2000, 1)]
            fixed = BandCovariance(nodes, np.asarray(given(nodes)))
        else:
            measure = measure_mode_covariance if self.finder.anisotropic else measure_covariance
            return lambda maps: measure(
                self.grid.transform(maps * self._window), self.grid, self._window_area
            )
        n_band = self.maps.n_band
        if fixed.matrix.shape != (fixed.ell.size, n_band, n_band):
            raise MapError(
                "the covariance does not fit the maps",
                found=f"shape {fixed.matrix.shape}",
                expected=f"({fixed.ell.size}, {n_band}, {n_band})",
            )
        return lambda maps: fixed

    def _model_covariance(self) -> BandCovariance:
        bands = self.maps.bands
        for band in bands:
            if band.noise is None:
                raise MapError(
                    "covariance='model' needs the noise of every band",
                    band=band.name,
                    found="none",
                    expected="a noise depth in uK-arcmin",
                    hint="give the band a noise, or use covariance='iterative'",
                )
        white = np.array([band.noise * ARCMIN for band in bands]) ** 2
        frequencies = np.array([band.frequency for band in bands])
        return model_covariance(self.grid, frequencies, self.beams, white)

    def _source_finder(self) -> PointSourceFinder:
        per_kelvin = np.array([band.flux_per_kelvin for band in self.maps.bands])
        return PointSourceFinder(
            self.grid,
            self.beams,
            self.footprint.inside & ~self.footprint.holes,
            self.noise_level,
            threshold=self.finder.source_threshold,
            flux_limits=self.finder.source_flux / per_kelvin * ARCMIN**2,
        )

    def _mask_sources(self) -> None:
        """Find the sources of the maps and fill the discs around them."""
        source_finder = self._source_finder()
        modes = self.grid.transform_extended(self.images)
        window = self.grid.transform(self.images * self._window)
        covariance = measure_covariance(window, self.grid, self._window_area)
        for sources, band in zip(source_finder.find(modes, covariance), self.maps.bands):
            self.source_discs |= self._discs(sources.x, sources.y, band)
        self.images = inpaint(self.images, self.source_discs)
        self.use &= ~self.source_discs

    def _discs(self, x: np.ndarray, y: np.ndarray, band: Band) -> np.ndarray:
        """Pixels within a disc around each position."""
        ny, nx = self.grid.shape
        discs = np.zeros((ny, nx), dtype=bool)
        radius = SOURCE_RADIUS * band.beam.fwhm / self.grid.pixel_size
        for x0, y0 in zip(x, y):
            rows = slice(max(int(y0 - radius), 0), min(int(y0 + radius) + 2, ny))
            columns = slice(max(int(x0 - radius), 0), min(int(x0 + radius) + 2, nx))
            j, i = np.ogrid[rows, columns]
            discs[rows, columns] |= np.hypot(j - y0, i - x0) < radius
        return discs


def _beams(maps: MapStack, grid: FourierGrid) -> np.ndarray:
    beams = np.stack([band.beam.window(grid.ell) for band in maps.bands])
    return beams * grid.pixel_window() if maps.instrument.pixel_window else beams


def _good(maps: MapStack, mask: np.ndarray | None) -> np.ndarray:
    return maps.good & ~checked_mask(maps, mask)


def _nulled_spectrum(deproject: str | Sequence[float], bands: Sequence[Band]) -> np.ndarray:
    """Response of each band to the spectrum to be nulled, 1 in the strongest band."""
    if isinstance(deproject, str):
        greybody: Mapping[str, float] = GREYBODIES[deproject]
        spectrum = np.array(
            [band.greybody_response(reference_frequency=150.0, **greybody) for band in bands]
        )
    else:
        spectrum = np.asarray(deproject, dtype=float)
    if spectrum.shape != (len(bands),) or not np.isfinite(spectrum).all() or not spectrum.any():
        raise MapError(
            "deproject does not fit the bands",
            found=f"{deproject!r}",
            expected=f"{len(bands)} finite numbers, not all zero, one for each of the bands "
            + ", ".join(band.name for band in bands),
        )
    return spectrum / np.abs(spectrum).max()
