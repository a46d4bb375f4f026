"""Exact zeros: how SPT and ACT write pixels that were not observed."""

import numpy as np
from scipy import ndimage

__all__ = ["nan_where_unobserved"]

MAX_ZEROS = 0.01


def nan_where_unobserved(values: np.ndarray) -> np.ndarray:
    """A float copy of an image in which the zeros that mean "not observed" are NaN.

    These are all exact zeros where they are over 1 per cent of the image, and otherwise those that
    are connected to its border.
    """
    values = np.array(values, dtype=np.result_type(values, np.float32))
    zero = values == 0
    if zero.mean() <= MAX_ZEROS:
        zero = _connected_to_border(zero)
    values[zero] = np.nan
    return values


def _connected_to_border(flags):
    labels, _ = ndimage.label(flags, structure=np.ones((3, 3)))
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return flags & np.isin(labels, border)
