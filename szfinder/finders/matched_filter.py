"""MatchedFilterFinder: clusters by the multi-frequency matched filter."""

from collections.abc import Callable, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable
from scipy import ndimage

from szfinder.filters import BandCovariance, Template
from szfinder.finders.base import SZFinder, as_map_stack
from szfinder.finders.filter_problem import GREYBODIES, FilterProblem
from szfinder.finders.score_map import ScoreMap
from szfinder.maps import MapStack
from szfinder.utils.threads import single_blas_thread

__all__ = ["MatchedFilterFinder"]

COVARIANCES = ("iterative", "maps", "model")
SOURCES = ("auto", "subtract", "mask", None)


class MatchedFilterFinder(SZFinder):
    r"""Finds clusters with the multi-frequency matched filter.

    The bands are combined with the inverse of their cross-band covariance, and filtered with
    templates of clusters of several sizes; the score is the highest signal-to-noise ratio of any
    template. Point sources and clusters are taken off, and the covariance measured on what is left,
    until the catalogue is stable.

    Parameters
    ----------
    threshold : float, optional
        Least signal-to-noise ratio of a detection.
    templates : sequence of `~szfinder.filters.Template`, optional
        Shapes of clusters; by default the twelve beta-models of Lin et al. (2021) with core radii
        of 0.25 to 3 arcmin, scaled with the beam where that is larger than 1.2 arcmin.
    covariance : {"iterative", "maps", "model"}, BandCovariance or callable, optional
        Where the covariance comes from: from the maps without what was found in them, from the maps
        as they are, from the sky model of Lin et al. (2021) with the noise of the bands, or given:
        as `~szfinder.filters.BandCovariance`, or as a function of multipole that returns matrices
        of shape (n_ell, n_band, n_band) in uK_CMB^2 sr, beams and noise included.
    anisotropic : bool, optional
        Keep the measured covariance mode by mode rather than in rings of multipole, for striped
        noise.
    sources : {"auto", "subtract", "mask", None}, optional
        What is done with point sources. They are subtracted where the smallest beam is below
        3 arcmin; otherwise masked, since a clump of dust in a wide beam is not a point.
    source_threshold : float, optional
        Least signal-to-noise ratio of a point source in its band.
    source_flux : float, optional
        Least flux of a point source in mJy.
    deproject : {"cib", "dust"} or array_like, optional
        Null a spectrum: a greybody, or the response of each band in any common unit of temperature.
    keep_templates : sequence of int, optional
        Numbers of templates, from 0, whose signal-to-noise ratios are layers ``snr_NUMBER`` of the
        score map: how it changes with size tells more of a cluster than the best size does.

    Raises
    ------
    ValueError
        If an option is not one of its values, or there is no such template.

    References
    ----------
    Lin et al. 2021, section 2.1; Melin et al. 2006; Erler et al. 2019 for the nulled spectrum.

    Examples
    --------
    >>> from szfinder import MatchedFilterFinder
    >>> finder = MatchedFilterFinder(threshold=5, source_flux=2)
    >>> clusters = finder(maps)  # doctest: +SKIP
    """

    kind = "matched_filter"
    prominence = 1.5

    def __init__(
        self,
        *,
        threshold: float = 4.5,
        templates: Sequence[Template] | None = None,
        covariance: str | BandCovariance | Callable[[np.ndarray], np.ndarray] = "iterative",
        anisotropic: bool = False,
        sources: str | None = "auto",
        source_threshold: float = 5.0,
        source_flux: float = 0.0,
        deproject: str | Sequence[float] | None = None,
        keep_templates: Sequence[int] = (),
    ) -> None:
        super().__init__(threshold=threshold)
        given = isinstance(covariance, BandCovariance) or callable(covariance)
        if not given and not (isinstance(covariance, str) and covariance in COVARIANCES):
            raise ValueError(
                f"covariance must be one of {COVARIANCES}, a BandCovariance or a function; "
                f"found {covariance!r}"
            )
        if sources not in SOURCES:
            raise ValueError(f"sources must be one of {SOURCES}; found {sources!r}")
        if isinstance(deproject, str) and deproject not in GREYBODIES:
            raise ValueError(
                f"deproject must be one of {tuple(GREYBODIES)} or one response a band; "
                f"found {deproject!r}"
            )
        if templates is not None and not len(templates):
            raise ValueError(
                "templates is empty; pass at least one template, or None for the default"
            )
        if anisotropic and covariance not in ("iterative", "maps"):
            raise ValueError(
                "anisotropic needs a covariance measured from the maps ('iterative' or 'maps'); "
                f"found {covariance!r}"
            )
        self.templates = templates
        self.covariance = covariance
        self.anisotropic = anisotropic
        self.sources = sources
        self.source_threshold = float(source_threshold)
        self.source_flux = float(source_flux)
        self.deproject = deproject
        self.keep_templates = tuple(keep_templates)

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        given = not isinstance(self.covariance, str)
        return {
            **super().parameters,
            "n_templates": None if self.templates is None else len(self.templates),
            "covariance": "given" if given else self.covariance,
            "anisotropic": self.anisotropic,
            "sources": self.sources,
            "source_threshold": self.source_threshold,
            "source_flux": self.source_flux,
            "deproject": self.deproject if self.deproject is None else str(self.deproject),
            "keep_templates": " ".join(map(str, self.keep_templates)),
        }

    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """Signal-to-noise ratio of the best template in every pixel.

        The best is the one with the highest amplitude over the noise that the filter expects: sizes
        whose noise it underestimates are not favoured over others. The layers are ``theta_c``,
        ``y_c``, ``y_c_err``, ``snr`` and, for templates that have an R500, ``y500``, of the best
        template; ``flags``; and those of ``keep_templates``. Parameters and result as in
        `SZFinder.score_map`.
        """
        with single_blas_thread():
            return self._score_map(as_map_stack(maps), mask)

    def _score_map(self, maps: MapStack, mask: np.ndarray | None) -> ScoreMap:
        problem = FilterProblem(self, maps, mask)
        templates = problem.templates
        self._check_kept(len(templates))
        separation = problem.separate()
        kept = {}
        best_fit = np.full(problem.grid.shape, -np.inf, np.float32)
        best = np.zeros(problem.grid.shape, np.int16)
        y_c, y_c_err = np.zeros((2, *problem.grid.shape), np.float32)
        for index, (amplitude, error, excess) in enumerate(separation.filtered()):
            fit = amplitude / error * excess
            better = fit > best_fit
            layers = (best_fit, fit), (best, index), (y_c, amplitude), (y_c_err, error)
            for layer, value in layers:
                np.copyto(layer, value, where=better)
            if index in self.keep_templates:
                kept[f"snr_{index}"] = amplitude / error
        snr = y_c / y_c_err
        for layer in (snr, *kept.values()):
            layer[~problem.use] = np.nan
        layers = {
            "snr": snr,
            "theta_c": np.array([template.theta_c for template in templates])[best],
            "y_c": y_c,
            "y_c_err": y_c_err,
            "flags": problem.flags(separation),
            **kept,
        }
        y500 = np.array([template.y500_per_y_c for template in templates])
        if np.isfinite(y500).all():
            layers["y500"] = y500[best] * y_c
        meta = {
            "finder": type(self).__name__,
            "instrument": problem.maps.instrument.name,
            **self.parameters,
            "n_templates": len(templates),
            "n_iterations": separation.n_iterations,
            "converged": separation.converged,
            "n_sources": sum(len(sources) for sources in separation.sources),
        }
        return ScoreMap(snr, problem.maps.wcs, layers=layers, meta=meta)

    def _check_kept(self, n_templates: int) -> None:
        unknown = set(self.keep_templates) - set(range(n_templates))
        if unknown:
            raise ValueError(
                f"keep_templates names {', '.join(map(str, sorted(unknown)))}; expected numbers "
                f"from 0 to {n_templates - 1}, of the templates there are"
            )

    def measure_at(
        self,
        maps: MapStack | NDData,
        positions: SkyCoord,
        *,
        templates: Sequence[Template] | None = None,
        mask: np.ndarray | None = None,
    ) -> QTable:
        """Forced photometry: amplitude of a template at given positions.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack` or `~astropy.nddata.NDData`
            The maps.
        positions : `~astropy.coordinates.SkyCoord`
            Positions, shape (n,).
        templates : sequence of `~szfinder.filters.Template`, optional
            The template of each position, or a single one for all; by default the one of the finder
            with the highest signal-to-noise ratio there.
        mask : `~numpy.ndarray`, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used.

        Returns
        -------
        `~astropy.table.QTable`
            ``sky_centroid``, ``theta_c``, ``y_c``, ``y_c_err`` and ``snr``, one row a position in
            the order given; all but ``theta_c`` are NaN where the finder has no score: outside the
            maps, along their edge and under a mask.

        Raises
        ------
        ValueError
            If the number of templates is neither one nor that of the positions.
        """
        positions = np.atleast_1d(positions)
        if templates is not None and len(templates) not in (1, len(positions)):
            raise ValueError(
                f"templates must hold one template, or one a position ({len(positions)}); "
                f"found {len(templates)}"
            )
        if templates is not None and not len(templates):
            templates = None  # as there are no positions either
        with single_blas_thread():
            return self._measure_at(as_map_stack(maps), positions, templates, mask)

    def _measure_at(
        self,
        maps: MapStack,
        positions: SkyCoord,
        templates: Sequence[Template] | None,
        mask: np.ndarray | None,
    ) -> QTable:
        problem = FilterProblem(self, maps, mask)
        separation = problem.separate()
        shapes = list(dict.fromkeys(problem.templates if templates is None else templates))
        tables = [template.transform(problem.grid.ell) for template in shapes]
        x, y = problem.maps.wcs.world_to_pixel(positions)
        amplitude, error, fit = [], [], []
        for image, error_image, excess in separation.filtered(tables):
            amplitude.append(_sample(image, y, x, problem.use))
            error.append(_sample(error_image, y, x, problem.use))
            fit.append(excess * amplitude[-1] / error[-1])
        amplitude, error = np.array(amplitude), np.array(error)
        if templates is None:
            index = np.argmax(np.nan_to_num(fit, nan=-np.inf), axis=0)
        else:
            index = np.array([shapes.index(template) for template in templates])
        chosen = np.broadcast_to(index, len(positions)), np.arange(len(positions))
        table = QTable({"sky_centroid": positions})
        table["theta_c"] = np.array([shapes[i].theta_c for i in chosen[0]]) * u.arcmin
        table["y_c"] = amplitude[chosen] * u.dimensionless_unscaled
        table["y_c_err"] = error[chosen] * u.dimensionless_unscaled
        table["snr"] = amplitude[chosen] / error[chosen]
        return table


def _sample(image: np.ndarray, y: np.ndarray, x: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Cubic interpolation at pixel positions, NaN where there is nothing to interpolate."""
    j, i = np.rint(np.nan_to_num([y, x], nan=-1)).astype(int)
    inside = (j >= 0) & (j < use.shape[0]) & (i >= 0) & (i < use.shape[1])
    inside[inside] &= use[j[inside], i[inside]]
    values = np.full(len(x), np.nan)
    values[inside] = ndimage.map_coordinates(
        np.where(np.isfinite(image), image, 0), [y[inside], x[inside]], order=3, mode="nearest"
    )
    return values
