"""Make the results of Gupta & Reichardt (2020) again: masses and profiles from single images.

``python benchmarks/mass_gupta.py [PRESET] --output FOLDER`` weighs images of test seeds with a
preset for one band and z = 0.7 (``mass-gupta2020``):

* 200 clusters of each of 19 masses, of which the network has learned eight, others are between or
  outside (figures 3 and 4);
* 1000 clusters from 2 to 7e14 Msun with the scatter of 20 per cent and without (figure 5);
* as many of shapes that it has not learned (section 4.4, where the paper has hydrodynamical
  simulations): the pressure of Battaglia et al. (2012), ellipses, a part of the mass in a second
  cluster beside the first, and all halos of a mock sky around.

It prints tables, keeps them as ECSV files, and makes the figures.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from mass_figures import draw
from scipy.ndimage import affine_transform
from seeds import TEST_SEEDS

from szfinder import MassEstimator
from szfinder.simulation import Battaglia2012, Halos, cluster_images, sky_preset
from szfinder.training.mass_labels import compton_images
from szfinder.utils.files import replacing

#: The masses of section 2.2 in Msun, and those that the network has learned (section 3).
MASSES = 1e14 * np.array([0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9,
                          10])  # fmt: skip
LEARNED = 1e14 * np.arange(1, 9)
N_EACH, N_RANGE = 200, 1000
#: Range of the clusters of sections 4.3 and 4.4 in Msun.
RANGE = 2e14, 7e14
#: Masses whose profiles are shown (figure 3).
SHOWN = (2e14, 4e14, 6e14)
#: Axis ratio of the ellipses.
AXIS_RATIO = 0.7
#: Part of the mass that is in a second cluster, and its distance in arcmin, about R500.
PART, DISTANCE = 0.15, 2.0


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", nargs="?", default="mass-gupta2020")
    parser.add_argument("--output", type=Path, default=Path("mass-gupta"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    estimator = MassEstimator(options.preset)
    masses, pictures = of_each_mass(estimator)
    ratios = of_range(estimator)
    tables = {"masses": masses, "ratios": ratios, "scatter": scatter_table(ratios)}
    for name, table in tables.items():
        with replacing(options.output / f"{name}.ecsv") as aside:
            table.write(aside, format="ascii.ecsv")
    for name in ("masses", "scatter"):
        print(f"\n{name}", *tables[name].pformat(max_lines=-1, max_width=-1), sep="\n")
    draw(masses, ratios, pictures, options.output)


def of_each_mass(estimator):
    """Median and half of the 16th to 84th percentile of the masses, and the mean profiles."""
    made = cluster_images("gupta2020", np.repeat(MASSES, N_EACH), rng=TEST_SEEDS[0])
    true = made.truth["m200c"].to_value(u.Msun)
    mass, error, y = weighed(estimator, made.images)
    y_true = compton_images(made.truth, y.shape[1], made.pixel)
    least, most = estimator.preset.calibration["masses"]
    rows, pictures = [], {}
    for value in MASSES:
        own = true == value
        low, median, high = np.percentile(mass[own], [16, 50, 84]) / 1e14
        residual = (y[own].mean(axis=0) - y_true[own].mean(axis=0)) / y_true[own].mean(axis=0).max()
        rows.append({
            "true": value / 1e14, "estimated": median, "err": (high - low) / 2,
            "relative err": (high - low) / 2 / (value / 1e14),
            "kind": kind(value), "deviation": (median - value / 1e14) / ((high - low) / 2),
            "pull": np.std((mass[own] - value) / error[own]),
            "profile residual": np.abs(residual).max(),
            "flagged": np.mean((mass[own] < least) | (mass[own] > most)),
        })  # fmt: skip
        if value in SHOWN:
            first = np.flatnonzero(own)[0]
            pictures[value] = made.images[first, 0], y_true[own].mean(axis=0), y[own].mean(axis=0)
    table = Table(rows=rows)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name] = table[name].round(4)
    return table, pictures


def kind(mass):
    """Whether a mass was learned, or is between or outside of those that were."""
    if mass in LEARNED:
        return "learned"
    return "between" if LEARNED[0] < mass < LEARNED[-1] else "outside"


def of_range(estimator):
    """Logarithm of estimated over true mass of clusters between two masses: a column a sample."""
    rng = np.random.default_rng(TEST_SEEDS[1])
    m200c = rng.uniform(*RANGE, N_RANGE)
    ratios = Table({"true": m200c.round(-10)})
    for number, (name, images) in enumerate(samples(), start=2):
        mass, _, _ = weighed(estimator, images(m200c, TEST_SEEDS[number]))
        ratios[name] = np.log(mass / m200c).astype(np.float32).round(4)
    return ratios


def samples():
    """Names, and functions of mass and seed that make images."""
    preset = sky_preset("gupta2020")
    crowded = replace(preset, halos=Halos(min_mass=1e13))

    def alike(m200c, seed, sky=preset, **options):
        return cluster_images(sky, m200c, rng=seed, **options).images

    def elliptical(m200c, seed):
        made = cluster_images(preset, m200c, rng=seed)
        angles = np.random.default_rng(seed).uniform(0, np.pi, len(m200c))
        stretched = [stretch(image[0], angle) for image, angle in zip(made.clusters, angles)]
        return made.surroundings + np.array(stretched)[:, None]

    def double(m200c, seed):
        main = cluster_images(preset, (1 - PART) * m200c, rng=seed)
        other = cluster_images(preset, PART * m200c, max_offset=0.0, rng=[seed, 1])
        shift = round(DISTANCE / main.pixel)
        return main.images + np.roll(other.clusters, shift, axis=-1)

    return [
        ("scatter of 0.2", alike),
        ("no scatter", lambda m, s: alike(m, s, scatter=0.0)),
        ("Battaglia et al.", lambda m, s: alike(m, s, pressure=Battaglia2012())),
        ("ellipses", elliptical),
        ("double", double),
        ("halos around", lambda m, s: alike(m, s, sky=crowded)),
    ]


def stretch(image, angle):
    """An image made longer in one direction and narrower in the other, about its middle pixel."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    root = np.sqrt(AXIS_RATIO)
    matrix = turn @ np.diag([root, 1 / root]) @ turn.T
    middle = np.array(image.shape) // 2
    return affine_transform(image, matrix, offset=middle - matrix @ middle, order=3)


def scatter_table(ratios):
    """Median and half of the 16th to 84th percentile of ln(estimated / true), with its error."""
    rows = []
    for name in ratios.colnames[1:]:
        ratio = np.asarray(ratios[name], dtype=float)
        low, median, high = np.percentile(ratio, [16, 50, 84])
        error = np.std(resampled_widths(ratio, np.random.default_rng(0)))
        rows.append({
            "clusters": name, "width": round((high - low) / 2, 4), "err": round(error, 4),
            "median": round(median, 4), "standard deviation": round(ratio.std(), 4),
        })  # fmt: skip
    return Table(rows=rows)


def resampled_widths(ratio, rng, n=200):
    """The same widths of samples of the sample."""
    drawn = ratio[rng.integers(ratio.size, size=(n, ratio.size))]
    low, high = np.percentile(drawn, [16, 84], axis=1)
    return (high - low) / 2


def weighed(estimator, images):
    """Masses, errors and Compton y of images at redshift 0.7."""
    return estimator.estimate_images(images, redshift=np.full(len(images), 0.7))


if __name__ == "__main__":
    main()
