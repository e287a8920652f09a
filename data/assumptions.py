"""The numbers of a campaign that no source states."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.ranges import range_rows, without_number
from data.schema import ROW_UNIT
from data.table import Table
from data.table_reader import ReadRow
from data.tables import tables as all_tables

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Assumption", "assumptions_of"]


@dataclass(frozen=True)
class Assumption:
    """One number that no source states.

    Parameters
    ----------
    table : str
        Table of the row.
    row : str
        What the row is called.
    column : str
        Column of the number.
    value : float or str
        The number [unit]; in words where a blank stands for several.
    unit : str
        Its unit.
    note : str
        The row's note.
    source : str
        The row's source.
    """

    table: str
    row: str
    column: str
    value: float | str
    unit: str
    note: str
    source: str

    @property
    def equation(self) -> str:
        """What is assumed, such as ``"step_height = 1 mA/cm^2"``."""
        value = self.value if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.column} = {value}" + ("" if self.unit == "1" else f" {self.unit}")

    def __str__(self) -> str:
        """Return the assumption on one line, without its note."""
        return f"{self.table}, {self.row}: {self.equation}"


def assumptions_of(tables: "Mapping[str, xr.Dataset]") -> Iterator[Assumption]:
    """Find every assumed number.

    Parameters
    ----------
    tables : mapping of str to Dataset
        Rows by table, as a campaign has them.

    Yields
    ------
    Assumption
        In the order of the tables and of their rows.
    """
    for name, dataset in tables.items():
        for position in np.flatnonzero(_assuming(dataset)):  # hardly any row of most campaigns
            yield from _of_row(all_tables()[name], dataset.isel({name: position}))


def _assuming(dataset: "xr.Dataset") -> "NDArray[np.bool_]":
    """Return which rows of a table assume a number."""
    named = dataset["assumed"].values.astype(bool)
    if "cells" not in dataset:
        return named
    return named | (range_rows(dataset) & np.isnan(dataset["cells"].values))


def _of_row(table: Table, row: "xr.Dataset") -> Iterator[Assumption]:
    cells = {str(name): row[name].item() for name in row if name != "line"}
    assumed: dict[str, float | str] = {n: float(cells[n]) for n in ReadRow(0, cells).assumed}
    if span := without_number(cells):
        assumed["cells"] = f"{span} (not stated)"
    for name, value in assumed.items():
        unit = table.fields[name].unit or ""
        yield Assumption(
            table=table.name,
            row=table.row_label(cells),
            column=name,
            value=value,
            unit=str(cells["unit"]) if unit == ROW_UNIT else unit,
            note=str(cells["note"]),
            source=str(cells["source"]),
        )
