"""Judge what a finder found, and look at it.

Catalogues of any code and the truth of the sky enter; matches (`match_detections`), scores
(`ScoreBook`, `CutoutGrid`), `completeness`, recovered signals (`ideal_snr`, `residuals`) and what a
perfect instrument would reach (`amplitude_ceiling`, `learned_ceiling`) leave. Without a truth there
are other catalogues (`cross_match`) and other maps (`stack_maps`, `aperture_flux`). Functions named
``plot_...`` draw each of them for any number of finders, and `plot_score_map` a score map.
"""

from szfinder.evaluation.ceilings import amplitude_ceiling, ceilings, learned_ceiling
from szfinder.evaluation.completeness import CompletenessMap, completeness, completeness_map
from szfinder.evaluation.completeness_plots import plot_completeness, plot_completeness_map
from szfinder.evaluation.confusion import Confusion
from szfinder.evaluation.cross_match import CrossMatch, cross_match, recovery_curve
from szfinder.evaluation.cutouts import CutoutGrid
from szfinder.evaluation.follow_up_plots import (
    plot_flux_against,
    plot_profiles,
    plot_recovery_curve,
    plot_stacks,
)
from szfinder.evaluation.intervals import bootstrap_interval, jeffreys_interval
from szfinder.evaluation.matching import Match, match_detections
from szfinder.evaluation.photometry import FLUX_FLAGS, aperture_flux, flux_against, mean_flux
from szfinder.evaluation.radial_profiles import object_profiles, radial_profile
from szfinder.evaluation.ranks import rank_percentile
from szfinder.evaluation.recovery import ideal_snr, residuals
from szfinder.evaluation.recovery_plots import plot_offsets, plot_recovery
from szfinder.evaluation.score_map_plot import plot_score_map
from szfinder.evaluation.score_plots import plot_f1_curve, plot_roc
from szfinder.evaluation.scorebook import ScoreBook
from szfinder.evaluation.selection import inside, select_halos
from szfinder.evaluation.stacking import Stack, stack_maps
from szfinder.finders.tables import positions_of

__all__ = [
    "CompletenessMap",
    "Confusion",
    "CrossMatch",
    "CutoutGrid",
    "FLUX_FLAGS",
    "Match",
    "ScoreBook",
    "Stack",
    "amplitude_ceiling",
    "aperture_flux",
    "bootstrap_interval",
    "ceilings",
    "completeness",
    "completeness_map",
    "cross_match",
    "flux_against",
    "ideal_snr",
    "inside",
    "jeffreys_interval",
    "learned_ceiling",
    "match_detections",
    "mean_flux",
    "object_profiles",
    "plot_completeness",
    "plot_completeness_map",
    "plot_f1_curve",
    "plot_flux_against",
    "plot_offsets",
    "plot_profiles",
    "plot_recovery",
    "plot_recovery_curve",
    "plot_roc",
    "plot_score_map",
    "plot_stacks",
    "positions_of",
    "radial_profile",
    "rank_percentile",
    "recovery_curve",
    "residuals",
    "select_halos",
    "stack_maps",
]
