"""The steps of a run as the command line shows them, each with its time."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from inference.cli.guard import session
from inference.cli.text import paragraph
from inference.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["stage", "stored_result"]


class _Stages(logging.Handler):
    """Prints what the fit logs as its stages end; spins until there is something to sample."""

    def __init__(self, spinner: contextlib.ExitStack) -> None:
        super().__init__(logging.INFO)
        self._spinner = spinner

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        message = record.getMessage()
        if message.startswith("compile"):
            self._spinner.close()  # the sampler brings a bar of its own
        paragraph(message, indent="  ")


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage and print its line; on a terminal show that something is happening.

    Parameters
    ----------
    name : str
        What is done.
    """
    if name == "fit":  # which has stages of its own
        with _fit_shown():
            yield
        return
    start = time.perf_counter()
    with _spinner(name):
        yield
    paragraph(f"{name} {time.perf_counter() - start:.2f} s", indent="  ")


def _spinner(name: str) -> contextlib.AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{name} ...")


@contextlib.contextmanager
def _fit_shown() -> Iterator[None]:
    """Print the stages of a fit as they end."""
    logger = logging.getLogger("inference.runs.fitting")
    level = logger.level
    with contextlib.ExitStack() as spinner:
        spinner.enter_context(_spinner("build and compile"))
        stages = _Stages(spinner)
        logger.addHandler(stages)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(stages)
            logger.setLevel(level)


def stored_result(folder: Path) -> "Result":
    """Read the result of a run folder.

    Parameters
    ----------
    folder : Path
        The run folder.

    Returns
    -------
    Result
        The result.

    Raises
    ------
    RunFolderError
        It holds no whole result.
    """
    RunFolder(folder).require_complete()
    session.run_folder = folder
    from inference.runs.result import load_result

    return load_result(folder)
