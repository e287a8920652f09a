"""`anodebayes import`: instrument files become rows of a campaign."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inference.cli.guard import DONE, REFUSED, SOME_FAILED, fault, guarded, keep_traceback

if TYPE_CHECKING:
    from inference.importing import Outcome

__all__ = ["import_files"]

LONGEST = 20  # letters of a name in a table


@guarded
def import_files(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Files of an instrument, or patterns in quotes."),
    ],
    table: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="TABLE",
            help="penetration, critical_current, lsv, sand or dc_polarization.",
        ),
    ],
    campaign: Annotated[
        Path, typer.Option("--campaign", metavar="DIR", help="The campaign's folder.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="COLUMN=VALUE",
            help='What the file does not say, with its unit, such as "area=0.5 cm^2". Overrides '
            "the sidecar FILE.toml, which overrides import.toml in the file's folder.",
        ),
    ] = None,
    curve: Annotated[
        int | None,
        typer.Option("--curve", metavar="N", help="Which curve of a file with several."),
    ] = None,
    feature: Annotated[
        Literal["drop", "inflexion"] | None,
        typer.Option(
            "--feature", help="The transition of a polarisation; the earlier one if left out."
        ),
    ] = None,
    correct_sweep: Annotated[
        bool,
        typer.Option(
            "--correct-sweep",
            help="Divide plateaus by what the sweep adds to them, with its error; a warning only "
            "if left out.",
            show_default=False,
        ),
    ] = False,
    accept_doubtful: Annotated[
        bool,
        typer.Option(
            "--accept-doubtful",
            help="Append doubtful rows, too; without it they are shown and drawn only.",
            show_default=False,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read and check everything, write nothing.", show_default=False
        ),
    ] = False,
) -> int:
    """Read instrument files, find the event in each curve, append rows to a campaign.

    A figure and a record of provenance of each file go into the campaign's folder provenance/.
    """
    from data.errors import AnodebayesError, InputError
    from data.provenance import FOLDER
    from data.stopping import last_words
    from inference.cli.text import paragraph
    from inference.importing import import_records
    from inference.importing.curve_files import expand_files
    from inference.importing.sidecars import parse_options

    options = parse_options(settings or [])
    if curve is not None:
        options["curve"] = curve
    paths = expand_files(files)
    outcomes: list[Outcome] = []
    with _bar(len(paths)) as advance:

        def taken(outcome: "Outcome") -> None:
            outcomes.append(outcome)
            advance(outcome)

        with last_words(lambda: None if dry_run else _show_stopped(outcomes, len(paths))):
            import_records(
                paths,
                table=table,
                campaign=campaign,
                metadata=options,
                dry_run=dry_run,
                correct_sweep=correct_sweep,
                feature=feature,
                accept_doubtful=accept_doubtful,
                progress=taken,
            )
    accepted = [outcome for outcome in outcomes if outcome.accepted]
    doubtful = [outcome for outcome in outcomes if outcome.status == "doubtful"]
    refused = [outcome for outcome in outcomes if outcome.status == "refused"]
    if len(outcomes) == 1 and refused:
        error = refused[0].error
        if isinstance(error, Exception) and not isinstance(error, AnodebayesError):
            raise error
        raise InputError(_reason(refused[0]))
    if accepted or doubtful:
        _show_read([*accepted, *doubtful])
    if refused:
        _show_refused(refused)
    paragraph()
    if dry_run:
        paragraph(
            f"{_rows(accepted)} would be appended to {campaign / table}.csv; nothing was written"
        )
    elif accepted:
        paragraph(
            f"{_rows(accepted)} appended to {campaign / table}.csv; records and figures in "
            f"{campaign / FOLDER / table}"
        )
    elif not doubtful:
        paragraph("nothing was written")
    if doubtful:
        figures = "" if dry_run else f" (figures in {campaign / FOLDER / table})"
        paragraph(
            f"{_rows(doubtful)} {'would not be' if dry_run else 'not'} appended{figures}: look at "
            "the curves, mend what is wrong, or import those that are right with --accept-doubtful"
        )
    if not refused and not doubtful:
        return DONE
    return SOME_FAILED if accepted or doubtful else REFUSED


def _rows(outcomes: "Sequence[Outcome]") -> str:
    rows = sum(len(outcome.rows) for outcome in outcomes)
    return f"{rows} row{'' if rows == 1 else 's'}"


@contextlib.contextmanager
def _bar(total: int) -> "Iterator[Callable[[Outcome], None]]":
    """Show a bar on a terminal where there is more than one file."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("files", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = total > 1 and sys.stderr.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not shown) as bars:
        bar = bars.add_task("files", total=total)
        yield lambda outcome: bars.update(bar, advance=1, description=outcome.file.name)


def _show_read(outcomes: "Sequence[Outcome]") -> None:
    from data.features.wording import KINDS, describe
    from inference.cli.text import heading, show_table, table, ticked

    heading("What the curves show")
    view = table(("file", "cell", "kind", "read"))
    said: dict[str, list[str]] = {}
    for outcome in outcomes:
        for feature in outcome.features:
            view.add_row(
                _short(outcome.file.name),
                _short(outcome.cell),
                KINDS[feature.kind],
                describe(feature),
            )
        messages = [flag.message for feature in outcome.features for flag in feature.flags]
        for message in dict.fromkeys([*outcome.statements, *messages]):
            if message not in outcome.doubts:
                said.setdefault(message, []).append(outcome.cell)
    show_table(view)
    for words, appended in (("not appended", False), ("appended all the same", True)):
        doubts: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.accepted is appended:
                for message in outcome.doubts:
                    doubts.setdefault(message, []).append(outcome.cell)
        if doubts:
            heading(f"Doubtful, {words}")
            ticked(f"{_named(cells)}: {message}" for message, cells in doubts.items())
    if said:
        heading("To know")
        ticked(f"{_named(cells)}: {message}" for message, cells in said.items())


def _show_refused(outcomes: "Sequence[Outcome]") -> None:
    """Say why files were refused: a reason that several share once."""
    from data.errors import AnodebayesError
    from inference.cli.text import heading, paragraph, ticked

    heading(f"Not imported ({len(outcomes)})")
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(_message(outcome).replace(outcome.file.name, "FILE"), []).append(outcome)
    for shared, group in groups.items():
        named = _named([str(outcome.file) for outcome in group])
        message = _reason(group[0]) if len(group) == 1 else f"{named}: {shared}"
        first, *rest = message.splitlines()
        ticked([first])
        for line in rest:
            paragraph(line.strip(), indent="      ")
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, AnodebayesError):
            where = keep_traceback(outcome.error)
            paragraph(f"the traceback of {outcome.file.name} is in {where}", indent="      ")


def _show_stopped(outcomes: "Sequence[Outcome]", total: int) -> None:
    """Say which files were taken before the command was stopped."""
    from inference.cli.text import paragraph

    done = [outcome.file.name for outcome in outcomes if outcome.status == "imported"]
    paragraph()
    paragraph(
        f"{len(done)} of {total} files {'is' if len(done) == 1 else 'are'} imported"
        + (f" ({_named(done)})" if done else "")
        + ", each with all its rows; nothing of the others"
    )


def _message(outcome: "Outcome") -> str:
    """Return why a file was refused, without its name before it."""
    from data.errors import AnodebayesError

    error = outcome.error
    if isinstance(error, Exception) and not isinstance(error, AnodebayesError):
        return fault(error)
    message = str(error)
    for mark in (": ", ", "):
        message = message.removeprefix(f"{outcome.file.name}{mark}")
    return message


def _reason(outcome: "Outcome") -> str:
    """Return the file and why it was refused, its name once."""
    message = _message(outcome)
    return message if repr(str(outcome.file)) in message else f"{outcome.file}: {message}"


def _short(name: str) -> str:
    """Return a name that leaves a table of 80 columns room for what matters."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}…{name[-8:]}"


def _named(cells: list[str]) -> str:
    """Return the cells a message is about; many are counted."""
    cells = list(dict.fromkeys(cells))
    return (
        ", ".join(cells) if len(cells) <= 4 else f"{', '.join(cells[:3])} and {len(cells) - 3} more"
    )
