"""Match what the matched filter finds in mock fields with the truth, cluster by cluster.

``python benchmarks/field.py`` prints, for fields whose seeds were never tuned on: the S/N over the
ideal one (true profile and covariance), as the median of the clusters above ideal 8; completeness
above ideal 6 and 8, at S/N 4.5; purity at S/N 5, of all detections and of those not flagged as near
the edge; the median error of positions; CPU time and memory. ``--deep`` takes a third of the noise.
"""

import argparse
import resource
import time

import numpy as np
from mock_field import DEEP, PIXEL, SHALLOW, MockField
from scipy.spatial import cKDTree
from seeds import TEST_SEEDS

from szfinder import Instrument, MapStack, MatchedFilterFinder
from szfinder.filters import beta_templates, gnfw_templates
from szfinder.finders import FLAGS
from szfinder.maps import Band, Beam

#: In arcmin.
MATCH_RADIUS = 2.0
#: Sixteen sizes of the universal pressure profile, or of the beta-model.
TEMPLATES = {
    "gnfw": gnfw_templates(np.geomspace(0.5, 15, 16)),
    "beta": beta_templates(np.geomspace(0.15, 5, 16)),
    "default": None,
}
ROW = "{:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}"


def instrument_of(field):
    """The instrument of a mock field."""
    bands = [
        Band(name, entry["frequency"], Beam.from_fwhm(entry["fwhm"]), entry["noise"])
        for name, entry in field.instrument["bands"].items()
    ]
    return Instrument("mock", bands, pixel_window=True)


def map_stack(field):
    """The maps of a mock field."""
    images = np.stack(list(field.maps.values()))
    return MapStack(images, wcs=field.wcs, instrument=instrument_of(field))


def score(field, clusters):
    """Figures of merit of a catalogue."""
    truth = np.column_stack([field.clusters["x"], field.clusters["y"]])
    ideal = np.asarray(field.clusters["ideal_snr"])
    found = np.column_stack([clusters["x_centroid"], clusters["y_centroid"]])
    snr = np.asarray(clusters["snr"])
    distance, match = cKDTree(found).query(truth)
    hit = distance * PIXEL < MATCH_RADIUS
    real = cKDTree(truth).query(found)[0] * PIXEL < MATCH_RADIUS
    sure = snr >= 5
    inner = (np.asarray(clusters["flags"]) & FLAGS["edge"]) == 0
    bright = hit & (ideal > 8)
    return {
        "recovered": np.median(snr[match[bright]] / ideal[bright]),
        "complete": hit[ideal > 6].mean(),
        "complete 8": hit[ideal > 8].mean(),
        "pure": real[sure].mean(),
        "pure in": real[sure & inner].mean(),
        "arcsec": np.median(distance[hit]) * PIXEL * 60,
    }


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=5)
    parser.add_argument("--deep", action="store_true", help="10, 10, 30 uK-arcmin of noise")
    parser.add_argument("--templates", choices=TEMPLATES, default="gnfw")
    options = parser.parse_args()
    finder = MatchedFilterFinder(templates=TEMPLATES[options.templates])
    print(ROW.format("seed", "found", "S/N", ">6", ">8", "pure", "inside", "arcsec", "CPU s", "MB"))
    rows = []
    for seed in TEST_SEEDS[: options.fields]:
        field = MockField(seed, noise=DEEP if options.deep else SHALLOW)
        maps = map_stack(field)
        start = time.process_time()
        clusters = finder(maps)
        cpu = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append([len(clusters), *score(field, clusters).values(), cpu, memory])
        print_row(seed, rows[-1])
    print_row("median", np.median(rows, axis=0))


def print_row(name, values):
    """Print a row of figures."""
    n_found, *ratios, arcsec, cpu, memory = values
    numbers = [f"{value:.3f}" for value in ratios]
    print(
        ROW.format(name, f"{n_found:.0f}", *numbers, f"{arcsec:.1f}", f"{cpu:.1f}", f"{memory:.0f}")
    )


if __name__ == "__main__":
    main()
