"""Weights of a network in the file format of Keras, at half the size.

Keras numbers the layers of a file by their class, so that the weights of two layers of one shape
could change places unnoticed. It also writes the names of the layers, and by those they are read.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szfinder.utils.files import replacing

if TYPE_CHECKING:
    import h5py
    import keras

__all__ = ["assign_weights", "layer_weights", "read_weights", "write_weights"]

#: The arrays of every layer that has any, by its name.
LayerWeights = Mapping[str, list[np.ndarray]]


def layer_weights(model: "keras.Model") -> LayerWeights:
    """The weights of a network by layer."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def assign_weights(model: "keras.Model", weights: LayerWeights) -> None:
    """Give a network its weights.

    Raises
    ------
    ValueError
        If the layers, or the shapes of their arrays, are not those of the network.
    """
    found = {name: [array.shape for array in arrays] for name, arrays in weights.items()}
    expected = {name: [a.shape for a in arrays] for name, arrays in layer_weights(model).items()}
    differing = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    if differing:
        name = differing[0]
        raise ValueError(
            f"{len(differing)} layers of the network {model.name!r} have other weights; layer "
            f"{name!r}: found {found.get(name, 'none')}, expected {expected.get(name, 'none')}"
        )
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)


def write_weights(path: Path, model: "keras.Model") -> None:
    """Write the weights of a network, kernels as float16, to a file that Keras can read.

    Biases and the moments of batch normalisation stay float32: they are few, and the variance of a
    map may leave the range of float16.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file; its name must end in ``.weights.h5``.
    model : keras.Model
        The network; one that is being trained would add the state of its optimiser.

    Raises
    ------
    ValueError
        If a weight is not finite, or too large for float16.
    """
    import h5py

    with replacing(path) as aside:
        full = aside.with_name(f"full.{path.name}")
        with warnings.catch_warnings():
            # of TensorFlow's variables under numpy 2, on the way through Keras
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            model.save_weights(full)
        with h5py.File(full) as source, h5py.File(aside, "w") as target:
            source.visititems(lambda name, item: _copy_halved(name, item, target))


def _copy_halved(name: str, item: "h5py.Group | h5py.Dataset", target: "h5py.File") -> None:
    if not hasattr(item, "dtype"):
        target.require_group(name).attrs.update(item.attrs)
        return
    values = item[()]
    with np.errstate(over="ignore"):
        stored = values.astype(np.float16 if values.ndim > 1 else np.float32)
    if not np.isfinite(stored).all():
        raise ValueError(
            f"the weights {name} (largest {np.abs(values).max():g}) are not finite as "
            f"{stored.dtype}; has the training diverged?"
        )
    target.create_dataset(name, data=stored)


def read_weights(path: Path) -> LayerWeights:
    """Read the weights of a network by layer, as float32, without Keras.

    Raises
    ------
    ValueError
        If the file is no weights file of Keras.
    """
    import h5py

    weights = {}

    def collect(_: str, item: "h5py.Group | h5py.Dataset") -> None:
        if "name" in item.attrs and len(item):
            arrays = (item[str(i)][()] for i in range(len(item)))
            weights[str(item.attrs["name"])] = [array.astype(np.float32) for array in arrays]

    try:
        with h5py.File(path) as file:
            file.visititems(collect)
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no weights file of Keras: {error}") from error
    return weights
