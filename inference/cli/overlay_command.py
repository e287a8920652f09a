"""The command that sets finished runs on different data side by side."""

import string
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.files import resolved
from inference.cli.guard import DONE, GATE_FAILED, guarded, session
from inference.cli.text import field, heading, paragraph, show_table, table, ticked
from inference.thresholds import INTERVAL
from inference.words.numbers import interval, number

if TYPE_CHECKING:
    import xarray as xr

    from inference.studies.overlays import Overlay

__all__ = ["overlay"]

_MAP_ROWS = 5


@guarded
def overlay(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Run folders; the first is the one before."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where overlay.json and the figures go; runs/overlay when left out.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace an overlay of other runs.", show_default=False),
    ] = False,
) -> int:
    """Lay finished runs on different data over each other: what new cells have taught."""
    from inference.cli.progress import stage
    from inference.runs.run_folder import RunFolder
    from inference.steps.studies import save_overlay
    from inference.studies.overlays import overlay as lay_over

    folder = resolved(out or Path("runs") / "overlay")
    RunFolder(folder, "overlay", force=force).require_as_written("")
    session.run_folder = folder
    laid = lay_over(runs)
    _show(laid)
    paragraph()
    with stage("figures"):
        paths = save_overlay(laid, folder, force=force)
    heading("Files")
    ticked(path.name for path in paths)
    paragraph()
    typer.echo(folder)
    return DONE if all(run["gate_passed"] for run in laid.attrs["runs"].values()) else GATE_FAILED


def _show(laid: "Overlay") -> None:
    """Print an overlay."""
    letters = dict(zip(laid.runs, string.ascii_uppercase, strict=False))
    made = [letters[name] for name, run in laid.attrs["runs"].items() if run["synthetic"]]
    mark = f" (SYNTHETIC DATA: {', '.join(made)})" if made else ""
    heading(f"Runs{mark}")
    for name, run in laid.attrs["runs"].items():
        kind = "SYNTHETIC data" if run["synthetic"] else "data"
        tables = ", ".join(run["tables"])
        field(letters[name], f"{name}: {kind} of {run['campaign']} ({tables})")
    heading(f"Parameters{mark}")
    percent = f"{100 * INTERVAL:g} % interval"
    numbers = ["median", percent, "narrower", "shift"]
    filled = table(["parameter", "", *numbers], right=numbers)
    for label in laid.shared():
        rows = laid.parameters.loc[label]
        unit = str(rows["unit"].iloc[0])
        for position, (run, row) in enumerate(rows.iterrows()):
            shown = ("", f"[{unit}]")[unit != "1"] if position == 1 else ""
            filled.add_row(
                label if position == 0 else shown,
                letters[str(run)],
                number(row["median"], row["upper"] - row["lower"]),
                interval(row["lower"], row["upper"]),
                "" if run == laid.runs[0] else _or_dash(f"{number(row['narrower'])}×"),
                "" if run == laid.runs[0] else _or_dash(f"{row['shift']:+.1f}"),
            )
    show_table(filled)
    paragraph(
        "narrower: width of the interval of A over that of the run; shift: of the median, in "
        "standard deviations of A; both of the logarithm where a parameter is positive. "
        "Properties of single separators are in overlay.json."
    )
    for cell, dataset in laid.maps.items():
        risk = float(dataset["safe_current_density"].attrs["risk"]) * 100
        heading(f"Safe currents of {cell} cells at {risk:g} % risk{mark}")
        _show_map(laid, dataset)
    if laid.findings:
        heading("Findings")
        ticked(laid.findings)
    if laid.notes:
        heading("To be read with it")
        ticked(laid.notes)


def _show_map(laid: "Overlay", dataset: "xr.Dataset") -> None:
    """Print a few points of a map, a column each run."""
    safe = dataset["safe_current_density"]
    axes = [str(dim) for dim in safe.dims if dim != "run"]
    headings = [f"{name} [{dataset[name].attrs.get('units', '1')}]" for name in axes]
    letters = list(string.ascii_uppercase[: len(laid.runs)])
    filled = table([*headings, *letters], right=[*headings, *letters])
    sizes = [dataset.sizes[name] for name in axes]
    steps = [_along(size, _MAP_ROWS if i == 0 else 2) for i, size in enumerate(sizes)]
    outside = False
    for place in _product(steps):
        here = dataset.isel(dict(zip(axes, place, strict=True)))
        cells = []
        for run in laid.runs:
            extrapolated = bool(here["extrapolation"].sel(run=run))
            outside |= extrapolated
            value = float(here["safe_current_density"].sel(run=run))
            cells.append(number(value) + ("*" if extrapolated else " "))
        filled.add_row(*(f"{float(here[name]):.3g}" for name in axes), *cells)
    show_table(filled)
    paragraph(
        f"Currents in {safe.attrs['units']}."
        + (" * outside the range of the run's data: extrapolated." if outside else "")
    )


def _along(size: int, count: int) -> list[int]:
    """Return some positions along an axis, both ends among them."""
    steps = max(1, min(count, size) - 1)
    return sorted({round(step * (size - 1) / steps) for step in range(steps + 1)})


def _product(steps: list[list[int]]) -> list[tuple[int, ...]]:
    """Return all places, those of the last axis outermost."""
    import itertools

    return [place[::-1] for place in itertools.product(*steps[::-1])]


def _or_dash(text: str) -> str:
    return "-" if text.startswith(("-×", "+nan", "nan")) else text
