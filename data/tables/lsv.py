"""Linear sweep voltammetry: limiting-current plateaus of a stack of separators."""

from collections.abc import Iterable

from data.columns import CELL, CONCENTRATION, SEPARATOR, TEMPERATURE
from data.schema import Column, Complaint, Row, given
from data.table import Table


def _check_reservoir(row: Row) -> Iterable[Complaint]:
    reservoir = float(row["reservoir_thickness"]) > 0
    if reservoir and not given(row, "reservoir_side"):
        yield (
            "reservoir_side",
            "is blank: a reservoir is on the depleting or on the supplying side",
        )
    if not reservoir and given(row, "reservoir_side"):
        yield (
            "reservoir_side",
            f"{row['reservoir_side']!r} is given, but reservoir_thickness is blank or 0: "
            "fill the thickness, or leave the side blank",
        )


TABLE = Table(
    name="lsv",
    row="a plateau",
    label=("cell", "plateau"),
    key=("cell", "plateau"),
    checks=(_check_reservoir,),
    columns=(
        CELL,
        SEPARATOR,
        Column(
            name="layers",
            long_name="number of separators in the stack",
            unit="1",
            support="integer",
            high=1000,
        ),
        Column(
            name="reservoir_thickness",
            long_name="thickness of the open electrolyte beside the stack",
            unit="um",
            support="nonnegative",
            high=1e5,
            least=1e-3,
            slip=" (is the header's unit right, um or mm?)",
            usual=(1.0, 2e4),
            blank="no reservoir",
            default=0.0,
        ),
        Column(
            name="reservoir_side",
            long_name="electrode the reservoir lies at",
            choices=("depleting", "supplying"),
            blank="no reservoir",
        ),
        CONCENTRATION,
        TEMPERATURE,
        Column(
            name="scan_rate",
            long_name="scan rate",
            unit="mV/s",
            support="positive",
            low=1e-6,
            high=1e7,  # of fast-scan voltammetry
            usual=(1e-3, 1000.0),
            blank="not stated",
        ),
        Column(
            name="plateau",
            long_name="first or second plateau",
            unit="1",
            support="integer",
            high=2,
            blank="1",
            default=1.0,
        ),
        Column(
            name="area",
            long_name="electrode area",
            unit="cm^2",
            support="positive",
            low=1e-6,
            high=1e4,
            slip=" (is the header's unit right, cm^2 or mm^2?)",
            usual=(1e-3, 1e3),
            sd=True,
        ),
        Column(
            name="plateau_current",
            long_name="current of the plateau",
            unit="mA",
            support="positive",
            low=1e-9,
            high=1e6,
            usual=(1e-3, 2000.0),
            sd=True,
            interval=True,
        ),
    ),
)
