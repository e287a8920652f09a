"""What the header of a column says: a quantity, and the unit of its numbers.

Instruments and people write ``Voltage / V``, ``voltage [V]``, ``Voltage(V)``, ``Voltage_V`` and
``Voltage V``: whichever way a unit is written, it is the unit, and nothing here ever changes it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import UnitError
from data.instruments.raw_file import refusal
from data.instruments.record import UNITS
from data.instruments.text import in_unit, is_unit
from data.units import dimension

__all__ = [
    "MEASURED",
    "NEGATIVE",
    "FoundColumn",
    "Vocabulary",
    "find_columns",
    "finer",
    "meaning",
    "split_header",
    "stated_twice",
]

MEASURED = frozenset(["measured", "actual", "meas", "act", "ist", "istwert"])
"""Words by which a header says that its numbers were measured, and not set."""

NEGATIVE = ("-", "\u2212", "\u2013")
"""Hyphen, minus and dash, with which the header of a quantity begins whose sign is turned."""

# The last group of brackets, parentheses, or what follows a slash; Basytec begins lines with "~".
_MARKED = (
    re.compile(r"~?\s*(.*?)\s*\[([^\[\]]*)\]"),
    re.compile(r"~?\s*(.*?)\s*\(([^()]*)\)"),
    re.compile(r"~?\s*([^/]*?)\s*/\s*(.+)"),
)
_BLANKS = re.compile("[_\u2212\u2013-]")
_RATIO = re.compile(r"~?\s*([^/]+?)[_\s]+([^/_\s(\[]+/[^/\s]+)")
_TAIL = re.compile(r"~?\s*(.+?)[_\s]+([^_\s]+)")
_LOOKED_AT = 10_000  # numbers that show with how many decimals they are written
_MOST_DECIMALS = 15


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
class FoundColumn:
    """Where a variable stands in a table.

    Parameters
    ----------
    position : int
        Of the column.
    header : str
        As written.
    unit : str
        As written; ``1`` for numbers without a dimension, empty where none is stated.
    again : tuple of FoundColumn
        Further columns of the same meaning.
    """

    position: int
    header: str
    unit: str
    again: tuple["FoundColumn", ...] = ()


def words_of(text: str) -> str:
    """Return the words of a header in lower case, with blanks between."""
    return " ".join(_BLANKS.sub(" ", text).lower().split())


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
) -> dict[str, FoundColumn]:
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
    dict of str to FoundColumn
        By variable. The first of several temperatures or Unix times is read.

    Raises
    ------
    RecordError
        A variable without a dimension is stated twice, or one is stated with its sign turned.
    """
    found: dict[str, FoundColumn] = {}
    for position, header in enumerate(names):
        known = meaning(header, vocabulary)
        if known is None:
            continue
        variable, unit = known
        if header.strip().startswith(NEGATIVE):
            positive = header.strip().lstrip("".join(NEGATIVE)).strip()
            raise refusal(
                file,
                f"holds the quantity with its sign turned: turn the sign of its numbers back and "
                f"name it {positive!r}",
                line=line,
                column=header,
            )
        if UNITS[variable] == "1":
            unit = "1"
        if variable == "temperature_celsius" and (variable in found or not _is_degree(unit)):
            continue
        if variable == "unix_time_second" and variable in found:
            continue
        if variable in found:
            if unit == "1":
                raise stated_twice(file, found[variable], header, line)
            again = (*found[variable].again, FoundColumn(position, header, unit))
            found[variable] = replace(found[variable], again=again)
            continue
        found[variable] = FoundColumn(position, header, unit)
    return found


def stated_twice(
    file: str, column: FoundColumn, header: str, line: int | None, where: str = ""
) -> Exception:
    """Return the refusal of a second column of one meaning, and where it differs."""
    words = f"is the same as {column.header!r}{where}: delete one"
    return refusal(file, words, line=line, column=header)


def finer(
    file: str,
    columns: Mapping[str, FoundColumn],
    read: Mapping[str, NDArray[np.float64]],
    variable: str,
    line: int | None,
) -> str:
    """Return which of the columns of one meaning has the most digits, where all say the same.

    Parameters
    ----------
    file : str
        Name of the file.
    columns : mapping of str to FoundColumn
        By the name under which each was read.
    read : mapping of str to array of float
        What was read, in the units as written.
    variable : str
        What they mean.
    line : int or None
        Line of the headers.

    Returns
    -------
    str
        A name.

    Raises
    ------
    RecordError
        A unit is not known, or they differ by more than their last digits.
    """
    values, digits = {}, {}
    for name, column in columns.items():
        try:
            factor = in_unit(1.0, column.unit, UNITS[variable])
        except UnitError as error:
            raise stated_twice(file, next(iter(columns.values())), column.header, line) from error
        values[name] = read[name] * factor
        digits[name] = _last_digit(read[name]) * factor
    names = sorted(columns, key=lambda name: digits[name])
    best = names[0]
    for name in names[1:]:
        # Half of a digit each; of one unit and one digit they are the same number.
        alike = digits[name] == digits[best] and columns[name].unit == columns[best].unit
        rounded = 0.0 if alike else 0.505 * (digits[name] + digits[best])
        allowed = rounded + 1e-9 * np.abs(values[best])
        differs = ~(np.abs(values[name] - values[best]) <= allowed)  # also where one is no number
        if differs.any():
            row = int(np.argmax(differs))
            where = (
                f", and is {read[name][row]:g} in row {row + 1}, where that is {read[best][row]:g}"
            )
            raise stated_twice(file, columns[best], columns[name].header, line, where)
    return best


def _last_digit(values: NDArray[np.float64]) -> float:
    """Return the unit of the last decimal that numbers are written with."""
    some = values[np.isfinite(values)][:_LOOKED_AT]
    for decimals in range(_MOST_DECIMALS):
        if np.allclose(np.round(some, decimals), some, rtol=1e-14, atol=0):
            return float(10.0**-decimals)
    return 0.0


def _is_degree(unit: str) -> bool:
    """Return whether a temperature's unit is one: a probe is not worth refusing a curve for."""
    return bool(unit) and is_unit(unit, "degC")


def check_stated(file: str, column: FoundColumn, variable: str, line: int | None) -> None:
    """Refuse a column that states no unit.

    Parameters
    ----------
    file : str
        Name of the file.
    column : FoundColumn
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


def unit_error(file: str, error: UnitError, column: FoundColumn, line: int | None) -> Exception:
    """Return the refusal of a column's unit."""
    return refusal(file, str(error), line=line, column=column.header)
