"""Plain ``.csv``: the columns of the Battery Data Format, and our own ``quantity [unit]``.

Headers are the format's preferred labels (``Test Time / s``), its machine names
(``test_time_second``) or a quantity with its unit in brackets (``time [h]``, ``voltage [mV]``);
any unit of the same quantity is legal after a slash and in brackets. Cells are separated by
commas, semicolons or tabs; with the latter two, numbers may have decimal commas. Lines before the
header that begin with ``#`` are comments; of these ``# technique: …``, ``# scan_rate: 5 mV/s``,
``# instrument: …`` and ``# sign_convention: …`` are understood.

What the format calls ``Step Index`` is the number of a row within its step: it is not read.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from data.errors import UnitError
from data.instruments.delimited import find_layout, read_delimited
from data.instruments.record import (
    NOT_STATED,
    TECHNIQUES,
    CurveInfo,
    Reading,
    Source,
    choose_curve,
    count_steps,
    refusal,
)
from data.instruments.text import in_unit
from data.units import parse_quantity

__all__ = [
    "VERSION",
    "list_tables",
    "plain_columns",
    "read",
    "recognises_header",
    "renaming_advice",
]

VERSION = "1"

_UNITS = {
    "test_time_second": "s",
    "voltage_volt": "V",
    "current_ampere": "A",
    "step_time_second": "s",
    "step_count": "1",
    "step_id": "1",
    "cycle_count": "1",
    "temperature_celsius": "degC",
}
_QUANTITIES = {
    "test time": "test_time_second",
    "time": "test_time_second",
    "voltage": "voltage_volt",
    "cell voltage": "voltage_volt",
    "current": "current_ampere",
    "step time": "step_time_second",
    "step count": "step_count",
    "step id": "step_id",
    "cycle count": "cycle_count",
    "temperature": "temperature_celsius",
    "surface temperature": "temperature_celsius",
    "surface temperature t1": "temperature_celsius",
    "ambient temperature": "temperature_celsius",
}
_MACHINE_NAMES = {
    "test_time_second": ("test_time_second", "s"),
    "test_time_s": ("test_time_second", "s"),
    "test_time_millisecond": ("test_time_second", "ms"),
    "test_time_ms": ("test_time_second", "ms"),
    "voltage_volt": ("voltage_volt", "V"),
    "voltage_v": ("voltage_volt", "V"),
    "current_ampere": ("current_ampere", "A"),
    "current_a": ("current_ampere", "A"),
    "step_time_second": ("step_time_second", "s"),
    "step_count": ("step_count", "1"),
    "step_count_1": ("step_count", "1"),
    "step_id": ("step_id", "1"),
    "cycle_count": ("cycle_count", "1"),
    "cycle_count_1": ("cycle_count", "1"),
    "temperature_celsius": ("temperature_celsius", "degC"),
    "surface_temperature_celsius": ("temperature_celsius", "degC"),
    "surface_temperature_degc": ("temperature_celsius", "degC"),
    "temperature_t1_celsius": ("temperature_celsius", "degC"),
    "temperature_t1_degc": ("temperature_celsius", "degC"),
    "ambient_temperature_celsius": ("temperature_celsius", "degC"),
    "ambient_temperature_degc": ("temperature_celsius", "degC"),
}
# What others call the quantities, and the header to write instead.
_OTHER_WORDS = {
    **dict.fromkeys(("t", "elapsed time", "total time", "zeit"), "time"),
    **dict.fromkeys(("e", "u", "v", "vf", "ewe", "ecell", "potential", "spannung"), "voltage"),
    **dict.fromkeys(("i", "im", "amperage", "strom"), "current"),
    **dict.fromkeys(("j", "current density", "stromdichte"), "current density"),
}
_BRACKETS = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")
_SLASH = re.compile(r"([^/]*?)\s*/\s*(.+)")
_PARENTHESES = re.compile(r"(.*?)\s*\(([^()]*)\)")
_LEGAL = (
    "legal are the columns of the Battery Data Format (Test Time / s, Voltage / V, Current / A, or "
    "test_time_second, voltage_volt, current_ampere) and time [s], voltage [V], current [A]"
)


def _parse(header: str) -> tuple[str, str | None] | None:
    """Return machine name and unit of a header; unit None where it states none."""
    text = header.strip()
    if text.lower() in _MACHINE_NAMES:
        return _MACHINE_NAMES[text.lower()]
    name, unit = _parted(_BRACKETS.fullmatch(text) or _SLASH.fullmatch(text), text)
    key = _QUANTITIES.get(name)
    return None if key is None else (key, unit)


def _parted(match: re.Match[str] | None, text: str) -> tuple[str, str | None]:
    """Return the words of a header, and its unit."""
    name, unit = (match[1], match[2].strip()) if match else (text, None)
    return " ".join(name.replace("_", " ").lower().split()), unit


def renaming_advice(names: Sequence[str]) -> str:
    """Say how headers that are not understood may be meant.

    Parameters
    ----------
    names : sequence of str
        The headers.

    Returns
    -------
    str
        Such as ``"; rename 'potential [V]' to 'voltage [V]'"``; empty where nothing is guessed.
    """
    there = {parsed[0] for name in names if (parsed := _parse(name)) is not None}
    renamed, densities = [], []
    for header in (name.strip() for name in names):
        patterns = (_BRACKETS, _SLASH, _PARENTHESES)
        match = next((found for pattern in patterns if (found := pattern.fullmatch(header))), None)
        words, unit = _parted(match, header)
        meant = _meant(words)
        if meant is None or _parse(header) is not None:
            continue
        if meant == "current density":
            unit = (unit or "mA").partition("/")[0].strip()
            densities.append(
                f"; {header!r} is a current density: multiply it by the electrode's area, and name "
                f"it 'current [{unit}]'"
            )
        elif _QUANTITIES[meant] not in there:
            there.add(_QUANTITIES[meant])
            renamed.append(f"{header!r} to '{meant} [{unit or _UNITS[_QUANTITIES[meant]]}]'")
    advice = f"; rename {', '.join(renamed)}" if renamed else ""
    return advice + ("" if "current_ampere" in there else "".join(densities[:1]))


def _meant(words: str) -> str | None:
    """Return the quantity that a word of others means, or one that is misspelt."""
    if words in _OTHER_WORDS:
        return _OTHER_WORDS[words]
    close = get_close_matches(words, ("time", "test time", "voltage", "current"), 1, cutoff=0.75)
    return close[0] if close else None


def recognises_header(names: Sequence[str]) -> bool:
    """Return whether headers name quantities of a record.

    Parameters
    ----------
    names : sequence of str
        The headers.

    Returns
    -------
    bool
        Whether at least one of time, voltage and current is among them.
    """
    found = {parsed[0] for name in names if (parsed := _parse(name)) is not None}
    return bool(found & {"test_time_second", "voltage_volt", "current_ampere"})


def plain_columns(file: str, names: Sequence[str], line: int) -> dict[str, tuple[int, str]]:
    """Find the columns of a record.

    Parameters
    ----------
    file : str
        Name of the file.
    names : sequence of str
        Its headers.
    line : int
        Line that holds them.

    Returns
    -------
    dict of str to (int, str)
        Machine name to position and unit.

    Raises
    ------
    RecordError
        Time, voltage or current is missing, has no unit, or is stated twice.
    """
    found: dict[str, tuple[int, str]] = {}
    for position, header in enumerate(names):
        parsed = _parse(header)
        if parsed is None:
            continue
        key, unit = parsed
        canonical = _UNITS[key]
        if canonical != "1" and not unit:
            raise refusal(
                file,
                f"states no unit: write it in the header, as '{header.strip()} [{canonical}]'",
                line=line,
                column=header,
            )
        if key in found:
            if key == "temperature_celsius":
                continue  # the first of several probes
            raise refusal(
                file,
                f"is the same as {names[found[key][0]]!r}: delete one",
                line=line,
                column=header,
            )
        found[key] = (position, unit or "1")
    missing = [
        word
        for word, key in (
            ("time", "test_time_second"),
            ("voltage", "voltage_volt"),
            ("current", "current_ampere"),
        )
        if key not in found
    ]
    if missing:
        raise refusal(
            file,
            f"has no column of {' and '.join(missing)}: {_LEGAL}; there are "
            f"{', '.join(map(repr, names[:20]))}{renaming_advice(names)}",
            line=line,
        )
    return found


def list_tables(source: Source) -> list[CurveInfo]:
    """List the tables of a plain file: it holds one.

    Parameters
    ----------
    source : Source
        The file.

    Returns
    -------
    list of CurveInfo
        One.
    """
    return [CurveInfo(0, "table", find_layout(source).rows)]


def _pairs(comments: Sequence[str]) -> dict[str, str]:
    """Return ``key: value`` of the comments."""
    pairs = (comment.partition(":") for comment in comments)
    return {
        "_".join(key.lower().split()): value.strip() for key, mark, value in pairs if mark and value
    }


def read(source: Source, curve: int | None) -> Reading:
    """Read a plain file.

    Parameters
    ----------
    source : Source
        The file.
    curve : int or None
        None or 0.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        A column is missing or its unit wrong, or a cell is no number.
    """
    choose_curve(source.name, [CurveInfo(0, "table", None)], curve)
    layout = find_layout(source)
    found = plain_columns(source.name, layout.names, layout.line)
    read_columns, extra, first_line = read_delimited(
        source,
        layout,
        {key: position for key, (position, _) in found.items()},
        blanks=("temperature_celsius",),
    )
    variables: dict[str, Any] = {}
    for key, (position, unit) in found.items():
        if _UNITS[key] == "1":
            variables[key] = read_columns[key]
            continue
        try:
            variables[key] = in_unit(read_columns[key], unit, _UNITS[key])
        except UnitError as error:
            raise refusal(
                source.name, str(error), line=layout.line, column=layout.names[position]
            ) from error
    if "step_id" in variables and "step_count" not in variables:
        variables["step_count"] = count_steps(variables["step_id"])
    stated = _pairs(layout.comments)
    technique = stated.get("technique", "unknown")
    if technique not in TECHNIQUES:
        raise refusal(
            source.name,
            f"technique {technique!r} in a comment is not known: legal are {', '.join(TECHNIQUES)}",
        )
    if "scan_rate" in stated:
        try:
            extra["scan_rate_volt_per_second"] = parse_quantity(stated["scan_rate"], "V/s")
        except UnitError as error:
            raise refusal(source.name, f"scan_rate in a comment: {error}") from error
    return Reading(
        variables=variables,
        columns={key: layout.names[position] for key, (position, _) in found.items()},
        curve="table",
        instrument=stated.get("instrument", "not stated"),
        technique=technique,
        technique_as_written=stated.get("technique", ""),
        header={"columns": list(layout.names), "comments": list(layout.comments)},
        sign_convention=stated.get("sign_convention", NOT_STATED),
        first_line=first_line,
        extra=extra,
    )
