"""``szfinder train``: trained weights for an instrument."""

import argparse

from szfinder.cli import train_cnn, train_ensemble, train_mass, train_unet

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder``, and to it those of the networks."""
    parser = commands.add_parser(
        "train",
        help="train a network or an ensemble on simulated skies, or a network on maps of your own",
        description="Train a network or an ensemble, calibrate it, and keep it as a preset.",
    )
    networks = parser.add_subparsers(dest="network", required=True, metavar="NETWORK")
    train_cnn.add_parser(networks)
    train_unet.add_parser(networks)
    train_mass.add_parser(networks)
    train_ensemble.add_parser(networks)
