"""Let U-Nets look at Planck's maps of the Coma field, beside PSZ2 and MCXC.

``python benchmarks/unet_planck.py DATA --presets PRESET PRESET --output FOLDER`` prints, for each
preset, the highest p at the objects of PSZ2 in the field, and the detections that are not in PSZ2
with what is known of them; and of the first preset how many objects are found above which p. The
output has these tables, a figure of the field beside a map of Compton y, and pieces for a look at
each detection: what the network paints, and the six maps around it as the network takes them. DATA
is as for ``planck_coma.py``. It says something of a preset only if that has not seen these
clusters, as those of ``planck_training.py``.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import QTable, Table, vstack
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from planck_coma import (
    OUTLINE,
    counterpart,
    highest,
    label,
    read_mcxc,
    read_planck,
    read_psz2,
    remark,
    write_small,
)

from szfinder import MatchedFilterFinder, UNetSegmentFinder
from szfinder.evaluation import recovery_curve
from szfinder.filters import gnfw_templates
from szfinder.utils.files import replacing

#: Side of the pieces of maps that are drawn, in pixels.
PIECE = 61
#: Values of p above which objects are counted.
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)
#: Distance in pixels below which the names of two detections would overlap.
CROWDED = 40
#: theta500 in arcmin of the template that Compton y is measured with for the figure.
SIZE = 8.0


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--threshold", type=float, help="of p; by default that of the preset")
    parser.add_argument("--output", type=Path, default=Path("unet-planck"))
    options = parser.parse_args()
    maps = read_planck(options.data)
    psz2, mcxc = read_psz2(options.data, maps.wcs), read_mcxc(options.data)
    objects = Table({"PSZ2": psz2["name"], "S/N": np.round(psz2["SNR"], 1)})
    for name in options.presets:
        finder = UNetSegmentFinder(name, threshold=options.threshold)
        score_map = finder.score_map(maps)
        title = title_of(name)
        objects[title] = np.round(highest(score_map, psz2["position"]), 3)
        clusters = finder.detect(score_map)
        others = others_of(clusters, psz2, mcxc)
        n_found = f"{len(clusters)} detections above {finder.threshold:.3f}"
        print(f"\n{title}: {n_found}, of which not in PSZ2 {len(others)}")
        print(*others.pformat(max_lines=-1, max_width=-1), sep="\n")
        planes = finder.preset.check_maps(maps)
        images = finder.preset.preprocessing.to_images(maps.data[None, planes])[0]
        draw(options.output / "pieces" / title, maps, images, score_map, clusters)
        write(options.output, f"others_{title}", others)
        if name == options.presets[0]:
            write(options.output, "recovered", recovered(name, score_map, psz2, mcxc))
            figure = draw_field(maps, score_map, clusters, psz2, mcxc)
            write_small(figure, options.output / "coma_unet.png")
    remarks = np.where(psz2["artefact"], "dust", np.where(psz2["in Coma"], "in Coma", ""))
    objects["remark"] = remarks
    print("\nhighest p within 5 arcmin", *objects.pformat(max_lines=-1, max_width=-1), sep="\n")
    write(options.output, "objects", objects)


def title_of(preset):
    """A preset's name, or that of the folder its training was in."""
    return Path(preset).parent.name if Path(preset).name == "preset" else preset


def write(folder, name, table):
    """Keep a table."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{name}.ecsv") as aside:
        table.write(aside, format="ascii.ecsv", overwrite=True)


def recovered(preset, score_map, psz2, mcxc):
    """How many objects are found above each p, and how many detections are none of them."""
    catalogues = {
        "clusters of PSZ2": psz2[~psz2["artefact"]],
        "artefacts of PSZ2": psz2[psz2["artefact"]],
        "MCXC": mcxc[score_map.wcs.footprint_contains(mcxc["position"])],
    }
    catalogues = {
        name: QTable({"sky_centroid": table["position"]}) for name, table in catalogues.items()
    }
    found = [
        recovery_curve(
            UNetSegmentFinder(preset, threshold=threshold).catalogue(score_map),
            catalogues, threshold,
        )
        for threshold in THRESHOLDS
    ]  # fmt: skip
    curve = vstack(found)
    print("\nfound above p", *curve.pformat(max_lines=-1, max_width=-1), sep="\n")
    return curve


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


def draw_field(maps, score_map, clusters, psz2, mcxc):
    """What the network paints of the field, beside the Compton y of one template."""
    template = gnfw_templates([SIZE])
    filtered = MatchedFilterFinder(templates=template).score_map(maps)
    panels = {
        rf"Compton $y$ by the matched filter, $\theta_{{500}}$ = {SIZE:g}$'$  [$10^{{-5}}$]": (
            1e5 * filtered.layers["y_c"], {"vmin": -6, "vmax": 6, "cmap": "RdBu_r"}),
        "p painted by the U-Net": (
            score_map.data, {"norm": PowerNorm(0.5, vmin=0, vmax=0.8), "cmap": "cividis"}),
    }  # fmt: skip
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    axes = figure.subplots(1, 2, subplot_kw={"projection": maps.wcs})
    for ax, (title, (image, colours)) in zip(axes, panels.items()):
        drawn = ax.imshow(image, origin="lower", **colours)
        figure.colorbar(drawn, ax=ax, location="bottom", shrink=0.7, pad=0.02)
        ax.set(title=title, xlabel="RA", ylabel="Dec")
        ax.plot(*maps.wcs.world_to_pixel(psz2["position"][psz2["artefact"]]), "x", ms=7,
                color="#d55e00", mew=2)  # fmt: skip
    axes[1].coords[1].set_ticklabel_visible(False)
    axes[1].set_ylabel(" ")
    for row in clusters:
        centre = row["x_centroid"], row["y_centroid"]
        for ax in axes:
            ax.plot(*centre, "o", ms=17, mfc="none", mec="white", mew=1.3, path_effects=OUTLINE)
        known = [counterpart(catalogue, row["sky_centroid"]) for catalogue in (psz2, mcxc)]
        names = [entry["name"] for entry in known if entry is not None]
        crowded = any(other["id"] < row["id"] and distance(row, other) < CROWDED
                      for other in clusters)  # fmt: skip
        left = crowded or centre[0] > 0.8 * maps.shape[1]
        name = names[0] if names else "not in PSZ2 or MCXC"
        label(axes[1], f"{name}\np = {row['score']:.2f}", centre, maps.shape, left=left)
    return figure


def distance(one, other):
    """Distance of two detections in pixels."""
    return np.hypot(one["x_centroid"] - other["x_centroid"],
                    one["y_centroid"] - other["y_centroid"])  # fmt: skip


def draw(folder, maps, images, score_map, clusters):
    """What the network paints around each detection, and the normalised maps there."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in clusters:
        y, x = int(round(row["y_centroid"])), int(round(row["x_centroid"]))
        half = PIECE // 2
        box = (slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1))
        figure = Figure(figsize=(14, 2.6), layout="constrained")
        axes = figure.subplots(1, 1 + maps.n_band)
        axes[0].imshow(score_map.data[box], origin="lower", vmin=0, vmax=1)
        axes[0].set_title(f"{row['id']}: p = {row['score']:.2f}")
        for band, plane, ax in zip(maps.bands, np.moveaxis(images, -1, 0), axes[1:]):
            ax.imshow(plane[box], origin="lower", vmin=-2.5, vmax=2.5, cmap="RdBu_r")
            ax.set_title(f"{band.name} GHz")
        with replacing(folder / f"{row['id']:02d}.png") as aside:
            figure.savefig(aside, dpi=70)


if __name__ == "__main__":
    main()
