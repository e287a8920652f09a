"""Ranges over cells: the lowest and the highest step at which one of several cells failed.

A publication often states the failing currents of several cells as a range alone. Of a cell that
failed at a step it is known that its threshold lies between that step and the one before. A row is
a range where it fills `current_density_lowest` and `current_density_highest`, in every table that
has them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from data.columns import CURRENT_DENSITY
from data.schema import Column, Complaint, Row, given, show_number
from data.table import RowCheck

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = [
    "ENDS",
    "OF_ONE_CELL",
    "RANGE",
    "RANGE_COLUMNS",
    "UNSTATED_CELLS",
    "begins_range",
    "is_range",
    "range_checks",
    "range_phrase",
    "range_rows",
    "without_number",
]

UNSTATED_CELLS = tuple(range(2, 9))
"""Numbers of cells that a range may be over where it does not state theirs, each with a probability
in proportion to its inverse. Assumed: no source states it."""

_LEAST_STEP = 1e-6  # of the current that it leads to: no instrument sets it finer
_SPAN = f"{UNSTATED_CELLS[0]} to {UNSTATED_CELLS[-1]}"
_LOWEST, _HIGHEST = "current_density_lowest", "current_density_highest"
_HEIGHT, _CELLS = "step_height", "cells"
ENDS = ("current_density_lower", "current_density_upper")
"""Columns of what is known of one cell, or of two that bracket: not of a range."""

_OF_RANGE = (
    f"of a range over cells write the lowest failing step in {_LOWEST}, the highest in {_HIGHEST}"
)
OF_ONE_CELL = (
    f"of one cell write the last step that it bore in {ENDS[0]} and the first at which it failed "
    f"in {ENDS[1]}; {_OF_RANGE}"
)
"""What to do where an end of one cell's bracket holds a range."""

RANGE = (
    replace(
        CURRENT_DENSITY,
        name=_LOWEST,
        long_name="of several cells' failing steps, the lowest current density",
        blank="no range over cells",
        no_interval=_OF_RANGE,
    ),
    replace(
        CURRENT_DENSITY,
        name=_HIGHEST,
        long_name="of several cells' failing steps, the highest current density",
        blank="no range over cells",
        no_interval=_OF_RANGE,
    ),
    replace(
        CURRENT_DENSITY,
        name=_HEIGHT,
        long_name="by how much each step of the current is above the one before",
        blank="no range over cells",
        usual=None,
    ),
    Column(
        name=_CELLS,
        long_name="number of cells that a range is over",
        unit="1",
        support="integer",
        low=2,
        high=1000,
        slip=f" (what one cell bore is an interval: {' and '.join(ENDS)})",
        blank=f"no range over cells, or not stated: {_SPAN} are assumed",
        no_interval=f"leave it blank where the number of cells is not known ({_SPAN} are assumed)",
    ),
)
"""Columns of a range."""

RANGE_COLUMNS = tuple(column.name for column in RANGE)
"""Their names."""


def is_range(row: Row) -> bool:
    """Return whether a row is a range over cells."""
    return given(row, _LOWEST, _HIGHEST)


def begins_range(row: Row) -> bool:
    """Return whether a row fills a column of a range: what is missing of it is told as that."""
    return any(given(row, name) for name in RANGE_COLUMNS)


def range_rows(rows: "xr.Dataset") -> "NDArray[np.bool_]":
    """Return which rows of a table are ranges over cells, shape (rows,)."""
    return np.asarray(rows[_LOWEST].notnull() & rows[_HIGHEST].notnull())


def without_number(row: Mapping[str, float | str]) -> str:
    """Return the numbers of cells that a range which states none is taken to be over, else ""."""
    return _SPAN if _CELLS in row and is_range(row) and not given(row, _CELLS) else ""


def _ends(row: Row) -> Iterable[Complaint]:
    if is_range(row):
        if float(row[_HIGHEST]) < float(row[_LOWEST]):
            yield (
                _LOWEST,
                f"{show_number(float(row[_LOWEST]))} mA/cm^2 is above {_HIGHEST} "
                f"{show_number(float(row[_HIGHEST]))}: the lowest of the failing steps is due here",
            )
    elif begins_range(row):
        due = _LOWEST if not given(row, _LOWEST) else _HIGHEST
        yield (
            due,
            "is blank: a range over cells needs the lowest and the highest of the failing steps "
            f"(the same number where all failed at one); else leave {', '.join(RANGE_COLUMNS)} "
            "blank",
        )


def _height(row: Row) -> Iterable[Complaint]:
    if is_range(row):
        if not given(row, _HEIGHT):
            yield (
                _HEIGHT,
                "is blank: a cell of a range failed between a step and the one before, so the "
                "height of the steps is due (assumed, where it is not stated)",
            )
        elif float(row[_HEIGHT]) < _LEAST_STEP * float(row[_LOWEST]):
            yield (
                _HEIGHT,
                f"{show_number(float(row[_HEIGHT]))} mA/cm^2 is no step up to {_LOWEST} "
                f"{show_number(float(row[_LOWEST]))}: a millionth of it or more is due",
            )
        elif float(row[_HEIGHT]) > float(row[_LOWEST]):
            yield (
                _HEIGHT,
                f"{show_number(float(row[_HEIGHT]))} mA/cm^2 is above {_LOWEST} "
                f"{show_number(float(row[_LOWEST]))}: the step before it would lie below zero; a "
                "number up to it is legal",
            )


def _no_bracket(end: str) -> RowCheck:
    def check(row: Row) -> Iterable[Complaint]:
        if given(row, end) and any(given(row, name) for name in (_LOWEST, _HIGHEST)):
            yield (
                end,
                "is of one cell, and the row is a range over cells: leave it blank, or enter each "
                "cell in a row of its own",
            )

    return check


def range_checks() -> tuple[Callable[[Row], Iterable[Complaint]], ...]:
    """Return the checks of a table whose rows may be ranges over cells."""
    return (_ends, _height, *(_no_bracket(end) for end in ENDS))


def range_phrase(rows: "xr.Dataset") -> str:
    """Return how many rows are ranges over cells, in words; empty where there are none."""
    of_range = range_rows(rows)
    count = int(of_range.sum())
    if not count:
        return ""
    unstated = int(np.isnan(rows[_CELLS].values[of_range]).sum())
    text = f"{count} range{'s' if count != 1 else ''} over cells"
    if not unstated:
        return text
    whose = "their number" if unstated == count else f"the number of {unstated}"
    return f"{text} ({whose} not stated: {_SPAN} assumed)"
