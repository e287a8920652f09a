"""Columns that several tables share, so that one quantity has one name, unit and range."""

from data.schema import Column

__all__ = [
    "AREA",
    "CAPACITY",
    "CELL",
    "CONCENTRATION",
    "CURRENT_DENSITY",
    "LAB",
    "SEPARATOR",
    "TEMPERATURE",
    "TIME",
]

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
    # From dilute model electrolytes of some 10 mmol/L to the most concentrated ones; 1 mol/m^3, as
    # where 1 mol/L was meant, is below.
    usual=(0.01, 10.0),
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
    usual=(1e-3, 1e3),
)

CURRENT_DENSITY = Column(
    name="current_density",
    long_name="current density",
    unit="mA/cm^2",
    support="positive",
    # From a picoampere over a square centimetre, which no potentiostat holds, to a kiloampere, at
    # which any electrode boils.
    low=1e-9,
    high=1e6,
    # Limits of liquid cells reach some 100 mA/cm^2 (one trilayer separator, doi
    # 10.1002/aenm.202102967), plating is studied from some 0.5 mA/cm^2 on: with room at both ends.
    usual=(0.02, 200.0),
)

TIME = Column(
    name="time",
    long_name="time",
    unit="s",
    support="positive",
    # From a microsecond, in which a double layer is charged, to three centuries.
    low=1e-6,
    high=1e10,
    # From the fastest Sand's times of some seconds to a year of polarisation.
    usual=(0.1, 3.2e7),
)

CAPACITY = Column(
    name="capacity",
    long_name="charge passed",
    unit="mAh/cm^2",
    support="positive",
    # From less than a layer of atoms to a metre of metal.
    low=1e-6,
    high=1e5,
    blank="not stated",
    # From some nanometres of metal to 1 mm of lithium or 1.8 mm of sodium, as thick as electrodes
    # of such cells are.
    usual=(1e-3, 200.0),
)
