"""``szfinder find``: maps in, catalogue out."""

import argparse

from szfinder.cli.finders import add_finder_options, asked_finder, finder_for, printed_warnings
from szfinder.cli.maps import add_map_options, read_flat_or_healpix
from szfinder.cli.outputs import CATALOGUES, check_output

__all__ = ["add_parser", "run"]

EPILOG = """\
examples:
  szfinder find 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      -o clusters.ecsv --regions clusters.reg --plot clusters.png
  szfinder find 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      --finder ensemble --weights my-ensemble/ensemble.json --method and -o clusters.ecsv
  szfinder find 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      --finder matched-filter --threshold 5 -o clusters.ecsv
  szfinder find 100=hfi_100.fits 143=hfi_143.fits 217=hfi_217.fits 353=hfi_353.fits \\
      545=hfi_545.fits 857=hfi_857.fits --instrument planck-hfi --healpix \\
      --finder unet --weights unet-planck --parallel 4 -o clusters.ecsv
"""

#: Rows of the catalogue that are printed.
MAX_ROWS = 20
#: Their columns, where the finder has them, and how their numbers look.
SHOWN = {"name": None, "score": ".3g", "probability": ".3f", "snr": ".1f", "theta_c": ".2f",
         "y_c": ".2e", "flags": None}  # fmt: skip
#: Characters in a line, as long as which the scores of the members of an ensemble are shown too.
MAX_WIDTH = 100


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "find",
        help="find clusters in maps",
        description="Find galaxy clusters in maps and write a catalogue.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_map_options(parser, maps="maps", required=True, healpix=True)
    add_finder_options(parser)
    add = parser.add_argument
    add("--block-size", type=int, metavar="N",
        help="search the maps in tiles of N pixels on a side")  # fmt: skip
    add("--parallel", type=int, metavar="N", help="search N tiles at the same time")
    add("-o", "--output", metavar="FILE", help="catalogue (.ecsv or .fits)")
    add("--regions", metavar="FILE", help="ds9 region file (.reg)")
    add("--plot", metavar="FILE", help="picture of the score map (.png, .pdf)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the maps, find the clusters, write what was asked for, and print the brightest."""
    from szfinder.finders.files import write_catalogue, write_regions

    _check_outputs(options)
    finder = asked_finder(options)
    maps = read_flat_or_healpix(options)
    if finder is None:
        finder = finder_for(
            maps,
            method=options.method,
            threshold=options.threshold,
            required=options.finder is not None or options.method is not None,
        )
    with printed_warnings():
        if options.plot:
            score_map = finder.score_map(maps)
            clusters = finder.detect(score_map)
        else:
            clusters = finder.find_clusters(maps, progress_bar=True, **_tiles(options))
    if options.output:
        write_catalogue(clusters, options.output)
    if options.regions:
        write_regions(clusters, options.regions)
    if options.plot:
        _write_plot(score_map, clusters, options.plot)
    _print_summary(maps, clusters)
    for path in filter(None, (options.output, options.regions, options.plot)):
        print(f"wrote {path}")


def _tiles(options: argparse.Namespace) -> dict:
    """How the maps are to be cut, and by how many threads the tiles searched."""
    tiles = {}
    if options.block_size is not None:
        tiles["block_size"] = (options.block_size, options.block_size)
    if options.parallel is not None:
        tiles["parallel"] = options.parallel
    return tiles


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse, before the work is done, what could not be written after it."""
    for path, endings in (
        (options.output, CATALOGUES),
        (options.regions, (".reg",)),
        (options.plot, (".png", ".pdf", ".svg")),
    ):
        if path:
            check_output(path, endings)
    for name in ("block_size", "parallel", "healpix") if options.plot else ():
        if getattr(options, name) not in (None, False):
            raise ValueError(
                f"--plot shows the score map of maps that are searched as one: leave out --plot or "
                f"--{name.replace('_', '-')}"
            )


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
        shown = _shown(clusters[:MAX_ROWS])
        print("\n".join(shown.pformat(max_lines=-1, max_width=-1)))
        if len(clusters) > MAX_ROWS:
            print(f"and {len(clusters) - MAX_ROWS} more")


def _shown(clusters):
    """What is printed of a catalogue: with the members' scores, as far as there is room."""
    members = [name for name in clusters.colnames if name.startswith("score_")]
    names = [name for name in SHOWN if name in clusters.colnames]
    for name in clusters.colnames:
        clusters[name].info.format = SHOWN.get(name, ".3g" if name in members else None)
    for member in members:
        wider = [*names, member]
        if len(clusters[wider].pformat(max_lines=-1, max_width=-1)[0]) <= MAX_WIDTH:
            names = wider
    return clusters[names]
