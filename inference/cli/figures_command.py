"""`anodebayes figures`: the figures of a run, in the formats and widths of print."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from data.files import expanded, resolved
from inference.cli.guard import DONE, GATE_FAILED, guarded

__all__ = ["figures"]


@guarded
def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    kinds: Annotated[
        str, typer.Option("--format", metavar="F,F", help="Of pdf, svg and png.")
    ] = "pdf,svg,png",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Draw this figure; may be given again."),
    ] = None,
    width: Annotated[
        Literal["single", "double"] | None,
        typer.Option(
            "--width", help="Columns of print, for figures of one or two panels; their own."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The folder, new or of earlier figures; RUN/figures when left out.",
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="DIR", help="Show this calibration of the job too."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace figures of another run in DIR, and those that were changed.",
            show_default=False,
        ),
    ] = False,
) -> int:
    """Draw the figures of a run; say which cannot be drawn and why."""
    from inference.cli.progress import stage, stored_result
    from inference.cli.text import heading, ticked
    from inference.figures import DrawnFigures, made_of, run_contents, write_figures
    from inference.runs.run_folder import RunFolder
    from inference.studies.calibration.records import read_calibration
    from inference.words.run_files import FIGURES, RESULT

    folder = resolved(run)
    result = stored_result(folder)
    record = None if calibration is None else read_calibration(expanded(calibration))
    formats = list(dict.fromkeys(kind.strip() for kind in kinds.split(",") if kind.strip()))
    names = tuple(only or ())
    done: list[DrawnFigures] = []

    def draw(path: Path) -> None:
        done.append(write_figures(contents, path, formats, only=names, width=width))

    with stage("figures"):
        shown = made_of(result)
        contents = run_contents(result, calibration=record)
        place = RunFolder(folder, result_id=result.id, force=force)
        if out is not None:
            place = RunFolder(out, "figures", force=force)
            place.require_made_of(RESULT, result.id)
        # Where some are asked for, the others stay as they are.
        target = place.write_files("" if out else FIGURES, draw, keep=bool(names), made_of=shown)
    drawn = sorted({path.stem for path in done[0].paths})
    heading(f"{len(drawn)} figures as {', '.join(formats)}")
    ticked(drawn)
    if done[0].skipped:
        heading("Not drawn")
        ticked(f"{name}: {why}" for name, why in done[0].skipped.items())
    typer.echo(f"\n{target}")
    return DONE if result.gate.passed else GATE_FAILED
