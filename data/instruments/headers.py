"""What the header of a column says: a quantity, and the unit of its numbers.

Instruments and people write ``Voltage / V``, ``voltage [V]``, ``Voltage(V)``, ``Voltage_V`` and
``Voltage V``: whichever way a unit is written, it is the unit, and nothing here ever changes it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data.errors import UnitError
from data.instruments.record import UNITS, refusal
from data.instruments.text import is_unit
from data.units import dimension

__all__ = ["MEASURED", "Column", "Vocabulary", "find_columns", "meaning", "split_header"]

MEASURED = frozenset(["measured", "actual", "meas", "act", "ist", "istwert"])
"""Words by which a header says that its numbers were measured, and not set."""

# The last group of brackets, parentheses, or what follows a slash; Basytec begins lines with "~".
_MARKED = (
    re.compile(r"~?\s*(.*?)\s*\[([^\[\]]*)\]"),
    re.compile(r"~?\s*(.*?)\s*\(([^()]*)\)"),
    re.compile(r"~?\s*([^/]*?)\s*/\s*(.+)"),
)
_RATIO = re.compile(r"~?\s*([^/]+?)[_\s]+([^/_\s(\[]+/[^/\s]+)")
_TAIL = re.compile(r"~?\s*(.+?)[_\s]+([^_\s]+)")


@dataclass(frozen=True)
class Vocabulary:
    """What a format calls the quantities of a record.

    Parameters
    ----------
    named : mapping of str to str
        Words of a header, in lower case with blanks between, to the variable they mean.
    bare : mapping of str to (str, str)
        Words of a header without a unit, to the variable and the unit that they imply. They count
        before `named`.
    """

    named: Mapping[str, str]
    bare: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """Where a variable stands in a table.

    Parameters
    ----------
    position : int
        Of the column.
    header : str
        As written.
    unit : str
        As written; ``1`` for numbers without a dimension, empty where none is stated.
    """

    position: int
    header: str
    unit: str


def words_of(text: str) -> str:
    """Return the words of a header in lower case, with blanks between."""
    return " ".join(text.replace("_", " ").replace("-", " ").lower().split())


def split_header(header: str) -> tuple[str, str]:
    """Return the words of a header, and the unit in its brackets or after its slash.

    Parameters
    ----------
    header : str
        As written.

    Returns
    -------
    words : str
        In lower case, with blanks between.
    unit : str
        As written; empty where none is marked.
    """
    text = header.strip()
    match = _RATIO.fullmatch(text)  # "current mA/cm2": the slash belongs to the unit
    if match is None or not _is_any_unit(match[2]):
        match = next((found for pattern in _MARKED if (found := pattern.fullmatch(text))), None)
    return (words_of(match[1]), match[2].strip()) if match else (words_of(text.lstrip("~")), "")


def _is_any_unit(text: str) -> bool:
    try:
        dimension(text)
    except UnitError:
        return False
    return True


def meaning(header: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """Return what a header means.

    Parameters
    ----------
    header : str
        As written.
    vocabulary : Vocabulary
        What the format calls the quantities.

    Returns
    -------
    (str, str) or None
        Variable and unit as written, empty where it states none; None where it means no variable
        of a record.
    """
    words, unit = split_header(header)
    if not unit and words in vocabulary.bare:
        return vocabulary.bare[words]
    if words in vocabulary.named:
        return vocabulary.named[words], unit
    if unit or (tail := _TAIL.fullmatch(header.strip())) is None:
        return None
    variable = vocabulary.named.get(words_of(tail[1]))
    return (variable, tail[2]) if variable and is_unit(tail[2], UNITS[variable]) else None


def find_columns(
    file: str, names: Sequence[str], vocabulary: Vocabulary, line: int | None
) -> dict[str, Column]:
    """Find the columns of a record among headers.

    Parameters
    ----------
    file : str
        Name of the file.
    names : sequence of str
        Its headers; those that mean nothing here are passed over.
    vocabulary : Vocabulary
        What the format calls the quantities.
    line : int or None
        Line that holds them.

    Returns
    -------
    dict of str to Column
        By variable.

    Raises
    ------
    RecordError
        A variable is stated twice. (The first of several temperatures or Unix times is read.)
    """
    found: dict[str, Column] = {}
    for position, header in enumerate(names):
        known = meaning(header, vocabulary)
        if known is None:
            continue
        variable, unit = known
        if UNITS[variable] == "1":
            unit = "1"
        if variable == "temperature_celsius" and (variable in found or not _is_degree(unit)):
            continue
        if variable == "unix_time_second" and variable in found:
            continue
        if variable in found:
            raise refusal(
                file,
                f"is the same as {found[variable].header!r}: delete one",
                line=line,
                column=header,
            )
        found[variable] = Column(position, header, unit)
    return found


def _is_degree(unit: str) -> bool:
    """Return whether a temperature's unit is one: a probe is not worth refusing a curve for."""
    return bool(unit) and is_unit(unit, "degC")


def check_stated(file: str, column: Column, variable: str, line: int | None) -> None:
    """Refuse a column that states no unit.

    Parameters
    ----------
    file : str
        Name of the file.
    column : Column
        The column.
    variable : str
        What it holds.
    line : int or None
        Line of the headers.

    Raises
    ------
    RecordError
        There is no unit.
    """
    if not column.unit:
        due = UNITS[variable]
        raise refusal(
            file,
            "states no unit: write the one that its numbers have into the header, such as "
            f"'{column.header.strip()} [{due}]' if it is {due}",
            line=line,
            column=column.header,
        )


def unit_error(file: str, error: UnitError, column: Column, line: int | None) -> Exception:
    """Return the refusal of a column's unit."""
    return refusal(file, str(error), line=line, column=column.header)
