"""Provenance of rows that were read from instrument files: records beside the tables.

A campaign's folder ``provenance`` holds, in a folder a table, a record ``<cell>.json`` for each
file that was read, and figures of the same name. The loader of campaigns does not read it: rows
count as they stand in the tables.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from data.errors import InputError
from data.files import read_json
from data.table import Table
from data.table_reader import read_table
from data.tables import tables as all_tables

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "APPENDED",
    "BEGUN",
    "FOLDER",
    "NOT_APPENDED",
    "every_record",
    "of_no_record",
    "read_records",
    "record_path",
    "row_key",
    "same_key",
    "standing",
    "standing_in",
    "whole_record",
]

FOLDER = "provenance"
"""Name of the folder in a campaign's folder."""

APPENDED, NOT_APPENDED, BEGUN = "appended", "not appended", "begun"
"""Status of a record: whether its rows were put into the table, or are doubtful and were not; that
of an import that was stopped may be in the table or not."""


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
    found = map(_record, _places(folder))
    return [record for record in found if isinstance(record, dict)]


def every_record(folder: Path) -> list[dict[str, Any]]:
    """Return every record of a campaign, or refuse the campaign for one that cannot be read.

    Parameters
    ----------
    folder : Path
        The campaign's folder.

    Returns
    -------
    list of dict
        As of `read_records`.

    Raises
    ------
    InputError
        As of `whole_record`.
    """
    return [whole_record(place) for place in _places(folder)]


def whole_record(path: Path) -> dict[str, Any]:
    """Return a record of provenance.

    Parameters
    ----------
    path : Path
        A file in the folder of a table.

    Returns
    -------
    dict
        What it says; every entry that is read again is of a legal kind.

    Raises
    ------
    InputError
        Why it is none.
    """
    record = _record(path)
    if isinstance(record, str):
        raise InputError(
            f"{str(path)!r} is no record of provenance, or is damaged ({record}): from which file "
            "its row was read is not known. Move it away, or put back the one that was written"
        )
    return record


def _places(folder: Path) -> list[Path]:
    return sorted(
        path for path in (folder / FOLDER).glob("*/*.json") if path.parent.name in all_tables()
    )


def _record(path: Path) -> dict[str, Any] | str:
    """Read a record; say why it is none."""
    try:
        record = read_json(path)
    except InputError as error:
        return f"it {error}"
    if not isinstance(record, dict) or record.get("table") != path.parent.name:
        return f"it says of no row of {path.parent.name} where that was read"
    for entry, is_legal in _ENTRIES.items():
        if not is_legal(record.get(entry, _MISSING.get(entry))):
            return f"its {entry!r} is missing or not legal"
    return record


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _all_of(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return what says whether each entry of a list is of a kind."""
    return lambda value: isinstance(value, list) and all(map(kind, value))


def _tables_of(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return what says whether a value is a table with entries of a kind."""
    return lambda value: isinstance(value, dict) and all(map(kind, value.values()))


_MISSING: Final[Mapping[str, Any]] = {"statements": [], "imported": ""}
_ENTRIES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "cell": _is_text,
    "status": lambda value: value in (APPENDED, NOT_APPENDED, BEGUN),
    "file": lambda value: _tables_of(_is_cell)(value) and _is_text(value.get("sha256")),
    "keys": lambda value: bool(value) and _all_of(_tables_of(_is_cell))(value),
    "statements": _all_of(_is_text),
    "imported": _is_text,
}
"""What of a record is read again, with what is legal there."""


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
    return _count(record, _present(folder, str(record["table"]))) > 0


def of_no_record(folder: Path, table: str, records: Iterable[Mapping[str, Any]]) -> int:
    """Return how many rows of a table no record names: entered by hand, or renamed since.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    table : str
        Name of the table.
    records : iterable of mapping
        All of the campaign's.

    Returns
    -------
    int
        Excluded rows included.
    """
    known = [key for each in records if each["table"] == table for key in each["keys"]]
    rows = _present(folder, table)
    return sum(not any(same_key(key, row) for key in known) for row in rows)


def _present(folder: Path, name: str) -> list[dict[str, float | str | None]]:
    """Return the keys of all rows of a table, as it stands."""
    table = all_tables()[name]
    path = folder / table.file
    if not path.is_file():
        return []
    return [row_key(table, row.cells) for row in read_table(path, table).rows]


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
