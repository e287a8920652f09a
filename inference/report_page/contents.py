"""What the report says, section by section, as plain data for its template."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from data.provenance import read_records, standing_in
from data.quantities import quantity_of
from data.references import bibliography, recognise
from data.schema import ROW_UNIT, show_number
from data.summary import tally_phrases
from data.tables import tables as all_tables
from data.units import format_header
from inference.designs.axes import VARIANTS, WORDS, Cell
from inference.designs.design import Design
from inference.designs.limits import Setting
from inference.engine.standing import PRIOR_DRIVEN_WORDS, prior_driven
from inference.maps.caveats import failures, failures_in_words
from inference.maps.files import which_new_cells
from inference.maps.questions import safe_current
from inference.maps.tails import WORDS as CELL_WORDS
from inference.runs.citations import citations
from inference.thresholds import INTERVAL
from inference.words.labels import is_of_all
from inference.words.numbers import interval, number
from models.blocks import blocks as all_blocks
from models.cells import LOGNORMAL

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign
    from inference.figures import RunContents
    from inference.runs.result import Result

__all__ = ["answers_in_words", "report_contents"]

_KINDS: Final = {
    "literature": "numbers that publications state",
    "measured": "measured data",
    "synthetic": "SYNTHETIC data, drawn from a model with stated truth and measured by nobody",
}
_METALS: Final = {"Na": "sodium", "Li": "lithium"}
_WORDS: Final = {
    "ok": "in order",
    "not checked": "not checked",
    "warn": "worth a look",
    "fail": "failed",
}
_MOST_ROWS: Final = 200
_MAP_ROWS: Final = 7

Context = dict[str, Any]


def report_contents(contents: "RunContents", cells: Mapping[Cell, str]) -> Context:
    """Collect what the report says in words and tables.

    Parameters
    ----------
    contents : RunContents
        The run.
    cells : mapping
        Kinds of cell that the page speaks of, with the reason why not where it cannot.

    Returns
    -------
    dict
        For the template: plain data, nothing of it escaped yet.
    """
    result = contents.result
    attrs = result.attrs
    return {
        "name": str(attrs["name"]),
        "campaign": str(attrs["campaign"]),
        "kind": _KINDS[str(attrs["campaign_kind"])],
        "metal": _METALS.get(result.metal, result.metal),
        "synthetic": result.synthetic,
        "created": str(attrs["created"]),
        "share": f"{100 * INTERVAL:.0f} %",
        "gate": asdict(result.gate),
        "check": _check(contents),
        "failed": failures_in_words(failures(result)),
        "parameters": list(_parameters(contents)),
        "prior_driven_words": PRIOR_DRIVEN_WORDS,
        "findings": result.findings(),
        "tables": list(_tables(contents)),
        "campaign_summary": result.campaign_summary,
        "campaign_found": contents.campaign is not None,
        "excluded": list(_excluded(contents.campaign)),
        "records": list(_records(contents.campaign)),
        "notes": [] if contents.campaign is None else list(contents.campaign.metadata.notes),
        "electrolyte": "" if contents.campaign is None else contents.campaign.metadata.electrolyte,
        "licence": "" if contents.campaign is None else contents.campaign.metadata.licence,
        "sources": _sources(result),
        "assumed": list(_assumed(result)),
        "assumed_count": len(result.assumptions),
        "maps": [_map(cell, dataset) for cell, dataset in contents.maps.items()],
        "unmapped": {cell: why for cell, why in cells.items() if why},
        "equations": _equations(result, cells),
        "citations": [_citation(each) for each in citations(result)],
        "versions": result.versions,
        "hashes": {
            "resolved job": str(attrs["resolved_hash"]),
            "data": str(attrs["data_hash"]),
            "priors": str(attrs["prior_hash"]),
        },
        "seed": str(attrs["seed"]),
        "timings": {name: f"{seconds:.1f} s" for name, seconds in result.timings.items()},
        "options": _options(result),
    }


def _check(contents: "RunContents") -> Context | None:
    """Return the verdicts of the run's check, None where it was not checked."""
    if contents.check is None:
        return None
    sections = {}
    for section in contents.check["sections"]:
        found = [
            {
                "key": str(each["key"]),
                "verdict": str(each["verdict"]),
                "word": _WORDS[str(each["verdict"])],
                "sentence": str(each["sentence"]),
            }
            for each in section["findings"]
        ]
        sections[str(section["name"])] = {
            "title": str(section["title"]),
            "verdict": str(section["verdict"]),
            "word": _WORDS[str(section["verdict"])],
            "findings": found,
            "poor": sum(each["verdict"] in {"warn", "fail"} for each in found),
        }
    return {"sections": sections}


def _contraction(contents: "RunContents") -> dict[str, float]:
    if contents.check is None:
        return {}
    for section in contents.check["sections"]:
        rows = section.get("tables", {}).get("contraction")
        if rows:
            return {
                str(row["parameter"]): float(row["contraction"])
                for row in rows
                if row["contraction"] is not None
            }
    return {}


def _parameters(contents: "RunContents") -> Iterator[Context]:
    contraction = _contraction(contents)
    for label, row in contents.result.summary().iterrows():
        known = quantity_of(str(label))
        width = row["upper"] - row["lower"]
        narrowing = float(row["narrowing"])
        share = contraction.get(str(label))
        source = str(row["source"])
        yield {
            "label": str(label),
            "long_name": known.long_name if known is not None else str(row["long_name"]),
            "symbol": str(row["symbol"]),
            "unit": "" if row["unit"] == "1" else str(row["unit"]),
            "median": number(row["median"], width),
            "interval": interval(row["lower"], row["upper"]),
            "prior": interval(row["prior_lower"], row["prior_upper"]),
            "narrowing": "–" if math.isnan(narrowing) else f"{number(narrowing)}×",
            "contraction": "–" if share is None else f"{max(share, 0.0):.2f}",
            "driven": prior_driven(row),
            "informed_by": str(row["informed_by"]),
            "source": {"project": "choice of this project", "derived": "derived"}.get(
                source, source
            ),
            "r_hat": f"{float(row['r_hat']):.3f}",
            "ess": f"{float(row['ess_bulk']):.0f}",
            "main": is_of_all(str(label)),
        }


def _tables(contents: "RunContents") -> Iterator[Context]:
    campaign = contents.campaign
    if campaign is None:
        return
    fitted = {*contents.result.blocks, "separators"}
    for name, rows in campaign.tables.items():
        table = all_tables()[name]
        columns = [column for column in rows.data_vars if _filled(rows, str(column))]
        body = [
            [_cell(rows[column].values[place]) for column in columns]
            for place in range(min(rows.sizes[name], _MOST_ROWS))
        ]
        unit = {part.name: part.unit for column in table.columns for part in column.parts}
        yield {
            "name": name,
            "title": table.file,
            "count": rows.sizes[name],
            "fitted": name in fitted,
            "tally": list(tally_phrases(table, rows)),
            "header": [
                str(column)
                if unit.get(str(column)) in (None, ROW_UNIT, "") or not _number(rows[column].values)
                else format_header(str(column), unit[str(column)])
                for column in columns
            ],
            "rows": body,
            "more": max(0, rows.sizes[name] - _MOST_ROWS),
        }


def _filled(rows: "xr.Dataset", column: str) -> bool:
    if column in ("line", "exclude"):
        return False
    values = rows[column].values
    return bool(np.isfinite(values).any()) if _number(values) else any(values.tolist())


def _number(values: Any) -> bool:
    return bool(np.issubdtype(values.dtype, np.number))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(float(value)) else show_number(float(value))


def _excluded(campaign: "Campaign | None") -> Iterator[Context]:
    if campaign is None:
        return
    for name, rows in campaign.excluded.items():
        for place in range(rows.sizes[name]):
            cells = {str(key): rows[key].values[place].item() for key in rows}
            yield {
                "table": name,
                "row": all_tables()[name].row_label(cells),
                "why": str(cells["exclude"]),
            }


def _records(campaign: "Campaign | None") -> Iterator[Context]:
    """Yield what is known of the instrument files that rows were read from."""
    if campaign is None:
        return
    for record in read_records(campaign.path):
        name = str(record["table"])
        rows = campaign.tables.get(name)
        count = 0 if rows is None else standing_in(record, rows)
        if not count:
            continue
        file = record.get("file", {})
        yield {
            "table": name,
            "cell": str(record.get("cell", "")),
            "file": str(file.get("name", "")),
            "sha256": str(file.get("sha256", ""))[:12],
            "instrument": " ".join(
                str(file[key]) for key in ("instrument", "technique") if file.get(key)
            ),
            "imported": str(record.get("imported", "")),
            "rows": count,
            "statements": [str(each) for each in record.get("statements", [])],
        }


def _sources(result: "Result") -> list[Context]:
    """Return the sources of the fitted rows, with their tables."""
    found = []
    for key, names in result.fitted_sources.items():
        known = recognise(key) or key
        entry = bibliography().get(known)
        text = str(entry) if entry is not None else result.references.get(key, "")
        found.append({"key": key, "text": text, "tables": ", ".join(names)})
    return found


def _assumed(result: "Result") -> Iterator[Context]:
    rows: dict[str, list[str]] = {}
    for assumption in result.assumptions:
        row, _, equation = assumption.rpartition(": ")
        rows.setdefault(row, []).append(equation)
    for row, equations in rows.items():
        yield {"row": row, "values": equations}


def _map(cell: str, dataset: "xr.Dataset") -> Context:
    """Return a few points of a stored map as a table."""
    safe = dataset["safe_current_density"]
    dims = [str(dim) for dim in safe.dims]
    mechanisms = dataset["mechanism"].values.tolist()
    held = [
        _held(str(name), coordinate)
        for name, coordinate in safe.coords.items()
        if coordinate.ndim == 0 and coordinate.dtype.kind == "f"
    ]
    variant = dataset.attrs.get("pore_type" if cell == "liquid" else "protocol")
    if variant is not None:
        held.insert(0, VARIANTS[variant])
    rows = []
    for place in _places([dataset.sizes[dim] for dim in dims]):
        here = dataset.isel(dict(zip(dims, place, strict=True)))
        median = here["median_cell_critical_current_density"]
        new = here["predictive_critical_current_density"]
        limiting = here["probability_limiting"].values
        first = int(limiting.argmax())
        rows.append(
            {
                "axes": [_value(here[dim].values) for dim in dims],
                "safe": number(float(here["safe_current_density"])),
                "new": interval(float(new.sel(quantile=0.05)), float(new.sel(quantile=0.95))),
                "median": number(float(median.sel(quantile=0.5))),
                "median_interval": interval(
                    float(median.sel(quantile=0.05)), float(median.sel(quantile=0.95))
                ),
                "mechanism": f"{mechanisms[first]} ({100 * limiting[first]:.0f} %)",
                "extrapolated": bool(here["extrapolation"]),
            }
        )
    return {
        "cell": cell,
        "axes": [
            format_header(WORDS.get(dim, dim), dataset[dim].attrs.get("units")) for dim in dims
        ],
        "held": [each for each in held if each],
        "new_cells": which_new_cells(dataset),
        "risk": f"{100 * float(safe.attrs['risk']):g} %",
        "rows": rows,
    }


def _held(name: str, coordinate: "xr.DataArray") -> str:
    value = float(coordinate)
    if name == "risk" or name.endswith("_sd"):
        return ""
    if math.isinf(value):
        return "steady state" if name == "charge" else ""
    unit = str(coordinate.attrs.get("units", "1"))
    return f"{WORDS[name]} {show_number(float(f'{value:.4g}'))}" + (
        "" if unit == "1" else f" {unit}"
    )


def _value(value: Any) -> str:
    item = value.item()
    return item if isinstance(item, str) else show_number(float(f"{item:.3g}"))


def _places(sizes: list[int]) -> Iterable[tuple[int, ...]]:
    """Choose a few points of a map: along its first axis, at both ends of the others."""
    if not sizes:
        return [()]
    steps = min(_MAP_ROWS, sizes[0]) - 1
    first = [round(step * (sizes[0] - 1) / max(1, steps)) for step in range(steps + 1)]
    ends = [(0,), (-1,)] if len(sizes) > 1 else [()]
    return [(at, *(end * (len(sizes) - 1))) for end in ends for at in first]


def _equations(result: "Result", cells: Mapping[Cell, str]) -> Context:
    """Say which equations the fit and its maps rest on."""
    setting = Setting.of(result)
    blocks = {*result.blocks}
    options = json.loads(str(result.attrs.get("options", "{}")))
    laws = {block: chosen.get("cells", LOGNORMAL.name) for block, chosen in options.items()}
    liquid = {name for name, each in all_blocks().items() if each.cell == "liquid"}
    return {
        "liquid": "liquid" in cells or bool(blocks & liquid),
        "solid": "solid" in cells or "dc_polarization" in blocks,
        "kinetics": setting.kinetics,
        "creep_current": setting.creep_current,
        "pores": setting.pores,
        "cells": {b: CELL_WORDS[law] for b, law in laws.items() if law != LOGNORMAL.name},
        "creep": "creep" in blocks or setting.creep_current == "norton",
        "morphology": "morphology" in blocks,
        "blocks": sorted(blocks),
    }


def _citation(each: Any) -> Context:
    reference = each.reference
    return {
        "citation": reference.citation,
        "doi": reference.doi,
        "uses": "; ".join(each.uses),
    }


def _options(result: "Result") -> list[str]:
    options = json.loads(str(result.attrs.get("options", "{}")))
    found = [f"kinetics: {result.kinetics}"]
    for block, chosen in cast("dict[str, dict[str, str]]", options).items():
        found += [f"{block}, {name}: {value}" for name, value in chosen.items()]
    return found


def answers_in_words(
    result: "Result", designs: Mapping[Cell, Design], *, draws: int
) -> list[Context]:
    """Return the safe current of the designs that the page starts from, in sentences.

    Parameters
    ----------
    result : Result
        A finished fit.
    designs : mapping
        By kind of cell, a design of one cell.
    draws : int
        Posterior draws.

    Returns
    -------
    list of dict
        The kind of cell, its sentences, how many of them warn before the answer, and whether the
        design lies outside the data.
    """
    answers = {cell: safe_current(result, design, draws=draws) for cell, design in designs.items()}
    return [
        {
            "cell": cell,
            "warnings": len(answer.warnings),
            "sentences": answer.sentences(),
            "extrapolated": bool(answer.extrapolation),
        }
        for cell, answer in answers.items()
    ]
