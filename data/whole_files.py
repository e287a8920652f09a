"""Files that are written whole or not at all: beside their name, onto the disk, then renamed.

A process that is killed leaves nothing under a file's own name that is not whole. Whatever writes a
file for a user writes it here.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from data.errors import AnodebayesError, ChangedError, StorageError
from data.stopping import undone, uninterrupted

__all__ = [
    "FULL",
    "TEMPORARY",
    "append_whole",
    "content_hash",
    "draft",
    "draft_name",
    "is_left_over",
    "is_temporary",
    "place",
    "remove",
    "require_size",
    "temporary_folder",
    "write_text_whole",
    "write_whole",
    "write_whole_folder",
]

TEMPORARY: Final = ".part-"
_TOKEN: Final = 8  # signs of the number of the process, and as many by chance
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a full disk, of a user's share that is spent, of a limit on files."""

_LONGEST_NAME: Final = 255  # bytes, on most disks
_NOTHING: Final = "nothing"

_PROBE: Final = 1 << 20  # bytes: more than what a file system keeps back of a full disk


def content_hash(path: Path) -> str:
    """Return what tells the content of a path from any other, to be compared later.

    Parameters
    ----------
    path : Path
        A file, or nothing.

    Returns
    -------
    str
        A hash of a file's bytes; a word where no file is there.
    """
    if not path.is_file():
        return _NOTHING
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(
    target: Path, writer: Callable[[Path], object], *, instead_of: str | None = None
) -> Path:
    """Write a file whole or not at all, in place of an earlier one.

    Parameters
    ----------
    target : Path
        The file, in a folder that is there.
    writer : callable
        Writes to the path it is given, which ends like the target.
    instead_of : str, optional
        Of `content_hash`: what was at the target when somebody decided that it may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ChangedError
        Something else is at the target by now, which stays.
    StorageError
        There is no space left.
    """
    with uninterrupted(), draft(target) as beside:  # HDF5 bears no exception within it
        writer(beside)
        if instead_of is not None and content_hash(target) != instead_of:
            raise ChangedError(
                f"{str(target)!r} was written by somebody else meanwhile: it was not replaced"
            )
        place(beside, target)
    return target


def write_text_whole(target: Path, text: str) -> Path:
    """Write a text file, in UTF-8, whole or not at all; as `write_whole`."""
    return write_whole(target, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))


def write_whole_folder(target: Path, writer: Callable[[Path], object]) -> Path:
    """Write a folder of files whole or not at all.

    Parameters
    ----------
    target : Path
        The folder, which is not there or is empty; folders above it are made.
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
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        _fill(target, writer)
        return target
    with draft(target) as beside:
        beside.mkdir()
        writer(beside)
        place(beside, target)
    return target


def _fill(folder: Path, writer: Callable[[Path], object]) -> None:
    """Write files into an empty folder, which stays the same one: somebody may stand in it."""
    with draft(folder / (folder.resolve().name or "files")) as within:
        within.mkdir()
        writer(within)
        done: list[Path] = []
        with uninterrupted():
            try:
                for path in sorted(within.iterdir()):
                    place(path, folder / path.name)
                    done.append(folder / path.name)
            except BaseException:
                for path in done:
                    remove(path)
                raise


@contextlib.contextmanager
def draft(target: Path) -> Iterator[Path]:
    """Give the path beside a target at which it is written; what is left there is removed.

    Parameters
    ----------
    target : Path
        File or folder.

    Yields
    ------
    Path
        Nothing is there yet; its name ends like the target's.

    Raises
    ------
    StorageError
        There is no space left, whatever the writer made of that.
    """
    beside = target.with_name(draft_name(target.name))
    with undone(partial(remove, beside)):
        try:
            yield beside
        except AnodebayesError:
            raise
        except Exception as error:
            # Libraries of images and arrays say "encoder error" or "stream state" of a full disk.
            if getattr(error, "errno", None) in FULL or _is_full(target.parent):
                raise _no_space(target) from error
            raise
        finally:
            remove(beside)


def draft_name(name: str) -> str:
    """Return a name beside that of a file or a folder, which tells what process is writing it.

    Parameters
    ----------
    name : str
        What it will be called.

    Returns
    -------
    str
        It ends like the name, and is as long as disks allow.
    """
    mark = f"{TEMPORARY}{os.getpid():0{_TOKEN}x}{uuid.uuid4().hex[:_TOKEN]}-"
    end = name.encode(errors="surrogateescape")[len(mark) - _LONGEST_NAME :]
    return mark + end.decode(errors="ignore")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that goes away again, whatever ends the block short of a kill.

    Yields
    ------
    Path
        In the system's folder for temporary files, this user's alone.

    Raises
    ------
    StorageError
        It has no space left.
    """
    folder = Path(tempfile.gettempdir()) / f"anodebayes-{uuid.uuid4().hex[:_TOKEN]}"
    with undone(partial(remove, folder)):
        try:
            folder.mkdir(mode=0o700)
            yield folder
        except OSError as error:
            if error.errno in FULL and _is_full(folder.parent):
                raise StorageError(
                    f"no space left for temporary files in {str(folder.parent)!r}: free some, or "
                    "name another folder in the environment variable TMPDIR"
                ) from error
            raise
        finally:
            remove(folder)


@uninterrupted()
def place(beside: Path, target: Path) -> None:
    """Force what was written beside a target to the disk, and give it the target's name.

    Parameters
    ----------
    beside : Path
        File or folder.
    target : Path
        An earlier file, or an empty folder, is replaced.
    """
    for path in [*beside.rglob("*"), beside]:
        _flush(path)
    beside.replace(target)
    _flush(target.parent)


@uninterrupted()
def append_whole(path: Path, text: str) -> None:
    """Append text to a file and force it to the disk: all of it, or nothing.

    Parameters
    ----------
    path : Path
        Made where it is not there.
    text : str
        In UTF-8.

    Raises
    ------
    StorageError
        There is no space left.
    """
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        content = text.encode()
        try:
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except BaseException as error:
            file.truncate(before)
            if isinstance(error, OSError) and error.errno in FULL:
                raise _no_space(path) from error
            raise


def require_size(least: int) -> None:
    """Refuse to begin what ends in a file that this process may not write.

    Parameters
    ----------
    least : int
        Bytes of the file.

    Raises
    ------
    StorageError
        The process may write smaller files only.
    """
    try:
        import resource
    except ImportError:  # of Windows, which has no such limit
        return
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most not in (resource.RLIM_INFINITY, -1) and most < least:
        raise StorageError(
            f"files may have at most {most} bytes here (ulimit -f), and what is to be written has "
            f"{least} or more: lift the limit before hours are spent"
        )


def is_temporary(name: str) -> bool:
    """Say whether a name is that of a file that a process, maybe a killed one, was writing."""
    token, _, rest = name.removeprefix(TEMPORARY).partition("-")
    ours = name.startswith(TEMPORARY) and len(token) == 2 * _TOKEN and bool(rest)
    return ours and set(token) <= set("0123456789abcdef")


def is_left_over(name: str) -> bool:
    """Say whether a name is that of a file that a process was writing which is no more.

    Parameters
    ----------
    name : str
        Of a file.

    Returns
    -------
    bool
        False also where another process has the same number by now.
    """
    if not is_temporary(name):
        return False
    try:
        os.kill(int(name.removeprefix(TEMPORARY)[:_TOKEN], 16), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # of another user; of a number that no process has
        return False
    return False


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _no_space(target: Path) -> StorageError:
    return StorageError(
        f"no space left on the disk of {str(target.parent)!r}, or a limit on the size of files "
        f"(ulimit -f) is reached: {target.name!r} was not written. Free some space, lift the "
        "limit, or name a folder on another disk"
    )


def _is_full(folder: Path) -> bool:
    """Say whether a folder takes no more."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            left = _PROBE
            while left:
                left -= file.write(b"\0" * left)
    except OSError as error:
        return error.errno in FULL
    return False


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
