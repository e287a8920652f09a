"""The command that compares models on the same data."""

import contextlib
import itertools
import logging
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.files import resolved
from inference.cli.arguments import Set
from inference.cli.guard import DONE, GATE_FAILED, guarded, session
from inference.cli.text import field, heading, paragraph, show_table, table, ticked
from inference.thresholds import MOST_REFITS

if TYPE_CHECKING:
    from inference.studies.comparison.comparison import Comparison

__all__ = ["compare"]

_LOGGERS = ("inference.runs.fitting", "inference.studies.comparison")


@guarded
def compare(
    jobs: Annotated[
        list[str],
        typer.Argument(
            metavar="JOB JOB...",
            help="Job files, names of bundled jobs, or run folders, all of the same data. A job "
            "is fitted into its own run folder, runs/<name> unless it names another, or read "
            "there.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where comparison.json goes, not the fits; runs/comparison when left out.",
        ),
    ] = None,
    most_refits: Annotated[
        int,
        typer.Option(
            "--most-refits",
            metavar="N",
            min=0,
            help="Exact refits that a job may need for data whose importance weights fail.",
        ),
    ] = MOST_REFITS,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace results of other jobs in runs/<name>, and a comparison of other jobs.",
            show_default=False,
        ),
    ] = False,
    changes: Set = None,
) -> int:
    """Compare models that fit the same data by how well they predict what they have not seen."""
    from inference.jobs.reading import job_with_set, load_job
    from inference.runs.run_folder import RunFolder
    from inference.studies.comparison.comparison import compare as compare_jobs
    from inference.words.run_files import RESOLVED

    folder = resolved(out or Path("runs") / "comparison")
    # Before minutes of work.
    RunFolder(folder, "comparison", force=force).require_as_written("")
    # A run folder is read where it lies; a job is fitted into its own, or read there.
    sources = [
        j if (Path(j) / RESOLVED).is_file() else job_with_set(load_job(j), changes or [])
        for j in jobs
    ]
    runs = [None if isinstance(each, str) else each.run_folder() for each in sources]
    session.run_folder = folder
    with _stages():
        comparison = compare_jobs(
            sources,
            folders=runs,
            force=force,
            most_refits=most_refits,
            progress=sys.stderr.isatty(),
        )
    _show(comparison)
    path = comparison.save(folder, force=force)
    paragraph()
    typer.echo(path)
    return DONE if comparison.reliable else GATE_FAILED


@contextlib.contextmanager
def _stages() -> Iterator[None]:
    """Print what is being done."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            paragraph(record.getMessage(), indent="  ")

    handler = Lines(logging.INFO)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _show(comparison: "Comparison") -> None:
    """Print a comparison."""
    from inference.studies.comparison.cells import ALL_POINTS, CELLS

    attrs = comparison.attrs
    mark = " (SYNTHETIC DATA)" if attrs["synthetic"] else ""
    heading(f"Comparison on the data of {attrs['campaign']}{mark}")
    letters = dict(zip(attrs["jobs"], _letters(), strict=False))
    differ = _options_that_differ(attrs["jobs"])
    for name, job in attrs["jobs"].items():
        field(letters[name], "; ".join([f"{name}: kinetics {job['kinetics']}", *differ[name]]))
    scopes = list(dict.fromkeys(comparison.scores.index.get_level_values("scope")))
    for scope, words in (
        (ALL_POINTS, "Every point left out in turn"),
        (CELLS, "Every cell left out in turn, with all its points"),
    ):
        if scope in scopes:
            heading(words)
            _show_scores(comparison, [scope], letters, weights=True)
    tables = [scope for scope in scopes if scope not in {ALL_POINTS, CELLS}]
    if tables:
        heading("By table: its points left out in turn from the joint fit")
        _show_scores(comparison, tables, letters, weights=False)
    paragraph(
        "elpd: expected log predictive density, larger is better; ± one standard error, of the "
        "difference that of the paired differences. weight: of the mixture that predicts best "
        "(stacking)."
    )
    heading("What was done about importance weights of heavy tail")
    for name, lines in comparison.done.items():
        job = attrs["jobs"][name]
        counts = ", ".join(f"{n} by {m}" for m, n in job["methods"].items())
        field(letters[name], f"{counts}; trusted up to a Pareto k of {job['good_pareto_k']:.2f}")
        ticked(lines)
    heading("Findings")
    ticked(comparison.findings)
    if comparison.problems:
        heading("NOT RELIABLE")
        ticked(comparison.problems)


def _options_that_differ(jobs: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by job, the options of its blocks that are not the same in every job."""
    chosen = {
        name: {
            f"{block} {option}": value
            for block, options in job["options"].items()
            for option, value in options.items()
        }
        for name, job in jobs.items()
    }
    keys = dict.fromkeys(key for options in chosen.values() for key in options)
    every = [key for key in keys if len({str(each.get(key)) for each in chosen.values()}) > 1]
    return {
        name: [f"{key} {options[key]}" for key in every if key in options]
        for name, options in chosen.items()
    }


def _letters() -> Iterator[str]:
    """Yield A, B, ..., Z, A2, B2, ..."""
    yield from string.ascii_uppercase
    for number in itertools.count(2):
        yield from (f"{letter}{number}" for letter in string.ascii_uppercase)


def _show_scores(
    comparison: "Comparison", scopes: list[str], letters: Mapping[str, str], *, weights: bool
) -> None:
    several = len(scopes) > 1 or not weights
    names = ["left out", "elpd", "difference", *(["weight"] if weights else [])]
    filled = table([*(["table"] if several else []), "", *names], right=names)
    for scope in scopes:
        for position, (name, row) in enumerate(comparison.scores.loc[scope].iterrows()):
            first = [scope if position == 0 else ""] if several else []
            filled.add_row(
                *first,
                letters[str(name)],
                str(int(row["units"])),
                _score(row["elpd"], row["se"]),
                "" if row["difference"] == 0 else _score(row["difference"], row["difference_se"]),
                *([f"{row['weight']:.2f}"] if weights else []),
            )
    show_table(filled)


def _score(value: float, error: float) -> str:
    """Return a number with its error, where it has one."""
    return f"{value:.1f}" + ("" if error != error else f" ± {error:.1f}")  # noqa: PLR0124 - NaN
