"""Find the clusters in Planck's maps of the Coma field, and compare them with PSZ2 and MCXC.

``python benchmarks/planck_coma.py DATA`` prints the tables of the page "Planck's view of the Coma
field" of the documentation; ``--output FOLDER`` also makes its figures. DATA holds the folders
``planck_hfi_coma``, with the six maps of HFI, and ``catalogues``, with PSZ2 and MCXC.
"""

import argparse
import sys
import time
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from matplotlib import patheffects
from matplotlib.figure import Figure
from PIL import Image

from szfinder import MatchedFilterFinder, read_maps
from szfinder.evaluation import plot_score_map
from szfinder.finders import FLAGS
from szfinder.finders.filter_problem import FilterProblem

BANDS = ("100", "143", "217", "353", "545", "857")
THRESHOLD = 4.5
#: The runs that are compared: bands and options of the finder.
RUNS = {
    "S/N": (BANDS, {}),
    "one pass": (BANDS, {"covariance": "maps"}),
    "unmasked": (BANDS, {"sources": None}),
    "to 353 GHz": (BANDS[:4], {"sources": None}),
}
REPEATS = 3
#: Distance within which two objects are the same.
SAME = 5 * u.arcmin
COMA = SkyCoord(194.953, 27.981, unit="deg")
#: Virial radius of Coma, 2.9 Mpc (Lokas & Mamon 2003), seen at z = 0.023.
HALO = 100 * u.arcmin
#: Value of Q_NEURAL below which an object of PSZ2 is unreliable (Planck Collaboration XXVII 2016).
RELIABLE = 0.4
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "0.45"
DPI = 110
OUTLINE = [patheffects.withStroke(linewidth=2, foreground="black")]


def read_planck(data):
    """The six maps of HFI."""
    names = {band: f"map2048_{int(band):04d}_0000.fits" for band in BANDS}
    files = {band: data / "planck_hfi_coma" / name for band, name in names.items()}
    return read_maps(files, instrument="planck-hfi")


def read_psz2(data, wcs):
    """The objects of PSZ2 in the field, strongest first."""
    rows = fits.getdata(data / "catalogues" / "HFI_PCCS_SZ-union_R2.08.fits", 1)
    psz2 = Table({name: np.array(rows[name]) for name in ("SNR", "REDSHIFT", "Q_NEURAL")})
    psz2["name"] = [name.strip().removeprefix("PSZ2 ") for name in rows["NAME"]]
    psz2["position"] = SkyCoord(rows["RA"], rows["DEC"], unit="deg")
    psz2 = psz2[wcs.footprint_contains(psz2["position"])]
    psz2["artefact"] = psz2["Q_NEURAL"] < RELIABLE
    psz2["in Coma"] = (psz2["position"].separation(COMA) < HALO) & (psz2["SNR"] < 30)
    return psz2[np.lexsort([-psz2["SNR"], psz2["in Coma"], psz2["artefact"]])]


def read_mcxc(data):
    """The X-ray clusters of MCXC, by the first of their other names where they have one."""
    rows = fits.getdata(data / "catalogues" / "mcxc.fits", 1)
    mcxc = Table({"z": np.array(rows["z"])})
    others = [other.split(",")[0].strip() for other in rows["AName"]]
    mcxc["name"] = [other or f"MCXC {own.strip()}" for own, other in zip(rows["MCXC"], others)]
    mcxc["position"] = SkyCoord(rows["RAdeg"], rows["DEdeg"], unit="deg")
    return mcxc


def counterpart(catalogue, position):
    """Row of a catalogue at a position, or None."""
    index, separation, _ = position.match_to_catalog_sky(catalogue["position"])
    return catalogue[int(index)] if separation < SAME else None


def run_finders(maps):
    """Score map, catalogue and CPU seconds (median of repeats) of each run."""
    results = {}
    for name, (bands, options) in RUNS.items():
        selected = maps.select(bands)
        finder, seconds = MatchedFilterFinder(threshold=THRESHOLD, **options), []
        for _ in range(REPEATS):
            start = time.process_time()
            score_map = finder.score_map(selected)
            clusters = finder.detect(score_map)
            seconds.append(time.process_time() - start)
        results[name] = score_map, clusters, np.median(seconds)
    return results


def highest(score_map, positions):
    """Highest score near each position, NaN where all is masked."""
    y, x = np.nonzero(np.isfinite(score_map.data))
    pixels = score_map.wcs.pixel_to_world(x, y)
    near = [position.separation(pixels) < SAME for position in positions]
    scores = score_map.data[y, x]
    return np.array([scores[pixel].max() if pixel.any() else np.nan for pixel in near])


def table_of_psz2(psz2, mcxc, results):
    """The objects of PSZ2 and their signal-to-noise ratios here."""
    table = Table({"PSZ2": psz2["name"]})
    names = [counterpart(mcxc, position) for position in psz2["position"]]
    table["MCXC"] = ["" if row is None else row["name"] for row in names]
    table["z"] = [f"{z:.3f}" if z > 0 else "" for z in psz2["REDSHIFT"]]
    table["S/N in PSZ2"] = [f"{snr:.1f}" for snr in psz2["SNR"]]
    for name, (score_map, *_) in results.items():
        scores = highest(score_map, psz2["position"])
        table[name] = [f"{score:.1f}" if np.isfinite(score) else "masked" for score in scores]
    remarks = np.where(psz2["artefact"], "dust", np.where(psz2["in Coma"], "within Coma", ""))
    table["remark"] = remarks
    return table


def table_of_others(clusters, psz2, mcxc):
    """The detections that are not in PSZ2."""
    others = [row for row in clusters if counterpart(psz2, row["sky_centroid"]) is None]
    return Table(
        {
            "detection": [row["name"] for row in others],
            "S/N": [f"{row['snr']:.1f}" for row in others],
            "core radius": [f"{row['theta_c'].to_value(u.arcmin):.1f}" for row in others],
            "remark": [remark(row, mcxc) for row in others],
        }
    )


def remark(row, mcxc):
    """What is known of a detection."""
    known = counterpart(mcxc, row["sky_centroid"])
    distance = row["sky_centroid"].separation(COMA)
    remarks = []
    if known is not None:
        remarks.append(f"{known['name']}, z = {known['z']:.3f}")
    elif distance < HALO:
        remarks.append(f"{distance.arcmin:.0f} arcmin from the centre of Coma")
    if row["flags"] & FLAGS["edge"]:
        remarks.append("at the edge")
    if row["flags"] & FLAGS["source"]:
        remarks.append("near a source")
    return "; ".join(remarks) or "nothing known"


def residual(maps):
    """S/N without the clusters, for the narrowest and the widest template."""
    problem = FilterProblem(MatchedFilterFinder(), maps, None)
    separation = problem.separate()
    clusters = separation.clusters.paint(problem.grid, separation.templates, problem.response[0])
    modes = problem.grid.transform_extended(problem.images - clusters)
    combined = separation.matched.combine(modes)
    result = {}
    for index in (0, -1):
        template = separation.templates[index]
        amplitude = separation.matched.amplitude(combined, template)
        level, error = problem.noise_level(amplitude, separation.matched, template)
        snr = amplitude[problem.use] / (error[problem.use] * level)
        result[problem.templates[index].theta_c] = snr
    return result


def plot_field(score_map, clusters, psz2, mcxc):
    """The map of S/N with the detections and their names."""
    figure = Figure(figsize=(8.2, 7.0), layout="constrained")
    axes = plot_score_map(score_map, axes=figure.add_subplot(projection=score_map.wcs))
    for row in clusters:
        names = [counterpart(catalogue, row["sky_centroid"]) for catalogue in (psz2, mcxc)]
        names = [str(known["name"]) for known in names if known is not None]
        names = [name for name in names if name == names[0] or not name.startswith("MCXC")]
        centre = row["x_centroid"], row["y_centroid"]
        axes.plot(*centre, "o", ms=17, mfc="none", mec="white", mew=1.3,
                  ls="none", path_effects=OUTLINE)  # fmt: skip
        label(axes, "\n".join([*names, f"S/N {row['snr']:.1f}"]), centre, score_map.data.shape)
    dust = psz2["position"][psz2["artefact"]]
    x, y = score_map.wcs.world_to_pixel(dust)
    axes.plot(x, y, "x", ms=7, color=ORANGE, mew=2)
    axes.annotate("listed in PSZ2, dust", (x.max(), y.mean()), xytext=(10, 0), color="white",
                  textcoords="offset points", fontsize=8, path_effects=OUTLINE,
                  va="center")  # fmt: skip
    return figure


def label(axes, text, centre, shape, *, left=False):
    """Write beside a detection, within the map."""
    side = -1 if left or centre[0] > 0.85 * shape[1] else 1
    along = "top" if centre[1] > 0.95 * shape[0] else "center"
    axes.annotate(text, centre, xytext=(11 * side, 0), textcoords="offset points",
                  color="white", fontsize=7.5, path_effects=OUTLINE, linespacing=1.15,
                  ha="left" if side > 0 else "right", va=along)  # fmt: skip


def plot_check(psz2, results, residuals):
    """S/N here beside those of PSZ2, and the histogram of the residual S/N."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    compare(left, psz2[~psz2["in Coma"]], results)
    axes = right.subplots()
    edges = np.arange(-6.1, 6.2, 0.2)
    for (theta, snr), colour, style in zip(residuals.items(), (BLUE, ORANGE), ("-", "--")):
        axes.hist(snr, edges, density=True, histtype="step", color=colour, ls=style, lw=1.6,
                  label=rf"$\theta_c$ = {theta:.1f}$'$: std {snr.std():.2f}")  # fmt: skip
    x = np.linspace(-5, 5, 200)
    axes.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color="black", lw=1, ls=":",
              label="unit Gaussian")  # fmt: skip
    axes.set(yscale="log", ylim=(2e-6, 3), xlim=(-6, 6), xlabel="S/N without the clusters",
             ylabel="part of the pixels per unit of S/N")  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def compare(figure, psz2, results):
    """S/N of each object, one row each, on an axis with a gap below Coma."""
    panels = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (3, 1)})
    rows = np.arange(len(psz2))[::-1]
    for axes, limits in zip(panels, ((-4, 14), (32, 72))):
        axes.axvline(THRESHOLD, color=GREY, lw=0.8, ls=":")
        axes.plot(psz2["SNR"], rows, "D", mfc="none", mec="black", ms=6, label="PSZ2")
        scores = highest(results["one pass"][0], psz2["position"])
        axes.plot(scores, rows, "|", color=ORANGE, ms=10, mew=2, label="here, one pass")
        scores = highest(results["S/N"][0], psz2["position"])
        axes.plot(scores, rows, "o", color=BLUE, ms=7, label="here")
        axes.set_xlim(*limits)
        axes.grid(axis="y", lw=0.4, alpha=0.5)
    panels[0].set_yticks(rows, psz2["name"], fontsize=8)
    panels[0].text(THRESHOLD, rows[-3] + 0.5, "threshold ", fontsize=8, color=GREY, ha="right")
    figure.supxlabel("S/N", fontsize="medium")
    for row in rows[np.isnan(scores)]:
        panels[0].text(0, row, "masked", va="center", ha="center", fontsize=8, color=GREY)
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")


def write_small(figure, path):
    """Write a figure with a palette of 256 colours: a map of noise takes a quarter of the bytes."""
    figure.savefig(path, dpi=DPI)
    with Image.open(path) as image:
        palette = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
    palette.save(path, optimize=True)


def main():
    """Run the finders, print the tables and make the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where figures are written")
    options = parser.parse_args()
    start = time.process_time()
    maps = read_planck(options.data)
    print(f"CPU seconds: {time.process_time() - start:.1f} to read the maps")
    psz2, mcxc = read_psz2(options.data, maps.wcs), read_mcxc(options.data)
    results = run_finders(maps)
    for name, (_, clusters, seconds) in results.items():
        print(f"CPU seconds: {seconds:.1f} for {len(clusters)} detections ({name})")
    score_map, clusters, _ = results["S/N"]
    for table in (table_of_psz2(psz2, mcxc, results), table_of_others(clusters, psz2, mcxc)):
        print()
        table.write(sys.stdout, format="ascii.rst")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        field = plot_field(score_map, clusters, psz2, mcxc)
        write_small(field, options.output / "coma.png")
        check = plot_check(psz2, results, residual(maps))
        write_small(check, options.output / "coma_check.png")


if __name__ == "__main__":
    main()
