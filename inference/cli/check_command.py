"""The command `check`, and how a check looks on a terminal."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import JobError
from data.files import resolved
from inference.cli.arguments import ForceChanged, Set
from inference.cli.ask_command import At, Kind, Risk, Separator, asked_design, asked_risk
from inference.cli.guard import DONE, GATE_FAILED, guarded
from inference.words.run_files import CHECK

if TYPE_CHECKING:
    from inference.misfit.verdicts import Check

__all__ = ["check", "exit_code", "show_check"]

_MARKS = {"ok": "ok", "not checked": "not checked", "warn": "look", "fail": "FAIL"}
_WORDS = {"ok": "ok", "not checked": "not checked", "warn": "worth a look", "fail": "FAILED"}
_LEGENDS = {
    "fit": (
        "p: probability of data at least as far from the model's prediction, if the model holds; "
        "small is bad."
    ),
    "identifiability": (
        "contraction: share of the prior's variance that the data remove, 1 is all. moves X (s, "
        "up): were that table's weight raised a little, X would rise; s is its power-scaling "
        "sensitivity, worth naming above {power:g}."
    ),
}


@guarded
def check(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder; with --prefit, a job.")],
    prefit: Annotated[
        bool,
        typer.Option(
            "--prefit",
            help="Say what a job will identify, before any sampling.",
            show_default=False,
        ),
    ] = False,
    conflict: Annotated[
        bool,
        typer.Option(
            "--conflict/--no-conflict",
            help="Fit each table by itself and compare (some ten seconds a table), and fit again "
            "without rows that may decide where their weights do not tell.",
        ),
    ] = True,
    at: At = None,
    separator: Separator = None,
    cell: Kind = None,
    risk: Risk = "5 %",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the check as JSON.", show_default=False)
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Print what is in order, too.", show_default=False)
    ] = False,
    force: ForceChanged = False,
    changes: Set = None,
) -> int:
    """Judge a run: sampling, fit, rows that decide, what the data identify, whether tables agree.

    Rows decide the safe current of a design: those that the report begins with, or --at
    'pore_radius=30 nm'. The check of a design or a risk of one's own is printed and not stored.
    """
    from inference.cli.progress import stage, stored_result
    from inference.steps.run import check_run, is_of_report

    shown = nullcontext if as_json else stage
    if prefit:
        from inference.checks import prefit_check
        from inference.jobs.reading import job_with_set, load_job

        with shown("forecast"):
            found = prefit_check(job_with_set(load_job(run), changes or []))
        _print(found, as_json=as_json, everything=everything)
        return exit_code(found)
    if changes:
        raise JobError("--set changes a job: legal before the fit (--prefit), not of a run")
    folder = resolved(run)
    result = stored_result(folder)
    asked = at or separator or cell
    designs = [asked_design(result, at, separator, cell)] if asked else None
    share = asked_risk(risk)
    found = check_run(
        result,
        folder,
        conflict=conflict,
        designs=designs,
        risk=share,
        force=force,
        stage=shown,
    )
    _print(found, as_json=as_json, everything=everything)
    if not as_json and is_of_report(designs, share):
        typer.echo(f"\n{folder / CHECK}")
    elif not as_json:
        typer.echo(
            f"\nOf the design and risk asked for; not stored: {CHECK} and the report speak of the "
            "designs that the report begins with. --json prints it whole."
        )
    return exit_code(found)


def _print(found: "Check", *, as_json: bool, everything: bool) -> None:
    if as_json:
        typer.echo(found.to_json())
    else:
        show_check(found, everything=everything)


def exit_code(found: "Check") -> int:
    """Return the exit code that a check deserves: that of a failed gate where its verdict is so."""
    return GATE_FAILED if found.verdict == "fail" else DONE


def show_check(found: "Check", *, everything: bool = False) -> None:
    """Print a check, a section at a time.

    Parameters
    ----------
    found : Check
        The verdicts.
    everything : bool
        Whether findings that are in order are printed where they would fill the page.
    """
    from inference.cli.text import heading, paragraph, ticked
    from inference.thresholds import POWER_SCALING

    data = "SYNTHETIC data" if found.synthetic else "data"
    what = "Check of run" if found.kind == "run" else "Before the fit: job"
    heading(f"{what} {found.name} ({data} of campaign {found.campaign}): {_WORDS[found.verdict]}")
    for section in found.sections:
        heading(f"{section.title}: {_WORDS[section.verdict]}")
        quiet = section.name in {"sampling", "fit"} and not everything
        shown = [each for each in section.findings if each.verdict != "ok" or not quiet]
        in_order = len(section.findings) - len(shown)
        ticked(f"[{_MARKS[each.verdict]}] {each.sentence}" for each in shown)
        legend = _LEGENDS.get(section.name)
        if legend and found.kind == "run" and shown:
            paragraph(legend.format(power=POWER_SCALING), indent="  ")
        if in_order:
            others = " others" if shown else ""
            paragraph(f"{in_order}{others} in order (--all lists them).", indent="  ")
