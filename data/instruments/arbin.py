"""Arbin's tables as ``.csv`` and ``.xlsx``: sheets ``Channel_…``, headers such as ``Voltage(V)``.

A long test goes on from sheet to sheet of one channel (``Channel_11_1``, ``Channel_11_2``): these
are joined; several channels are several curves. Both spellings of the headers are read
(``Test_Time(s)`` and ``Test Time (s)``), and the unit in them is what counts. ``.csv`` states no
number of rows: where its last row has no line end, that row is left out and the record says so. A
workbook takes about twenty times as long to read as text does.
"""

import math
import re
import warnings
import zipfile
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data.errors import RecordError, UnitError
from data.instruments.delimited import Layout, find_layout, read_delimited
from data.instruments.record import CurveInfo, Reading, Source, choose_curve, count_steps, refusal
from data.instruments.text import in_unit

__all__ = ["VERSION", "arbin_columns", "list_tables", "read", "recognises_header", "step_numbers"]

VERSION = "1"

MAX_UNPACKED = 4 << 30

_HEADER = re.compile(r"(.*?)\s*\(([^()]*)\)")
_SHEET = re.compile(r"Channel_?(\d+(?:-\d+)?)(?:_(\d+))?", re.IGNORECASE)
_QUANTITIES = {
    "test time": ("test_time_second", "s"),
    "step time": ("step_time_second", "s"),
    "voltage": ("voltage_volt", "V"),
    "current": ("current_ampere", "A"),
    "step index": ("step_id", "1"),
    "cycle index": ("cycle_count", "1"),
    "aux temperature 1": ("temperature_celsius", "degC"),
}


def _parse(header: str) -> tuple[str, str]:
    """Return the quantity and the unit of a header."""
    match = _HEADER.fullmatch(header.strip())
    name, unit = (match[1], match[2].strip()) if match else (header, "")
    return " ".join(name.replace("_", " ").lower().split()), unit


def arbin_columns(file: str, names: Sequence[str], line: int | None) -> dict[str, tuple[int, str]]:
    """Find Arbin's columns.

    Parameters
    ----------
    file : str
        Name of the file.
    names : sequence of str
        Its headers.
    line : int or None
        Line that holds them.

    Returns
    -------
    dict of str to (int, str)
        Machine name to position and unit.

    Raises
    ------
    RecordError
        Time, voltage or current is missing or stated twice.
    """
    found: dict[str, tuple[int, str]] = {}
    for position, header in enumerate(names):
        name, unit = _parse(header)
        if name not in _QUANTITIES:
            continue
        key, canonical = _QUANTITIES[name]
        if key in found:
            raise refusal(file, "is stated twice: delete one", line=line, column=header)
        if canonical != "1" and not unit:
            raise refusal(
                file,
                f"states no unit: write it in the header, as {header}({canonical})",
                line=line,
                column=header,
            )
        found[key] = (position, unit)
    missing = [
        word
        for word, key in (
            ("Test_Time(s)", "test_time_second"),
            ("Voltage(V)", "voltage_volt"),
            ("Current(A)", "current_ampere"),
        )
        if key not in found
    ]
    if missing:
        raise refusal(
            file,
            f"has no column {' and '.join(missing)}: rename the one that holds it; there are "
            f"{', '.join(names)}",
            line=line,
        )
    return found


def recognises_header(names: Sequence[str]) -> bool:
    """Return whether headers are Arbin's.

    Parameters
    ----------
    names : sequence of str
        The headers.

    Returns
    -------
    bool
        Whether the test time stands among them with its unit in parentheses.
    """
    parsed = [_parse(name) for name in names]
    return any(name == "test time" and unit for name, unit in parsed) or (
        sum(bool(unit) and name in ("voltage", "current") for name, unit in parsed) == 2
    )


def step_numbers(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of the control step, where Arbin's own index is there.

    Parameters
    ----------
    read : mapping of str to ndarray
        Variables of a record.

    Returns
    -------
    dict of str to ndarray
        ``step_count``, or nothing. A step that follows upon itself begins where its time restarts.
    """
    if "step_id" not in read:
        return {}
    marks = [np.asarray(read["step_id"])]
    if "cycle_count" in read:
        marks.append(np.asarray(read["cycle_count"]))
    if "step_time_second" in read:
        time = np.asarray(read["step_time_second"])
        marks.append(np.cumsum(np.diff(time, prepend=time[:1]) < 0))
    return {"step_count": count_steps(*marks)}


def _is_workbook(source: Source) -> bool:
    with source.path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _workbook(source: Source) -> Any:
    """Open a workbook for reading row by row."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise RecordError(
            f"{source.name}: a workbook (.xlsx) needs the package openpyxl: pip install "
            "'anodebayes[arbin]', or save the sheet Channel_… as .csv"
        ) from None
    try:
        with zipfile.ZipFile(source.path) as archive, warnings.catch_warnings():
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED:
                raise refusal(source.name, f"unpacks to {unpacked} bytes: no workbook does")
            if "xl/workbook.xml" not in archive.namelist():
                raise refusal(source.name, "is a zip archive and no workbook: unpack it first")
            warnings.simplefilter("ignore")  # on styles and the like
            return load_workbook(source.path, read_only=True, data_only=True)
    except RecordError:
        raise
    except Exception as error:
        raise refusal(
            source.name,
            f"cannot be opened as a workbook ({error or type(error).__name__}): it is damaged or "
            "cut off; copy it again from the instrument",
        ) from error


def _channels(file: str, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the sheets of each channel, in the order in which the test went on."""
    sheets: dict[str, list[tuple[int, str]]] = {}
    listed = list(names)
    for name in listed:
        if (match := _SHEET.fullmatch(name.strip())) is not None:
            sheets.setdefault(match[1], []).append((int(match[2] or 1), name))
    if not sheets:
        raise refusal(
            file,
            f"has no sheet Channel_…: a workbook of Arbin is due; there are {', '.join(listed)}",
        )
    return {channel: [name for _, name in sorted(parts)] for channel, parts in sheets.items()}


def _infos(channels: Mapping[str, Sequence[str]]) -> list[CurveInfo]:
    return [
        CurveInfo(
            index,
            f"Channel_{channel}",
            None,
            note="" if len(sheets) < 2 else f"{len(sheets)} sheets",
        )
        for index, (channel, sheets) in enumerate(channels.items())
    ]


def list_tables(source: Source) -> list[CurveInfo]:
    """List the channels of a file.

    Parameters
    ----------
    source : Source
        The file.

    Returns
    -------
    list of CurveInfo
        One of a ``.csv``; one a channel of an ``.xlsx``.
    """
    if not _is_workbook(source):
        layout = find_layout(source)
        return [CurveInfo(0, "table", layout.rows)]
    workbook = _workbook(source)
    try:
        return _infos(_channels(source.name, workbook.sheetnames))
    finally:
        workbook.close()


def read(source: Source, curve: int | None) -> Reading:
    """Read a channel of a file.

    Parameters
    ----------
    source : Source
        The file.
    curve : int or None
        Number of the channel; None where there is but one.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        The file is damaged, lacks a column, or holds cells that are no numbers.
    """
    if _is_workbook(source):
        return _read_workbook(source, curve)
    choose_curve(source.name, [CurveInfo(0, "table", None)], curve)
    return _read_csv(source)


def _in_units(
    file: str, read: Mapping[str, Any], found: Mapping[str, tuple[int, str]], line: int | None
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    units = dict(_QUANTITIES.values())
    for key, (_, unit) in found.items():
        try:
            variables[key] = (
                read[key] if units[key] == "1" else in_unit(read[key], unit, units[key])
            )
        except UnitError as error:
            raise refusal(file, str(error), line=line) from error
    return variables | step_numbers(variables)


def _read_csv(source: Source) -> Reading:
    layout: Layout = find_layout(source)
    found = arbin_columns(source.name, layout.names, layout.line)
    read, extra, first_line = read_delimited(
        source,
        layout,
        {key: position for key, (position, _) in found.items()},
        blanks=("temperature_celsius",),
    )
    return Reading(
        variables=_in_units(source.name, read, found, layout.line),
        columns={key: layout.names[position] for key, (position, _) in found.items()},
        curve="table",
        instrument="Arbin",
        technique="cycling",
        technique_as_written="",
        header={"columns": list(layout.names), "comments": list(layout.comments)},
        first_line=first_line,
        extra=extra,
    )


def _read_workbook(source: Source, curve: int | None) -> Reading:
    file = source.name
    workbook = _workbook(source)
    try:
        channels = _channels(file, workbook.sheetnames)
        channel, sheets = list(channels.items())[choose_curve(file, _infos(channels), curve)]
        header: dict[str, Any] = {
            name: [
                [str(cell) for cell in row if cell is not None]
                for row in workbook[name].iter_rows(max_row=50, values_only=True)
                if any(cell is not None for cell in row)
            ]
            for name in workbook.sheetnames
            if "info" in name.lower()
        }
        names: list[str] = []
        found: dict[str, tuple[int, str]] = {}
        cells: dict[str, array[float]] = {}
        numbers = array("q")
        starts: list[int] = []
        for sheet in sheets:
            workbook[sheet].reset_dimensions()  # what a file says of its extent may be wrong
            lines = workbook[sheet].iter_rows(values_only=True)
            first = ["" if cell is None else str(cell) for cell in next(lines, ())]
            if not names:
                names = first
                found = arbin_columns(file, names, None)
                cells = {key: array("d") for key in found}
            elif first != names:
                raise refusal(file, f"sheet {sheet} has other columns than sheet {sheets[0]}")
            starts.append(len(numbers))
            wanted = [
                (cells[key], position, names[position]) for key, (position, _) in found.items()
            ]
            for number, line in enumerate(lines, 2):
                if all(cell is None for cell in line):
                    continue
                for column, position, name in wanted:
                    cell = line[position] if position < len(line) else None
                    if isinstance(cell, bool) or not isinstance(cell, int | float | None):
                        where = f"sheet {sheet}, row {number}"
                        raise refusal(file, f"{where}: {cell!r} is not a number", column=name)
                    column.append(math.nan if cell is None else cell)
                numbers.append(number)
    except RecordError:
        raise
    except Exception as error:
        raise refusal(
            file,
            f"cannot be read as a workbook ({error or type(error).__name__}): it is damaged; copy "
            "it again from the instrument",
        ) from error
    finally:
        workbook.close()
    read = {key: np.frombuffer(column) for key, column in cells.items()}

    def row_name(row: int) -> str:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return f"sheet {sheets[part]}, row {numbers[row]}"

    return Reading(
        variables=_in_units(file, read, found, None),
        columns={key: names[position] for key, (position, _) in found.items()},
        curve=f"Channel_{channel}",
        instrument="Arbin",
        technique="cycling",
        technique_as_written="",
        header=header | {"columns": names},
        row_name=row_name,
    )
