"""``szfinder train mass``: trained weights of the network that weighs clusters."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from szfinder.cli.training import add_network, add_options, command_line, given, print_end

if TYPE_CHECKING:
    from szfinder.training import MassTraining

__all__ = ["add_parser", "run"]

#: Those of ``szfinder.training.MASS_TRAININGS``, here without importing them.
PRESETS = ("mass-spt3g", "mass-gupta2020")
EXAMPLES = """\
  szfinder train mass --preset mass-spt3g -o my-mass
  szfinder train mass --sky act-dr6 -o act-mass
  szfinder train mass --preset mass-gupta2020 --filters 64 128 256 512 -o gupta2020
"""


def add_parser(networks: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder train``."""
    parser = add_network(
        networks, "mass", help="the network of Gupta & Reichardt (2020) that weighs clusters",
        examples=EXAMPLES, preset="mass-spt3g", presets=PRESETS,
    )  # fmt: skip
    add_options(parser, "--sky", "--images", "--batches", "--filters", "--seed")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the network is on what it was validated with."""
    from szfinder.training import MASS_TRAININGS, train_mass

    training = _changed(MASS_TRAININGS[options.preset], options)
    preset = train_mass(training, options.output, command=command_line(options), progress_bar=True)
    print_end(preset, options.output)


def _changed(training: "MassTraining", options: argparse.Namespace) -> "MassTraining":
    """The training of a preset with what the options change."""
    from szfinder.training import GuptaRecipe

    changes = given(options, sky="sky", n_images="images", seed="seed")
    if options.images is not None and training.recipe.name == "gupta":
        epoch = max(1, options.images // training.recipe.batch_size)
        training = replace(training, recipe=GuptaRecipe(epoch=epoch))
    if options.batches is not None:
        changes["recipe"] = training.recipe.of_length(options.batches)
    network = {**training.network, **given(options, filters="filters")}
    return replace(training, network=network, **changes)
