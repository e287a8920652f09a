"""`anodebayes calibrate`: whether the intervals of a job hold what they promise."""

from pathlib import Path
from typing import Annotated

import typer

from data.files import resolved
from inference.cli.arguments import Set
from inference.cli.guard import DONE, GATE_FAILED, SOME_FAILED, guarded

__all__ = ["calibrate"]


@guarded
def calibrate(
    job: Annotated[str, typer.Argument(metavar="JOB", help="A job file or a bundled job's name.")],
    replicates: Annotated[
        int, typer.Option("--replicates", metavar="N", help="How many in the end.", min=2)
    ] = 300,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder; calibrations/<name> if left out."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="The job's if left out.", min=0)
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", help="Processes at work.", min=1, max=64)
    ] = 2,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace another calibration.", show_default=False),
    ] = False,
    changes: Set = None,
) -> int:
    """Fit many campaigns drawn from the prior and count how often intervals hold the truth.

    A calibration that was stopped goes on where it ended, with the same code.
    """
    import numpy as np
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from inference.cli.text import heading, paragraph, show_table, table, ticked
    from inference.jobs.reading import job_with_set, load_job
    from inference.steps.studies import calibrate as run
    from inference.thresholds import CALIBRATION_FAILED, CALIBRATION_LEVELS
    from inference.words.numbers import number

    loaded = job_with_set(load_job(job), changes or [])
    folder = resolved(out or Path("calibrations") / loaded.name)
    columns = ("replicates", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, disable=not _on_terminal()) as bars:
        bar = bars.add_task("replicates", total=replicates)
        found = run(
            loaded,
            replicates=replicates,
            folder=folder,
            seed=seed,
            processes=processes,
            force=force,
            progress=lambda done, due: bars.update(bar, completed=done, total=due),
        )
    heading(f"Calibration of {loaded.name}: synthetic campaigns under the design of its data")
    ticked(found.verdict())
    if len(found.finished) > 1:
        levels = [f"{100 * level:.0f}" for level in CALIBRATION_LEVELS]
        paragraph()
        paragraph("Share of the replicates whose intervals of 50, 80, 90, 95 % hold the truth:")
        heads = (*(f"{level} %" for level in levels), "p", "contraction")
        view = table(("quantity", *heads), right=heads)
        for name, row in found.table().iterrows():
            held = [f"{100 * row[f'coverage_{level}']:.0f}" for level in levels]
            mark = "" if row["calibrated"] else "  NOT calibrated"
            learnt = f"{row['contraction']:.2f}" if np.isfinite(row["contraction"]) else ""
            view.add_row(f"{name}{mark}", *held, number(float(row["p_uniform"])), learnt)
        show_table(view)
        if found.contraction().notna().any():
            paragraph("Contraction: share of the prior's variance that data remove, in the mean.")
    paragraph(f"{folder}")
    if found.share_failed > CALIBRATION_FAILED:
        return SOME_FAILED
    # Too few replicates to say are no failure: the verdict says so, and how many are due.
    return GATE_FAILED if found.passed is False else DONE


def _on_terminal() -> bool:
    import sys

    return sys.stderr.isatty()
