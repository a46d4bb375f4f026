"""Ratios of times: the filter against its bare transforms, the import against its dependencies.

``python benchmarks/speed.py`` runs both sides of each ratio in turn and prints medians.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
from mock_field import FREQUENCY, FWHM, PIXEL, SHALLOW, SHAPE
from scipy import fft

from szfinder.filters import FourierGrid, MatchedFilter, gnfw_templates, model_covariance
from szfinder.filters.fourier import ARCMIN
from szfinder.maps import Beam
from szfinder.physics import tsz_response

N_TEMPLATES = 16
PEERS = "import astropy.nddata, astropy.wcs, photutils.detection"
IMPORTS = {
    "import szfinder": "import szfinder",
    "from szfinder import MatchedFilterFinder": "from szfinder import MatchedFilterFinder",
}


def filtering():
    """Functions that filter a field with all templates, and that do its transforms alone."""
    grid = FourierGrid(SHAPE, (PIXEL, PIXEL), margin=30)
    beams = np.stack([Beam.from_fwhm(FWHM[band]).window(grid.ell) for band in FREQUENCY])
    frequencies = np.array(list(FREQUENCY.values()))
    response = np.array([tsz_response(nu) for nu in frequencies])[:, None] * beams
    white = np.array([SHALLOW[band] * ARCMIN for band in FREQUENCY]) ** 2
    covariance = model_covariance(grid, frequencies, beams, white)
    templates = [
        template.transform(grid.ell)
        for template in gnfw_templates(np.geomspace(0.5, 15, N_TEMPLATES))
    ]
    matched = MatchedFilter(grid, response[None], covariance)
    maps = np.random.default_rng(1).standard_normal((len(FREQUENCY), *SHAPE), dtype=np.float32)

    def with_filter():
        combined = matched.combine(grid.transform(maps))
        for template in templates:
            matched.amplitude(combined, template)

    def bare():
        modes = fft.rfft2(maps, s=grid.padded_shape)[0]
        for _ in templates:
            fft.irfft2(modes, s=grid.padded_shape)

    return with_filter, bare


def importing(statement):
    """Function that runs a statement in a new process."""
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True)


def compare(name, one, other, n_runs):
    """Run two functions in turn, and print the medians and the median of their ratios."""
    one(), other()
    times = []
    for _ in range(n_runs):
        pair = []
        for function in (one, other):
            start = time.perf_counter()
            function()
            pair.append(time.perf_counter() - start)
        times.append(pair)
    medians = [statistics.median(column) for column in zip(*times)]
    ratio = statistics.median(a / b for a, b in times)
    print(f"{name}: {medians[0]:.3f} s against {medians[1]:.3f} s, ratio {ratio:.2f}")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    n_runs = parser.parse_args().runs
    compare(f"filter, 3 bands and {N_TEMPLATES} templates, against FFTs", *filtering(), n_runs)
    for name, statement in IMPORTS.items():
        compare(f"{name} against {PEERS!r}", importing(statement), importing(PEERS), n_runs)


if __name__ == "__main__":
    main()
