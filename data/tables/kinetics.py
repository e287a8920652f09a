"""Kinetics: points of a Tafel curve, deposition positive."""

from collections.abc import Iterable

from data.columns import CELL, CURRENT_DENSITY, TEMPERATURE
from data.schema import Column, Complaint, Row
from data.table import Table


def _check(row: Row) -> Iterable[Complaint]:
    if float(row["overpotential"]) * float(row["current_density"]) < 0:
        yield (
            "current_density",
            f"{row['current_density']:g} mA/cm^2 and overpotential {row['overpotential']:g} mV "
            "differ in sign: both are positive for deposition and negative for dissolution",
        )


TABLE = Table(
    name="kinetics",
    row="a point of a Tafel curve",
    label=("cell", "overpotential"),
    checks=(_check,),
    columns=(
        CELL,
        TEMPERATURE,
        Column(
            name="overpotential",
            long_name="overpotential, positive for deposition",
            unit="mV",
            support="nonzero",
            low=-1000,
            high=1000,
            least=1e-6,
            slip=" (is the header's unit right, mV or V?)",
            usual=(0.05, 1000.0),
            sd=True,
        ),
        Column(
            name="current_density",
            long_name="current density of wetted area, positive for deposition",
            unit="mA/cm^2",
            support="nonzero",
            low=-CURRENT_DENSITY.high,
            high=CURRENT_DENSITY.high,
            least=CURRENT_DENSITY.low,
            usual=(1e-4, 2000.0),
        ),
    ),
)
