"""Critical currents of separators: the bracket between a current survived and one that penetrated.

In a bracket from *different_cells* the ends belong to different cells and may overlap. In one from
*one_cell* the same cell survived the lower current and was penetrated at the upper one: of several
cells, each stepped up in current, each has a row and is named in the column cell. Where only the
range of the penetrating steps is known, a row holds the lowest and the highest of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data.columns import AREA, CELL, CURRENT_DENSITY, LAB, SEPARATOR, TEMPERATURE
from data.ranges import (
    ENDS,
    OF_ONE_CELL,
    RANGE,
    begins_range,
    is_range,
    range_checks,
    range_phrase,
    range_rows,
)
from data.schema import Column, Complaint, Row, apart, given
from data.table import RowCheck, Table

if TYPE_CHECKING:
    import xarray as xr


def _check_ends(row: Row) -> Iterable[Complaint]:
    lower, upper = ENDS
    if row["bracket_from"] == "one_cell" and not is_range(row):
        if not given(row, lower) and not given(row, upper):
            if begins_range(row):  # its own check says what is missing
                return
            yield lower, "is blank and so is current_density_upper: give one end or both"
        elif given(row, lower, upper) and not apart(float(row[lower]), float(row[upper])):
            yield (
                lower,
                f"{row[lower]:g} mA/cm^2 is not below current_density_upper {row[upper]:g}: "
                "one cell fails above what it survives (only different_cells may overlap)",
            )


def _check_both(end: str) -> RowCheck:
    """Return the check that a bracket from different cells has an end."""

    def check(row: Row) -> Iterable[Complaint]:
        bracket = row["bracket_from"] != "one_cell" and not begins_range(row)
        if bracket and not given(row, end):
            yield end, "is blank: a bracket from different_cells has both ends"

    return check


def _check_cell(row: Row) -> Iterable[Complaint]:
    if row["cell"] and row["bracket_from"] != "one_cell":
        yield (
            "cell",
            f"{row['cell']!r} names one cell, and the ends of this row belong to several: write "
            "one_cell under bracket_from, or leave the cell blank",
        )


def _check_range(row: Row) -> Iterable[Complaint]:
    if row["bracket_from"] == "one_cell" and is_range(row):
        yield "bracket_from", "'one_cell' is not legal in a range over cells: leave it blank"


def _check_overpotential(row: Row) -> Iterable[Complaint]:
    if given(row, "overpotential") and not given(row, "overpotential_current_density"):
        yield (
            "overpotential_current_density",
            "is blank: the overpotential needs the current density it was read at",
        )
    if given(row, "overpotential_current_density") and not given(row, "overpotential"):
        yield "overpotential_current_density", "is given without overpotential: leave it blank"


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    every, ranges = rows, range_rows(rows)
    rows = rows.isel(critical_current=~ranges)
    one_cell = rows["bracket_from"] == "one_cell"
    lower, upper = rows["current_density_lower"], rows["current_density_upper"]
    phrases = [
        f"{int(one_cell.sum())} brackets from one cell, {int((~one_cell).sum())} from several"
    ]
    if ranges.any():
        phrases.append(range_phrase(every))
    if open_ends := int(lower.isnull().sum() + upper.isnull().sum()):
        phrases.append(f"{open_ends} one-sided")
    if overlapping := int((lower > upper).sum()):
        phrases.append(f"{overlapping} with overlapping ends")
    if overpotentials := int(every["overpotential"].notnull().sum()):
        phrases.append(f"{overpotentials} with the overpotential at penetration")
    return phrases


TABLE = Table(
    name="critical_current",
    row="one separator's bracket",
    label=("separator", "cell", "lab"),
    key=("separator", "cell", "temperature", "lab"),
    again="Several cells of one separator, each with bracket_from one_cell, are named under cell.",
    checks=(
        _check_ends,
        _check_cell,
        *(_check_both(end) for end in ENDS),
        _check_range,
        *range_checks(),
        _check_overpotential,
    ),
    tally=_tally,
    columns=(
        SEPARATOR,
        TEMPERATURE,
        replace(
            CURRENT_DENSITY,
            name="current_density_lower",
            long_name="highest current density survived",
            blank="no lower end (one_cell only), or a range over cells",
            no_interval=OF_ONE_CELL,
        ),
        replace(
            CURRENT_DENSITY,
            name="current_density_upper",
            long_name="lowest current density that penetrated",
            blank="no upper end (one_cell only), or a range over cells",
            no_interval=OF_ONE_CELL,
        ),
        *RANGE,
        Column(
            name="bracket_from",
            long_name="whether one cell gave both ends",
            choices=("different_cells", "one_cell"),
            blank="different_cells",
            default="different_cells",
        ),
        replace(CELL, blank="not named; one cell of this separator, or several"),
        Column(
            name="overpotential",
            long_name="overpotential at penetration",
            unit="mV",
            support="positive",
            low=1e-6,
            high=10_000,
            slip=" (is the header's unit right, mV or V?)",
            usual=(0.1, 5000.0),
            blank="not measured",
            sd=True,
        ),
        replace(
            CURRENT_DENSITY,
            name="overpotential_current_density",
            long_name="current density at which the overpotential was read",
            blank="no overpotential",
        ),
        AREA,
        LAB,
    ),
)
