"""The rows of one observed variable in a figure: what was seen and predicted, and how marked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from data.arrays import Array
from data.units import parse_number
from inference.figures.labels import pretty_number, pretty_unit
from inference.words.labels import PROTOCOLS
from models.block import Observable
from models.blocks import observable
from models.observations import inverse, is_end, natural

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = [
    "TOLERANCE",
    "ObservedRows",
    "observed_rows",
    "row_marks",
]

TOLERANCE: Final = 1e-6


_HOUR: Final = 3600.0


@dataclass(frozen=True)
class ObservedRows:
    """The rows of one observed variable with their predictive draws, draws last."""

    name: str
    labels: list[str]
    observed: Array
    drawn: Array
    design: Mapping[str, Array]
    panel: Observable


def observed_rows(result: "Result", name: str) -> ObservedRows:
    """Return the rows of one observed variable of a result."""
    observed = result.observed_data[name]
    drawn = result.posterior_predictive[name]
    dim = str(observed.dims[0])
    values = drawn.transpose(dim, "chain", "draw").to_numpy()
    labels = (
        [_row_label(str(text)) for text in observed[dim].to_numpy()]
        if dim in observed.coords
        else [str(1 + index) for index in range(observed.size)]
    )
    rows = ObservedRows(
        name,
        labels,
        observed.to_numpy().astype(float),
        values.reshape(values.shape[0], -1).astype(float),
        _design(result.constant_data, name),
        observable(name),
    )
    return _in_hours(rows) if rows.panel.unit == "s" else rows


def _in_hours(rows: ObservedRows) -> ObservedRows:
    """Return times in hours where most are longer than one."""
    if np.median(rows.observed) < _HOUR:
        return rows
    ends = {
        key: rows.design[key] - np.log(_HOUR) for key in ("floor", "ceiling") if key in rows.design
    }
    return replace(
        rows,
        observed=rows.observed / _HOUR,
        drawn=rows.drawn / _HOUR,
        design={**rows.design, **ends},
        panel=replace(rows.panel, unit="h"),
    )


def _design(constant: xr.Dataset, name: str) -> dict[str, Array]:
    """Return the named columns of the design of one observed variable."""
    matrix = constant.get(f"{name}_design")
    if matrix is None or matrix.ndim != 2 or str(matrix.dims[1]) not in matrix.coords:
        return {}
    columns = matrix[str(matrix.dims[1])].to_numpy()
    return {str(key): matrix.to_numpy()[:, index] for index, key in enumerate(columns)}


@dataclass(frozen=True)
class RowMarks:
    """How the rows are marked: values, ends of intervals, and rows known from one side only."""

    value: Array
    lower: Array
    upper: Array
    above: Any
    below: Any

    def sign(self, row: int) -> str:
        """Return how the value of a row relates to what was seen."""
        if self.above[row]:
            return ">"
        return "<" if self.below[row] else "="


def row_marks(rows: ObservedRows) -> RowMarks:
    """Return how the rows are marked."""
    scale, design, value = rows.panel.scale, rows.design, rows.observed
    zero = np.zeros(value.size)
    x = natural(value, scale)
    half = design.get("halfwidth", zero)
    ceiling, floor = design.get("ceiling", zero + np.inf), design.get("floor", zero - np.inf)
    above = is_end(ceiling) & (x >= ceiling - TOLERANCE)
    below = is_end(floor) & (x <= floor + TOLERANCE)
    # Where there is a measurement error instead of an interval, the bar is two of its sd long.
    half = np.where(half > 0, half, design.get("sd", zero))
    half = np.where(above | below, 0.0, half)
    lower, upper = inverse(x - half, scale), inverse(x + half, scale)
    if "step_height" in design:  # a cell failed between this step and the one before
        lower = np.maximum(value - design["step_height"], 0.0)
    return RowMarks(value, lower, upper, above, below)


def _row_label(text: str) -> str:
    """Return the label of a row with its conditions as print shows them."""
    name, *conditions = text.split(", ")
    return ", ".join([name, *map(_condition, conditions)])


def _condition(text: str) -> str:
    number, _, unit = text.partition(" ")
    value = parse_number(number)
    if value is not None and unit:
        return f"{pretty_number(value)} {pretty_unit(unit)}".replace("-", "−")
    return PROTOCOLS.get(text, text)
