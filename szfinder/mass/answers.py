"""Answers: the maps that a network paints of a cluster, and the mass that stands in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

__all__ = ["LOG_SIGMA", "CentralMass", "CentralNormal", "answer_as_dict", "answer_from_dict"]

#: Limits of the logarithm of the error that a network says, which no image comes near.
LOG_SIGMA = (-5.0, 3.0)


@dataclass(frozen=True)
class CentralMass:
    """Compton y, and the surface density of an NFW halo with the mass in its central pixel.

    As Gupta & Reichardt (2020, section 2.2) have it. The network does not say how sure it is: the
    error is how far true masses were from estimates as this one.

    Parameters
    ----------
    y_unit : float
        Compton y that is 1 in the first map.
    mass_unit : float
        Mass in Msun that is 1 in the central pixel of the second map: the mean of the training.
    masses, scatter : sequence of float
        Estimates in Msun, ascending, and the root mean square of the difference of true masses from
        them, over the estimate; by default it is not known, and the error infinite.

    Raises
    ------
    ValueError
        If a number can be none.
    """

    n_maps: ClassVar[int] = 2
    kind: ClassVar[str] = "central-mass"

    y_unit: float
    mass_unit: float
    masses: Sequence[float] = (1.0,)
    scatter: Sequence[float] = (np.inf,)

    def __post_init__(self) -> None:
        _check_positive(self, "y_unit", "mass_unit")
        masses, scatter = np.asarray(self.masses), np.asarray(self.scatter)
        ascending = masses.size > 0 and (np.diff(masses, prepend=0) > 0).all()
        if masses.shape != scatter.shape or not ascending or not (scatter >= 0).all():
            raise ValueError(
                "masses of the answer must ascend, each with a scatter of 0 or more; found "
                f"{masses.tolist()} and {scatter.tolist()}"
            )

    def central(self, m200c: np.ndarray) -> np.ndarray:
        """What is in the middle of the second map for masses in Msun."""
        return m200c / self.mass_unit

    def read(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mass in Msun and its error, both of shape (n,), and Compton y, shape (n, side, side)."""
        mass = maps[:, *_middle(maps), 1].astype(float) * self.mass_unit
        # an image without a cluster may have a mass below 0; its error is that of the lightest
        error = np.maximum(mass, self.masses[0]) * np.interp(mass, self.masses, self.scatter)
        return mass, error, maps[..., 0] * self.y_unit


@dataclass(frozen=True)
class CentralNormal:
    """Compton y, and in the central pixels of two further maps the mass and how sure it is.

    These are mean and logarithm of the standard deviation of a normal distribution of ln M
    (Nix & Weigend 1994), in units of that of the training. The mass is the median, and the error
    half of the range from the 16th to the 84th percentile.

    Parameters
    ----------
    y_unit : float
        Compton y that is 1 in the first map.
    mean, width : float
        Mean and standard deviation of ln M (Msun) in the training.
    stretch : float
        Factor on the standard deviation, found on images that the network did not learn from.

    Raises
    ------
    ValueError
        If a number can be none.
    """

    n_maps: ClassVar[int] = 3
    kind: ClassVar[str] = "central-normal"

    y_unit: float
    mean: float
    width: float
    stretch: float = 1.0

    def __post_init__(self) -> None:
        _check_positive(self, "y_unit", "width", "stretch")
        if not np.isfinite(self.mean):
            raise ValueError(f"mean of the answer must be a finite number; found {self.mean!r}")

    def central(self, m200c: np.ndarray) -> np.ndarray:
        """What is in the middle of the second map for masses in Msun."""
        return (np.log(m200c) - self.mean) / self.width

    def read(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `CentralMass.read`."""
        mean, log_sigma = np.moveaxis(maps[:, *_middle(maps), 1:].astype(float), -1, 0)
        mass = np.exp(self.mean + self.width * mean)
        log_sigma = np.clip(log_sigma, *LOG_SIGMA)
        return (
            mass,
            mass * np.sinh(self.stretch * self.width * np.exp(log_sigma)),
            (maps[..., 0] * self.y_unit),
        )


def answer_from_dict(values: Mapping[str, Any]) -> CentralMass | CentralNormal:
    """The answer with a ``kind`` and parameters, as `answer_as_dict` gives them.

    Raises
    ------
    ValueError
        If there is no such kind, or it has other parameters or numbers.
    """
    kinds = {kind.kind: kind for kind in (CentralMass, CentralNormal)}
    values = dict(values)
    kind = values.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"kind of the answer must be one of {', '.join(kinds)}; found {kind!r}")
    try:
        return kinds[kind](**values)
    except TypeError as error:
        raise ValueError(f"an answer of the kind {kind!r}: {error}") from error


def answer_as_dict(answer: CentralMass | CentralNormal) -> dict[str, Any]:
    """Kind and parameters, as JSON has them."""
    return {"kind": answer.kind, **asdict(answer)}


def _check_positive(answer: CentralMass | CentralNormal, *names: str) -> None:
    for name in names:
        value = getattr(answer, name)
        if not 0 < value < np.inf:
            raise ValueError(f"{name} of the answer must be a positive number; found {value!r}")


def _middle(maps: np.ndarray) -> tuple[int, int]:
    """The pixel that a cluster is in the middle of."""
    return maps.shape[1] // 2, maps.shape[2] // 2
