"""Columns of EC-Lab and BT-Lab as their exports name them: which are read, and in what units."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.errors import UnitError
from data.instruments.raw_file import RawFile, refusal
from data.instruments.record import is_dead
from data.instruments.text import in_unit

__all__ = [
    "NAMES",
    "choose_columns",
    "convert_columns",
    "other_voltages",
    "revive",
    "technique_named",
]

# EC-Lab names a quantity in several ways; of those a file holds, the first counts.
NAMES = {
    "test_time_second": ("time/s",),
    "voltage_volt": (
        *("Ecell/V", "<Ecell>/V", "Ewe/V", "<Ewe>/V", "<Ewe/V>", "Ewe/mV", "<Ewe>/mV"),
        *("Ewe-Ece/V", "<Ewe-Ece>/V"),
    ),
    "current_ampere": ("I/mA", "<I>/mA", "I/A", "<I>/A", "I/µA", "<I>/µA"),
    "step_id": ("Ns",),
    "cycle_count": ("cycle number",),
    "temperature_celsius": ("Temperature/°C",),
}

_CANONICAL = {
    "test_time_second": "s",
    "voltage_volt": "V",
    "current_ampere": "A",
    "temperature_celsius": "degC",
}

_TECHNIQUES = (
    ("galvanostatic cycling", "cycling"),
    ("modulo bat", "cycling"),
    ("battery capacity determination", "cycling"),
    ("cyclic voltammetry", "cyclic_voltammetry"),
    ("linear sweep voltammetry", "linear_sweep"),
    ("chronopotentiometry", "chronopotentiometry"),
    ("chronoamperometry", "chronoamperometry"),
    ("open circuit voltage", "open_circuit"),
    ("linear galvanodynamic", "galvanodynamic_sweep"),
    ("modular galvano", "galvanodynamic_sweep"),
)


def other_voltages(names: Sequence[str], found: Mapping[str, str]) -> list[str]:
    """Return the columns of a voltage that can stand in for a dead one.

    Parameters
    ----------
    names : sequence of str
        The file's columns.
    found : mapping of str to str
        Those that were chosen.

    Returns
    -------
    list of str
        In the order in which they count.
    """
    known = NAMES["voltage_volt"]
    return [name for name in known if name in names and name != found.get("voltage_volt")]


def revive(
    variables: dict[str, Any], columns: dict[str, str], others: Mapping[str, Any]
) -> dict[str, str | float]:
    """Take another voltage where the chosen one is dead and the other is not.

    Parameters
    ----------
    variables : dict of str to ndarray
        In the units of a record; changed in place.
    columns : dict of str to str
        Where each was read; changed in place.
    others : mapping of str to ndarray
        Other columns of the voltage, as written.

    Returns
    -------
    dict
        ``substituted``, where one was taken.
    """
    current = variables.get("current_ampere")
    if current is None or not is_dead(variables["voltage_volt"], current):
        return {}
    for name, values in others.items():
        voltage = in_unit(values, name.replace(">", "").rpartition("/")[2], "V")
        if not is_dead(voltage, current):
            dead = columns["voltage_volt"]
            variables["voltage_volt"] = voltage
            columns["voltage_volt"] = f"{name} ({dead} is exactly constant under current)"
            return {
                "substituted": f"{dead} is exactly constant while a current flows, which no "
                f"measurement is: the voltage is {name}, between working and counter electrode"
            }
    return {}


def technique_named(name: str) -> str:
    """Return the technique that EC-Lab calls by a name.

    Parameters
    ----------
    name : str
        Such as ``"Chronopotentiometry"``.

    Returns
    -------
    str
        One of `data.instruments.record.TECHNIQUES`.
    """
    lowered = name.lower()
    return next((technique for words, technique in _TECHNIQUES if words in lowered), "unknown")


def choose_columns(
    source: RawFile, names: Sequence[str], line: int | None = None, *, scan_rate: bool = False
) -> dict[str, str]:
    """Choose which of EC-Lab's columns are time, voltage, current and steps.

    Parameters
    ----------
    source : RawFile
        The file.
    names : sequence of str
        The file's columns.
    line : int, optional
        Line that names them.
    scan_rate : bool
        Whether the file states the rate of a sweep, from which its time follows.

    Returns
    -------
    dict of str to str
        Machine name to the file's column. The current that is controlled stands in where none is
        measured.

    Raises
    ------
    RecordError
        The table is an impedance spectrum, or lacks time, voltage or current.
    """
    file = source.name
    found = {
        key: next(name for name in known if name in names)
        for key, known in NAMES.items()
        if any(name in names for name in known)
    }
    if "freq/Hz" in names and "current_ampere" not in found:
        raise refusal(file, "is an impedance spectrum: it holds no curve of a test", line=line)
    if "current_ampere" not in found:
        controlled = next((n for n in ("control/mA", "control/V/mA") if n in names), None)
        if controlled is not None and (controlled == "control/mA" or "mode" in names):
            found["current_ampere"] = controlled
    words = {"test_time_second": "time/s", "voltage_volt": "Ewe/V", "current_ampere": "I/mA"}
    missing = [words[key] for key in source.lacks(found, scan_rate=scan_rate)]
    if missing and not (missing == ["I/mA"] and "mode" in names):
        instead = (
            '; where the current was constant, state it with --set "current=… mA"'
            if missing == ["I/mA"]
            else ""
        )
        raise refusal(
            file,
            f"has no column {' and '.join(missing)}: export it again with "
            f"{'them' if len(missing) > 1 else 'it'}; there are {', '.join(names)}{instead}",
            line=line,
        )
    return found


def convert_columns(
    source: RawFile, read: dict[str, Any], found: dict[str, str], mode: Any | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Bring EC-Lab's columns to the units of a record.

    Parameters
    ----------
    source : RawFile
        The file.
    read : dict of str to ndarray
        Machine name to the numbers as written.
    found : dict of str to str
        Machine name to the file's column.
    mode : ndarray or None
        EC-Lab's mode of each row: 1 galvanostatic, 2 potentiostatic, 3 at rest.

    Returns
    -------
    variables : dict of str to ndarray
        In the units of a record.
    columns : dict of str to str
        Where each was read.

    Raises
    ------
    RecordError
        A unit is not known, or the current was neither measured nor controlled.
    """
    file = source.name
    variables: dict[str, Any] = {}
    columns = dict(found)
    for key, name in found.items():
        if key not in _CANONICAL:
            variables[key] = read[key]
            continue
        unit = "mA" if name == "control/V/mA" else name.replace(">", "").rpartition("/")[2]
        try:
            variables[key] = in_unit(read[key], unit, _CANONICAL[key])
        except UnitError as error:
            raise refusal(file, str(error), column=name) from error
    rest = np.asarray(mode) == 3 if mode is not None else np.zeros(0, dtype=np.bool_)
    if "current_ampere" not in found and source.current is not None:
        return variables, columns
    if "current_ampere" not in found:
        if mode is None or not rest.all():
            raise refusal(file, "has no column of current: export it again with I/mA")
        variables["current_ampere"] = np.zeros(np.size(read["voltage_volt"]))
        columns["current_ampere"] = "none: at rest no current flows"
    elif found["current_ampere"].startswith("control/"):
        controlled = found["current_ampere"]
        if mode is not None:
            galvanostatic = np.asarray(mode) == 1
            if not (galvanostatic | rest).all():
                raise refusal(
                    file,
                    "measures no current, and does not control it throughout: export it again "
                    "with I/mA",
                    column=controlled,
                )
            variables["current_ampere"] = np.where(rest, 0.0, variables["current_ampere"])
        columns["current_ampere"] = f"{controlled} (the current as set, not as measured)"
    return variables, columns
