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
from szfinder.training.classifier_trainer import ClassifierTrainer
from szfinder.training.cnn import (
    CNN_TRAININGS,
    RECIPES,
    CNNTraining,
    train_cnn,
    train_cnn_on_maps,
)
from szfinder.training.cutout_set import CutoutSet
from szfinder.training.cutouts import SkyCutouts
from szfinder.training.losses import focal_loss
from szfinder.training.patches import FlatPatches, SkyPatches
from szfinder.training.recipes import ImbalanceSchedule, ModernRecipe, Recipe, Stage
from szfinder.training.segments import disc_map, peak_map
from szfinder.training.sky_split import SkySplit
from szfinder.training.split import split_by_right_ascension
from szfinder.training.stream import SkyStream
from szfinder.training.trainer import Trainer

__all__ = [
    "CNN_TRAININGS",
    "RECIPES",
    "CNNTraining",
    "ClassifierTrainer",
    "CutoutSet",
    "FlatPatches",
    "ImbalanceSchedule",
    "ModernRecipe",
    "Recipe",
    "SkyCutouts",
    "SkyPatches",
    "SkySplit",
    "SkyStream",
    "Stage",
    "Trainer",
    "calibrate",
    "disc_map",
    "expected_calibration_error",
    "focal_loss",
    "peak_map",
    "platt_scaling",
    "reliability",
    "split_by_right_ascension",
    "train_cnn",
    "train_cnn_on_maps",
]
