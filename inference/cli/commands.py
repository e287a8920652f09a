"""The commands of `anodebayes`; what each does is done elsewhere."""

import glob
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from data.files import resolved
from inference.cli.arguments import ForceChanged, JobArgument, Set
from inference.cli.ask_command import required_pore_radius, required_pressure, safe_current
from inference.cli.calibrate_command import calibrate
from inference.cli.check_command import check, exit_code, show_check
from inference.cli.compare_command import compare
from inference.cli.export_command import export_bdf
from inference.cli.figures_command import figures
from inference.cli.guard import (
    DONE,
    GATE_FAILED,
    LogFile,
    Verbose,
    guarded,
    session,
)
from inference.cli.import_command import import_files
from inference.cli.options_command import options
from inference.cli.overlay_command import overlay
from inference.cli.recover_command import recover
from inference.cli.report_command import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.jobs.plan import Plan
    from inference.runs.result import Result

__all__ = ["app"]

DEFAULT_JOB = "sodium-literature"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 internal error; 2 bad input or refused; 3 not converged, or failed "
        "by its check; 4 some units of many failed; 130 and 143 stopped by a signal."
    ),
)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The run folder; runs/<name> when left out."),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace the result of another job, and files that were changed since.",
        show_default=False,
    ),
]


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"anodebayes {version('anodebayes')}")
        raise typer.Exit


@app.callback()
def anodebayes(
    verbose: Verbose = False,
    log: LogFile = None,
    version: Annotated[  # noqa: ARG001 - its callback prints
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Infer the physical parameters of metal battery anodes and map their safe currents.

    Start with: anodebayes run
    """
    session.verbose, session.log, session.run_folder = verbose, log, None


@app.command()
@guarded
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
) -> None:
    """Write a template campaign: every table with its header."""
    from data import new_campaign

    new_campaign(folder)
    typer.echo(f"wrote a template campaign to {folder}")
    typer.echo("Copy the tables you have data for out of templates/ and fill them, then:")
    typer.echo(f"  anodebayes validate {shlex.quote(str(folder))}")
    typer.echo(f"  anodebayes run {shlex.quote(str(folder))}")


@app.command()
@guarded
def validate(
    campaign: Annotated[
        str, typer.Argument(metavar="DIR", help="A campaign folder, or a bundled one's name.")
    ],
) -> None:
    """Check a campaign: print what it holds, or every mistake."""
    from data import load_campaign
    from data.provenance import every_record
    from inference.cli.text import heading, paragraph, ticked
    from inference.jobs.notes import campaign_notes

    loaded = load_campaign(campaign)
    every_record(loaded.path)
    typer.echo(loaded.summary())
    if notes := campaign_notes(loaded):
        heading("For a fit")
        ticked(notes)
    paragraph()
    paragraph("No mistakes.")


@app.command(name="list")
@guarded
def list_bundled() -> None:
    """List the campaigns and jobs that come with the program."""
    from data import list_campaigns
    from inference.cli.text import paragraph, ticked
    from inference.jobs.reading import bundled_jobs, load_job

    for info in list_campaigns():
        paragraph(f"Campaign {info.name} ({info.kind}, {info.metal})", bold=True)
        if info.title:
            paragraph(info.title, indent="  ")
        rows = ", ".join(f"{name} ({count})" for name, count in info.rows.items())
        paragraph(f"tables (rows): {rows}", indent="  ")
        ticked(info.references.values())
        paragraph()
    for name in bundled_jobs():
        paragraph(f"Job {name}", bold=True)
        paragraph(f"fits {load_job(name).campaign}: anodebayes run {name}", indent="  ")
        paragraph()


@app.command()
@guarded
def priors(
    metal: Annotated[
        Literal["Na", "Li"], typer.Option("--metal", help="The metal of the anode.")
    ] = "Na",
) -> None:
    """List the default priors with their units, sources and reasons."""
    from inference.cli.text import paragraph
    from models.priors import catalogue

    paragraph(
        f"Default priors for {metal}. A job replaces one in its table [priors.<name>]; `project` "
        "marks a weakly informative choice of this project."
    )
    for prior in catalogue(metal).values():
        paragraph()
        unit = "" if prior.unit == "1" else f" [{prior.unit}]"
        paragraph(f"{prior.name}{unit}", bold=True)
        paragraph(f"{prior.long_name}: {prior}; source: {prior.source}", indent="  ")
        if prior.note:
            paragraph(prior.note, indent="  ")


app.command()(options)


@app.command()
@guarded
def fit(
    job: JobArgument,
    out: Out = None,
    force: Force = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Build and check everything, sample nothing.", show_default=False
        ),
    ] = False,
    changes: Set = None,
) -> int:
    """Fit the joint model to a campaign and write a run folder."""
    from inference.cli.progress import stage
    from inference.jobs.reading import job_with_set, load_job

    if dry_run:
        from inference.runs.fitting import dry_run as check

        typer.echo(check(job_with_set(load_job(job), changes or [])))
        return DONE
    plan, folder = _plan(job, out, changes)
    with stage("fit"):
        from inference.runs.fitting import fit as sample

        result = sample(plan, folder=folder, force=force, progress=sys.stderr.isatty())
    return _report(result, folder)


@app.command(name="map")
@guarded
def draw_map(
    run: RunArgument,
    job: Annotated[
        str | None,
        typer.Option(
            "--job",
            metavar="JOB",
            help="Draw the maps of this job, which differs from the run's in [map] only.",
        ),
    ] = None,
    separator: Annotated[
        list[str] | None,
        typer.Option(
            "--separator",
            metavar="NAME",
            help="Map this separator of the campaign (repeat it for others; 'all' for all of them) "
            "into map_separators.nc instead.",
        ),
    ] = None,
    force: ForceChanged = False,
) -> int:
    """Compute the safe-current maps of a run into its map.nc, and tables of them."""
    from inference.cli.printing import show_gate, show_maps
    from inference.cli.progress import stage, stored_result
    from inference.jobs.plan import Plan
    from inference.steps.run import draw_figures, draw_maps, draw_separators, take_maps
    from inference.words.run_files import FIGURES, MAP

    folder = resolved(run)
    result = stored_result(folder)
    if job is not None:
        take_maps(Plan.of(job), result, folder)
    if separator:
        maps, file = draw_separators(result, folder, separator, force=force, stage=stage)
        if not result.gate.passed:
            show_gate(result)
        show_maps(result, maps)
        typer.echo(f"\n{file}")
        return DONE if result.gate.passed else GATE_FAILED
    drawn = (folder / FIGURES).is_dir()
    maps = draw_maps(result, folder, again=True, force=force, stage=stage)
    if drawn:
        draw_figures(result, maps, folder, force=force, stage=stage)
    if not result.gate.passed:
        show_gate(result)
    show_maps(result, maps)
    typer.echo(f"\n{folder / MAP}")
    return DONE if result.gate.passed else GATE_FAILED


@app.command()
@guarded
def run(
    job: JobArgument = DEFAULT_JOB,
    out: Out = None,
    force: Force = False,
    changes: Set = None,
) -> int:
    """Fit, map, draw figures, check, print what came out, and write the report.

    Whether the tables agree with each other takes longer: anodebayes check RUN.
    """
    from inference.cli.progress import stage
    from inference.maps.caveats import failures
    from inference.steps.run import run as run_steps

    plan, folder = _plan(job, out, changes)
    done = run_steps(plan, folder=folder, force=force, progress=sys.stderr.isatty(), stage=stage)
    show_check(done.check)
    code = _report(done.result, folder)
    if not done.result.gate.passed:
        typer.echo(
            "No map was drawn from draws that have not converged; `anodebayes map RUN` draws it "
            "all the same.",
            err=True,
        )
    typer.echo(done.report)
    # The stored check, of which `failures` tells, may be a fuller one of before.
    return GATE_FAILED if failures(done.result) else code or exit_code(done.check)


@app.command()
@guarded
def show(
    run: RunArgument,
    everything: Annotated[
        bool,
        typer.Option("--all", help="List every parameter.", show_default=False),
    ] = False,
) -> None:
    """Print the result of a run."""
    from inference.cli.printing import show_stored
    from inference.cli.progress import stored_result

    result = stored_result(run)
    show_stored(result)
    _report(result, run.resolve(), everything=everything)


@app.command()
@guarded
def cite(run: RunArgument) -> None:
    """List what a run rests on and a publication should cite."""
    from inference.cli.progress import stored_result
    from inference.cli.text import ticked
    from inference.runs.citations import citations

    ticked(str(citation) for citation in citations(stored_result(run)))


@app.command()
@guarded
def simulate(
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="A file of true parameters.")],
    design: Annotated[
        str,
        typer.Option("--design", metavar="CAMPAIGN", help="The campaign whose rows are drawn."),
    ],
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the draw.", min=0)],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Write curves like an instrument's too, and the campaign without their rows.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Draw a synthetic campaign from a truth and a design."""
    from inference.studies.simulation import simulate as draw

    campaign = draw(truth, design, seed=seed, folder=out)
    typer.echo(f"wrote a synthetic campaign to {out}")
    if raw:
        from inference.importing.raw_curves import CAMPAIGN, RAW, write_raw_curves

        curves = write_raw_curves(campaign, out / RAW, seed=seed)
        typer.echo(f"wrote {len(curves)} synthetic curves to {out / RAW}; to import them:")
        for table in dict.fromkeys(curve.table for curve in curves):
            # The pattern is the command's to expand; the folder's own name may hold signs of one.
            pattern = str(Path(glob.escape(str(out / RAW))) / f"{table}-*.csv")
            words = ["import", pattern, "--as", table, "--campaign", str(out / RAW / CAMPAIGN)]
            typer.echo(f"  anodebayes {shlex.join(words)}")


app.command(name="import")(import_files)
app.command(name="export-bdf")(export_bdf)
ask = typer.Typer(
    name="ask",
    help="Answer a design question: what is safe, how small a pore, how much pressure.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(ask)
for question in (safe_current, required_pore_radius, required_pressure):
    ask.command()(question)
for command in (report, figures, check, compare, overlay, calibrate, recover):
    app.command()(command)


def _plan(name: str, out: Path | None, changes: "Sequence[str] | None") -> "tuple[Plan, Path]":
    """Plan a fit and say what it is; return it with the absolute run folder."""
    from inference.cli.printing import show_plan
    from inference.jobs.plan import Plan
    from inference.jobs.reading import job_with_set, load_job
    from inference.runs.run_folder import RunFolder

    plan = Plan.of(job_with_set(load_job(name), changes or []))
    folder = plan.job.run_folder() if out is None else resolved(out)
    show_plan(plan, folder)
    RunFolder(folder).refuse_foreign()  # whose log is not the program's either
    session.run_folder = folder
    return plan, folder


def _report(result: "Result", folder: Path, *, everything: bool = False) -> int:
    """Print a result and return the exit code that it deserves."""
    from inference.cli import printing
    from inference.words.run_files import MAP, RESOLVED

    printing.show_gate(result)
    printing.show_warnings(result)
    printing.show_parameters(result, everything=everything)
    printing.show_findings(result)
    if (folder / MAP).is_file():
        from inference.jobs.reading import load_job
        from inference.maps.asked import drawn_with
        from inference.maps.files import load_maps

        maps = load_maps(folder / MAP, result)
        printing.show_maps(result, maps)
        if not drawn_with(maps, load_job(folder / RESOLVED).map.designs, result):
            typer.echo(
                "\nThe job now asks for other axes than these maps have: "
                "`anodebayes map RUN` draws them."
            )
    printing.show_assumptions(result)
    printing.show_files(folder)
    return DONE if result.gate.passed else GATE_FAILED
