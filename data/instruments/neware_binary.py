"""Neware's own ``.nda`` and ``.ndax``, through NewareNDA: an optional package, imported lazily.

The rows are numbered, and a gap in the numbers is refused. Times count from the start of each step
and are added up. An ``.nda`` does not say how many rows it holds: one that is cut off between two
rows cannot be told from a shorter test. An ``.ndax`` is an archive, whose check sums tell.

References
----------
.. [1] NewareNDA, https://github.com/d-cogswell/NewareNDA
"""

import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from data.errors import RecordError
from data.instruments.durations import about_restarts, add_up_steps
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import Reading, count_steps

__all__ = ["VERSION", "is_archive", "list_tables", "read", "recognises"]

VERSION = "1"
_MAGIC = b"NEWARE"
_DATA = "data.ndc"
_INFO = CurveInfo(0, "records", None)


def recognises(head: bytes) -> bool:
    """Return whether the first bytes are those of an ``.nda`` file.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether they are Neware's mark.
    """
    return head.startswith(_MAGIC)


def is_archive(source: RawFile) -> bool:
    """Return whether a zip archive is an ``.ndax`` file."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            return _DATA in archive.namelist()
    except zipfile.BadZipFile:
        return False


def list_tables(source: RawFile) -> list[CurveInfo]:  # noqa: ARG001 - such a file holds one table
    """List the tables of a file: it holds one.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        One.
    """
    return [_INFO]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what NewareNDA logs about a file to itself."""
    logger = logging.getLogger("newarenda")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _frame(source: RawFile) -> Any:
    """Return the rows as a table of pandas."""
    try:
        from NewareNDA.NewareNDA import read_nda
        from NewareNDA.NewareNDAx import read_ndax
    except ImportError:
        raise RecordError(
            f"{source.name}: a binary file of Neware needs the package NewareNDA: pip install "
            "'anodebayes[neware]', or export the file as .csv or .xlsx"
        ) from None
    with source.path.open("rb") as file:
        plain = recognises(file.read(len(_MAGIC)))
    reader = read_nda if plain else read_ndax
    try:
        with _quiet():
            return reader(str(source.path), software_cycle_number=False)
    except MemoryError:
        raise refusal(source.name, "does not fit into memory") from None
    except Exception as error:
        # NewareNDA lets the errors of struct, zipfile and pandas through.
        raise refusal(
            source.name,
            f"cannot be read as a file of Neware ({error or type(error).__name__}): it is damaged, "
            "cut off or newer than NewareNDA knows; copy it again, or export it as .csv or .xlsx",
        ) from error


def _shortest(values: Any) -> Any:
    """Return single-precision numbers with the digits that tell them apart: 0.06, not 0.0599…."""
    kept, back = np.unique(values, return_inverse=True)
    return np.array([float(str(value)) for value in kept])[back]


def read(source: RawFile, curve: int | None) -> Reading:
    """Read a file of Neware.

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
        NewareNDA is not installed or cannot read the file, or rows are missing from it.
    """
    from importlib.metadata import version

    choose_curve(source.name, [_INFO], curve)
    frame = _frame(source)
    index = frame["Index"].to_numpy(dtype=np.int64)
    if (gaps := np.flatnonzero(np.diff(index) != 1)).size:
        row = int(gaps[0])
        raise refusal(
            source.name,
            f"holds record {index[row + 1]} after record {index[row]}: rows are missing; copy it "
            "again from the instrument",
        )
    step_time = _shortest(frame["Time"].to_numpy())
    step = frame["Step"].to_numpy(dtype=np.int64)
    variables: dict[str, Any] = {
        "test_time_second": add_up_steps(step_time, step),
        "step_time_second": step_time,
        "voltage_volt": _shortest(frame["Voltage"].to_numpy()),
        "current_ampere": _shortest(frame["Current(mA)"].to_numpy()) / 1e3,
        "step_count": count_steps(step),
        "step_id": frame["Step_Index"].to_numpy(),
        "cycle_count": frame["Cycle"].to_numpy(),
    }
    return Reading(
        variables=variables,
        columns={
            "test_time_second": "Time, of each step, added up: pauses between are not counted",
            "step_time_second": "Time",
            "voltage_volt": "Voltage",
            "current_ampere": "Current(mA)",
            "step_count": "Step",
            "step_id": "Step_Index",
            "cycle_count": "Cycle",
        },
        curve="records",
        instrument="Neware",
        technique="cycling",
        technique_as_written="",
        header={
            "status": list(map(str, dict.fromkeys(frame["Status"]))),
            "first_timestamp": str(frame["Timestamp"].iloc[0]) if len(frame) else "",
            "NewareNDA": version("NewareNDA"),
        },
        extra=about_restarts(step_time, step),
        row_name=lambda row: f"record {index[row]}",
    )
