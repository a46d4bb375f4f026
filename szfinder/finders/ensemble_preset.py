"""EnsemblePreset: the members of an ensemble and its calibration, in one file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from szfinder.finders.cnn import CNNFinder
from szfinder.finders.ensemble_calibration import EnsembleCalibration
from szfinder.finders.matched_filter import MatchedFilterFinder
from szfinder.finders.unet import UNetSegmentFinder
from szfinder.maps import HealpixStack, MapError, MapStack
from szfinder.models import Preprocessing, Preset
from szfinder.utils.files import replacing

if TYPE_CHECKING:
    from szfinder.finders.base import SZFinder

__all__ = ["EnsemblePreset", "available_ensembles", "ensemble_for", "make_members"]

#: The ensembles that come with the package, a file each.
BUNDLED = Path(__file__).parents[1] / "weights" / "ensembles"
KEYS = ("members", "calibration", "card")
#: Finders that a file may name.
KINDS = {finder.kind: finder for finder in (MatchedFilterFinder, CNNFinder, UNetSegmentFinder)}


def available_ensembles() -> list[str]:
    """Names of the ensembles that come with the package."""
    return sorted(path.stem for path in BUNDLED.glob("*.json"))


def ensemble_for(maps: MapStack | HealpixStack) -> str:
    """The ensemble of the package whose networks are for such maps.

    Parameters
    ----------
    maps : `~szfinder.maps.MapStack` or `~szfinder.maps.HealpixStack`
        The maps. Of a map stack bands, beams, pixels and least size must fit, of HEALPix maps the
        bands.

    Raises
    ------
    `~szfinder.maps.MapError`
        If there is none; it says what does not fit, where bands and beams do.

    Examples
    --------
    >>> from szfinder import EnsembleFinder, SkySimulator
    >>> from szfinder.finders import ensemble_for
    >>> sky = SkySimulator.from_preset("spt3g", size=1.5, rng=1).patch()
    >>> ensemble_for(sky.maps)
    'spt3g'
    """
    misfits = []
    for name in available_ensembles():
        members = EnsemblePreset.load(name).configuration.values()
        networks = [Preset.load(member["preset"]) for member in members if "preset" in member]
        inputs = [network.preprocessing for network in networks]
        if not inputs or not all(each.has_bands_of(maps) for each in inputs):
            continue
        try:
            if isinstance(maps, MapStack):
                for each in inputs:
                    _check(each, maps)
            return name
        except MapError as error:
            misfits.append(f"{name!r}: {error}")
    known = ", ".join(available_ensembles())
    why = "; ".join(misfits) or f"none has the bands and beams of {maps!r}"
    raise MapError(f"no ensemble of the package ({known}) is for these maps: {why}")


def _check(preprocessing: Preprocessing, maps: MapStack) -> None:
    """Refuse maps that a network cannot take."""
    preprocessing.match(maps)
    least = preprocessing.image_size
    if min(maps.shape) < least:
        raise MapError(f"maps of {maps.shape} pixels; expected {least} or more on a side")


def make_members(configuration: Mapping[str, Mapping[str, Any]]) -> "dict[str, SZFinder]":
    """Finders of a configuration.

    Parameters
    ----------
    configuration : mapping of str to mapping
        For each finder its ``kind``, ``matched_filter``, ``cnn`` or ``unet``, and its arguments.

    Raises
    ------
    ValueError
        If one is of no known kind, or has other arguments than that.
    """
    made = {}
    for name, values in configuration.items():
        try:
            arguments = dict(values)
            kind = arguments.pop("kind", None)
            if kind not in KINDS:
                raise ValueError(f"found the kind {kind!r}; expected one of {', '.join(KINDS)}")
            made[name] = KINDS[kind](**arguments)
        except (TypeError, ValueError) as error:
            raise ValueError(f"member {name!r}: {error}") from error
    return made


@dataclass(frozen=True, eq=False)
class EnsemblePreset:
    """An ensemble as it is kept: made by `~szfinder.training.train_ensemble`, or by `load`.

    Parameters
    ----------
    configuration : mapping of str to mapping
        The members, as for `make_members`.
    calibration : `EnsembleCalibration`
        What it has learned.
    card : mapping
        How it was trained: command, skies, date, scores.
    """

    configuration: Mapping[str, Mapping[str, Any]]
    calibration: EnsembleCalibration
    card: Mapping[str, Any]

    @classmethod
    def load(cls, name: str | os.PathLike) -> "EnsemblePreset":
        """Load an ensemble. Nothing in its file is run.

        Parameters
        ----------
        name : str or path-like
            One of `available_ensembles`, or a file.

        Raises
        ------
        ValueError
            If there is none, or it is damaged.
        """
        path = BUNDLED / f"{name}.json" if name in available_ensembles() else Path(name)
        if not path.is_file():
            known = ", ".join(available_ensembles()) or "none comes with this version"
            raise ValueError(
                f"unknown ensemble {os.fspath(name)!r}; expected one of those that come with the "
                f"package ({known}), or the path of a file"
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no json: {error}") from error
        if not isinstance(content, dict) or not isinstance(content.get("members"), dict):
            raise ValueError(f"{path} is no ensemble: it must hold a json object with members")
        missing = [key for key in KEYS if key not in content]
        if missing:
            raise ValueError(f"{path} is no ensemble: it lacks {', '.join(missing)}")
        try:
            calibration = EnsembleCalibration.from_dict(content["calibration"])
            return cls(content["members"], calibration, content["card"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    def save(self, path: str | os.PathLike) -> None:
        """Write the ensemble to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            Ending in ``.json``; its folder must exist.
        """
        content = {
            "members": self.configuration,
            "calibration": self.calibration.as_dict,
            "card": self.card,
        }
        with replacing(path) as aside:
            aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
