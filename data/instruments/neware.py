"""Neware's exports as ``.csv`` and ``.xlsx``: headers such as ``Total Time``, ``Current(mA)``.

Times are durations (``00:01:30``), of the step (``Time``, older ``Time(h:min:s.ms)`` and
``Relative Time``) and, in newer exports, of the test (``Total Time``, ``Cumulative Time``); where
only the former is there, the steps are added up. Some exports write a total time of zero into the
first row of each step: it starts where the row before ends. Units stand in the headers and follow
the range of the channel. In a workbook the rows stand in a sheet such as ``record``. Older exports
write currents without a sign, and the type of the step (``CC DChg``) says which way they flow.

Read off exports in the repositories jepegit/cellpy (examples/data/neware_uio.csv) and
ImperialCollegeLondon/PyProBE (tests/cyclers/test_neware.py).
"""

from collections.abc import Sequence

import numpy as np

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_content import Content
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]

# Words that others do not use: in a table of anybody's "time" is no time of a step.
_STEP = {"step index", "step id", "step type", "step name"}
_ROW = {"cycle index", "cycle id", "record id", "datapoint", "data point"}
_TIME = {"time", "total time", "cumulative time", "relative time", "step time"}


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are those of Neware's records."""
    parsed = [split_header(name) for name in names]
    words = {name for name, _ in parsed}
    marked = {name for name, unit in parsed if unit}
    return (
        {"voltage", "current"} <= marked
        and bool(words & _STEP)
        and bool(words & _ROW)
        and bool(words & _TIME)
        and "test time" not in words  # Arbin's
    )


def _discharges(state: str) -> bool:
    """Return whether a type of step, such as ``CC DChg``, is a discharge."""
    return "dchg" in state.lower() or "discharge" in state.lower()


def _complete(content: Content) -> None:
    """Give the first rows of steps that state no total time that of the row before."""
    known = content.variables
    if "test_time_second" not in known or "step_time_second" not in known:
        return
    total = np.array(known["test_time_second"], dtype=np.float64)
    starts = (total == 0) & (np.asarray(known["step_time_second"]) == 0)
    starts[:1] = False
    if starts.any():
        total[starts] = np.maximum.accumulate(total)[np.flatnonzero(starts) - 1]
        known["test_time_second"] = total


FORMAT = TableFormat(
    instrument="Neware, or another in its layout",
    vocabulary=Vocabulary(
        {
            "total time": "test_time_second",
            "cumulative time": "test_time_second",
            "time": "step_time_second",
            "relative time": "step_time_second",
            "step time": "step_time_second",
            "voltage": "voltage_volt",
            "current": "current_ampere",
            "step index": "step_id",
            "step id": "step_id",
            "cycle index": "cycle_count",
            "cycle id": "cycle_count",
        },
        bare={"step": ("step_id", "1"), "cycle": ("cycle_count", "1")},
    ),
    is_header=_is_header,
    legal="legal are Total Time or Time, Voltage(V) and Current(A)",
    state=("step type", "step name", "status"),
    discharges=_discharges,
    complete=_complete,
)
