"""What can be known of a mass in the noise and the foregrounds of an image.

No unbiased estimate of ln M scatters by less than the bound of Cramer and Rao,

    sigma(ln M) = (t' C^-1 t)^(-1/2),    t = d(image) / d(ln M),

for Gaussian surroundings with the covariance C of the pixels of all bands. This is for someone who
knows where the cluster is, how large it is at its mass, the redshift and the velocity; images with
sources or halos that stand out are left out. C is measured in one half of the surroundings, and
how w = C^-1 t scatters in the other: sigma^2 = w' C2 w / (w' t)^2, which is never less than with
the true C. The signal scatters by 0.2 at given mass, which for Y ~ M^1.79 (Arnaud et al. 2010) is
0.11 of ln M, and adds in quadrature unless it is turned off.

``python benchmarks/mass_bound.py --output FOLDER`` prints the bounds for ``spt3g`` in bins of mass,
and over all, and those for ``gupta2020`` from 2 to 7e14 Msun at redshift 0.7, and keeps the table.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from mass_gupta import RANGE
from mass_spt3g import MASS_EDGES, REDSHIFTS
from seeds import TEST_SEEDS

from szfinder.mass.orientations import ORIENTATIONS, turned
from szfinder.simulation import KineticSZ, cluster_images, sky_preset
from szfinder.utils.files import replacing

#: Scatter of the signal, and the power of the mass it goes with.
SCATTER, SLOPE = 0.2, 1.79
#: Step in ln M of the derivative.
STEP = 0.05
#: Images with a pixel so many times the scatter away from the mean hold a source or a halo.
BRIGHT = 5.0
#: Side of the images in pixels.
SIDES = {"spt3g": 32, "gupta2020": 40}


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surroundings", type=int, default=24_000, help="images of what is around")
    parser.add_argument("--clusters", type=int, default=1000, help="clusters of each sky")
    parser.add_argument("--output", type=Path, default=Path("mass-bound"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for sky, masses, redshifts, edges in (
        ("spt3g", MASS_EDGES[[0, -1]], REDSHIFTS, MASS_EDGES),
        ("gupta2020", RANGE, (0.7, 0.7), RANGE),
    ):
        rng = np.random.default_rng(TEST_SEEDS[0])
        mass = np.exp(rng.uniform(*np.log(masses), options.clusters))
        redshift = rng.uniform(*redshifts, options.clusters)
        sigma = bounds(sky, mass, redshift, n_surroundings=options.surroundings)
        ranges = {(masses[0], masses[-1]), *zip(edges, edges[1:])}
        for low, high in sorted(ranges):
            own = sigma[(mass >= low) & (mass <= high)]
            rows.append({"sky": sky, "from": low, "to": high, "n": own.size, **numbers(own)})
    table = Table(rows=rows)
    print(*table.pformat(max_lines=-1, max_width=-1), sep="\n")
    with replacing(options.output / "bound.ecsv") as aside:
        table.write(aside, format="ascii.ecsv")


def bounds(sky, mass, redshift, *, n_surroundings):
    """Least scatter of ln M of clusters in the middle of images, shape (n,)."""
    side = SIDES[sky]
    preset = sky_preset(sky)
    thermal = replace(preset, components=[
        part for part in preset.components if not isinstance(part, KineticSZ)
    ])  # fmt: skip
    lighter, heavier = (
        cluster_images(thermal, mass * np.exp(step), redshift, side=side, scatter=0.0,
                       rng=TEST_SEEDS[1]).clusters
        for step in (-STEP / 2, STEP / 2)
    )  # fmt: skip
    slopes = ((heavier - lighter) / STEP).reshape(mass.size, -1).astype(float)
    around = without_bright(
        cluster_images(
            sky, np.full(n_surroundings, 3e14), 0.7, side=side, rng=TEST_SEEDS[2]
        ).surroundings
    )
    filters = np.linalg.solve(covariance(around[::2]), slopes.T).T
    other = around[1::2].reshape(len(around) // 2, -1)
    return np.std(other @ filters.T, axis=0) / np.einsum("ij,ij->i", filters, slopes)


def without_bright(images):
    """Images that hold no pixel far from the mean, in their scatter without such ones."""
    away = np.abs(images - np.median(images, axis=0))
    scatter = np.percentile(away, 68, axis=0)
    return images[(away < BRIGHT * scatter).all(axis=(1, 2, 3))]


def covariance(images):
    """That of all pixels of all bands, the mean over the eight orientations."""
    n_pixels = images[0].size
    total = np.zeros((n_pixels, n_pixels))
    for orientation in ORIENTATIONS:
        total += np.cov(turned(images, orientation).reshape(len(images), -1), rowvar=False)
    return total / len(ORIENTATIONS)


def numbers(sigma):
    """Half of the 16th to 84th percentile, and standard deviation, of a mixture of normals."""
    drawn = (sigma * np.random.default_rng(0).normal(size=(1000, sigma.size))).ravel()
    low, high = np.percentile(drawn, [16, 84])
    values = {"width": (high - low) / 2, "standard deviation": drawn.std(),
              "with scatter": np.hypot(drawn.std(), SCATTER / SLOPE)}  # fmt: skip
    return {name: round(float(value), 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
