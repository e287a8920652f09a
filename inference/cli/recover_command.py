"""`anodebayes recover`: draw one campaign from a truth, fit it, compare."""

from pathlib import Path
from typing import Annotated

import typer

from data.files import resolved
from inference.cli.arguments import Set
from inference.cli.guard import DONE, GATE_FAILED, guarded, session

__all__ = ["recover"]


@guarded
def recover(
    job: Annotated[str, typer.Argument(metavar="JOB", help="A job file or a bundled job's name.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", metavar="FILE", help="True parameters; drawn from the priors if left out."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The run folder, runs/<name>-recovery when left out; the synthetic campaign is "
            "drawn into DIR-campaign beside it.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="The job's if left out.", min=0)
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace another run, and the campaign that an earlier recovery drew for it.",
            show_default=False,
        ),
    ] = False,
    changes: Set = None,
) -> int:
    """Draw a synthetic campaign from a truth, fit it, show truth against posterior."""
    from inference.cli.printing import show_gate
    from inference.cli.text import heading, paragraph, show_table, table
    from inference.jobs.reading import job_with_set, load_job
    from inference.runs.run_folder import RunFolder
    from inference.studies.recovery import recover as run
    from inference.thresholds import INTERVAL
    from inference.words.numbers import interval, number

    loaded = job_with_set(load_job(job), changes or [])
    folder = resolved(out or Path("runs") / f"{loaded.name}-recovery")
    RunFolder(folder).refuse_foreign()  # as `fit` does: its log is not the program's either
    session.run_folder = folder
    found = run(loaded, truth, seed=seed, folder=folder, force=force)
    show_gate(found.result)
    heading("Truth against posterior, synthetic data")
    span = f"{100 * INTERVAL:.0f} % interval"
    view = table(("quantity", "unit", "truth", "median", span))
    for name, row in found.table.iterrows():
        view.add_row(
            str(name) if row["inside"] else f"{name}: MISSED",
            "" if row["unit"] == "1" else str(row["unit"]),
            number(float(row["truth"])),
            number(float(row["median"])),
            interval(float(row["lower"]), float(row["upper"])),
        )
    show_table(view)
    paragraph(
        f"{found.inside} of {len(found.table)} intervals hold the truth; on average over many "
        f"campaigns {INTERVAL * len(found.table):.0f} should (`anodebayes calibrate`)."
    )
    paragraph(f"{folder}")
    return DONE if found.result.gate.passed else GATE_FAILED
