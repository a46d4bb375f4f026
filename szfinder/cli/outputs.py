"""The files that a command writes."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["CATALOGUES", "check_output"]

#: Endings of catalogues that keep units and meta data.
CATALOGUES = (".ecsv", ".fits")


def check_output(path: str, endings: Sequence[str]) -> None:
    """Refuse, before the work is done, what could not be written after it."""
    if Path(path).suffix not in endings:
        raise ValueError(f"cannot write {path}: the name must end in {' or '.join(endings)}")
    if not Path(path).parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {Path(path).parent}")
