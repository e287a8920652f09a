"""What a finished fit and its maps look like on a terminal."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.cli.text import interval, number, paragraph, show_table, table, ticked
from inference.thresholds import INTERVAL, PRIOR_DRIVEN_NARROWING

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from data.campaign import Campaign
    from inference.job import Job
    from inference.result import Result

__all__ = [
    "show_assumptions",
    "show_files",
    "show_findings",
    "show_gate",
    "show_job",
    "show_maps",
    "show_parameters",
]

_METALS = {"Na": "sodium", "Li": "lithium"}
# Of these there is one for each separator or area; the short table leaves them to summary.csv.
_PER_ITEM = ("pore_radius", "porosity", "macmullin_number", "thickness", "lsv_area")
_MAP_ROWS = 5


def show_parameters(result: "Result", *, everything: bool = False) -> None:
    """Print the table of parameters.

    Parameters
    ----------
    result : Result
        A finished fit.
    everything : bool
        Whether the properties of single separators and areas are listed too.
    """
    summary = result.summary()
    kept = [
        label for label in summary.index if everything or label.partition("[")[0] not in _PER_ITEM
    ]
    filled = table(
        ["parameter", "unit", "median", f"{INTERVAL:.0%} interval".replace("%", " %"), "narrower"],
        right=["median", f"{INTERVAL:.0%} interval".replace("%", " %"), "narrower"],
    )
    for label in kept:
        filled.add_row(*_parameter_row(label, summary.loc[label]))
    show_table(filled)
    paragraph(
        "narrower: by how much the interval is narrower than that of the prior (of its logarithm "
        f"where the parameter is positive). Below {PRIOR_DRIVEN_NARROWING:g}× the data hardly "
        "speak of the parameter: it is the prior that is shown."
    )
    left_out = len(summary) - len(kept)
    if left_out:
        paragraph(
            f"{left_out} more, properties of single separators and areas, are in summary.csv and "
            "in `anodebayes show RUN --all`."
        )


def _parameter_row(label: str, row: "pd.Series[Any]") -> Sequence[str]:
    width = row["upper"] - row["lower"]
    unit = "" if row["unit"] == "1" else str(row["unit"])
    narrowing = float(row["narrowing"])
    return (
        label,
        unit,
        number(row["median"], width),
        interval(row["lower"], row["upper"]),
        "-" if math.isnan(narrowing) else f"{number(narrowing)}×",
    )


def show_gate(result: "Result") -> None:
    """Print the verdict of the convergence gate with its numbers.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    gate = result.gate
    paragraph(f"Convergence gate: {'passed' if gate.passed else 'FAILED'}", bold=True)
    ticked(f"{name}: {value}" for name, value in gate.criteria.items())
    if not gate.passed:
        paragraph("What failed:")
        ticked(gate.failures)
        paragraph(f"What to do: {gate.advice}")


def show_findings(result: "Result") -> None:
    """Print what the fit found, in sentences.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    findings = result.findings()
    if findings:
        paragraph("Findings", bold=True)
        ticked(findings)


def show_assumptions(result: "Result") -> None:
    """Print every assumed number that entered the fit.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    assumptions = result.assumptions
    if assumptions:
        paragraph(f"Assumed numbers ({len(assumptions)}): no source states them", bold=True)
        ticked(assumptions)


def show_maps(maps: Mapping[str, "xr.Dataset"]) -> None:
    """Print a few rows of each safe-current map.

    Parameters
    ----------
    maps : mapping of str to Dataset
        Maps by kind of cell.
    """
    for cell, dataset in maps.items():
        _show_map(cell, dataset)


def _show_map(cell: str, dataset: "xr.Dataset") -> None:
    import numpy as np

    safe = dataset["safe_current_density"]
    doing = "charging" if cell == "liquid" else "stripping"
    paragraph(f"Safe currents of {cell} cells, {doing}", bold=True)
    risk = float(safe.attrs["risk"])
    swept = [str(dim) for dim in safe.dims]
    fixed = {
        str(name): coord
        for name, coord in safe.coords.items()
        if coord.ndim == 0 and coord.dtype.kind == "f"
    }
    at = dict.fromkeys(swept[1:], 0)
    held = [
        _quantity(name, float(coord), coord.attrs.get("units", "1"))
        for name, coord in {**fixed, **{dim: dataset[dim][0] for dim in swept[1:]}}.items()
    ]
    if held:
        paragraph(f"At {', '.join(held)}.")
    axis = swept[0] if swept else None
    length = dataset.sizes[axis] if axis else 1
    rows = np.unique(np.linspace(0, length - 1, min(_MAP_ROWS, length)).round().astype(int))
    heading = f"{axis} [{dataset[axis].attrs['units']}]" if axis else "design"
    columns = [heading, f"safe at {risk * 100:g} % risk", "median cell fails at", "limited by"]
    filled = table(columns, right=columns[:3])
    outside = False
    for row in rows:
        here = dataset.isel({**at, **({axis: int(row)} if axis else {})})
        median = here["median_cell_critical_current_density"]
        lower, middle, upper = (float(median.sel(quantile=q)) for q in (0.05, 0.5, 0.95))
        limiting = here["probability_limiting"]
        first = int(limiting.values.argmax())
        extrapolated = bool(here["extrapolation"])
        outside |= extrapolated
        filled.add_row(
            (f"{float(here[axis]):.3g}" if axis else "") + ("*" if extrapolated else " "),
            number(float(here["safe_current_density"])),
            f"{number(middle, upper - lower)} ({interval(lower, upper)})",
            f"{limiting['mechanism'].values[first]} ({float(limiting[first]):.0%})".replace(
                "%", " %"
            ),
        )
    show_table(filled)
    paragraph(
        f"Currents in {safe.attrs['units']}; in brackets the 90 % interval."
        + (" * outside the range of the data: extrapolated." if outside else "")
    )


def _quantity(name: str, value: float, unit: str) -> str:
    if value == float("inf"):
        return "steady state" if name == "charge" else f"{name} unlimited"
    return f"{name} {value:.4g}" + ("" if unit == "1" else f" {unit}")


def show_job(job: "Job", campaign: "Campaign", folder: Path) -> None:
    """Print what is about to be fitted, in a few lines.

    Parameters
    ----------
    job : Job
        The job.
    campaign : Campaign
        Its data.
    folder : Path
        Where the result goes.
    """
    metadata = campaign.metadata
    rows = ", ".join(f"{name} ({rows.sizes[name]})" for name, rows in campaign.tables.items())
    sampler = job.sampler
    kind = "SYNTHETIC" if metadata.kind == "synthetic" else metadata.kind
    paragraph(f"Job {job.name}", bold=True)
    paragraph(f"campaign  {metadata.name}, {_METALS[metadata.metal]}, {kind} data", indent="  ")
    paragraph(f"tables    {rows}", indent="  ")
    if campaign.assumptions:
        paragraph(
            f"assumed   {len(campaign.assumptions)} numbers that no source states, listed below",
            indent="  ",
        )
    paragraph(f"kinetics  {job.model.kinetics}", indent="  ")
    paragraph(
        f"sampler   {sampler.chains} chains of {sampler.tune} + {sampler.draws} draws, "
        f"seed {sampler.seed}",
        indent="  ",
    )
    paragraph(f"folder    {folder}", indent="  ")
    paragraph()


def show_files(folder: Path) -> None:
    """Print the files of a run folder, the folder itself on the last line.

    Parameters
    ----------
    folder : Path
        The run folder.
    """
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )
    paragraph("Files", bold=True)
    ticked(files)
