"""Make data sets of cutouts and train networks on them.

Simulated skies enter; cutouts with labels, and a trained network with its log, leave. Which seeds
may be used for what stands in ``szfinder.training.seeds``.
"""

from szfinder.training.calibration import (
    calibrate,
    expected_calibration_error,
    platt_scaling,
    reliability,
)
from szfinder.training.cnn import RECIPES, train_cnn
from szfinder.training.cutouts import CutoutSet, SkyCutouts
from szfinder.training.recipes import ImbalanceSchedule, ModernRecipe, Recipe, Stage
from szfinder.training.trainer import Trainer

__all__ = [
    "RECIPES",
    "CutoutSet",
    "ImbalanceSchedule",
    "ModernRecipe",
    "Recipe",
    "SkyCutouts",
    "Stage",
    "Trainer",
    "calibrate",
    "expected_calibration_error",
    "platt_scaling",
    "reliability",
    "train_cnn",
]
