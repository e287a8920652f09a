"""Critical currents by bracket, and the overpotential at penetration.

A bracket from different cells is two cells: one that survived the lower current and one that was
penetrated at the upper one. A bracket from one cell holds that cell's own threshold. Which pore
decides, what an area does, what a laboratory adds and how cells differ is chosen with the block
``penetration``: the threshold is the same.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from data.errors import ModelError
from models.context import Context
from models.likelihoods import observed_value, observed_verdict
from models.observations import labels, measured, recorded, recorded_currents, si, unit

__all__ = ["ISOTHERMAL", "SOURCES", "likelihood", "record"]

SOURCES = ("ma2022",)
ISOTHERMAL = "exchange_current_density"

_CELLS, _ONE_CELL = "critical_current_cells", "critical_current_one_cell"
_OVERPOTENTIAL = "critical_current_overpotential"
_ENDS = ("current_density_lower", "current_density_upper")


def _parts(table: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Split the rows: brackets from different cells, from one cell, rows with an overpotential."""
    dim = "critical_current"
    one_cell = np.flatnonzero(table["bracket_from"].values == "one_cell")
    several = np.flatnonzero(table["bracket_from"].values != "one_cell")
    with_overpotential = np.flatnonzero(np.isfinite(table["overpotential"].values))
    return (
        table.isel({dim: several}),
        table.isel({dim: one_cell}),
        table.isel({dim: with_overpotential}),
    )


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register the brackets and, where given, the overpotential at penetration [mV]."""
    several, one_cell, with_overpotential = _parts(table)
    scatter, law = context.parameters["penetration_scatter"], context.cells("penetration")
    if several.sizes["critical_current"]:
        count = several.sizes["critical_current"]
        data, rows = context.pack(
            _CELLS,
            np.repeat([0.0, 1.0], count),
            log_current=np.log(np.concatenate([si(several, end) for end in _ENDS])),
            **{name: np.tile(column, 2) for name, column in context.patches(several).items()},
        )
        pairs = xr.concat([several, several], "critical_current", combine_attrs="override")
        z = (rows["log_current"] - context.log_threshold(pairs)) / scatter
        observed_verdict(_CELLS, observed=data, z=z, patches=rows.get("patches"), law=law)
    if one_cell.sizes["critical_current"]:
        observed, design = measured(one_cell, "current_density")
        data, rows = context.pack(
            _ONE_CELL, observed, **design.columns, **context.patches(one_cell)
        )
        observed_value(
            _ONE_CELL,
            observed=data,
            location=context.log_threshold(one_cell) - np.log(unit(one_cell, _ENDS[0])),
            scatter=scatter,
            rows=rows,
            design=design,
            patches=rows.get("patches"),
            law=law,
        )
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
        observed_value(
            _OVERPOTENTIAL,
            observed=data,
            location=(potential + drop) / unit(with_overpotential, "overpotential"),
            scatter=context.parameters["overpotential_scatter"],
            rows=rows,
            design=design,
            scale="linear",
        )


def dims(table: xr.Dataset) -> dict[str, list[str]]:
    """Return the labels of the rows of each observed variable."""
    several, one_cell, with_overpotential = (labels(part) for part in _parts(table))
    ends = [f"{name}, {end}" for end in ("lower", "upper") for name in several]
    return {_CELLS: ends, _ONE_CELL: one_cell, _OVERPOTENTIAL: with_overpotential}


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn overpotentials and brackets.

    Raises
    ------
    ModelError
        If a drawn pair of cells is no bracket: the lower current penetrated, or the upper one did
        not. Such a campaign belongs into ``penetration.csv``.
    """
    several, one_cell, with_overpotential = _parts(table)
    result = table.copy(deep=True)
    if _CELLS in drawn:
        count = several.sizes["critical_current"]
        broken = (drawn[_CELLS][:count] > 0.5) | (drawn[_CELLS][count:] < 0.5)
        if broken.any():
            name = str(several["separator"].values[int(np.flatnonzero(broken)[0])])
            raise ModelError(
                f"critical_current.csv: the cells drawn for separator {name!r} do not bracket its "
                "critical current; widen the bracket of the design, or enter the cells singly in "
                "penetration.csv"
            )
    if _ONE_CELL in drawn:
        at = np.flatnonzero(table["bracket_from"].values == "one_cell")
        written = recorded_currents(one_cell, drawn[_ONE_CELL])
        for end in _ENDS:
            result[end].values[at] = written[end].values
    if _OVERPOTENTIAL in drawn:
        at = np.flatnonzero(np.isfinite(table["overpotential"].values))
        written = recorded(
            with_overpotential, "overpotential", drawn[_OVERPOTENTIAL], scale="linear"
        )
        for name in ("overpotential", "overpotential_sd"):
            result[name].values[at] = written[name].values
    return result
