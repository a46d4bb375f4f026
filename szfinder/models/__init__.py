"""Networks and the presets of trained weights.

Here live the builders of the Keras networks (`build_resnet`, `build_unet`, `build_mresunet`, or by
name `build_network`), their inference (`predict`) and the folders in which trained weights travel
with all that is needed to use them (`Preset`, `Preprocessing`). Cutouts in uK_CMB enter, the
answers of the network leave. Keras is imported when a network is built, not before; the backend is
the one Keras is configured for.
"""

from szfinder.models.architectures import ARCHITECTURES, build_network
from szfinder.models.calibration import calibrated, logit
from szfinder.models.inference import predict
from szfinder.models.left_gaussian import fit_left_gaussian
from szfinder.models.mresunet import build_mresunet
from szfinder.models.preprocessing import Preprocessing
from szfinder.models.preset import Preset, available_presets
from szfinder.models.resnet import build_resnet
from szfinder.models.unet import build_unet

__all__ = [
    "ARCHITECTURES",
    "Preprocessing",
    "Preset",
    "available_presets",
    "build_mresunet",
    "build_network",
    "build_resnet",
    "build_unet",
    "calibrated",
    "fit_left_gaussian",
    "logit",
    "predict",
]
