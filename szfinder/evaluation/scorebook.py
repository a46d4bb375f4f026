"""ScoreBook: scores with the truth beside them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from szfinder.evaluation.confusion import Confusion
from szfinder.evaluation.cutouts import CutoutGrid
from szfinder.evaluation.intervals import bootstrap_interval
from szfinder.evaluation.matching import match_detections
from szfinder.evaluation.ranks import rank_percentile
from szfinder.evaluation.selection import select_halos
from szfinder.finders.tables import scores_of

__all__ = ["ScoreBook"]


class ScoreBook:
    """Scores, and whether each belongs to a cluster: all that purity and completeness need.

    An entry is positive at a threshold where its score is not below it. A cluster that nobody
    detected is an entry with the score -inf, which is positive at none. Thresholds are chosen on
    one book and applied to another: ``test.confusion(validation.best_threshold)``.

    Parameters
    ----------
    scores : array_like
        One number for each entry.
    labels : array_like of bool
        Whether the entry is a cluster.
    name : str, optional
        Name of the finder, for legends.
    counts_negatives : bool, optional
        Whether all places without a cluster are entries. In a catalogue they are not: then there
        are no true negatives, and no ROC.

    Raises
    ------
    ValueError
        If scores and labels are not arrays of one length, or a score is NaN.
    """

    def __init__(
        self, scores: ArrayLike, labels: ArrayLike, *, name: str = "", counts_negatives: bool = True
    ) -> None:
        self.scores = np.asarray(scores, dtype=float)
        self.labels = np.asarray(labels, dtype=bool)
        self.name = name
        self.counts_negatives = counts_negatives
        if self.scores.ndim != 1 or self.scores.shape != self.labels.shape:
            raise ValueError(
                "scores and labels must be one-dimensional and of one length; found shapes "
                f"{self.scores.shape} and {self.labels.shape}"
            )
        if np.isnan(self.scores).any():
            raise ValueError("scores must not be NaN; leave those entries out, or give them -inf")

    @classmethod
    def from_cutouts(
        cls,
        grid: CutoutGrid,
        detections: Table,
        truth: Table,
        *,
        radius: u.Quantity = 1 * u.arcmin,
        score: str = "score",
        mass: str = "mvir",
        fill: float = 0.0,
        name: str = "",
        **limits: Any,
    ) -> "ScoreBook":
        """One entry for each cutout of a map, as in Table 1 of Lin et al. (2021).

        Parameters
        ----------
        grid : `CutoutGrid`
            The cutouts.
        detections, truth, radius, score, mass, fill
            As for `CutoutGrid.scores`.
        name : str, optional
            Name of the finder.
        **limits
            Which halos are clusters, as for `select_halos`.
        """
        scores = grid.scores(detections, truth, radius=radius, score=score, mass=mass, fill=fill)
        return cls(scores, grid.labels(truth, mass=mass, **limits), name=name)

    @classmethod
    def from_catalogue(
        cls,
        detections: Table,
        truth: Table,
        *,
        radius: u.Quantity = 1 * u.arcmin,
        score: str = "score",
        mass: str = "mvir",
        name: str = "",
        **limits: Any,
    ) -> "ScoreBook":
        """One entry for each detection, and one for each cluster that none was matched to.

        A detection matched to a halo outside the limits is false. Both tables must cover the same
        area: see `inside`.

        Parameters
        ----------
        detections, truth, radius, score, mass
            As for `match_detections`.
        name : str, optional
            Name of the finder.
        **limits
            Which halos are clusters, as for `select_halos`.
        """
        match = match_detections(detections, truth, radius=radius, score=score, mass=mass)
        is_cluster = select_halos(truth, mass=mass, **limits)
        true = np.zeros(len(detections), dtype=bool)
        matched, halos = match.pairs
        true[matched] = is_cluster[halos]
        n_missed = np.count_nonzero(is_cluster & ~match.found)
        return cls(
            np.append(scores_of(detections, score), np.full(n_missed, -np.inf)),
            np.append(true, np.ones(n_missed, dtype=bool)),
            name=name,
            counts_negatives=False,
        )

    @classmethod
    def concatenate(cls, books: Sequence["ScoreBook"]) -> "ScoreBook":
        """The entries of several skies in one book, with the name of the first."""
        if len({book.counts_negatives for book in books}) != 1:
            raise ValueError(
                "books must be all of cutouts or all of catalogues; found "
                f"counts_negatives = {[book.counts_negatives for book in books]}"
            )
        return cls(
            np.concatenate([book.scores for book in books]),
            np.concatenate([book.labels for book in books]),
            name=books[0].name,
            counts_negatives=books[0].counts_negatives,
        )

    def __len__(self) -> int:
        return self.scores.size

    def __repr__(self) -> str:
        return f"<ScoreBook {self.name!r}: {self.n_clusters} clusters in {len(self)} entries>"

    @property
    def n_clusters(self) -> int:
        """Number of entries that are clusters, detected or not."""
        return int(np.count_nonzero(self.labels))

    @property
    def thresholds(self) -> np.ndarray:
        """Distinct scores, rising: the thresholds at which the curves are given."""
        return self._curve[0]

    @property
    def purity(self) -> np.ndarray:
        """Purity at each threshold."""
        _, true, false = self._curve
        return true / (true + false)

    @property
    def completeness(self) -> np.ndarray:
        """Completeness at each threshold; NaN where there are no clusters."""
        return self._curve[1] / (self.n_clusters or np.nan)

    @property
    def f1(self) -> np.ndarray:
        """F1 score at each threshold (Lin et al. 2021, eq. 1)."""
        _, true, false = self._curve
        return 2 * true / (true + false + self.n_clusters)

    @property
    def best_threshold(self) -> float:
        """Threshold of the highest F1 score; of several, the highest.

        Raises
        ------
        ValueError
            If no cluster has a score: then every threshold is as bad.
        """
        f1 = self.f1
        if not f1.any():
            raise ValueError(f"{self!r} has no best threshold: none of its clusters was detected")
        return float(self.thresholds[f1 == f1.max()][-1])

    def confusion(self, threshold: float) -> Confusion:
        """Confusion matrix with the entries positive whose score is not below a threshold."""
        positive = (self.scores >= threshold) & (self.scores > -np.inf)
        true = int(np.count_nonzero(positive & self.labels))
        false = int(np.count_nonzero(positive)) - true
        missed = self.n_clusters - true
        negative = len(self) - true - false - missed if self.counts_negatives else None
        return Confusion(true, false, missed, negative)

    def roc(self) -> tuple[np.ndarray, np.ndarray]:
        """Receiver operating characteristic.

        Returns
        -------
        false_positive_rate, true_positive_rate : `~numpy.ndarray`
            From (0, 0) to (1, 1), a point for each distinct score.

        Raises
        ------
        ValueError
            If the negatives are not counted, or there are only clusters or only others.
        """
        from sklearn.metrics import roc_curve

        if not self.counts_negatives:
            raise ValueError(
                f"{self!r} has no ROC: the places without a cluster are not counted in a "
                "catalogue; make the book with ScoreBook.from_cutouts"
            )
        if not 0 < self.n_clusters < len(self):
            raise ValueError(f"{self!r} has no ROC: it needs clusters and others")
        # Ranks: scikit-learn takes no infinite scores.
        ranks = rank_percentile(self.scores)
        return roc_curve(self.labels, ranks, drop_intermediate=False)[:2]

    @property
    def auc(self) -> float:
        """Area under the ROC; errors as for `roc`."""
        from sklearn.metrics import auc

        return float(auc(*self.roc()))

    @property
    def average_precision(self) -> float:
        """Mean purity over completeness, from scikit-learn; 0 beyond the last detected cluster.

        Raises
        ------
        ValueError
            If there are no clusters.
        """
        from sklearn.metrics import average_precision_score

        if not self.n_clusters:
            raise ValueError(f"{self!r} has no average precision without clusters")
        scored = self.scores > -np.inf
        labels = self.labels[scored]
        if not labels.any():
            return 0.0
        # Entries without score are positive at no threshold: they only add to the clusters.
        precision = average_precision_score(labels, rank_percentile(self.scores[scored]))
        return float(precision * np.count_nonzero(labels) / self.n_clusters)

    def bootstrap(
        self,
        statistic: Callable[["ScoreBook"], float],
        *,
        n_samples: int = 1000,
        level: float = 0.68,
        rng: int | np.random.Generator | None = None,
    ) -> tuple[float, float]:
        """Interval of a statistic over resamples of the entries, with replacement.

        Parameters
        ----------
        statistic : callable
            Function of a `ScoreBook`, such as ``lambda book: book.f1.max()``.
        n_samples, level, rng
            As for `bootstrap_interval`.

        Raises
        ------
        ValueError
            If the statistic of a resample is NaN.
        """
        # Sorted once, so that the resamples are sorted too.
        order = np.argsort(self.scores)

        def of_resample(drawn: np.ndarray) -> float:
            return statistic(self._part(order[drawn]))

        return bootstrap_interval(of_resample, len(self), n_samples=n_samples, level=level, rng=rng)

    def _part(self, entries: np.ndarray) -> "ScoreBook":
        scores, labels = self.scores[entries], self.labels[entries]
        return ScoreBook(scores, labels, name=self.name, counts_negatives=self.counts_negatives)

    @cached_property
    def _curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Thresholds, and the true and the false positives at each."""
        thresholds, place = np.unique(self.scores, return_inverse=True)
        n_all = np.bincount(place, minlength=thresholds.size)
        n_true = np.bincount(place[self.labels], minlength=thresholds.size)
        true, false = (np.cumsum(n[::-1])[::-1] for n in (n_true, n_all - n_true))
        scored = thresholds > -np.inf
        return thresholds[scored], true[scored], false[scored]
