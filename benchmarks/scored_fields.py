"""Purity, completeness and F1 of finders, from the arrays of all fields.

Of each finder a field holds, with its name behind, ``cutouts``, the score of every cutout, and
``score`` and ``true`` of each row of its catalogue; besides, ``labels`` of the cutouts, the number
``n_clusters`` of clusters in the map, and the columns of its halos.
"""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from szfinder.evaluation import ScoreBook

__all__ = ["book", "catalogue", "count", "cpu_table", "cutouts", "position_error", "rates",
           "resampled", "row", "truth"]  # fmt: skip

#: Skies drawn anew, whole, for the intervals.
N_RESAMPLES = 500


def cutouts(field, name):
    """Scores and labels of the cutouts."""
    return field[f"cutouts {name}"], field["labels"]


def catalogue(field, name):
    """Scores of the detections and what is true; of clusters that are missed, below all others."""
    true = field[f"true {name}"]
    n_missed = max(int(field["n_clusters"]) - np.count_nonzero(true), 0)
    scores = np.append(field[f"score {name}"], np.full(n_missed, -np.inf))
    return scores, np.append(true, np.ones(n_missed, bool))


def book(pairs):
    """One score book of several fields."""
    scores, labels = (np.concatenate(arrays) for arrays in zip(*pairs))
    return ScoreBook(scores, labels)


def row(kind, name, pairs, threshold):
    """Purity, completeness and F1, with the scatter of them if whole fields are drawn anew."""
    counts = np.array([count(*pair, threshold) for pair in pairs])
    values, scatter = rates(counts.sum(axis=0)), rates(resampled(counts)).std(axis=1)
    result = {"of": kind, "finder": name, "threshold": threshold}
    for key, value, error in zip(("purity", "completeness", "f1"), values, scatter):
        result |= {key: round(value, 4), f"{key}_err": round(error, 4)}
    result["auc"] = round(book(pairs).auc, 4) if kind == "cutouts" else np.nan
    result["position error"] = np.nan * u.arcmin
    return result


def resampled(counts):
    """Sums over fields drawn anew, shape (n_count, 500): the same fields at every call."""
    rng = np.random.default_rng(1)
    return counts[rng.integers(len(counts), size=(N_RESAMPLES, len(counts)))].sum(axis=1).T


def count(scores, labels, threshold):
    """Numbers of true and false positives, and of false negatives."""
    positive = scores >= threshold
    return [np.sum(positive & labels), np.sum(positive & ~labels), np.sum(~positive & labels)]


def rates(counts):
    """Purity, completeness and F1."""
    true, false, missed = counts
    return np.array([true / (true + false), true / (true + missed),
                     2 * true / (2 * true + false + missed)])  # fmt: skip


def truth(fields):
    """The halos of fields as a truth table; fields lie far apart from one another."""
    names = ("ra", "dec", "mvir", "theta500", "redshift", "y_c")
    columns = {name: np.concatenate([field[name] for field in fields]) for name in names}
    table = QTable({"sky_centroid": SkyCoord(columns["ra"], columns["dec"], unit="deg")})
    units = {"mvir": u.Msun, "theta500": u.arcmin, "redshift": u.one, "y_c": u.one}
    for name, unit in units.items():
        table[name] = columns[name] * unit
    return table


def position_error(fields, name, threshold):
    """Median distance of the detections above a threshold from their halos."""
    distances = [
        field[f"separation {name}"][field[f"true {name}"] & (field[f"score {name}"] >= threshold)]
        for field in fields
    ]
    return np.round(np.median(np.concatenate(distances)), 3) * u.arcmin


def cpu_table(fields):
    """Median CPU seconds of each step in a field."""
    steps = [name for name in fields[0] if name.startswith("cpu_")]
    seconds = [np.median([field[step] for field in fields]) for step in steps]
    names = [step.removeprefix("cpu_") for step in steps]
    return QTable({"step": names, "cpu": np.round(seconds, 1) * u.s})
