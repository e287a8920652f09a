"""A table: its columns and keys, and the checks of a row.

A table is one `Table` in one module of `data.tables`. Everything else (reading, checking, writing,
templates, documentation) follows from it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from data.schema import (
    Column,
    Complaint,
    Row,
    apart,
    error_complaint,
    error_doubt,
    given,
    show_number,
)

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["TEXT_COLUMNS", "RowCheck", "Table"]

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


type RowCheck = Callable[[Row], Iterable[Complaint]]
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
    checks: tuple[RowCheck, ...] = ()
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
