"""Morphology: imaged deposits, how much of the substrate they cover and how thick they are."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data.columns import CELL, CURRENT_DENSITY, TEMPERATURE, TIME
from data.schema import Column, Complaint, Row, given
from data.table import Table

if TYPE_CHECKING:
    import xarray as xr


def _check(row: Row) -> Iterable[Complaint]:
    if not given(row, "coverage") and not given(row, "thickness"):
        yield "coverage", "is blank and so is thickness: an imaged deposit has one of them or both"


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    coverage, thickness = int(rows["coverage"].count()), int(rows["thickness"].count())
    return [f"{coverage} coverages, {thickness} thicknesses"]


TABLE = Table(
    name="morphology",
    row="one imaged deposit",
    label=("cell",),
    key=("cell",),
    checks=(_check,),
    tally=_tally,
    columns=(
        CELL,
        TEMPERATURE,
        Column(
            name="pressure",
            long_name="stack pressure",
            unit="kPa",
            support="nonnegative",
            high=1e6,
            least=1e-6,
            slip=" (is the header's unit right, kPa or Pa?)",
            usual=(1.0, 3e5),
            sd=True,
        ),
        CURRENT_DENSITY,
        replace(
            TIME,
            name="plating_time",
            long_name="plating time",
            usual=(1.0, 3.2e7),
        ),
        Column(
            name="rest_time",
            long_name="rest under pressure after plating",
            unit="s",
            support="nonnegative",
            high=TIME.high,
            least=TIME.low,
            blank="0",
            default=0.0,
        ),
        Column(
            name="coverage",
            long_name="fraction of the substrate covered",
            unit="1",
            support="fraction",
            low=1e-6,
            high=1 - 1e-6,
            slip=" (a percentage? head the column 'coverage [%]')",
            usual=(1e-3, 0.999),
            blank="not measured",
            sd=True,
        ),
        Column(
            name="thickness",
            long_name="thickness of the deposit",
            unit="um",
            support="positive",
            low=1e-5,  # thinner than an atom
            high=1e5,
            slip=" (is the header's unit right, um or nm?)",
            usual=(0.01, 2000.0),
            blank="not measured",
            sd=True,
        ),
    ),
)
