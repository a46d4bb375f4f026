"""``szfinder evaluate``: a catalogue and the truth in, purity and completeness out."""

import argparse
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szfinder.cli.numbers import number, positive
from szfinder.cli.tables import read_table

if TYPE_CHECKING:
    from astropy.table import QTable
    from matplotlib.figure import Figure

    from szfinder.evaluation import Confusion

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Compare a catalogue of any finder with the true halos of a simulated sky.

In the order of falling score, each detection is matched to the most massive halo within the
radius. It is right if that halo is a cluster: one above the limits of mass and redshift. Purity is
the part of the detections that are right, completeness the part of the clusters that are found, F1
their harmonic mean. Both tables must cover the same area.
"""
EPILOG = """\
Where the truth has the column m500c, a second purity counts every detection as right whose halo
has 1e14 solar masses or more at any redshift. It tells clusters outside the limits from noise.
Where it has y_c and theta500, the ceilings are the F1 that would be reached with both known: ranked
by their product, or by a classifier trained on them.

example:
  szfinder evaluate clusters.ecsv --truth halos.fits --score snr --threshold 5 -o figures
"""

#: M500c in Msun of halos that a detection may well be, whatever the limits.
HEAVY = 1e14
#: Mass in Msun below which halos are left out of the ceilings.
FLOOR = 5e13
#: Bins of the figures in mass and in redshift.
N_BINS = 10


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "evaluate",
        help="compare a catalogue with the truth",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("catalogue", metavar="CATALOGUE",
        help="table of detections with sky_centroid, or ra and dec, and a score")  # fmt: skip
    add("--truth", metavar="FILE", required=True,
        help="table of halos with positions, mvir and redshift")  # fmt: skip
    add("--score", metavar="COLUMN", default="score",
        help="column of the score (default: %(default)s)")  # fmt: skip
    add("--threshold", type=number, default=-math.inf, metavar="X",
        help="least score that counts (default: all detections count)")  # fmt: skip
    add("--min-mass", type=positive, default=2e14, metavar="MSUN",
        help="least virial mass of a cluster in solar masses (default: %(default)g)")  # fmt: skip
    add("--min-redshift", type=number, default=0.25, metavar="Z",
        help="least redshift of a cluster (default: %(default)s)")  # fmt: skip
    add("--radius", type=positive, default=1.0, metavar="ARCMIN",
        help="largest distance of a detection from its halo (default: %(default)s)")  # fmt: skip
    add("-o", "--output", metavar="FOLDER", help="folder for figures (.png)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read both tables, match them, print how well they agree, and draw the figures."""
    folder = Path(options.output) if options.output else None
    if folder and not folder.is_dir() and (folder.exists() or not folder.parent.is_dir()):
        raise ValueError(
            f"cannot write figures to {folder}: it is no folder, and there is none to make it in"
        )
    comparison = _Comparison(options, read_table(options.catalogue), read_table(options.truth))
    thresholds = [options.threshold]
    if comparison.book.f1.any():
        thresholds.append(comparison.book.best_threshold)
    figures = _figures(comparison, thresholds) if folder else {}
    if folder:
        _write_figures(figures, folder)
    _print_summary(comparison, thresholds)
    for name in figures:
        print(f"wrote {folder / name}")


class _Comparison:
    """Detections matched to the truth, as the options say."""

    def __init__(self, options: argparse.Namespace, detections: "QTable", truth: "QTable") -> None:
        from astropy.units import Msun

        from szfinder.evaluation import ScoreBook, match_detections, positions_of, select_halos
        from szfinder.finders.tables import column_of, scores_of

        self.options, self.detections, self.truth = options, detections, truth
        limits = {"min_mass": options.min_mass, "min_redshift": options.min_redshift}
        rule = {"radius": options.radius, "score": options.score}
        with _naming(options.catalogue):
            self.positions = positions_of(detections)
            self.scores = scores_of(detections, options.score)
        with _naming(options.truth):
            positions_of(truth)
            self.is_cluster = select_halos(truth, **limits)
            self.mass, self.redshift = column_of(truth, "mvir", Msun), column_of(truth, "redshift")
        self.match = match_detections(detections, truth, **rule)
        self.book = ScoreBook.from_catalogue(
            detections, truth, name=options.score, **rule, **limits
        )

    @cached_property
    def is_heavy(self) -> np.ndarray | None:
        """Whether each halo is worth detecting; None where that mass is not known."""
        from szfinder.evaluation import select_halos

        if "m500c" not in self.truth.colnames:
            return None
        with _naming(self.options.truth):
            return select_halos(self.truth, mass="m500c", min_mass=HEAVY, min_redshift=0)

    def right(self, threshold: float, halos: np.ndarray) -> np.ndarray:
        """Detections above a threshold that match some of the halos."""
        matched, halo = self.match.pairs
        return matched[(self.scores[matched] >= threshold) & halos[halo]]

    def found(self, threshold: float) -> np.ndarray:
        """Whether each halo has a detection above a threshold."""
        found = np.zeros(len(self.truth), dtype=bool)
        found[self.match.halo[self.right(threshold, ~found)]] = True
        return found


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Errors about a table name its file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _print_summary(comparison: _Comparison, thresholds: list[float]) -> None:
    options = comparison.options
    print(
        f"{len(comparison.detections)} detections in {options.catalogue}\n"
        f"{comparison.book.n_clusters} clusters among {len(comparison.truth)} halos in "
        f"{options.truth}: virial mass of {options.min_mass:g} Msun or more at redshift "
        f"{options.min_redshift:g} or more\n"
    )
    columns = [_rows(comparison, threshold) for threshold in thresholds]
    for label in columns[0]:
        print(f"{label:<27}" + "".join(f"{rows[label]:<22}" for rows in columns).rstrip())
    _print_ceilings(comparison)
    print("\nIn brackets: intervals of 68 per cent (Jeffreys).")
    if len(thresholds) > 1:
        print(
            "The second threshold has the highest F1 on these very skies, and they flatter it: "
            "choose\na threshold on other skies, and give it as --threshold."
        )
    else:
        print("No threshold is the best: none of the clusters was detected.")


def _print_ceilings(comparison: _Comparison) -> None:
    """The highest F1 with the true signals known, where the truth has them."""
    from szfinder.evaluation import ceilings

    options, truth = comparison.options, comparison.truth
    if not {"y_c", "theta500"} <= set(truth.colnames) or not comparison.book.n_clusters:
        return
    limits = {"min_mass": options.min_mass, "min_redshift": options.min_redshift}
    floor = min(FLOOR, options.min_mass)
    for book in ceilings(truth, floor=floor, rng=0, **limits):
        print(f"{'F1, ' + book.name:<27}{book.f1.max():.3f}")


def _rows(comparison: _Comparison, threshold: float) -> dict[str, str]:
    """What is printed about one threshold."""
    confusion = comparison.book.confusion(threshold)
    right, n_clusters = confusion.true_positive, comparison.book.n_clusters
    n_detections = right + confusion.false_positive
    rows = {
        "least score": f"{threshold:.4g}" if math.isfinite(threshold) else "none",
        "detections": f"{n_detections}",
        "clusters found": f"{right} of {n_clusters}",
        "purity": _fraction(right, n_detections),
        "completeness": _fraction(right, n_clusters),
        "F1": _f1(confusion),
    }
    if comparison.is_heavy is not None:
        halos = comparison.right(threshold, comparison.is_heavy).size
        rows[f"purity, M500c >= {HEAVY:.0e}"] = _fraction(halos, n_detections)
    errors = comparison.match.separation[comparison.right(threshold, comparison.is_cluster)]
    error = f"{np.median(errors).to_value('arcsec'):.1f} arcsec" if errors.size else "-"
    return {**rows, "median position error": error}


def _fraction(part: int, whole: int) -> str:
    from szfinder.evaluation import jeffreys_interval

    if not whole:
        return "-"
    return "{:.3f} ({:.3f}-{:.3f})".format(part / whole, *jeffreys_interval(part, whole))


def _f1(confusion: "Confusion") -> str:
    if np.isnan(confusion.f1):
        return "-"
    return "{:.3f} ({:.3f}-{:.3f})".format(confusion.f1, *confusion.f1_interval())


def _figures(comparison: _Comparison, thresholds: list[float]) -> dict[str, "Figure"]:
    """Figures, by the names of their files."""
    import astropy.units as u
    from astropy.table import QTable

    from szfinder.evaluation import (
        completeness,
        completeness_map,
        plot_completeness,
        plot_completeness_map,
        plot_f1_curve,
    )

    options, redshift = comparison.options, comparison.redshift
    halos = QTable({"mvir": comparison.mass << u.Msun, "redshift": redshift})
    least_mass = options.min_mass * u.Msun
    top = max(2 * options.min_mass, 1.001 * comparison.mass.max(initial=0))
    masses = np.geomspace(options.min_mass / 2, top, N_BINS + 1) * u.Msun
    redshifts = np.linspace(0, max(1, redshift.max(initial=0)), N_BINS + 1)
    far, massive = redshift >= options.min_redshift, halos["mvir"] >= least_mass
    over_mass, over_redshift, over_both = {}, {}, {}
    for threshold in thresholds:
        name, found = _name(threshold), comparison.found(threshold)
        over_mass[name] = completeness(halos[far], found[far], "mvir", masses)
        over_redshift[name] = completeness(halos[massive], found[massive], "redshift", redshifts)
        over_both[name] = completeness_map(halos, found, ("redshift", "mvir"), (redshifts, masses))
    limits = options.min_redshift, least_mass
    return {
        "f1.png": plot_f1_curve([comparison.book]).figure,
        "completeness_mass.png": plot_completeness(over_mass, limit=limits[1]).figure,
        "completeness_redshift.png": plot_completeness(over_redshift, limit=limits[0]).figure,
        "completeness_map.png": plot_completeness_map(over_both, limits=limits)[0].figure,
        "offsets.png": _offsets(comparison, thresholds[0]),
    }


def _offsets(comparison: _Comparison, threshold: float) -> "Figure":
    """Figure of the offsets of the right detections."""
    from astropy.table import QTable

    from szfinder.evaluation import plot_offsets, residuals

    positions = QTable({"sky_centroid": comparison.positions})
    table = residuals(positions, comparison.truth, comparison.match)
    right = np.isin(table["detection"], comparison.right(threshold, comparison.is_cluster))
    return plot_offsets({_name(threshold): table[right]}).figure


def _name(threshold: float) -> str:
    return f"score of {threshold:.3g} or more" if math.isfinite(threshold) else "all detections"


def _write_figures(figures: dict[str, "Figure"], folder: Path) -> None:
    """Each takes its place when all are drawn."""
    from szfinder.utils.files import replacing

    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        for name, figure in figures.items():
            figure.savefig(stack.enter_context(replacing(folder / name)), dpi=150)
