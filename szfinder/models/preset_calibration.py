"""What the calibration of a preset must hold: other numbers would change its answers unnoticed."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["check_calibration", "require"]

FINDER_KEYS = ("platt", "thresholds", "score_quantiles")
PLATT_KEYS = ("slope", "intercept")
MASS_KEYS = ("answer", "masses", "redshifts", "redshift_input", "roughness")
#: Architectures whose networks weigh clusters, and do not find them.
MASS_NETWORKS = ("mresunet",)


def check_calibration(calibration: Mapping[str, Any], where: object, *, architecture: str) -> None:
    """Refuse numbers that no calibration has.

    Parameters
    ----------
    calibration : mapping
        The calibration.
    where : object
        Where it is from, for the message.
    architecture : str
        Of the network.

    Raises
    ------
    ValueError
        If an entry is missing, or can be none.
    """
    if architecture in MASS_NETWORKS:
        _check_mass(calibration, where)
    else:
        _check_finder(calibration, where)


def _check_finder(calibration: Mapping[str, Any], where: object) -> None:
    platt, thresholds, quantiles = _parts(calibration, FINDER_KEYS, where)
    require(platt, PLATT_KEYS, f"{where}: platt")
    require(thresholds, ("f1",), f"{where}: thresholds")
    for key in PLATT_KEYS:
        _number(platt[key], f"{where}: {key} of platt")
    threshold = _number(thresholds["f1"], f"{where}: threshold of f1")
    if not 0 < threshold < 1:
        raise ValueError(f"{where}: threshold of f1 must be between 0 and 1; found {threshold:g}")
    parts = sorted(quantiles, key=float)
    values = [_number(quantiles[part], f"{where}: quantile {part} of the score") for part in parts]
    if values != sorted(values):
        raise ValueError(f"{where}: score_quantiles must not fall; found {values}")


def _check_mass(calibration: Mapping[str, Any], where: object) -> None:
    require(calibration, MASS_KEYS, where)
    _parts(calibration, ("answer",), where)
    for key in ("masses", "redshifts"):
        low, high = _two(calibration[key], f"{where}: {key}")
        if not 0 < low <= high:
            raise ValueError(
                f"{where}: {key} must be positive and ascend; found {calibration[key]}"
            )
    rough = calibration["roughness"]
    if not (np.ndim(rough) == 1 and all(_number(r, f"{where}: roughness") > 0 for r in rough)):
        raise ValueError(f"{where}: roughness must be above 0 in each band; found {rough!r}")
    scaling = calibration["redshift_input"]
    if scaling is not None and not _two(scaling, f"{where}: redshift_input")[1] > 0:
        raise ValueError(
            f"{where}: redshift_input must be a mean and a width above 0, or null; found {scaling}"
        )


def _parts(calibration: Mapping[str, Any], keys: tuple[str, ...], where: object) -> list[Mapping]:
    require(calibration, keys, where)
    for key in keys:
        if not isinstance(calibration[key], Mapping):
            raise ValueError(f"{where}: {key} must be numbers by name; found {calibration[key]!r}")
    return [calibration[key] for key in keys]


def require(content: Mapping[str, Any], keys: tuple[str, ...], where: object) -> None:
    """Refuse what lacks an entry.

    Raises
    ------
    ValueError
        If it does; it says what is there.
    """
    missing = [key for key in keys if key not in content]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}; it has {', '.join(content) or '-'}")


def _two(values: Any, where: str) -> list[float]:
    if np.shape(values) != (2,):
        raise ValueError(f"{where} must be two numbers; found {values!r}")
    return [_number(value, where) for value in values]


def _number(value: Any, where: str) -> float:
    if not isinstance(value, Real) or not np.isfinite(value):
        raise ValueError(f"{where} must be a finite number; found {value!r}")
    return float(value)
