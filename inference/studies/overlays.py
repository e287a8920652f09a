"""Finished runs on different data side by side: what new cells have taught.

The first run is the one before, the others come after: of each parameter, how much narrower its
interval has become and how far its median has moved, in standard deviations of the run before; and
of the maps, how the safe current has changed. Models on the *same* data are compared by what they
predict (`inference.studies.comparison.comparison`), not by their parameters.
"""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.errors import InputError
from data.files import expanded
from data.quantities import base_name, quantities, quantity_of
from inference.engine.sampling import scalars
from inference.engine.standing import prior_driven
from inference.jobs.resolved import software_versions
from inference.runs.result import Result, load_result
from inference.studies.overlay_findings import (
    is_scatter,
    is_shared,
    map_findings,
    parameter_findings,
)
from inference.thresholds import INTERVAL
from inference.words.run_files import MAP

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Overlay", "overlay"]

_MOST_RUNS = 6
_ALIKE = 1e-6


@dataclass(frozen=True)
class Overlay:
    """Runs side by side.

    Parameters
    ----------
    runs : tuple of str
        Names of the runs; the first is the one before.
    parameters : DataFrame
        Indexed by ``parameter`` and ``run``; columns ``unit``, ``median``, ``lower``, ``upper``,
        ``narrower`` (width of the first run's interval over that of this one, of the logarithm
        where the parameter is positive), ``shift`` (of the median from the first run's, in the
        first run's standard deviations, on the same scale), ``prior_driven``, ``informed_by``.
    maps : mapping of str to Dataset
        By kind of cell, where every run has a map over the same axes:
        ``safe_current_density`` and ``median_cell_critical_current_density`` with a
        dimension ``run``.
    findings : tuple of str
        What the new data taught, in sentences.
    notes : tuple of str
        What a reader must know to take the numbers right.
    attrs : mapping
        Data, tables and hashes of the runs.
    """

    runs: tuple[str, ...]
    parameters: "pd.DataFrame"
    maps: Mapping[str, xr.Dataset]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    attrs: Mapping[str, Any]

    @property
    def synthetic(self) -> bool:
        """Whether any run is of synthetic data."""
        return any(run["synthetic"] for run in self.attrs["runs"].values())

    def shared(self) -> list[str]:
        """Return the labels of what all cells share: no property of one separator or laboratory.

        Scatters are among them where a table of any run informs them.
        """
        labels = dict.fromkeys(self.parameters.index.get_level_values("parameter"))
        heard = {
            str(label)
            for label, informed in self.parameters["informed_by"].groupby(level="parameter")
            if (informed != "prior").any()
        }
        return [
            str(label)
            for label in labels
            if is_shared(str(label)) and (label in heard or not is_scatter(str(label)))
        ]

    def document(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            **self.attrs,
            "findings": list(self.findings),
            "notes": list(self.notes),
            "interval": INTERVAL,
            "parameters": [
                {str(key): _plain(value) for key, value in record.items()}
                for record in self.parameters.reset_index().to_dict("records")
            ],
            "maps": {
                cell: {
                    "axes": {
                        str(dim): {
                            "unit": dataset[dim].attrs.get("units", "1"),
                            "values": dataset[dim].values.tolist(),
                        }
                        for dim in dataset["safe_current_density"].dims
                        if dim != "run"
                    },
                    "unit": dataset["safe_current_density"].attrs["units"],
                    "risk": float(dataset["safe_current_density"].attrs["risk"]),
                    "safe_current_density": {
                        str(run): _plain(dataset["safe_current_density"].sel(run=run).values)
                        for run in dataset["run"].values
                    },
                }
                for cell, dataset in self.maps.items()
            },
        }


def overlay(runs: Sequence[Result | str | os.PathLike[str]]) -> Overlay:
    """Set finished runs on different data side by side.

    Parameters
    ----------
    runs : sequence of Result, str or path
        At least two results or run folders; the first is the one before.

    Returns
    -------
    Overlay
        Parameter by parameter, and on the map where every run has one.

    Raises
    ------
    InputError
        If there are fewer than two runs or more than six, two of them are the same, one is no run
        folder but a file, or their physics differ.
    RunFolderError
        If a folder holds no whole result.

    Examples
    --------
    >>> laid = overlay(["runs/sodium-literature", "runs/mine"])
    >>> laid.runs
    ('sodium-literature', 'mine')
    """
    if isinstance(runs, str | os.PathLike | Result) or len(runs) < 2:
        raise InputError("an overlay needs at least two finished runs, in a list")
    if len(runs) > _MOST_RUNS:
        raise InputError(f"{len(runs)} runs do not fit over each other; {_MOST_RUNS} do at most")
    results = [run if isinstance(run, Result) else _load(run) for run in runs]
    _refuse_the_same(results)
    named = dict(zip(_names(results), results, strict=True))
    _refuse_other_physics(named)
    parameters = _parameters(named)
    maps, map_notes = _maps(named)
    return Overlay(
        runs=tuple(named),
        parameters=parameters,
        maps=maps,
        findings=(*parameter_findings(parameters), *map_findings(maps)),
        notes=(*_notes(named), *map_notes),
        attrs={
            "schema_version": 1,
            "runs": {
                name: {
                    "campaign": result.attrs["campaign"],
                    "synthetic": result.synthetic,
                    "tables": result.blocks,
                    "kinetics": result.kinetics,
                    "resolved_hash": result.attrs["resolved_hash"],
                    "data_hash": result.attrs["data_hash"],
                    "gate_passed": result.gate.passed,
                    "folder": None if result.folder is None else str(result.folder),
                }
                for name, result in named.items()
            },
            "versions": software_versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _load(run: str | os.PathLike[str]) -> Result:
    """Read a run folder; a file is refused with what it may have been meant for."""
    path = expanded(run)
    if path.is_file() and path.suffix != ".nc":
        raise InputError(
            f"{str(run)!r} is a file, and an overlay is of finished runs: fit it "
            f"(anodebayes run {shlex.quote(str(path))}) and give the folder of that run"
        )
    return load_result(path)


def _refuse_the_same(results: Sequence[Result]) -> None:
    """Refuse one run given twice, or a copy of it."""
    seen: set[str] = set()
    for result in results:
        if result.id in seen:
            raise InputError(
                f"the run {str(result.attrs['name'])!r} is given twice: nothing differs between it "
                "and itself. Give the run before new cells, and the one after"
            )
        seen.add(result.id)


def _names(results: Sequence[Result]) -> list[str]:
    """Return a name for each run: its job's, its folder's where two are of one job, or a number."""
    names = [str(result.attrs["name"]) for result in results]
    if len(set(names)) < len(names):
        names = [r.folder.name if r.folder else n for r, n in zip(results, names, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{place} {name}" for place, name in enumerate(names, start=1)]
    return names


def _refuse_other_physics(named: Mapping[str, Result]) -> None:
    (before, first), *others = named.items()
    reasons = []
    for name, result in others:
        if result.metal != first.metal:
            reasons.append(
                f"{before!r} is of {first.metal} and {name!r} of {result.metal}: no parameter of "
                "one metal is that of the other"
            )
        elif result.kinetics != first.kinetics:
            reasons.append(
                f"{before!r} uses {first.kinetics} and {name!r} {result.kinetics}: the same names "
                "mean other parameters. Fit both with one [model] kinetics; on the same data, "
                "anodebayes compare says which law predicts better"
            )
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise InputError(f"these runs cannot be laid over each other:\n{listed}")


def _parameters(named: Mapping[str, Result]) -> "pd.DataFrame":
    import pandas as pd

    summaries = {name: result.summary() for name, result in named.items()}
    before, first = next(iter(named.items()))
    draws = scalars(first.posterior)
    order = {name: place for place, name in enumerate(quantities())}
    labels = dict.fromkeys(label for summary in summaries.values() for label in summary.index)
    rows = []
    for label in sorted(labels, key=lambda each: order.get(base_name(str(each)), 1 << 30)):
        known = quantity_of(str(label))
        positive = known is not None and known.support == "positive"
        sd = float("nan")
        if label in draws:
            values = draws[label].values
            sd = float(np.std(np.log(values) if positive else values))
        reference = summaries[before].loc[label] if label in summaries[before].index else None
        for name, summary in summaries.items():
            if label not in summary.index:
                continue
            row = summary.loc[label]
            narrower, shift = 1.0, 0.0
            if name != before:
                narrower, shift = float("nan"), float("nan")
            if name != before and reference is not None:
                then, now = (
                    np.array([float(each[key]) for key in ("lower", "median", "upper")])
                    for each in (reference, row)
                )
                if positive:
                    then, now = np.log(then), np.log(now)
                narrower = float((then[2] - then[0]) / (now[2] - now[0]))
                shift = float((now[1] - then[1]) / sd)
            rows.append(
                {
                    "parameter": str(label),
                    "run": name,
                    "unit": str(row["unit"]),
                    **{key: float(row[key]) for key in ("median", "lower", "upper")},
                    "narrower": narrower,
                    "shift": shift,
                    "prior_driven": prior_driven(row),
                    "informed_by": str(row["informed_by"]),
                }
            )
    return pd.DataFrame(rows).set_index(["parameter", "run"])


def _maps(named: Mapping[str, Result]) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Return the maps that all runs have over the same axes, and why others are left out."""
    from inference.maps.files import load_maps

    stored: dict[str, dict[str, xr.Dataset]] = {}
    without = []
    for name, result in named.items():
        file = None if result.folder is None else result.folder / MAP
        if file is None or not file.is_file():
            without.append(name)
        else:
            stored[name] = dict(load_maps(file, result))
    if without:
        return {}, [
            f"No map is laid over another: there is none of {' and '.join(without)} (anodebayes "
            "map RUN draws it)."
        ]
    found, notes = {}, []
    cells = dict.fromkeys(cell for maps in stored.values() for cell in maps)
    for cell in cells:
        lacking = [name for name, maps in stored.items() if cell not in maps]
        if lacking:
            notes.append(f"The map of {cell} cells is not shown: {', '.join(lacking)} has none.")
            continue
        parts = [maps[cell] for maps in stored.values()]
        difference = next((d for part in parts[1:] if (d := _axes_differ(parts[0], part))), "")
        if difference:
            notes.append(
                f"The map of {cell} cells is not shown: {difference}. Give the jobs the same "
                f"[map.axes.{cell}] and draw the maps again (anodebayes map RUN)."
            )
            continue
        names = ["safe_current_density", "median_cell_critical_current_density", "extrapolation"]
        found[cell] = xr.concat(
            [part[names] for part in parts],
            dim=xr.DataArray(list(stored), dims="run", name="run"),
            combine_attrs="override",
        )
    return found, notes


def _axes_differ(first: xr.Dataset, second: xr.Dataset) -> str:
    """Say in what two maps differ besides their currents; empty where they can be compared."""
    mine, theirs = first["safe_current_density"], second["safe_current_density"]
    if mine.attrs["risk"] != theirs.attrs["risk"]:
        return f"the risks differ ({mine.attrs['risk']} and {theirs.attrs['risk']})"
    if set(mine.dims) != set(theirs.dims):
        return f"the axes differ ({', '.join(map(str, mine.dims))} and " + (
            f"{', '.join(map(str, theirs.dims))})"
        )
    for name in mine.coords.keys() | theirs.coords.keys():
        if name not in mine.coords or name not in theirs.coords:
            return f"only one holds {name}"
        here, there = mine[name].values, theirs[name].values
        same = here.shape == there.shape and (
            np.allclose(here, there, rtol=_ALIKE)
            if here.dtype.kind == "f"
            else bool((here == there).all())
        )
        if not same:
            return f"{name} differs"
    return ""


def _notes(named: Mapping[str, Result]) -> list[str]:
    notes = []
    made = [name for name, result in named.items() if result.synthetic]
    if made:
        mixed = len(made) < len(named)
        notes.append(
            f"{', '.join(made)}: SYNTHETIC data."
            + (" Laid over measured data they show what such cells would teach." if mixed else "")
        )
    failed = [name for name, result in named.items() if not result.gate.passed]
    if failed:
        notes.append(f"NOT CONVERGED, do not use: {', '.join(failed)}.")
    (before, first), *others = named.items()
    for name, result in others:
        if result.attrs["data_hash"] == first.attrs["data_hash"] and result.blocks == first.blocks:
            notes.append(
                f"{before} and {name} fit the same data: what differs is the model or the sampler. "
                "anodebayes compare says which model predicts better."
            )
        changed = _changed_priors(first, result)
        if changed:
            notes.append(
                f"{before} and {name} differ in the priors of {', '.join(changed)}: part of what "
                "moves there is the prior."
            )
        options = [json.loads(str(r.attrs["options"])) for r in (first, result)]
        other = [
            f"{block}.{key}"
            for block in options[0].keys() & options[1].keys()
            for key in options[0][block].keys() | options[1][block].keys()
            if options[0][block].get(key) != options[1][block].get(key)
        ]
        if other:
            notes.append(
                f"{before} and {name} differ in the options {', '.join(sorted(other))}: parameters "
                "of these blocks may not mean the same."
            )
    return notes


def _changed_priors(first: Result, second: Result) -> list[str]:
    columns = ["prior_median", "prior_lower", "prior_upper"]
    one, two = first.summary(), second.summary()
    return [
        str(label)
        for label in one.index.intersection(two.index)
        # Derived quantities have prior intervals of draws, which follow the seed.
        if one.loc[label, "source"] != "derived"
        and is_shared(str(label))
        and not np.allclose(
            one.loc[label, columns].to_numpy(dtype=float),
            two.loc[label, columns].to_numpy(dtype=float),
            rtol=_ALIKE,
        )
    ]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, null where there is no number."""
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, np.bool_):
        return bool(value)
    return None if isinstance(value, float) and not np.isfinite(value) else value
