"""What each part of the evidence adds to an ensemble.

``python benchmarks/ensemble_evidence.py FOLDER --output FOLDER`` takes the folder of a training,
as ``szfinder train ensemble -o FOLDER`` leaves it, and learns from parts of the evidence only: each
sky is judged by what was learned from the others. It prints F1 and, sky by sky, how much more it is
than that of the matched filter's rank alone.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table
from scored_fields import count, rates, resampled

from szfinder.evaluation import ScoreBook
from szfinder.finders import EnsemblePreset
from szfinder.training import SkyEvidence, judged_by_others, pooled
from szfinder.utils.files import replacing


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("ensemble"))
    options = parser.parse_args()
    paths = sorted(options.folder.glob("evidence_*.npz"))
    if len({path.name.split("_")[1] for path in paths}) != 1:
        parser.error(f"{options.folder} must hold the evidence of one training; found {len(paths)} "
                     f"files: {', '.join(path.name for path in paths)}")  # fmt: skip
    skies = [SkyEvidence.read(path) for path in paths]
    evidence = pooled(skies)
    ranks = [f"rank_{name}" for name in evidence.references]
    features = EnsemblePreset.load(options.folder / "ensemble.json").calibration.model.features
    sizes = [name for name in features if name not in ranks]
    parts = {name: [name] for name in ranks}
    parts["ranks"] = ranks
    if sizes:
        parts["S/N by size"] = sizes
        parts |= {f"S/N by size, {name}": [name, *sizes] for name in ranks}
        parts["all"] = list(features)
    counts = {name: counts_of(evidence, chosen, skies) for name, chosen in parts.items()}
    first = rates(resampled(counts[ranks[0]]))[2]
    rows = []
    for name, each in counts.items():
        gain = rates(resampled(each))[2] - first
        f1 = rates(each.sum(axis=0))[2]
        rows.append({"evidence": name.replace("rank_", "").replace("_", " "), "f1": round(f1, 4),
                     "gain": round(f1 - rates(counts[ranks[0]].sum(axis=0))[2], 4),
                     "err": round(gain.std(), 4)})  # fmt: skip
    table = Table(rows=rows)
    print(*table.pformat(max_lines=-1, max_width=-1), sep="\n")
    options.output.mkdir(parents=True, exist_ok=True)
    with replacing(options.output / f"{options.folder.name}_evidence.ecsv") as aside:
        table.write(aside, format="ascii.ecsv")


def counts_of(evidence, features, skies):
    """True and false positives and misses in each sky, at the threshold with the highest F1."""
    rows = evidence.rows
    probability = judged_by_others(rows, features)
    labels = np.append(rows["true"], np.ones(evidence.n_missed, dtype=bool))
    scores = np.append(probability, np.full(evidence.n_missed, -np.inf))
    threshold = ScoreBook(scores, labels).best_threshold
    return np.array([
        np.add(count(probability[own], rows["true"][own], threshold), [0, 0, sky.n_missed])
        for sky, own in ((sky, rows["sky"] == number) for number, sky in enumerate(skies))
    ])  # fmt: skip


if __name__ == "__main__":
    main()
