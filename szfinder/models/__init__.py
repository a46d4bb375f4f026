"""Networks and the presets of trained weights.

Here live the builders of the Keras networks (`build_resnet`, or by name `build_network`), their
inference (`predict`) and the folders in which trained weights travel with all that is needed to
use them (`Preset`, `Preprocessing`). Cutouts in uK_CMB enter, class probabilities leave. Keras is
imported when a network is built, not before; the backend is the one Keras is configured for.
"""

from szfinder.models.architectures import ARCHITECTURES, build_network
from szfinder.models.calibration import calibrated, logit
from szfinder.models.inference import predict
from szfinder.models.preprocessing import Preprocessing
from szfinder.models.preset import Preset, available_presets
from szfinder.models.resnet import build_resnet

__all__ = [
    "ARCHITECTURES",
    "Preprocessing",
    "Preset",
    "available_presets",
    "build_network",
    "build_resnet",
    "calibrated",
    "logit",
    "predict",
]
