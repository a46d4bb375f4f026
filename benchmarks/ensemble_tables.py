"""Tables of what ensembles and their members reach, from the arrays of all fields.

The names of the tables, and of the figures made of them, are those of the files.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack
from ensemble_fields import METHODS
from noise_ceiling import noise_ceiling
from scored_fields import (
    book,
    catalogue,
    count,
    cpu_table,
    cutouts,
    position_error,
    rates,
    resampled,
    row,
    truth,
)

from szfinder import SkySimulator
from szfinder.evaluation import (
    amplitude_ceiling,
    completeness,
    completeness_map,
    learned_ceiling,
    select_halos,
)
from szfinder.finders import EnsemblePreset, TailRank, rank_and, rank_product
from szfinder.training import (
    expected_calibration_error,
    f1_of_thresholds,
    fit_evidence_model,
    joint_thresholds,
    reliability,
)
from szfinder.training.joint_thresholds import GRID
from szfinder.training.seeds import VALIDATION_SEEDS

__all__ = ["show", "tables_of"]

#: F1, purity and completeness of Lin et al. (2021), table 1.
PAPER = {"matched_filter": 0.61, "cnn": 0.60, "and": 0.68, "product": 0.68}
MASS_BINS = np.geomspace(5e13, 2e15, 17) * u.Msun
REDSHIFT_BINS = np.linspace(0.25, 1.75, 11)
CELLS = np.linspace(0, 2, 13), np.geomspace(5e13, 2e15, 13) * u.Msun
#: Points of a curve.
N_POINTS = 120


def tables_of(fields, preset, size):
    """All tables by their names, and the score books of the cutouts as in the paper."""
    test, validation = fields["test"], fields["validation"]
    known = EnsemblePreset.load(preset).calibration
    members = list(known.references)
    thresholds = {name: book([catalogue(f, name) for f in validation]).best_threshold
                  for name in members} | dict(known.thresholds)  # fmt: skip
    tables = {
        "catalogue": catalogue_table(test, thresholds),
        "ceilings": ceiling_table(test, validation, preset, size),
        "gains": gain_table(test, members, thresholds),
        "reliability": reliability_table(test),
        "cpu": cpu_table(test),
        **completeness_tables(test, thresholds),
    }
    if fields["unlike"]:
        tables["unlike"] = catalogue_table(fields["unlike"], thresholds)
        tables["unlike_gains"] = gain_table(fields["unlike"], members, thresholds)
        tables["unlike_reliability"] = reliability_table(fields["unlike"])
    paper = paper_books(fields, members)
    tables["cutouts"] = cutout_table(paper, test, validation, members)
    tables["f1"] = f1_table({name: book(pairs) for name, pairs in paper["test"].items()})
    tables["joint_f1"] = joint_f1_table(paper, members)
    return tables, {name: book(pairs) for name, pairs in paper["test"].items()}


def catalogue_table(fields, thresholds):
    """Purity, completeness and F1 of the catalogues."""
    rows = [
        row("catalogue", name, [catalogue(field, name) for field in fields], threshold)
        | {"position error": position_error(fields, name, threshold)}
        for name, threshold in thresholds.items()
    ]
    table = QTable(rows=rows)
    table.remove_column("auc")
    table.meta = {"n_fields": len(fields),
                  "n_clusters": int(sum(field["n_clusters"] for field in fields))}  # fmt: skip
    return table


def ceiling_table(test, validation, preset, size):
    """F1 of those who know where every halo is."""
    learned_from, rows = truth(validation), []
    for name, ceiling in {
        "amplitude ceiling": amplitude_ceiling,
        "learned ceiling": lambda halos: learned_ceiling(halos, training=learned_from),
    }.items():
        books = [ceiling(truth([field])) for field in test]
        pairs = [(one.scores, one.labels) for one in books]
        rows.append(row("catalogue", name, pairs, ceiling(learned_from).best_threshold))
    maps = SkySimulator.from_preset(preset, size=size, rng=VALIDATION_SEEDS[0]).patch().maps
    again, *books = noise_ceiling(
        maps, learned_from, learned_from, *(truth([field]) for field in test),
        rng=np.random.default_rng(2),
    )  # fmt: skip
    pairs = [(one.scores, one.labels) for one in books]
    rows.append(row("catalogue", "learned ceiling, in noise", pairs, again.best_threshold))
    return QTable(rows=rows)["finder", "purity", "completeness", "f1", "f1_err"]


def gain_table(fields, members, thresholds):
    """How much F1 of each method is above that of each member, on the same fields."""
    values, drawn = {}, {}
    for name, threshold in thresholds.items():
        counts = np.array([count(*catalogue(field, name), threshold) for field in fields])
        values[name], drawn[name] = rates(counts.sum(axis=0))[2], rates(resampled(counts))[2]
    return QTable(
        rows=[
            {"method": method, "member": member,
             "gain": round(values[method] - values[member], 4),
             "err": round((drawn[method] - drawn[member]).std(), 4)}
            for method in METHODS
            for member in members
        ]
    )  # fmt: skip


def reliability_table(fields):
    """How often detections of a probability are clusters."""
    probability = np.concatenate([field["probability calibrated"] for field in fields])
    true = np.concatenate([field["true calibrated"] for field in fields])
    table = reliability(probability, true)
    table.meta["expected calibration error"] = expected_calibration_error(probability, true)
    return table


def paper_books(fields, members):
    """Scores and labels of the cutouts, by kind of field and finder.

    Ensembles are made of the members' scores of cutouts, in ranks among those of the same fields,
    as in the paper; what is learned is from the validation fields.
    """
    pairs = {}
    for kind in ("validation", "test"):
        pairs[kind] = {name: [paper_cutouts(field, name) for field in fields[kind]]
                       for name in members}  # fmt: skip
    ranks = {kind: ranks_of(pairs[kind], members) for kind in pairs}
    labels = {kind: [np.asarray(label) for _, label in pairs[kind][members[0]]] for kind in pairs}
    learned, true = (np.concatenate(parts, axis=-1) for parts in
                     (ranks["validation"], labels["validation"]))  # fmt: skip
    thresholds = joint_thresholds(learned, true)
    features = [f"rank_{name}" for name in members]
    model = fit_evidence_model(dict(zip(features, learned)), true, features)
    for kind in pairs:
        by_method = {
            "product": [rank_product(field) for field in ranks[kind]],
            "and": [rank_and(field, thresholds) for field in ranks[kind]],
            "calibrated": [model.probability(dict(zip(features, f))) for f in ranks[kind]],
        }
        for method, scores in by_method.items():
            pairs[kind][method] = list(zip(scores, labels[kind]))
    pairs["ranks"], pairs["labels"] = learned, true
    return pairs


def paper_cutouts(field, name):
    """Scores and labels of the cutouts: of the network at the stride of the paper."""
    if f"paper {name}" in field:
        return field[f"paper {name}"], field["labels"]
    return cutouts(field, name)


def ranks_of(pairs, members):
    """Ranks of the members' scores among those of all fields, shape (n_member, n) each field."""
    known = {name: TailRank.of(finite(np.concatenate([s for s, _ in pairs[name]])))
             for name in members}  # fmt: skip
    n_fields = len(pairs[members[0]])
    return [np.stack([known[name](finite(pairs[name][i][0])) for name in members])
            for i in range(n_fields)]  # fmt: skip


def finite(scores):
    """Scores; those of cutouts in which nothing was found are a little below all others."""
    lowest = scores[np.isfinite(scores)].min()
    return np.where(np.isfinite(scores), scores, 0.99 * lowest)


def cutout_table(paper, test, validation, members):
    """Table 1: cutouts combined as in the paper, and those of the catalogues of the ensembles."""
    rows = []
    for name, pairs in paper["test"].items():
        threshold = book(paper["validation"][name]).best_threshold
        rows.append(row("cutouts", name, pairs, threshold) | {"paper_f1": PAPER.get(name, np.nan)})
    for name in [*members, *METHODS]:
        threshold = book([cutouts(field, name) for field in validation]).best_threshold
        pairs = [cutouts(field, name) for field in test]
        rows.append(row("cutouts", f"{name}, catalogue", pairs, threshold) | {"paper_f1": np.nan})
    table = QTable(rows=rows)
    table.remove_columns(["of", "position error"])
    return table


def f1_table(books):
    """F1 of each book over the number of detections (Figs. 5 and 6a)."""
    n_clusters = next(iter(books.values())).n_clusters
    table = QTable({"detections": np.geomspace(0.2, 5, N_POINTS) * n_clusters})
    for name, one in books.items():
        detections = len(one) - np.searchsorted(np.sort(one.scores), one.thresholds)
        table[name] = np.interp(table["detections"], detections[::-1], one.f1[::-1])
    table.meta["n_clusters"] = n_clusters
    return table


def joint_f1_table(paper, members):
    """F1 on the validation cutouts over the thresholds of both members (Fig. 6b)."""
    f1 = f1_of_thresholds(paper["ranks"], paper["labels"])
    table = QTable({"rank": GRID})
    for rank, column in zip(GRID, f1.T):
        table[f"{rank:.1f}"] = column
    table.meta["members"] = ", ".join(members)
    return table


def completeness_tables(fields, thresholds):
    """Completeness over mass, over redshift and over both (Figs. 10 to 12)."""
    halos = truth(fields)
    for name, threshold in thresholds.items():
        halos[name] = np.concatenate([field[f"halos {name}"] for field in fields]) >= threshold
    far, clusters = halos[halos["redshift"] >= 0.25], halos[select_halos(halos)]
    cells = {name: completeness_map(halos, halos[name], ("redshift", "mvir"), CELLS)
             for name in thresholds}  # fmt: skip
    redshift, mass = cells["calibrated"].edges
    over_both = QTable({"low": redshift[:-1], "high": redshift[1:], "n": cells["calibrated"].n})
    for name, found in cells.items():
        over_both[name] = found.n_found
    over_both.meta["mvir"] = mass.value.tolist()
    return {
        "completeness_mass": over(far, thresholds, "mvir", MASS_BINS),
        "completeness_redshift": over(clusters, thresholds, "redshift", REDSHIFT_BINS),
        "completeness_cells": over_both,
    }


def over(halos, names, by, bins):
    """Completeness of all finders, one below the other."""
    tables = []
    for name in names:
        table = completeness(halos, halos[name], by, bins)
        table.add_column([name] * len(table), name="finder", index=0)
        tables.append(table)
    return vstack(tables)


def show(tables):
    """Print the tables that are not curves."""
    for name in ("catalogue", "ceilings", "gains", "cutouts", "reliability", "unlike",
                 "unlike_gains", "unlike_reliability", "cpu"):  # fmt: skip
        if name in tables:
            print(f"\n{name}", *tables[name].pformat(max_lines=-1, max_width=-1), sep="\n")
            print(*(f"{key}: {value}" for key, value in tables[name].meta.items()), sep="\n")
