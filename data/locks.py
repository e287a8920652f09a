"""Locks of folders that one process at a time may write to: a file that is empty, and ours."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import InputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LOCK", "lock_of"]

LOCK: Final = ".lock"
"""Name of the file in the folder."""


def lock_of(folder: Path, patience: float) -> "BaseFileLock":
    """Return the lock of a folder, not yet taken.

    Parameters
    ----------
    folder : Path
        The folder.
    patience : float
        How long another process is waited for [s].

    Returns
    -------
    BaseFileLock
        Of all threads of this process. To take it empties its file.

    Raises
    ------
    InputError
        A file of that name holds something, or is no file: it is the user's.
    """
    from filelock import FileLock

    path = folder / LOCK
    if os.path.lexists(path):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size:
            raise InputError(
                f"{str(path)!r} is a file that anodebayes did not make, and to lock the folder "
                "would empty it: move it away, or use another folder"
            )
    return FileLock(path, timeout=patience, thread_local=False)
