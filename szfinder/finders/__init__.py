"""Finders of galaxy clusters.

A `~szfinder.maps.MapStack` enters. Every finder makes of it a `ScoreMap` (`SZFinder.score_map`),
and of that a catalogue, a `~astropy.table.QTable` whose columns are listed in ``COLUMNS``
(`SZFinder.detect`); calling the finder does both. `MatchedFilterFinder` scores pixels by the
signal-to-noise ratio of the multi-frequency matched filter, `CNNFinder` cutouts by the probability
that a network gives them, and `UNetSegmentFinder` pixels by where a network paints clusters.
`EnsembleFinder` combines any of them.
"""

from szfinder.finders.base import SZFinder
from szfinder.finders.catalogue import COLUMNS, FLAGS, MEMBER_COLUMNS, Column, NoDetectionsWarning
from szfinder.finders.cnn import CNNFinder
from szfinder.finders.combining import mean_rank, rank_and, rank_product
from szfinder.finders.ensemble import EnsembleFinder
from szfinder.finders.ensemble_calibration import EnsembleCalibration
from szfinder.finders.ensemble_preset import EnsemblePreset, available_ensembles, ensemble_for
from szfinder.finders.evidence_model import EvidenceModel
from szfinder.finders.matched_filter import MatchedFilterFinder
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tail_rank import TailRank
from szfinder.finders.tiled import NothingToSearchError
from szfinder.finders.unet import UNetSegmentFinder
from szfinder.finders.unlike import UnlikeTrainingWarning

__all__ = [
    "COLUMNS",
    "FLAGS",
    "MEMBER_COLUMNS",
    "CNNFinder",
    "Column",
    "EnsembleCalibration",
    "EnsembleFinder",
    "EnsemblePreset",
    "EvidenceModel",
    "MatchedFilterFinder",
    "NoDetectionsWarning",
    "NothingToSearchError",
    "SZFinder",
    "ScoreMap",
    "TailRank",
    "UNetSegmentFinder",
    "UnlikeTrainingWarning",
    "available_ensembles",
    "ensemble_for",
    "mean_rank",
    "rank_and",
    "rank_product",
]
