"""Inference: images in, the network's answer out, in batches of one shape."""

from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

if TYPE_CHECKING:
    import keras

__all__ = ["predict"]


def predict(
    model: "keras.Model",
    images: np.ndarray,
    *,
    batch_size: int = 256,
    progress_bar: bool = False,
) -> np.ndarray:
    """The network's answer to every image.

    Parameters
    ----------
    model : keras.Model
        The network.
    images : `~numpy.ndarray`
        Shape (n, ny, nx, n_band), as the network takes them, finite.
    batch_size : int, optional
        Images that are computed at a time; it changes speed and memory, not the result.
    progress_bar : bool, optional
        Whether progress is shown.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, n_class), float32.

    Raises
    ------
    ValueError
        If the images do not fit the network, or are not finite.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more; found {batch_size}")
    images = _checked_images(model, images)
    # Every new shape of a batch is compiled anew, so that there are to be few of them: all batches
    # are filled up, and those of a short run are a power of two.
    size = min(batch_size, 1 << max(len(images) - 1, 0).bit_length())
    shape = model.compute_output_shape((size, *images.shape[1:]))
    answer = np.empty((len(images), *shape[1:]), np.float32)
    starts = range(0, len(images), size)
    for start in tqdm(starts, disable=not progress_bar, unit="batch"):
        batch = images[start : start + size]
        answer[start : start + size] = model.predict_on_batch(_filled_up(batch, size))[: len(batch)]
    return answer


def _checked_images(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    images = np.asarray(images, dtype=np.float32)
    expected = model.input_shape[1:]
    sides = images.shape[1:]
    if len(sides) != len(expected) or any(
        given not in (None, side) for given, side in zip(expected, sides)
    ):
        raise ValueError(
            f"the images do not fit the network; found shape {images.shape}, expected "
            f"(n, {', '.join(map(str, expected))}): n, ny, nx, n_band"
        )
    bad = len(images) - np.isfinite(images).all(axis=(1, 2, 3)).sum()
    if bad:
        # the maximum of a pooling layer may or may not pass a NaN on
        raise ValueError(
            f"{bad} of {len(images)} images hold values that are not finite; fill bad pixels first"
        )
    return images


def _filled_up(batch: np.ndarray, size: int) -> np.ndarray:
    return np.pad(batch, [(0, size - len(batch)), *[(0, 0)] * (batch.ndim - 1)])
