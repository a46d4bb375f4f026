"""``szfinder train unet``: trained weights of the U-Net that paints where the clusters are."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from szfinder.cli.maps import add_map_options, read_band_maps, read_flat_or_healpix
from szfinder.cli.numbers import positive
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

if TYPE_CHECKING:
    import numpy as np

    from szfinder.training import Skies, UNetTraining

__all__ = ["add_parser", "run"]

#: Those of ``szfinder.training.UNET_TRAININGS``, here without importing them.
PRESETS = ("unet-planck", "unet-spt3g", "bonjean2020")
#: Arcmin around known clusters within which maps are not measured or learned from.
MASK_RADIUS = 15.0
EXAMPLES = """\
  szfinder train unet --preset unet-spt3g -o my-unet
  szfinder train unet --maps 95=f095.fits 150=f150.fits --instrument survey.yaml \\
      --catalogue clusters.ecsv -o survey-unet
  szfinder train unet --maps 95=f095.fits 150=f150.fits --instrument survey.yaml \\
      --inject --catalogue clusters.ecsv -o survey-unet
  szfinder train unet --preset bonjean2020 --maps 100=hfi_100.fits 143=hfi_143.fits \\
      217=hfi_217.fits --instrument planck-hfi --healpix --catalogue PSZ2.fits -o planck-unet
"""


def add_parser(networks: argparse._SubParsersAction) -> None:
    """Add the subcommand to those of ``szfinder train``."""
    parser = add_network(
        networks, "unet", help="the U-Net of Bonjean (2020)",
        examples=EXAMPLES, preset="unet-spt3g", presets=PRESETS,
    )  # fmt: skip
    add_options(parser, "--sky", "--batches", "--filters", "--skies", "--size", "--seed")
    observed = parser.add_argument_group(
        "maps of your own, in place of simulated skies",
        "The network learns from the clusters of --catalogue or, with --surrogates or --inject,\n"
        "from simulated ones; the catalogue then says which clusters are known.",
    )
    add_map_options(observed, healpix=True)
    add_options(observed, "--catalogue", "--test-end", "--validation-end")
    add = observed.add_argument
    add("--surrogates", action="store_true",
        help="learn from simulated skies with the power of the maps, and many clusters and strong "
        "dust besides")  # fmt: skip
    add("--sources", choices=["counts", "own"],
        help="whether the bright sources of these skies are drawn from number counts, as they must "
        "be if clusters are then looked for in the same maps, or are those of the maps, put down "
        "elsewhere (default: counts)")  # fmt: skip
    add("--inject", action="store_true",
        help="learn from the maps with simulated clusters put into them")  # fmt: skip
    add("--mask-radius", type=positive, metavar="ARCMIN",
        help="how far around known clusters the maps are not used for these two "
        f"(default: {MASK_RADIUS:g})")  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say how good the network is on what it was validated with."""
    from szfinder.training import UNET_TRAININGS, train_unet, train_unet_on_maps

    _check_combination(options)
    training = _changed(UNET_TRAININGS[options.preset], options)
    arguments = {"command": command_line(options), "progress_bar": True}
    if options.maps and not _simulated(options):
        preset = train_unet_on_maps(
            read_flat_or_healpix(options), read_table(options.catalogue), options.output,
            training=training, **given(options, test="test_end", validation="validation_end"),
            **arguments,
        )  # fmt: skip
    else:
        training = replace(training, skies=_skies(training, options))
        preset = train_unet(training, options.output, **arguments)
    print_end(preset, options.output)


def _changed(training: "UNetTraining", options: argparse.Namespace) -> "UNetTraining":
    """The training of a preset with what the options change, less its skies."""
    changes = given(options, n_skies="skies", seed="seed")
    if options.batches is not None:
        changes["recipe"] = training.recipe.of_length(options.batches)
    return replace(
        training, network={**training.network, **given(options, filters="filters")}, **changes
    )


def _skies(training: "UNetTraining", options: argparse.Namespace) -> "Skies":
    """The skies to learn from: those of the preset, others, or made from maps."""
    from szfinder.training import InjectedSkies, SurrogateSkies

    if not options.maps:
        return replace(training.skies, **given(options, preset="sky", size="size"))
    maps = read_band_maps(options)
    mask = _around_known(maps, options)
    if options.surrogates:
        return SurrogateSkies(maps, mask, options.sources or "counts")
    return InjectedSkies(maps, mask)


def _around_known(maps, options: argparse.Namespace) -> "np.ndarray | None":
    """Pixels around known clusters: True within the radius."""
    import astropy.units as u

    from szfinder.training import disc_map
    from szfinder.training.positions import known_positions

    if options.catalogue is None:
        return None
    diameter = 2 * (options.mask_radius or MASK_RADIUS) * u.arcmin
    positions = known_positions(read_table(options.catalogue))
    return disc_map(positions, maps.wcs, maps.shape, diameter=diameter) > 0


def _simulated(options: argparse.Namespace) -> str:
    """The option by which the clusters in maps are simulated; empty if they are not."""
    return "--surrogates" if options.surrogates else "--inject" if options.inject else ""


def _check_combination(options: argparse.Namespace) -> None:
    """Refuse options that would have no effect, and maps without what goes with them."""
    if not options.maps:
        names = (*OBSERVED, "healpix", "surrogates", "inject", "mask_radius", "sources")
        refuse(options, names, "without --maps: leave it out, or give the maps")
        return
    refuse(options, ("sky", "size"), "with --maps: leave it out")
    if options.instrument is None:
        raise ValueError("--maps needs --instrument too")
    if not options.surrogates:
        refuse(options, ("sources",), "without --surrogates: leave it out")
    if _simulated(options):
        _check_simulated(options)
    elif options.catalogue is None:
        raise ValueError("--maps needs --catalogue, --surrogates or --inject too")
    else:
        names = ("skies", "mask_radius")
        refuse(options, names, "with --maps unless --surrogates or --inject is given: leave it out")
        if options.healpix:
            refuse(options, ("test_end", "validation_end"), "with --healpix: leave it out")


def _check_simulated(options: argparse.Namespace) -> None:
    """Refuse what does not go with simulated clusters in maps."""
    if options.surrogates and options.inject:
        raise ValueError("--surrogates and --inject are two ways: give one of them")
    chosen = _simulated(options)
    if options.healpix:
        raise ValueError(f"{chosen} takes flat maps: leave out --healpix, and give images")
    refuse(options, ("test_end", "validation_end"), f"with {chosen}: leave it out")
    if options.catalogue is None:
        refuse(options, ("mask_radius",), "without --catalogue: leave it out, or give the clusters")
