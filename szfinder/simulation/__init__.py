"""Mock skies with truth.

Here live the halos, the components of the millimetre sky and the simulator that puts them together.
An instrument, a list of components and a seed enter; a `Sky` leaves: a map stack and the table of
all halos it was made from, on a patch of any celestial projection or on the HEALPix sphere. Maps of
the real sky may take the place of the components: imitated, or with clusters added to them.
"""

from szfinder.simulation.cib import ClusteredCIB
from szfinder.simulation.cluster_images import ClusterImages, cluster_images
from szfinder.simulation.cmb import CMB
from szfinder.simulation.component import Component, GaussianComponent, Scene
from szfinder.simulation.dust import GalacticDust
from szfinder.simulation.foregrounds import GaussianForegrounds
from szfinder.simulation.counts import SourceCounts
from szfinder.simulation.halos import Halos, many_and_near
from szfinder.simulation.injection import inject_clusters
from szfinder.simulation.noise import Noise
from szfinder.simulation.patch import Patch
from szfinder.simulation.presets import (
    PRESETS,
    STRONG_DUST,
    SkyPreset,
    default_components,
    sky_preset,
)
from szfinder.simulation.pressure import Arnaud2010, Battaglia2012
from szfinder.simulation.profile_family import ProfileFamily
from szfinder.simulation.region import Region
from szfinder.simulation.simulator import SkySimulator
from szfinder.simulation.sky import Sky
from szfinder.simulation.sources import DustyGalaxies, PointSources, RadioSources
from szfinder.simulation.sphere import Sphere
from szfinder.simulation.surrogate import SurrogateSimulator
from szfinder.simulation.sz import KineticSZ, ThermalSZ

__all__ = [
    "CMB",
    "PRESETS",
    "STRONG_DUST",
    "Arnaud2010",
    "Battaglia2012",
    "ClusterImages",
    "ClusteredCIB",
    "Component",
    "DustyGalaxies",
    "GalacticDust",
    "GaussianComponent",
    "GaussianForegrounds",
    "Halos",
    "KineticSZ",
    "Noise",
    "Patch",
    "PointSources",
    "ProfileFamily",
    "RadioSources",
    "Region",
    "Scene",
    "Sky",
    "SkyPreset",
    "SkySimulator",
    "SourceCounts",
    "Sphere",
    "SurrogateSimulator",
    "ThermalSZ",
    "cluster_images",
    "default_components",
    "inject_clusters",
    "many_and_near",
    "sky_preset",
]
