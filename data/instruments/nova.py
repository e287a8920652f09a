"""Autolab's text export of Nova: ``Time (s);WE(1).Potential (V);WE(1).Current (A)``.

The names are those that public readers of such exports look for, among them ixdat's
(src/ixdat/readers/autolab.py).
"""

from collections.abc import Sequence

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are Nova's."""
    words = {split_header(name)[0] for name in names}
    return "we(1).potential" in words


FORMAT = TableFormat(
    instrument="Autolab",
    vocabulary=Vocabulary(
        {
            "time": "test_time_second",
            "we(1).potential": "voltage_volt",
            "we(1).current": "current_ampere",
        }
    ),
    is_header=_is_header,
    legal="legal are Time (s), WE(1).Potential (V) and WE(1).Current (A)",
    technique="unknown",
)
