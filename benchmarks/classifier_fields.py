"""What the classifier and the matched filter say of one field, as arrays of cutouts and of halos.

Fields are skies of the preset ``deepsz``. A field takes 1 GB while it is looked at and 2 MB once it
has been.
"""

import time

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from szfinder import MatchedFilterFinder, SkySimulator
from szfinder.evaluation import CutoutGrid, match_detections, select_halos
from szfinder.finders import CNNFinder
from szfinder.maps import MapStack
from szfinder.utils.files import replacing

__all__ = ["LEVELS", "STRIDES", "kept", "measure_field", "measure_strides", "truth_of"]

#: Components that each level of Fig. 8 of Lin et al. (2021) adds; the noise is in all of them. The
#: next level, with dust, is the whole sky.
LEVELS = {
    "CMB + tSZ": ("noise", "cmb", "tsz"),
    "+ kSZ": ("ksz",),
    "+ IR galaxies": ("dusty", "cib"),
    "+ radio galaxies": ("radio",),
}
#: In arcmin: side of a cutout, distance of those of the paper, and distances that are compared.
SIZE, PAPER_STRIDE = 8.0, 6.0
STRIDES = (6, 3, 2, 1)
#: Threshold of the network's detections, half of the least that is used. Near 0, neighbouring
#: clusters would be one object.
LEAST_PROBABILITY = 0.2
#: Mass in Msun above which halos are kept: the floor of the ceilings.
LEAST_MASS = 5e13
#: Cutouts moved about clusters, and how far from them in arcmin.
N_MOVED, FARTHEST = 2500, 4.5
#: In arcmin; beyond half a diagonal of the paper's stride, for the errors of positions.
POSITION_RADIUS = 4.5


def kept(path, measure, *arguments):
    """Arrays of a measurement, from its file if it was made before."""
    if not path.exists():
        with replacing(path) as aside:
            np.savez_compressed(aside, **measure(*arguments))
    with np.load(path) as arrays:
        return dict(arrays)


def measure_field(seed, size, preset):
    """Scores of both finders for all cutouts and halos, and the CPU time of each step."""
    clock = Clock()
    simulator = SkySimulator.from_preset("deepsz", size=size, rng=seed)
    sky = clock("sky", simulator.patch, keep_components=True)
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    paper = CNNFinder(preset, stride=PAPER_STRIDE)
    result = {"labels": grid.labels(sky.truth)}
    result |= clock("levels", level_probabilities, sky, paper)
    result["network"] = probabilities(clock("stride 6", paper.score_map, sky.maps))
    staggered = clock("stride 2", CNNFinder(preset, threshold=LEAST_PROBABILITY), sky.maps)
    result["staggered"] = grid.scores(staggered, sky.truth, fill=-np.inf)
    filtered = clock("matched filter", MatchedFilterFinder(), sky.maps)
    result["filter"] = grid.scores(filtered, sky.truth, fill=-np.inf)
    result |= halos_of(sky, grid, filtered)
    rng = np.random.default_rng(seed)
    result |= clock("moved", moved_probabilities, sky, CNNFinder(preset, stride=SIZE), rng)
    return result | clock.times


def measure_strides(seed, size, preset):
    """Scores of the cutouts, and errors of the positions, for each of `STRIDES`."""
    sky = SkySimulator.from_preset("deepsz", size=size, rng=seed).patch()
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    clusters = sky.truth[select_halos(sky.truth)]
    result = {"labels": grid.labels(sky.truth)}
    for stride in STRIDES:
        clock = Clock()
        finder = CNNFinder(preset, stride=stride, threshold=LEAST_PROBABILITY)
        detections = clock(str(stride), finder, sky.maps)
        match = match_detections(detections, clusters, radius=POSITION_RADIUS)
        matched, _ = match.pairs
        result[f"scores_{stride}"] = grid.scores(detections, sky.truth, fill=-np.inf)
        result[f"matched_{stride}"] = detections["score"][matched]
        result[f"separation_{stride}"] = match.separation[matched].value
        result |= clock.times
    return result


def truth_of(field):
    """The halos of a field as a truth table, with the scores of both finders."""
    truth = QTable({"sky_centroid": SkyCoord(field["ra"], field["dec"], unit="deg")})
    for name, unit in {"redshift": u.one, "mvir": u.Msun, "theta500": u.arcmin, "y_c": u.one,
                       "snr": u.one}.items():  # fmt: skip
        truth[name] = field[name] * unit
    return truth


class Clock:
    """CPU seconds of each step."""

    def __init__(self):
        self.times = {}

    def __call__(self, step, function, *arguments, **options):
        start = time.process_time()
        result = function(*arguments, **options)
        self.times[f"cpu_{step}"] = time.process_time() - start
        return result


def level_probabilities(sky, finder):
    """Probabilities of the paper's cutouts of skies with ever more components."""
    data, result = np.zeros_like(sky.maps.data), {}
    for level, names in LEVELS.items():
        data = data + sum(sky.components[name] for name in names)
        maps = MapStack(data, wcs=sky.maps.wcs, instrument=sky.instrument)
        result[level] = probabilities(finder.score_map(maps))
    return result


def probabilities(score_map):
    """Probability of each cutout, row by row."""
    return score_map.layers["probability"].ravel()


def halos_of(sky, grid, filtered):
    """Halos in the middle of a cutout, and the S/N of the detection that each was matched to."""
    positions = sky.truth["sky_centroid"]
    heavy = (sky.truth["mvir"] >= LEAST_MASS * u.Msun) & (grid.index(positions) >= 0)
    matched, halos = match_detections(filtered, sky.truth).pairs
    snr = np.zeros(len(sky.truth))
    snr[halos] = filtered["score"][matched]
    columns = {name: sky.truth[name].value[heavy] for name in ("mvir", "theta500")}
    columns |= {name: np.asarray(sky.truth[name])[heavy] for name in ("redshift", "y_c")}
    positions = positions.icrs[heavy]
    return columns | {"ra": positions.ra.deg, "dec": positions.dec.deg, "snr": snr[heavy]}


def moved_probabilities(sky, finder, rng):
    """Probabilities of cutouts with a cluster at a random distance from the middle (Fig. 9c).

    The cutouts are laid side by side into a map, which the finder divides again.
    """
    pixel = np.sqrt(np.prod(sky.maps.pixel_scale))
    side = int(round(SIZE / pixel))
    clusters = sky.truth[select_halos(sky.truth)]
    centres = np.array([clusters["y_centroid"], clusters["x_centroid"]])
    centres = centres[:, rng.integers(len(clusters), size=N_MOVED)]
    radius, angle = rng.uniform(0, FARTHEST / pixel, N_MOVED), rng.uniform(0, 2 * np.pi, N_MOVED)
    middle = (side - 1) / 2
    corners = np.rint(centres + radius * [np.sin(angle), np.cos(angle)] - middle).astype(int)
    last = np.array(sky.maps.shape)[:, None] - side
    whole = ((corners >= 0) & (corners <= last)).all(axis=0)
    n = int(np.sqrt(whole.sum()))
    chosen = np.flatnonzero(whole)[: n**2]
    y, x = corners[:, chosen, None] + np.arange(side)
    cutouts = sky.maps.data[:, y[:, :, None], x[:, None, :]].reshape(-1, n, n, side, side)
    mosaic = cutouts.swapaxes(2, 3).reshape(-1, n * side, n * side)
    maps = MapStack(mosaic, wcs=sky.maps.wcs, instrument=sky.instrument)
    distance = np.hypot(*(corners + middle - centres)[:, chosen]) * pixel
    return {"distance": distance, "moved": probabilities(finder.score_map(maps))}
