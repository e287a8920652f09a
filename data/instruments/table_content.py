"""What a table with named columns holds, for its format to complete."""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.instruments.durations import about_restarts, add_up_steps, seconds_of
from data.instruments.headers import FoundColumn
from data.instruments.raw_file import refusal
from data.instruments.record import NOT_STATED, count_steps
from data.instruments.witnesses import UNIX_TIME, names_date
from data.units import parse_number

__all__ = [
    "TIMES",
    "Content",
    "about_dates",
    "cells_in",
    "instead_of",
    "is_blank",
    "is_date",
    "number_of",
    "since_first",
    "step_numbers",
    "without_dates",
]

TIMES = ("test_time_second", "step_time_second")
_UNIX_RANGE = (3.155e8, 4.103e9)  # s since 1970, of the years 1980 to 2100
_DATE = re.compile(r"\s*\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T\s].*)?")  # in a cell


@dataclass
class Content:
    """What a table holds, for a format to complete.

    Parameters
    ----------
    file : str
        Name of the file.
    above : tuple of str
        Lines above the headers.
    names : tuple of str
        The headers.
    line : int or None
        Line of the headers.
    variables : dict of str to ndarray
        In the units of a record.
    columns : dict of str to str
        Where each was read.
    technique, technique_as_written, instrument, sign_convention : str
        See `data.instruments.record`.
    extra : dict
        Further attributes.
    state : sequence of str
        What the format writes about each row; empty where it writes nothing.
    dated : sequence of str
        Headers of a time whose cells are dates: they are not read.
    """

    file: str
    above: tuple[str, ...]
    names: tuple[str, ...]
    line: int | None
    variables: dict[str, Any]
    columns: dict[str, str]
    instrument: str
    technique: str
    technique_as_written: str = ""
    sign_convention: str = NOT_STATED
    extra: dict[str, str | float] = field(default_factory=dict)
    state: Sequence[str] = ()
    dated: Sequence[str] = ()

    def refuse_running_on(self, instrument: str, *marks: NDArray[np.int64]) -> None:
        """Refuse a time that is said to be of each step, and runs on from step to step."""
        time = np.asarray(self.variables["step_time_second"])
        changes = [int(np.sum(np.diff(mark) != 0)) for mark in marks]
        if any(changes) and not np.any(np.diff(time) < 0):
            raise refusal(
                self.file,
                f"is the time of each step in files of {instrument}, and does not restart "
                "where the step changes: if it counts from the start of the test, name it so "
                "(Total Time)",
                line=self.line,
                column=self.columns["step_time_second"],
            )

    def add_up_steps(self, instrument: str) -> None:
        """Count the time since the start, where only the time of each step is written."""
        step_time = self.variables["step_time_second"]
        marks = [self.variables["step_count"]] if "step_count" in self.variables else []
        self.refuse_running_on(instrument, *marks)
        self.variables["test_time_second"] = add_up_steps(step_time, *marks)
        self.extra |= about_restarts(step_time, *marks)
        self.columns["test_time_second"] = (
            f"{self.columns['step_time_second']}, of each step, added up: pauses between steps are "
            "not counted"
        )

    def give_sign(self, discharges: Callable[[str], bool]) -> None:
        """Give the current its sign, where the file writes its size and its direction apart."""
        current = np.asarray(self.variables["current_ampere"])
        kinds = {kind: discharges(kind) for kind in dict.fromkeys(self.state)}
        down = np.array([kinds[kind] for kind in self.state], dtype=np.bool_)
        if down.any() and not np.any(current < 0):
            self.variables["current_ampere"] = np.where(down, -current, current)
            self.sign_convention = (
                "currents are written without a sign; those of discharging rows are negative here"
            )


def cells_in(cells: Sequence[str], columns: Iterable[FoundColumn]) -> list[str]:
    """Return the cells of columns in a row, which may be shorter."""
    return [cells[each.position] for each in columns if each.position < len(cells)]


def since_first(content: Content) -> NDArray[np.float64]:
    """Return the time [s] since the first row, by a Unix time."""
    unix = np.asarray(content.variables[UNIX_TIME], dtype=np.float64)
    if unix.size and not _UNIX_RANGE[0] < unix[0] < _UNIX_RANGE[1]:
        raise refusal(
            content.file,
            f"begins {unix[0]:.10g} s after 1970, and a Unix time of the years 1980 to 2100 is "
            "due: is its unit right (s, ms or us)? If it counts from the start of the test, name "
            "it so, such as 'time [s]'",
            line=content.line,
            column=content.columns[UNIX_TIME],
        )
    return unix - unix[:1]


def without_dates(found: dict[str, FoundColumn], first: Sequence[str]) -> list[str]:
    """Take what states no unit of time and holds dates out of the columns found; its headers."""
    dated = []
    for key in (*TIMES, UNIX_TIME):
        if key not in found:
            continue
        columns = (found[key], *found[key].again)
        kept = [
            each
            for each in columns
            if each.unit or each.position >= len(first) or not is_date(first[each.position])
        ]
        dated += [each.header.strip() for each in columns if each not in kept]
        if not kept:
            del found[key]
        else:
            found[key] = replace(kept[0], again=tuple(kept[1:]))
    return dated


def is_date(cell: Any) -> bool:
    """Return whether a cell is a date, whichever way it is written."""
    if isinstance(cell, datetime.date):
        return seconds_of(cell) is None
    return isinstance(cell, str) and _DATE.fullmatch(cell) is not None


def about_dates(missing: Sequence[str], names: Sequence[str], dated: Sequence[str]) -> str:
    """Say what to do about a time that is written as a date only."""
    headers = [*dated, *(name.strip() for name in names if names_date(name))]
    if "test_time_second" not in missing or not headers:
        return ""
    return (
        f"; {headers[0]!r} is a date, which may be written in several ways and is not taken for a "
        "time: export the elapsed time beside it, or write it as a column 'time [s]'"
    )


def instead_of(missing: Sequence[str]) -> str:
    """Say what the user can state instead of a column."""
    if missing == ["current_ampere"]:
        return '; where the current was constant, state it with --set "current=… mA"'
    if missing == ["test_time_second"]:
        return '; the time of a sweep follows from its rate: --set "scan_rate=… mV/s"'
    return ""


def step_numbers(variables: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the number of the control step, from the programme's own number of it.

    Parameters
    ----------
    variables : mapping of str to ndarray
        Of a record; ``step_id`` is there.

    Returns
    -------
    ndarray of int
        Counted upwards. A step that follows upon itself begins where its time restarts.
    """
    marks = [np.asarray(variables[key]) for key in ("step_id", "cycle_count") if key in variables]
    if "step_time_second" in variables:
        time = np.asarray(variables["step_time_second"])
        marks.append(np.cumsum(np.diff(time, prepend=time[:1]) < 0))
    return count_steps(*marks)


def is_blank(cell: Any) -> bool:
    """Return whether a cell of a spreadsheet holds nothing that is seen."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def number_of(cell: Any) -> float | str | None:
    """Return the number in a cell of a spreadsheet, also one written as text; else its text."""
    if cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)):
        return cell
    text = str(cell).strip()
    return (text if (value := parse_number(text)) is None else value) if text else None
