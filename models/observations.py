"""From the columns of a table to observations and back.

`measured` reads exact values, intervals and blanks as one observed value a row with its `Design`;
`recorded` writes drawn values into a table in the same form. The two are inverse to each other.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.arrays import Array
from data.errors import ModelError
from data.ranges import RANGE_COLUMNS
from data.tables import tables
from data.units import si_factor, to_si

__all__ = [
    "Design",
    "Scale",
    "forward",
    "inverse",
    "is_end",
    "labels",
    "measured",
    "natural",
    "range_labels",
    "ranges",
    "recorded",
    "recorded_currents",
    "recorded_ranges",
    "si",
    "unit",
]

Scale = Literal["log", "logit", "linear"]

_BEYOND = 1e3  # stands for infinity on a log, logit or mV scale, and keeps gradients finite
TOLERANCE = 1e-9
"""Of a censored value against its limit, on the natural scale."""


def is_end(values: Array) -> NDArray[np.bool_]:
    """Say where a floor or ceiling of a design, in whatever unit of time, stands for an end."""
    return np.abs(values) < 0.9 * _BEYOND


@dataclass(frozen=True)
class Design:
    """How each row was, or will be, observed; what a fit holds fixed and a simulation keeps.

    Parameters
    ----------
    sd : ndarray
        Standard deviation of the measurement on the natural scale; 0 where none is stated.
    halfwidth : ndarray
        Half of the interval's width on the natural scale; 0 for a value.
    floor, ceiling : ndarray
        Ends of what can be observed on the natural scale; infinite where there are none. A value
        at an end stands for everything beyond it.
    """

    sd: Array
    halfwidth: Array
    floor: Array
    ceiling: Array

    @classmethod
    def exact(cls, rows: int) -> "Design":
        """Return the design of `rows` plain values."""
        zero, infinite = np.zeros(rows), np.full(rows, np.inf)
        return cls(zero, zero, -infinite, infinite)

    @property
    def columns(self) -> dict[str, Array]:
        """The four arrays by name, finite throughout."""
        return {
            "sd": self.sd,
            "halfwidth": self.halfwidth,
            "floor": np.maximum(self.floor, -_BEYOND),
            "ceiling": np.minimum(self.ceiling, _BEYOND),
        }

    @property
    def error_rows(self) -> NDArray[np.intp]:
        """Rows with a measurement error."""
        return np.flatnonzero(self.sd > 0)

    @property
    def interval_rows(self) -> NDArray[np.intp]:
        """Rows that are intervals."""
        return np.flatnonzero(self.halfwidth > 0)

    @property
    def has_floor(self) -> bool:
        """Whether any row may lie below what can be observed."""
        return bool(np.isfinite(self.floor).any())

    @property
    def has_ceiling(self) -> bool:
        """Whether any row may lie above what can be observed."""
        return bool(np.isfinite(self.ceiling).any())


def si(table: xr.Dataset, column: str) -> Array:
    """Return a column in SI units, shape (rows,)."""
    return np.asarray(
        to_si(np.asarray(table[column].values, dtype=float), str(table[column].attrs["units"]))
    )


def unit(table: xr.Dataset, column: str) -> float:
    """Return the factor that takes a column to SI units."""
    return si_factor(str(table[column].attrs["units"]))


def labels(table: xr.Dataset) -> list[str]:
    """Return what a reader calls each row, made unique by the line where labels repeat."""
    name = str(table.attrs["table"])
    schema = tables()[name]
    rows = table.to_dataframe().to_dict("records")
    names = [schema.row_label(row) for row in rows]
    lines = [int(line) for line in table["line"].values]
    counts = Counter(names)
    return [
        text if counts[text] == 1 else f"{text} (line {line})"
        for text, line in zip(names, lines, strict=True)
    ]


def recorded_currents(table: xr.Dataset, drawn: Array) -> xr.Dataset:
    """Return the table with drawn failure currents between the two steps about each.

    A cell that the design left unbounded on one side, and that is drawn inside, is stepped as the
    other rows of the table are: on the staircase of that width from the end that the design states.
    Where the steps lie does not depend on where the cell fails between them, so that the interval
    says no more than which step it was.

    Parameters
    ----------
    table : Dataset
        With ``current_density_lower`` and ``current_density_upper``.
    drawn : ndarray, shape (rows,)
        In the column's unit.

    Returns
    -------
    Dataset
        A copy.

    Raises
    ------
    ModelError
        If no row of the table shows how wide its steps are.
    """
    column = "current_density"
    _, design = measured(table, column)
    result = recorded(table, column, drawn)
    bare = np.isnan(result[f"{column}_lower"].values) & np.isnan(result[f"{column}_upper"].values)
    if bare.any():
        if not design.interval_rows.size:
            raise ModelError(
                f"{table.attrs['table']}.csv: every row of the design is one-sided, so it does not "
                "say how wide the steps are; give one row both ends"
            )
        step = 2.0 * float(np.median(design.halfwidth[design.halfwidth > 0]))
        stated = np.where(np.isfinite(design.ceiling), design.ceiling, design.floor)[bare]
        below = np.floor((np.log(drawn[bare]) - stated) / step)
        for side, end in (("lower", below), ("upper", below + 1.0)):
            values = result[f"{column}_{side}"].values.copy()
            values[bare] = np.exp(stated + step * end)
            result[f"{column}_{side}"] = (result[f"{column}_{side}"].dims, values)
            result[f"{column}_{side}"].attrs = dict(table[f"{column}_{side}"].attrs)
    return result


def ranges(table: xr.Dataset) -> tuple[Array, dict[str, Array]]:
    """Return ranges over cells as observed values and the staircases they were read from.

    Parameters
    ----------
    table : Dataset
        Rows that are ranges over cells.

    Returns
    -------
    observed : ndarray, shape (2 rows,)
        The lowest failing steps, then the highest, in the unit of the columns.
    columns : dict of str to ndarray, each of shape (2 rows,)
        For `models.range_likelihood.observed_range`: ``step_height``, ``first_step``, ``cells``.
    """
    lowest, highest, height, cells = (table[name].values.astype(float) for name in RANGE_COLUMNS)
    first = np.remainder(lowest, height)
    columns = {
        "step_height": height,
        "first_step": np.where(first > 0, first, height),
        "cells": np.nan_to_num(cells),
    }
    return np.concatenate([lowest, highest]), {k: np.tile(v, 2) for k, v in columns.items()}


def range_labels(names: list[str]) -> list[str]:
    """Return the labels of the two values of each range over cells."""
    return [f"{name}, {end}" for end in ("lowest", "highest") for name in names]


def recorded_ranges(table: xr.Dataset, drawn: Array) -> xr.Dataset:
    """Return the table with drawn ranges over cells.

    Parameters
    ----------
    table : Dataset
        Rows that are ranges over cells.
    drawn : ndarray, shape (2 rows,)
        As `ranges` gives them.

    Returns
    -------
    Dataset
        A copy.

    Raises
    ------
    ModelError
        If a cell was drawn below the height of a step: such a row is not legal.
    """
    lowest, highest = np.split(drawn, 2)
    result = table.copy(deep=True)
    for name, values in zip(RANGE_COLUMNS[:2], (lowest, highest), strict=True):
        result[name].values[:] = values
    below = np.flatnonzero(lowest < table["step_height"].values)
    if below.size:
        row = int(below[0])
        raise ModelError(
            f"{table.attrs['table']}.csv, line {int(table['line'].values[row])}: a cell drawn for "
            f"the design failed at {lowest[row]:.3g} mA/cm^2, below one step_height of "
            f"{float(table['step_height'].values[row]):g}; give the design lower steps"
        )
    return result


def natural(value: Array, scale: str) -> Array:
    """Return values on their natural scale; any but log and logit leaves them as they are."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if scale == "log":
            return np.log(value)
        return np.log(value) - np.log1p(-value) if scale == "logit" else value


def forward(value: Any, scale: Scale | Array) -> Any:
    """Return values or tensors on their natural scale, that of mixed rows an array."""
    if not isinstance(scale, str):
        return np.log(value) - np.log1p(-scale * value)
    if scale == "log":
        return np.log(value)
    return np.log(value) - np.log1p(-value) if scale == "logit" else value


def inverse(value: Array, scale: str | Array) -> Array:
    """Return values from their natural scale, that of mixed rows an array."""
    if not isinstance(scale, str):
        return np.asarray(1.0 / (scale + np.exp(-value)))
    if scale == "log":
        return np.exp(value)
    return 1.0 / (1.0 + np.exp(-value)) if scale == "logit" else value


def _observation(
    exact: Array, sd: Array, lower: Array, upper: Array, scale: Scale, end: Array
) -> tuple[Array, Design]:
    """Turn exact values, intervals and blanks into observed values and their design."""
    low, high = natural(lower, scale), natural(upper, scale)
    bounded = np.isfinite(lower) & np.isfinite(upper)
    only_low = np.isfinite(lower) & ~bounded
    only_high = np.isfinite(upper) & ~bounded
    ceiling = np.where(only_low, low, np.where(np.isinf(end), np.inf, natural(end, scale)))
    floor = np.where(only_high, high, -np.inf)
    x = natural(exact, scale)
    x = np.where(bounded, 0.5 * (low + high), x)
    x = np.where(only_low, low, np.where(only_high, high, x))
    # A value at the planned end is an event all the same: just before it.
    before = ceiling - 2 * TOLERANCE
    happened = np.isfinite(x) & ~only_low
    x = np.where(happened, np.minimum(x, before), np.where(np.isfinite(x), x, ceiling))
    floor = np.minimum(floor, before)
    if scale == "log":
        spread = np.sqrt(np.log1p((sd / exact) ** 2))
    else:
        spread = sd / (exact * (1 - exact)) if scale == "logit" else sd
    halfwidth = np.where(bounded, 0.5 * (high - low), 0.0)
    return inverse(x, scale), Design(np.nan_to_num(spread), halfwidth, floor, ceiling)


def measured(
    table: xr.Dataset,
    column: str,
    *,
    scale: Scale = "log",
    end: str | None = None,
) -> tuple[Array, Design]:
    """Return a measured column as observed values and their design.

    Parameters
    ----------
    table : Dataset
        A campaign's table.
    column : str
        A column that may be exact, with a standard deviation, or an interval.
    scale : {"log", "logit", "linear"}
        The natural scale of the quantity.
    end : str, optional
        Column of the planned end, which a blank value stands for.

    Returns
    -------
    observed : ndarray, shape (rows,)
        Values in the column's unit.
    design : Design
        On the natural scale.
    """
    blank = np.full(table.sizes[str(table.attrs["table"])], np.nan)

    def values(name: str) -> Array:
        return np.asarray(table[name].values, dtype=float) if name in table else blank

    limit = values(end) if end is not None else np.full(blank.shape, np.inf)
    return _observation(
        values(column),
        values(f"{column}_sd"),
        values(f"{column}_lower"),
        values(f"{column}_upper"),
        scale,
        limit,
    )


def recorded(
    table: xr.Dataset,
    column: str,
    drawn: Array,
    *,
    scale: Scale = "log",
    end: str | None = None,
) -> xr.Dataset:
    """Return the table with drawn values in a measured column, in the form of its design.

    Parameters
    ----------
    table : Dataset
        A campaign's table, whose measured values are replaced.
    column, scale, end
        As for `measured`.
    drawn : ndarray, shape (rows,)
        In the column's unit.

    Returns
    -------
    Dataset
        A copy.
    """
    _, design = measured(table, column, scale=scale, end=end)
    x = natural(drawn, scale)
    nan = np.full(drawn.shape, np.nan)
    above = x >= design.ceiling - TOLERANCE
    below = x <= design.floor + TOLERANCE
    inside = ~above & ~below
    interval = inside & (design.halfwidth > 0)
    value = np.where(inside & ~interval, drawn, nan)
    slope = {"log": drawn, "logit": drawn * (1 - drawn), "linear": np.ones_like(drawn)}[scale]
    sd = np.sqrt(np.expm1(design.sd**2)) if scale == "log" else design.sd
    planned = np.asarray(table[end].values, dtype=float) if end is not None else nan
    is_end = np.abs(natural(planned, scale) - design.ceiling) <= TOLERANCE
    low = np.where(interval, x - design.halfwidth, np.where(above & ~is_end, design.ceiling, nan))
    upper = np.fmin(x + design.halfwidth, natural(planned, scale))
    high = np.where(interval, upper, np.where(below, design.floor, nan))
    columns = {
        column: value,
        f"{column}_sd": np.where(np.isfinite(value) & (sd > 0), slope * sd, nan),
        f"{column}_lower": inverse(low, scale),
        f"{column}_upper": inverse(high, scale),
    }
    result = table.copy()
    for name, values in columns.items():
        if name in table:
            result[name] = (table[name].dims, values, table[name].attrs)
    return result
