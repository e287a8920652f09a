"""The text of a table with rows added."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from data.csv_reader import cell_of, separator_of, split_text, states_separator
from data.errors import InputError, UnitError
from data.schema import ROW_UNIT, Column, Row
from data.table import Table
from data.table_reader import decimal_mark
from data.units import convert, parse_header
from data.writer import table_text

__all__ = ["Addition", "appended"]

_DIGITS = 10
_BOM = "\ufeff"


@dataclass(frozen=True)
class Addition:
    """A table's file with rows added to it.

    Parameters
    ----------
    table : Table
        Its schema.
    text : str
        The whole file, as it would be written.
    lines : tuple of int
        Lines of the new rows, the header being line 1.
    written : tuple of dict
        The new rows as the file states them: text by header. Blank cells are left out.
    before : str, optional
        The whole file without them; None where there is none.
    """

    table: Table
    text: str
    lines: tuple[int, ...]
    written: tuple[dict[str, str], ...]
    before: str | None


def appended(table: Table, text: str | None, rows: Sequence[Row]) -> Addition:
    """Return the text of a table with rows added; nothing is written.

    Parameters
    ----------
    table : Table
        The table.
    text : str or None
        Its file's text; None begins one in canonical units.
    rows : sequence of mapping
        Cells by column in canonical units; what is missing is blank.

    Returns
    -------
    Addition
        The whole text.

    Raises
    ------
    InputError
        A row has a column that the table has not, or a header cannot be read.
    """
    for row in rows:
        for name in row:
            if name not in table.fields or table.fields[name].unit == ROW_UNIT:
                raise InputError(f"{name!r} is no column of {table.name} that rows can be added to")
    rounded = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    before = text
    if text is None or not text.strip(_BOM + " \r\n\t,;"):
        text = table_text(table, rounded).partition("\n")[0] + "\n"
    mark = _BOM if text.startswith(_BOM) else ""
    lines = list(io.StringIO(text.removeprefix(_BOM), newline=""))
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    separator = separator_of(text.removeprefix(_BOM))
    raw_table, _ = split_text(table.file, text.removeprefix(_BOM))
    decimal = "." if raw_table is None else decimal_mark(raw_table, table)
    records = _records(lines, separator)
    at = next(
        i
        for i, (cells, raw) in enumerate(records)
        if any(cell.strip() for cell in cells) and states_separator(raw) is None
    )
    header = [cell.strip() for cell in records[at][0]]
    places = [(name.strip(), *_parsed(name)) for name in header]
    missing = [
        column
        for name, column in table.fields.items()
        if name not in {place[1] for place in places}
        and any(not _is_blank(column, row.get(name)) for row in rounded)
    ]
    places += [(column.header, *_parsed(column.header)) for column in missing]
    kept = [
        _widened(
            raw,
            [column.header for column in missing] if i == at else [""] * len(missing),
            separator,
        )
        if missing and i >= at and any(cell.strip() for cell in cells)
        else raw
        for i, (cells, raw) in enumerate(records)
    ]
    whole = "".join(kept)
    if not whole.endswith(("\n", "\r")):
        whole += end
    first = len(list(io.StringIO(whole, newline=""))) + 1
    written = [_written(table, places, row, decimal) for row in rounded]
    added = io.StringIO()
    csv.writer(added, delimiter=separator, lineterminator=end).writerows(
        [row.get(header, "") for header, _, _ in places] for row in written
    )
    return Addition(
        table,
        mark + whole + added.getvalue(),
        tuple(range(first, first + len(written))),
        tuple(written),
        before,
    )


def _records(lines: list[str], separator: str) -> list[tuple[list[str], str]]:
    """Cut the lines into records: cells, and the text they stand in."""
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    records, start = [], 0
    try:
        for cells in reader:
            records.append((cells, "".join(lines[start : reader.line_num])))
            start = reader.line_num
    except csv.Error as error:
        raise InputError(f"line {start + 1} has broken quotes or cells ({error})") from None
    return records


def _widened(raw: str, cells: list[str], separator: str) -> str:
    """Return the text of a record with cells behind it."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="").writerow(["", *cells])
    body = raw.rstrip("\r\n")
    return body + text.getvalue() + raw[len(body) :]


def _parsed(header: str) -> tuple[str, str | None]:
    try:
        return parse_header(header)
    except UnitError as error:
        raise InputError(f"rows cannot be added: {error}") from None


def _is_blank(column: Column, value: float | str | None) -> bool:
    if value is None or value == column.blank_cell:
        return True
    return isinstance(value, float) and math.isnan(value)


def _rounded(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(f"{float(value):.{_DIGITS}g}")


def _written(
    table: Table, places: Sequence[tuple[str, str, str | None]], row: Row, decimal: str
) -> dict[str, str]:
    """Return the cells of a row as the file states them."""
    cells = {}
    for header, name, unit in places:
        column = table.fields.get(name)
        value = row.get(name)
        if column is None or value is None or value == "":
            continue
        if isinstance(value, str):
            cells[header] = cell_of(value)
        elif not math.isnan(value):
            if unit is not None and column.unit is not None:
                value = float(convert(value, column.unit, unit))
            cells[header] = f"{value:.{_DIGITS}g}".replace(".", decimal)
    return cells
