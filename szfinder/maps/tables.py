"""Plain text tables of numbers."""

import warnings

import numpy as np

__all__ = ["read_text_table"]


def read_text_table(path) -> np.ndarray:
    """Rows and columns of a text file; an empty file is an empty table, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
        return np.loadtxt(path, ndmin=2)
