"""Columns that several tables share, so that one quantity has one name, unit and range."""

from data.schema import Column

__all__ = ["AREA", "CELL", "CONCENTRATION", "CURRENT_DENSITY", "LAB", "SEPARATOR", "TEMPERATURE"]

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

LAB = Column(
    name="lab", long_name="laboratory that made the test", blank="not stated; one more laboratory"
)

AREA = Column(
    name="area",
    long_name="electrode area",
    unit="cm^2",
    support="positive",
    low=1e-6,
    high=1e6,
    slip=" (is the header's unit right, cm^2 or mm^2?)",
    blank="the reference area",
)

CURRENT_DENSITY = Column(
    name="current_density", long_name="current density", unit="mA/cm^2", support="positive"
)
