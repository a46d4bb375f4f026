"""Matched-filter mathematics on plain arrays.

Maps of shape (n_band, ny, nx) in uK_CMB enter, with the pixel size in arcmin, beams and spectral
responses over multipole; amplitudes and errors of cluster templates leave. A `FourierGrid` holds
the modes, `measure_covariance` what they are weighed with, `MatchedFilter` the filter; `Separation`
runs it until clusters, point sources and the covariance of everything else agree. Nothing here
knows of WCS, tables or networks.
"""

from szfinder.filters.clusters import Clusters
from szfinder.filters.covariance import (
    BandCovariance,
    ModeCovariance,
    measure_covariance,
    measure_mode_covariance,
    model_covariance,
)
from szfinder.filters.footprint import Footprint, subtract_plane
from szfinder.filters.fourier import FourierGrid
from szfinder.filters.inpainting import inpaint
from szfinder.filters.matched import MatchedFilter
from szfinder.filters.noise import NoiseLevel, relative_noise, robust_deviation
from szfinder.filters.painting import object_modes, peak_offsets
from szfinder.filters.point_sources import PointSourceFinder, PointSources
from szfinder.filters.separation import Separation
from szfinder.filters.templates import (
    Template,
    battaglia_templates,
    beta_templates,
    gnfw_templates,
    point_template,
)

__all__ = [
    "BandCovariance",
    "Clusters",
    "Footprint",
    "FourierGrid",
    "MatchedFilter",
    "ModeCovariance",
    "NoiseLevel",
    "PointSourceFinder",
    "PointSources",
    "Separation",
    "Template",
    "battaglia_templates",
    "beta_templates",
    "gnfw_templates",
    "inpaint",
    "measure_covariance",
    "measure_mode_covariance",
    "model_covariance",
    "object_modes",
    "peak_offsets",
    "point_template",
    "relative_noise",
    "robust_deviation",
    "subtract_plane",
]
