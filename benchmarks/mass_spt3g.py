"""Measure masses of clusters in arcminute maps of three bands, of any mass and redshift.

``python benchmarks/mass_spt3g.py [PRESET] --fields 8 --output FOLDER`` looks at test seeds only:

* images of clusters with ln M and redshift drawn evenly, off the middle by up to 1 arcmin: scatter
  and pull in bins of both, with the redshift and without, and without the scatter of the signal;
  and images of places at random;
* detections of the matched filter in skies of ``spt3g``, 10 by 10 degrees each, at halos whose
  redshift is known: the network beside plain scaling relations, ln M as a linear function of
  ln E(z) and of ln y_c, or of the logarithm of the signal-to-noise ratio. These are fitted to the
  detections in validation skies, and so is, for a comparison on equal terms, ln M as a linear
  function of what the network says.

It prints tables and keeps them as ECSV files; what is measured in each field is kept too.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from classifier_fields import kept
from seeds import TEST_SEEDS

from szfinder import MassEstimator, MatchedFilterFinder, SkySimulator
from szfinder.evaluation import match_detections
from szfinder.simulation import cluster_images, sky_preset
from szfinder.training.seeds import VALIDATION_SEEDS
from szfinder.utils.files import replacing

#: Ranges of the images in Msun and redshift, wider in mass than those in which masses hold.
MASSES, REDSHIFTS = (5e13, 2e15), (0.1, 1.5)
MASS_EDGES = 1e14 * np.array([1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0])
REDSHIFT_EDGES = np.array([0.1, 0.3, 0.6, 1.0, 1.5])
#: Off the middle, in arcmin.
MAX_OFFSET = 1.0
#: Halos that a detection may be, in Msun, and distance within which it is one.
LEAST_MASS, RADIUS = 5e13, 1.0 * u.arcmin


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", nargs="?", default="mass-spt3g")
    parser.add_argument("--images", type=int, default=8000, help="images of clusters")
    parser.add_argument("--fields", type=int, default=8, help="fields that are tested on")
    parser.add_argument("--validation", type=int, default=2, help="fields of the fits")
    parser.add_argument("--output", type=Path, default=Path("mass-spt3g"))
    options = parser.parse_args()
    (options.output / "fields").mkdir(parents=True, exist_ok=True)
    estimator = MassEstimator(options.preset)
    found = {
        kind: [
            kept(options.output / "fields" / f"{kind}_{seed}.npz", of_field, estimator, seed)
            for seed in seeds
        ]
        for kind, seeds in (
            ("validation", VALIDATION_SEEDS[: options.validation]),
            ("test", TEST_SEEDS[: options.fields]),
        )
    }
    tables = of_images(estimator, options.images) | {"detections": compared(**found)}
    for name, table in tables.items():
        with replacing(options.output / f"{name}.ecsv") as aside:
            table.write(aside, format="ascii.ecsv")
        print(f"\n{name}", *table.pformat(max_lines=-1, max_width=-1), sep="\n")


def of_images(estimator, n):
    """Scatter and pull of images, in bins of true mass and of redshift, and over all."""
    rng = np.random.default_rng(TEST_SEEDS[0])
    mass = np.exp(rng.uniform(*np.log(MASSES), n))
    redshift = rng.uniform(*REDSHIFTS, n)
    made = {
        scatter: cluster_images(
            "spt3g", mass, redshift, side=estimator.preset.preprocessing.image_size,
            max_offset=MAX_OFFSET, scatter=scatter, rng=TEST_SEEDS[1],
        )
        for scatter in (0.2, 0.0)
    }  # fmt: skip
    told = measured(estimator, made[0.2], redshift)
    samples = {
        "redshift known": told,
        "redshift unknown": measured(estimator, made[0.2], np.full(n, np.nan)),
        "no scatter": measured(estimator, made[0.0], redshift),
    }
    held = (mass >= MASS_EDGES[0]) & (mass < MASS_EDGES[-1])
    overall = Table(rows=[{"images": name, **numbers(ratio[held], error[held])}
                          for name, (ratio, error) in samples.items()])  # fmt: skip
    rows = []
    for name, values, edges in (
        ("mass", mass, MASS_EDGES),
        ("redshift", np.where(held, redshift, np.nan), REDSHIFT_EDGES),
    ):
        for low, high in zip(edges, edges[1:]):
            own = (values >= low) & (values < high)
            of_bin = numbers(told[0][own], told[1][own])
            rows.append({"by": name, "from": low, "to": high, **of_bin})
    blank = of_blank(estimator, made[0.2].surroundings, redshift)
    return {"images": overall, "images_by": Table(rows=rows), "blank": blank}


def of_blank(estimator, surroundings, redshift):
    """Masses of places at random, and how many of them are in the range for which masses hold."""
    low, high = estimator.preset.calibration["masses"]
    rows = []
    for name, told in (("known", redshift), ("unknown", np.full(len(redshift), np.nan))):
        mass, _, _ = estimator.estimate_images(surroundings, redshift=told)
        rows.append({
            "redshift": name, "n": mass.size,
            "in range": round(np.mean((mass >= low) & (mass <= high)), 4),
            **{f"percentile {part}": round(np.percentile(mass, part) / 1e14, 4)
               for part in (16, 50, 84)},
        })  # fmt: skip
    return Table(rows=rows)


def measured(estimator, made, redshift):
    """ln(estimated / true), and the error of ln M."""
    mass, error, _ = estimator.estimate_images(made.images, redshift=redshift)
    return np.log(mass / made.truth["m200c"].to_value(u.Msun)), np.arcsinh(error / mass)


def numbers(ratio, error):
    """Median and half of the 16th to 84th percentile, standard deviation, and width of the pull."""
    low, median, high = np.percentile(ratio, [16, 50, 84])
    values = {"n": ratio.size, "median": median, "width": (high - low) / 2,
              "standard deviation": ratio.std(), "pull": np.std(ratio / error),
              "mean error": error.mean()}  # fmt: skip
    return {name: round(float(value), 4) for name, value in values.items()}


def of_field(estimator, seed):
    """Masses, redshifts and y_c of the halos at the detections in a sky."""
    sky = SkySimulator.from_preset("spt3g", rng=seed).patch()
    clusters = MatchedFilterFinder()(sky.maps)
    halos = sky.truth[sky.truth["m200c"].to_value(u.Msun) >= LEAST_MASS]
    detections, which = match_detections(clusters, halos, radius=RADIUS, mass="m200c").pairs
    clusters, halos = clusters[detections], halos[which]
    redshift = np.asarray(halos["redshift"])
    known = estimator(sky.maps, clusters, redshift=redshift)
    unknown = estimator(sky.maps, clusters, redshift=np.nan)
    return {
        "true": halos["m200c"].to_value(u.Msun), "redshift": redshift,
        "efunc": sky_preset("spt3g").cosmology.efunc(redshift), "y_c": np.asarray(clusters["y_c"]),
        "snr": np.asarray(clusters["snr"]), "flags": np.asarray(known["mass_flags"]),
        "mass": known["m200c"].to_value(u.Msun), "error": known["m200c_err"].to_value(u.Msun),
        "mass without redshift": unknown["m200c"].to_value(u.Msun),
    }  # fmt: skip


def compared(validation, test):
    """Scatter of ln(estimated / true) of the network and of the scaling relation."""
    fitted, tried = joined(validation), joined(test)
    ways = {
        "scaling relation, y_c": lambda f: [np.log(f["y_c"]), np.log(f["efunc"])],
        "scaling relation, S/N": lambda f: [np.log(f["snr"]), np.log(f["efunc"])],
        "network, fitted": lambda f: [np.log(f["mass"]), np.log(f["efunc"])],
        "network without redshift, fitted": lambda f: [np.log(f["mass without redshift"])],
    }
    estimates = {"network": np.log(tried["mass"])}
    for name, of in ways.items():
        coefficients = np.linalg.lstsq(terms(of(fitted)), np.log(fitted["true"]))[0]
        estimates[name] = terms(of(tried)) @ coefficients
    rows = []
    for name, estimate in estimates.items():
        for least in (1e14, 2e14, 3e14, 5e14):
            own = tried["true"] >= least
            ratio = (estimate - np.log(tried["true"]))[own]
            low, median, high = np.percentile(ratio, [16, 50, 84])
            rows.append({"estimate": name, "least mass": least, "n": ratio.size,
                         "median": round(median, 4), "width": round((high - low) / 2, 4),
                         "rms": round(np.sqrt(np.mean(ratio**2)), 4)})  # fmt: skip
    return Table(rows=rows)


def terms(columns):
    """The columns of a linear fit, and a constant."""
    return np.stack([*columns, np.ones_like(columns[0])], axis=1)


def joined(fields):
    """The clusters of all fields that have a mass."""
    whole = {name: np.concatenate([field[name] for field in fields]) for name in fields[0]}
    good = np.isfinite(whole["mass"]) & np.isfinite(whole["mass without redshift"])
    return {name: values[good] for name, values in whole.items()}


if __name__ == "__main__":
    main()
