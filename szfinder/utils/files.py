"""Write files so that nothing is ever lost: aside first, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Path to write to, which takes the place of ``path`` when all has gone well.

    Parameters
    ----------
    path : path-like
        The file to be written; its folder must exist.

    Yields
    ------
    `~pathlib.Path`
        A path in a new folder beside it, with the same name and so the same ending.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path}: there is no folder {path.parent}; make it first"
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".szfinder-") as folder:
        aside = Path(folder) / path.name
        yield aside
        os.replace(aside, path)
