"""Objects of a score map: connected pixels above a threshold, split where two peaks stand out."""

import numpy as np
from scipy import ndimage

from szfinder.filters.painting import peak_offsets

__all__ = ["centroids", "label_objects", "peaks", "touching"]

#: Pixels above this part of the peak score give the position.
CORE = 0.6


def label_objects(
    score: np.ndarray, threshold: float, *, prominence: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Label the objects of a score map.

    Pixels above the threshold that touch, corners included, are one object. Two peaks within it are
    two objects where the lower one stands out by ``prominence`` above the highest pass between
    them; each pixel then belongs to the peak that one reaches from it by going uphill.

    Parameters
    ----------
    score : `~numpy.ndarray`
        Score map, shape (ny, nx); NaN is below any threshold.
    threshold : float
        Pixels above it are kept.
    prominence : float, optional
        Least height of a peak above the pass to a higher one. Without it no object is split.

    Returns
    -------
    labels : `~numpy.ndarray` of int
        Shape (ny, nx): 0 for the background, 1 to n for the objects.
    blended : `~numpy.ndarray` of bool
        Shape (n,): which objects touch another one.
    """
    from photutils.segmentation import detect_sources

    above = score > threshold
    if not above.any():
        return np.zeros(score.shape, dtype=int), np.zeros(0, dtype=bool)
    labels = detect_sources(score, threshold, n_pixels=1, connectivity=8).data.astype(int)
    n_labels = labels.max()
    if prominence is None:
        return labels, np.zeros(n_labels, dtype=bool)
    is_peak = above & (score == ndimage.maximum_filter(np.nan_to_num(score), 3))
    n_peaks = np.bincount(labels[is_peak], minlength=n_labels + 1)
    blended = np.zeros(n_labels, dtype=bool).tolist()
    boxes = ndimage.find_objects(labels)
    for label in np.flatnonzero(n_peaks > 1):
        box = boxes[label - 1]
        inside = labels[box] == label
        parts = _split(np.where(inside, score[box], -np.inf), prominence)
        n_parts = parts.max()
        if n_parts > 1:
            blended[label - 1] = True
            labels[box][parts > 1] = len(blended) + parts[parts > 1] - 1
            blended += [True] * (n_parts - 1)
    return labels, np.array(blended)


def peaks(score: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Highest pixel of each object, and the height of the summit within it.

    Parameters
    ----------
    score : `~numpy.ndarray`
        Score map, shape (ny, nx).
    labels : `~numpy.ndarray` of int
        As from `label_objects`.

    Returns
    -------
    y, x : `~numpy.ndarray` of int
        Pixels.
    summit : `~numpy.ndarray`
        Height of the parabola through the peak and its neighbours.
    """
    highest = [
        np.unravel_index(
            np.argmax(np.where(labels[box] == label, score[box], -np.inf)), labels[box].shape
        )
        for label, box in enumerate(ndimage.find_objects(labels), start=1)
    ]
    corners = [(box[0].start, box[1].start) for box in ndimage.find_objects(labels)]
    y, x = (np.array(highest, int) + np.array(corners, int)).reshape(-1, 2).T
    filled = np.where(np.isnan(score), np.nanmin(score, initial=0), score)
    return y, x, peak_offsets(filled, y, x)[2]


def centroids(score: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the objects: centroids weighted with the score.

    The weight is the square of the score above six tenths of the peak: wings, which neighbours
    bend, have no say, and a pixel comes in smoothly as the object moves over the grid.

    Parameters
    ----------
    score : `~numpy.ndarray`
        Score map, shape (ny, nx).
    labels : `~numpy.ndarray` of int
        As from `label_objects`.

    Returns
    -------
    y, x : `~numpy.ndarray`
        Pixel positions.
    """
    positions = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        inside = np.where(labels[box] == label, score[box], 0)
        weight = np.clip(inside - CORE * inside.max(), 0, None) ** 2
        y, x = np.mgrid[box]
        positions.append(((weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()))
    y, x = np.array(positions).reshape(-1, 2).T
    return y, x


def touching(labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Which objects touch another one, corners included.

    Parameters
    ----------
    labels : `~numpy.ndarray` of int
        Shape (ny, nx): 0 for the background, 1 to n for the objects.
    n_labels : int
        Their number.

    Returns
    -------
    `~numpy.ndarray` of bool
        Shape (n,).
    """
    highest = ndimage.maximum_filter(labels, 3)
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, n_labels + 1), 3)
    beside = (labels > 0) & ((highest != labels) | (lowest != labels))
    return np.bincount(labels[beside], minlength=n_labels + 1)[1:] > 0


def _split(score: np.ndarray, prominence: float) -> np.ndarray:
    """Flood one object from its highest pixel down, and number its prominent peaks from 1."""
    padded = np.pad(score, 1, constant_values=-np.inf)
    height = padded.ravel().tolist()
    width = padded.shape[1]
    steps = [dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    order = np.argsort(-padded.ravel(), kind="stable")[: np.count_nonzero(np.isfinite(padded))]
    basin: dict[int, int] = {}  # pixel -> the peak above it
    joined: dict[int, int] = {}  # peak -> a higher peak it is connected with so far
    absorbed: dict[int, int] = {}  # peak -> the neighbouring peak it is part of
    for pixel in order.tolist():
        around = sorted(
            (pixel + step for step in steps if pixel + step in basin), key=lambda i: -height[i]
        )
        if not around:
            basin[pixel] = pixel
            continue
        basin[pixel] = basin[around[0]]
        tops = {_follow(joined, basin[neighbour]): basin[neighbour] for neighbour in around[::-1]}
        highest = max(tops, key=height.__getitem__)
        for top in tops:
            if top != highest:
                joined[top] = highest
                if height[top] - height[pixel] < prominence:
                    absorbed[top] = tops[highest]
    owners = {pixel: _follow(absorbed, peak) for pixel, peak in basin.items()}
    numbers = {peak: n for n, peak in enumerate(dict.fromkeys(owners.values()), start=1)}
    parts = np.zeros(padded.size, dtype=int)
    parts[list(owners)] = [numbers[peak] for peak in owners.values()]
    return parts.reshape(padded.shape)[1:-1, 1:-1]


def _follow(links: dict[int, int], peak: int) -> int:
    while peak in links:
        peak = links[peak]
    return peak
