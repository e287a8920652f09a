"""DC polarisation of metal on a ceramic electrolyte: when, or at which current, voids polarise it.

A *one_way* row is a test at one current until the potential runs away. A *step* row is a cell
stepped up in current, each step of one length: it survived the lower current and failed at the
upper one. Where of several stepped cells only the range of the failing steps is known, a *step* row
holds the lowest and the highest of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data.checks import events_before_stop
from data.columns import CELL, CURRENT_DENSITY, LAB, TEMPERATURE, TIME
from data.ranges import (
    OF_ONE_CELL,
    RANGE,
    RANGE_COLUMNS,
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

_ONE_WAY = (
    "current_density",
    "transition_time",
    "transition_time_sd",
    "transition_time_lower",
    "transition_time_upper",
    "stop_time",
)
_STEP = ("current_density_lower", "current_density_upper", "step_time", *RANGE_COLUMNS)
# Ceramics fail between 0.5 and 15 mA/cm^2 (Tsai 2020, J. Power Sources 476, 228666), with room.
_USUAL = (0.02, 50.0)
_DUE = ("current_density", "stop_time", "step_time")


def _check_protocol(name: str) -> RowCheck:
    """Return the check that a cell belongs to its row's protocol, and is there where it is due."""
    own = "step" if name in _STEP else "one_way"

    def check(row: Row) -> Iterable[Complaint]:
        if row["protocol"] != own and given(row, name):
            yield name, f"belongs to {own} rows: leave it blank in a {row['protocol']} row"
        if row["protocol"] == own and name in _DUE and not given(row, name):
            yield name, f"is blank: a {own} row needs it"

    return check


def _of_steps(check: RowCheck) -> RowCheck:
    """Return the check for step rows alone: in others its columns are not legal at all."""

    def of_steps(row: Row) -> Iterable[Complaint]:
        if row["protocol"] == "step":
            yield from check(row)

    return of_steps


def _check_steps(row: Row) -> Iterable[Complaint]:
    if row["protocol"] == "step" and not is_range(row):
        lower, upper = _STEP[:2]
        if not given(row, lower) and not given(row, upper):
            if begins_range(row):  # its own check says what is missing
                return
            yield (
                lower,
                "is blank and so is current_density_upper: give one end or both, or the range "
                "over several cells in current_density_lowest and current_density_highest",
            )
        elif given(row, lower, upper) and not apart(float(row[lower]), float(row[upper])):
            yield (
                lower,
                f"{row[lower]:g} mA/cm^2 is not below current_density_upper {row[upper]:g}: "
                "the cell survives the lower step and fails at the upper one",
            )


def _check_thickness(row: Row) -> Iterable[Complaint]:
    if float(row["pressure"]) > 0 and not given(row, "electrode_thickness"):
        yield (
            "electrode_thickness",
            f"is blank at {row['pressure']:g} MPa: creep feeds in proportion to the metal's "
            "thickness (blank is legal at pressure 0 only)",
        )


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    phrases = []
    one_way = rows.isel(dc_polarization=(rows["protocol"] == "one_way").values)
    if count := one_way.sizes["dc_polarization"]:
        exact = int(one_way["transition_time"].count())
        lower, upper = one_way["transition_time_lower"], one_way["transition_time_upper"]
        bounded = int((lower.notnull() | upper.notnull()).sum())
        phrases.append(
            f"one_way: {exact} exact, {bounded} intervals, "
            f"{count - exact - bounded} without transition by stop_time (censored)"
        )
    ranges = range_rows(rows)
    step = rows.isel(dc_polarization=(rows["protocol"] == "step").values & ~ranges)
    if count := step.sizes["dc_polarization"]:
        none_failed = int(step["current_density_upper"].isnull().sum())
        at_first = int(step["current_density_lower"].isnull().sum())
        phrases.append(
            f"step: {count - none_failed - at_first} current intervals, "
            f"{none_failed} never failed, {at_first} failed at the first step"
        )
    if ranges.any():
        phrases.append(f"step: {range_phrase(rows)}")
    return phrases


TABLE = Table(
    name="dc_polarization",
    row="one cell's polarisation",
    label=("cell",),
    clock="transition_time",
    key=("cell",),
    again="Further tests of one cell are not of other cells: give the first, exclude the rest.",
    checks=(
        *(_check_protocol(name) for name in (*_ONE_WAY, *_STEP)),
        *events_before_stop("transition_time"),
        _check_steps,
        *(_of_steps(check) for check in range_checks()),
        _check_thickness,
    ),
    tally=_tally,
    columns=(
        CELL,
        Column(
            name="protocol",
            long_name="one current until the end, or a staircase of currents",
            choices=("one_way", "step"),
        ),
        TEMPERATURE,
        Column(
            name="pressure",
            long_name="stack pressure",
            unit="MPa",
            support="nonnegative",
            high=1000,
            least=1e-9,
            slip=" (is the header's unit right, MPa or kPa?)",
            usual=(1e-3, 300.0),
            sd=True,
        ),
        Column(
            name="electrode_thickness",
            long_name="thickness of the metal electrode",
            unit="um",
            support="positive",
            low=0.01,
            high=1e5,
            slip=" (is the header's unit right, um or mm?)",
            usual=(1.0, 2e4),
            blank="not stated (at pressure 0 only)",
        ),
        replace(CURRENT_DENSITY, blank="a step row", usual=_USUAL),
        replace(
            TIME,
            name="transition_time",
            long_name="time at which the potential runs away",
            blank="no transition by stop_time, or a step row",
            sd=True,
            interval=True,
        ),
        replace(
            TIME,
            name="stop_time",
            long_name="planned end of the test",
            blank="a step row",
        ),
        replace(
            CURRENT_DENSITY,
            name="current_density_lower",
            long_name="last current density survived",
            blank="failed at the first step, a range over cells, or a one_way row",
            no_interval=OF_ONE_CELL,
            usual=_USUAL,
        ),
        replace(
            CURRENT_DENSITY,
            name="current_density_upper",
            long_name="current density of the failed step",
            blank="none failed, a range over cells, or a one_way row",
            no_interval=OF_ONE_CELL,
            usual=_USUAL,
        ),
        *RANGE,
        replace(
            TIME,
            name="step_time",
            long_name="length of a step (a half-cycle)",
            blank="a one_way row",
        ),
        LAB,
    ),
)
