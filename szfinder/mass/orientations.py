"""The eight orientations of an image about its middle pixel, and what a network paints in all."""

from typing import TYPE_CHECKING

import numpy as np

from szfinder.models import predict

if TYPE_CHECKING:
    import keras

__all__ = ["ORIENTATIONS", "painted", "turned"]

#: Which of the two axes are reversed, and whether they are then swapped.
ORIENTATIONS = [
    (first, second, swapped)
    for swapped in (False, True)
    for second in (False, True)
    for first in (False, True)
]


def turned(
    images: np.ndarray,
    orientation: tuple[bool, bool, bool],
    *,
    axes: tuple[int, int] = (-2, -1),
    back: bool = False,
) -> np.ndarray:
    """Images mirrored and turned about the pixel (side // 2, side // 2), where a cluster is.

    Parameters
    ----------
    images : `~numpy.ndarray`
        Images, of any number of dimensions.
    orientation : tuple of bool
        One of ``ORIENTATIONS``.
    axes : tuple of int, optional
        Those of the pixels.
    back : bool, optional
        Undo it.

    Returns
    -------
    `~numpy.ndarray`
        Of the same shape.
    """
    *reversed_, swapped = orientation
    if swapped and back:
        images = images.swapaxes(*axes)
    for axis in np.compress(reversed_, axes):
        # of an even side the first pixel stays where it is
        images = np.roll(np.flip(images, axis), 1 - images.shape[axis] % 2, axis)
    return images.swapaxes(*axes) if swapped and not back else images


def painted(
    network: "keras.Model", images: np.ndarray, *, batch_size: int, progress_bar: bool = False
) -> np.ndarray:
    """What a network paints of images: the mean of what it does in all orientations.

    So it does not depend on how the sky is turned, and is a little better than that of one.

    Parameters
    ----------
    network : keras.Model
        The network.
    images : `~numpy.ndarray`
        Shape (n, side, side, n_plane).
    batch_size : int
        Images that the network takes at a time.
    progress_bar : bool, optional
        Show progress.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, side, side, n_map), float32.

    Raises
    ------
    ValueError
        If the images do not fit the network, or are not finite.
    """
    from tqdm import tqdm

    total = 0.0
    for orientation in tqdm(ORIENTATIONS, disable=not progress_bar, desc="orientations"):
        maps = predict(network, turned(images, orientation, axes=(1, 2)), batch_size=batch_size)
        total = total + turned(maps, orientation, axes=(1, 2), back=True)
    return total / len(ORIENTATIONS)
