"""Tables of what the classifier and the matched filter reach, from the arrays of all fields.

The names of the tables, and of the figures made of them, are those of the files.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack
from classifier_fields import LEVELS, STRIDES, truth_of

from szfinder.evaluation import (
    ScoreBook,
    amplitude_ceiling,
    completeness,
    completeness_map,
    learned_ceiling,
    select_halos,
)
from szfinder.training import reliability

__all__ = [
    "FINDERS",
    "ceiling_books",
    "completeness_tables",
    "confusion_table",
    "cpu_table",
    "edge_table",
    "f1_table",
    "finder_books",
    "found_halos",
    "level_books",
    "level_table",
    "reliability_table",
    "roc_table",
    "section_33_table",
    "stride_table",
]

#: Arrays of the finders by their names.
FINDERS = {
    "matched filter": "filter",
    "network": "network",
    "network, staggered": "staggered",
}
#: F1 of Lin et al. (2021), table 1, and of the levels of section 3.4.1.
PAPER_F1 = {"matched filter": 0.61, "network": 0.60}
PAPER_LEVEL_F1 = (0.64, 0.63, 0.61, 0.60, 0.61)
MASS_BINS = np.geomspace(5e13, 2e15, 17) * u.Msun
REDSHIFT_BINS = np.linspace(0.25, 1.75, 11)
CELLS = np.linspace(0, 2, 13), np.geomspace(5e13, 2e15, 13) * u.Msun
#: In arcmin.
DISTANCE_BINS = np.linspace(0, 4.5, 19)
#: Points of a curve.
N_POINTS = 120


def finder_books(fields):
    """Score books of the three finders by their names."""
    return {name: _book(fields, array, name) for name, array in FINDERS.items()}


def level_books(fields):
    """Score books of the network, the components added one after the other."""
    books = {name: _book(fields, name, name) for name in LEVELS}
    return books | {"+ dust": _book(fields, "network", "+ dust")}


def ceiling_books(fields, grid, training=None):
    """Score books of a perfect instrument; the learned one from other fields, or fifths of each."""
    truths = [truth_of(field) for field in fields]
    learn_from = None if training is None else vstack([truth_of(field) for field in training])
    amplitude = [amplitude_ceiling(truth, grid=grid) for truth in truths]
    learned = [learned_ceiling(truth, training=learn_from, grid=grid, rng=0) for truth in truths]
    books = ScoreBook.concatenate(amplitude), ScoreBook.concatenate(learned)
    return {book.name: book for book in books}


def confusion_table(test, validation):
    """Table 1: the thresholds of the validation fields applied to the test fields."""
    rows = []
    for name, book in test.items():
        threshold = validation[name].best_threshold
        confusion = book.confusion(threshold)
        row = {
            "finder": name,
            "threshold": threshold,
            "true_positive": confusion.true_positive,
            "false_positive": confusion.false_positive,
            "false_negative": confusion.false_negative,
            "true_negative": confusion.true_negative,
        }
        for quantity in ("purity", "completeness", "f1"):
            row[quantity] = getattr(confusion, quantity)
            ends = getattr(confusion, f"{quantity}_interval")()
            row[f"{quantity}_lower"], row[f"{quantity}_upper"] = ends
        rows.append(row | {"paper_f1": PAPER_F1.get(name, np.nan)})
    return QTable(rows)


def level_table(test, validation):
    """Section 3.4.1: area under the ROC, and F1, of each level of components."""
    table = confusion_table(test, validation)
    table.rename_column("finder", "level")
    table["paper_f1"] = PAPER_LEVEL_F1
    table["auc"] = [book.auc for book in test.values()]
    ends = [book.bootstrap(_auc, n_samples=100, rng=0) for book in test.values()]
    table["auc_lower"], table["auc_upper"] = np.transpose(ends)
    return table


def reliability_table(book):
    """Frequency of clusters among cutouts of like probability."""
    return reliability(book.scores, book.labels)


def f1_table(books):
    """F1 of each book over the number of detections (Figs. 5 and 6)."""
    n_clusters = next(iter(books.values())).n_clusters
    number = np.geomspace(0.1 * n_clusters, 10 * n_clusters, N_POINTS)
    table = QTable({"detections": np.unique(number.round())})
    for name, book in books.items():
        detections = len(book) - np.searchsorted(np.sort(book.scores), book.thresholds)
        rising, f1 = detections[::-1], book.f1[::-1]
        table[name] = np.interp(table["detections"], rising, f1, right=np.nan)
    table.meta["n_clusters"] = n_clusters
    return table


def roc_table(books):
    """True-positive rate of each book over the false-positive rate (Fig. 8b)."""
    table = QTable({"false_positive_rate": np.append(0, np.geomspace(1e-4, 1, N_POINTS))})
    for name, book in books.items():
        table[name] = np.interp(table["false_positive_rate"], *book.roc())
    return table


def found_halos(fields, grid, thresholds):
    """All halos in the middles of cutouts; which were found, and how far from the middle they are.

    A halo is found by the network if its cutout is positive, and by the filter if a detection above
    the threshold was matched to it.
    """
    tables = []
    for field in fields:
        halos = truth_of(field)
        cutout = grid.index(halos["sky_centroid"])
        halos["distance"] = grid.centers[cutout].separation(halos["sky_centroid"]).to(u.arcmin)
        for name, array in FINDERS.items():
            scores = halos["snr"] if array == "filter" else field[array][cutout]
            halos[name] = np.asarray(scores) >= thresholds[name]
        tables.append(halos)
    return vstack(tables)


def completeness_tables(halos):
    """Completeness over mass, over redshift and over both (Figs. 10 to 12)."""
    far = halos[halos["redshift"] >= 0.25]
    clusters = halos[select_halos(halos)]
    cells = {name: completeness_map(halos, halos[name], ("redshift", "mvir"), CELLS)
             for name in FINDERS}  # fmt: skip
    first = cells["network"]
    redshift, mass = first.edges
    over_both = QTable({"low": redshift[:-1], "high": redshift[1:], "n": first.n})
    for name, found in cells.items():
        over_both[name] = found.n_found
    over_both.meta["mvir"] = mass.value.tolist()
    return {
        "completeness_mass": _over(far, "mvir", MASS_BINS),
        "completeness_redshift": _over(clusters, "redshift", REDSHIFT_BINS),
        "completeness_cells": over_both,
    }


def section_33_table(halos):
    """Section 3.3: clusters that the filter, the network, both or neither find."""
    clusters, rows = halos[select_halos(halos)], []
    filtered = clusters["matched filter"]
    for name in ("network", "network, staggered"):
        network = clusters[name]
        classes = {
            "filter only": filtered & ~network,
            "network only": network & ~filtered,
            "both": filtered & network,
            "neither": ~(filtered | network),
        }
        for found_by, chosen in classes.items():
            row = {"network": name, "found_by": found_by, "n": np.count_nonzero(chosen)}
            for column in ("mvir", "redshift", "theta500", "distance"):
                values = clusters[column][chosen]
                row[column] = values.mean() if len(values) else np.nan * values.unit
            rows.append(row)
    return QTable(rows)


def edge_table(fields):
    """Probability over the distance of the cluster from the middle of the cutout (Fig. 9c)."""
    distance, moved = (np.concatenate([field[name] for field in fields])
                       for name in ("distance", "moved"))  # fmt: skip
    place = np.digitize(distance, DISTANCE_BINS) - 1
    rows = []
    for number, (low, high) in enumerate(zip(DISTANCE_BINS, DISTANCE_BINS[1:])):
        values = moved[place == number]
        lower, upper = np.quantile(values, (0.1, 0.9)) if values.size else (np.nan, np.nan)
        rows.append({"distance": (low + high) / 2 * u.arcmin, "n": values.size,
                     "mean": values.mean() if values.size else np.nan,
                     "lower": lower, "upper": upper})  # fmt: skip
    return QTable(rows)


def stride_table(fields, validation):
    """Confusion at the threshold of the validation fields, errors of the positions, and CPU time.

    A row for each stride.
    """
    rows = []
    for stride in STRIDES:
        book = _book(fields, f"scores_{stride}", str(stride))
        threshold = _book(validation, f"scores_{stride}", str(stride)).best_threshold
        confusion = book.confusion(threshold)
        scores, separation = (np.concatenate([field[f"{name}_{stride}"] for field in fields])
                              for name in ("matched", "separation"))  # fmt: skip
        separation = separation[scores >= threshold]
        rows.append({"stride": stride * u.arcmin, "threshold": threshold, "f1": confusion.f1,
                     "purity": confusion.purity, "completeness": confusion.completeness,
                     "separation": np.median(separation) * u.arcmin,
                     "cpu": np.median([field[f"cpu_{stride}"] for field in fields]) * u.s}
                    )  # fmt: skip
    return QTable(rows)


def cpu_table(fields):
    """CPU seconds of each step, the median of all fields."""
    steps = [name for name in fields[0] if name.startswith("cpu_")]
    seconds = [np.median([field[step] for field in fields]) for step in steps]
    names = [step.removeprefix("cpu_") for step in steps]
    return QTable({"step": names, "cpu": seconds * u.s}, meta={"n_fields": len(fields)})


def _book(fields, array, name):
    books = [ScoreBook(field[array], field["labels"], name=name) for field in fields]
    return ScoreBook.concatenate(books)


def _auc(book):
    return book.auc


def _over(halos, by, bins):
    """Completeness of all finders, one below the other."""
    tables = []
    for name in FINDERS:
        table = completeness(halos, halos[name], by, bins)
        table.add_column([name] * len(table), name="finder", index=0)
        tables.append(table)
    return vstack(tables)
