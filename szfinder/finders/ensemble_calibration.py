"""EnsembleCalibration: what an ensemble has learned from skies with truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from szfinder.finders.evidence_model import EvidenceModel
from szfinder.finders.tail_rank import TailRank

__all__ = ["EnsembleCalibration"]

METHODS = ("product", "and", "calibrated")
KEYS = ("references", "and_ranks", "thresholds", "model")


@dataclass(frozen=True, eq=False)
class EnsembleCalibration:
    """Reference distributions of the members' scores, thresholds, and the model of the evidence.

    Made by `~szfinder.training.train_ensemble`.

    Parameters
    ----------
    references : mapping of str to TailRank
        Scores of each member on the skies.
    and_ranks : mapping of str to float
        Least rank of each member in EnsembleAND, chosen together.
    thresholds : mapping of str to float
        Least score of a detection for each method, that of the highest F1.
    model : EvidenceModel
        Probability of a detection.

    Raises
    ------
    ValueError
        If the members of the parts are not the same, or a threshold is not a positive number.
    """

    references: Mapping[str, TailRank]
    and_ranks: Mapping[str, float]
    thresholds: Mapping[str, float]
    model: EvidenceModel

    def __post_init__(self) -> None:
        if self.references.keys() != self.and_ranks.keys():
            raise ValueError(
                f"references are of {', '.join(self.references)}, and_ranks of "
                f"{', '.join(self.and_ranks)}; expected the same members"
            )
        ranks = [name for name in self.model.features if name.startswith("rank_")]
        unknown = [name for name in ranks if name.removeprefix("rank_") not in self.references]
        if unknown:
            raise ValueError(
                f"the model looks at {', '.join(unknown)}; expected ranks of the members "
                f"{', '.join(self.references)}"
            )
        missing = [method for method in METHODS if method not in self.thresholds]
        if missing:
            raise ValueError(f"thresholds lack {', '.join(missing)}; found {self.thresholds}")
        for name, value in {**self.and_ranks, **self.thresholds}.items():
            if not 0 < value < np.inf:
                raise ValueError(f"the threshold of {name} must be positive; found {value!r}")

    @property
    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "references": {name: rank.scores.tolist() for name, rank in self.references.items()},
            "and_ranks": dict(self.and_ranks),
            "thresholds": dict(self.thresholds),
            "model": self.model.as_dict,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EnsembleCalibration":
        """That of which these are the values.

        Raises
        ------
        ValueError
            If one is missing or can be none.
        """
        missing = [key for key in KEYS if key not in values]
        if missing:
            raise ValueError(f"the calibration of an ensemble lacks {', '.join(missing)}")
        try:
            return cls(
                references={name: TailRank(s) for name, s in values["references"].items()},
                and_ranks=values["and_ranks"],
                thresholds=values["thresholds"],
                model=EvidenceModel(**values["model"]),
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"the calibration of an ensemble is damaged: {error}") from error
