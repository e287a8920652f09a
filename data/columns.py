"""Columns that several tables share, so that one quantity has one name, unit and range."""

from data.schema import Column

__all__ = ["CELL", "CONCENTRATION", "CURRENT_DENSITY", "SEPARATOR", "TEMPERATURE"]

CELL = Column(name="cell", long_name="cell")

SEPARATOR = Column(name="separator", long_name="separator, as separators.csv names it")

TEMPERATURE = Column(
    name="temperature",
    long_name="temperature",
    unit="degC",
    low=-73.15,
    high=226.85,
    slip=" (200 to 500 K; is the header's unit right, degC or K?)",
)

CONCENTRATION = Column(
    name="concentration",
    long_name="salt concentration",
    unit="mol/L",
    support="positive",
    low=1e-6,
    high=50,
    slip=" (is the header's unit right, mol/L or mol/m^3?)",
)

CURRENT_DENSITY = Column(
    name="current_density", long_name="current density", unit="mA/cm^2", support="positive"
)
