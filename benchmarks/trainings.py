"""Train the classifier in several widths and by both recipes on the same skies, and compare.

``python benchmarks/trainings.py --folder FOLDER`` trains the network of each ``--widths`` for so
many ``--batches`` by the modern recipe, and one of the least width by the schedule of Lin et al.
(2021), whose 20 stages end when they end; the documentation has the part of it that is
``--stages 1 --stage-batches 6200``. All see the same skies in the same order and are judged on the
same validation skies. It prints the F1 score and the AUC of each; what is in the folder is not
trained again, and what was stopped goes on.
"""

import argparse
from pathlib import Path

from szfinder.training import CNN_TRAININGS, CNNTraining, ImbalanceSchedule, ModernRecipe, train_cnn

SKY = CNN_TRAININGS["deepsz-spt3g"].sky


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--batches", type=int, default=800)
    parser.add_argument("--stages", type=int, default=20, help="stages of the schedule")
    parser.add_argument("--stage-batches", type=int, default=10_000, help="greatest length of each")
    options = parser.parse_args()
    schedule = ImbalanceSchedule(
        ratios=range(1, options.stages + 1), max_batches=options.stage_batches
    )
    recipe = ModernRecipe(n_batches=options.batches)
    trainings = {f"modern-{width}": CNNTraining(SKY, recipe, width) for width in options.widths}
    least = min(options.widths)
    trainings[f"imbalance-{least}"] = CNNTraining(SKY, schedule, least)
    print(f"{'recipe and width':24}{'F1':>8}{'AUC':>8}{'parameters':>12}")
    for name, training in trainings.items():
        preset = train_cnn(training, folder_of(name, Path(options.folder)), progress_bar=True)
        scores = preset.card["scores"]
        n_parameters = preset.build_model().count_params()
        print(
            f"{name:24}{scores['validation_f1']:8.3f}{scores['validation_auc']:8.4f}"
            f"{n_parameters:12d}",
            flush=True,
        )


def folder_of(name, folder):
    """Folder of a training, which has the skies of all."""
    (folder / "skies").mkdir(parents=True, exist_ok=True)
    own = folder / name
    own.mkdir(exist_ok=True)
    if not (own / "skies").exists():
        (own / "skies").symlink_to(folder.resolve() / "skies")
    return own


if __name__ == "__main__":
    main()
