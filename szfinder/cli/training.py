"""What the trainings of all networks have in common."""

import argparse
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from szfinder.cli.simulate import SKIES

__all__ = ["OBSERVED", "add_network", "add_options", "command_line", "given", "print_end",
           "refuse"]  # fmt: skip

#: Options of all networks that need maps of one's own.
OBSERVED = ("instrument", "ivar", "unit", "catalogue", "test_end", "validation_end")

#: Options, by what is typed.
OPTIONS: Mapping[str, dict[str, Any]] = {
    "--sky": {"help": f"the skies: {SKIES}"},
    "--batches": {
        "type": int, "help": "length of the training, or of a stage of it, in batches"
    },
    "--filters": {
        "type": int, "nargs": "+", "metavar": "N",
        "help": "channels of the network, from its finest level to its coarsest",
    },
    "--images": {"type": int, "help": "images of clusters to learn from"},
    "--skies": {"type": int, "help": "skies to learn from"},
    "--size": {"type": float, "metavar": "DEG", "help": "side of the skies"},
    "--seed": {"type": int, "help": "seed of weights and batches"},
    "--catalogue": {"metavar": "FILE", "help": "the clusters in them"},
    "--test-end": {
        "type": float, "metavar": "FRACTION",
        "help": "where the part that is not looked at ends, as a fraction of the range of right "
        "ascension from the west (default: 0.13)",
    },
    "--validation-end": {
        "type": float, "metavar": "FRACTION",
        "help": "where the part to validate on ends, and the one to learn from begins "
        "(default: 0.2)",
    },
}  # fmt: skip

EPILOG = """\
examples:
{examples}
A training that was stopped goes on when the same command is given again.
"""


def add_network(
    networks: argparse._SubParsersAction,
    name: str,
    *,
    help: str,
    examples: str,
    preset: str,
    presets: Sequence[str] | None = None,
) -> argparse.ArgumentParser:
    """Add the subcommand of a network, with its ``--preset`` and ``--output``.

    The preset is the default, of those that there are.
    """
    parser = networks.add_parser(
        name,
        help=help,
        description=f"Train {help}, calibrate it, and keep it as a preset.",
        epilog=EPILOG.format(examples=examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--preset", default=preset, choices=presets,
        help="make the weights of this preset again; the options below change what differs "
        "(default: %(default)s)")  # fmt: skip
    add("-o", "--output", metavar="FOLDER", required=True,
        help="holds what the training leaves, and what it goes on from")  # fmt: skip
    return parser


def add_options(parser: argparse._ActionsContainer, *names: str) -> None:
    """Add some of ``OPTIONS``."""
    for name in names:
        parser.add_argument(name, **OPTIONS[name])


def given(options: argparse.Namespace, **names: str) -> dict[str, Any]:
    """Values of the options that were given, by the names of the arguments they are for."""
    values = {name: getattr(options, option) for name, option in names.items()}
    return {name: value for name, value in values.items() if _is_given(value)}


def refuse(options: argparse.Namespace, names: Iterable[str], reason: str) -> None:
    """Refuse options that would have no effect."""
    for name in names:
        if _is_given(getattr(options, name)):
            raise ValueError(f"{_flag(name)} has no effect {reason}")


def command_line(options: argparse.Namespace) -> str:
    """The command in full, with the names of its files but not their places, nor its output."""
    words = ["szfinder", "train", options.network]
    for name, value in vars(options).items():
        if name not in ("command", "run", "network", "output") and _is_given(value):
            words += [_flag(name), *_words(name, value)]
    return shlex.join(words)


def print_end(preset, folder: str, *, name: str = "preset") -> None:
    """Say how good a preset is on what it was validated with, and where it is."""
    for score, value in preset.card["scores"].items():
        print(f"{score:<30}{value:.4f}")
    print(f"wrote {folder}/{name}")


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and value != []


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _words(name: str, value: Any) -> list[str]:
    """What follows an option."""
    if value is True:
        return []
    if name in ("maps", "ivar", "weights"):
        return [f"{key}={Path(path).name}" for key, path in value]
    if name in ("instrument", "catalogue"):
        return [Path(value).name]
    return [str(item) for item in (value if isinstance(value, list) else [value])]
