"""The command ``szfinder``.

Each subcommand parses its arguments, calls the package and prints what came of it. Files of maps
and tables enter; catalogues, region files and pictures leave.
"""

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command-line arguments without the name of the program; by default those of the process.

    Returns
    -------
    int
        0, or 1 after an error that the user can mend, whose message goes to the standard error.
    """
    from szfinder import __version__
    from szfinder.cli import demo, evaluate, find, mass, simulate, train

    parser = argparse.ArgumentParser(
        prog="szfinder",
        description="Find galaxy clusters in millimetre maps through the thermal SZ effect.",
    )
    parser.add_argument("--version", action="version", version=f"szfinder {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    find.add_parser(commands)
    mass.add_parser(commands)
    evaluate.add_parser(commands)
    simulate.add_parser(commands)
    demo.add_parser(commands)
    train.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"szfinder: {error}", file=sys.stderr)
        return 1
    return 0
