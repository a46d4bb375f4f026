"""``szfinder mass``: a catalogue and maps in, the catalogue with masses out."""

import argparse
from typing import TYPE_CHECKING

from szfinder.cli.finders import printed_warnings
from szfinder.cli.maps import add_map_options, read_flat_or_healpix
from szfinder.cli.numbers import positive
from szfinder.cli.outputs import CATALOGUES, check_output
from szfinder.cli.tables import read_table

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["add_parser", "run"]

EPILOG = """\
examples:
  szfinder mass clusters.ecsv 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      -o masses.ecsv
  szfinder mass clusters.ecsv 95=f095.fits 150=f150.fits 220=f220.fits --instrument spt3g \\
      --weights my-mass/preset --redshift 0.6 -o masses.fits
"""

#: Rows of the catalogue that are printed.
MAX_ROWS = 20
#: Columns that say which cluster it is; the first that there is is printed.
NAMES = ("name", "NAME", "id")
#: Unit in which masses are printed, in Msun.
UNIT = 1e14
#: Why a cluster has no mass, by the flag of it.
REASONS = {
    "edge": "too near the edge of the maps",
    "masked": "with bad pixels",
    "no_redshift": "without a known redshift, which the weights need",
    "outside": "beyond the range of the weights",
}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "mass",
        help="weigh the clusters of a catalogue",
        description="Read the masses of the clusters of a catalogue off maps of them, by a network "
        "(Gupta & Reichardt 2020).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("catalogue", metavar="CATALOGUE",
        help="table of clusters with sky_centroid, or ra and dec, and redshifts if there are "
        "any")  # fmt: skip
    add_map_options(parser, maps="maps", required=True, healpix=True)
    add("--weights", metavar="NAME_OR_FOLDER",
        help="trained weights: a preset of the package or the folder of your own "
        "(default: mass-spt3g)")  # fmt: skip
    add("--redshift", type=positive, metavar="Z",
        help="redshift of all clusters (default: that in the column redshift or z; a cluster "
        "without one may be at any)")  # fmt: skip
    add("-o", "--output", metavar="FILE", required=True,
        help="the catalogue with masses (.ecsv or .fits)")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read catalogue and maps, weigh the clusters, write them, and print the first."""
    from szfinder.finders.files import write_catalogue
    from szfinder.mass import MassEstimator

    check_output(options.output, CATALOGUES)
    clusters = read_table(options.catalogue)
    estimator = MassEstimator(options.weights) if options.weights else MassEstimator()
    maps = read_flat_or_healpix(options)
    with printed_warnings():
        weighed = estimator(maps, clusters, redshift=options.redshift, progress_bar=True)
    write_catalogue(weighed, options.output)
    print(maps)
    _print_summary(weighed, options.redshift)
    print(f"wrote {options.output}")


def _print_summary(weighed: "QTable", redshift: float | None) -> None:
    where = "" if redshift is None else f" at redshift {redshift:g}"
    print(f"{len(weighed)} clusters{where}, {_missing(weighed)}")
    if len(weighed):
        shown = _shown(weighed[:MAX_ROWS], with_redshift=redshift is None)
        print("\n".join(shown.pformat(max_lines=-1, max_width=-1)))
        if len(weighed) > MAX_ROWS:
            print(f"and {len(weighed) - MAX_ROWS} more")


def _missing(weighed: "QTable") -> str:
    """How many clusters have no mass, and why: each for the first reason that it has."""
    import numpy as np

    from szfinder.mass import MASS_FLAGS

    flags = np.asarray(weighed["mass_flags"])[np.isnan(weighed["m200c"])]
    text, counts = f"{flags.size or 'none'} without a mass", []
    for name, reason in REASONS.items():
        here = flags & MASS_FLAGS[name] > 0
        if here.any():
            counts.append(f"{here.sum()} {reason}")
        flags = flags[~here]
    return f"{text}: {', '.join(counts)}" if counts else text


def _shown(weighed: "QTable", *, with_redshift: bool) -> "QTable":
    """What is printed: which clusters, their redshifts and masses, and the flags in words."""
    from astropy.table import QTable
    from astropy.units import Msun, Unit

    from szfinder.finders.catalogue import flag_words
    from szfinder.mass import MASS_FLAGS
    from szfinder.mass.redshifts import NAMES as REDSHIFTS

    shown = QTable()
    for names in (NAMES, REDSHIFTS if with_redshift else ()):
        for name in [name for name in names if name in weighed.colnames][:1]:
            shown[name] = weighed[name]
            shown[name].info.format = ".3f" if name in REDSHIFTS else None
    for name in ("m200c", "m200c_err"):
        shown[name] = weighed[name].to(Unit(UNIT * Msun))
        shown[name].info.format = ".2f"
    shown["mass_flags"] = [flag_words(flags, MASS_FLAGS) for flags in weighed["mass_flags"]]
    return shown
