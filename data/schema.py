"""What a table may hold: columns with units and supports, keys, and the checks of a row.

A table is one `Table` in one module of `data.tables`. Everything else (reading, checking, writing,
templates, documentation) follows from it.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Literal

from data.units import format_header

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "ROW_UNIT",
    "TEXT_COLUMNS",
    "Check",
    "Column",
    "Complaint",
    "Row",
    "Support",
    "Table",
    "apart",
    "closest",
    "error_complaint",
    "error_doubt",
    "given",
    "nearest",
    "show_number",
]

ROW_UNIT = "of the row"
"""Unit of a column whose numbers carry their unit in the row's ``unit`` cell (published.csv)."""

type Row = Mapping[str, float | str]
"""One row in canonical units; a blank number is NaN, a blank text is the empty string."""

type Complaint = tuple[str | None, str]
"""A column (or None) and what is wrong with it."""

type Support = Literal["real", "nonzero", "positive", "nonnegative", "fraction", "integer"]

_SUPPORTS: dict[Support, tuple[Callable[[float], bool], str]] = {
    "real": (lambda _: True, "any number"),
    "nonzero": (lambda x: x != 0, "any number but zero"),
    "positive": (lambda x: x > 0, "a number above 0"),
    "nonnegative": (lambda x: x >= 0, "a number from 0"),
    "fraction": (lambda x: 0 < x < 1, "a number between 0 and 1, ends excluded"),
    "integer": (lambda x: x >= 1 and x == math.floor(x), "a whole number from 1"),
}


_MOST_NAMES = 1000  # that a misspelt one is compared with


def closest(name: str, legal: Iterable[str]) -> str | None:
    """Return the legal name that a misspelt one most likely means.

    Parameters
    ----------
    name : str
        What was written.
    legal : iterable of str
        The names that are legal.

    Returns
    -------
    str or None
        None where none is close, or where the names are so many that looking takes long.
    """
    by_lower = {text.lower(): text for text in islice(legal, _MOST_NAMES + 1)}
    if len(by_lower) > _MOST_NAMES:
        return None
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def nearest(name: str, legal: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest legal name, or the empty string.

    Parameters
    ----------
    name : str
        What was written.
    legal : iterable of str
        The names that are legal.

    Returns
    -------
    str
        The hint, with a leading blank.
    """
    close = closest(name, legal)
    return f" (did you mean {close!r}?)" if close else ""


def show_number(value: float) -> str:
    """Return a number in the fewest digits that matter to a reader.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        Up to six significant digits.
    """
    return f"{value:.6g}"


_ERRORS = (1e-6, 1e3)
"""Standard deviation over value: nothing here is known to a millionth, and a thousandfold says
nothing."""
_USUAL_ERRORS = (1e-4, 3.0)
_SAME = 1e-9  # of a number: ends of an interval that differ by less are one number


def apart(lower: float, upper: float) -> bool:
    """Return whether the ends of an interval are in order, and differ by more than rounding.

    Parameters
    ----------
    lower, upper : float
        The ends, of any unit.

    Returns
    -------
    bool
        False where they are one number, or the wrong way round.
    """
    return upper - lower > _SAME * max(abs(lower), abs(upper))


def error_complaint(sd: float, value: float) -> str | None:
    """Say what is wrong with a standard deviation, held against its value.

    Parameters
    ----------
    sd, value : float
        In one unit; a value of zero says nothing of its error.

    Returns
    -------
    str or None
        None where it is legal.
    """
    low, high = (ratio * abs(value) for ratio in _ERRORS)
    if value == 0 or low <= sd <= high:
        return None
    return (
        f"{show_number(sd)} is not legal for the value {show_number(value)}: a standard deviation "
        f"from {show_number(low)} to {show_number(high)} is due, a millionth to a thousand times "
        "the value"
    )


def error_doubt(sd: float, value: float) -> str | None:
    """Say what makes a legal standard deviation doubtful, held against its value.

    Parameters
    ----------
    sd, value : float
        In one unit; a value of zero says nothing of its error.

    Returns
    -------
    str or None
        None where errors are of this size as a rule.
    """
    low, high = (ratio * abs(value) for ratio in _USUAL_ERRORS)
    if value == 0 or not sd > 0 or low <= sd <= high:
        return None
    return (
        f"{show_number(float(f'{sd:.3g}'))} is {show_number(float(f'{sd / abs(value):.2g}'))} "
        "times the value: is it a standard deviation, in this unit?"
    )


def given(row: Row, *names: str) -> bool:
    """Return whether every named cell of a row is filled.

    Parameters
    ----------
    row : mapping
        One row.
    *names : str
        Columns.

    Returns
    -------
    bool
        True where none is blank.
    """
    return all(
        bool(value) if isinstance(value := row[name], str) else not math.isnan(value)
        for name in names
    )


@dataclass(frozen=True, kw_only=True)
class Column:
    """One quantity, label or text of a table.

    Parameters
    ----------
    name : str
        Canonical name, as the header writes it.
    long_name : str
        What it is, for labels and documentation.
    unit : str, optional
        Canonical unit; None marks text.
    support : str
        What numbers are legal: see the module's table.
    low, high : float
        Range [unit] beyond which a number is a slip of units or of the keyboard and is refused: no
        cell lives there, and no model can compute with it.
    least : float
        Magnitude [unit] below which a number other than zero is refused alike.
    blank : str, optional
        What a blank cell (or a missing column) means; None where a blank is a mistake.
    default : float or str, optional
        Value that a blank takes.
    choices : tuple of str
        The legal texts; empty for free text.
    sd : bool
        Accept ``name_sd``, the standard deviation of an exact value.
    interval : bool
        Accept ``name_lower`` and ``name_upper`` in place of an exact value.
    slip : str
        Hint added to a complaint about the support or range.
    no_interval : str
        What to do where a cell holds a bound or a range, if the column takes no interval.
    usual : tuple of float, optional
        Magnitudes [unit] that such tests have, with room; another number but zero is legal, and
        doubted aloud.
    """

    name: str
    long_name: str
    unit: str | None = None
    support: Support = "real"
    low: float = -math.inf
    high: float = math.inf
    least: float = 0.0
    blank: str | None = None
    default: float | str | None = None
    choices: tuple[str, ...] = ()
    sd: bool = False
    interval: bool = False
    slip: str = ""
    no_interval: str = ""
    usual: tuple[float, float] | None = None

    @property
    def is_number(self) -> bool:
        """Whether cells are numbers."""
        return self.unit is not None

    @property
    def blank_cell(self) -> float | str:
        """What a blank cell holds: the default, NaN or the empty string."""
        if self.default is not None:
            return self.default
        return math.nan if self.is_number else ""

    @property
    def several(self) -> str:
        """What to do where a cell holds a bound or a range."""
        if not self.interval:
            return self.no_interval
        return f"write its ends in {self.name}_lower and {self.name}_upper, a bound in one of them"

    @property
    def header(self) -> str:
        """The header in canonical units; a count has none."""
        bare = self.unit == ROW_UNIT or self.support == "integer"
        return format_header(self.name, None if bare else self.unit)

    @property
    def legal(self) -> str:
        """What is legal in a cell, in words."""
        if not self.is_number:
            return ", ".join(self.choices) if self.choices else "text"
        low, high = self.low, self.high
        if self.support in ("nonnegative", "integer"):
            low = max(low, 0.0 if self.support == "nonnegative" else 1.0)
        if math.isinf(low) and math.isinf(high):
            return _SUPPORTS[self.support][1]
        kind = "a whole number" if self.support == "integer" else "a number"
        words = [kind]
        if low > -math.inf:
            words.append(f"from {show_number(low)}")
        elif self.support == "positive":
            words.append("above 0")
        if high < math.inf:
            words.append(f"{'to' if low > -math.inf else 'and up to'} {show_number(high)}")
        if self.least > 0:
            or_zero = "" if self.support == "nonzero" else ", or 0"
            words.append(f"(of a magnitude from {show_number(self.least)}{or_zero})")
        if self.support == "nonzero":
            words.append("but not 0")
        return " ".join(words)

    def complaint(self, value: float) -> str | None:
        """Say what is wrong with a number in canonical units.

        Parameters
        ----------
        value : float
            The number [unit].

        Returns
        -------
        str or None
            None where the number is legal.
        """
        supported, due = _SUPPORTS[self.support]
        if supported(value):
            if self.low <= value <= self.high and (value == 0 or abs(value) >= self.least):
                return None
            due = self.legal
        unit = "" if self.unit in ("1", ROW_UNIT) else f" {self.unit}"
        return f"{show_number(value)}{unit} is not legal: {due}{unit} is due{self.slip}"

    def doubt(self, value: float) -> str | None:
        """Say what makes a legal number in canonical units doubtful.

        Parameters
        ----------
        value : float
            The number [unit].

        Returns
        -------
        str or None
            None where the number is of the column's usual size, zero or blank.
        """
        if self.usual is None or not abs(value) > 0:
            return None
        low, high = self.usual
        if low <= abs(value) <= high:
            return None
        unit = "" if self.unit == "1" else f" {self.unit}"
        return (
            f"{show_number(float(f'{value:.3g}'))}{unit} is far "
            f"{'above' if abs(value) > high else 'below'} the {show_number(low)} to "
            f"{show_number(high)}{unit} that such tests have: is the unit right?"
        )

    @cached_property
    def parts(self) -> tuple["Column", ...]:
        """The concrete columns: itself, and its standard deviation and bounds where accepted."""
        parts = [self]
        if self.sd:
            parts.append(
                Column(
                    name=f"{self.name}_sd",
                    long_name=f"standard deviation of {self.long_name}"
                    # What is an exact value or an interval is read from one cell's curve.
                    + (": the error of measuring one cell" if self.interval else ""),
                    unit=self.unit,
                    support="positive",
                    low=_ERRORS[0] * max(self.low, self.least, 0.0),
                    high=self.high,
                    blank="not stated",
                )
            )
        if self.interval:
            parts.extend(
                Column(
                    name=f"{self.name}_{side}",
                    long_name=f"{side} end of {self.long_name}",
                    unit=self.unit,
                    support=self.support,
                    low=self.low,
                    high=self.high,
                    least=self.least,
                    blank=f"no {side} end",
                    slip=self.slip,
                    usual=self.usual,
                )
                for side in ("lower", "upper")
            )
        return tuple(parts)


TEXT_COLUMNS = (
    Column(
        name="source", long_name="source of the row: a key of the references", blank="not given"
    ),
    Column(name="place", long_name="section, figure or table of the source", blank="not given"),
    Column(name="note", long_name="note", blank="none"),
    Column(
        name="assumed",
        long_name="columns of this row whose number is assumed, separated by semicolons",
        blank="every number is as the source or the measurement states it",
    ),
    Column(
        name="exclude",
        long_name="reason to leave the row out without deleting it",
        blank="the row is used",
    ),
)
"""Columns that every table accepts."""


type Check = Callable[[Row], Iterable[Complaint]]
"""What is wrong between some cells of a row, as ``(column, message)``."""


class _UnsoundCell(Exception):  # noqa: N818 - a signal, never seen by a user
    """A check asks for a cell that is wrong by itself."""


class _SoundCells(Mapping[str, float | str]):
    """The cells of a row that are right by themselves."""

    def __init__(self, row: Row, unsound: Iterable[str]) -> None:
        self._row = row
        self._unsound = frozenset(unsound)

    def __getitem__(self, name: str) -> float | str:
        if name in self._unsound:
            raise _UnsoundCell(name)
        return self._row[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._row if name not in self._unsound)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a campaign.

    Parameters
    ----------
    name : str
        Name of the table and, with ``.csv``, of its file.
    row : str
        What one row is.
    columns : tuple of Column
        Its own columns; `TEXT_COLUMNS` are accepted besides.
    key : tuple of str
        Columns that together may not repeat; empty where rows may.
    label : tuple of str
        Columns that name a row to a reader.
    again : str
        A sentence for who repeats a key: how such rows are entered.
    checks : tuple of callable
        Each is called with a row in canonical units and yields ``(column, message)``. A check that
        asks for a cell which is wrong by itself is left out, so what is independent of each other
        stands in functions of its own.
    tally : callable, optional
        Called with the table's Dataset; returns phrases such as ``"3 of 8 cells survived"``.
    clock : str
        Column of the time of the event under a constant current, blank where none came by
        ``stop_time``; empty where there is none.
    observed : bool
        Whether the rows enter a likelihood (separators only describe).
    row_unit : callable, optional
        Canonical unit of a row's `ROW_UNIT` columns; None where the row names no legal quantity.
    row_doubts : callable, optional
        Called with a legal row; yields a column and what makes its number doubtful, beyond what its
        column alone shows.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    label: tuple[str, ...]
    again: str = ""
    checks: tuple[Check, ...] = ()
    tally: "Callable[[xr.Dataset], Sequence[str]] | None" = None
    clock: str = ""
    observed: bool = True
    row_unit: Callable[[Mapping[str, str]], str | None] | None = None
    row_doubts: Callable[[Row], Iterable[tuple[str, str]]] | None = None

    def __post_init__(self) -> None:
        """Refuse a column of the table's own name, which is that of the dimension of its rows."""
        if self.name in self.fields:
            raise ValueError(f"{self.file}: a column is called {self.name}, as the table is")

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.name}.csv"

    @cached_property
    def fields(self) -> dict[str, Column]:
        """Every concrete column by name, in the order of the file, text columns last."""
        own = [part for column in self.columns for part in column.parts]
        return {column.name: column for column in (*own, *TEXT_COLUMNS)}

    @cached_property
    def errors(self) -> dict[str, str]:
        """Columns of standard deviations, and the columns of their values."""
        return {f"{column.name}_sd": column.name for column in self.columns if column.sd}

    @cached_property
    def blank_row(self) -> dict[str, float | str]:
        """What every column holds where nothing is written."""
        return {name: column.blank_cell for name, column in self.fields.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Columns that a file cannot do without."""
        return tuple(c.name for c in self.columns if c.blank is None and not c.interval)

    @cached_property
    def measured(self) -> tuple[Column, ...]:
        """Columns whose value may be an interval."""
        return tuple(column for column in self.columns if column.interval)

    def row_label(self, row: Row) -> str:
        """Return what a reader calls a row.

        Parameters
        ----------
        row : mapping
            One row.

        Returns
        -------
        str
            Such as ``"cell-3, 2"``.
        """
        parts = []
        for name in self.label:
            value = row[name]
            if isinstance(value, str):
                parts.append(value)
            elif not math.isnan(value):
                unit = self.fields[name].unit
                parts.append(show_number(value) + ("" if unit in (None, "1") else f" {unit}"))
        return ", ".join(part for part in parts if part)

    def doubts(self, row: Mapping[str, float | str]) -> Iterator[tuple[Column, str]]:
        """Yield the numbers of a row that are legal, and far from what such tests have.

        Parameters
        ----------
        row : mapping
            Cells in canonical units; what is missing is blank.

        Yields
        ------
        column : Column
            Where.
        message : str
            What.
        """
        for name, value in row.items():
            column = self.fields.get(name)
            if column is None or isinstance(value, str):
                continue
            message = column.doubt(value)
            if name in self.errors and not isinstance(exact := row.get(self.errors[name], ""), str):
                message = message or error_doubt(value, exact)
            if message is not None:
                yield column, message
        for name, message in self.row_doubts(row) if self.row_doubts else ():
            yield self.fields[name], message

    def complaints(self, row: Row, unsound: Iterable[str] = ()) -> Iterable[Complaint]:
        """Yield what is wrong between the cells of a row.

        Parameters
        ----------
        row : mapping
            One row in canonical units.
        unsound : iterable of str
            Columns whose cell is wrong by itself; what depends on them is not checked.

        Yields
        ------
        column : str or None
            Where.
        message : str
            What.
        """
        cells = _SoundCells(row, unsound)
        for column in self.columns:
            if column.sd:
                with suppress(_UnsoundCell):
                    yield from _sd_complaints(column, cells)
            if column.interval:
                with suppress(_UnsoundCell):
                    yield from _interval_complaints(column, cells)
        for check in self.checks:
            with suppress(_UnsoundCell):
                yield from check(cells)


def _sd_complaints(column: Column, row: Row) -> Iterable[Complaint]:
    name = column.name
    if not given(row, f"{name}_sd"):
        return
    if not given(row, name):
        yield f"{name}_sd", f"is given without {name}: fill {name} too, or leave it blank"
    elif message := error_complaint(float(row[f"{name}_sd"]), float(row[name])):
        yield f"{name}_sd", message


def _interval_complaints(column: Column, row: Row) -> Iterable[Complaint]:
    name, lower, upper = column.name, f"{column.name}_lower", f"{column.name}_upper"
    exact, bounded = given(row, name), given(row, lower) or given(row, upper)
    if exact and bounded:
        yield name, f"is given exactly and as an interval: keep {name}, or {lower} and {upper}"
    elif not exact and not bounded and column.blank is None:
        yield name, f"is blank: fill it, or give an interval in {lower} and {upper}"
    elif given(row, lower, upper) and not apart(float(row[lower]), float(row[upper])):
        yield (
            lower,
            f"{show_number(float(row[lower]))} is not below {upper} "
            f"{show_number(float(row[upper]))} {column.unit}: the lower end comes first",
        )
