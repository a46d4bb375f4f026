"""``szfinder demo``: a mock sky, its clusters, and a report on how many were found."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from szfinder.cli.finders import finder_for, printed_warnings
from szfinder.cli.simulate import add_sky_options, make_sky

if TYPE_CHECKING:
    from astropy.table import QTable

    from szfinder.maps import MapStack

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Make a mock sky, find its clusters, compare them with the truth, and leave the catalogue, its
regions, the halos and a report in one folder. They are found by the ensemble of the package for
such maps, or by the matched filter if there is none, and weighed if the package has a network for
such maps.
"""
#: The preset of the package by which clusters are weighed in maps that it fits.
MASS_PRESET = "mass-spt3g"
#: M200c in Msun of the lightest halo that is written.
LEAST_MASS = 5e13
#: Formats of the columns that are printed, other than ``.3f``.
FORMATS = {"score": ".3g", "detections": "d"}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "demo",
        help="find the clusters of a mock sky and write a report",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_sky_options(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FOLDER", default="szfinder-demo",
        help="a new folder (default: %(default)s)")  # fmt: skip
    add("--overwrite", action="store_true", help="replace a folder that is not empty")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Make the sky, find the clusters, compare, and write everything at once."""
    from szfinder.finders.files import write_catalogue, write_regions
    from szfinder.report import score_table, write_report
    from szfinder.utils.files import replacing_folder

    with replacing_folder(options.output, overwrite=options.overwrite) as folder:
        sky = make_sky(options)
        print(sky.maps)
        finder = finder_for(sky.maps)
        print(f"searching with {type(finder).__name__} ...")
        with printed_warnings():
            score_map = finder.score_map(sky.maps)
            clusters = _weighed(finder.detect(score_map), sky.maps)
        print(f"{len(clusters)} detections{_masses(clusters)}; writing the report ...")
        write_catalogue(clusters, folder / "catalogue.ecsv")
        write_regions(clusters, folder / "catalogue.reg")
        heavy = sky.truth["m200c"].value > LEAST_MASS
        sky.truth[heavy].write(folder / "truth.ecsv")
        write_report(folder / "report.html", sky, score_map, clusters, seed=options.seed)
        table = score_table(sky, clusters)
    for name in table.colnames:
        table[name].info.format = FORMATS.get(name, ".3f")
    print("\n".join(table.pformat(max_width=-1)))
    for name in ("catalogue.ecsv", "catalogue.reg", "truth.ecsv", "report.html"):
        print(f"wrote {Path(options.output) / name}")


def _masses(clusters: "QTable") -> str:
    """How many clusters have a mass, if they were weighed."""
    import numpy as np

    if "m200c" not in clusters.colnames:
        return ""
    return f", {np.isfinite(clusters['m200c']).sum()} of them with a mass"


def _weighed(clusters: "QTable", maps: "MapStack") -> "QTable":
    """The catalogue with masses of any redshift, if the package has a network for such maps."""
    from szfinder.maps import MapError
    from szfinder.mass import MassEstimator
    from szfinder.models import Preset, available_presets

    if not len(clusters) or MASS_PRESET not in available_presets():
        return clusters
    preset = Preset.load(MASS_PRESET)
    try:
        preset.check_maps(maps)
    except MapError:
        return clusters
    return MassEstimator(preset)(maps, clusters)
