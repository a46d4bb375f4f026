"""Images turned at random."""

import numpy as np

__all__ = ["turned"]


def turned(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Images (n, ny, nx, channels), ny = nx, turned by quarters and mirrored at random."""
    images = images.copy()
    turns, mirrored = rng.integers(4, size=len(images)), rng.random(len(images)) < 0.5
    for turn in range(4):
        images[turns == turn] = np.rot90(images[turns == turn], turn, axes=(1, 2))
    images[mirrored] = images[mirrored][:, :, ::-1]
    return images
