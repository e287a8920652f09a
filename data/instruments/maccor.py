"""Maccor's text exports, and those of Landt in the same layout: ``Rec#``, ``Amps``, ``Volts``.

Currents are written without a sign, and the state of the row says which way they flow: ``C``
charges, ``D`` discharges. Times are ``Test (Sec)``, ``Test (Min)`` or durations such as
``0d 01:30:00``. Newer exports have ``Current`` and ``Voltage``, with the unit or without: then it
has to be written into the header, since the programme lets the user choose it.

Read off files in the repositories ROVI-org/battery-data-toolkit (tests/files/maccor_example.001),
jepegit/cellpy (examples/data/maccor_one.txt, maccor_two.txt) and ImperialCollegeLondon/PyProBE
(tests/sample_data/maccor); the layout of Landt's in battery-data-alliance/battery-data-format.
"""

from collections.abc import Sequence

from data.instruments.headers import Vocabulary, split_header
from data.instruments.table_format import TableFormat

__all__ = ["FORMAT"]

_TIMES = {"test", "testtime", "test time"}
_CURRENTS = {"amps", "mamps", "current"}
_VOLTAGES = {"volts", "voltage"}


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are those of Maccor's records."""
    words = {split_header(name)[0] for name in names}
    return (
        bool(words & {"rec#", "rec"})
        and bool(words & _TIMES)
        and bool(words & _CURRENTS)
        and bool(words & _VOLTAGES)
    )


def _discharges(state: str) -> bool:
    return state.strip().upper() == "D"


FORMAT = TableFormat(
    instrument="Maccor, or Landt in its layout",
    vocabulary=Vocabulary(
        {
            **dict.fromkeys(_TIMES, "test_time_second"),
            **dict.fromkeys(("step", "steptime", "step time"), "step_time_second"),
            "current": "current_ampere",
            "voltage": "voltage_volt",
            "temp 1": "temperature_celsius",
        },
        bare={
            "amps": ("current_ampere", "A"),
            "mamps": ("current_ampere", "mA"),
            "volts": ("voltage_volt", "V"),
            "step": ("step_id", "1"),
            "cyc#": ("cycle_count", "1"),
            "cycle c": ("cycle_count", "1"),
        },
    ),
    is_header=_is_header,
    legal="legal are Test (Sec), Amps or Current (A), and Volts or Voltage (V)",
    state=("state", "md"),
    discharges=_discharges,
)
