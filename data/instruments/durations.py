"""Times that cyclers write as ``00:01:30.5`` or ``0d 01:30:00``, and times that count each step."""

import datetime
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "RESTARTS",
    "about_restarts",
    "add_up_steps",
    "is_duration",
    "seconds_of",
    "seconds_of_each",
]

RESTARTS: Final = "step_restarts"
"""Attribute of a record: JSON, test time of each restart and what may be missing there [s]."""

# Days before hours, as Maccor ("1d 02:03:04"), .NET ("1.02:03:04") and others ("1-02:03:04") do.
_DURATION = re.compile(
    r"(?:(?P<days>\d+)(?:\s*[dD]\s*|[.\-]))?"
    r"(?P<hours>\d+):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2}(?:[.,]\d+)?)"
)
_DAY = 86_400.0


def is_duration(cell: Any) -> bool:
    """Return whether a cell is a duration and no plain number.

    Parameters
    ----------
    cell : object
        Text, or the value of a spreadsheet's cell.

    Returns
    -------
    bool
        Whether `seconds_of` understands it.
    """
    return not isinstance(cell, int | float) and seconds_of(cell) is not None


def seconds_of(cell: Any) -> float | None:
    """Return a duration in seconds.

    Parameters
    ----------
    cell : str, datetime.timedelta, datetime.time or datetime.datetime
        As written. Spreadsheets show a duration of a day or more as a date of the year 1900.

    Returns
    -------
    float or None
        Seconds; None where it is no duration, such as a date.
    """
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    if isinstance(cell, datetime.time):
        return 3600.0 * cell.hour + 60.0 * cell.minute + cell.second + 1e-6 * cell.microsecond
    if isinstance(cell, datetime.datetime):
        # The calendar of spreadsheets has a 29 February 1900; a duration ends long before 1910.
        start = datetime.datetime(1899, 12, 31 if cell < datetime.datetime(1900, 3, 1) else 30)
        return (cell - start).total_seconds() if cell.year < 1910 else None
    match = _DURATION.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        return None
    hours, minutes = float(match["hours"]), float(match["minutes"])
    seconds = float(match["seconds"].replace(",", "."))
    if minutes >= 60.0 or seconds >= 60.0 or (match["days"] and hours >= 24.0):
        return None
    return _DAY * float(match["days"] or 0) + 3600.0 * hours + 60.0 * minutes + seconds


def seconds_of_each(cells: Iterable[Any]) -> tuple[NDArray[np.float64], int | None]:
    """Return durations in seconds.

    Parameters
    ----------
    cells : iterable
        As written.

    Returns
    -------
    seconds : ndarray
        NaN where a cell is no duration.
    first : int or None
        Position of the first such cell.
    """
    read = [seconds_of(cell) for cell in cells]
    first = next((at for at, value in enumerate(read) if value is None), None)
    return np.array([np.nan if value is None else value for value in read]), first


def add_up_steps(step_time: ArrayLike, *marks: ArrayLike) -> NDArray[np.float64]:
    """Return the time since the start, where only the time of each step is written.

    Parameters
    ----------
    step_time : array_like
        Time since the step began [s].
    *marks : array_like
        Per row; a step begins where one of them changes, and where the time falls.

    Returns
    -------
    ndarray
        Time [s]. A step begins where the one before has its last row: what passes in between is
        not written and not counted.
    """
    time, new = _restarts(step_time, *marks)
    ends = np.where(new, np.concatenate(([0.0], time[:-1])), 0.0)
    return np.asarray(time + np.cumsum(ends), dtype=np.float64)


def about_restarts(step_time: ArrayLike, *marks: ArrayLike) -> dict[str, str | float]:
    """Say what may be missing in a time that is added up from those of steps.

    A step goes on after its last row, for up to as long as its rows are apart.

    Parameters
    ----------
    step_time : array_like
        Time since the step began [s].
    *marks : array_like
        As of `add_up_steps`.

    Returns
    -------
    dict
        Attributes of a record: `RESTARTS`, and ``uncounted_time``, a sentence; none where there is
        one step.
    """
    time, new = _restarts(step_time, *marks)
    added = add_up_steps(step_time, *marks)
    starts = np.flatnonzero(new)
    if not starts.size:
        return {}
    lost = []
    for first, start in zip([0, *starts[:-1].tolist()], starts.tolist(), strict=True):
        gaps = np.diff(time[first:start])
        gap = float(np.median(gaps)) if gaps.size else 0.0
        lost.append((float(added[start]), gap))
    total = sum(gap for _, gap in lost)
    if total <= 0:
        return {}
    return {
        RESTARTS: json.dumps(lost),
        "uncounted_time": f"the time is added up from the times of {len(lost) + 1} steps; what "
        f"passes after the last row of each is not written, up to {total:.4g} s in all, and "
        "pauses between them are not either",
    }


def _restarts(
    step_time: ArrayLike, *marks: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the time of each step [s], and at which rows a step begins, but for the first."""
    time = np.asarray(step_time, dtype=np.float64)
    new = np.zeros(time.size, dtype=np.bool_)
    new[1:] = np.diff(time) < 0
    for mark in map(np.asarray, marks):
        new[1:] |= mark[1:] != mark[:-1]
    return time, new
