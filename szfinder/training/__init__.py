"""Make data sets of cutouts and patches, and train networks on them.

Simulated skies enter; images with labels, and a trained network with its log, leave. Which seeds
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
from szfinder.training.ensemble import (
    ENSEMBLE_TRAININGS,
    EnsembleTraining,
    fit_evidence_model,
    judged_by_others,
    train_ensemble,
)
from szfinder.training.evidence import SkyEvidence, pooled
from szfinder.training.joint_thresholds import f1_of_thresholds, joint_thresholds
from szfinder.training.losses import focal_loss, mass_loss
from szfinder.training.mass import train_mass
from szfinder.training.mass_trainer import MassTrainer
from szfinder.training.mass_training import MASS_TRAININGS, MassTraining
from szfinder.training.patch_set import PatchSet
from szfinder.training.patches import FlatPatches
from szfinder.training.recipe import Recipe, Stage
from szfinder.training.recipes import (
    BonjeanRecipe,
    GuptaRecipe,
    HeatMapRecipe,
    ImbalanceSchedule,
    MassRecipe,
    ModernRecipe,
)
from szfinder.training.segmentation_trainer import SegmentationTrainer
from szfinder.training.segments import disc_map, peak_map
from szfinder.training.skies import InjectedSkies, MockSkies, Skies, SurrogateSkies
from szfinder.training.sky_patches import SkyPatches
from szfinder.training.sky_split import SkySplit
from szfinder.training.split import split_by_right_ascension
from szfinder.training.stream import SkyStream
from szfinder.training.trainer import Trainer
from szfinder.training.unet import train_unet, train_unet_on_maps
from szfinder.training.unet_training import UNET_TRAININGS, UNetTraining

__all__ = [
    "BonjeanRecipe",
    "CNNTraining",
    "CNN_TRAININGS",
    "ClassifierTrainer",
    "CutoutSet",
    "ENSEMBLE_TRAININGS",
    "EnsembleTraining",
    "FlatPatches",
    "GuptaRecipe",
    "HeatMapRecipe",
    "ImbalanceSchedule",
    "InjectedSkies",
    "MASS_TRAININGS",
    "MassRecipe",
    "MassTrainer",
    "MassTraining",
    "MockSkies",
    "ModernRecipe",
    "PatchSet",
    "RECIPES",
    "Recipe",
    "SegmentationTrainer",
    "Skies",
    "SkyCutouts",
    "SkyEvidence",
    "SkyPatches",
    "SkySplit",
    "SkyStream",
    "Stage",
    "SurrogateSkies",
    "Trainer",
    "UNET_TRAININGS",
    "UNetTraining",
    "calibrate",
    "disc_map",
    "expected_calibration_error",
    "f1_of_thresholds",
    "fit_evidence_model",
    "focal_loss",
    "joint_thresholds",
    "judged_by_others",
    "mass_loss",
    "peak_map",
    "platt_scaling",
    "pooled",
    "reliability",
    "split_by_right_ascension",
    "train_cnn",
    "train_cnn_on_maps",
    "train_ensemble",
    "train_mass",
    "train_unet",
    "train_unet_on_maps",
]
