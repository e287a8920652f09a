"""Sand's times: transients under constant current until the electrolyte is depleted."""

from dataclasses import replace

from data.checks import events_before_stop
from data.columns import CELL, CONCENTRATION, CURRENT_DENSITY, LAB, SEPARATOR, TEMPERATURE, TIME
from data.schema import Column
from data.table import Table

TABLE = Table(
    name="sand",
    row="one transient",
    label=("cell",),
    clock="sand_time",
    key=("cell",),
    checks=events_before_stop("sand_time"),
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
            usual=(5e-3, 100.0),
        ),
        CONCENTRATION,
        TEMPERATURE,
        CURRENT_DENSITY,
        replace(
            TIME,
            name="sand_time",
            long_name="time of depletion",
            blank="no depletion by stop_time",
            sd=True,
            interval=True,
        ),
        replace(
            TIME,
            name="stop_time",
            long_name="planned end of the test",
        ),
        LAB,
    ),
)
