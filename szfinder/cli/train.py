"""``szfinder train``: trained weights for an instrument."""

import argparse
import shlex
import sys
from dataclasses import replace

from szfinder.cli.maps import add_map_options, read_band_maps
from szfinder.cli.simulate import SKIES
from szfinder.cli.tables import read_table

__all__ = ["add_parser", "run"]

EPILOG = """\
examples:
  szfinder train cnn --preset deepsz-spt3g -o my-cnn
  szfinder train cnn --sky spt3g --recipe imbalance --width 64 -o spt3g-cnn
  szfinder train cnn --maps 95=f095.fits 150=f150.fits --instrument survey.yaml \\
      --catalogue clusters.ecsv -o survey-cnn

A training that was stopped goes on when the same command is given again.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "train",
        help="train a network on simulated skies, or on maps of your own",
        description="Train a network, calibrate it, and keep it as a preset.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("network", choices=["cnn"], help="the classifier of cutouts of Lin et al. (2021)")
    add("--preset", default="deepsz-spt3g",
        help="make the weights of this preset again; the options below change what differs "
        "(default: %(default)s)")  # fmt: skip
    add("--sky", help=f"the skies: {SKIES}")
    add("--recipe", choices=["modern", "imbalance"],
        help="AdamW with a cosine schedule, or the scheme of the paper")  # fmt: skip
    add("--batches", type=int, help="length of the training, or of a stage of it, in batches")
    add("--width", type=int, help="width of the network")
    add("--skies", type=int, help="skies to learn from")
    add("--size", type=float, metavar="DEG", help="side of the skies")
    add("--seed", type=int, help="seed of weights and batches")
    add("-o", "--output", metavar="FOLDER", required=True,
        help="holds skies, log, state and the preset")  # fmt: skip
    observed = parser.add_argument_group("maps of your own, in place of simulated skies")
    add_map_options(observed)
    observed.add_argument("--catalogue", metavar="FILE", help="the clusters in them")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the network is on what it was validated with."""
    from szfinder.training import CNN_TRAININGS, train_cnn, train_cnn_on_maps

    if options.preset not in CNN_TRAININGS:
        raise ValueError(
            f"unknown preset {options.preset!r}; there is {', '.join(CNN_TRAININGS)}: choose its "
            "skies with --sky"
        )
    training = _changed(CNN_TRAININGS[options.preset], options)
    arguments = {"command": _command(options.output), "progress_bar": True}
    if options.maps:
        maps, catalogue = _observed(options)
        training = replace(training, sky=", ".join(path for _, path in options.maps))
        preset = train_cnn_on_maps(maps, catalogue, options.output, training=training, **arguments)
    else:
        preset = train_cnn(training, options.output, **arguments)
    for name, value in preset.card["scores"].items():
        print(f"{name:<30}{value:.4f}")
    print(f"wrote {options.output}/preset")


def _changed(training, options: argparse.Namespace):
    """The training of a preset with what the options change."""
    from szfinder.training import RECIPES

    names = {"sky": "sky", "width": "width", "skies": "n_skies", "size": "size", "seed": "seed"}
    given = {name: getattr(options, option) for option, name in names.items()}
    changes = {name: value for name, value in given.items() if value is not None}
    if options.recipe or options.batches is not None:
        recipe = options.recipe or training.recipe.name
        length = {"modern": "n_batches", "imbalance": "max_batches"}[recipe]
        arguments = {} if options.batches is None else {length: options.batches}
        changes["recipe"] = RECIPES[recipe](**arguments)
    return replace(training, **changes)


def _observed(options: argparse.Namespace) -> tuple:
    """The maps and the catalogue that were given."""
    for name in ("instrument", "catalogue"):
        if getattr(options, name) is None:
            raise ValueError(f"--maps needs --{name} too")
    return read_band_maps(options), read_table(options.catalogue)


def _command(output: str) -> str:
    """The present command, without the place of its results."""
    words = [word for word in sys.argv[1:] if word not in ("-o", "--output", output)]
    return shlex.join(["szfinder", *words])
