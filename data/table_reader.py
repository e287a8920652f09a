"""From the text of a table to checked numbers in canonical units.

A table whose cells are separated by semicolons or tabs may have decimal commas: in all its numbers
or in none.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.csv_reader import RawTable, number_advice, read_csv, text_of
from data.errors import Mistake, UnitError, first_of
from data.files import control_character
from data.schema import ROW_UNIT, Column, closest, nearest
from data.table import Table
from data.units import check_unit, convert, format_header, parse_header, parse_number

__all__ = ["ReadRow", "ReadTable", "check_table", "decimal_mark", "read_table"]

_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")  # or a decimal comma: nobody can tell
_LONGEST_NAME = 300  # of a text that names something: longer than the name of any file
_PROSE = {"place", "note", "assumed", "exclude"}
_NO_REASONS = {"yes", "y", "true", "no", "n", "false", "none", "x", "-"}  # read as flags of a row

type _Complain = Callable[[str, str], None]


@dataclass(slots=True)
class ReadRow:
    """One row in canonical units.

    Parameters
    ----------
    line : int
        Line of the file.
    cells : dict
        Number or text of every column of the table.
    unsound : frozenset of str
        Columns whose cell could not be read or is not legal: what depends on them is not checked.
    """

    line: int
    cells: dict[str, float | str]
    unsound: frozenset[str] = frozenset()

    @property
    def excluded(self) -> bool:
        """Whether the row states a reason to leave it out."""
        return bool(self.cells["exclude"])

    @property
    def assumed(self) -> tuple[str, ...]:
        """The columns whose number is assumed."""
        if not self.cells["assumed"]:
            return ()
        return tuple(
            name for part in str(self.cells["assumed"]).split(";") if (name := part.strip())
        )


@dataclass
class ReadTable:
    """A table as read, with what is wrong in it.

    Parameters
    ----------
    table : Table
        Its schema.
    file : str
        What the table was read from, as mistakes name it.
    rows : list of ReadRow
        The rows, excluded ones too.
    mistakes : list of Mistake
        What is wrong.
    whole : bool
        Whether every row of the file was cut into cells, so that none can be missed.
    """

    table: Table
    file: str
    rows: list[ReadRow] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    whole: bool = True


def read_table(path: Path, table: Table) -> ReadTable:
    """Read one table of a campaign and check everything that a row shows by itself.

    Parameters
    ----------
    path : Path
        The CSV file.
    table : Table
        Its schema.

    Returns
    -------
    ReadTable
        Rows in canonical units, and every mistake found.
    """
    raw, mistakes = read_csv(path)
    if raw is None:
        return ReadTable(table, path.name, mistakes=mistakes, whole=False)
    return check_table(raw, table, mistakes)


def check_table(raw: RawTable, table: Table, mistakes: list[Mistake]) -> ReadTable:
    """Check the cells of a table and bring its numbers to canonical units.

    Parameters
    ----------
    raw : RawTable
        Cells as text.
    table : Table
        Its schema.
    mistakes : list of Mistake
        What was wrong when it was cut into cells.

    Returns
    -------
    ReadTable
        Rows in canonical units, and every mistake found.
    """
    read = ReadTable(table, raw.file, mistakes=mistakes, whole=not mistakes)
    units, unsound = _read_header(raw, table, read.mistakes)
    mixed = _mixed_marks(raw, table)
    if mixed is not None:
        read.mistakes.append(mixed)
    if mixed is not None or decimal_mark(raw, table) == ",":
        numbers = {place for name, (place, _) in units.items() if table.fields[name].is_number}
        raw = replace(
            raw,
            rows=tuple(
                (
                    line,
                    tuple(
                        cell.replace(",", ".") if at in numbers and _COMMA.fullmatch(cell) else cell
                        for at, cell in enumerate(cells)
                    ),
                )
                for line, cells in raw.rows
            ),
        )
    for record in raw.rows:
        row = _read_row(raw.file, table, units, unsound, record, read.mistakes)
        read.rows.append(row)
        if not row.excluded:
            _check_row(row, read)
        _check_assumed(row, read)
    _check_key(read)
    read.mistakes = [*first_of(raw.file, read.mistakes, lambda mistake: mistake)]
    return read


def decimal_mark(raw: RawTable, table: Table) -> str:
    """Return the decimal mark of a table's numbers.

    Parameters
    ----------
    raw : RawTable
        Cells as text.
    table : Table
        Its schema.

    Returns
    -------
    str
        A comma where cells are separated by another mark, some number holds a comma that is none
        of thousands, and no number holds a point; else a point, with which a number that holds a
        comma is a mistake.
    """
    cells = [cell for _, _, cell in _numbers(raw, table)]
    if raw.separator == "," or any(_POINT.fullmatch(cell) for cell in cells):
        return "."
    return "," if any(map(_is_decimal_comma, cells)) else "."


def _numbers(raw: RawTable, table: Table) -> list[tuple[int, str, str]]:
    """Return line, header and cell of a table's numbers."""
    numbers = {
        at: header
        for at, header in enumerate(raw.header)
        if (column := table.fields.get(header.partition("[")[0].strip())) and column.is_number
    }
    return [(line, header, row[at]) for line, row in raw.rows for at, header in numbers.items()]


def _is_decimal_comma(cell: str) -> bool:
    return bool(_COMMA.fullmatch(cell)) and not _THOUSANDS.fullmatch(cell)


def _mixed_marks(raw: RawTable, table: Table) -> Mistake | None:
    """Return the mistake of a table that holds decimal commas and points."""
    if raw.separator == ",":
        return None
    numbers = _numbers(raw, table)
    comma = next(((line, cell) for line, _, cell in numbers if _is_decimal_comma(cell)), None)
    point = next((each for each in numbers if _POINT.fullmatch(each[2])), None)
    if comma is None or point is None:
        return None
    line, header, cell = point
    return Mistake(
        raw.file,
        f"{cell!r} holds a point, and {comma[1]!r} in line {comma[0]} a decimal comma: is the "
        "point one of thousands, or a decimal one? Write all numbers with one decimal mark, and "
        "none of thousands",
        line,
        header,
    )


def _read_header(
    raw: RawTable, table: Table, mistakes: list[Mistake]
) -> tuple[dict[str, tuple[int, str | None]], frozenset[str]]:
    """Return position and unit of every legal column, and the columns that others may stand for.

    The columns stand in the order of the table's fields. Complains about the others.
    """
    places: dict[str, tuple[int, str | None]] = {}
    unsound: set[str] = set()
    for position, header in enumerate(raw.header):
        try:
            name, unit = parse_header(header)
        except UnitError as error:
            mistakes.append(Mistake(raw.file, f"column {position + 1}: {error}", line=1))
            continue
        column = table.fields.get(name)
        if column is None:
            mistakes.append(Mistake(raw.file, _unknown_column(name, table), 1, header))
            continue
        if name in places:
            mistakes.append(Mistake(raw.file, "stands twice: keep one", 1, header))
            unsound.add(name)
            continue
        if unit is None and column.support == "integer":
            unit = column.unit  # a count needs no unit
        message = _unit_complaint(column, unit)
        if message:
            mistakes.append(Mistake(raw.file, message, 1, header))
            unsound.add(name)
            continue
        places[name] = (position, unit)
    # A misspelt header is one mistake, not a missing column besides.
    written = {re.split(r"[\[(/,]", header)[0].strip() for header in raw.header}
    strange = written - table.fields.keys()
    guesses = {name: closest(name, table.fields.keys() - written) for name in strange}
    named = written | {guess for guess in guesses.values() if guess}
    for name in table.required:
        if name not in named:
            due = table.fields[name].header
            mistakes.append(Mistake(raw.file, f"has no column {due!r}: every row needs it", 1))
    for column in table.measured:
        options = [column.name, f"{column.name}_lower", f"{column.name}_upper"]
        if column.blank is None and not named.intersection(options):
            headers = " or ".join(repr(format_header(name, column.unit)) for name in options)
            mistakes.append(Mistake(raw.file, f"has no column {headers}: every row needs one", 1))
            unsound.update(options)
    # What a strange header was meant to be is not known: any column that is not there.
    absent = table.fields.keys() - places.keys()
    meant = absent if None in guesses.values() else absent & (named | {*table.required})
    return {name: places[name] for name in table.fields if name in places}, frozenset(
        unsound | meant
    )


def _unknown_column(name: str, table: Table) -> str:
    for mark in ("(", "/", " in ", ","):
        stem = name.partition(mark)[0].strip()
        if mark in name and stem in table.fields:
            due = table.fields[stem].header
            return f"is not a legal header: units stand in square brackets, as in {due!r}"
    hint = nearest(name, table.fields)
    return f"is no column of {table.name}{hint}: legal are {', '.join(table.fields)}"


def _unit_complaint(column: Column, unit: str | None) -> str | None:
    if column.unit == ROW_UNIT:
        return (
            f"states the unit {unit!r}: here each row states its own in the column 'unit'"
            if unit is not None
            else None
        )
    if column.unit is None:
        return f"takes no unit: write {column.name!r}" if unit is not None else None
    if unit is None:
        return f"has no unit: write {column.header!r}, or another unit of this dimension"
    try:
        check_unit(unit, column.unit)
    except UnitError as error:
        return str(error)
    return None


def _read_row(
    file: str,
    table: Table,
    places: Mapping[str, tuple[int, str | None]],
    unsound: frozenset[str],
    record: tuple[int, tuple[str, ...]],
    mistakes: list[Mistake],
) -> ReadRow:
    """Read one row; `places` stand in the order of the table's fields."""
    line, texts = record
    row = ReadRow(line, table.blank_row.copy(), unsound)
    excluded = "exclude" in places and bool(texts[places["exclude"][0]])

    def complain(name: str, message: str) -> None:
        row.unsound |= {name}
        unit = places[name][1] if name in places else None
        mistakes.append(Mistake(file, message, line, format_header(name, unit)))

    written = {name: texts[position] for name, (position, _) in places.items()}
    for name, text in written.items():
        column = table.fields[name]
        if not text:
            if column.blank is None and not column.interval and not excluded:
                complain(name, f"is blank: {column.legal} is due")
        elif column.unit is None:
            words = row.cells[name] = text_of(text)
            if mark := control_character(words):
                complain(name, f"holds the control character {mark}: write the text without it")
            elif len(words) > _LONGEST_NAME and name not in _PROSE:
                why = f"is {len(words)} characters long: a name has at most {_LONGEST_NAME}"
                complain(name, why)
            elif column.choices and words not in column.choices:
                hint = nearest(words, column.choices)
                complain(name, f"{words!r} is not legal{hint}: {column.legal} is due")
            elif name in ("note", "exclude") and parse_number(words) is not None:
                why = "is a number, not a text: has a comma shifted the cells of this row?"
                complain(name, f"{words!r} {why}")
            elif name == "exclude" and words.lower() in _NO_REASONS:
                why = "is no reason: say why the row is left out, or leave the cell blank to use it"
                complain(name, f"{words!r} {why}")
        else:
            row.cells[name] = math.nan
            value = parse_number(text)
            if value is None:
                complain(name, number_advice(text, several=column.several))
                continue
            unit: str | None = places[name][1]
            canonical: str | None = column.unit
            if column.unit == ROW_UNIT:
                unit, canonical = _row_units(table, written)
            if unit is None or canonical is None:
                row.unsound |= {name}
                continue
            converted = value if unit == canonical else float(convert(value, unit, canonical))
            row.cells[name] = converted
            message = column.complaint(converted)
            if message and not excluded:
                if unit in ("%", "percent"):  # the header says what the hint would
                    message = message.removesuffix(column.slip)
                as_written = f"{text} {unit} = " if unit != canonical else ""
                complain(name, as_written + message)
    _check_row_unit(table, written, row, complain)
    return row


def _row_units(table: Table, written: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the unit a row states and its canonical unit; None where either is not legal."""
    if table.row_unit is None:
        return None, None
    canonical = table.row_unit({"quantity": "", **written})
    unit = written.get("unit", "")
    if canonical is None or not unit:
        return None, None
    try:
        check_unit(unit, canonical)
    except UnitError:
        return None, None
    return unit, canonical


def _check_row_unit(
    table: Table, written: Mapping[str, str], row: ReadRow, complain: _Complain
) -> None:
    """Check the unit that a row states for itself, and store its canonical one."""
    if table.row_unit is None or not written.get("unit"):
        return
    canonical = table.row_unit({"quantity": "", **written})
    if canonical is None:
        return
    try:
        check_unit(written["unit"], canonical)
    except UnitError as error:
        complain("unit", f"{error} for {written['quantity']}")
        return
    row.cells["unit"] = canonical


def _check_row(row: ReadRow, read: ReadTable) -> None:
    for name, message in read.table.complaints(row.cells, row.unsound):
        read.mistakes.append(Mistake(read.file, message, row.line, name))


def _check_assumed(row: ReadRow, read: ReadTable) -> None:
    table = read.table
    for name in row.assumed:
        column = table.fields.get(name)
        if column is None or not column.is_number:
            numbers = [other for other, c in table.fields.items() if c.is_number]
            message = (
                f"{name!r} is no column of numbers{nearest(name, numbers)}: name columns of this "
                f"row, separated by semicolons; legal are {', '.join(numbers)}"
            )
            read.mistakes.append(Mistake(read.file, message, row.line, "assumed"))
        elif name not in row.unsound and math.isnan(float(row.cells[name])):
            message = f"{name!r} is blank in this row: only a number can be assumed"
            read.mistakes.append(Mistake(read.file, message, row.line, "assumed"))


def _check_key(read: ReadTable) -> None:
    table = read.table
    if not table.key:
        return
    first: dict[tuple[str, ...], int] = {}
    for row in read.rows:
        if row.excluded or not row.unsound.isdisjoint(table.key):
            continue
        key = tuple(str(row.cells[name]) for name in table.key)
        if key in first:
            shown = ", ".join(
                f"{name} {row.cells[name]}"
                for name, value in zip(table.key, key, strict=True)
                if value not in ("", "nan")
            )
            message = (
                f"repeats line {first[key]} ({shown}): {table.row} has one row. "
                f"{f'{table.again} ' if table.again else ''}Another name is for another one only; "
                "else give a reason in the column exclude"
            )
            read.mistakes.append(Mistake(read.file, message, row.line, table.key[0]))
        else:
            first[key] = row.line
