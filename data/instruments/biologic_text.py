"""EC-Lab's and BT-Lab's text export ``.mpt``: a header whose length it states, then one table.

Exported as ``.txt`` the table stands alone, with the columns that were chosen: time and voltage are
enough, where the user states the constant current.

The second line states how many lines come before the rows. The text is Windows-1252 and numbers
follow the computer's locale: a decimal comma is as common as a point. Cells of one column have one
width, and no line end follows the last row, which is how a row that is cut off is told from a
whole one. Only where loops are listed is the number of rows stated; a file without loops that is
cut exactly between two rows cannot be told from a shorter test.

The voltage is ``Ecell`` where that was recorded, else ``Ewe``: of the working electrode against the
reference, which in a cell of two electrodes is the same. Where that is exactly constant under
current, the reference lead was at the working electrode or nowhere, and ``Ewe-Ece`` is the voltage
of the cell: it is read, and the record says so. So it is where the two differ under a current that
is controlled: ``Ewe`` is then of one electrode of three. Where no current was measured, the current
that was set stands in, and the record says so.

The area is never taken from the header: EC-Lab fills in 0.001 cm² where the user gave none. The
column ``step time/s`` is not read: in the first step of a linked technique it counts from the start
of the whole run.
"""

import mmap
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.errors import UnitError
from data.instruments.biologic_columns import (
    NAMES,
    cell_voltage,
    choose_columns,
    convert_columns,
    other_columns,
    technique_of,
)
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import SPARE, Reading, count_steps
from data.instruments.text import TextTable, decode, in_unit, mapped, mark_of_numbers, split_line
from data.instruments.text_numbers import read_numbers
from data.units import parse_number

__all__ = ["VERSION", "last_row_doubt", "list_tables", "read", "recognises"]

VERSION = "2"
_MAGIC = (b"EC-Lab ASCII FILE", b"BT-Lab ASCII FILE")
_HEADER_LINES = re.compile(r"Nb header lines\s*:\s*(\d{1,9})\s*(?!\d)")
_LOOP = re.compile(r"Loop \d+ from point number (\d{1,12}) to (\d{1,12})(?!\d)")
_AREA = re.compile(r"Electrode surface area\s*:\s*([\d.,]+)\s*cm")
_DEVICE = re.compile(r"Device\s*:\s*(.+)")
_FIXED_WIDTH = re.compile(r"[+-]?\d[.,]\d+[eE][+-]\d+")
_MAX_HEADER = 4 << 20
_MAY_BE_CUT = "the last row has no line end and may be cut off: it was left out"


def recognises(head: bytes) -> bool:
    """Return whether the first bytes are those of an ``.mpt`` file.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether they hold EC-Lab's or BT-Lab's first line, or name EC-Lab's columns.
    """
    if head.removeprefix(b"\xef\xbb\xbf").startswith(_MAGIC):
        return True
    names = set(split_line(decode(head.partition(b"\n")[0]), "\t"))
    others = (*NAMES["test_time_second"], *NAMES["current_ampere"])
    return bool(names & set(NAMES["voltage_volt"])) and bool(names & set(others))


def list_tables(source: RawFile) -> list[CurveInfo]:
    """List the tables of an ``.mpt`` file: it holds one.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        One.
    """
    with mapped(source.path) as content:
        lines, _, table = _layout(source.name, content)
        name = _technique_line(lines)
        return [CurveInfo(0, name or "table", table.count(content))]


def _layout(file: str, content: mmap.mmap) -> tuple[list[str], str, TextTable]:
    """Return the header's lines, the line of names, and where the rows lie."""
    if not content[:20].removeprefix(b"\xef\xbb\xbf").startswith(_MAGIC):
        return _bare_layout(content)
    second = content.find(b"\n") + 1
    end = content.find(b"\n", second)
    match = _HEADER_LINES.match(decode(content[second : max(end, second)]))
    if not second or end < 0 or match is None:
        raise refusal(
            file,
            "does not state 'Nb header lines : …' with a number: the file is cut off or was "
            "edited; export it again from EC-Lab",
            line=2,
        )
    due = int(match[1])
    position = 0
    for line in range(1, due + 1):
        newline = content.find(b"\n", position)
        if newline < 0 and line == due:
            newline = len(content) - 1  # a technique that records nothing ends with its header
        elif newline < 0 or newline > _MAX_HEADER:
            raise refusal(
                file,
                f"announces {due} lines of header and has {line}: the file is cut off; export it "
                "again from EC-Lab",
                line=line,
            )
        position = newline + 1
    lines = decode(content[:position]).splitlines()
    if due >= 3 and (len(lines) < due or not lines[-1].strip()):
        raise refusal(
            file,
            f"ends with its header, of {_technique_line(lines[:-1]) or 'no technique'!r}, and "
            "holds no table: nothing was recorded (as of a wait), or the file is cut off here",
            line=len(lines),
        )
    if due < 3 or len(lines) < 3:
        raise refusal(file, f"announces {due} lines of header: at least 3 are due", line=2)
    return lines[:-1], lines[-1], _table(content, lines[-1], position, due + 1)


def _table(content: mmap.mmap, names_line: str, start: int, first_line: int) -> TextTable:
    names = split_line(names_line, "\t")
    while names and not names[-1]:
        names.pop()
    return TextTable.bounded(content, start, len(content), first_line=first_line, names=names)


def _bare_layout(content: mmap.mmap) -> tuple[list[str], str, TextTable]:
    """Return the layout of a table that stands alone."""
    newline = content.find(b"\n")
    start = len(content) if newline < 0 else newline + 1
    names_line = decode(content[:start]).rstrip("\r\n")
    return [], names_line, _table(content, names_line, start, 2)


def _technique_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in lines[2:] if line.strip()), "")


def _settings(lines: Sequence[str], name: str) -> list[str]:
    """Return the values of a setting, one for each step of the programme."""
    for line in lines:
        if line[:20].strip() == name and len(line) > 20:
            rest = line[20:].rstrip()
            return [rest[at : at + 20].strip() for at in range(0, len(rest), 20)]
    return []


def _scan_rate(lines: Sequence[str]) -> float | None:
    """Return the scan rate [V/s] where it is one and the same."""
    rates, units = _settings(lines, "dE/dt"), _settings(lines, "dE/dt unit")
    if len(set(rates)) != 1 or len(set(units)) != 1:
        return None
    value = parse_number(rates[0].replace(",", "."))
    try:
        return None if value is None else float(in_unit(value, units[0], "V/s"))
    except UnitError:
        return None


def _announced(lines: Sequence[str]) -> tuple[list[tuple[int, int]], int | None]:
    """Return the first and last points of the loops, and how many points they are."""
    loops = [(int(m[1]), int(m[2])) for m in map(_LOOP.match, lines) if m is not None]
    return loops, loops[-1][1] + 1 if loops else None


def last_row_doubt(source: RawFile) -> str:
    """Return what is to be known of the last row of a file; empty where it is whole.

    Parameters
    ----------
    source : RawFile
        A text of EC-Lab or BT-Lab.

    Returns
    -------
    str
        One sentence where it may be cut off, and has to be left out.

    Raises
    ------
    RecordError
        It is cut off.
    """
    with mapped(source.path) as content:
        lines, _, table = _layout(source.name, content)
        return _check_end(source.name, content, table, _announced(lines)[1])


def _check_end(file: str, content: mmap.mmap, table: TextTable, announced: int | None) -> str:
    """Return a warning on the last row; refuse one that is cut off, empty where it is whole."""
    names = table.names
    if table.terminated(content) or table.count(content) == 0:
        return ""
    last = split_line(decode(table.last_line(content)), "\t")
    first = table.first_cells(content)
    whole = len(last) == len(first)
    due = first[-1] if whole else ""
    if whole and table.count(content) > 1 and _FIXED_WIDTH.fullmatch(due):
        whole = len(last[-1].lstrip("+-")) == len(due.lstrip("+-"))
    elif whole and announced in (None, table.count(content)):
        # Every row is there, and the last number has as many decimals as others. Where nothing
        # says how many rows are due, as many as any of them.
        rows = content[table.start : min(table.stop, table.start + _MAX_HEADER)].splitlines()[:-1]
        digits = {_decimals(split_line(decode(row), "\t")[-1]) for row in rows if row.strip()}
        most = _decimals(due) if announced is not None else max(digits, default=-1)
        if _decimals(last[-1]) >= most > 0:
            return ""
        return _MAY_BE_CUT
    elif whole:
        return _MAY_BE_CUT
    if not whole:
        raise refusal(
            file,
            f"ends in {last[-1]!r}: the file is cut off here; export it again from EC-Lab, or "
            "delete this line",
            line=table.first_line + table.count(content) - 1,
            column=names[min(len(last), len(names)) - 1],
        )
    return ""


def _decimals(cell: str) -> int:
    """Return how many digits follow the decimal mark of a number; -1 where there is none."""
    match = re.fullmatch(r"[+-]?\d+[.,](\d+)", cell)
    return -1 if match is None else len(match[1])


def read(source: RawFile, curve: int | None) -> Reading:
    """Read an ``.mpt`` file.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        None or 0.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        The file is cut off, lacks a column, or holds cells that are no numbers.
    """
    file = source.name
    choose_curve(file, [CurveInfo(0, "table", None)], curve)
    with mapped(source.path) as content:
        lines, names_line, table = _layout(file, content)
        names = list(table.names)
        rate = _scan_rate(lines)
        found = choose_columns(source, names, table.first_line - 1, scan_rate=bool(rate))
        wanted = {key: names.index(name) for key, name in found.items()}
        others = other_columns(names, found)
        wanted |= {name: names.index(name) for name in others}
        if "mode" in names:
            wanted["mode"] = names.index("mode")
        loops, announced = _announced(lines)
        warning = _check_end(file, content, table, announced)
        if warning:
            announced = None if table.count(content) == announced else announced
            table = table.without_last(content)
        place = wanted.get("test_time_second")
        time_cell = "" if place is None else next(iter(table.first_cells(content)[place:]), "")
        if "/" in time_cell or ":" in time_cell:
            raise refusal(
                file,
                f"time is written as a date ({time_cell!r}): export it again with elapsed time",
                line=table.first_line,
                column=found["test_time_second"],
            )
        spare = [name for name in (*SPARE, *others) if name in wanted]
        due = [place for name, place in wanted.items() if name not in spare]
        mark = mark_of_numbers(
            content, table, due, file=file, spare=[wanted[name] for name in spare]
        )
        read = read_numbers(file, content, replace(table, decimal=mark), wanted, spare=spare)
    variables, columns = convert_columns(source, read, found, read.get("mode"))
    if "step_id" in read:
        starts = np.array([start for start, _ in loops], dtype=np.int64)
        loop = np.searchsorted(starts, np.arange(len(read["step_id"])), side="right")
        marks = [read["step_id"], loop]
        variables["step_count"] = count_steps(*marks)
    name = _technique_line(lines)
    technique = technique_of(name, names)
    extra = cell_voltage(
        source, variables, columns, {each: read[each] for each in others}, technique
    )
    if warning:
        extra["truncated"] = warning
    if rate is not None:
        extra["scan_rate_volt_per_second"] = rate
    text = "\n".join(lines)
    area = _AREA.search(text)
    if area is not None and (size := parse_number(area[1].replace(",", "."))) is not None:
        extra["area_as_written_cm2"] = size
    device = _DEVICE.search(text)
    return Reading(
        variables=variables,
        columns=columns,
        curve=name or "table",
        instrument=f"BioLogic {device[1].strip()}" if device else "BioLogic",
        technique=technique,
        technique_as_written=name,
        header={"lines": lines, "columns": names_line},
        announced_rows=announced,
        announced_at=next((n for n, text in enumerate(lines, 1) if _LOOP.match(text)), None),
        first_line=table.first_line,
        extra=extra,
    )
