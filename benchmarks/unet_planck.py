"""Let U-Nets look at Planck's maps of the Coma field, beside PSZ2 and MCXC.

``python benchmarks/unet_planck.py DATA --presets PRESET PRESET --output FOLDER`` prints, for each
preset, the highest p at the objects of PSZ2 in the field, and the detections that are not in PSZ2
with what is known of them. It draws, for a look at each of these, what the network paints and the
six maps around it. DATA is as for ``planck_coma.py``. It says something of a preset only if that
has not seen these clusters.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from planck_coma import counterpart, highest, read_mcxc, read_planck, read_psz2, remark

from szfinder import UNetSegmentFinder
from szfinder.utils.files import replacing

#: Side of the pieces of maps that are drawn, in pixels.
PIECE = 61


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--threshold", type=float, help="of p; by default that of the preset")
    parser.add_argument("--output", type=Path, help="folder for the figures")
    options = parser.parse_args()
    maps = read_planck(options.data)
    psz2, mcxc = read_psz2(options.data, maps.wcs), read_mcxc(options.data)
    table = Table({"PSZ2": psz2["name"], "S/N": np.round(psz2["SNR"], 1)})
    for name in options.presets:
        finder = UNetSegmentFinder(name, threshold=options.threshold)
        score_map = finder.score_map(maps)
        label = Path(name).parent.name if Path(name).name == "preset" else name
        table[label] = np.round(highest(score_map, psz2["position"]), 3)
        clusters = finder.detect(score_map)
        others = others_of(clusters, psz2, mcxc)
        n_found = f"{len(clusters)} detections above {finder.threshold:.3f}"
        print(f"\n{label}: {n_found}, of which not in PSZ2 {len(others)}")
        print(*others.pformat(max_lines=-1, max_width=-1), sep="\n")
        if options.output is not None:
            draw(options.output / label, maps, score_map, clusters)
    table["remark"] = np.where(psz2["artefact"], "dust", np.where(psz2["in Coma"], "in Coma", ""))
    print("\nhighest p within 5 arcmin", *table.pformat(max_lines=-1, max_width=-1), sep="\n")


def others_of(clusters, psz2, mcxc):
    """The detections that are not in PSZ2."""
    others = [row for row in clusters if counterpart(psz2, row["sky_centroid"]) is None]
    return Table({
        "id": [int(row["id"]) for row in others],
        "detection": [str(row["name"]) for row in others],
        "l": [round(row["sky_centroid"].galactic.l.deg, 2) for row in others],
        "b": [round(row["sky_centroid"].galactic.b.deg, 2) for row in others],
        "p": [round(float(row["score"]), 3) for row in others],
        "remark": [remark(row, mcxc) for row in others],
    })  # fmt: skip


def draw(folder, maps, score_map, clusters):
    """What the network paints around each detection, and the maps there."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in clusters:
        y, x = int(round(row["y_centroid"])), int(round(row["x_centroid"]))
        half = PIECE // 2
        box = (slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1))
        figure = Figure(figsize=(14, 2.6), layout="constrained")
        axes = figure.subplots(1, 1 + maps.n_band)
        axes[0].imshow(score_map.data[box], origin="lower", vmin=0, vmax=1)
        axes[0].set_title(f"{row['id']}: p = {row['score']:.2f}")
        for band, plane, ax in zip(maps.bands, maps.data, axes[1:]):
            piece = plane[box] - np.nanmedian(plane[box])
            limit = 3 * np.nanstd(piece)
            ax.imshow(piece, origin="lower", vmin=-limit, vmax=limit, cmap="RdBu_r")
            ax.set_title(f"{band.name} GHz, ±{limit * u.uK:.3g}")
        with replacing(folder / f"{row['id']:02d}.png") as aside:
            figure.savefig(aside, dpi=70)


if __name__ == "__main__":
    main()
