"""Measure the U-Net of arcminute maps beside the matched filter and the ceilings.

``python benchmarks/unet_spt3g.py PRESET --fields 8 --output FOLDER`` looks at skies of the preset
``spt3g``, 10 by 10 degrees each, whose seeds nothing was trained or tuned on; thresholds come from
validation skies. The clusters are halos with Mvir of 2e14 Msun or more at z of 0.25 or more. It
prints, for the cutouts of Lin et al. (2021) and for the catalogues themselves, purity, completeness
and F1 with their intervals, also of someone who knows where every halo is, but its signal and size
only as far as filters tell; the errors of the positions, the calibration, the area
under the ROC, what is missed by mass and redshift, and CPU times. The results of each field are
kept in ``fields`` of the folder, so that a run that was stopped goes on; ``tables`` are made of
them.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable
from classifier_fields import LEAST_MASS, Clock, kept
from noise_ceiling import noise_ceiling
from scored_fields import book, catalogue, cpu_table, cutouts, position_error, row, truth
from seeds import TEST_SEEDS

from szfinder import MatchedFilterFinder, SkySimulator, UNetSegmentFinder
from szfinder.evaluation import (
    CutoutGrid,
    amplitude_ceiling,
    inside,
    learned_ceiling,
    match_detections,
    select_halos,
)
from szfinder.models import Preset
from szfinder.training import expected_calibration_error, reliability
from szfinder.training.seeds import VALIDATION_SEEDS
from szfinder.utils.files import replacing

FINDERS = ("matched filter", "U-Net")
#: Least scores of the catalogues that are kept: far below any threshold that is used.
LEAST = {"matched filter": 3.5, "U-Net": 0.05}
#: Distance within which a detection is a halo.
RADIUS = 1.5 * u.arcmin


def main():
    """Run the benchmark."""
    options = parse()
    for name in ("fields", "tables"):
        (options.output / name).mkdir(parents=True, exist_ok=True)
    fields = {
        kind: [measured(kind, seed, options) for seed in seeds]
        for kind, seeds in {
            "test": TEST_SEEDS[: options.fields],
            "validation": VALIDATION_SEEDS[: options.validation],
        }.items()
    }
    tables = {
        "scores": score_table(fields["test"], fields["validation"], options.size),
        "reliability": reliability_table(fields["test"]),
        "missed": missed_table(fields["test"], fields["validation"]),
        "cpu": cpu_table(fields["test"]),
    }
    for name, table in tables.items():
        with replacing(options.output / "tables" / f"{name}.ecsv") as aside:
            table.write(aside, format="ascii.ecsv", overwrite=True)
        print(f"\n{name}", *table.pformat(max_lines=-1, max_width=-1), sep="\n")
        print(*(f"{key}: {value}" for key, value in table.meta.items()), sep="\n")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=8, help="fields that are tested on")
    parser.add_argument("--validation", type=int, default=4, help="fields that choose thresholds")
    parser.add_argument("--size", type=float, default=10.0, help="side of a field in degrees")
    parser.add_argument("preset", help="folder of the trained weights, or their name")
    parser.add_argument("--output", type=Path, default=Path("unet-spt3g"))
    return parser.parse_args()


def measured(kind, seed, options):
    """Arrays of a field."""
    weights = Preset.load(options.preset).card["sha256"][:8]
    path = options.output / "fields" / f"{kind}_{seed}_{options.size:g}deg_{weights}.npz"
    field = kept(path, measure, seed, options.size, options.preset)
    print(kind, seed, *(f"{name[4:]} {field[name]:.0f} s;" for name in field if "cpu_" in name),
          flush=True)  # fmt: skip
    return field


def measure(seed, size, preset):
    """What both finders find, cutout by cutout and detection by detection."""
    clock = Clock()
    sky = clock("sky", SkySimulator.from_preset("spt3g", size=size, rng=seed).patch)
    grid = CutoutGrid(sky.maps.wcs, sky.maps.shape)
    chosen = select_halos(sky.truth)
    clusters = sky.truth[chosen & inside(sky.truth, sky.maps.wcs, sky.maps.shape)]
    result = {"labels": grid.labels(sky.truth), "n_clusters": len(clusters)}
    heavy = (sky.truth["mvir"] >= LEAST_MASS * u.Msun) & (
        grid.index(sky.truth["sky_centroid"]) >= 0
    )
    positions = sky.truth["sky_centroid"].icrs[heavy]
    result |= {"ra": positions.ra.deg, "dec": positions.dec.deg}
    result |= {name: sky.truth[name].value[heavy] for name in ("mvir", "theta500")}
    result |= {name: np.asarray(sky.truth[name])[heavy] for name in ("redshift", "y_c")}
    finders = {
        "matched filter": MatchedFilterFinder(threshold=LEAST["matched filter"]),
        "U-Net": UNetSegmentFinder(preset, threshold=LEAST["U-Net"]),
    }
    for name, finder in finders.items():
        found = clock(name, finder, sky.maps)
        match = match_detections(found, clusters, radius=RADIUS)
        every = match_detections(found, sky.truth, radius=RADIUS)
        score = np.zeros(len(sky.truth))
        score[every.pairs[1]] = found["score"][every.pairs[0]]
        result |= {
            f"cutouts {name}": grid.scores(found, sky.truth, fill=-np.inf),
            f"score {name}": np.asarray(found["score"]),
            f"true {name}": match.halo >= 0,
            f"separation {name}": match.separation.to_value(u.arcmin),
            f"halos {name}": score[heavy],
        }
        if "probability" in found.colnames:
            result["probability"] = np.asarray(found["probability"])
    return result | clock.times


def score_table(test, validation, size):
    """Purity, completeness and F1 at the thresholds of the validation fields."""
    rows = []
    for name in FINDERS:
        threshold = book([cutouts(field, name) for field in validation]).best_threshold
        rows.append(row("cutouts", name, [cutouts(field, name) for field in test], threshold))
        threshold = book([catalogue(field, name) for field in validation]).best_threshold
        rows.append(row("catalogue", name, [catalogue(field, name) for field in test], threshold))
        rows[-1]["position error"] = position_error(test, name, threshold)
    learned_from = truth(validation)
    for name, ceiling in {
        "amplitude ceiling": amplitude_ceiling,
        "learned ceiling": lambda halos: learned_ceiling(halos, training=learned_from),
    }.items():
        threshold = ceiling(learned_from).best_threshold
        books = [ceiling(truth([field])) for field in test]
        pairs = [(one.scores, one.labels) for one in books]
        rows.append(row("catalogue", name, pairs, threshold))
    maps = SkySimulator.from_preset("spt3g", size=size, rng=VALIDATION_SEEDS[0]).patch().maps
    again, *books = noise_ceiling(
        maps, learned_from, learned_from, *(truth([field]) for field in test),
        rng=np.random.default_rng(2),
    )  # fmt: skip
    pairs = [(one.scores, one.labels) for one in books]
    rows.append(row("catalogue", "learned ceiling, in noise", pairs, again.best_threshold))
    table = QTable(rows=rows)
    table.meta = {"n_fields": len(test), "n_clusters": int(sum(f["n_clusters"] for f in test))}
    return table


def reliability_table(test):
    """How often detections of a probability are clusters."""
    probability = np.concatenate([field["probability"] for field in test])
    true = np.concatenate([field["true U-Net"] for field in test])
    table = reliability(probability, true)
    table.meta["expected calibration error"] = expected_calibration_error(probability, true)
    return table


def missed_table(test, validation):
    """What part of the halos each finder has above its threshold, by mass and redshift."""
    halos = truth(test)
    thresholds = {
        name: book([catalogue(field, name) for field in validation]).best_threshold
        for name in FINDERS
    }
    masses = [1e14, 1.5e14, 2e14, 2.5e14, 3e14, 4e14, 6e14, 1e16]
    rows = []
    for low, high in zip(masses[:-1], masses[1:]):
        for z_low, z_high in ((0, 0.25), (0.25, 0.6), (0.6, 1), (1, 4)):
            within = (halos["mvir"].value >= low) & (halos["mvir"].value < high)
            within &= (halos["redshift"] >= z_low) & (halos["redshift"] < z_high)
            line = {"mass from": low * u.Msun, "z from": z_low, "n": np.count_nonzero(within)}
            for name in FINDERS:
                score = np.concatenate([field[f"halos {name}"] for field in test])[within]
                line[name] = round(np.mean(score >= thresholds[name]), 3) if score.size else np.nan
            rows.append(line)
    return QTable(rows=rows)


if __name__ == "__main__":
    main()
