"""The finder that a command uses."""

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from szfinder.finders import SZFinder
    from szfinder.maps import HealpixStack, MapStack

__all__ = ["add_finder_options", "asked_finder", "finder_for", "printed_warnings"]

#: Ways of an ensemble, here without importing them.
METHODS = ("product", "and", "calibrated")


def add_finder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which finder is used, for `asked_finder`."""
    add = parser.add_argument
    add("--finder", choices=["ensemble", "matched-filter", "cnn", "unet"],
        help="how they are found (default: by the ensemble of the package for such maps, or by the "
        "matched filter if there is none)")  # fmt: skip
    add("--weights", metavar="NAME_OR_PATH",
        help="of an ensemble, one of the package or the file of your own; of a network, trained "
        "weights: a preset of the package or the folder of your own "
        "(default: deepsz-spt3g for the cnn, unet-spt3g for the unet)")  # fmt: skip
    add(
        "--method",
        choices=METHODS,
        help="how an ensemble combines its members: by the product of their ranks, where all meet "
        "their thresholds, or by the probability that was learned (default: calibrated)",
    )
    add("--threshold", type=float,
        help="least score (default: that of the highest F1 of an ensemble or a network where it "
        "was trained, S/N of 4.5 for the matched filter)")  # fmt: skip


def asked_finder(options: argparse.Namespace) -> "SZFinder | None":
    """The finder of the options of `add_finder_options`.

    None where it takes the maps to tell which: then `finder_for` tells it.

    Raises
    ------
    ValueError
        If an option would have no effect on the finder, or there are no such weights.
    """
    from szfinder.finders import CNNFinder, EnsembleFinder, MatchedFilterFinder, UNetSegmentFinder

    if options.method and options.finder not in ("ensemble", None):
        raise ValueError("--method is for --finder ensemble: leave it out")
    if options.weights and options.finder in ("matched-filter", None):
        raise ValueError(
            "--weights is for --finder ensemble, cnn or unet: leave it out, or say which"
        )
    threshold = {} if options.threshold is None else {"threshold": options.threshold}
    if options.finder == "matched-filter":
        return MatchedFilterFinder(**threshold)
    if options.finder in (networks := {"cnn": CNNFinder, "unet": UNetSegmentFinder}):
        weights = {"preset": options.weights} if options.weights else {}
        return networks[options.finder](**weights, **threshold)
    if options.weights:
        return EnsembleFinder.from_preset(options.weights, method=options.method, **threshold)
    return None


def finder_for(
    maps: "MapStack | HealpixStack",
    *,
    method: str | None = None,
    threshold: float | None = None,
    required: bool = False,
) -> "SZFinder":
    """The ensemble of the package for maps; without one the matched filter, and a line says so.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack` or `~szfinder.maps.HealpixStack`
        The maps.
    method, threshold
        Of the finder, if given.
    required : bool, optional
        Whether it must be an ensemble.

    Raises
    ------
    ValueError
        If it must be an ensemble, and there is none.
    """
    from szfinder.finders import EnsembleFinder, MatchedFilterFinder, ensemble_for
    from szfinder.maps import MapError

    options = {} if threshold is None else {"threshold": threshold}
    try:
        return EnsembleFinder.from_preset(ensemble_for(maps), method=method, **options)
    except MapError as error:
        if required:
            raise ValueError(
                f"{error}; give one with --finder ensemble --weights, or take another finder"
            ) from error
        if threshold is not None and threshold < 1:
            raise ValueError(
                f"{error}; and a threshold of {threshold:g} is none of the matched filter: say "
                "which finder is to be used with --finder"
            ) from error
        print(f"szfinder: the matched filter is used: {error}")
    return MatchedFilterFinder(**options)


@contextmanager
def printed_warnings() -> Iterator[None]:
    """What a finder warns of is printed once, as lines of the command."""
    from szfinder.finders import NoDetectionsWarning, UnlikeTrainingWarning

    with warnings.catch_warnings(record=True) as caught:
        for category in (NoDetectionsWarning, UnlikeTrainingWarning):
            warnings.simplefilter("always", category)
        try:
            yield
        finally:
            for message in dict.fromkeys(str(warning.message) for warning in caught):
                print(f"szfinder: {message}")
