"""Evidence: what is known at the peaks of the mean rank of all members."""

from collections.abc import Mapping

import numpy as np

from szfinder.finders.detection import label_objects, peaks

__all__ = ["evidence_at_peaks"]

#: Least mean rank of a peak, far below that of any cluster; and least height of one above the pass
#: to a higher one.
FLOOR, PROMINENCE = 1.4, 0.2


def evidence_at_peaks(
    mean: np.ndarray, layers: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Peaks of the mean rank of an ensemble, and what its members say there.

    Parameters
    ----------
    mean : `~numpy.ndarray`
        Mean rank, shape (ny, nx).
    layers : mapping of str to `~numpy.ndarray`
        What the members say, each of that shape.

    Returns
    -------
    labels : `~numpy.ndarray` of int
        Shape (ny, nx): 0, or the number of the peak that a pixel belongs to, from 1.
    evidence : dict of str to `~numpy.ndarray`
        The layers at the peaks, their height ``mean_rank``, and their pixels ``x`` and ``y``.
    """
    labels, _ = label_objects(mean, FLOOR, prominence=PROMINENCE)
    y, x, _ = peaks(mean, labels)
    evidence = {name: layer[y, x] for name, layer in layers.items()}
    return labels, {**evidence, "mean_rank": mean[y, x], "x": x, "y": y}
