"""Let the ensemble look at Planck's maps of the Coma field, beside PSZ2 and MCXC.

``python benchmarks/ensemble_coma.py DATA --output FOLDER`` prints, for each object of PSZ2 in the
field, what the matched filter, the U-Net and the ensemble ``planck`` say there, and the detections
of the ensemble that are not in PSZ2 with what is known of them. DATA is as for ``planck_coma.py``.
The U-Net has not seen these clusters (``planck_training.py``), nor has the ensemble.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table
from planck_coma import counterpart, highest, read_mcxc, read_planck, read_psz2, remark
from unet_planck import write

from szfinder import EnsembleFinder
from szfinder.finders import ScoreMap

#: The ways members are combined.
METHODS = ("calibrated", "product", "and")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--ensemble", default="planck", help="name, or a file")
    parser.add_argument("--output", type=Path, default=Path("ensemble-coma"))
    options = parser.parse_args()
    maps = read_planck(options.data)
    psz2, mcxc = read_psz2(options.data, maps.wcs), read_mcxc(options.data)
    finders = {method: EnsembleFinder.from_preset(options.ensemble, method=method)
               for method in METHODS}  # fmt: skip
    score_maps = {method: finder.score_map(maps) for method, finder in finders.items()}
    objects = table_of_psz2(psz2, score_maps)
    clusters = finders["calibrated"].detect(score_maps["calibrated"])
    others = others_of(clusters, psz2, mcxc)
    print("highest scores within 5 arcmin", *objects.pformat(max_lines=-1, max_width=-1), sep="\n")
    for method, finder in finders.items():
        found = finder.catalogue(score_maps[method])
        n_others = len(others_of(found, psz2, mcxc))
        print(f"{method}: {len(found)} above {finder.threshold:.3g}, {n_others} not in PSZ2")
    print("\nnot in PSZ2", *others.pformat(max_lines=-1, max_width=-1), sep="\n")
    write(options.output, "coma", objects)
    write(options.output, "coma_others", others)


def table_of_psz2(psz2, score_maps):
    """What members and ensemble say of the objects of PSZ2."""
    said = score_maps["calibrated"]
    table = Table({"PSZ2": psz2["name"], "S/N in PSZ2": np.round(psz2["SNR"], 1)})
    planes = {"matched filter": said.layers["score_matched_filter"],
              "U-Net": said.layers["score_unet"]}  # fmt: skip
    planes |= {method: score_map.data for method, score_map in score_maps.items()}
    for name, plane in planes.items():
        scores = highest(ScoreMap(plane, said.wcs), psz2["position"])
        table[name] = np.round(scores, 1 if name == "matched filter" else 3)
    table["remark"] = np.where(psz2["artefact"], "dust",
                               np.where(psz2["in Coma"], "within Coma", ""))  # fmt: skip
    return table


def others_of(clusters, psz2, mcxc):
    """The detections that are not in PSZ2."""
    others = [row for row in clusters if counterpart(psz2, row["sky_centroid"]) is None]
    return Table({
        "detection": [str(row["name"]) for row in others],
        "probability": [round(float(row["probability"]), 3) for row in others],
        "S/N": [round(float(row["snr"]), 1) for row in others],
        "p of the U-Net": [round(float(row["score_unet"]), 3) for row in others],
        "remark": [remark(row, mcxc) for row in others],
    })  # fmt: skip


if __name__ == "__main__":
    main()
