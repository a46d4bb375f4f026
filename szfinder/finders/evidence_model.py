"""EvidenceModel: from the evidence of all members to a probability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

__all__ = ["EvidenceModel", "features_of", "monomials"]

#: Highest power of the polynomial.
DEGREE = 3
#: S/N up to which it counts as it is; above, its logarithm does.
LINEAR = 3.0


@dataclass(frozen=True, eq=False)
class EvidenceModel:
    r"""Logistic regression on a cubic polynomial of what the members say of a detection.

    The features are the members' ranks (``rank_NAME``, see `TailRank`) and signal-to-noise ratios
    (``snr``, or ``snr_NUMBER`` of a template), as :math:`\operatorname{arsinh}(S/N / 3)`. Each is
    standardised, and kept within the range of the training, beyond which a polynomial means
    nothing; the odds are

    .. math:: \ln \frac{P}{1 - P} = \sum_k w_k \prod_i x_i^{n_{ki}}, \quad \sum_i n_{ki} \le 3

    Parameters
    ----------
    features : sequence of str
        Columns of a catalogue.
    center, scale, lower, upper : sequence of float
        Of each feature the mean and the scatter by which it is standardised, and the range of what
        comes out.
    weights : sequence of float
        Of the monomials, in the order of `monomials`.

    Raises
    ------
    ValueError
        If the numbers do not fit the features.
    """

    features: Sequence[str]
    center: Sequence[float]
    scale: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    weights: Sequence[float]

    def __post_init__(self) -> None:
        n = len(self.features)
        sizes = [len(getattr(self, name)) for name in ("center", "scale", "lower", "upper")]
        n_weights = len(monomials(np.zeros((1, n)))[0])
        if sizes != [n] * 4 or len(self.weights) != n_weights:
            raise ValueError(
                f"a model of {n} features needs {n} means, scatters and limits and {n_weights} "
                f"weights; found {sizes} and {len(self.weights)}"
            )
        numbers = [*self.center, *self.scale, *self.weights]
        if not np.isfinite(numbers).all() or not np.greater(self.scale, 0).all():
            raise ValueError("a model needs finite numbers, and scatters above 0; found others")
        if not np.less_equal(self.lower, self.upper).all():
            raise ValueError(f"limits must ascend; found {self.lower} and {self.upper}")

    def probability(self, evidence: Mapping[str, ArrayLike]) -> np.ndarray:
        """Probability of being a cluster.

        Parameters
        ----------
        evidence : mapping of str to array_like
            Columns of detections, or a catalogue that has them; shapes (n,).

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,).

        Raises
        ------
        ValueError
            If a feature is missing or not finite.
        """
        x = (features_of(evidence, self.features) - self.center) / self.scale
        x = np.clip(x, self.lower, self.upper)
        return expit(monomials(x) @ np.asarray(self.weights))

    @property
    def as_dict(self) -> dict[str, Any]:
        """Its parameters, as JSON has them."""
        return {name: list(value) for name, value in vars(self).items()}


def features_of(evidence: Mapping[str, ArrayLike], names: Sequence[str]) -> np.ndarray:
    """Features of detections: ranks as they are, S/N linear in the noise and logarithmic above.

    Parameters
    ----------
    evidence : mapping of str to array_like
        Columns of detections, shapes (n,).
    names : sequence of str
        Those that are features.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, n_feature).

    Raises
    ------
    ValueError
        If a feature is missing or not finite.
    """
    keys = evidence.keys()
    missing = [name for name in names if name not in keys]
    if missing:
        raise ValueError(f"the evidence lacks {', '.join(missing)}; it has {', '.join(keys)}")
    values = [np.asarray(evidence[name], dtype=float) for name in names]
    for name, value in zip(names, values):
        if not np.isfinite(value).all():
            n_bad = np.count_nonzero(~np.isfinite(value))
            raise ValueError(
                f"{name} is not finite in {n_bad} of {value.size} places; expected a number "
                "wherever all members have a score"
            )
    return np.transpose(
        [
            value if name.startswith("rank_") else np.arcsinh(value / LINEAR)
            for name, value in zip(names, values)
        ]
    )


def monomials(x: np.ndarray) -> np.ndarray:
    """All products of up to three features, the empty one first; shape (n, n_monomial).

    Parameters
    ----------
    x : `~numpy.ndarray`
        Shape (n, n_feature).
    """
    columns = range(x.shape[1])
    products = chain.from_iterable(
        combinations_with_replacement(columns, degree) for degree in range(DEGREE + 1)
    )
    return np.stack([x[:, list(product)].prod(axis=1) for product in products], axis=1)
