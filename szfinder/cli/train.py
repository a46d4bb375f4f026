"""``szfinder train``: trained weights for an instrument."""

import argparse

from szfinder.cli.simulate import SKIES

__all__ = ["add_parser", "run"]

EPILOG = """\
example:
  szfinder train cnn --preset deepsz -o deepsz-cnn
  szfinder train cnn --preset spt3g --recipe imbalance --width 64 -o spt3g-cnn

A training that was stopped goes on when the same command is given again.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``."""
    parser = commands.add_parser(
        "train",
        help="train a network on simulated skies",
        description="Train a network on simulated skies, calibrate it, and keep it as a preset.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("network", choices=["cnn"], help="the classifier of cutouts of Lin et al. (2021)")
    add("--preset", default="deepsz", help=f"the skies: {SKIES} (default: %(default)s)")
    add("--recipe", choices=["modern", "imbalance"], default="modern",
        help="AdamW with a cosine schedule, or the scheme of the paper")  # fmt: skip
    add("--batches", type=int, help="length of the training, or of a stage of it, in batches")
    add("--width", type=int, default=16, help="width of the network (default: %(default)s)")
    add("--skies", type=int, default=12, help="skies to learn from (default: %(default)s)")
    add("--size", type=float, metavar="DEG", help="side of the skies (default: of the preset)")
    add("--seed", type=int, default=1, help="seed of weights and batches (default: %(default)s)")
    add("-o", "--output", metavar="FOLDER", required=True,
        help="holds skies, log, state and the preset")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the network is on the validation skies."""
    from szfinder.training import RECIPES, train_cnn

    length = {"modern": "n_batches", "imbalance": "max_batches"}[options.recipe]
    arguments = {} if options.batches is None else {length: options.batches}
    preset = train_cnn(
        options.preset,
        options.output,
        recipe=RECIPES[options.recipe](**arguments),
        width=options.width,
        n_skies=options.skies,
        size=options.size,
        seed=options.seed,
        progress_bar=True,
    )
    for name, value in preset.card["scores"].items():
        print(f"{name:<30}{value:.4f}")
    print(f"wrote {options.output}/preset")
