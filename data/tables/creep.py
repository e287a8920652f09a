"""Creep: mechanical tests of the metal."""

from data.columns import TEMPERATURE
from data.schema import Column
from data.table import Table

TABLE = Table(
    name="creep",
    row="one mechanical test",
    label=("specimen", "strain_rate"),
    columns=(
        Column(name="specimen", long_name="specimen"),
        TEMPERATURE,
        Column(
            name="strain_rate",
            long_name="strain rate",
            unit="1/s",
            support="positive",
            low=1e-15,  # the age of the solar system for a tenth of a percent
            high=1e4,
            usual=(1e-9, 10.0),
        ),
        Column(
            name="stress",
            long_name="flow stress",
            unit="MPa",
            support="positive",
            low=1e-9,
            high=1000,
            slip=" (is the header's unit right, MPa or kPa?)",
            usual=(1e-3, 100.0),
        ),
    ),
)
