"""The maps that a command reads."""

import argparse

__all__ = ["add_map_options", "read_band_maps", "read_flat_or_healpix"]


def add_map_options(
    parser: argparse._ActionsContainer,
    *,
    maps: str = "--maps",
    required: bool = False,
    healpix: bool = False,
) -> None:
    """Add the options that say which maps are read, for `read_band_maps`.

    With ``healpix`` there is the one for `read_flat_or_healpix` besides.
    """
    add = parser.add_argument
    add(maps, nargs="+", metavar="BAND=FILE", type=_assignment, help="the map of each band")
    add("--instrument", required=required, help="name of a preset, or path of a YAML file")
    add("--ivar", nargs="+", metavar="BAND=FILE", type=_assignment, default=[],
        help="the inverse-variance map of each band")  # fmt: skip
    add("--unit", help="unit of the maps, where their headers do not say")
    if healpix:
        add("--healpix", action="store_true",
            help="the maps are HEALPix maps, of the whole sphere or a part of it")  # fmt: skip


def read_band_maps(options: argparse.Namespace):
    """The map stack of the options of `add_map_options`."""
    from szfinder.maps import read_maps

    return read_maps(
        _mapping(options.maps),
        instrument=options.instrument,
        ivar=_mapping(options.ivar) or None,
        unit=options.unit,
    )


def read_flat_or_healpix(options: argparse.Namespace):
    """The maps of the options of `add_map_options`, left on the sphere with ``--healpix``."""
    from szfinder.maps import read_healpix

    if not options.healpix:
        return read_band_maps(options)
    if options.ivar:
        raise ValueError("--ivar is for flat maps: leave it out with --healpix")
    return read_healpix(_mapping(options.maps), instrument=options.instrument, unit=options.unit)


def _assignment(text: str) -> tuple[str, str]:
    band, separator, path = text.partition("=")
    if not (band and separator and path):
        raise argparse.ArgumentTypeError(
            f"expected BAND=FILE, such as 150=map.fits; found {text!r}"
        )
    return band, path


def _mapping(pairs: list[tuple[str, str]]) -> dict[str, str]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        bands = [band for band, _ in pairs]
        twice = next(band for band in bands if bands.count(band) > 1)
        raise ValueError(f"band {twice} is given more than once; give one file for each band")
    return mapping
