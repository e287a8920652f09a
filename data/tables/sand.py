"""Sand's times: transients under constant current until the electrolyte is depleted."""

from collections.abc import Iterable
from dataclasses import replace

from data.checks import event_before_stop
from data.columns import CELL, CONCENTRATION, CURRENT_DENSITY, SEPARATOR, TEMPERATURE
from data.schema import Column, Complaint, Row, Table


def _check(row: Row) -> Iterable[Complaint]:
    return event_before_stop(row, "sand_time")


TABLE = Table(
    name="sand",
    row="one transient",
    label=("cell",),
    key=("cell",),
    check=_check,
    columns=(
        CELL,
        replace(SEPARATOR, blank="free electrolyte; else the stack fills the distance"),
        Column(
            name="electrode_distance",
            long_name="distance between the electrodes",
            unit="mm",
            support="positive",
            low=1e-4,
            high=1000,
            slip=" (is the header's unit right, mm or um?)",
        ),
        CONCENTRATION,
        TEMPERATURE,
        CURRENT_DENSITY,
        Column(
            name="sand_time",
            long_name="time of depletion",
            unit="s",
            support="positive",
            blank="no depletion by stop_time",
            sd=True,
            interval=True,
        ),
        Column(
            name="stop_time",
            long_name="planned end of the test",
            unit="s",
            support="positive",
        ),
    ),
)
