"""Times that count from the start of a staircase, and not from that of the step that failed.

Where diffusion, depletion or a charge ends a test, its time falls as the current rises. Of cells
that are stepped up until they fail the time since the test began rises with the current at which
they fail, about in proportion: so rise neither tests at a current planned beforehand nor, but for a
little, times within a step.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from data.arrays import Array
from data.ranges import ENDS
from data.tables import clocks
from inference.rows.taken_off import STEPPED, columns_of, like_rows, times_of
from inference.thresholds import RISING_TIME

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["rising", "times_from_the_start"]

_FEWEST: Final = 4  # rows
_DISTINCT: Final = 3  # currents and times
_SURE: Final = 0.995


def times_from_the_start(name: str, table: "xr.Dataset") -> str:
    """Say of which rows the times rise with the current, as those since a staircase began do.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    str
        Without the name of the file; empty where there are none.
    """
    found = []
    read = columns_of(table)
    if name in clocks():
        time, failed = times_of(table, clocks()[name])
        known = np.where(failed, time, np.nan)
        if rows := _rising_rows(table, read("current_density"), known, within_steps=True):
            found.append(
                f"{rows} rows: cells that failed at larger currents failed later "
                f"({clocks()[name]}). "
                "These times seem to count from the start of the staircase: a row of one current "
                "states the time at that current alone, and the answer is far too high. Of a cell "
                "that was stepped up enter the last current that it survived and the one at which "
                f"it failed{_INSTEAD[name]}"
            )
    if name in STEPPED and "step_time" in table:
        column, value = STEPPED[name]
        upper = np.where(table[column].values == value, read(ENDS[1]), np.nan)
        if rows := _rising_rows(table, upper, read("step_time")):
            found.append(
                f"{rows} rows: cells that failed in higher steps have longer steps (step_time). "
                "These times seem to count from the start of the staircase: step_time is how long "
                "each step lasts, and with the whole time instead the answer is far too high"
            )
    return ". ".join(found)


_INSTEAD: Final = {
    "dc_polarization": " as a row of the protocol step, with step_time",
    "sand": ", or test fresh cells at currents planned beforehand",
}


def rising(current: Array, time: Array, groups: list[NDArray[np.intp]]) -> bool:
    """Return whether times surely rise with the current, by more than times within a step do.

    Parameters
    ----------
    current, time : ndarray, shape (rows,)
        Above zero.
    groups : list of ndarray of int
        Rows under like conditions, of which only differences among them count.

    Returns
    -------
    bool
        By a line through the logarithms, with a level for each group.
    """
    x, y = np.log(current), np.log(time)
    parts = [each for each in groups if each.size > 1]
    free = sum(each.size - 1 for each in parts) - 1
    if free < _FEWEST - 2:
        return False
    dx = np.concatenate([x[each] - x[each].mean() for each in parts])
    dy = np.concatenate([y[each] - y[each].mean() for each in parts])
    length = float(dx @ dx)
    if length <= 1e-12:
        return False
    slope = float(dx @ dy) / length
    rest = dy - slope * dx
    error = float(np.sqrt(rest @ rest / free / length))
    return slope - float(stdtrit(free, _SURE)) * error > 0.0 and slope > RISING_TIME


def _rising_rows(
    table: "xr.Dataset", current: Array, time: Array, *, within_steps: bool = False
) -> str:
    """Return in words the rows whose times rise with the current; empty where they do not.

    Nor, where that is asked for, where all may be times within the step that failed: where the law
    is that of diffusion, none of these is shorter than a step's time by more than the square of the
    last current survived over that which failed.
    """
    known = np.isfinite(current * time)
    groups = [
        rows
        for own in like_rows(table, ("step_time",)).values()
        if np.unique(current[rows := own[known[own]]]).size > 1
    ]
    rows = np.concatenate([np.empty(0, dtype=np.intp), *groups])
    few = min(np.unique(current[rows]).size, np.unique(time[rows]).size) < _DISTINCT
    if rows.size < _FEWEST or few or not rising(current, time, groups):
        return ""
    if within_steps:
        height = float(np.diff(np.unique(current[rows])).min())
        least = time[rows].max() * np.maximum(1.0 - height / current[rows], 0.0) ** 2
        if (time[rows] >= least).all():
            return ""
    lines = table["line"].values[rows]
    return f"lines {int(lines.min())} to {int(lines.max())}, {rows.size}"
