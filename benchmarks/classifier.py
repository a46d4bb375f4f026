"""Measure the classifier of cutouts beside the matched filter, as Lin et al. (2021) do.

``python benchmarks/classifier.py --fields 8 --preset deepsz-spt3g --output FOLDER`` looks at skies
of 10 by 10 degrees whose seeds nothing was trained or tuned on; thresholds come from validation
skies. It prints what was asked and what is reached, their table 1, the areas under the ROC as
components are added (section 3.4.1), which clusters the two finders find (3.3), the edge effect and
what smaller strides gain (3.4.2), and CPU times. The results of each field are kept in ``fields``
of the folder, so that a run that was stopped goes on; ``tables`` and ``figures`` are made of them.
A copy of ``tables`` is in ``docs/data/classifier``, from which the user guide draws.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from classifier_fields import kept, measure_field, measure_strides
from classifier_figures import draw_figures
from classifier_tables import (
    ceiling_books,
    completeness_tables,
    confusion_table,
    cpu_table,
    edge_table,
    f1_table,
    finder_books,
    found_halos,
    level_books,
    level_table,
    reliability_table,
    roc_table,
    section_33_table,
    stride_table,
)
from seeds import TEST_SEEDS

from szfinder.evaluation import CutoutGrid
from szfinder.models import Preset
from szfinder.simulation import sky_preset
from szfinder.training import expected_calibration_error
from szfinder.training.seeds import VALIDATION_SEEDS
from szfinder.utils.files import replacing

#: CPU seconds asked of a map of 10 by 10 degrees.
ASKED_CPU = {"stride 6": "40 s"}


def main():
    """Run the benchmark."""
    options = parse()
    for name in ("fields", "tables", "figures"):
        (options.output / name).mkdir(parents=True, exist_ok=True)
    jobs = [
        *[("test", measure_field, seed) for seed in TEST_SEEDS[: options.fields]],
        *[("validation", measure_field, seed) for seed in VALIDATION_SEEDS[: options.validation]],
        *[("strides", measure_strides, seed) for seed in TEST_SEEDS[: options.strides]],
        *[("validation_strides", measure_strides, seed)
          for seed in VALIDATION_SEEDS[: options.validation if options.strides else 0]],
    ]
    fields = measured(jobs, options)
    grid = CutoutGrid(*replace(sky_preset("deepsz"), size=options.size * u.deg).grid())
    test, validation = fields["test"], fields["validation"]
    finders, levels = finder_books(test), level_books(test)
    ceilings = ceiling_books(test, grid, validation)
    tables = tables_of(fields, grid, finders, ceilings, levels)
    for name, table in tables.items():
        write(table, options.output / "tables" / f"{name}.ecsv")
    for name, figure in draw_figures(tables, finders, ceilings, levels).items():
        with replacing(options.output / "figures" / f"{name}.png") as aside:
            figure.savefig(aside, dpi=150)
    show(tables, finders["network"])


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=8, help="fields that are tested on")
    parser.add_argument("--validation", type=int, default=2, help="fields that choose thresholds")
    parser.add_argument("--strides", type=int, default=2, help="fields on which strides compare")
    parser.add_argument("--size", type=float, default=10.0, help="side of a field in degrees")
    parser.add_argument("--preset", default="deepsz-spt3g", help="trained weights, or a folder")
    parser.add_argument("--output", type=Path, default=Path("classifier"))
    parser.add_argument("--processes", type=int, default=1, help="fields at a time, 3 GB each")
    return parser.parse_args()


def measured(jobs, options):
    """Arrays of each field, by kind; every field is looked at in a process of its own."""
    weights = Preset.load(options.preset).card["sha256"][:8]
    results = {kind: [] for kind, _, _ in jobs}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context, max_tasks_per_child=1) as pool:
        futures = []
        for kind, measure, seed in jobs:
            path = options.output / "fields" / f"{kind}_{seed}_{options.size:g}deg_{weights}.npz"
            arguments = measure, seed, options.size, options.preset
            futures.append(pool.submit(kept, path, *arguments))
        for (kind, _, seed), future in zip(jobs, futures):
            field = future.result()
            results[kind].append(field)
            seconds = {name[4:]: f"{field[name]:.0f}" for name in field if name.startswith("cpu_")}
            print(f"{kind} {seed}: CPU seconds", *(f"{k} {v};" for k, v in seconds.items()),
                  flush=True)  # fmt: skip
    return results


def tables_of(fields, grid, finders, ceilings, levels):
    """All tables by their names."""
    test, validation = fields["test"], fields["validation"]
    chosen = finder_books(validation) | ceiling_books(validation, grid)
    confusion = confusion_table(finders | ceilings, chosen)
    confusion.meta["n_fields"] = len(test)
    halos = found_halos(test, grid, dict(zip(confusion["finder"], confusion["threshold"])))
    tables = {
        "confusion": confusion,
        "levels": level_table(levels, level_books(validation)),
        "reliability": reliability_table(finders["network"]),
        "section_33": section_33_table(halos),
        "edge": edge_table(test),
        "f1": f1_table(finders | ceilings),
        "roc": roc_table(levels),
        "cpu": cpu_table([*test, *validation]),
    }
    if fields.get("strides"):
        tables["strides"] = stride_table(fields["strides"], fields["validation_strides"])
    return tables | completeness_tables(halos)


def show(tables, network):
    """Print what was asked and reached, and the tables of the paper."""
    print(f"\n{'':44} {'asked':>12}  reached")
    level = tables["levels"][-1]
    report("area under the ROC, all components", "0.98", interval(level, "auc"))
    error = expected_calibration_error(network.scores, network.labels)
    report("expected calibration error", "0.01", f"{error:.4f}")
    for row in tables["confusion"]:
        asked = "" if np.isnan(row["paper_f1"]) else f"paper {row['paper_f1']:.2f}"
        report(f"F1, {row['finder']}", asked, interval(row, "f1"))
    for row in tables["cpu"]:
        report(f"CPU time, {row['step']}", ASKED_CPU.get(row["step"], ""), f"{row['cpu']:.1f}")
    for name in ("confusion", "levels", "section_33", "strides", "reliability", "edge"):
        if name in tables:
            print(f"\n{name}")
            tables[name].pprint(max_lines=-1, max_width=-1)


def report(name, asked, reached):
    """Print a row."""
    print(f"{name:44} {asked:>12}  {reached}", flush=True)


def interval(row, name):
    """A quantity of a row with its interval."""
    return f"{row[name]:.3f} ({row[f'{name}_lower']:.3f} to {row[f'{name}_upper']:.3f})"


def write(table, path):
    """Write a table to four digits; it is there whole, or not at all."""
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.info.format = ".4g"
    with replacing(path) as aside:
        table.write(aside)


if __name__ == "__main__":
    main()
