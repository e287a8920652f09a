"""The steps of a run as the command line takes them, each with its time."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inference.cli.guard import session
from inference.cli.text import paragraph

if TYPE_CHECKING:
    import xarray as xr

    from inference.job import Job
    from inference.result import Result

__all__ = [
    "FIGURES",
    "MAP",
    "draw_figures",
    "draw_maps",
    "fit_job",
    "stage",
    "stored_result",
    "take_maps",
]

MAP = "map.nc"
FIGURES = "figures"


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
    start = time.perf_counter()
    with _spinner(name):
        yield
    paragraph(f"{name} {time.perf_counter() - start:.2f} s", indent="  ")


def _spinner(name: str) -> contextlib.AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{name} ...")


def fit_job(job: "Job", folder: Path, *, force: bool) -> "Result":
    """Fit a job into a run folder, or read the result that is already there.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        The run folder.
    force : bool
        Whether the result of another job may be replaced.

    Returns
    -------
    Result
        The result, new or stored.
    """
    session.run_folder = folder
    with contextlib.ExitStack() as spinner:
        spinner.enter_context(_spinner("build and compile"))
        from inference.fitting import fit

        logger = logging.getLogger("inference.fitting")
        level, stages = logger.level, _Stages(spinner)
        logger.addHandler(stages)
        logger.setLevel(logging.INFO)
        try:
            return fit(job, folder=folder, force=force, progress=sys.stderr.isatty())
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
    from inference.run_folder import RunFolder

    RunFolder(folder).require_complete()
    session.run_folder = folder
    from inference.result import load_result

    return load_result(folder)


def draw_maps(result: "Result", folder: Path, *, again: bool) -> "Mapping[str, xr.Dataset]":
    """Compute the safe-current maps of a run and store them, or read the stored ones.

    Maps with other axes than the run's job now asks for are drawn again, and the figures that show
    them are removed.

    Parameters
    ----------
    result : Result
        The run's result.
    folder : Path
        The run folder.
    again : bool
        Whether to compute maps that are already there.

    Returns
    -------
    mapping of str to Dataset
        Maps by kind of cell.

    Raises
    ------
    MapError
        A map is not legal, or there is nothing to map.
    """
    from data.errors import MapError
    from inference.job import load_job
    from inference.maps import drawn_with, load_maps, maps_from_job, save_maps
    from inference.run_folder import RESOLVED, RunFolder

    run = RunFolder(folder)
    axes = load_job(folder / RESOLVED).map.designs
    with run.lock():
        stored: Mapping[str, xr.Dataset] = {}
        if (folder / MAP).is_file():
            with contextlib.suppress(MapError):  # of a file that is broken
                stored = load_maps(folder / MAP)
        same = drawn_with(stored, axes, result)
        if same and not again:
            return stored
        with stage("map"):
            maps = maps_from_job(result, axes)
            if not maps:
                raise MapError(
                    "there is nothing to map: the campaign has data of neither a liquid nor a "
                    "solid cell; ask for a map in the job, under [map.axes.liquid] or "
                    "[map.axes.solid]"
                )
            if stored and not same:
                run.remove(FIGURES)
            run.write(MAP, lambda path: save_maps(maps, path))
    return maps


def take_maps(job: "Job", result: "Result", folder: Path) -> None:
    """Let a run ask for the maps of another job that has the same fit.

    Parameters
    ----------
    job : Job
        The job.
    result : Result
        The run's result.
    folder : Path
        The run folder.

    Raises
    ------
    RunFolderError
        The run is that of another job.
    MapError
        A map that the job asks for is not legal.
    """
    from data.campaign import load_campaign
    from data.errors import RunFolderError
    from inference.job import resolve
    from inference.maps import check_designs
    from inference.run_folder import RunFolder
    from models.joint import priors_of

    campaign = load_campaign(job.campaign_location())
    resolved = resolve(job, campaign, priors_of(campaign, job.model_options()))
    run = RunFolder(folder)
    if run.state(resolved) != "complete":
        changes = "\n".join(f"  - {change}" for change in run.differences(resolved))
        raise RunFolderError(
            f"the fit of job {job.name!r} is not the one in {str(folder)!r}, so that its maps "
            f"cannot be drawn from it. What differs:\n{changes}\n"
            "Only the section [map] may differ; for a fit of its own: anodebayes fit JOB"
        )
    check_designs(job.map.designs, result)
    if run.asks_other_maps(resolved):
        run.take_maps(resolved, job.source_text)


def draw_figures(result: "Result", maps: "Mapping[str, xr.Dataset]", folder: Path) -> None:
    """Draw the figures of a run, unless they are all there.

    Parameters
    ----------
    result : Result
        The run's result.
    maps : mapping of str to Dataset
        Its maps; may be empty.
    folder : Path
        The run folder.
    """
    from inference.run_folder import RunFolder

    if (folder / FIGURES).is_dir():
        return
    with stage("figures"):
        from inference.figures import write_figures

        def draw(path: Path) -> None:
            write_figures(result, maps, path)

        RunFolder(folder).write_folder(FIGURES, draw)
