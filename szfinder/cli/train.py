"""``szfinder train``: trained weights for an instrument."""

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from szfinder.cli.maps import add_map_options, read_band_maps
from szfinder.cli.simulate import SKIES
from szfinder.cli.tables import read_table

__all__ = ["add_parser", "run"]

#: Options that need maps, and options that make no sense with them.
OBSERVED = ("instrument", "ivar", "unit", "catalogue", "test_end", "validation_end")
SIMULATED = ("sky", "skies", "size")

EPILOG = """\
examples:
  szfinder train cnn --preset deepsz-spt3g -o my-cnn
  szfinder train cnn --sky spt3g --recipe imbalance --width 64 -o spt3g-cnn
  szfinder train cnn --maps 95=f095.fits 150=f150.fits --instrument survey.yaml \\
      --catalogue clusters.ecsv --test-end 0.1 --validation-end 0.3 -o survey-cnn

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
    add = observed.add_argument
    add("--catalogue", metavar="FILE", help="the clusters in them")
    add("--test-end", type=float, metavar="FRACTION",
        help="where the part that is not looked at ends, as a fraction of the range of right "
        "ascension from the west (default: 0.13)")  # fmt: skip
    add("--validation-end", type=float, metavar="FRACTION",
        help="where the part to validate on ends, and the one to learn from begins "
        "(default: 0.2)")  # fmt: skip
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
    arguments = {"command": _command(options), "progress_bar": True}
    if options.maps:
        preset = train_cnn_on_maps(
            read_band_maps(options), read_table(options.catalogue), options.output,
            recipe=training.recipe, width=training.width, seed=training.seed,
            **_given(options, test="test_end", validation="validation_end"), **arguments,
        )  # fmt: skip
    else:
        preset = train_cnn(training, options.output, **arguments)
    for name, value in preset.card["scores"].items():
        print(f"{name:<30}{value:.4f}")
    print(f"wrote {options.output}/preset")


def _changed(training, options: argparse.Namespace):
    """The training of a preset with what the options change."""
    from szfinder.training import RECIPES

    changes = _given(options, sky="sky", width="width", n_skies="skies", size="size", seed="seed")
    if options.recipe or options.batches is not None:
        recipe = options.recipe or training.recipe.name
        length = {"modern": "n_batches", "imbalance": "max_batches"}[recipe]
        arguments = {} if options.batches is None else {length: options.batches}
        changes["recipe"] = RECIPES[recipe](**arguments)
    return replace(training, **changes)


def _given(options: argparse.Namespace, **names: str) -> dict:
    """Values of the options that were given, by the names of the arguments they are for."""
    values = {name: getattr(options, option) for name, option in names.items()}
    return {name: value for name, value in values.items() if value is not None}


def _check_combination(options: argparse.Namespace) -> None:
    """Refuse options that would have no effect, and maps without what goes with them."""
    for name in SIMULATED if options.maps else OBSERVED:
        if getattr(options, name) not in (None, []):
            flag = f"--{name.replace('_', '-')}"
            if options.maps:
                raise ValueError(f"{flag} has no effect with --maps: leave it out")
            raise ValueError(f"{flag} has no effect without --maps: leave it out, or give the maps")
    for name in ("instrument", "catalogue") if options.maps else ():
        if getattr(options, name) is None:
            raise ValueError(f"--maps needs --{name} too")


def _command(options: argparse.Namespace) -> str:
    """The command in full, with the names of its files but not their places, nor its output."""
    words = ["szfinder", "train", options.network]
    for name, value in vars(options).items():
        if name in ("command", "run", "network", "output") or value in (None, []):
            continue
        words.append(f"--{name.replace('_', '-')}")
        if name in ("maps", "ivar"):
            words += [f"{band}={Path(path).name}" for band, path in value]
        elif name in ("instrument", "catalogue"):
            words.append(Path(value).name)
        else:
            words.append(str(value))
    return shlex.join(words)
