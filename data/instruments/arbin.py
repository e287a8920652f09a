"""Arbin's tables as ``.csv`` and ``.xlsx``: sheets ``Channel_…``, headers such as ``Voltage(V)``.

A long test goes on from sheet to sheet of one channel (``Channel_11_1``, ``Channel_11_2``): these
are joined; several channels are several curves. Both spellings of the headers are read
(``Test_Time(s)`` and ``Test Time (s)``), and the unit in them is what counts.
"""

import re
from collections.abc import Sequence

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]

_SHEET = re.compile(r"Channel_?(\d+(?:-\d+)?)(?:_(\d{1,9}))?", re.IGNORECASE)


def _is_header(names: Sequence[str]) -> bool:
    """Return whether the test time stands among headers with its unit in parentheses."""
    marked = [name for name in names if name.rstrip().endswith(")")]
    return any(split_header(name)[0] == "test time" for name in marked)


def _sheet(name: str) -> tuple[str, int] | None:
    match = _SHEET.fullmatch(name.strip())
    return None if match is None else (f"Channel_{match[1]}", int(match[2] or 1))


FORMAT = TableFormat(
    instrument="Arbin",
    vocabulary=Vocabulary(
        {
            "test time": "test_time_second",
            "step time": "step_time_second",
            "voltage": "voltage_volt",
            "current": "current_ampere",
            "step index": "step_id",
            "cycle index": "cycle_count",
            "aux temperature 1": "temperature_celsius",
        }
    ),
    is_header=_is_header,
    legal="legal are Test_Time(s), Voltage(V) and Current(A), in a sheet Channel_… of a workbook",
    sheet=_sheet,
)
