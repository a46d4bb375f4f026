"""Measure ensembles beside their members, as Lin et al. (2021) do in section 3.

``python benchmarks/ensemble.py deepsz --fields 8 --output FOLDER`` looks at skies of 10 by 10
degrees whose seeds nothing was trained or tuned on, for the ensemble ``deepsz`` of the package, or
``spt3g``; and at ``--unlike`` skies that no training resembled. Thresholds of the ensembles are
those they come with, those of their members, and of the cutouts as in the paper, are of validation
skies. It prints table 1, as the paper has it and for catalogues, what each method gains over each
member on the same skies, the calibration, and CPU times. The results of each field are kept in
``fields`` of the folder, so that a run that was stopped goes on; ``tables`` and ``figures`` are
made of them. A copy of ``tables`` is in ``docs/data/ensemble``, from which the user guide draws.
"""

import argparse
import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from classifier_fields import kept
from ensemble_fields import measure_field
from ensemble_figures import draw_figures
from ensemble_tables import show, tables_of
from seeds import TEST_SEEDS

from szfinder.finders.ensemble_preset import BUNDLED
from szfinder.training.seeds import VALIDATION_SEEDS
from szfinder.utils.files import replacing


def main():
    """Run the benchmark."""
    options = parse()
    for name in ("fields", "tables", "figures"):
        (options.output / name).mkdir(parents=True, exist_ok=True)
    fields = measured(options)
    tables, books = tables_of(fields, options.preset, options.size)
    for name, table in tables.items():
        write(table, options.output / "tables" / f"{options.preset}_{name}.ecsv")
    show(tables)
    for name, figure in draw_figures(
        tables, books, fields["test"], options.preset, options.size
    ).items():
        with replacing(options.output / "figures" / f"{options.preset}_{name}.png") as aside:
            figure.savefig(aside, dpi=150)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=["deepsz", "spt3g"])
    parser.add_argument("--fields", type=int, default=8, help="fields that are tested on")
    parser.add_argument("--validation", type=int, default=4, help="fields that choose thresholds")
    parser.add_argument("--unlike", type=int, default=4, help="fields unlike the training")
    parser.add_argument("--size", type=float, default=10.0, help="side of a field in degrees")
    parser.add_argument("--output", type=Path, default=Path("ensemble"))
    parser.add_argument("--processes", type=int, default=1, help="fields at a time, 3 GB each")
    return parser.parse_args()


def measured(options):
    """Arrays of each field, by kind; every field is looked at in a process of its own."""
    jobs = [("test", seed) for seed in TEST_SEEDS[: options.fields]]
    jobs += [("validation", seed) for seed in VALIDATION_SEEDS[: options.validation]]
    jobs += [("unlike", seed) for seed in TEST_SEEDS[: options.unlike]]
    known = hashlib.sha256((BUNDLED / f"{options.preset}.json").read_bytes()).hexdigest()[:8]
    results = {"test": [], "validation": [], "unlike": []}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context, max_tasks_per_child=1) as pool:
        futures = []
        for kind, seed in jobs:
            name = f"{options.preset}_{kind}_{seed}_{options.size:g}deg_{known}.npz"
            arguments = options.preset, kind == "unlike", seed, options.size
            futures.append(
                pool.submit(kept, options.output / "fields" / name, measure_field, *arguments)
            )
        for (kind, seed), future in zip(jobs, futures):
            field = future.result()
            results[kind].append(field)
            seconds = {name[4:]: f"{field[name]:.0f}" for name in field if name.startswith("cpu_")}
            print(f"{kind} {seed}: CPU seconds", *(f"{k} {v};" for k, v in seconds.items()),
                  flush=True)  # fmt: skip
    return results


def write(table, path):
    """Write a table to four digits; it is there whole, or not at all."""
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.info.format = ".4g"
    with replacing(path) as aside:
        table.write(aside)


if __name__ == "__main__":
    main()
