"""``szfinder simulate``: a mock sky with its truth."""

import argparse

__all__ = ["add_parser", "add_sky_options", "make_sky", "run"]

#: The presets, here without importing them.
SKIES = "deepsz, spt3g, act-dr6, planck-hfi, planck-training or gupta2020"
EPILOG = """\
example:
  szfinder simulate --preset spt3g --size 5 --seed 1 -o sky
  szfinder find 95=sky/95.fits 150=sky/150.fits 220=sky/220.fits \\
      --instrument sky/instrument.yaml -o clusters.ecsv
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "simulate",
        help="make a mock sky with its truth",
        description="Write the maps of a mock sky (FITS), its instrument and beams, and its halos.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_sky_options(parser)
    add = parser.add_argument
    add("--nside", type=int, help="make the whole sphere, in HEALPix pixels, in place of a patch")
    add("-o", "--output", metavar="FOLDER", required=True, help="a new folder")
    add("--overwrite", action="store_true", help="replace a folder that is not empty")
    parser.set_defaults(run=run)


def add_sky_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which sky is made."""
    add = parser.add_argument
    add("--preset", default="spt3g", help=f"the sky: {SKIES} (default: %(default)s)")
    add("--size", type=float, metavar="DEG", help="side of the patch (default: of the preset)")
    add("--seed", type=int, default=0, help="seed of the random numbers (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Make the sky, write it, and say what is in it."""
    if options.nside is not None and options.size is not None:
        raise ValueError("--size is the side of a patch; leave it out with --nside")
    sky = make_sky(options, nside=options.nside)
    sky.write(options.output, overwrite=options.overwrite)
    print(f"wrote maps, instrument and {len(sky.truth)} halos to {options.output}")


def make_sky(options: argparse.Namespace, *, nside: int | None = None):
    """The sky that the options ask for, with a progress bar."""
    from szfinder.simulation import SkySimulator

    simulator = SkySimulator.from_preset(options.preset, size=options.size, rng=options.seed)
    if nside is not None:
        return simulator.healpix(nside, progress_bar=True)
    return simulator.patch(progress_bar=True)
