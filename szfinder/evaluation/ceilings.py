"""Ceilings: what a perfect instrument would score on the same sky.

With neither noise nor foregrounds every halo shows its central Compton parameter and its size, and
only these. What is left to confuse is the scatter between them and the mass, where the limits cut
through a steep mass function (Lin et al. 2021, section 3.1).
"""

from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table

from szfinder.evaluation.cutouts import CutoutGrid
from szfinder.evaluation.scorebook import ScoreBook
from szfinder.evaluation.selection import select_halos
from szfinder.finders.tables import column_of, positions_of

__all__ = ["amplitude_ceiling", "ceilings", "learned_ceiling"]

#: Parts into which the halos are divided; each is predicted by what was learned from the others.
N_FOLDS = 5


def amplitude_ceiling(
    truth: Table,
    *,
    floor: u.Quantity = 5e13 * u.Msun,
    mass: str = "mvir",
    grid: CutoutGrid | None = None,
    **limits: Any,
) -> ScoreBook:
    """Score book of a perfect instrument that ranks halos by y_c theta500.

    That is the order of signal-to-noise ratios in white noise, for clusters larger than the beam.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        Halos, with ``y_c`` and ``theta500``.
    floor : `~astropy.units.Quantity`, optional
        Mass below which halos are left out; a plain number is in Msun.
    mass : str, optional
        Column of the mass.
    grid : `CutoutGrid`, optional
        Cutouts that are to be the entries, with the highest score among their halos, or 0; by
        default the halos are the entries.
    **limits
        Which halos are clusters, as for `select_halos`.

    Returns
    -------
    `ScoreBook`

    Raises
    ------
    ValueError
        If a cluster lies below the floor.
    """
    halos, labels = _halos(truth, floor, mass, limits)
    scores = column_of(halos, "y_c") * column_of(halos, "theta500", u.arcmin)
    return _book("amplitude ceiling", halos, scores, labels, grid)


def learned_ceiling(
    truth: Table,
    *,
    training: Table | None = None,
    floor: u.Quantity = 5e13 * u.Msun,
    mass: str = "mvir",
    grid: CutoutGrid | None = None,
    rng: int | np.random.Generator | None = None,
    **limits: Any,
) -> ScoreBook:
    """Score book of a perfect instrument that has learned which halos are clusters.

    The probability that a halo is a cluster is a logistic regression on a cubic polynomial of
    log y_c and log theta500 (scikit-learn). No halo is scored by a fit that it was part of: that
    comes from another truth, or from the other four fifths of this one.

    Parameters
    ----------
    truth, floor, mass, grid, **limits
        As for `amplitude_ceiling`.
    training : `~astropy.table.Table`, optional
        Truth of another sky, to learn from.
    rng : int or `~numpy.random.Generator`, optional
        Seed or generator of the division into fifths.

    Returns
    -------
    `ScoreBook`

    Raises
    ------
    ValueError
        If a cluster lies below the floor, or there are too few clusters, or other halos, to learn
        from.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    halos, labels = _halos(truth, floor, mass, limits)
    # Smooth, as what it stands for: boosted trees lose 1 to 4 per cent of the F1 score to steps.
    classifier = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(3, include_bias=False),
        LogisticRegression(C=100.0, max_iter=2000),
    )
    if training is None:
        _check_enough(labels)
        seed = int(np.random.default_rng(rng).integers(2**31))
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        predicted = cross_val_predict(
            classifier, _features(halos), labels, cv=folds, method="predict_proba"
        )
    else:
        others, other_labels = _halos(training, floor, mass, limits)
        _check_enough(other_labels)
        classifier.fit(_features(others), other_labels)
        predicted = classifier.predict_proba(_features(halos))
    return _book("learned ceiling", halos, predicted[:, 1], labels, grid)


def ceilings(
    truth: Table,
    *,
    floor: u.Quantity = 5e13 * u.Msun,
    mass: str = "mvir",
    grid: CutoutGrid | None = None,
    rng: int | np.random.Generator | None = None,
    **limits: Any,
) -> list[ScoreBook]:
    """The `amplitude_ceiling` and, where there is enough to learn from, the `learned_ceiling`.

    Parameters
    ----------
    truth, floor, mass, grid, rng, **limits
        As for these two.

    Returns
    -------
    list of `ScoreBook`

    Raises
    ------
    ValueError
        If a cluster lies below the floor.
    """
    limits |= {"floor": floor, "mass": mass, "grid": grid}
    books = [amplitude_ceiling(truth, **limits)]
    if _is_enough(books[0].labels):
        books.append(learned_ceiling(truth, rng=rng, **limits))
    return books


def _halos(
    truth: Table, floor: u.Quantity, mass: str, limits: dict[str, Any]
) -> tuple[Table, np.ndarray]:
    """Halos above the floor, and which of them are clusters."""
    heavy = column_of(truth, mass, u.Msun) >= u.Quantity(floor, u.Msun).value
    labels = select_halos(truth, mass=mass, **limits)
    n_lost = np.count_nonzero(labels & ~heavy)
    if n_lost:
        raise ValueError(
            f"floor must not exceed min_mass: {n_lost} clusters lie below the floor of {floor}"
        )
    return truth[heavy], labels[heavy]


def _features(halos: Table) -> np.ndarray:
    return np.log([column_of(halos, "y_c"), column_of(halos, "theta500", u.arcmin)]).T


def _is_enough(labels: np.ndarray) -> bool:
    return min(np.count_nonzero(labels), np.count_nonzero(~labels)) >= N_FOLDS


def _check_enough(labels: np.ndarray) -> None:
    if not _is_enough(labels):
        n_clusters = np.count_nonzero(labels)
        raise ValueError(
            f"too little to learn from: found {n_clusters} clusters among {labels.size} halos, "
            f"expected {N_FOLDS} or more of both kinds; use more skies or other limits"
        )


def _book(
    name: str, halos: Table, scores: np.ndarray, labels: np.ndarray, grid: CutoutGrid | None
) -> ScoreBook:
    if grid is not None:
        positions = positions_of(halos)
        scores = grid.largest(positions, scores)
        labels = grid.largest(positions, labels) > 0
    return ScoreBook(scores, labels, name=name)
