"""A run from Python, and its steps: without a terminal, for whoever calls may show each."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_args

from data.errors import MapError, RunFolderError
from inference.checks import check, write_check
from inference.designs.axes import Cell
from inference.designs.noise import noise_table
from inference.designs.reading import OF_SEPARATOR
from inference.jobs.plan import Plan, Source
from inference.jobs.reading import Changes, load_job
from inference.maps.asked import check_designs, drawn_with
from inference.maps.files import load_maps, save_map_table, save_maps
from inference.maps.mapping import maps_from_job, safe_current_map
from inference.misfit.verdicts import Check, stored_check
from inference.runs.parameter_table import parameter_table
from inference.runs.run_folder import RunFolder
from inference.thresholds import DEFAULT_RISK
from inference.words.run_files import (
    CHECK,
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

    from inference.runs.result import Result

__all__ = [
    "Run",
    "check_run",
    "draw_figures",
    "draw_maps",
    "draw_separators",
    "is_of_report",
    "make_report",
    "run",
    "take_maps",
]

type Stage = Callable[[str], contextlib.AbstractContextManager[object]]
"""Makes, of the name of what is done, a context in which it is done: to show it, or time it."""


@dataclass(frozen=True)
class Run:
    """What `run` has found, and the files that show it.

    Parameters
    ----------
    result : Result
        The fit, with its verdict.
    check : Check
        Verdicts on what it can be trusted for.
    maps : mapping of str to Dataset
        Safe-current maps by kind of cell; none where the draws have not converged.
    report : Path
        The page to send to a colleague.
    figures : tuple of Path
        Of every figure each format.
    """

    result: "Result"
    check: Check
    maps: "Mapping[str, xr.Dataset]"
    report: Path
    figures: tuple[Path, ...]


def run(
    source: Source,
    *,
    folder: str | os.PathLike[str],
    force: bool = False,
    progress: bool = False,
    stage: Stage = contextlib.nullcontext,
    **changes: Unpack[Changes],
) -> Run:
    """Fit a job, map, check, draw figures and write the report, as the command `run` does.

    Parameters
    ----------
    source : Job, str, path or Campaign
        As for `inference.fit`.
    folder : str or path
        The run folder; what it already holds of the same job is read, not computed again.
    force : bool
        Replace the result of another job, and files of the run that were changed since.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Makes, of the name of a step, the context in which the step is taken.
    **changes
        What takes the place of the job's own, as for `inference.fit`.

    Returns
    -------
    Run
        The result, its check, its maps and the files.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError, MapError, RunFolderError, StorageError
        As of `inference.fit`.

    Examples
    --------
    >>> done = run("sodium-literature", folder="runs/sodium-literature")
    >>> done.report.name, sorted(done.maps)
    ('report.html', ['liquid', 'solid'])
    """
    target = RunFolder(folder).path
    with stage("fit"):
        from inference.runs.fitting import fit

        result = fit(source, folder=target, force=force, progress=progress, **changes)
    written = RunFolder(target, result_id=result.id, force=force)
    written.require_as_written(CHECK, REPORT, PARAMETERS, FIGURES)
    maps: Mapping[str, xr.Dataset] = {}
    if result.gate.passed:
        maps = draw_maps(result, target, again=False, force=force, stage=stage)
    # Whether tables agree with each other takes longer.
    found = check_run(result, target, conflict=False, force=force, stage=stage)
    draw_figures(result, maps, target, force=force, stage=stage)
    page = make_report(result, target, again=False, maps=maps, force=force, stage=stage)
    return Run(result, found, maps, page, tuple(sorted((target / FIGURES).iterdir())))


def draw_maps(
    result: "Result",
    folder: Path,
    *,
    again: bool,
    force: bool = False,
    stage: Stage = contextlib.nullcontext,
) -> "Mapping[str, xr.Dataset]":
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
    force : bool
        Whether files that were changed since they were written may be replaced.
    stage : callable, optional
        As for `run`.

    Returns
    -------
    mapping of str to Dataset
        Maps by kind of cell.

    Raises
    ------
    MapError
        A map is not legal, or there is nothing to map.
    """
    run = RunFolder(folder, result_id=result.id, force=force)
    axes = load_job(folder / RESOLVED).map.designs
    tables = [MAP_TABLE.format(cell) for cell in get_args(Cell)]
    with run.lock():
        stored: Mapping[str, xr.Dataset] = {}
        if (folder / MAP).is_file():
            with contextlib.suppress(MapError):  # of a file that is broken
                stored = load_maps(folder / MAP, result)
        same = drawn_with(stored, axes, result)
        if same and not again:
            return stored
        run.require_as_written(MAP, *tables, FIGURES)
        with stage("map"):
            maps = maps_from_job(result, axes)
            if not maps:
                raise MapError(
                    "there is nothing to map: the campaign has data of neither a liquid nor a "
                    "solid cell; ask for a map in the job, under [map.axes.liquid] or "
                    "[map.axes.solid]"
                )
            if not same:
                run.remove(FIGURES)
            run.write(MAP, lambda path: save_maps(maps, path, noise_table(result)))
            for name in tables:
                run.remove(name)
            for cell, dataset in maps.items():
                run.write(MAP_TABLE.format(cell), partial(save_map_table, dataset))
    return maps


def draw_separators(
    result: "Result",
    folder: Path,
    names: Sequence[str],
    *,
    force: bool = False,
    stage: Stage = contextlib.nullcontext,
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
    force : bool
        Whether files that were changed since they were written may be replaced.
    stage : callable, optional
        As for `run`.

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
    if "all" in names and "all" in json.loads(str(result.attrs.get("separators", "{}"))):
        raise MapError(
            "a separator of the campaign is called 'all', and 'all' asks for all of them: name "
            "each, or call that one otherwise"
        )
    asked = load_job(folder / RESOLVED).map.designs.get("liquid", {})
    section = {key: value for key, value in asked.items() if key not in OF_SEPARATOR}
    section |= {"cell": "liquid", "separators": "campaign" if "all" in names else list(names)}
    run = RunFolder(folder, result_id=result.id, force=force)
    with run.lock(), stage("map"):
        run.require_as_written(SEPARATOR_MAP, MAP_TABLE.format("separators"))
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


def draw_figures(
    result: "Result",
    maps: "Mapping[str, xr.Dataset]",
    folder: Path,
    *,
    force: bool = False,
    stage: Stage = contextlib.nullcontext,
) -> None:
    """Draw the figures of a run, unless they are all there and show what it holds.

    Parameters
    ----------
    result : Result
        The run's result.
    maps : mapping of str to Dataset
        Its maps; may be empty.
    folder : Path
        The run folder.
    force : bool
        Whether figures that were changed since they were drawn may be replaced.
    stage : callable, optional
        As for `run`.
    """
    from inference.figures import are_current, made_of, run_contents, write_figures

    due = ("posterior", *(f"map_{cell}_*" for cell in maps))
    there = all(any((folder / FIGURES).glob(f"{name}.*")) for name in due)
    now = made_of(result)
    if there and are_current(folder, now):
        return
    with stage("figures"):

        def draw(path: Path) -> None:
            # The report takes the vectors.
            write_figures(run_contents(result, maps), path, ("pdf", "svg", "png"))

        RunFolder(folder, result_id=result.id, force=force).write_files(FIGURES, draw, made_of=now)


def make_report(
    result: "Result",
    folder: Path,
    *,
    again: bool,
    out: Path | None = None,
    maps: "Mapping[str, xr.Dataset] | None" = None,
    force: bool = False,
    stage: Stage = contextlib.nullcontext,
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
        Whether a file that is no report of this result, or was changed, may be replaced.
    stage : callable, optional
        As for `run`.

    Returns
    -------
    Path
        The report.
    """
    from inference.figures import run_contents
    from inference.report_page.writing import is_current, write_report

    contents = run_contents(result, maps)
    if out is None:
        run = RunFolder(folder, result_id=result.id, force=force)
        run.require_as_written(PARAMETERS, REPORT)
        run.write_text(PARAMETERS, parameter_table(result, "latex"))
    if out is None and not again and is_current(folder / REPORT, contents):
        return folder / REPORT
    with stage("report"):
        return write_report(result, out, contents=contents, force=force)


def is_of_report(designs: "Sequence[Mapping[str, Any]] | None", risk: float) -> bool:
    """Say whether a check is of the designs and the risk that the report begins with."""
    return designs is None and risk == DEFAULT_RISK


def check_run(
    result: "Result",
    folder: Path,
    *,
    conflict: bool = True,
    designs: "Sequence[Mapping[str, Any]] | None" = None,
    risk: float = DEFAULT_RISK,
    force: bool = False,
    stage: Stage = contextlib.nullcontext,
) -> Check:
    """Judge a run; of the report's designs and risk, write ``check.json`` into its folder.

    Parameters
    ----------
    result : Result
        The run's result.
    folder : Path
        The run folder.
    conflict : bool
        Whether each table is fitted by itself.
    designs : sequence of mapping, optional
        As for `inference.check`.
    risk : float
        As for `inference.check`.
    force : bool
        Whether a ``check.json`` that was changed since it was written is replaced.
    stage : callable, optional
        As for `run`.

    Returns
    -------
    Check
        The verdicts.
    """
    kept = is_of_report(designs, risk) and (conflict or not _fuller(folder, result.id))
    if kept:
        RunFolder(folder, result_id=result.id, force=force).require_as_written(CHECK)
    with stage("check"):
        found = check(result, conflict=conflict, designs=designs, risk=risk)
        if kept:
            write_check(found, folder, force=force)
    return found


def _fuller(folder: Path, result_id: str) -> bool:
    """Say whether the folder has a check of the same run in which tables were fitted alone."""
    try:
        stored = stored_check(folder, result_id)
    except RunFolderError:
        return False  # it is damaged, and written anew
    sections = stored["sections"] if stored is not None else []
    conflict = [each for each in sections if each["name"] == "conflict"]
    return bool(conflict) and all(
        each["verdict"] != "not checked" for section in conflict for each in section["findings"]
    )
