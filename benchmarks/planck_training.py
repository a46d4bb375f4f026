"""Train the U-Net of the preset ``unet-planck``, and its rivals on other skies.

``python benchmarks/planck_training.py DATA FOLDER`` trains on surrogates of Planck's maps of the
Coma field, in which the known clusters of PSZ2 and MCXC are masked, with sources from number
counts: the network has seen neither the clusters of the field nor its sources and clouds. With
``--skies mock`` it trains on mock skies alone, as ``szfinder train unet --preset unet-planck``
does, which needs no DATA; with ``--skies injected`` on the maps themselves with simulated clusters
put into them. Some 17 CPU minutes each; a call goes on where another was stopped. DATA is as for
``planck_coma.py``, and ``unet_planck.py`` tests the result.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from planck_coma import COMA, SAME, read_mcxc, read_planck, read_psz2

from szfinder.training import UNET_TRAININGS, InjectedSkies, SurrogateSkies, disc_map, train_unet

#: Radii within which the maps are not used around clusters, and around Coma.
MASKED, MASKED_COMA = 15 * u.arcmin, 60 * u.arcmin


def main():
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--skies", choices=("surrogate", "mock", "injected"), default="surrogate")
    options = parser.parse_args()
    training = UNET_TRAININGS["unet-planck"]
    if options.skies != "mock":
        maps = read_planck(options.data)
        mask = known_clusters(options.data, maps)
        made = {"surrogate": SurrogateSkies(maps, mask, "counts"),
                "injected": InjectedSkies(maps, mask)}  # fmt: skip
        training = replace(training, skies=made[options.skies])
    command = f"python benchmarks/planck_training.py DATA FOLDER --skies {options.skies}"
    preset = train_unet(training, options.folder, command=command, progress_bar=True)
    print(preset.card["scores"], preset.calibration["thresholds"])


def known_clusters(data, maps):
    """Pixels around the objects of PSZ2 and MCXC, with a wider circle around Coma."""
    mask = np.zeros(maps.shape, bool)
    for catalogue in (read_psz2(data, maps.wcs), read_mcxc(data)):
        positions = catalogue["position"]
        coma = positions.separation(COMA) < SAME
        for radius, some in ((MASKED_COMA, coma), (MASKED, ~coma)):
            discs = disc_map(positions[some], maps.wcs, maps.shape, diameter=2 * radius)
            mask |= discs > 0
    return mask


if __name__ == "__main__":
    main()
