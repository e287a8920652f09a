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
    "as_printed",
    "cell_voltage",
    "choose_columns",
    "convert_columns",
    "other_columns",
    "technique_of",
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
    ("cyclic voltammetry", "cyclic_voltammetry"),  # the advanced one, too
    ("linear sweep voltammetry", "linear_sweep"),
    ("chronopotentiometry", "chronopotentiometry"),
    ("chronoamperometry", "chronoamperometry"),
    ("constant voltage", "chronoamperometry"),
    ("constant current", "chronopotentiometry"),
    ("open circuit voltage", "open_circuit"),
    ("linear galvanodynamic", "galvanodynamic_sweep"),
    ("modular galvano", "galvanodynamic_sweep"),
)

_OF_THE_CELL = ("Ecell/V", "<Ecell>/V", "Ewe-Ece/V", "<Ewe-Ece>/V")
_OF_THE_COUNTER = ("Ece/V", "<Ece>/V", "<Ecv>/V")  # the last as galvani calls it
_OF_A_VOLTAGE = frozenset(
    {"chronoamperometry", "cyclic_voltammetry", "linear_sweep", "voltage_controlled"}
)
_AS_A_RULE = 0.75  # of the rows differ by less
_SAME = 0.05  # of a voltage: calibrations of two channels, and their noise, differ by less
_SAME_CURRENT = 0.05  # of a current, between a mean over a row and a value at its end


def other_columns(names: Sequence[str], found: Mapping[str, str]) -> list[str]:
    """Return the columns that tell of the same voltage or current as those chosen.

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
    chosen = {found.get(key) for key in ("voltage_volt", "current_ampere")}
    known = (*NAMES["voltage_volt"], *_OF_THE_COUNTER, *NAMES["current_ampere"])
    return [name for name in known if name in names and name not in chosen]


def cell_voltage(
    source: RawFile,
    variables: dict[str, Any],
    columns: dict[str, str],
    others: Mapping[str, Any],
    technique: str,
) -> dict[str, str | float]:
    """Take the voltage of the cell where the chosen one is dead, or of one electrode only.

    Parameters
    ----------
    source : RawFile
        The file.
    variables : dict of str to ndarray
        In the units of a record; changed in place.
    columns : dict of str to str
        Where each was read; changed in place.
    others : mapping of str to ndarray
        What `other_columns` names, as written.
    technique : str
        One of `data.instruments.record.TECHNIQUES`.

    Returns
    -------
    dict
        ``substituted``, where one was taken.

    Raises
    ------
    RecordError
        Two columns of the current contradict each other.
    """
    current = variables.get("current_ampere")
    if current is None:
        return {}
    chosen, voltage = columns["voltage_volt"], variables["voltage_volt"]
    found = {}
    for name, values in others.items():
        unit = name.replace(">", "").rpartition("/")[2]
        if name in NAMES["voltage_volt"]:
            found[name] = in_unit(values, unit, "V")
        elif name in _OF_THE_COUNTER:
            if chosen not in _OF_THE_CELL and not found.keys() & {*_OF_THE_CELL}:
                found[f"{chosen} less {name}"] = _less(voltage, in_unit(values, unit, "V"))
        elif columns["current_ampere"] in NAMES["current_ampere"]:
            _refuse_contradiction(source, columns["current_ampere"], current, name,
                                  in_unit(values, unit, "A"))  # fmt: skip
    living = [name for name, values in found.items() if not is_dead(values, current)]
    if is_dead(voltage, current):
        taken = next(iter(living), None)
        why = "is exactly constant while a current flows, which no measurement is"
    else:
        # A programme that holds or sweeps a voltage does so with the working electrode's.
        of_cell = (*_OF_THE_CELL, *(f"{chosen} less {name}" for name in _OF_THE_COUNTER))
        taken = next((name for name in living if name in of_cell), None)
        if technique in _OF_A_VOLTAGE or chosen in _OF_THE_CELL or taken is None:
            return {}
        apart, size = _apart(voltage, found[taken])
        if apart <= _SAME * size:
            return {}
        why = (
            f"differs from {taken} by {apart:.3g} V as a rule: it is of one electrode against the "
            "reference, and a test of a cell is of both"
        )
    if taken is None:
        return {}
    variables["voltage_volt"] = found[taken]
    columns["voltage_volt"] = f"{taken} ({chosen} {why.partition(':')[0].partition(',')[0]})"
    return {
        "substituted": f"{chosen} {why}: the voltage is {taken}, between working and counter "
        "electrode"
    }


def _less(one: Any, other: Any) -> Any:
    """Return the difference of two voltages in single precision, as EC-Lab states it."""
    return as_printed(np.asarray(one, dtype=np.float32) - np.asarray(other, dtype=np.float32))


def as_printed(values: Any) -> Any:
    """Return single-precision numbers as EC-Lab prints them: with eight digits.

    Parameters
    ----------
    values : ndarray
        Of any precision.

    Returns
    -------
    ndarray of float
        -0.1 and not -0.10000000149011612; others as they are.
    """
    if values.dtype != np.float32:
        return values
    kept, back = np.unique(values, return_inverse=True)
    return np.array([float(f"{value:.7e}") for value in kept.tolist()])[back]


def _apart(one: Any, other: Any) -> tuple[float, float]:
    """Return by how much two columns differ as a rule, and the size of the larger one."""
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    told = np.isfinite(one) & np.isfinite(other)
    if not told.any():
        return 0.0, 0.0
    return (
        float(np.quantile(np.abs(one - other)[told], _AS_A_RULE)),
        max(float(np.median(np.abs(each[told]))) for each in (one, other)),
    )


def _refuse_contradiction(
    source: RawFile, chosen: str, current: Any, name: str, other: Any
) -> None:
    """Refuse two columns of the current of which one is wrong."""
    apart, size = _apart(current, other)
    if np.size(current) and apart > _SAME_CURRENT * size:
        row = int(np.nanargmax(np.abs(np.asarray(current) - np.asarray(other))))
        raise refusal(
            source.name,
            f"contradicts {chosen}: in row {row} they are {np.asarray(other)[row]:.4g} and "
            f"{np.asarray(current)[row]:.4g} A, and both are of the cell's current; find out which "
            "is right, and delete the other",
            column=name,
        )


def technique_of(name: str, names: Sequence[str]) -> str:
    """Return the technique that EC-Lab calls by a name.

    Parameters
    ----------
    name : str
        Such as ``"Chronopotentiometry"``.
    names : sequence of str
        The file's columns. Of a technique that is not known they tell whether it controls the
        voltage.

    Returns
    -------
    str
        One of `data.instruments.record.TECHNIQUES`.
    """
    lowered = name.lower()
    known = next((technique for words, technique in _TECHNIQUES if words in lowered), None)
    controls = "control/V" in names and "control/mA" not in names
    return known or ("voltage_controlled" if controls else "unknown")


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
