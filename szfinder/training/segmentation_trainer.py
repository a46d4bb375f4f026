"""SegmentationTrainer: fits a network that paints where the clusters are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szfinder.evaluation import ScoreBook
from szfinder.models import predict
from szfinder.training.recipe import Recipe, Stage
from szfinder.training.trainer import Trainer

if TYPE_CHECKING:
    import keras

__all__ = ["SegmentationTrainer", "cell_book"]

#: Validation patches that the network takes at a time.
BATCH = 16
#: Truth of a pixel from which on it is on the slope of a peak.
SLOPE = 0.1


def cell_book(answer: np.ndarray, truth: np.ndarray, cell: int, *, name: str = "") -> ScoreBook:
    """Score book of the square cells of patches.

    A cell has the highest answer in it as its score, and is a cluster if the truth is 1 in one of
    its pixels. A cell into which the peak of a cluster reaches from a neighbour says nothing: there
    an answer is right, and would count as false. What is left over of a patch at its end is not
    looked at.

    Parameters
    ----------
    answer, truth : `~numpy.ndarray`
        Shape (n, ny, nx, 1), from 0 to 1.
    cell : int
        Pixels on a side of a cell.
    name : str, optional
        Of the score book.

    Returns
    -------
    `~szfinder.evaluation.ScoreBook`

    Raises
    ------
    ValueError
        If no cell fits into a patch.
    """
    scores, highest = _highest(answer, cell), _highest(truth, cell)
    clear = (highest >= 1) | (highest < SLOPE)
    return ScoreBook(scores[clear], highest[clear] >= 1, name=name)


class SegmentationTrainer(Trainer):
    """Training of a network that paints a map of where the clusters are.

    It is stopped by the loss of the recipe on validation patches, and judged by the cells of these:
    see `cell_book`.

    Parameters
    ----------
    model : keras.Model
        With one map from 0 to 1 as output.
    recipe : `~szfinder.training.Recipe`
        How it is trained. Of the patches of a batch, for each that surely has a cluster, as many as
        the ``ratio`` of the stage come from anywhere.
    training : object
        Patches to learn from: `~szfinder.training.PatchSet`, or a stream of them.
    validation : tuple of `~numpy.ndarray`
        Images and truth of the patches to stop by: (n, ny, nx, n_band) and (n, ny, nx, 1).
    cell : int
        Pixels on a side of a cell.
    **options
        As for `Trainer`: ``folder``, ``seed`` and ``data``.

    Raises
    ------
    ValueError
        If the validation patches lack cells with or without a cluster, or as from `Trainer`.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        training: Any,
        validation: tuple[np.ndarray, np.ndarray],
        *,
        cell: int,
        folder: str | Path,
        **options: Any,
    ) -> None:
        self.images, self.truth = validation
        self.cell = cell
        clusters = _highest(self.truth, cell) >= 1
        if clusters.all() or not clusters.any():
            raise ValueError(
                "the validation patches must have cells with a cluster and cells without; found "
                f"{np.count_nonzero(clusters)} and {np.count_nonzero(~clusters)}: take more skies, "
                "or a larger part of the map, or mask less of it"
            )
        super().__init__(model, recipe, training, folder=folder, **options)

    def score(self) -> ScoreBook:
        """Score book of the cells of the validation patches with the present weights."""
        return cell_book(self._answer(), self.truth, self.cell, name=self.recipe.name)

    def batch(self, rng: np.random.Generator, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        """Patches, and what is to be painted of them."""
        patches = self.training.at(self.progress["total"])
        return patches.batch(rng, self.recipe.batch_size, occupied=1 / (1 + stage.ratio))

    def validation_loss(self, stage: Stage) -> float:
        """Loss of the recipe, without the penalty of the weights, on the validation patches."""
        answer = self._answer()
        parts = [
            np.mean(self.model.loss(self.truth[i : i + BATCH], answer[i : i + BATCH]))
            for i in range(0, len(answer), BATCH)
        ]
        sizes = [len(answer[i : i + BATCH]) for i in range(0, len(answer), BATCH)]
        return float(np.average(parts, weights=sizes))

    def _answer(self) -> np.ndarray:
        return predict(self.model, self.images, batch_size=BATCH)


def _highest(maps: np.ndarray, cell: int) -> np.ndarray:
    """Highest value of each cell, shape (n_cells,)."""
    n, ny, nx = maps.shape[:3]
    rows, columns = ny // cell, nx // cell
    if not rows or not columns:
        raise ValueError(
            f"a cell must fit into a patch; found {cell} pixels, and {ny} x {nx} of a patch"
        )
    cells = maps[:, : rows * cell, : columns * cell, 0].reshape(n, rows, cell, columns, cell)
    return cells.max(axis=(2, 4)).ravel()
