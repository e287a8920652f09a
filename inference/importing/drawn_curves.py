"""Curves about the values that rows state: what a test of each kind looks like.

Sweeps and Sand's transients are computed by the transient cell, with the diffusivity at which that
cell shows the row's plateau or time. The other shapes are analytic: a penetration is a sudden drop
to a tenth of the voltage, a staircase fails by such a drop within its last step, and the voltage of
a one-way test settles and then runs away, with the inflexion at the transition.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from data.arrays import Array
from data.schema import Row
from data.units import to_si
from inference.importing.swept_cells import TRANSFERENCE, macmullin_of, swept_cell

__all__ = ["DRAWERS", "area_of", "number_in"]


type Curve = tuple[Array, Array, Array]

_ROWS: Final = 1500
_AREA: Final = 1.0  # cm^2, of rows that state none
_RESISTANCE: Final = 15.0  # ohm cm^2, of a cell that metal has not penetrated
_CERAMIC_RESISTANCE: Final = 200.0  # ohm cm^2
_CONTACT: Final = 0.4  # of the voltage, settling before voids open
_SETTLING, _RUNAWAY = 0.3, 0.1  # of the transition time

_SHORTED: Final = 0.1  # of the voltage
_AFTER: Final = 60.0  # s recorded after an event, at least
_SCAN_RATE: Final = 1.0  # mV/s, of rows that state none


def number_in(row: Row, name: str) -> float:
    """Return a number of a row; NaN where it states none."""
    value = row.get(name, math.nan)
    return math.nan if isinstance(value, str) else float(value)


def area_of(row: Row) -> float:
    """Return the area of the cell of a row [cm^2]."""
    area = number_in(row, "area")
    return area if math.isfinite(area) else _AREA


def _value(row: Row, column: str, random: np.random.Generator) -> float:
    """Return the value that a curve shows; inside the interval where the row has one."""
    exact, low, high = (number_in(row, f"{column}{end}") for end in ("", "_lower", "_upper"))
    if math.isfinite(exact):
        return exact
    if math.isfinite(low) and math.isfinite(high):
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return 0.8 * high if math.isfinite(high) else math.inf


def _drop(time: Array, at: float) -> Array:
    """Return the factor of a sudden drop at a time."""
    return np.where(time > at, _SHORTED, 1.0)


def _penetration(
    rows: list[Row], _separators: dict[str, Row], random: np.random.Generator
) -> Curve:
    """Draw a test to its capacity: at its end the voltage drops, or the test is over."""
    row = rows[0]
    density = float(row["current_density"]) * 1e-3
    capacity = number_in(row, "capacity")
    planned = (capacity if math.isfinite(capacity) else 1.0) * 3.6 / density
    penetrated = row["outcome"] == "penetrated"
    end = planned + max(_AFTER, 0.05 * planned) if penetrated else planned
    time = np.linspace(0.0, end, _ROWS)
    voltage = density * _RESISTANCE * (1.0 + 0.3 * time / planned) + 0.01 * (
        1.0 - np.exp(-time / (0.02 * planned))
    )
    if penetrated:
        voltage *= _drop(time, planned * random.uniform(0.999, 1.001))
    return time, voltage, np.full_like(time, density)


def _staircase(rows: list[Row], _separators: dict[str, Row], random: np.random.Generator) -> Curve:
    """Draw a staircase of currents that ends with the step that failed, if any."""
    row = rows[0]
    low, high = (number_in(row, f"current_density_{end}") for end in ("lower", "upper"))
    ratio = high / low if math.isfinite(low) and math.isfinite(high) else 1.25
    first = low if math.isfinite(low) else high
    below = [first / ratio**power for power in (3, 2, 1)] if math.isfinite(low) else []
    levels = [*below, *(level for level in (low, high) if math.isfinite(level))]
    step = number_in(row, "step_time")
    step = step if math.isfinite(step) else 600.0
    count = max(60, _ROWS // (2 * len(levels)))
    times, voltages, densities = [], [], []
    for position, level in enumerate(levels):
        time = np.linspace(0.0, step, count, endpoint=False) + step / count
        density = level * 1e-3
        voltage = density * _RESISTANCE * (1.0 + 0.1 * time / step)
        if level == high:
            voltage *= _drop(time, step * random.uniform(0.3, 0.6))
        times.append(time + position * step)
        voltages.append(voltage)
        densities.append(np.full_like(time, density))
    return np.concatenate(times), np.concatenate(voltages), np.concatenate(densities)


def _polarisation(
    rows: list[Row], separators: dict[str, Row], random: np.random.Generator
) -> Curve:
    """Draw a one-way test that voids polarise, or a staircase."""
    row = rows[0]
    if row["protocol"] == "step":
        return _staircase(rows, separators, random)
    density = float(row["current_density"]) * 1e-3
    stop = float(row["stop_time"])
    bare = number_in(row, "transition_time_lower")
    transition = _value(row, "transition_time", random)
    seen = bare if math.isinf(transition) and math.isfinite(bare) else stop
    level = density * _CERAMIC_RESISTANCE
    if math.isinf(transition):
        time = np.linspace(0.0, seen, _ROWS)
        voltage = level * (1.0 + _CONTACT * -np.expm1(-3.0 * time / stop))
        return time, voltage, np.full_like(time, density)
    # Contact settles, then voids take it away: the second derivatives cancel at the transition.
    reduced = np.linspace(0.0, 1.0 + 5.5 * _RUNAWAY, _ROWS)
    rise = _CONTACT * (_RUNAWAY / _SETTLING) ** 2 * math.exp(-1.0 / _SETTLING)
    settling = _CONTACT * -np.expm1(-reduced / _SETTLING)
    voltage = level * (1.0 + settling + rise * np.exp((reduced - 1.0) / _RUNAWAY))
    return transition * reduced, voltage, np.full_like(reduced, density)


def _sweep(rows: list[Row], separators: dict[str, Row], random: np.random.Generator) -> Curve:
    """Draw a linear sweep of the voltage with one plateau or two."""
    row = rows[0]
    area = area_of(row)
    currents = [_value(each, "plateau_current", random) for each in rows]
    rate = number_in(row, "scan_rate")
    rate = (rate if math.isfinite(rate) else _SCAN_RATE) * 1e-3
    if math.isinf(currents[0]):  # ohmic as far as the sweep goes
        voltage = np.linspace(0.0, 1.0, _ROWS)
        reached = number_in(row, "plateau_current_lower") * 1e-3 / area
        return voltage / rate, voltage, reached * voltage
    limit = currents[0] * 1e-3 / area * 1e4  # A/m^2
    end = 1.2 if len(currents) == 1 else 2.2
    cell = swept_cell(row, separators[str(row["separator"])], limit, series_resistance=0.1 / limit)
    swept = cell.sweep(rate, end, sample_interval=end / rate / _ROWS)
    time, voltage, density = (
        np.asarray(swept[name].values, dtype=float)
        for name in ("time", "voltage", "current_density")
    )
    if len(currents) > 1:
        more = currents[1] / currents[0] - 1.0
        density = density * (1.0 + more / (1.0 + np.exp((1.2 - voltage) / 0.06)))
    return time, voltage, density * 1e-4


def _depletion(rows: list[Row], separators: dict[str, Row], random: np.random.Generator) -> Curve:
    """Draw a transient under constant current, to depletion or to its planned end."""
    from scipy.optimize import brentq

    from models.physics import Layer, depletion_time
    from models.transient_cell import TransientCell

    row = rows[0]
    density = float(row["current_density"]) * 10.0  # A/m^2
    stop = float(row["stop_time"])
    bare = number_in(row, "sand_time_lower")
    event = _value(row, "sand_time", random)
    seen = bare if math.isinf(event) and math.isfinite(bare) else stop
    due = event if math.isfinite(event) else 3.0 * stop
    concentration = float(to_si(float(row["concentration"]), "mol/L"))
    distance = float(row["electrode_distance"]) * 1e-3
    separator = separators.get(str(row["separator"]))
    porosity, macmullin = 1.0, 1.0
    if separator is not None:
        porosity, macmullin = float(separator["porosity"]), macmullin_of(separator)

    def late(log_diffusivity: float) -> float:
        time = depletion_time(
            density,
            concentration,
            math.exp(log_diffusivity),
            TRANSFERENCE,
            distance,
            porosity,
            macmullin,
        )
        return min(math.log(float(time) / due), 50.0) if time > 0 else -50.0

    diffusivity = math.exp(brentq(late, math.log(1e-16), math.log(1e-4), xtol=1e-12))
    planned = min(seen, 1.2 * event)
    drawn = TransientCell(
        layers=[Layer(distance, porosity, macmullin)],
        diffusivity=diffusivity,
        transference_number=TRANSFERENCE,
        concentration=concentration,
        temperature=float(row["temperature"]) + 273.15,
        conductivity=math.inf,
        series_resistance=0.05 / density,
        volumes=1000,  # the depletion time is then right to 1e-4
    ).constant_current(density, planned, cutoff_voltage=1.5)
    t, v = (np.asarray(drawn[name].values, dtype=float) for name in ("time", "voltage"))
    time = np.linspace(0.0, planned, _ROWS)
    voltage = np.interp(time, t, v)
    after = time > t[-1]
    # Once the salt is used up the solvent carries the current, at a few volts.
    voltage[after] = v[-1] + (3.0 - v[-1]) * -np.expm1(-(time[after] - t[-1]) / (0.002 * t[-1]))
    return time, voltage, np.full_like(time, density * 1e-4)


type Drawer = Callable[[list[Row], dict[str, Row], np.random.Generator], Curve]

DRAWERS: Final[dict[str, Drawer]] = {
    "critical_current": _staircase,
    "dc_polarization": _polarisation,
    "lsv": _sweep,
    "penetration": _penetration,
    "sand": _depletion,
}
