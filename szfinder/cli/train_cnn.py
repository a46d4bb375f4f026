"""``szfinder train cnn``: trained weights of the classifier of cutouts."""

import argparse
from dataclasses import replace

from szfinder.cli.maps import add_map_options, read_band_maps
from szfinder.cli.tables import read_table
from szfinder.cli.training import (
    OBSERVED,
    add_network,
    add_options,
    command_line,
    given,
    print_end,
    refuse,
)

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  szfinder train cnn --preset deepsz-spt3g -o my-cnn
  szfinder train cnn --sky spt3g --recipe imbalance --width 64 -o spt3g-cnn
  szfinder train cnn --maps 95=f095.fits 150=f150.fits --instrument survey.yaml \\
      --catalogue clusters.ecsv --test-end 0.1 --validation-end 0.3 -o survey-cnn
"""


def add_parser(networks: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder train``."""
    parser = add_network(
        networks, "cnn", help="the classifier of cutouts of Lin et al. (2021)",
        examples=EXAMPLES, preset="deepsz-spt3g",
    )  # fmt: skip
    add_options(parser, "--sky")
    parser.add_argument(
        "--recipe",
        choices=["modern", "imbalance"],
        help="AdamW with a cosine schedule, or the scheme of the paper",
    )
    add_options(parser, "--batches")
    parser.add_argument("--width", type=int, help="width of the network")
    add_options(parser, "--skies", "--size", "--seed")
    observed = parser.add_argument_group("maps of your own, in place of simulated skies")
    add_map_options(observed)
    add_options(observed, "--catalogue", "--test-end", "--validation-end")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the network is on what it was validated with."""
    from szfinder.training import CNN_TRAININGS, train_cnn, train_cnn_on_maps

    if options.preset not in CNN_TRAININGS:
        raise ValueError(
            f"unknown preset {options.preset!r}; there is {', '.join(CNN_TRAININGS)}: choose its "
            "skies with --sky"
        )
    _check_combination(options)
    training = _changed(CNN_TRAININGS[options.preset], options)
    arguments = {"command": command_line(options), "progress_bar": True}
    if options.maps:
        preset = train_cnn_on_maps(
            read_band_maps(options), read_table(options.catalogue), options.output,
            recipe=training.recipe, width=training.width, seed=training.seed,
            **given(options, test="test_end", validation="validation_end"), **arguments,
        )  # fmt: skip
    else:
        preset = train_cnn(training, options.output, **arguments)
    print_end(preset, options.output)


def _changed(training, options: argparse.Namespace):
    """The training of a preset with what the options change."""
    from szfinder.training import RECIPES

    recipe = RECIPES[options.recipe]() if options.recipe else training.recipe
    if options.batches is not None:
        recipe = recipe.of_length(options.batches)
    changes = given(options, sky="sky", width="width", n_skies="skies", size="size", seed="seed")
    return replace(training, recipe=recipe, **changes)


def _check_combination(options: argparse.Namespace) -> None:
    """Refuse options that would have no effect, and maps without what goes with them."""
    if not options.maps:
        refuse(options, OBSERVED, "without --maps: leave it out, or give the maps")
        return
    refuse(options, ("sky", "skies", "size"), "with --maps: leave it out")
    for name in ("instrument", "catalogue"):
        if getattr(options, name) is None:
            raise ValueError(f"--maps needs --{name} too")
