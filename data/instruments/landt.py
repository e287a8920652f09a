"""Landt's (LANHE's) exports as text and workbook: ``TestTime/Sec.``, ``Voltage/V``, ``Current/mA``.

The newer ``.csv`` has ``test_time_s``, ``voltage_V`` and ``current_A`` below lines about the cell.
Where ``TestTime`` states no unit it is a duration. What Landt exports in the layout of Maccor is
read by `data.instruments.maccor`.

Read off a file in the repository battery-data-alliance/battery-data-format
(data/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.csv), and the names that public programmes for
these files look for.
"""

from collections.abc import Sequence

from data.instruments.headers import Vocabulary, meaning, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]

_VOCABULARY = Vocabulary(
    {
        "testtime": "test_time_second",
        "test time": "test_time_second",
        "steptime": "step_time_second",
        "step time": "step_time_second",
        "voltage": "voltage_volt",
        "current": "current_ampere",
        "temperature 1": "temperature_celsius",
    },
    bare={
        "step index": ("step_id", "1"),
        "cycle index": ("cycle_count", "1"),
        "step": ("step_id", "1"),
        "cycle": ("cycle_count", "1"),
        "cycleno": ("cycle_count", "1"),
    },
)


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are those of Landt's records."""
    words = {split_header(name)[0] for name in names}
    found = {known[0] for name in names if (known := meaning(name, _VOCABULARY)) is not None}
    if not {"test_time_second", "voltage_volt", "current_ampere"} <= found:
        return False
    return "testtime" in words or "channel index" in words


def _discharges(state: str) -> bool:
    # "discharge CC" of the newer .csv; "CCD" beside "CCC" of older exports.
    kind = state.strip().lower()
    return kind.startswith("discharge") or kind == "ccd"


FORMAT = TableFormat(
    instrument="Landt",
    vocabulary=_VOCABULARY,
    is_header=_is_header,
    legal="legal are TestTime/Sec., Voltage/V and Current/mA",
    state=("state", "stepstatus", "step name", "mode"),
    discharges=_discharges,
)
