"""The networks by name, as ``config.json`` of a preset calls them."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

from szfinder.models.mresunet import build_mresunet
from szfinder.models.resnet import build_resnet
from szfinder.models.unet import build_unet

if TYPE_CHECKING:
    import keras

__all__ = ["ARCHITECTURES", "build_network"]

#: Name of an architecture and the function that builds it, untrained.
ARCHITECTURES: dict[str, Callable[..., "keras.Model"]] = {
    "mresunet": build_mresunet,
    "resnet": build_resnet,
    "unet": build_unet,
}


def build_network(architecture: str, arguments: Mapping[str, Any]) -> "keras.Model":
    """An untrained network.

    Parameters
    ----------
    architecture : str
        A name in ``ARCHITECTURES``.
    arguments : mapping
        Arguments of its builder by name.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If there is no such architecture, or it takes no such arguments.
    ImportError
        If Keras is not installed.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"unknown architecture {architecture!r}; expected one of {', '.join(ARCHITECTURES)}"
        )
    builder = ARCHITECTURES[architecture]
    try:
        signature(builder).bind(**arguments)
    except TypeError as error:
        raise ValueError(
            f"the architecture {architecture!r} does not take these arguments: {error}; "
            f"see {builder.__name__}"
        ) from error
    return builder(**arguments)
