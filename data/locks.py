"""Locks of folders that one process at a time may write to: a file that is empty, and ours."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import InputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LOCK", "lock_of", "locked_folders"]

LOCK: Final = ".lock"
"""Name of the file in the folder."""

_PATIENCE = 60.0  # s, for another process that writes into the same folders


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


@contextlib.contextmanager
def locked_folders(folders: Iterable[Path]) -> Iterator[None]:
    """Keep every other process that locks one of some folders waiting.

    Parameters
    ----------
    folders : iterable of Path
        They exist. Where one had no lock, none is left there.

    Raises
    ------
    InputError
        Another process has held a lock for a minute, a folder cannot be written to, or a file of
        the user's has the name of the lock.
    """
    from filelock import Timeout

    with contextlib.ExitStack() as held:
        # Whoever locks several takes them in one order, so that no two wait for each other.
        for folder in sorted({each.resolve() for each in folders}):
            new = not os.path.lexists(folder / LOCK)
            lock = lock_of(folder, _PATIENCE)
            try:
                lock.acquire()
            except Timeout:
                raise InputError(
                    f"another process writes into {str(folder)!r}: wait until it has ended"
                ) from None
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise InputError(f"{str(folder)!r} cannot be written to: {reason}") from error
            held.callback(lock.release)
            if new:
                # Before others may have it: whoever has opened it by now finds it unlinked.
                held.callback((folder / LOCK).unlink, missing_ok=True)
        yield
