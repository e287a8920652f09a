"""PalmSens' ``.csv`` of PSTrace: curves side by side, each a pair of columns, as ``s`` and ``V``.

The file is UTF-16. A line of titles, a line ``Date and time measurement:`` and a line of units
stand above the rows; a curve that is shorter than its neighbour ends in blanks. A pair holds time
and potential (the current is then what the user states), or potential and current (the time of a
sweep then follows from its rate); one without a potential is no record.

The layout is the one that public readers of these files describe, among them proespm and
electropycal.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.instruments.delimited import Layout, find_layout, read_delimited
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import UNITS, Reading
from data.instruments.text import in_unit, is_unit

__all__ = ["VERSION", "list_tables", "read", "recognises"]

VERSION = "1"
_TOP = 1 << 16
_MARK = "Date and time measurement:"
_KINDS = ("test_time_second", "voltage_volt", "current_ampere")
_TECHNIQUES = (
    ("chronopotentiometry", "chronopotentiometry"),
    ("open circuit", "open_circuit"),
    ("linear sweep", "linear_sweep"),
    ("cyclic voltammetry", "cyclic_voltammetry"),
    ("chronoamperometry", "chronoamperometry"),
)


def recognises(head: bytes) -> bool:
    """Return whether a file is one of PSTrace.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether a line says when a curve was measured.
    """
    return any(line.startswith(_MARK.encode()) for line in head[:_TOP].splitlines()[:50])


def _kind(unit: str) -> str:
    """Return what a column of a unit holds; empty where it is nothing of a record."""
    return next((kind for kind in _KINDS if is_unit(unit, UNITS[kind])), "")


def _is_units(names: Sequence[str]) -> bool:
    return len(names) > 1 and all(map(_kind, filter(None, names)))


def _layout(source: RawFile) -> tuple[Layout, list[str], list[CurveInfo]]:
    """Return the layout, the title of each pair of columns, and the curves."""
    layout = find_layout(source, _is_units)
    if not layout.above or not layout.above[-1].startswith(_MARK) or len(layout.above) < 2:
        raise refusal(
            source.name,
            f"has no line of units below '{_MARK}': export it again from PSTrace",
            line=layout.line,
        )
    titles = [cell.strip() for cell in layout.above[-2].split(layout.separator)]
    pairs = range(0, len(layout.names) - 1, 2)
    named = [titles[at] if at < len(titles) else "" for at in pairs]
    infos = []
    for index, at in enumerate(pairs):
        kinds = {_kind(layout.names[at]), _kind(layout.names[at + 1])}
        good = "voltage_volt" in kinds and len(kinds) == 2
        note = "" if good else f"columns {layout.names[at]} and {layout.names[at + 1]}"
        infos.append(CurveInfo(index, named[index] or f"curve {index}", None, good, note))
    return layout, named, infos


def list_tables(source: RawFile) -> list[CurveInfo]:
    """List the curves of a file.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        One a pair of columns.
    """
    return _layout(source)[2]


def read(source: RawFile, curve: int | None) -> Reading:
    """Read a curve of a file.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        Number of the pair of columns; None where there is but one.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        A cell is no number, or neither the file nor the user gives the time or the current.
    """
    layout, titles, infos = _layout(source)
    index = choose_curve(source.name, infos, curve)
    found = {_kind(layout.names[at]): at for at in (2 * index, 2 * index + 1)}
    read_columns, extra = read_delimited(source, layout, found, blanks=tuple(found))
    blank = np.all([np.isnan(values) for values in read_columns.values()], axis=0)
    rows = int(np.flatnonzero(~blank)[-1]) + 1 if not blank.all() else 0
    variables: dict[str, Any] = {
        key: in_unit(values[:rows], layout.names[found[key]], UNITS[key])
        for key, values in read_columns.items()
    }
    title = titles[index]
    technique = next((name for words, name in _TECHNIQUES if words in title.lower()), "unknown")
    columns = {key: f"{title} [{layout.names[at]}]" for key, at in found.items()}
    if technique == "open_circuit" and "current_ampere" not in variables:
        variables["current_ampere"] = np.zeros(rows)
        columns["current_ampere"] = "none: at open circuit no current flows"
    missing = source.lacks(variables)
    if missing == ["current_ampere"]:
        raise refusal(
            source.name,
            f"curve {title!r} holds time and potential: state the constant current that flowed, "
            'with --set "current=… mA"',
        )
    if missing:
        raise refusal(
            source.name,
            f"curve {title!r} holds potential and current: the time of a sweep follows from its "
            'rate, with --set "scan_rate=… mV/s"',
        )
    return Reading(
        variables=variables,
        columns=columns,
        curve=title or f"curve {index}",
        instrument="PalmSens",
        technique=technique,
        technique_as_written=title,
        header={"above": list(layout.above), "units": list(layout.names)},
        first_line=layout.first_line,
        extra=extra,
    )
