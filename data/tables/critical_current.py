"""Critical currents of separators: the bracket between a current survived and one that penetrated.

In a bracket from *different_cells* the ends belong to different cells and may overlap. In one from
*one_cell* the same cell survived the lower current and was penetrated at the upper one.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from data.columns import SEPARATOR, TEMPERATURE
from data.schema import Column, Complaint, Row, Table, given

if TYPE_CHECKING:
    import xarray as xr


def _check(row: Row) -> Iterable[Complaint]:
    ends = ("current_density_lower", "current_density_upper")
    if row["bracket_from"] == "one_cell":
        if not given(row, ends[0]) and not given(row, ends[1]):
            yield ends[0], "is blank and so is current_density_upper: give one end or both"
        elif given(row, *ends) and float(row[ends[0]]) >= float(row[ends[1]]):
            yield (
                ends[0],
                f"{row[ends[0]]:g} mA/cm^2 is not below current_density_upper {row[ends[1]]:g}: "
                "one cell fails above what it survives (only different_cells may overlap)",
            )
    else:
        for end in ends:
            if not given(row, end):
                yield end, "is blank: a bracket from different_cells has both ends"
    if given(row, "overpotential") and not given(row, "overpotential_current_density"):
        yield (
            "overpotential_current_density",
            "is blank: the overpotential needs the current density it was read at",
        )
    if given(row, "overpotential_current_density") and not given(row, "overpotential"):
        yield "overpotential_current_density", "is given without overpotential: leave it blank"


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    one_cell = rows["bracket_from"] == "one_cell"
    lower, upper = rows["current_density_lower"], rows["current_density_upper"]
    phrases = [
        f"{int(one_cell.sum())} brackets from one cell, {int((~one_cell).sum())} from several"
    ]
    if open_ends := int(lower.isnull().sum() + upper.isnull().sum()):
        phrases.append(f"{open_ends} one-sided")
    if overlapping := int((lower > upper).sum()):
        phrases.append(f"{overlapping} with overlapping ends")
    if overpotentials := int(rows["overpotential"].notnull().sum()):
        phrases.append(f"{overpotentials} with the overpotential at penetration")
    return phrases


TABLE = Table(
    name="critical_current",
    row="one separator's bracket",
    label=("separator",),
    key=("separator", "temperature"),
    check=_check,
    tally=_tally,
    columns=(
        SEPARATOR,
        TEMPERATURE,
        Column(
            name="current_density_lower",
            long_name="highest current density survived",
            unit="mA/cm^2",
            support="positive",
            blank="no lower end (one_cell only)",
        ),
        Column(
            name="current_density_upper",
            long_name="lowest current density that penetrated",
            unit="mA/cm^2",
            support="positive",
            blank="no upper end (one_cell only)",
        ),
        Column(
            name="bracket_from",
            long_name="whether one cell gave both ends",
            choices=("different_cells", "one_cell"),
            blank="different_cells",
            default="different_cells",
        ),
        Column(
            name="overpotential",
            long_name="overpotential at penetration",
            unit="mV",
            support="positive",
            high=10_000,
            slip=" (is the header's unit right, mV or V?)",
            blank="not measured",
            sd=True,
        ),
        Column(
            name="overpotential_current_density",
            long_name="current density at which the overpotential was read",
            unit="mA/cm^2",
            support="positive",
            blank="no overpotential",
        ),
    ),
)
