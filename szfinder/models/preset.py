"""Preset: a folder of trained weights with all that is needed to use them.

====================  ==========================================================================
``config.json``       architecture and its arguments
``model.weights.h5``  weights, kernels as float16
``preprocess.json``   instrument, bands, beams, pixel size, scale; see `Preprocessing`
``calibration.json``  Platt coefficients, thresholds, quantiles of the score on a reference sky; or
                      how masses stand in the answer, and between which they hold
``card.json``         how trained: command, seed, recipe of the data, date, scores on the skies it
                      was validated on; and sha256 and number of the weights
====================  ==========================================================================
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from szfinder.maps import MapError, MapStack
from szfinder.models.architectures import build_network
from szfinder.models.preprocessing import Preprocessing
from szfinder.models.preset_calibration import check_calibration, require
from szfinder.models.weights import (
    LayerWeights,
    assign_weights,
    layer_weights,
    read_weights,
    write_weights,
)
from szfinder.utils.files import replacing_folder

if TYPE_CHECKING:
    import keras

__all__ = ["Preset", "available_presets"]

#: The presets that come with the package, a folder each.
BUNDLED = Path(__file__).parents[1] / "weights"
WEIGHTS = "model.weights.h5"
CARD_KEYS = ("command", "seed", "data", "date", "scores")
WEIGHTS_KEYS = ("sha256", "n_parameters")


def available_presets() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/config.json"))


@dataclass(frozen=True, eq=False)
class Preset:
    """A trained network and how to use it; made by `from_model` or `load`.

    Parameters
    ----------
    name : str
        Name, which is that of its folder.
    architecture : str
        Name of the network in ``ARCHITECTURES``.
    arguments : mapping
        Arguments of its builder.
    weights : mapping
        Arrays of each layer by its name.
    preprocessing : Preprocessing
        What it expects of its maps.
    calibration : mapping
        Of a finder it has ``platt``, with ``slope`` and ``intercept``; ``thresholds``, with that of
        the highest ``f1``; and ``score_quantiles``, quantiles of the score by the part of cutouts
        below. Of a network that weighs clusters (``mresunet``), ``answer``, how a mass stands in
        its maps; the ranges ``masses`` and ``redshifts`` in which it holds; ``redshift_input``,
        mean and width of ln(1 + z), or null if the network is not told it; and ``roughness`` of the
        maps of the training, band by band, in uK_CMB.
    card : mapping
        Has ``command``, ``seed``, ``data``, ``date`` and ``scores``; of a preset from a file also
        ``sha256`` and ``n_parameters``.

    Raises
    ------
    ValueError
        If the calibration or the card lacks an entry, or no calibration can be what it holds.
    """

    name: str
    architecture: str
    arguments: Mapping[str, Any]
    weights: LayerWeights
    preprocessing: Preprocessing
    calibration: Mapping[str, Any]
    card: Mapping[str, Any]

    def __post_init__(self) -> None:
        where = f"the calibration of preset {self.name!r}"
        check_calibration(self.calibration, where, architecture=self.architecture)
        require(self.card, CARD_KEYS, f"the card of preset {self.name!r}")

    def __repr__(self) -> str:
        bands = ", ".join(self.preprocessing.bands)
        return f"<Preset {self.name!r}: {self.architecture}, bands {bands}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "network"}

    @classmethod
    def from_model(cls, model: "keras.Model", **properties: Any) -> "Preset":
        """Preset of a trained network; the properties are those of `Preset`, less the weights."""
        return cls(weights=layer_weights(model), **properties)

    @classmethod
    def load(cls, name: str | os.PathLike) -> "Preset":
        """Load a preset. Nothing in its folder is run or unpickled, and Keras is not imported.

        Parameters
        ----------
        name : str or path-like
            One of `available_presets`, or the path of a folder.

        Raises
        ------
        ValueError
            If there is no such preset, a file is missing or lacks an entry, or the weights are not
            those of the card.
        """
        folder = _folder(name)
        config = _read_json(folder / "config.json", ("architecture", "arguments"))
        calibration = _read_json(folder / "calibration.json", ())
        check_calibration(
            calibration, folder / "calibration.json", architecture=config["architecture"]
        )
        card = _read_json(folder / "card.json", (*CARD_KEYS, *WEIGHTS_KEYS))
        return cls(
            name=folder.name,
            architecture=config["architecture"],
            arguments=config["arguments"],
            weights=_checked_weights(folder / WEIGHTS, card),
            preprocessing=_preprocessing(folder / "preprocess.json"),
            calibration=calibration,
            card=card,
        )

    def save(self, folder: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Save the preset; it is there whole, or not at all.

        Parameters
        ----------
        folder : path-like
            The folder; the one it is in must exist.
        overwrite : bool, optional
            Whether a folder that is not empty is replaced.

        Raises
        ------
        FileExistsError, FileNotFoundError
            See ``overwrite``; if there is no folder to save it in.
        ValueError
            If the weights do not fit the network, or are not finite.
        """
        model = self.build_model()
        with replacing_folder(folder, overwrite=overwrite) as aside:
            write_weights(aside / WEIGHTS, model)
            sha256 = _sha256(aside / WEIGHTS)
            contents = {
                "config.json": {"architecture": self.architecture, "arguments": self.arguments},
                "preprocess.json": self.preprocessing.as_dict,
                "calibration.json": self.calibration,
                "card.json": {**self.card, "sha256": sha256, "n_parameters": model.count_params()},
            }
            for file, content in contents.items():
                (aside / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def build_model(self) -> "keras.Model":
        """The network with its weights, not compiled.

        Raises
        ------
        ValueError
            If there is no such architecture, or the weights are those of another network.
        ImportError
            If Keras is not installed.
        """
        model = build_network(self.architecture, self.arguments)
        try:
            assign_weights(model, self.weights)
        except ValueError as error:
            raise ValueError(
                f"preset {self.name!r}: {error}; config.json and {WEIGHTS} do not belong together"
            ) from error
        return model

    @cached_property
    def network(self) -> "keras.Model":
        """The network for inference: built once, so that it is compiled once; see `build_model`."""
        return self.build_model()

    def check_maps(self, maps: MapStack) -> tuple[int, ...]:
        """The planes of the maps that the network takes, in its order.

        See `Preprocessing.match`.

        Raises
        ------
        `~szfinder.maps.MapError`
            If bands, beams or pixel size do not fit; it says what differs, and which other preset
            of the package has the bands, if one does.
        """
        try:
            return self.preprocessing.match(maps)
        except MapError as error:
            others = [name for name in _with_bands_of(maps, self.architecture) if name != self.name]
            advice = f"; or take the preset {' or '.join(others)}" if others else ""
            raise MapError(f"preset {self.name!r}: {error}{advice}") from error


def _with_bands_of(maps: MapStack, architecture: str) -> list[str]:
    """Presets of the package with a network of a kind for the bands of the maps."""
    return [
        name
        for name in available_presets()
        if _read_json(BUNDLED / name / "config.json", ("architecture",))["architecture"]
        == architecture
        and _preprocessing(BUNDLED / name / "preprocess.json").has_bands_of(maps)
    ]


def _folder(name: str | os.PathLike) -> Path:
    if name in available_presets():
        return BUNDLED / name
    if not Path(name).is_dir():
        known = ", ".join(available_presets()) or "none comes with this version"
        raise ValueError(
            f"unknown preset {os.fspath(name)!r}; expected one of those that come with the package "
            f"({known}), or the path of a folder"
        )
    return Path(name).resolve()


def _read_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is no preset: it has no {path.name}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no json: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a json object; found {type(content).__name__}")
    require(content, keys, path)
    return content


def _preprocessing(path: Path) -> Preprocessing:
    content = _read_json(path, ())
    try:
        return Preprocessing(**content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _checked_weights(path: Path, card: Mapping[str, Any]) -> LayerWeights:
    if not path.is_file():
        raise ValueError(f"{path.parent} is no preset: it has no {path.name}")
    sha256 = _sha256(path)
    if sha256 != card["sha256"]:
        raise ValueError(
            f"{path} is not the file that card.json describes; found sha256 {sha256}, expected "
            f"{card['sha256']}; get the preset anew"
        )
    weights = read_weights(path)
    n_parameters = sum(array.size for arrays in weights.values() for array in arrays)
    if n_parameters != card["n_parameters"]:
        raise ValueError(
            f"{path} holds {n_parameters} parameters, and card.json says {card['n_parameters']}"
        )
    return weights


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
