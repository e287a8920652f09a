"""What the packages log, appended to a file."""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from data.files import what_stands

__all__ = ["FORMAT", "log_line", "logging_to", "what_is_no_log"]

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""How each record begins: by it a log is known again."""

_BEGINS: Final = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ")

_LOGGED = ("data", "models", "inference", "py.warnings")


@contextlib.contextmanager
def logging_to(path: Path, level: int) -> Iterator[None]:
    """Append what the packages log to a file.

    Parameters
    ----------
    path : Path
        The file.
    level : int
        Least level that is written.
    """
    handler = _Log(path, encoding="utf-8", errors="backslashreplace")
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(FORMAT))
    loggers = [logging.getLogger(name) for name in _LOGGED]
    before = [package.level for package in loggers]
    for package in loggers:
        package.addHandler(handler)
        package.setLevel(min(level, package.level or level))
    try:
        yield
    finally:
        for package, old in zip(loggers, before, strict=True):
            package.removeHandler(handler)
            package.setLevel(old)
        handler.close()


def what_is_no_log(path: Path) -> str:
    """Say why nothing is appended to a file.

    Parameters
    ----------
    path : Path
        The file; it need not exist.

    Returns
    -------
    str
        What it is; empty where it is not there, empty, or a log.
    """
    if not path.exists() and not path.is_symlink():
        return ""
    if wrong := what_stands(path):
        return wrong
    with path.open("rb") as file:
        begins = file.read(200)
    if not begins or _BEGINS.match(begins):
        return ""
    return "is no log (it does not begin as one), and a log is appended to it: name another file"


def log_line(name: str, text: str) -> str:
    """Return a record of an error as a log holds it.

    Parameters
    ----------
    name : str
        Of the module.
    text : str
        What happened.

    Returns
    -------
    str
        Without its line end.
    """
    record = logging.makeLogRecord(
        {"name": name, "levelname": "ERROR", "msg": "%s", "args": (text,), "created": time.time()}
    )
    return logging.Formatter(FORMAT).format(record)


class _Log(logging.FileHandler):
    """A log that a full disk cuts off: it is no result, and the fit goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave out a record that the disk does not take."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, whether or not the disk takes the rest."""
        with contextlib.suppress(OSError):
            super().close()
