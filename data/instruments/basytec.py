"""Basytec's text export: lines that begin with ``~``, of which the last names the columns.

Read off a file in the repository ImperialCollegeLondon/PyProBE (tests/sample_data/basytec).
"""

from collections.abc import Sequence

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are Basytec's."""
    words = {split_header(name)[0] for name in names}
    return bool(names) and names[0].startswith("~") and {"time", "u", "i"} <= words


FORMAT = TableFormat(
    instrument="Basytec",
    vocabulary=Vocabulary(
        {
            "time": "test_time_second",
            "t step": "step_time_second",
            "u": "voltage_volt",
            "i": "current_ampere",
            "t1": "temperature_celsius",
        },
        bare={"line": ("step_id", "1")},
    ),
    is_header=_is_header,
    legal="legal are ~Time[s], U[V] and I[A]",
)
