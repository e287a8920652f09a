"""Arbin's database ``.res``, through access-parser: an optional package, imported when needed.

A ``.res`` file is a Microsoft Access database. Its table ``Channel_Normal_Table`` holds the rows
of one or more tests in no order, in seconds, volts and amperes: they are sorted by ``Test_ID`` and
``Data_Point``. The database states how many rows the table has.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from data.errors import RecordError
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import Reading
from data.instruments.table_content import step_numbers

__all__ = ["VERSION", "list_tables", "read", "recognises"]

VERSION = "1"
_MAGIC = (b"\x00\x01\x00\x00Standard Jet DB", b"\x00\x01\x00\x00Standard ACE DB")
_TABLE = "Channel_Normal_Table"
_COLUMNS = {
    "test_time_second": "Test_Time",
    "step_time_second": "Step_Time",
    "voltage_volt": "Voltage",
    "current_ampere": "Current",
    "step_id": "Step_Index",
    "cycle_count": "Cycle_Index",
}


def recognises(head: bytes) -> bool:
    """Return whether the first bytes are those of an Access database.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether they hold Access's mark.
    """
    return head.startswith(_MAGIC)


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Collect what access-parser logs instead of showing it."""
    said: list[str] = []
    logger = logging.getLogger("access_parser")

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage()[:200])

    handler = Collector(logging.WARNING)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


def _tables(source: RawFile) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return the rows, what the database says of its tests, and the announced number of rows."""
    try:
        from access_parser import AccessParser
    except ImportError:
        raise RecordError(
            f"{source.name}: a database of Arbin (.res) needs the package access-parser: pip "
            "install 'anodebayes[arbin]', or export the test as .csv or .xlsx"
        ) from None
    with _quiet() as said:
        try:
            database = AccessParser(str(source.path))
            if _TABLE not in database.catalog:
                tables = ", ".join(sorted(database.catalog))
                raise refusal(
                    source.name, f"has no table {_TABLE}: it is no database of Arbin ({tables})"
                )
            table = database.get_table(_TABLE)
            announced = int(table.table_header.number_of_rows)
            rows = dict(table.parse())
            tests = (
                dict(database.parse_table("Global_Table"))
                if "Global_Table" in database.catalog
                else {}
            )
        except RecordError:
            raise
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise refusal(
                source.name,
                f"cannot be read as a database of Arbin ({reason}): it is damaged or cut off; copy "
                "it again from the instrument" + (f" ({said[-1]})" if said else ""),
            ) from error
    return rows, tests, announced


def _rows(source: RawFile) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns in order of test and data point, and what is said of the tests."""
    rows, tests, announced = _tables(source)
    missing = [
        name
        for name in ("Test_ID", "Data_Point", "Test_Time", "Voltage", "Current")
        if name not in rows
    ]
    if missing:
        raise refusal(source.name, f"{_TABLE} has no column {', '.join(missing)}")
    columns = {}
    for name in ("Test_ID", "Data_Point", *_COLUMNS.values()):
        if name not in rows:
            continue
        try:
            columns[name] = np.array(
                [np.nan if cell is None else cell for cell in rows[name]], dtype=np.float64
            )
        except (TypeError, ValueError) as error:
            raise refusal(
                source.name, f"column {name} of {_TABLE} holds text ({error})", column=name
            ) from error
    lengths = {name: len(column) for name, column in columns.items()}
    if set(lengths.values()) != {announced}:
        raise refusal(
            source.name,
            f"announces {announced} rows of {_TABLE} and holds {min(lengths.values())}: the file "
            "is cut off or damaged; copy it again from the instrument",
        )
    order = np.lexsort((columns["Data_Point"], columns["Test_ID"]))
    columns = {name: column[order] for name, column in columns.items()}
    same = (np.diff(columns["Test_ID"]) == 0) & (np.diff(columns["Data_Point"]) == 0)
    if same.any():
        point = columns["Data_Point"][int(np.argmax(same))]
        raise refusal(source.name, f"holds data point {point:g} twice: the file is damaged")
    return columns, tests


def _names(columns: dict[str, Any]) -> list[float]:
    return [float(test) for test in np.unique(columns["Test_ID"])]


def list_tables(source: RawFile) -> list[CurveInfo]:
    """List the tests of a database.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        One a test.
    """
    columns, _ = _rows(source)
    return _infos(columns)


def _infos(columns: dict[str, Any]) -> list[CurveInfo]:
    return [
        CurveInfo(index, f"Test_ID {test:g}", int(np.sum(columns["Test_ID"] == test)))
        for index, test in enumerate(_names(columns))
    ]


def read(source: RawFile, curve: int | None) -> Reading:
    """Read a test of a database.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        Number of the test; None where there is but one.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        access-parser is not installed, or the database is damaged or cut off.
    """
    columns, tests = _rows(source)
    test = _names(columns)[choose_curve(source.name, _infos(columns), curve)]
    chosen = columns["Test_ID"] == test
    variables = {key: columns[name][chosen] for key, name in _COLUMNS.items() if name in columns}
    points = columns["Data_Point"][chosen]
    if "step_id" in variables:
        variables["step_count"] = step_numbers(variables)
    return Reading(
        variables=variables,
        columns={key: name for key, name in _COLUMNS.items() if name in columns},
        curve=f"Test_ID {test:g}",
        instrument="Arbin",
        technique="cycling",
        technique_as_written="",
        header={name: [str(cell) for cell in cells] for name, cells in tests.items()},
        row_name=lambda row: f"data point {points[row]:g}",
    )
