"""Look for clusters in mock skies of Planck with U-Nets and with the matched filter.

``python benchmarks/unet_planck_mock.py --presets PRESET --fields 8 --output FOLDER`` takes skies of
the preset ``planck-hfi``, 14.6 by 14.6 degrees each, whose seeds nothing was trained or tuned on,
and for a sky with strong and uneven dust those of ``planck-training``. A detection is true if
within 5 arcmin there is a halo that no other detection has taken, and that the matched filter is
expected to see at S/N of 3 or more: from its true amplitude and size and the noise of the field.
Thresholds are those the finders come with, and for the matched filter also the one with as many
detections as the first U-Net has; its catalogues are cut from one made at S/N of 3.5.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from seeds import TEST_SEEDS
from unet_planck import title_of, write

from szfinder import MatchedFilterFinder, SkySimulator, UNetSegmentFinder
from szfinder.evaluation import inside, match_detections
from szfinder.training.visible import measured_halos

#: Expected S/N of the halos that a detection may be of, and of those that are to be found.
TRUE, WANTED = 3.0, (4.5, 6.0, 8.0)
#: Distance within which a detection is a halo.
RADIUS = 5 * u.arcmin
#: Threshold of the matched filter, and how far down its detections are kept.
THRESHOLD, LEAST = 4.5, 3.5


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--fields", type=int, default=8, help="fields of each kind of sky")
    parser.add_argument("--output", type=Path, default=Path("unet-planck"))
    options = parser.parse_args()
    finders = {"matched filter": MatchedFilterFinder(threshold=LEAST)}
    finders |= {title_of(name): UNetSegmentFinder(name) for name in options.presets}
    rows = []
    for sky in ("planck-hfi", "planck-training"):
        fields = [measure(sky, seed, finders) for seed in TEST_SEEDS[: options.fields]]
        n_found = sum(len(field[title_of(options.presets[0])][0]) for field in fields)
        scores = np.concatenate([field["matched filter"][0] for field in fields])
        equal = np.sort(scores)[-np.clip(n_found, 1, scores.size)]
        for name in finders:
            for threshold in (
                (THRESHOLD, equal) if name == "matched filter" else (finders[name].threshold,)
            ):
                rows.append({"sky": sky, "finder": name, **scored(fields, name, threshold)})
    table = Table(rows=rows)
    print(*table.pformat(max_lines=-1, max_width=-1), sep="\n")
    write(options.output, "mock", table)


def measure(preset, seed, finders):
    """Of each finder the scores, which are true, and the highest at each halo; of halos the S/N."""
    sky = SkySimulator.from_preset(preset, rng=seed).patch()
    expected = sky.truth["y_c"] / error_of(measured_halos(sky))
    seen = (expected >= TRUE) & inside(sky.truth, sky.maps.wcs, sky.maps.shape)
    halos = sky.truth[seen]
    field = {"expected": np.asarray(expected[seen])}
    for name, finder in finders.items():
        found = finder(sky.maps)
        match = match_detections(found, halos, radius=RADIUS)
        highest = np.zeros(len(halos))
        highest[match.pairs[1]] = found["score"][match.pairs[0]]
        field[name] = np.asarray(found["score"]), match.halo >= 0, highest
    print(preset, seed, len(halos), *(len(field[name][0]) for name in finders), flush=True)
    return field


def error_of(measured):
    """Error of y_c for each halo: the median of its template, also where nothing was measured."""
    error, size = np.asarray(measured["y_c_err"]), np.asarray(measured["theta_c"])
    sizes, index = np.unique(size, return_inverse=True)
    median = np.array([np.nanmedian(error[index == i]) for i in range(sizes.size)])
    return np.interp(size, sizes[np.isfinite(median)], median[np.isfinite(median)])


def scored(fields, name, threshold):
    """Number and purity of the detections, and the completeness for halos of each S/N."""
    scores, true, highest = (np.concatenate(parts) for parts in zip(*(f[name] for f in fields)))
    expected = np.concatenate([field["expected"] for field in fields])
    above = scores >= threshold
    row = {"threshold": round(threshold, 3), "detections": np.count_nonzero(above),
           "purity": round(true[above].mean(), 3)}  # fmt: skip
    for snr in WANTED:
        wanted = expected >= snr
        row[f"complete at {snr:g}"] = round(np.mean(highest[wanted] >= threshold), 3)
    return row


if __name__ == "__main__":
    main()
