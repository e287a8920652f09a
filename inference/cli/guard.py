"""What every command shares: exit codes, errors as messages, logging.

Exit codes: 0 done; 1 internal error; 2 bad input or refused; 3 a statistical gate or a check
failed; 4 some units of many failed; 130 and 143 stopped by SIGINT and SIGTERM, see `data.stopping`.
"""

import contextlib
import inspect
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from data.errors import AnodebayesError
from data.whole_files import FULL
from inference.runs.log_file import FORMAT, log_line, what_is_no_log

__all__ = [
    "DONE",
    "GATE_FAILED",
    "INTERNAL_ERROR",
    "REFUSED",
    "SOME_FAILED",
    "LogFile",
    "Verbose",
    "fault",
    "guarded",
    "keep_traceback",
    "session",
]

DONE = 0
INTERNAL_ERROR = 1
REFUSED = 2
GATE_FAILED = 3
SOME_FAILED = 4
BROKEN_PIPE = 141

PACKAGES = ("data", "models", "inference")

Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say what is being done.", show_default=False)
]
LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Append a log to this file.")
]


@dataclass
class Session:
    """What the options before the command's name said, and where its traceback would go.

    Parameters
    ----------
    verbose : bool
        Whether `-v` was given.
    log : Path, optional
        The file of `--log`.
    run_folder : Path, optional
        Set by a command that writes to a run folder.
    """

    verbose: bool = False
    log: Path | None = None
    run_folder: Path | None = None


session = Session()


def guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """Make a command: every error becomes a message and an exit code.

    Parameters
    ----------
    command : callable
        Does the work and returns the exit code, None for 0.

    Returns
    -------
    callable
        The command with the options `-v` and `--log`, for typer.
    """

    @wraps(command)
    def run(*args: Any, verbose: bool = False, log: Path | None = None, **kwargs: Any) -> None:
        session.verbose |= verbose
        session.log = log or session.log
        raise typer.Exit(_exit_code(lambda: command(*args, **kwargs)))

    options = {"verbose": Verbose, "log": LogFile}
    defaults = {"verbose": False, "log": None}
    signature = inspect.signature(command)
    extra = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=annotation
        )
        for name, annotation in options.items()
    ]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *extra]
    )
    run.__annotations__ = {**command.__annotations__, **options, "return": None}
    return run


def _exit_code(work: Callable[[], int | None]) -> int:
    """Do the work and return the exit code, having said what went wrong."""
    try:
        _require_working_directory()
        with _logging():
            return work() or DONE
    except AnodebayesError as error:
        _complain(f"error: {error}")
        return REFUSED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read the output closed it; leave the interpreter nothing to flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        if error.errno in FULL:
            what = error.filename or "temporary files or what is printed"
            _complain(
                f"error: no space left for {what}, or a limit on the size of files (ulimit -f) is "
                "reached: make room, and give the command again"
            )
            return REFUSED
        if error.filename is None:
            return _internal(error)
        _complain(f"error: {error.filename}: {(error.strerror or str(error)).lower()}")
        return REFUSED
    except Exception as error:
        return _internal(error)


def _require_working_directory() -> None:
    """Refuse to work where relative paths mean nothing."""
    try:
        Path.cwd()
    except OSError as error:
        raise AnodebayesError(
            "the working directory cannot be opened, it was deleted or replaced: change to "
            "another one (or to the same again, with cd), and give the command again"
        ) from error


def _internal(error: Exception) -> int:
    """Say that the program is at fault, and where the traceback is."""
    where = keep_traceback(error)
    summary = "".join(traceback.format_exception_only(error)).strip()
    _complain(
        f"internal error: {summary}\n"
        f"This is a fault of the program, not of the input. The traceback is in {where}"
    )
    return INTERNAL_ERROR


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Log to the terminal with `-v` and to a file with `--log`; keep warnings off the terminal."""
    handlers: list[logging.Handler] = []
    if session.verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setFormatter(logging.Formatter("%(name)s: %(message)s"))
    if session.log is not None:
        try:
            session.log.parent.mkdir(parents=True, exist_ok=True)
            if wrong := what_is_no_log(session.log):
                raise AnodebayesError(f"the log file {str(session.log)!r} {wrong}")
            handlers.append(
                logging.FileHandler(session.log, encoding="utf-8", errors="backslashreplace")
            )
        except OSError as error:
            raise AnodebayesError(
                f"the log file {str(session.log)!r} cannot be written: {error.strerror}"
            ) from error
        handlers[-1].setFormatter(logging.Formatter(FORMAT))
    loggers = [logging.getLogger(name) for name in (*PACKAGES, "py.warnings")]
    for logger in loggers:
        for handler in handlers:
            logger.addHandler(handler)
        if handlers:
            logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for handler in handlers:
            for logger in loggers:
                logger.removeHandler(handler)
            handler.close()


def fault(error: Exception) -> str:
    """Say of an exception that nobody foresaw that the program is at fault.

    Parameters
    ----------
    error : Exception
        What was raised while a file was read.

    Returns
    -------
    str
        Without its stop.
    """
    return (
        f"{type(error).__name__}: {error}. This is a fault of the program, not of the file: please "
        "report it, with the file"
    )


def keep_traceback(error: Exception) -> Path:
    """Write the traceback of an exception to the log.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    Path
        The log; a temporary file where the command has none.
    """
    said = f"{' '.join(sys.argv)}\n{''.join(traceback.format_exception(error))}"
    text = f"{log_line(__name__, said)}\n"
    content = text.encode(errors="backslashreplace")  # names of files may be no text
    places = [session.log]
    if session.run_folder is not None and session.run_folder.is_dir():
        places.append(session.run_folder / "log.txt")
    for place in places:
        if place is not None:
            with contextlib.suppress(OSError):
                if what_is_no_log(place):
                    continue
            with contextlib.suppress(OSError), place.open("ab") as file:
                file.write(content)
                return place
    with tempfile.NamedTemporaryFile(prefix="anodebayes-", suffix=".log", delete=False) as kept:
        kept.write(content)
    return Path(kept.name)


def _complain(text: str) -> None:
    typer.echo(text, err=True)
