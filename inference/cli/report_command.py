"""`anodebayes report`: a run as one page to read and to explore."""

from pathlib import Path
from typing import Annotated

import typer

from data.files import resolved
from inference.cli.guard import DONE, GATE_FAILED, guarded

__all__ = ["report"]


@guarded
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file; RUN/report.html when left out."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace a FILE that is no report of this run, or was changed.",
            show_default=False,
        ),
    ] = False,
) -> int:
    """Write the report of a run: one HTML file that opens from disk and asks no network.

    It holds verdicts, parameters, data, fit and a map that answers for any design. Without --out
    the table of parameters for LaTeX is written to RUN/parameters.tex, too; with it nothing is
    written into RUN, which may be read-only.
    """
    from inference.cli.progress import stage, stored_result
    from inference.steps.run import make_report

    folder = resolved(run)
    result = stored_result(folder)
    target = None if out is None else resolved(out)
    typer.echo(make_report(result, folder, again=True, out=target, force=force, stage=stage))
    return DONE if result.gate.passed else GATE_FAILED
