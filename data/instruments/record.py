"""What a raw record is: a table of time, voltage and current that is sound, and says its origin.

A record is an `xarray.Dataset` over the dimension ``record``. Its variables bear the machine names
of the Battery Data Format, and the format's preferred label as ``long_name``:

====================  ==================  ======================================================
variable              long_name           meaning
====================  ==================  ======================================================
test_time_second      Test Time / s       time [s], on the clock of the file; required
voltage_volt          Voltage / V         voltage [V]; required
current_ampere        Current / A         current [A]; required
step_time_second      Step Time / s       time since the control step began [s], as written
step_count            Step Count / 1      number of the control step, counted upwards, from 0
step_id               Step ID             name of the step in the programme; it may recur
cycle_count           Cycle Count / 1     cycle as the instrument counts it
unix_time_second      Unix Time / s       time since 1970 [s]
temperature_celsius   Temperature / degC  what the probe shows, wherever it is [degC]
overload              Overload            whether the instrument marked the row as overloaded
====================  ==================  ======================================================

(The format calls ``Step Index`` the number of a row within its step, hence the other names here;
``overload`` and the temperature of an unnamed probe are not in it.) Only the first three are
always there. In pre-steps the time may be negative; nothing is shifted.

Attributes of a record: ``file_name``, ``sha256`` (of the file as it lies), ``reader``,
``reader_version``, ``instrument``, ``technique`` (one of `TECHNIQUES`), ``technique_as_written``,
``header`` (JSON), ``sign_convention`` (what the file states, never inferred), ``curve``,
``columns`` (JSON: from which of the file's columns each variable was read); and where there is
something to say ``scan_rate_volt_per_second``, ``area_as_written_cm2`` (never used: instruments
fill in a default), ``aborted``, ``truncated``, ``substituted``, ``uncounted_time`` and
``coarse_time`` (sentences), and ``step_restarts`` (JSON: test time of each restart of a clock that
was added up, and what may be missing there [s]).

References
----------
.. [1] Battery Data Alliance, Battery Data Format ontology,
   https://w3id.org/battery-data-alliance/ontology/battery-data-format
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import RecordError
from data.instruments.raw_file import REQUIRED, RawFile, refusal

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "NOT_STATED",
    "SPARE",
    "TECHNIQUES",
    "UNITS",
    "Reading",
    "build_record",
    "count_steps",
    "is_dead",
]

TECHNIQUES = (
    "chronopotentiometry",
    "chronoamperometry",
    "linear_sweep",
    "galvanodynamic_sweep",
    "cyclic_voltammetry",
    "voltage_controlled",  # in a way that is not known
    "open_circuit",
    "cycling",
    "unknown",
)

SPARE = ("temperature_celsius", "cycle_count")  # no row is refused for their cells
NOT_STATED = "not stated by the file"
MAX_VOLTAGE = 20.0
MAX_CURRENT = 1000.0
PROBE_RANGE = (-100.0, 500.0)
# Fewer equal rows may come about by chance where the noise is below the last digit that is written.
DEAD_ROWS = 20
# Share of rows that bear the time of the row before: twins at the ends of steps are rarer.
_COARSE = 0.1
_VARIABLES = {
    "test_time_second": ("s", "Test Time / s"),
    "voltage_volt": ("V", "Voltage / V"),
    "current_ampere": ("A", "Current / A"),
    "step_time_second": ("s", "Step Time / s"),
    "step_count": ("1", "Step Count / 1"),
    "step_id": ("1", "Step ID"),
    "cycle_count": ("1", "Cycle Count / 1"),
    "unix_time_second": ("s", "Unix Time / s"),
    "temperature_celsius": ("degC", "Temperature / degC"),
    "overload": ("1", "Overload"),
}
UNITS = {name: unit for name, (unit, _) in _VARIABLES.items()}
_WHOLE = ("step_count", "step_id", "cycle_count")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reader has found, before it is checked.

    Parameters
    ----------
    variables : mapping of str to array_like
        Machine name to values, in the units of this module.
    columns : mapping of str to str
        Machine name to the file's own column.
    curve : str
        The table's name.
    instrument, technique, technique_as_written, sign_convention : str
        See the module.
    header : mapping
        What the file says of the test; JSON-able.
    announced_rows : int, optional
        Rows that the file says it holds.
    announced_at : int, optional
        Line where it says so.
    first_line : int, optional
        Line of the first row; rows follow without a gap.
    row_name : callable, optional
        What a row is called where lines say nothing (a row of a sheet, a data point).
    extra : mapping
        Further attributes: numbers and sentences.
    """

    variables: Mapping[str, ArrayLike]
    columns: Mapping[str, str]
    curve: str
    instrument: str
    technique: str
    technique_as_written: str
    header: Mapping[str, Any]
    sign_convention: str = NOT_STATED
    announced_rows: int | None = None
    announced_at: int | None = None
    first_line: int | None = None
    row_name: Callable[[int], str] | None = None
    extra: Mapping[str, str | float] = field(default_factory=dict)


def count_steps(*marks: ArrayLike) -> NDArray[np.int64]:
    """Return the number of the control step: a new one begins wherever a mark changes.

    Parameters
    ----------
    *marks : array_like
        Per row; such as the name of the step and the number of the loop.

    Returns
    -------
    ndarray of int
        From 0, never falling.
    """
    arrays = [np.asarray(mark) for mark in marks]
    new = np.zeros(arrays[0].size, dtype=np.int64)
    for array in arrays:
        new[1:] |= array[1:] != array[:-1]
    return np.cumsum(new)


def _place(reading: Reading, row: int) -> tuple[int | None, str]:
    """Return the line of a row, or its name to begin a sentence with."""
    if reading.first_line is not None:
        return reading.first_line + row, ""
    if reading.row_name is not None:
        return None, f"row {row} ({reading.row_name(row)}): "
    return None, f"row {row}: "


def _first(bad: NDArray[np.bool_]) -> int | None:
    """Return the index of the first True, or None."""
    at = int(np.argmax(bad)) if bad.size else 0
    return at if bad.size and bad[at] else None


def check_reading(file: str, reading: Reading) -> dict[str, NDArray[Any]]:
    """Check what was read: the gate that every record passes.

    Parameters
    ----------
    file : str
        Name of the file.
    reading : Reading
        What was read.

    Returns
    -------
    dict of str to ndarray
        The variables: float64, whole numbers as int64, marks as bool.

    Raises
    ------
    RecordError
        No rows; rows missing against what the file announces; time not finite or falling;
        |voltage| of 20 V or more; |current| of 1 kA or more; a voltage that is exactly constant
        under current; a step or cycle that is no whole number. The message names the first such
        row.
    """
    values: dict[str, NDArray[Any]] = {
        name: np.asarray(value, dtype=np.bool_ if name == "overload" else np.float64)
        for name, value in reading.variables.items()
    }
    rows = values["test_time_second"].size

    def refuse(row: int, name: str, message: str) -> RecordError:
        line, where = _place(reading, row)
        return refusal(file, f"{where}{message}", line=line, column=reading.columns.get(name))

    if reading.announced_rows is not None and rows != reading.announced_rows:
        fewer = rows < reading.announced_rows
        raise refusal(
            file,
            f"announces {reading.announced_rows} rows of {reading.curve} and holds {rows}"
            + (f": the file is cut off after row {rows - 1}. " if fewer else ". ")
            + "Copy it again from the instrument; if these rows are known to be whole, write "
            "their number where the file announces it",
            line=reading.announced_at,
        )
    if not rows:
        raise refusal(file, f"holds no rows of {reading.curve}: nothing was recorded")
    for name in (*REQUIRED, "step_time_second"):
        if name in values and (row := _first(~np.isfinite(values[name]))) is not None:
            raise refuse(
                row, name, f"is {values[name][row]}, but a finite number is due: delete the row"
            )
    time = values["test_time_second"]
    if (row := _first(np.diff(time) < 0)) is not None:
        raise refuse(
            row + 1,
            "test_time_second",
            f"time {time[row + 1]:.10g} s is before the {time[row]:.10g} s of the row above: time "
            "must not run backwards; where several tests were joined, split them",
        )
    for name, limit, unit, slip in (
        ("voltage_volt", MAX_VOLTAGE, "V", "V or mV?"),
        ("current_ampere", MAX_CURRENT, "A", "A or mA?"),
    ):
        if (row := _first(np.abs(values[name]) >= limit)) is not None:
            raise refuse(
                row,
                name,
                f"{values[name][row]:g} {unit} is not below {limit:g} {unit}: is the unit "
                f"right, {slip}",
            )
    _check_alive(file, reading, values)
    if np.isnan(values.get("cycle_count", 0.0)).any():
        del values["cycle_count"]  # a cell that is blank or a word: it says nothing
    for name in _WHOLE:
        if name not in values:
            continue
        whole = np.isfinite(values[name]) & (np.abs(values[name]) < 2**53)
        whole[whole] = values[name][whole] == np.round(values[name][whole])
        if (row := _first(~whole)) is not None:
            raise refuse(row, name, f"{values[name][row]:g} is no whole number")
        values[name] = values[name].astype(np.int64)
    if "temperature_celsius" in values:
        low, high = PROBE_RANGE
        shown = values["temperature_celsius"]
        shown = np.where((shown > low) & (shown < high), shown, np.nan)
        if np.isfinite(shown).any():
            values["temperature_celsius"] = shown
        else:
            del values["temperature_celsius"]  # no probe: instruments then write nonsense
    return values


def is_dead(voltage: ArrayLike, current: ArrayLike) -> bool:
    """Return whether a voltage is exactly one and the same while a current flows.

    Parameters
    ----------
    voltage, current : array_like
        Of each row [V], [A].

    Returns
    -------
    bool
        No measurement is: noise moves the last digit within `DEAD_ROWS` rows.
    """
    flows = np.asarray(current, dtype=np.float64) != 0.0
    live = np.asarray(voltage, dtype=np.float64)[flows]
    return bool(live.size >= DEAD_ROWS and np.all(live == live[0]))


def _check_alive(file: str, reading: Reading, values: Mapping[str, NDArray[Any]]) -> None:
    """Refuse a voltage that nobody measured."""
    voltage, current = values["voltage_volt"], values["current_ampere"]
    if reading.technique == "chronoamperometry" or not is_dead(voltage, current):
        return  # a voltage that is held may be written as it was set
    shown = voltage[np.flatnonzero(current)[0]]
    raise refusal(
        file,
        f"is exactly {shown:g} V in every row in which a current flows: a channel that is not "
        "connected, or a value that was set, is no measurement; export the voltage of the cell, "
        "or, where the voltage was held, a file that says so (technique: chronoamperometry)",
        column=reading.columns.get("voltage_volt"),
    )


def _completed(source: RawFile, reading: Reading) -> Reading:
    """Return what was read with what the user states in place of what the file lacks."""
    variables, columns = dict(reading.variables), dict(reading.columns)
    rows = np.size(variables["voltage_volt"])
    if source.current is not None:
        if "current_ampere" in variables:
            raise refusal(
                source.name,
                f"holds a current, and one of {source.current:g} A is stated: leave that out",
                column=columns.get("current_ampere"),
            )
        variables["current_ampere"] = np.full(rows, source.current)
        columns["current_ampere"] = "none: stated as constant"
    if "test_time_second" not in variables:
        written = float(reading.extra.get("scan_rate_volt_per_second", 0.0))
        rate = abs(written or source.scan_rate or math.nan)
        variables["test_time_second"] = _sweep_time(source.name, reading, rate)
        columns["test_time_second"] = f"none: from the voltage and its rate of {rate:g} V/s"
    return replace(reading, variables=variables, columns=columns)


def _sweep_time(file: str, reading: Reading, rate: float) -> NDArray[np.float64]:
    """Return the time [s] at which a sweep came to each of its voltages."""
    voltage = np.asarray(reading.variables["voltage_volt"], dtype=np.float64)
    swept = voltage - voltage[:1]
    swept = swept if not swept.size or swept[-1] >= 0 else 0.0 - swept
    if (row := _first(np.diff(swept) < 0)) is not None:
        line, where = _place(reading, row + 1)
        raise refusal(
            file,
            f"{where}the sweep turns back here, and without a time a turn and noise cannot be told "
            "apart: export it again with the time, or only the rows of one way",
            line=line,
            column=reading.columns.get("voltage_volt"),
        )
    return np.asarray(swept / rate, dtype=np.float64)


def _about_time(time: NDArray[np.float64]) -> dict[str, str | float]:
    """Say that times are written too coarsely to tell rows apart."""
    steps = np.diff(time)
    same = int(np.sum(steps == 0))
    if not steps.size or same < _COARSE * steps.size or not np.any(steps > 0):
        return {}
    grain = float(np.min(steps[steps > 0]))
    return {
        "coarse_time": f"{same} of {time.size} rows bear the time of the row before: times are "
        f"written to {grain:.3g} s, and nothing is known more closely than that"
    }


def build_record(source: RawFile, reader: str, version: str, reading: Reading) -> "xr.Dataset":
    """Check what was read, and return it as a record.

    Parameters
    ----------
    source : RawFile
        The file.
    reader, version : str
        Who read it.
    reading : Reading
        What was read.

    Returns
    -------
    xarray.Dataset
        See the module.

    Raises
    ------
    RecordError
        See `check_reading`.
    """
    import xarray as xr

    reading = _completed(source, reading)
    values = check_reading(source.name, reading)
    variables = {
        name: ("record", values[name], {"units": unit, "long_name": label})
        for name, (unit, label) in _VARIABLES.items()
        if name in values
    }
    if reading.technique not in TECHNIQUES:
        raise AssertionError(reading.technique)
    columns = {name: reading.columns[name] for name in variables if name in reading.columns}
    attributes: dict[str, str | float] = {
        "file_name": source.name,
        "sha256": source.sha256,
        "reader": reader,
        "reader_version": version,
        "instrument": reading.instrument,
        "technique": reading.technique,
        "technique_as_written": reading.technique_as_written,
        "header": json.dumps(reading.header, ensure_ascii=False),
        "sign_convention": reading.sign_convention,
        "curve": reading.curve,
        "columns": json.dumps(columns, ensure_ascii=False),
        **_about_time(values["test_time_second"]),
        **reading.extra,
    }
    return xr.Dataset(variables, attrs=attributes)
