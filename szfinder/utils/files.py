"""Write files and folders so that nothing is ever lost: aside first, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "replacing_folder"]


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


@contextmanager
def replacing_folder(path: str | os.PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Folder to write into, which takes the place of ``path`` when all has gone well.

    Parameters
    ----------
    path : path-like
        The folder to be written; the one it is in must exist.
    overwrite : bool, optional
        Whether a folder that is not empty is replaced.

    Yields
    ------
    `~pathlib.Path`
        A new folder beside it.

    Raises
    ------
    FileNotFoundError
        If there is no folder to write it in.
    FileExistsError
        If it is there and not empty, and is not to be overwritten, or is no folder.
    """
    path = Path(path).absolute()
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"cannot write {path}: it is a file, not a folder")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise FileExistsError(
            f"cannot write {path}: the folder is not empty; choose another, or overwrite it"
        )
    with replacing(path) as aside:
        aside.mkdir()
        yield aside
        if path.is_dir():
            os.replace(path, aside.parent / "old")
