"""Provenance of rows that were read from instrument files: records beside the tables.

A campaign's folder ``provenance`` holds, in a folder a table, a record ``<cell>.json`` for each
file that was read, and figures of the same name. The loader of campaigns does not read it: rows
count as they stand in the tables.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.files import read_json
from data.table import Table
from data.table_reader import read_table
from data.tables import tables as all_tables

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "APPENDED",
    "FOLDER",
    "NOT_APPENDED",
    "is_record",
    "read_records",
    "record_path",
    "row_key",
    "same_key",
    "standing",
    "standing_in",
]

FOLDER = "provenance"
"""Name of the folder in a campaign's folder."""

APPENDED, NOT_APPENDED = "appended", "not appended"
"""Status of a record: whether its rows were put into the table, or are doubtful and were not."""


def record_path(folder: Path, table: str, cell: str) -> Path:
    """Return where the record of a cell is kept.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    table : str
        The table.
    cell : str
        The cell; what is no letter, digit, ``.``, ``_`` or ``-`` is replaced in the file's name.

    Returns
    -------
    Path
        A ``.json`` file.
    """
    name = re.sub(r"[^\w.-]+", "_", cell).strip("._")[:80]
    if name != cell:  # two cells must not share a record
        name += f"-{hashlib.sha256(cell.encode()).hexdigest()[:6]}"
    return folder / FOLDER / table / f"{name}.json"


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return every record of a campaign that can be read.

    Parameters
    ----------
    folder : Path
        The campaign's folder.

    Returns
    -------
    list of dict
        In the order of the files' names. What is no record is passed over.
    """
    found = map(_record, sorted((folder / FOLDER).glob("*/*.json")))
    return [record for record in found if record is not None]


def is_record(path: Path) -> bool:
    """Return whether a file is a record of provenance.

    Parameters
    ----------
    path : Path
        Any.

    Returns
    -------
    bool
        True where it can be read as one.
    """
    return _record(path) is not None


def _record(path: Path) -> dict[str, Any] | None:
    try:
        record = read_json(path)
    except InputError:
        return None
    known = isinstance(record, dict) and record.get("table") in all_tables() and "keys" in record
    return record if known else None


def row_key(table: Table, row: Mapping[str, float | str]) -> dict[str, float | str | None]:
    """Return the cells that tell a row from the others of its table.

    Parameters
    ----------
    table : Table
        The table.
    row : mapping
        Cells in canonical units; what is missing is blank.

    Returns
    -------
    dict
        By column; a blank number is None.
    """
    key: dict[str, float | str | None] = {}
    for name in table.key:
        value = row.get(name, table.fields[name].blank_cell)
        blank = not isinstance(value, str) and math.isnan(value)
        key[name] = None if blank else value
    return key


def standing(folder: Path, record: Mapping[str, Any]) -> bool:
    """Return whether a row of a record stands in its table.

    A record without its row is what an interrupted import leaves, or a row that was deleted.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    record : mapping
        A record.

    Returns
    -------
    bool
        True where the table holds a row of the record's keys, excluded rows included.
    """
    table = all_tables()[str(record["table"])]
    path = folder / table.file
    if not path.is_file():
        return False
    present = [row_key(table, row.cells) for row in read_table(path, table).rows]
    return _count(record, present) > 0


def standing_in(record: Mapping[str, Any], rows: "xr.Dataset") -> int:
    """Return how many rows of a record stand in a table.

    Parameters
    ----------
    record : mapping
        A record.
    rows : Dataset
        The table that it names.

    Returns
    -------
    int
        Rows of the record's keys.
    """
    table = all_tables()[str(record["table"])]
    columns = {name: rows[name].values.tolist() for name in table.key}
    present = [
        row_key(table, {name: values[at] for name, values in columns.items()})
        for at in range(rows.sizes[table.name])
    ]
    return _count(record, present)


def _count(record: Mapping[str, Any], present: list[dict[str, float | str | None]]) -> int:
    if record.get("status") == NOT_APPENDED:
        return 0  # a row of the same name is of another origin
    return sum(any(same_key(key, other) for other in present) for key in record["keys"])


def same_key(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two keys are of the same row.

    Parameters
    ----------
    one, other : mapping
        Of `row_key`; numbers as a file states them, with ten digits.

    Returns
    -------
    bool
        True where they are.
    """
    if one.keys() != other.keys():
        return False
    for name, value in one.items():
        numbers = isinstance(value, int | float) and isinstance(other[name], int | float)
        if numbers and math.isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-9):
            continue
        if value != other[name]:
            return False
    return True
