"""What a finished fit and its maps look like on a terminal."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from data.quantities import base_name
from inference.cli.text import field, heading, paragraph, show_table, table, ticked
from inference.designs.axes import WORDS
from inference.engine.standing import PRIOR_DRIVEN_WORDS
from inference.maps.caveats import caveats, failures, warned
from inference.thresholds import INTERVAL
from inference.words.labels import is_of_all
from inference.words.numbers import interval, number

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from inference.designs.axes import Cell
    from inference.jobs.plan import Plan
    from inference.runs.result import Result

__all__ = [
    "show_assumptions",
    "show_files",
    "show_findings",
    "show_gate",
    "show_maps",
    "show_parameters",
    "show_plan",
    "show_stored",
    "show_warnings",
]

_METALS = {"Na": "sodium", "Li": "lithium"}
_MAP_ROWS = 6
_DOING = {"liquid": "charging", "solid": "stripping"}


def show_parameters(result: "Result", *, everything: bool = False) -> None:
    """Print the table of parameters.

    Parameters
    ----------
    result : Result
        A finished fit.
    everything : bool
        Whether the properties of single separators and areas are listed too.
    """
    from data.quantities import quantities

    summary = result.summary()
    order = {name: position for position, name in enumerate(quantities())}
    labels = sorted(summary.index, key=lambda label: order.get(base_name(label), len(order)))
    kept = [label for label in labels if everything or is_of_all(label)]
    heading("Parameters" + _warning(result))
    filled = table(
        ["parameter", "unit", "median", f"{INTERVAL:.0%} interval".replace("%", " %"), "narrower"],
        right=["median", f"{INTERVAL:.0%} interval".replace("%", " %"), "narrower"],
    )
    for label in kept:
        filled.add_row(*_parameter_row(label, summary.loc[label]))
    show_table(filled)
    paragraph(
        "narrower: by how much the interval is narrower than that of the prior (of its logarithm "
        f"where the parameter is positive). Where a parameter is {PRIOR_DRIVEN_WORDS}, the data "
        "hardly speak of it: it is the prior that is shown."
    )
    left_out = len(summary) - len(kept)
    if left_out:
        paragraph(
            f"{left_out} more, properties of single separators and areas, are in summary.csv and "
            "in `anodebayes show RUN --all`."
        )


def _warning(result: "Result") -> str:
    """Return what a heading adds to numbers that must not be taken as they are."""
    marks = ["SYNTHETIC DATA"] if result.synthetic else []
    if not result.gate.passed:
        marks.append("NOT CONVERGED: do not use")
    if failures(result):
        marks.append("CHECK FAILED: do not rely on them")
    return f" ({', '.join(marks)})" if marks else ""


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
    heading(f"Convergence gate: {'passed' if gate.passed else 'FAILED'}")
    ticked(f"{name}: {value}" for name, value in gate.criteria.items())
    if not gate.passed:
        paragraph("What failed:")
        ticked(gate.failures)
        paragraph(f"What to do: {gate.advice}")
        paragraph("A section for the job to try next:")
        for line in gate.job_section.splitlines():
            paragraph(line, indent="    ")


def show_warnings(result: "Result") -> None:
    """Print what speaks against every number of a fit, before any of them.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    if told := warned(result):
        heading("What speaks against these numbers")
        ticked(told)


def show_findings(result: "Result") -> None:
    """Print what the fit found, in sentences, without what is said above its numbers.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    told = warned(result)
    findings = [each for each in result.findings() if each not in told]
    if findings:
        heading("Findings")
        ticked(findings)


def show_assumptions(result: "Result") -> None:
    """Print every assumed number that entered the fit.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    rows: dict[str, list[str]] = {}
    for assumption in result.assumptions:
        row, _, equation = assumption.rpartition(": ")
        rows.setdefault(row, []).append(equation)
    if rows:
        heading(f"Assumed numbers ({len(result.assumptions)}): no source states them")
        ticked(f"{row}: {', '.join(equations)}" for row, equations in rows.items())


def show_maps(result: "Result", maps: Mapping[str, "xr.Dataset"]) -> None:
    """Print a few rows of each safe-current map.

    Parameters
    ----------
    result : Result
        The fit they were computed from.
    maps : mapping of str to Dataset
        Maps by kind of cell.
    """
    for cell, dataset in maps.items():
        heading(f"Safe currents of {cell} cells, {_DOING[cell]}" + _warning(result))
        told = str(dataset.attrs.get("suspicions", "")).splitlines()
        for each in dict.fromkeys([*caveats(result, cast("Cell", cell)), *told]):
            paragraph(each)
        _show_map(dataset)


def _show_map(dataset: "xr.Dataset") -> None:
    from inference.maps.files import which_new_cells

    safe = dataset["safe_current_density"]
    swept = [str(dim) for dim in safe.dims]
    columns, rest = swept[:2], swept[2:]
    held = {
        str(name): coord
        for name, coord in safe.coords.items()
        if coord.ndim == 0 and coord.dtype.kind == "f"
    } | {name: dataset[name][0] for name in rest}
    if held:
        fixed = [
            _quantity(name, float(c), c.attrs.get("units", "1"))
            for name, c in held.items()
            if c.dtype.kind == "f"
        ]
        if "protocol" in dataset.attrs:
            fixed.append(f"supply factor of the {dataset.attrs['protocol']!r} protocol")
        paragraph(f"At {', '.join(fixed)}.")
    if meant := which_new_cells(dataset):
        paragraph(f"The safe current is that of {'; '.join(meant)}.")
    headings = [
        name.replace("_", " ")
        + (f" [{dataset[name].attrs['units']}]" if "units" in dataset[name].attrs else "")
        for name in columns
    ]
    risk = f"safe at {float(safe.attrs['risk']) * 100:g} % risk"
    numbers = [*headings, risk, "median cell fails at"]
    mechanisms = dataset["mechanism"].values.tolist()
    several = ["limited by"] if len(mechanisms) > 1 else []
    filled = table([*numbers, *several], right=numbers)
    outside = False
    sizes = [dataset.sizes[name] for name in columns]
    named = columns[:1] == ["separator"]  # each of them is shown
    for place in itertools.product(range(sizes[0]), *_ends(sizes[1:])) if named else _places(sizes):
        here = dataset.isel(dict(zip(columns, place, strict=True)) | dict.fromkeys(rest, 0))
        median = here["median_cell_critical_current_density"]
        lower, middle, upper = (float(median.sel(quantile=q)) for q in (0.05, 0.5, 0.95))
        limiting = here["probability_limiting"]
        first = int(limiting.values.argmax())
        extrapolated = bool(here["extrapolation"])
        outside |= extrapolated
        share = f"{mechanisms[first]} ({float(limiting[first]) * 100:.0f} %)"
        filled.add_row(
            *(_place(here[name]) for name in columns),
            number(float(here["safe_current_density"])) + ("*" if extrapolated else " "),
            f"{number(middle, upper - lower)} ({interval(lower, upper)})",
            *([share] if several else []),
        )
    show_table(filled)
    paragraph(
        ("" if several else f"Limited by {mechanisms[0]}. ")
        + f"Currents in {safe.attrs['units']}; in brackets the 90 % interval."
        + (" * outside the range of the data: extrapolated." if outside else "")
    )


def _ends(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(dict.fromkeys((0, size - 1))) for size in sizes]


def _place(coordinate: "xr.DataArray") -> str:
    """Return where a row of a map lies on one axis."""
    value = coordinate.item()
    return value if isinstance(value, str) else f"{value:.3g}"


def _places(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Choose a few points of a map: along its first axis, at both ends of its second."""
    if not sizes:
        return [()]
    count = _MAP_ROWS if len(sizes) == 1 else _MAP_ROWS - 2
    steps = min(count, sizes[0]) - 1
    first = [round(step * (sizes[0] - 1) / max(1, steps)) for step in range(steps + 1)]
    if len(sizes) == 1:
        return [(position,) for position in first]
    return [(position, end) for end in dict.fromkeys((0, sizes[1] - 1)) for position in first]


def _quantity(name: str, value: float, unit: str) -> str:
    if value == float("inf"):
        return "steady state" if name == "charge" else f"{WORDS.get(name, name)} unlimited"
    return f"{WORDS.get(name, name)} {value:.4g}" + ("" if unit == "1" else f" {unit}")


def show_stored(result: "Result") -> None:
    """Print what was fitted.

    Parameters
    ----------
    result : Result
        A finished fit.
    """
    paragraph(f"Job {result.attrs['name']}", bold=True)
    field("data", result.campaign_summary)
    field("kinetics", result.kinetics)
    field("seed", str(result.attrs["seed"]))
    field("fitted", f"{result.attrs['created']}, anodebayes {result.versions['anodebayes']}")


def show_plan(plan: "Plan", folder: Path) -> None:
    """Print what is about to be fitted, in a few lines.

    Parameters
    ----------
    plan : Plan
        The job with its campaign.
    folder : Path
        Where the result goes.
    """
    job, campaign = plan.job, plan.campaign
    metadata = campaign.metadata
    fitted = {*plan.blocks, "separators"} & {*campaign.tables}
    rows = ", ".join(f"{name} ({campaign.tables[name].sizes[name]})" for name in sorted(fitted))
    assumed = sum(assumption.table in fitted for assumption in campaign.assumptions)
    sampler = job.sampler
    kind = "SYNTHETIC" if metadata.kind == "synthetic" else metadata.kind
    paragraph(f"Job {job.name}", bold=True)
    field("campaign", f"{metadata.name}, {_METALS[metadata.metal]}, {kind} data")
    field("tables", rows)
    if assumed:
        field("assumed", f"{assumed} numbers that no source states, listed below")
    field("kinetics", job.model.kinetics)
    field(
        "sampler",
        f"{sampler.chains} chains of {sampler.tune} + {sampler.draws} draws, seed {sampler.seed}",
    )
    field("folder", str(folder))
    for note in plan.unused_options():
        field("note", note)
    paragraph()


def show_files(folder: Path) -> None:
    """Print the files of a run folder, the folder itself on the last line.

    Parameters
    ----------
    folder : Path
        The run folder.
    """
    heading("Files")
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            ticked([f"{path.name}/ ({sum(1 for _ in path.iterdir())} files)"])
        elif not path.name.startswith("."):
            ticked([path.name])
    paragraph()
    typer.echo(folder)
