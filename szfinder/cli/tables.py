"""The tables that a command reads."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["read_table"]


def read_table(path: str) -> "QTable":
    """The table in a file; errors name the file."""
    from astropy.io.registry import IORegistryError
    from astropy.table import QTable

    if not Path(path).is_file():
        raise FileNotFoundError(f"cannot read {path}: there is no such file")
    try:
        return QTable.read(path)
    except (IORegistryError, ValueError, OSError) as error:
        # The rest of what astropy says is a list of formats.
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cannot read {path} as a table: {reason}") from error
