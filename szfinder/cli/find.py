"""``szfinder find``: maps in, catalogue out."""

import argparse
import warnings
from pathlib import Path

__all__ = ["add_parser", "run"]

EPILOG = """\
example:
  szfinder find 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      -o clusters.ecsv --regions clusters.reg --plot clusters.png
"""

#: Rows of the catalogue that are printed.
MAX_ROWS = 20


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "find",
        help="find clusters in maps",
        description="Find galaxy clusters in maps and write a catalogue.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("maps", nargs="+", metavar="BAND=FILE", type=_assignment, help="the map of each band")
    add("--instrument", required=True, help="name of a preset, or path of a YAML file")
    add("--ivar", nargs="+", metavar="BAND=FILE", type=_assignment, default=[],
        help="the inverse-variance map of each band")  # fmt: skip
    add("--unit", help="unit of the maps, where their headers do not say")
    add("--finder", choices=["matched-filter"], default="matched-filter")
    add("--threshold", type=float, default=4.5, help="least score (default: %(default)s)")
    add("-o", "--output", metavar="FILE", help="catalogue (.ecsv or .fits)")
    add("--regions", metavar="FILE", help="ds9 region file (.reg)")
    add("--plot", metavar="FILE", help="picture of the score map (.png, .pdf)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the maps, find the clusters, write what was asked for, and print the brightest."""
    from szfinder.finders import MatchedFilterFinder, NoDetectionsWarning
    from szfinder.finders.files import write_catalogue, write_regions
    from szfinder.maps import read_maps

    _check_outputs(options)
    maps = read_maps(
        _mapping(options.maps),
        instrument=options.instrument,
        ivar=_mapping(options.ivar) or None,
        unit=options.unit,
    )
    finder = MatchedFilterFinder(threshold=options.threshold)
    score_map = finder.score_map(maps)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NoDetectionsWarning)
        clusters = finder.detect(score_map)
    for warning in caught:
        print(f"szfinder: {warning.message}")
    if options.output:
        write_catalogue(clusters, options.output)
    if options.regions:
        write_regions(clusters, options.regions)
    if options.plot:
        _write_plot(score_map, clusters, options.plot)
    _print_summary(maps, clusters)
    for path in filter(None, (options.output, options.regions, options.plot)):
        print(f"wrote {path}")


def _assignment(text: str) -> tuple[str, str]:
    band, separator, path = text.partition("=")
    if not (band and separator and path):
        raise argparse.ArgumentTypeError(
            f"expected BAND=FILE, such as 150=map.fits; found {text!r}"
        )
    return band, path


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse, before the work is done, what could not be written after it."""
    for path, endings in (
        (options.output, (".ecsv", ".fits")),
        (options.regions, (".reg",)),
        (options.plot, (".png", ".pdf", ".svg")),
    ):
        if path and Path(path).suffix not in endings:
            raise ValueError(f"cannot write {path}: the name must end in {' or '.join(endings)}")
        if path and not Path(path).parent.is_dir():
            raise ValueError(f"cannot write {path}: there is no folder {Path(path).parent}")


def _mapping(pairs: list[tuple[str, str]]) -> dict[str, str]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        bands = [band for band, _ in pairs]
        twice = next(band for band in bands if bands.count(band) > 1)
        raise ValueError(f"band {twice} is given more than once; give one file for each band")
    return mapping


def _write_plot(score_map, clusters, path: str) -> None:
    from szfinder.evaluation import plot_score_map
    from szfinder.utils.files import replacing

    figure = plot_score_map(score_map, clusters).figure
    with replacing(path) as aside:
        figure.savefig(aside, dpi=150)


def _print_summary(maps, clusters) -> None:
    print(maps)
    print(f"{len(clusters)} clusters with a score of {clusters.meta['threshold']:g} or more")
    if len(clusters):
        shown = clusters["name", "score", "theta_c", "y_c", "flags"][:MAX_ROWS]
        for name, style in (("score", ".1f"), ("theta_c", ".2f"), ("y_c", ".2e")):
            shown[name].info.format = style
        print("\n".join(shown.pformat(max_lines=-1, max_width=-1)))
        if len(clusters) > MAX_ROWS:
            print(f"and {len(clusters) - MAX_ROWS} more")
