"""Let a U-Net look at the whole sky: CPU time and memory.

``python benchmarks/all_sky.py PRESET --nside 2048`` makes six HEALPix maps of white noise, as large
as those of Planck HFI, and prints the CPU time and the peak memory of the network's map of the
whole sky, and of a catalogue. ``--part 0.1`` masks all but a part of the sky.
"""

import argparse
import resource
import time

import numpy as np

from szfinder import Instrument, UNetSegmentFinder
from szfinder.maps import HealpixMap, HealpixStack


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nside", type=int, default=2048)
    parser.add_argument("--part", type=float, default=1.0, help="part of the sky that is observed")
    parser.add_argument("preset", help="folder of the trained weights, or their name")
    parser.add_argument("--parallel", type=int, default=1, help="threads")
    options = parser.parse_args()
    finder = UNetSegmentFinder(options.preset)
    stack = noise_maps(options.nside, options.part, finder.preset.preprocessing.scale)
    print(f"{stack}; memory of the maps: {memory():.1f} GB", flush=True)
    for step in (finder.predict_map, finder.find_clusters):
        start, begun = time.process_time(), time.time()
        result = step(stack, parallel=options.parallel, progress_bar=True)
        n_found = f", {len(result)} detections" if step == finder.find_clusters else ""
        print(f"{step.__name__}: {(time.process_time() - start) / 60:.1f} CPU min, "
              f"{(time.time() - begun) / 60:.1f} min, {memory():.1f} GB at most{n_found}",
              flush=True)  # fmt: skip


def noise_maps(nside, part, scale):
    """White noise of the scatter that the network expects, NaN where not observed."""
    rng = np.random.default_rng(1)
    n_pixels = 12 * nside**2
    maps = []
    for level in scale:
        values = np.float32(level) * rng.standard_normal(n_pixels, np.float32)
        values[int(part * n_pixels) :] = np.nan
        maps.append(HealpixMap(values, nside, False, "galactic"))
    return HealpixStack(maps, instrument=Instrument.from_preset("planck-hfi"))


def memory():
    """Peak resident memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
