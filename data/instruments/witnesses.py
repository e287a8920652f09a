"""What else a text file tells of its test: columns that a record can be held against.

A record's time, voltage and current are read strictly. Other columns of the same file tell of the
same test: Unix times, dates, capacities, energies, powers, scan rates. A unit that is wrong in one
of them contradicts the others. These columns are read a second time, and leniently: what cannot be
read in them is left out, and never refuses a file; of a long file the beginning is read. They are
known by their unit (a charge, an energy, a power) or by their words (a date, a Unix time, a scan
rate), whoever wrote them.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.arrays import Array
from data.errors import UnitError
from data.instruments.headers import MEASURED, split_header
from data.instruments.text import decode, in_unit, split_line

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "CAPACITY",
    "ENERGY",
    "MEASURED_BESIDE",
    "POWER",
    "UNIX_TIME",
    "WALL_CLOCK",
    "names_date",
    "with_witnesses",
    "witness_columns",
    "words_before_unit",
]

UNIX_TIME: Final = "unix_time_second"
"""Variable of a record: seconds since 1970 [s], where the file has such a column."""

CAPACITY: Final = "capacity_ah"
"""Variable of a record over ``record`` and ``capacity_column``: what the file states [Ah]."""

ENERGY: Final = "energy_wh"
"""Variable of a record over ``record`` and ``energy_column``: what the file states [Wh]."""

POWER: Final = "power_watt"
"""Variable of a record over ``record`` and ``power_column``: what the file states [W]."""

WALL_CLOCK: Final = "wall_clock_per_second"
"""Attribute of a record: how many seconds pass between the dates that the file writes, for each of
the record's [1]."""

MEASURED_BESIDE: Final = "measured_beside"
"""Attribute of a record: JSON, by the header of each column that says it was measured, the variable
of the record that it tells of, and how many times as large its numbers are, as a rule [1]."""

_MOST_ROWS = 100_000  # are enough to tell a wrong unit; later ones are NaN
_MOST_LINES = 500  # above which no headers stand
_HEAD = 1 << 22
_UNIX = re.compile(r"unix\W*time|epoch|posix", re.IGNORECASE)
_DATE = re.compile(
    r"(date|datum|datetime|date.?time|time.?stamp|dpt.?time|absolute.?time|real.?time|system.?time)",
    re.IGNORECASE,
)
_UNITS = (
    re.compile(r"(.*?)\[([^\[\]]*)\]\s*"),
    re.compile(r"(.*?)\(([^()]*)\)\s*"),
    re.compile(r"(.*)/(.*)"),
    re.compile(r"(.*)_([A-Za-zµ]+)"),
)
_SCAN_RATE = re.compile(r"(scan|sweep)\W*_?rate", re.IGNORECASE)
# Variable, with the unit that tells of it; the columns are named in a coordinate.
_STATED = {CAPACITY: "Ah", ENERGY: "Wh", POWER: "W"}
_MEASURES = {
    **dict.fromkeys(("current", "i", "strom"), "current_ampere"),
    **dict.fromkeys(("voltage", "potential", "e", "u", "v", "spannung"), "voltage_volt"),
}
# Of a row, not summed up; or dV/dQ and dQ/dV, whose units end with that of a charge.
_PER_ROW = re.compile(r"\s*(d|delta|Δ)\s*_?(q|v)|.*differential", re.IGNORECASE)
_CHARGE = re.compile(r"charge|capacity|\bq\b", re.IGNORECASE)
_DATES = tuple(
    f"{day}{between}{time}"
    for day, between, time in product(
        ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y",
         "%m-%d-%Y", "%d-%b-%y", "%d-%b-%Y"),
        (" ", "T"),
        ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M:%S.%f %p", "%I:%M %p"),
    )
)  # fmt: skip


def with_witnesses(record: "xr.Dataset", path: Path) -> "xr.Dataset":
    """Return a record with what other columns of its file tell of its test.

    Parameters
    ----------
    record : xarray.Dataset
        Of a file.
    path : Path
        The file, unpacked.

    Returns
    -------
    xarray.Dataset
        With `UNIX_TIME`, `CAPACITY`, `ENERGY`, `POWER`, `WALL_CLOCK` and `MEASURED_BESIDE`, and
        with the attribute ``scan_rate_volt_per_second``, where the file is a text that has them.
    """
    header = json.loads(str(record.attrs.get("header", "{}")))
    stated = header.get("columns", []) if isinstance(header, dict) else []
    named = [name.strip() for name in (stated.split("\t") if isinstance(stated, str) else stated)]
    while named and not named[-1]:
        named.pop()
    stating = {
        at: (variable, unit)
        for at, name in enumerate(named)
        for variable, due in _STATED.items()
        if (unit := _unit_of(name, due))
    }
    unix = [at for at, name in enumerate(named) if _UNIX.search(name)]
    rates = [at for at, name in enumerate(named) if _SCAN_RATE.search(name)]
    others = [at for at in range(len(named)) if at not in unix]
    dates = [at for at in others if names_date(named[at])]
    measured = {
        at: (variable, unit)
        for at, name in enumerate(named)
        if (variable := _measures(name))
        and (unit := _unit_of(name, str(record[variable].attrs["units"])))
    }
    wanted = [*stating, *unix[:1], *dates[:1], *rates[:1], *measured]
    if not wanted or (found := _place(path, named)) is None:
        return record
    separator, line = found
    cells = _cells(path, separator, line, wanted, record.sizes["record"])
    if cells is None:
        return record
    decimal = "," if separator != "," else "."
    variables: dict[str, Any] = {}
    if unix and np.isfinite(times := _numbers(cells[unix[0]], decimal)).any():
        label = {"units": "s", "long_name": "Unix Time / s"}
        unit = _unit_of(named[unix[0]], "s") or "s"
        variables[UNIX_TIME] = ("record", in_unit(times, unit, "s"), label)
    coordinates = {}
    for variable, due in _STATED.items():
        columns = {
            at: in_unit(numbers, unit, due)
            for at, (of, unit) in stating.items()
            if of == variable and np.isfinite(numbers := _numbers(cells[at], decimal)).any()
        }
        if columns:
            word, dimension = variable.partition("_")[0], _dimension(variable)
            label = {"units": due, "long_name": f"{word.capitalize()} / {due}"}
            values = np.stack(list(columns.values()), axis=1)
            variables[variable] = (("record", dimension), values, label)
            coordinates[dimension] = [named[at] for at in columns]
    record = record.assign(variables).assign_coords(coordinates)
    if rates and "scan_rate_volt_per_second" not in record.attrs:
        rate, unit = _numbers(cells[rates[0]], decimal), _unit_of(named[rates[0]], "V/s")
        rate = np.abs(rate[np.isfinite(rate) & (rate != 0)])
        if rate.size and unit:
            median = float(in_unit(np.median(rate), unit, "V/s"))
            record.attrs["scan_rate_volt_per_second"] = median
    beside = {}
    for at, (variable, unit) in measured.items():
        read = record[variable].values
        numbers = in_unit(_numbers(cells[at], decimal), unit, str(record[variable].attrs["units"]))
        told = np.isfinite(numbers) & (read != 0)
        if told.any():
            beside[named[at]] = [variable, float(np.median(numbers[told] / read[told]))]
    if beside:
        record.attrs[MEASURED_BESIDE] = json.dumps(beside)
    times = record["test_time_second"].values
    written = [at for at, cell in enumerate(cells[dates[0]]) if cell] if dates else []
    if len(written) > 1 and (passed := float(times[written[-1]] - times[written[0]])) > 0:
        spans = _spans(*(cells[dates[0]][at] for at in (written[0], written[-1])))
        if spans:
            record.attrs[WALL_CLOCK] = min(spans, key=lambda span: abs(span - passed)) / passed
    return record


def _measures(header: str) -> str:
    """Return the variable that a header says was measured; empty where it does not say so."""
    words = split_header(header)[0].split()
    plain = " ".join(word for word in words if word not in MEASURED)
    return _MEASURES.get(plain, "") if MEASURED.intersection(words) else ""


def names_date(header: str) -> bool:
    """Return whether a header names a date, with the time of the day.

    Parameters
    ----------
    header : str
        As written.

    Returns
    -------
    bool
        True of ``Date``, ``Timestamp`` or ``DPT Time``.
    """
    return _DATE.match(header.strip("~ ")) is not None


def _dimension(variable: str) -> str:
    """Return the dimension over which a variable has its columns."""
    return f"{variable.partition('_')[0]}_column"


def witness_columns(record: "xr.Dataset", variable: str) -> dict[str, Array]:
    """Return the columns of a file that state a charge, an energy or a power.

    Parameters
    ----------
    record : xarray.Dataset
        Of a file.
    variable : str
        `CAPACITY`, `ENERGY` or `POWER`.

    Returns
    -------
    dict of str to array of float, each of shape (n,)
        By the header in the file, in the unit of the variable; empty where there is none.
    """
    if variable not in record:
        return {}
    names = map(str, record[_dimension(variable)].values)
    return dict(zip(names, record[variable].values.T, strict=True))


def _unit_of(header: str, due: str) -> str:
    """Return the unit of a header where it is one of a quantity, else nothing."""
    for pattern in _UNITS:
        match = pattern.fullmatch(header)
        if match is None or _PER_ROW.match(match[1]):
            continue
        unit = re.sub(r"(A|W)\.h$", r"\1h", match[2].strip())
        if unit == "C" and not _CHARGE.search(match[1]):
            return ""  # degrees
        try:
            in_unit(0.0, unit, due)
        except UnitError:
            continue
        return unit
    return ""


def words_before_unit(header: str) -> str:
    """Return what stands before the unit of a header.

    Parameters
    ----------
    header : str
        Such as ``"Capacity/mA.h"``.

    Returns
    -------
    str
        Such as ``"Capacity"``.
    """
    matches = (pattern.fullmatch(header) for pattern in _UNITS)
    return next((match[1].strip() for match in matches if match is not None), header)


def _place(path: Path, named: Sequence[str]) -> tuple[str, int] | None:
    """Return the mark between cells and the number of the line of headers; None in no text."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"\x00" in head:
        return None
    for number, raw in enumerate(re.split(rb"\r\n|\n|\r", head)[:_MOST_LINES], start=1):
        text = decode(raw)
        for separator in ("\t", ";", ","):
            cells = split_line(text, separator, quoted=True)
            if cells[: len(named)] == list(named) and not any(cells[len(named) :]):
                return separator, number
    return None


def _cells(
    path: Path, separator: str, line: int, wanted: Sequence[int], rows: int
) -> dict[int, list[str]] | None:
    """Return the cells of columns, a row each; None where the lines are not those of the record."""
    found: dict[int, list[str]] = {at: [] for at in wanted}
    with path.open(encoding="latin-1", newline=None) as file:
        for _ in range(line):
            file.readline()
        lines = (text for text in file if text.strip(" \t\r\n,;"))
        reader = csv.reader(islice(lines, _MOST_ROWS), delimiter=separator, skipinitialspace=True)
        try:
            for cells in reader:
                for at, column in found.items():
                    column.append(cells[at].strip() if at < len(cells) else "")
        except csv.Error:
            return None  # quotes that the record's own columns do not need
    length = len(next(iter(found.values())))
    # A last row that may be cut off is left out of the record.
    if length < _MOST_ROWS and not rows <= length <= rows + 1:
        return None
    return {at: (column + [""] * (rows - length))[:rows] for at, column in found.items()}


def _numbers(cells: Sequence[str], decimal: str) -> Array:
    """Return cells as numbers; NaN where one is none."""

    def number(cell: str) -> float:
        try:
            return float(cell.replace(",", ".", 1) if decimal == "," else cell)
        except ValueError:
            return float("nan")

    return np.array([number(cell) for cell in cells], dtype=np.float64)


def _spans(first: str, last: str) -> list[float]:
    """Return the seconds from one date to another, one a way to read them."""
    return sorted({after - before for before, after in _read_both(first, last)})


def _read_both(first: str, last: str) -> Iterator[tuple[float, float]]:
    """Yield two dates as seconds, in every layout that reads both."""
    ends = [re.sub(r"\s+", " ", text).strip() for text in (first, last)]
    try:
        # Also what Python writes, with an offset from UTC.
        known = [datetime.fromisoformat(text) for text in ends]
        yield (known[0] - known[0]).total_seconds(), (known[1] - known[0]).total_seconds()
    except (ValueError, TypeError):
        pass
    for layout in _DATES:
        try:
            known = [datetime.strptime(text, layout) for text in ends]
        except ValueError:
            continue
        yield 0.0, (known[1] - known[0]).total_seconds()
