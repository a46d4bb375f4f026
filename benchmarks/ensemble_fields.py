"""What an ensemble and its members find in one field, as arrays.

A field is looked at once: the members' answers are combined by every method. It takes 1.5 GB while
it is looked at, and 1 MB once it has been.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
from classifier_fields import LEAST_MASS, PAPER_STRIDE, Clock

from szfinder import CNNFinder, EnsembleFinder, Instrument, SkySimulator
from szfinder.evaluation import CutoutGrid, inside, match_detections, select_halos
from szfinder.finders import EnsemblePreset
from szfinder.finders.ensemble_preset import make_members
from szfinder.simulation import (
    Battaglia2012,
    DustyGalaxies,
    Halos,
    Noise,
    RadioSources,
    ThermalSZ,
    sky_preset,
)

__all__ = ["LEAST", "METHODS", "RADIUS", "measure_field", "unlike_sky"]

METHODS = ("product", "and", "calibrated")
#: Distance within which a detection is a halo.
RADIUS = 1.5 * u.arcmin
#: Least scores of the catalogues that are kept: far below any threshold that is used.
LEAST = {"matched_filter": 3.5, "cnn": 0.05, "unet": 0.05,
         "product": 1.6, "and": 0.6, "calibrated": 0.02}  # fmt: skip


def measure_field(preset, unlike, seed, size):
    """Arrays of what is found in a sky of the preset, or one unlike it."""
    clock = Clock()
    sky = clock("sky", unlike_sky if unlike else like_sky, preset, size, seed)
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    field = {"labels": grid.labels(sky.truth), **truth_of(sky, grid)}
    known = EnsemblePreset.load(preset)
    members = make_members(known.configuration)
    ensemble = EnsembleFinder(members, calibration=known.calibration)
    score_maps = {}
    for name, member in members.items():
        member.threshold = LEAST[name]
        score_maps[name] = clock(name, member.score_map, sky.maps)
        field |= found_in(sky, grid, name, member.detect(score_maps[name]))
    if "cnn" in members:
        paper = CNNFinder(members["cnn"].preset, stride=PAPER_STRIDE)
        field["paper cnn"] = paper.score_map(sky.maps).layers["probability"].ravel()
    for name in members:
        members[name] = Answered(members[name], score_maps[name])
    for method in METHODS:
        ensemble = EnsembleFinder(members, method=method, calibration=known.calibration,
                                  threshold=LEAST[method])  # fmt: skip
        field |= found_in(sky, grid, method, clock(method, ensemble, sky.maps))
    return field | clock.times


class Answered:
    """A member that has been asked already."""

    def __init__(self, member, score_map):
        self.member, self.answer = member, score_map

    def __getattr__(self, name):
        return getattr(self.member, name)

    def score_map(self, maps, *, mask=None):
        """The answer that it gave."""
        return self.answer


def like_sky(preset, size, seed):
    """A sky of a preset."""
    return SkySimulator.from_preset(preset, size=size, rng=seed).patch()


def unlike_sky(preset, size, seed):
    """A sky that no training resembled.

    Battaglia's profiles, twice as many sources, 30 per cent more noise of uneven depth, and halos
    that are clustered.
    """
    known = sky_preset(preset)
    bands = [replace(band, noise=1.3 * band.noise) for band in known.instrument]
    components = {component.name: component for component in known.components}
    components |= {
        "tsz": ThermalSZ(pressure=Battaglia2012()),
        "noise": Noise(unevenness=0.3),
    }
    for sources in (RadioSources(), DustyGalaxies()):
        sources.name = f"more {sources.name}"
        components[sources.name] = sources
    simulator = SkySimulator(
        Instrument(known.instrument.name, bands), list(components.values()),
        halos=Halos(clustered=True), cosmology=known.cosmology, rng=seed,
    )  # fmt: skip
    return simulator.patch(*replace(known, size=size * u.deg).grid())


def truth_of(sky, grid):
    """The halos in the middles of cutouts, and the number of clusters in the map."""
    chosen = select_halos(sky.truth) & inside(sky.truth, sky.maps.wcs, sky.maps.shape)
    heavy = heavy_halos(sky, grid)
    positions = sky.truth["sky_centroid"].icrs[heavy]
    columns = {"ra": positions.ra.deg, "dec": positions.dec.deg, "n_clusters": chosen.sum()}
    columns |= {name: sky.truth[name].value[heavy] for name in ("mvir", "theta500")}
    return columns | {name: np.asarray(sky.truth[name])[heavy] for name in ("redshift", "y_c")}


def heavy_halos(sky, grid):
    """Halos above the floor of the ceilings that a cutout has in its middle."""
    within = grid.index(sky.truth["sky_centroid"]) >= 0
    return within & (sky.truth["mvir"] >= LEAST_MASS * u.Msun)


def found_in(sky, grid, name, found):
    """What a catalogue holds: cutout by cutout, row by row, and halo by halo."""
    chosen = select_halos(sky.truth) & inside(sky.truth, sky.maps.wcs, sky.maps.shape)
    match = match_detections(found, sky.truth[chosen], radius=RADIUS)
    every = match_detections(found, sky.truth, radius=RADIUS)
    score = np.zeros(len(sky.truth))
    score[every.pairs[1]] = found["score"][every.pairs[0]]
    result = {
        f"cutouts {name}": grid.scores(found, sky.truth, fill=-np.inf),
        f"score {name}": np.asarray(found["score"]),
        f"true {name}": match.halo >= 0,
        f"separation {name}": match.separation.to_value(u.arcmin),
        f"halos {name}": score[heavy_halos(sky, grid)],
    }
    if name in METHODS:
        result[f"probability {name}"] = np.asarray(found["probability"])
    return result
