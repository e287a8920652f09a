"""Files that people write: their paths, their bytes, and TOML that is no more than it should be."""

import json
import os
import re
import stat
import tomllib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.errors import InputError

__all__ = [
    "control_character",
    "expanded",
    "file_stems",
    "is_reserved",
    "parse_toml",
    "read_bytes",
    "read_json",
    "read_text",
    "read_toml",
    "refuse_unwritable",
    "resolved",
    "what_stands",
]

_MOST_BYTES = 5_000_000
_DEEPEST = 20
"""Levels of tables and lists: a job has six."""
_LONGEST_STEM = 100  # bytes, of the 255 that most disks allow
_PORTS = {f"{port}{k}" for port in ("com", "lpt") for k in range(10)}
_RESERVED = {"con", "prn", "aux", "nul", *_PORTS}  # by Windows, whatever they end in
# What a terminal obeys and no file holds, and what turns the order of signs that are shown; line
# ends and tabs are none of these.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
_INTEGER = 1 << 63  # what TOML promises
_TOO_LARGE = "holds an integer of more than 64 bits: write a smaller one, or a number with a point"


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder that its ``~`` stands for.

    Parameters
    ----------
    path : str or path
        As somebody wrote it.

    Returns
    -------
    Path
        Not resolved.

    Raises
    ------
    InputError
        No file can have this name, or nobody of that name has a home.
    """
    text = os.fspath(path)
    if "\0" in text:
        raise InputError(f"{text!r} is no path: it holds a NUL character; write it without")
    refuse_unwritable(text)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{text!r} names the home folder of a user who has none here: write the path in full, "
            "or './~…' for a file of that name"
        ) from error


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return a path in full, as `expanded`, its links followed.

    Parameters
    ----------
    path : str or path
        As somebody wrote it.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    InputError
        No file can have this name, nobody of that name has a home, or its links lead in a circle.
    """
    found = expanded(path)
    try:
        whole = found.resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{str(found)!r} cannot be followed: {error}") from error
    refuse_unwritable(str(whole))
    return whole


def refuse_unwritable(path: str) -> None:
    """Refuse a path that no text can hold, such as a record of where a row was read from.

    Parameters
    ----------
    path : str
        Any.

    Raises
    ------
    InputError
        Its bytes are not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{path!a} has a name that is not UTF-8, as of an old disk or archive: rename it"
        ) from None


def control_character(text: str) -> str:
    """Return the name of the first control character of a text, other than line ends and tabs.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        Such as ``"U+001B"``; empty where there is none.
    """
    found = None if text.isprintable() else _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def is_reserved(name: str) -> bool:
    """Say whether a system keeps a name for a device, whatever it ends in.

    Parameters
    ----------
    name : str
        Of a file or a folder.

    Returns
    -------
    bool
        Of Windows'; others take it.
    """
    return name.partition(".")[0].rstrip(" ").lower() in _RESERVED


def file_stems(names: Sequence[str]) -> list[str]:
    """Return a part of a file's name for each of several names, whatever they hold.

    Parameters
    ----------
    names : sequence of str
        Names that differ.

    Returns
    -------
    list of str
        Letters, digits, ``_``, ``.`` and ``-``, not too long for any disk, none that a system keeps
        for itself; they differ where letter cases do not count, too.
    """
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", name)).strip(".") or "-"
        while len(stem.encode()) > _LONGEST_STEM:
            stem = stem[:-1]
        if is_reserved(stem):
            stem = f"_{stem}"
        found, again = stem, 1
        while unicodedata.normalize("NFKC", found).casefold() in taken:
            again += 1
            found = f"{stem}-{again}"
        taken.add(unicodedata.normalize("NFKC", found).casefold())
        stems.append(found)
    return stems


def what_stands(path: Path) -> str:
    """Say what stands at a path where a file is due.

    Parameters
    ----------
    path : Path
        Any.

    Returns
    -------
    str
        What it is and what to do; empty where it is a file.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "is a link to a file that is not there" if path.is_symlink() else "is not there"
    except (OSError, ValueError) as error:
        return f"cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"
    if stat.S_ISREG(mode):
        return ""
    kind = "folder" if stat.S_ISDIR(mode) else "pipe" if stat.S_ISFIFO(mode) else "device or socket"
    return f"is a {kind}, and a file is due: rename it, or save the file under this name"


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Return what a file that somebody wrote holds.

    Parameters
    ----------
    path : Path
        The file.
    most : int, optional
        How many bytes it may have.

    Returns
    -------
    bytes
        Everything.

    Raises
    ------
    InputError
        There is none, it is a folder or a pipe, is too large, or cannot be read: in words that
        follow its name.
    """
    if wrong := what_stands(path):
        raise InputError(wrong)
    try:
        if (size := path.stat().st_size) > most:
            raise InputError(f"has {size} bytes: at most {most} are read")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error


def read_text(path: Path, most: int = _MOST_BYTES) -> str:
    """Return what a text file that somebody wrote holds.

    Parameters
    ----------
    path : Path
        The file.
    most : int, optional
        How many bytes it may have.

    Returns
    -------
    str
        Without a byte-order mark.

    Raises
    ------
    InputError
        It is not UTF-8, or as of `read_bytes`: in words that follow its name.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 (byte {error.start}: {error.object[error.start]:#04x}): save it as UTF-8"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its tables.

    Raises
    ------
    InputError
        As of `read_text` and `parse_toml`: in words that follow its name.
    """
    return parse_toml(read_text(path))


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    object
        Whatever it is.

    Raises
    ------
    InputError
        It is not JSON, or as of `read_text`: in words that follow its name.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise InputError("is not JSON that is read here: it is nested too deep") from None
    except ValueError as error:
        raise InputError(f"is not JSON: {error}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text says.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    dict
        Its tables.

    Raises
    ------
    InputError
        It is not TOML, nests deeper than anything that is read here, holds an integer of more than
        64 bits or a control character: in words that follow its name.
    """
    deep = f"is nested more than {_DEEPEST} levels deep: no file that is read here is"
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not TOML: {error}") from error
    except RecursionError:
        raise InputError(deep) from None
    except ValueError:  # of thousands of digits, before they are counted
        raise InputError(_TOO_LARGE) from None
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [each for entry in level for each in _inside(entry)]
    if level:
        raise InputError(deep)
    return document


def _inside(entry: object) -> list[Any]:
    """Return what a table or a list holds; refuse what no file of ours holds."""
    if isinstance(entry, str) and (name := control_character(entry)):
        raise InputError(f"holds a text with the control character {name}: write it without")
    if isinstance(entry, int) and not -_INTEGER <= entry < _INTEGER:
        raise InputError(_TOO_LARGE)
    if isinstance(entry, dict):
        return [*entry, *entry.values()]
    return entry if isinstance(entry, list) else []
