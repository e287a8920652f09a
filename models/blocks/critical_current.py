"""Critical currents by bracket, and the overpotential at penetration.

A bracket from different cells is two cells: one that survived the lower current and one that was
penetrated at the upper one. A bracket from one cell holds that cell's own threshold, and a range
over cells the lowest and the highest of theirs. Which pore decides, what an area does, what a
laboratory adds and how cells differ is chosen with the block ``penetration``: the threshold is the
same.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from data.errors import ModelError
from data.ranges import ENDS, RANGE_COLUMNS, range_rows
from models.block import AbsurdityRule, Block, Observable
from models.context import Context
from models.likelihoods import observed_value, observed_verdict
from models.observations import (
    labels,
    measured,
    range_labels,
    ranges,
    recorded,
    recorded_currents,
    recorded_ranges,
    si,
    unit,
)
from models.range_likelihood import observed_range

__all__ = ["BLOCK"]


_CELLS, _ONE_CELL = "critical_current_cells", "critical_current_one_cell"
_RANGE, _OVERPOTENTIAL = "critical_current_range", "critical_current_overpotential"


def _rows(table: xr.Dataset) -> dict[str, Any]:
    """Return the positions of the rows behind each observed variable."""
    of_range, one_cell = range_rows(table), table["bracket_from"].values == "one_cell"
    return {
        _CELLS: np.flatnonzero(~one_cell & ~of_range),
        _ONE_CELL: np.flatnonzero(one_cell & ~of_range),
        _RANGE: np.flatnonzero(of_range),
        _OVERPOTENTIAL: np.flatnonzero(np.isfinite(table["overpotential"].values)),
    }


def _parts(table: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return the rows behind each observed variable, which may be none."""
    return {name: table.isel(critical_current=at) for name, at in _rows(table).items()}


def _twice(table: xr.Dataset) -> xr.Dataset:
    """Return rows that stand for two values each: all of the first, then all of the second."""
    return xr.concat([table, table], "critical_current", combine_attrs="override")


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe brackets, ranges and, where given, the overpotential at penetration [mV]."""
    several, one_cell, of_range, with_overpotential = _parts(table).values()
    scatter, law = context.parameters["penetration_scatter"], context.cells("penetration")
    if several.sizes["critical_current"]:
        count, pairs = several.sizes["critical_current"], _twice(several)
        data, rows = context.pack(
            _CELLS,
            np.repeat([0.0, 1.0], count),
            log_current=np.log(np.concatenate([si(several, end) for end in ENDS])),
            **context.patches(pairs),
        )
        z = (rows["log_current"] - context.log_threshold(pairs)) / scatter
        context.observe(_CELLS, data, observed_verdict(z=z, patches=rows.get("patches"), law=law))
    if one_cell.sizes["critical_current"]:
        observed, design = measured(one_cell, "current_density")
        data, rows = context.pack(
            _ONE_CELL, observed, **design.columns, **context.patches(one_cell)
        )
        observation = observed_value(
            location=context.log_threshold(one_cell) - np.log(unit(one_cell, ENDS[0])),
            scatter=scatter,
            rows=rows,
            design=design,
            patches=rows.get("patches"),
            law=law,
        )
        context.observe(_ONE_CELL, data, observation)
    if of_range.sizes["critical_current"]:
        observed, columns = ranges(of_range)
        pairs = _twice(of_range)
        data, rows = context.pack(_RANGE, observed, **columns, **context.patches(pairs))
        observation = observed_range(
            location=context.log_threshold(pairs) - np.log(unit(of_range, RANGE_COLUMNS[0])),
            scatter=scatter,
            rows=rows,
            cells=columns["cells"],
            patches=rows.get("patches"),
            law=law,
        )
        context.observe(_RANGE, data, observation)
    if with_overpotential.sizes["critical_current"]:
        observed, design = measured(with_overpotential, "overpotential", scale="linear")
        data, rows = context.pack(
            _OVERPOTENTIAL,
            observed,
            current=si(with_overpotential, "overpotential_current_density"),
            **design.columns,
        )
        drop = context.parameters.si("residual_resistance") * rows["current"]
        potential = context.penetration_overpotential(with_overpotential)
        observation = observed_value(
            location=(potential + drop) / unit(with_overpotential, "overpotential"),
            scatter=context.parameters["overpotential_scatter"],
            rows=rows,
            design=design,
            scale="linear",
        )
        context.observe(_OVERPOTENTIAL, data, observation)


def _labels(table: xr.Dataset) -> dict[str, list[str]]:
    """Return the labels of the rows of each observed variable."""
    found = {name: labels(part) for name, part in _parts(table).items()}
    found[_CELLS] = [f"{name}, {end}" for end in ("lower", "upper") for name in found[_CELLS]]
    found[_RANGE] = range_labels(found[_RANGE])
    return found


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn overpotentials, brackets and ranges.

    Raises
    ------
    ModelError
        If a drawn pair of cells is no bracket: the lower current penetrated, or the upper one did
        not. Such a campaign belongs into ``penetration.csv``.
    """
    rows, parts = _rows(table), _parts(table)
    result = table.copy(deep=True)
    if _CELLS in drawn:
        several = parts[_CELLS]
        count = several.sizes["critical_current"]
        broken = (drawn[_CELLS][:count] > 0.5) | (drawn[_CELLS][count:] < 0.5)
        if broken.any():
            name = str(several["separator"].values[int(np.flatnonzero(broken)[0])])
            raise ModelError(
                f"critical_current.csv: the cells drawn for separator {name!r} do not bracket its "
                "critical current; widen the bracket of the design, or enter the cells singly in "
                "penetration.csv"
            )

    def write(name: str, written: xr.Dataset, columns: tuple[str, ...]) -> None:
        for column in columns:
            result[column].values[rows[name]] = written[column].values

    if _ONE_CELL in drawn:
        write(_ONE_CELL, recorded_currents(parts[_ONE_CELL], drawn[_ONE_CELL]), ENDS)
    if _RANGE in drawn:
        write(_RANGE, recorded_ranges(parts[_RANGE], drawn[_RANGE]), RANGE_COLUMNS[:2])
    if _OVERPOTENTIAL in drawn:
        read = "overpotential"
        written = recorded(parts[_OVERPOTENTIAL], read, drawn[_OVERPOTENTIAL], scale="linear")
        write(_OVERPOTENTIAL, written, (read, f"{read}_sd"))
    return result


BLOCK = Block(
    title="Critical currents",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            _CELLS,
            "cell penetrated (1) or survived (0)",
            "1",
            "Brackets from different cells",
            "probability of penetration",
            "verdict",
        ),
        Observable(
            _ONE_CELL,
            "critical current density of one cell",
            "mA/cm^2",
            "Brackets from one cell",
            "critical current density",
        ),
        Observable(
            _RANGE,
            "lowest and highest failing step of several cells",
            "mA/cm^2",
            "Ranges over cells",
            "current density of failure",
        ),
        Observable(
            _OVERPOTENTIAL,
            "overpotential at penetration",
            "mV",
            "Overpotential at penetration",
            "overpotential",
            "linear",
        ),
    ),
    sources=("ma2022",),
    cell="liquid",
    limit="penetration",
    conditions={"temperature": "temperature"},
    isothermal="exchange_current_density",
    absurd=(
        AbsurdityRule(
            "critical current above 10 A/cm^2",
            _ONE_CELL,
            "above",
            1e4,
            "no battery electrode passes that",
        ),
        AbsurdityRule(
            "critical current of a range above 10 A/cm^2",
            _RANGE,
            "above",
            1e4,
            "no battery electrode passes that",
        ),
        AbsurdityRule(
            "overpotential above 5 V at penetration",
            _OVERPOTENTIAL,
            "above",
            5e3,
            "the electrolyte would decompose first",
        ),
    ),
    remedies={
        "residual_resistance": (
            "it hides in the overpotential at penetration. The high-frequency resistance of the "
            "cell would give it"
        ),
        "overpotential_scatter": "Repeated overpotentials of one separator would show it",
    },
    labels=_labels,
)
