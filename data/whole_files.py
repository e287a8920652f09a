"""Files that are written whole or not at all: beside their name, onto the disk, then renamed.

A process that is killed leaves nothing under a file's own name that is not whole. Whatever writes a
file of a user's writes it here.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from data.errors import StorageError

__all__ = ["TEMPORARY", "is_temporary", "remove", "write_whole", "write_whole_folder"]

TEMPORARY: Final = ".part-"
_TOKEN: Final = 8
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def write_whole(target: Path, writer: Callable[[Path], None]) -> Path:
    """Write a file whole or not at all, in place of an earlier one.

    Parameters
    ----------
    target : Path
        The file, in a folder that is there.
    writer : callable
        Writes to the path it is given, which ends like the target.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StorageError
        There is no space left.
    """
    return _put(target, writer)


def write_whole_folder(target: Path, writer: Callable[[Path], None]) -> Path:
    """Write a folder of files whole or not at all, in place of an earlier one.

    Parameters
    ----------
    target : Path
        The folder.
    writer : callable
        Writes its files into the empty folder it is given, whose name ends like the target's.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StorageError
        There is no space left.
    """

    def fill(beside: Path) -> None:
        beside.mkdir()
        writer(beside)

    return _put(target, fill)


def _put(target: Path, writer: Callable[[Path], None]) -> Path:
    """Write beside the target, force it to the disk and rename it: the one place that does."""
    beside = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:_TOKEN]}-{target.name}")
    try:
        writer(beside)
        for path in [*beside.rglob("*"), beside]:
            _flush(path)
        if beside.is_dir():
            remove(target)
        beside.replace(target)
        _flush(target.parent)
    except BaseException as error:
        remove(beside)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise full(target) from error
        raise
    return target


def full(target: Path) -> StorageError:
    """Return what is said where a file finds no space."""
    return StorageError(
        f"no space left on the disk of {str(target.parent)!r}: {target.name!r} was not written; "
        "free some, or name a folder on another disk"
    )


def is_temporary(name: str) -> bool:
    """Say whether a name is that of a file that a killed process was writing."""
    token, _, rest = name.removeprefix(TEMPORARY).partition("-")
    ours = name.startswith(TEMPORARY) and len(token) == _TOKEN and bool(rest)
    return ours and set(token) <= set("0123456789abcdef")


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Force a file or a folder to the disk; a system that cannot flush folders is left alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)
