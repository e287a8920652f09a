"""The steps of a run as the command line takes them, each with its time."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from inference.cli.guard import session
from inference.cli.text import paragraph
from inference.runs.run_folder import RunFolder
from inference.words.run_files import (
    FIGURES,
    MAP,
    MAP_TABLE,
    PARAMETERS,
    REPORT,
    RESOLVED,
    SEPARATOR_MAP,
)

if TYPE_CHECKING:
    import xarray as xr

    from inference.jobs.plan import Plan
    from inference.runs.result import Result

__all__ = [
    "draw_figures",
    "draw_maps",
    "draw_separators",
    "fit_plan",
    "make_report",
    "stage",
    "stored_result",
    "take_maps",
]

Cell = Literal["liquid", "solid"]


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


def fit_plan(plan: "Plan", folder: Path, *, force: bool) -> "Result":
    """Fit a job into a run folder, or read the result that is already there.

    Parameters
    ----------
    plan : Plan
        The job with its campaign.
    folder : Path
        The run folder.
    force : bool
        Whether the result of another job may be replaced.

    Returns
    -------
    Result
        The result, new or stored.
    """
    RunFolder(folder).refuse_foreign()  # whose log is not the program's either
    session.run_folder = folder
    with contextlib.ExitStack() as spinner:
        spinner.enter_context(_spinner("build and compile"))
        from inference.runs.fitting import fit

        logger = logging.getLogger("inference.runs.fitting")
        level, stages = logger.level, _Stages(spinner)
        logger.addHandler(stages)
        logger.setLevel(logging.INFO)
        try:
            return fit(plan, folder=folder, force=force, progress=sys.stderr.isatty())
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
    from inference.designs.noise import noise_table
    from inference.jobs.reading import load_job
    from inference.maps.asked import drawn_with
    from inference.maps.files import load_maps, save_map_table, save_maps
    from inference.maps.mapping import maps_from_job

    run = RunFolder(folder, result_id=result.id)
    axes = load_job(folder / RESOLVED).map.designs
    with run.lock():
        stored: Mapping[str, xr.Dataset] = {}
        if (folder / MAP).is_file():
            with contextlib.suppress(MapError):  # of a file that is broken
                stored = load_maps(folder / MAP, result)
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
            if (folder / MAP).is_file() and not same:
                run.remove(FIGURES)
            run.write(MAP, lambda path: save_maps(maps, path, noise_table(result)))
            for cell in get_args(Cell):
                run.remove(MAP_TABLE.format(cell))
            for cell, dataset in maps.items():
                run.write(MAP_TABLE.format(cell), partial(save_map_table, dataset))
    return maps


def draw_separators(
    result: "Result", folder: Path, names: Sequence[str]
) -> "tuple[Mapping[str, xr.Dataset], Path]":
    """Map separators of the campaign beside each other into files of their own.

    Parameters
    ----------
    result : Result
        The run's result.
    folder : Path
        The run folder.
    names : sequence of str
        Names of separators; "all" for all of the campaign's.

    Returns
    -------
    maps : mapping of str to Dataset
        The map of liquid cells, with the dimension `separator`. Conditions that are no separator's
        are those of the run's job.
    file : Path
        ``map_separators.nc``; the table beside it ends in ``.csv``.

    Raises
    ------
    MapError
        A separator is not known, or its map is not legal.
    """
    from data.errors import MapError
    from inference.designs.noise import noise_table
    from inference.designs.reading import OF_SEPARATOR
    from inference.jobs.reading import load_job
    from inference.maps.files import save_map_table, save_maps
    from inference.maps.mapping import safe_current_map

    if "all" in names and "all" in json.loads(str(result.attrs.get("separators", "{}"))):
        raise MapError(
            "a separator of the campaign is called 'all', and 'all' asks for all of them: name "
            "each, or call that one otherwise"
        )
    asked = load_job(folder / RESOLVED).map.designs.get("liquid", {})
    section = {key: value for key, value in asked.items() if key not in OF_SEPARATOR}
    section |= {"cell": "liquid", "separators": "campaign" if "all" in names else list(names)}
    run = RunFolder(folder, result_id=result.id)
    with run.lock(), stage("map"):
        maps = {"liquid": safe_current_map(result, section)}
        file = run.write(SEPARATOR_MAP, lambda path: save_maps(maps, path, noise_table(result)))
        run.write(MAP_TABLE.format("separators"), partial(save_map_table, maps["liquid"]))
    return maps, file


def take_maps(plan: "Plan", result: "Result", folder: Path) -> None:
    """Let a run ask for the maps of another job that has the same fit.

    Parameters
    ----------
    plan : Plan
        The job with its campaign.
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
    from data.errors import RunFolderError
    from inference.maps.asked import check_designs

    job, resolved = plan.job, plan.resolved
    run = RunFolder(folder, result_id=result.id)
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
    due = ("posterior", *(f"map_{cell}_*" for cell in maps))
    if all(any((folder / FIGURES).glob(f"{name}.*")) for name in due):
        return
    with stage("figures"):
        from inference.figures import run_contents, write_figures

        def draw(path: Path) -> None:
            # The report takes the vectors.
            write_figures(run_contents(result, maps), path, ("pdf", "svg", "png"))

        RunFolder(folder, result_id=result.id).write_files(FIGURES, draw)


def make_report(
    result: "Result",
    folder: Path,
    *,
    again: bool,
    out: Path | None = None,
    maps: "Mapping[str, xr.Dataset] | None" = None,
    force: bool = False,
) -> Path:
    """Write the report of a run; in the run folder, the table of its parameters for LaTeX, too.

    With a file of its own it writes nothing into the run folder.

    Parameters
    ----------
    result : Result
        The run's result.
    folder : Path
        The run folder.
    again : bool
        Whether to write a report that is already there and says the same.
    out : Path, optional
        The file of the report; in the run folder when left out.
    maps : mapping of str to Dataset, optional
        The run's maps; those of the folder when left out.
    force : bool
        Whether a file that is no report of this run may be replaced.

    Returns
    -------
    Path
        The report.
    """
    from inference.figures import run_contents
    from inference.report_page.writing import is_current, write_report
    from inference.runs.parameter_table import parameter_table

    contents = run_contents(result, maps)
    if out is None:
        run = RunFolder(folder, result_id=result.id)
        run.write_text(PARAMETERS, parameter_table(result, "latex"))
    if out is None and not again and is_current(folder / REPORT, contents):
        return folder / REPORT
    with stage("report"):
        return write_report(result, out, contents=contents, force=force)
