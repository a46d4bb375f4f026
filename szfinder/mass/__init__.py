"""Masses and SZ profiles of clusters, from their images.

Maps and a catalogue enter `MassEstimator`; the catalogue leaves with ``m200c``, its error and the
profile of Compton y. The network behind it, the mResUNet of Gupta & Reichardt (2020), and all that
is needed to use it, come as a `~szfinder.models.Preset`; ``szfinder.training.train_mass`` makes
others.
"""

from szfinder.mass.answers import CentralMass, CentralNormal
from szfinder.mass.estimator import MassEstimator
from szfinder.mass.flags import MASS_FLAGS

__all__ = ["MASS_FLAGS", "CentralMass", "CentralNormal", "MassEstimator"]
