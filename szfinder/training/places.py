"""PlaceMap: what a cutout would show at every place of a map."""

import numpy as np

__all__ = ["ADJACENT", "NEGATIVE", "POSITIVE", "UNUSABLE", "PlaceMap"]

UNUSABLE, NEGATIVE, ADJACENT, POSITIVE = range(4)
NAMES = ("unusable", "negative", "adjacent", "positive")


class PlaceMap:
    """Kind of the cutout at every place, a place being the first pixel of a cutout.

    Parameters
    ----------
    usable : `~numpy.ndarray`
        Boolean, shape (ny, nx): the pixels that are good.
    clusters : `~numpy.ndarray`
        Pixels (x, y) of the clusters, shape (2, n).
    size : int
        Side of a cutout in pixels.
    half_core : float
        Greatest distance, along both axes, of a cluster from the middle of a positive cutout.
    half_reach : float
        The same of a cutout that is adjacent to a positive one.

    Attributes
    ----------
    kinds : `~numpy.ndarray`
        uint8, shape (ny - size + 1, nx - size + 1): 0 unusable, as a pixel is bad, 1 negative, 2
        adjacent, 3 positive.
    """

    def __init__(
        self,
        usable: np.ndarray,
        clusters: np.ndarray,
        *,
        size: int,
        half_core: float,
        half_reach: float,
    ) -> None:
        whole = usable
        for axis in (0, 1):
            whole = np.lib.stride_tricks.sliding_window_view(whole, size, axis).all(axis=-1)
        self.kinds = np.full(whole.shape, NEGATIVE, np.uint8)
        for kind, reach in ((ADJACENT, half_reach), (POSITIVE, half_core)):
            self._mark(clusters - (size - 1) / 2, reach, kind)
        self.kinds[~whole] = UNUSABLE
        #: Places of each kind up to the end of each row.
        self._counted = np.array(
            [np.cumsum(np.count_nonzero(self.kinds == kind, axis=1)) for kind in range(len(NAMES))]
        )

    def __repr__(self) -> str:
        counts = (f"{self.n_places(kind)} {name}" for kind, name in enumerate(NAMES))
        return f"<PlaceMap: {', '.join(counts)}>"

    def at(self, corners: np.ndarray) -> np.ndarray:
        """Kinds of the cutouts whose first pixels (x, y) are given."""
        x, y = corners
        return self.kinds[y, x]

    def n_places(self, kind: int) -> int:
        """Number of places of a kind."""
        return int(self._counted[kind, -1])

    def random(self, rng: np.random.Generator, n: int, kind: int) -> np.ndarray:
        """First pixels (x, y) of cutouts of a kind, shape (2, n), each as likely as any other.

        Places are numbered row by row, and looked up by random numbers.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not n:
            return np.empty((2, 0), int)
        if not self.n_places(kind):
            counts = ", ".join(f"{self.n_places(i)} {name}" for i, name in enumerate(NAMES))
            raise ValueError(
                f"a map has no {NAMES[kind]} cutout to draw; found {counts}; take larger maps, "
                "mask less, or change the limits of what is a cluster"
            )
        number = rng.integers(self.n_places(kind), size=n)
        y = np.searchsorted(self._counted[kind], number, side="right")
        # negative numbers, which count from the last place of the row
        from_end = number - self._counted[kind, y]
        x = [np.flatnonzero(self.kinds[row] == kind)[i] for row, i in zip(y, from_end)]
        return np.array([x, y])

    def _mark(self, corners: np.ndarray, reach: float, kind: int) -> None:
        """Set the kind of all places that are near one of the given along both axes."""
        limit = np.array(self.kinds.shape[::-1])[:, None]
        first = np.clip(np.ceil(corners - reach), 0, limit).astype(int)
        end = np.clip(np.floor(corners + reach) + 1, 0, limit).astype(int)
        for x, y, x_end, y_end in np.vstack([first, end]).T:
            self.kinds[y:y_end, x:x_end] = kind
