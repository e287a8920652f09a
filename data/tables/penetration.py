"""Penetration tests of cells: metal has grown through a separator at a current, or has not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from data.columns import AREA, CAPACITY, CELL, CURRENT_DENSITY, LAB, SEPARATOR, TEMPERATURE
from data.schema import Column
from data.table import Table

if TYPE_CHECKING:
    import xarray as xr


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    penetrated = int((rows["outcome"] == "penetrated").sum())
    total = rows.sizes["penetration"]
    return [f"{penetrated} penetrated (threshold below the current), {total - penetrated} survived"]


TABLE = Table(
    name="penetration",
    row="one cell's test",
    label=("cell",),
    key=("cell",),
    again=(
        "A cell stepped up in current is one row of critical_current.csv: bracket_from one_cell, "
        "the last current survived and the one that penetrated. Its steps are no cells of their "
        "own."
    ),
    tally=_tally,
    columns=(
        CELL,
        SEPARATOR,
        TEMPERATURE,
        CURRENT_DENSITY,
        Column(
            name="outcome",
            long_name="whether metal penetrated the separator",
            choices=("penetrated", "survived"),
        ),
        CAPACITY,
        AREA,
        LAB,
    ),
)
