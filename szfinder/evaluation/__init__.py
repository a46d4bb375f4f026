"""Judge what a finder found, and look at it.

Catalogues of any code and the truth of the sky enter; matches (`match_detections`), scores
(`ScoreBook`, `CutoutGrid`), `completeness`, recovered signals (`ideal_snr`, `residuals`) and what a
perfect instrument would reach (`amplitude_ceiling`, `learned_ceiling`) leave. Functions named
``plot_...`` draw each of them for any number of finders, and `plot_score_map` a score map.
"""

from szfinder.evaluation.ceilings import amplitude_ceiling, ceilings, learned_ceiling
from szfinder.evaluation.completeness import CompletenessMap, completeness, completeness_map
from szfinder.evaluation.completeness_plots import plot_completeness, plot_completeness_map
from szfinder.evaluation.confusion import Confusion
from szfinder.evaluation.cutouts import CutoutGrid
from szfinder.evaluation.intervals import bootstrap_interval, jeffreys_interval
from szfinder.evaluation.matching import Match, match_detections
from szfinder.evaluation.ranks import rank_percentile
from szfinder.evaluation.recovery import ideal_snr, residuals
from szfinder.evaluation.recovery_plots import plot_offsets, plot_recovery
from szfinder.evaluation.score_map_plot import plot_score_map
from szfinder.evaluation.score_plots import plot_f1_curve, plot_roc
from szfinder.evaluation.scorebook import ScoreBook
from szfinder.evaluation.selection import inside, select_halos
from szfinder.evaluation.tables import positions_of

__all__ = [
    "CompletenessMap",
    "Confusion",
    "CutoutGrid",
    "Match",
    "ScoreBook",
    "amplitude_ceiling",
    "ceilings",
    "bootstrap_interval",
    "completeness",
    "completeness_map",
    "ideal_snr",
    "inside",
    "jeffreys_interval",
    "learned_ceiling",
    "match_detections",
    "plot_completeness",
    "plot_completeness_map",
    "plot_f1_curve",
    "plot_offsets",
    "plot_recovery",
    "plot_roc",
    "plot_score_map",
    "positions_of",
    "rank_percentile",
    "residuals",
    "select_halos",
]
