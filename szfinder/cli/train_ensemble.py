"""``szfinder train ensemble``: what an ensemble of finders learns from simulated skies."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from szfinder.cli.training import add_network, add_options, command_line, given, print_end

__all__ = ["add_parser", "run"]

#: Those of ``szfinder.training.ENSEMBLE_TRAININGS``, here without importing them.
PRESETS = ("spt3g", "planck", "deepsz")
EXAMPLES = """\
  szfinder train ensemble --preset spt3g -o my-ensemble
  szfinder train ensemble --preset spt3g --skies 4 --size 3 -o quick-ensemble
  szfinder train ensemble --preset spt3g --weights unet=my-unet/preset -o own-ensemble
"""


def add_parser(networks: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder train``."""
    parser = add_network(
        networks, "ensemble", help="an ensemble of finders, as of Lin et al. (2021)",
        examples=EXAMPLES, preset="spt3g", presets=PRESETS,
    )  # fmt: skip
    add_options(parser, "--skies", "--size")
    parser.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        type=_weights,
        metavar="MEMBER=NAME_OR_FOLDER",
        help="weights of a member other than those of the preset, such as unet=my-unet/preset",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the ensemble is on the skies that it learned from."""
    from szfinder.training import ENSEMBLE_TRAININGS, train_ensemble

    training = ENSEMBLE_TRAININGS[options.preset]
    training = replace(
        training,
        skies=replace(training.skies, **given(options, size="size")),
        members=_with_weights(training.members, options.weights or []),
        **given(options, n_skies="skies"),
    )
    preset = train_ensemble(
        training, options.output, command=command_line(options), progress_bar=True
    )
    print_end(preset, options.output, name="ensemble.json")


def _weights(text: str) -> tuple[str, str]:
    member, separator, preset = text.partition("=")
    if not (member and separator and preset):
        raise argparse.ArgumentTypeError(
            f"expected MEMBER=NAME_OR_FOLDER, such as unet=my-unet/preset; found {text!r}"
        )
    return member, preset


def _with_weights(
    members: Mapping[str, Mapping[str, Any]], weights: list[tuple[str, str]]
) -> dict[str, Mapping[str, Any]]:
    """The members with other weights."""
    members = dict(members)
    for name, preset in weights:
        networks = [member for member in members if "preset" in members[member]]
        if name not in networks:
            raise ValueError(
                f"--weights {name}={preset}: no network of the ensemble has this name; it has "
                f"{', '.join(networks)}"
            )
        members[name] = {**members[name], "preset": preset}
    return members
