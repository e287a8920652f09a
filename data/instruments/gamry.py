"""Gamry Framework's ``.DTA``: a header of tagged values, and tables of which each is a curve.

Tables are announced by a line ``NAME<tab>TABLE<tab>rows`` (the number may be missing), followed by
a line of names, one of units, and rows that begin with a tab. Numbers follow the computer's
locale: a decimal comma is as common as a point. Where ``CONVENTION`` says that cathodic currents
are counted positive their sign is changed: in a record the anodic current is positive, as is the
voltage that it raises. The column ``Over`` holds a mark for each kind of overload, which its
position tells [1]_. Those count here of which the voltage or the current of the row is wrong or was
not what was set: of the electrometer (2), of the control amplifier (3, 4 for a moment) and of the
current's converter (5, 6), and what is out of the range of the current's and the voltage's channel
(9, 10). An auxiliary channel that is not connected (11), settling and timing do not.

References
----------
.. [1] Gamry Instruments, Overloads,
   https://help.gamry.com/Framework/general-information_overloads.html
"""

import json
import mmap
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.errors import UnitError
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import NOT_STATED, SPARE, Reading, count_steps
from data.instruments.text import (
    TextTable,
    decode,
    in_unit,
    line_number,
    mapped,
    mark_of_numbers,
    split_line,
)
from data.instruments.text_numbers import read_numbers
from data.units import parse_number

__all__ = ["INSTRUMENT", "VERSION", "list_tables", "read", "recognises"]

INSTRUMENT = "Gamry"
VERSION = "1"
MAX_TABLES = 10_000
_TABLE = re.compile(rb"^([^\t\r\n]+)\tTABLE(?:\t([^\r\n]*))?\r?\n", re.MULTILINE)
_ROWS_END = re.compile(rb"\n(?!\t)")
_TAG = re.compile(rb"^TAG\t", re.MULTILINE)
_TECHNIQUES = {
    "CHRONOP": "chronopotentiometry",
    "CHRONOA": "chronoamperometry",
    "LSV": "linear_sweep",
    "POTENTIODYNAMIC": "linear_sweep",
    "GALVANODYNAMIC": "galvanodynamic_sweep",
    "CV": "cyclic_voltammetry",
    "CORPOT": "open_circuit",
}
_COLUMNS = {
    "test_time_second": ("s", ("T", "Time")),
    "voltage_volt": ("V", ("Vf", "Voltage")),
    "current_ampere": ("A", ("Im", "Current")),
    "temperature_celsius": ("degC", ("Temp",)),
    "cycle_count": ("1", ("Cycle",)),
}
_OVERLOADS = (1, 2, 3, 4, 5, 8, 9)  # positions of marks, from 0
_SIGNS = {
    "0": "cathodic currents are positive in the file, and negative here",
    "1": "anodic currents are positive",
}


@dataclass(frozen=True)
class _Part:
    """A table as it lies in the file."""

    info: CurveInfo
    table: TextTable
    units: tuple[str, ...]
    announced: int | None
    announced_at: int
    problem: str


def recognises(head: bytes) -> bool:
    """Return whether the first bytes are those of a ``.DTA`` file.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether its first lines hold Gamry's tag.
    """
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:2000].split(b"\n", 4)[:4]
    return first[0].strip() == b"EXPLAIN" or any(_TAG.match(line) for line in first)


def _number(text: str) -> float | None:
    """Return a header's number, whichever decimal mark it has."""
    return parse_number(text.strip().replace(",", "."))


def _header(content: mmap.mmap, parts: list[_Part], end: int) -> dict[str, list[str]]:
    """Return the tagged values outside the tables: the first of each name."""
    pieces, start = [], 0
    for part in parts:
        begin = content.rfind(b"TABLE", start, part.table.start)
        pieces.append(content[start : max(start, content.rfind(b"\n", start, begin) + 1)])
        start = part.table.stop
    pieces.append(content[start : min(end, start + (1 << 20))])
    header: dict[str, list[str]] = {}
    for line in decode(b"\n".join(pieces)).splitlines():
        name, *values = line.split("\t")
        if name and values:
            header.setdefault(name, [value.strip() for value in values])
    return header


def _find_parts(file: str, content: mmap.mmap) -> list[_Part]:
    parts: list[_Part] = []
    position = counted = 0
    line = 1
    while (match := _TABLE.search(content, position)) is not None:
        name = decode(match[1]).strip()
        body_end = _ROWS_END.search(content, match.end() - 1)
        stop = len(content) if body_end is None else body_end.start()
        names_end = content.find(b"\n", match.end(), stop)
        units_end = content.find(b"\n", names_end + 1, stop) if names_end >= 0 else -1
        line += line_number(content, match.start(), counted) - 1
        counted, announced_at = match.start(), line
        if len(parts) == MAX_TABLES:
            raise refusal(file, f"holds more than {MAX_TABLES} tables", line=line)
        announced = _number(decode(match[2] or b""))
        names = (
            [""] if names_end < 0 else split_line(decode(content[match.end() : names_end]), "\t")
        )
        units_stop = stop if units_end < 0 else units_end
        units = (
            split_line(decode(content[names_end + 1 : units_stop]), "\t") if names_end >= 0 else []
        )
        start = stop if units_end < 0 else units_end + 1
        while names and not names[-1]:
            names.pop()
        table = TextTable.bounded(
            content, start, stop, first_line=announced_at + 3, names=names, decimal="."
        )
        problem = _problem(name, names)
        info = CurveInfo(
            index=len(parts),
            name=name,
            rows=table.count(content),
            readable=not problem,
            note=problem or ("open circuit" if _is_rest(name, names) else ""),
            main=name != "OCVCURVE",
        )
        whole = None if announced is None or announced != int(announced) else int(announced)
        parts.append(_Part(info, table, tuple(units), whole, announced_at, problem))
        position = stop
    if not parts:
        announced_at = line_number(content, len(content))
        raise refusal(
            file,
            "holds no table of data: the header is all there is, so that nothing was recorded or "
            "the file is cut off; copy it again from the instrument",
            line=announced_at,
        )
    return parts


def _is_rest(name: str, names: list[str]) -> bool:
    return name == "OCVCURVE" or ("Vf" in names and "Vm" in names and "Im" not in names)


def _problem(name: str, names: list[str]) -> str:
    """Return why a table is no curve of time, voltage and current; empty where it is."""
    if "Freq" in names:
        return "an impedance spectrum"
    if not names or names == [""]:
        return "cut off before its rows"
    missing = [
        word
        for word, key in (
            ("time (T)", "test_time_second"),
            ("voltage (Vf)", "voltage_volt"),
            ("current (Im)", "current_ampere"),
        )
        if not set(_COLUMNS[key][1]) & set(names)
        and not (key == "current_ampere" and _is_rest(name, names))
    ]
    return f"no column of {' and '.join(missing)}" if missing else ""


def list_tables(source: RawFile) -> list[CurveInfo]:
    """List the tables of a ``.DTA`` file.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        In the file's order.

    Raises
    ------
    RecordError
        There is none.
    """
    with mapped(source.path) as content:
        return [part.info for part in _find_parts(source.name, content)]


def read(source: RawFile, curve: int | None) -> Reading:
    """Read one table of a ``.DTA`` file.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        Number of the table; None where there is but one.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        The table is cut off, or its cells are no numbers.
    """
    with mapped(source.path) as content:
        parts = _find_parts(source.name, content)
        part = parts[choose_curve(source.name, [part.info for part in parts], curve)]
        header = _header(content, parts, len(content))
        variables, columns, marks = _read_part(source.name, content, part)
        if not part.table.terminated(content):
            raise refusal(
                source.name,
                "has no line end: the file is cut off here; copy it again from the instrument, "
                "or delete this line",
                line=part.table.first_line + (part.info.rows or 1) - 1,
            )
    tag = header.get("TAG", [""])[0]
    title = header.get("TITLE", ["", ""])[1:2]
    technique = _technique(tag, title[0] if title else "", header, part)
    if (steps := _steps(tag, header, variables)) is not None:
        variables["step_count"] = steps
    extra: dict[str, str | float] = {}
    if marks:
        extra["overload_as_written"] = json.dumps(marks)
    scan = header.get("SCANRATE", [])
    if len(scan) > 2 and "(mV/s)" in scan[2] and (rate := _number(scan[1])) is not None:
        extra["scan_rate_volt_per_second"] = rate * 1e-3
    area = header.get("AREA", [])
    if len(area) > 2 and "cm^2" in area[2] and (size := _number(area[1])) is not None:
        extra["area_as_written_cm2"] = size
    if header.get("EXPERIMENTABORTED", ["", "F"])[1:2] in (["T"], ["TRUE"]):
        extra["aborted"] = "EXPERIMENTABORTED is set: the test was stopped before its planned end"
    sign = header.get("CONVENTION", ["", ""])[1:2]
    if sign == ["0"]:
        variables["current_ampere"] = 0.0 - np.asarray(variables["current_ampere"])
    section = header.get("PSTATSECTION", header.get("PSTAT", ["", ""]))[1:2]
    return Reading(
        variables=variables,
        columns=columns,
        curve=part.info.name,
        instrument=f"{INSTRUMENT} {section[0]}".strip() if section else INSTRUMENT,
        technique=technique,
        technique_as_written=f"TAG {tag}, TITLE {title[0] if title else ''}",
        header=header,
        sign_convention=(
            f"CONVENTION {sign[0]}: {_SIGNS[sign[0]]}" if sign and sign[0] in _SIGNS else NOT_STATED
        ),
        announced_rows=part.announced,
        announced_at=part.announced_at,
        first_line=part.table.first_line,
        extra=extra,
    )


def _read_part(
    file: str, content: mmap.mmap, part: _Part
) -> tuple[dict[str, Any], dict[str, str], dict[str, int]]:
    """Return variables in their units, the file's own columns, and the kinds of overload."""
    names = list(part.table.names)
    units = dict(zip(names, part.units, strict=False))
    found = {
        key: next(name for name in known if name in names)
        for key, (_, known) in _COLUMNS.items()
        if any(name in names for name in known)
    }
    wanted = {key: names.index(name) for key, name in found.items()}
    words = ("overload",) if "Over" in names else ()
    if words:
        wanted["overload"] = names.index("Over")
    table = part.table
    due = [place for key, place in wanted.items() if key not in (*words, *SPARE)]
    others = [wanted[key] for key in SPARE if key in wanted]
    mark = mark_of_numbers(content, table, due, file=file, spare=others)
    table = replace(table, decimal=mark)
    read = read_numbers(file, content, table, wanted, words=words, spare=SPARE)
    variables: dict[str, Any] = {}
    for key, name in found.items():
        canonical = _COLUMNS[key][0]
        if canonical == "1":
            variables[key] = read[key]
            continue
        try:
            variables[key] = in_unit(read[key], units.get(name, ""), canonical)
        except UnitError as error:
            raise refusal(file, str(error), line=table.first_line - 1, column=name) from error
    marks: dict[str, int] = {}
    if words:
        column = read["overload"]
        kinds = [str(kind).strip() for kind in column.categories]
        over = np.array(
            [any(kind[at : at + 1].strip(".") for at in _OVERLOADS) for kind in kinds],
            dtype=np.bool_,
        )
        codes = np.asarray(column.codes)
        # A cell without a mark has the code -1.
        variables["overload"] = np.append(over, False)[codes]
        counts = np.bincount(codes[codes >= 0], minlength=len(kinds))
        marks = {kind: int(n) for kind, n in zip(kinds, counts, strict=True) if kind.strip(".")}
    columns = dict(found)
    if "current_ampere" not in found:
        variables["current_ampere"] = np.zeros(np.size(variables["test_time_second"]))
        columns["current_ampere"] = "none: at open circuit no current flows"
    return variables, columns, marks


def _technique(tag: str, title: str, header: dict[str, list[str]], part: _Part) -> str:
    """Return the technique; a galvanodynamic scan bears the tag of a linear sweep."""
    if _is_rest(part.info.name, list(part.table.names)):
        return "open_circuit"
    technique = _TECHNIQUES.get(tag, "unknown")
    galvanostat = header.get("CTRLMODE", ["", ""])[1:2] == ["0"]
    if technique == "linear_sweep" and (galvanostat or "galvanodynamic" in title.lower()):
        return "galvanodynamic_sweep"
    return technique


def _steps(tag: str, header: dict[str, list[str]], variables: dict[str, Any]) -> Any:
    """Return the number of the control step, where the header states how long each lasts."""
    if tag not in ("CHRONOP", "CHRONOA"):
        return None
    lengths = []
    for name in ("TSTEP1", "TSTEP2"):
        value = _number(header.get(name, ["", ""])[1]) if len(header.get(name, [])) > 1 else None
        if value is None:
            break
        lengths.append(value)
    if not lengths:
        return None
    period = _number(header.get("SAMPLETIME", ["", ""])[1]) if "SAMPLETIME" in header else None
    time = np.asarray(variables["test_time_second"])
    # A row is taken at the end of its sample: the one at the boundary belongs to the step before.
    ends = np.concatenate(([0.0], np.cumsum(lengths)[:-1])) + 0.25 * (period or 0.0)
    return count_steps(np.searchsorted(ends, time, side="left"))
