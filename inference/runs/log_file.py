"""What the packages log, appended to a file."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["logging_to"]

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
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
