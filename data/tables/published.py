"""Published estimates: numbers that others derived, with the error they or we assume.

An estimate is a value, or a statement with one or two bounds. Every row has an error: `sd` in the
row's unit, or `relative_sd`, the standard deviation of the logarithm. On a bound it says how soft
the bound is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from data.columns import SEPARATOR, TEMPERATURE
from data.quantities import quantities
from data.schema import ROW_UNIT, Column, Complaint, Row, apart, error_complaint, error_doubt, given
from data.table import RowCheck, Table

if TYPE_CHECKING:
    import xarray as xr

_LEGAL = tuple(name for name, entry in quantities().items() if entry.published)
_CONDITIONS = ("separator", "temperature", "pressure", "metal_thickness", "protocol")


def _row_unit(cells: Mapping[str, str]) -> str | None:
    name = cells["quantity"]
    return quantities()[name].unit if name in _LEGAL else None


def _check_estimate(row: Row) -> Iterable[Complaint]:
    bounds = [end for end in ("lower", "upper") if given(row, end)]
    if given(row, "value") and bounds:
        yield "value", f"is given and so is {bounds[0]}: an estimate is a value or has bounds"
    if not given(row, "value") and not bounds:
        yield "value", "is blank and so are lower and upper: fill value, or one bound or both"


def _check_order(row: Row) -> Iterable[Complaint]:
    if given(row, "lower", "upper") and not apart(float(row["lower"]), float(row["upper"])):
        unit = quantities()[str(row["quantity"])].unit
        yield "lower", f"{row['lower']:g} is not below upper {row['upper']:g} {unit}"


def _check_legal(name: str) -> RowCheck:
    """Return the check that a number is legal for its row's quantity."""

    def check(row: Row) -> Iterable[Complaint]:
        estimated = quantities()[str(row["quantity"])]
        if given(row, name) and (complaint := estimated.complaint(float(row[name]))):
            yield name, complaint

    return check


def _check_error(row: Row) -> Iterable[Complaint]:
    if given(row, "sd") and given(row, "relative_sd"):
        yield "sd", "is given and so is relative_sd: keep one"
    if not given(row, "sd") and not given(row, "relative_sd"):
        yield (
            "sd",
            "is blank and so is relative_sd: no number is known exactly, and a hard edge is not an "
            "observation; state one, and mark it in assumed",
        )


def _check_sd(row: Row) -> Iterable[Complaint]:
    """Hold the error of an estimate, or how soft its bounds are, against it."""
    for name in ("value", "lower", "upper"):
        if given(row, "sd", name) and (
            message := error_complaint(float(row["sd"]), float(row[name]))
        ):
            yield "sd", message
            return


def _doubts(row: Row) -> Iterable[tuple[str, str]]:
    estimated = quantities()[str(row["quantity"])]
    for name in ("value", "lower", "upper"):
        if given(row, name):
            if doubt := estimated.doubt(float(row[name])):
                yield name, doubt
            if given(row, "sd") and (doubt := error_doubt(float(row["sd"]), float(row[name]))):
                yield "sd", doubt


def _check_condition(name: str) -> RowCheck:
    """Return the check that a condition is given where the row's quantity depends on it."""

    def check(row: Row) -> Iterable[Complaint]:
        estimated = quantities()[str(row["quantity"])]
        if name in estimated.conditions and not given(row, name):
            yield name, f"is blank: {estimated.name} depends on it"
        if name not in estimated.conditions and given(row, name):
            yield name, f"is given, but {estimated.name} takes no such condition: leave it blank"

    return check


def _tally(rows: "xr.Dataset") -> Sequence[str]:
    values = int(rows["value"].count())
    lower, upper = rows["lower"].notnull(), rows["upper"].notnull()
    phrases = [f"{values} values"]
    if between := int((lower & upper).sum()):
        phrases.append(f"{between} between two bounds")
    if one_sided := int((lower ^ upper).sum()):
        phrases.append(f"{one_sided} one-sided")
    return phrases


TABLE = Table(
    name="published",
    row="a published estimate",
    label=("quantity", *_CONDITIONS),
    key=("quantity", *_CONDITIONS, "source"),
    checks=(
        _check_estimate,
        _check_order,
        *(_check_legal(name) for name in ("value", "lower", "upper")),
        _check_error,
        _check_sd,
        *(_check_condition(name) for name in _CONDITIONS),
    ),
    tally=_tally,
    row_unit=_row_unit,
    row_doubts=_doubts,
    columns=(
        Column(name="quantity", long_name="quantity estimated", choices=_LEGAL),
        Column(
            name="value",
            long_name="estimate",
            unit=ROW_UNIT,
            blank="a statement with bounds",
            no_interval="write its ends in lower and upper, a bound in one of them",
        ),
        Column(
            name="sd",
            long_name="standard deviation of the estimate or of its bounds",
            unit=ROW_UNIT,
            support="positive",
            blank="relative_sd is given",
        ),
        Column(
            name="relative_sd",
            long_name="standard deviation of the logarithm of the estimate or of its bounds",
            unit="1",
            support="positive",
            low=1e-6,
            high=10,
            usual=(1e-4, 3.0),
            slip=" (a percentage? head the column 'relative_sd [%]')",
            blank="sd is given",
        ),
        Column(name="lower", long_name="lower bound", unit=ROW_UNIT, blank="no lower bound"),
        Column(name="upper", long_name="upper bound", unit=ROW_UNIT, blank="no upper bound"),
        Column(name="unit", long_name="unit of value, sd, lower and upper"),
        Column(
            name="separator",
            long_name=SEPARATOR.long_name,
            blank="the quantity is of no one separator",
        ),
        Column(
            name="temperature",
            long_name=TEMPERATURE.long_name,
            unit=TEMPERATURE.unit,
            low=TEMPERATURE.low,
            high=TEMPERATURE.high,
            slip=TEMPERATURE.slip,
            blank="the quantity has no temperature",
        ),
        Column(
            name="pressure",
            long_name="stack pressure",
            unit="MPa",
            support="positive",
            low=1e-9,
            high=1000,
            usual=(1e-3, 300.0),
            slip=" (is the header's unit right, MPa or kPa?)",
            blank="the quantity has no pressure",
        ),
        Column(
            name="metal_thickness",
            long_name="thickness of the metal",
            unit="um",
            support="positive",
            low=0.01,
            high=1e5,
            usual=(1.0, 2e4),
            slip=" (is the header's unit right, um or mm?)",
            blank="the quantity has no thickness",
        ),
        Column(
            name="protocol",
            long_name="protocol of the polarisation",
            choices=("one_way", "step"),
            blank="the quantity has no protocol",
        ),
    ),
)
