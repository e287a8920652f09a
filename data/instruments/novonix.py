"""Novonix's ``.csv``: a summary, the protocol, and below ``[Data]`` the rows.

Read off a file in the repository ImperialCollegeLondon/PyProBE (tests/sample_data/novonix).
"""

from collections.abc import Sequence

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are Novonix's."""
    return {"run time", "potential", "current"} <= {split_header(name)[0] for name in names}


FORMAT = TableFormat(
    instrument="Novonix",
    vocabulary=Vocabulary(
        {
            "run time": "test_time_second",
            "step time": "step_time_second",
            "potential": "voltage_volt",
            "current": "current_ampere",
            "temperature": "temperature_celsius",
        },
        bare={"step number": ("step_id", "1"), "cycle number": ("cycle_count", "1")},
    ),
    is_header=_is_header,
    legal="legal are Run Time (h), Potential (V) and Current (A)",
)
