"""What is stated of a cell, or written in its file, and the record contradicts."""

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from data.schema import show_number
from inference.importing.recipe import Metadata

if TYPE_CHECKING:
    import xarray as xr

    from data.arrays import Array


__all__ = ["contradictions", "default_area", "rough"]

_AREAS_AGREE = 0.01
_DEFAULT_AREAS = (0.001, 1.0)  # cm^2, which EC-Lab and Gamry fill in where nobody states one
_TEMPERATURES_AGREE = 5.0  # K
_TIMES_AGREE = 2.0  # a factor: pauses are on one clock and not on another, units are 60 and more
_CHARGES_AGREE = 3.0  # a factor: of columns that are rounded or of one direction only
_MEASURED_AGREES = 0.05  # of a number that was measured beside it
_PARTS = 100  # of a record, in each of which a capacity is compared with the current
_LONGEST_SAMPLE = 3600.0  # s between rows: no logger of a test waits longer


def rough(value: float) -> str:
    """Return a number in three digits."""
    return show_number(float(f"{value:.3g}"))


def contradictions(record: "xr.Dataset", metadata: Metadata) -> Iterator[str]:
    """Yield what is stated of a cell or in its file, and the record contradicts.

    Parameters
    ----------
    record : Dataset
        The instrument's record.
    metadata : Metadata
        What was stated about the cell.

    Yields
    ------
    str
        One sentence each.
    """
    yield from _statements(record, metadata)
    for others in (_sampling, _clocks, _measured_beside, _stated_sums):
        yield from others(record)


def _statements(record: "xr.Dataset", metadata: Metadata) -> Iterator[str]:
    """Yield what the file says otherwise than what is stated of the cell."""
    import numpy as np

    written, area, default = _areas(record, metadata)
    if written is not None and not default:
        yield (
            f"the file states an area of {show_number(written)} cm^2, and {show_number(area)} cm^2 "
            "is stated for the cell, which is used: which of them is right?"
        )
    temperature = metadata.number("temperature")
    if "temperature_celsius" in record and temperature is not None:
        shown = float(np.nanmedian(record["temperature_celsius"].values))
        if abs(shown - temperature) > _TEMPERATURES_AGREE:
            yield (
                f"the file's probe shows {show_number(shown)} degC, and "
                f"{show_number(temperature)} degC is stated for the cell"
            )


def _areas(record: "xr.Dataset", metadata: Metadata) -> tuple[float | None, float, bool]:
    """Return another area than the stated one, that, and whether nobody may have written it."""
    written = float(record.attrs.get("area_as_written_cm2", math.nan))
    area = float(metadata.values["area"])
    differs = math.isfinite(written) and abs(written / area - 1.0) > _AREAS_AGREE
    default = any(math.isclose(written, size) for size in _DEFAULT_AREAS)
    return written if differs else None, area, default


def default_area(record: "xr.Dataset", metadata: Metadata) -> str | None:
    """Say that a file states an area which its program fills in, other than that of the cell.

    Parameters
    ----------
    record : Dataset
        The instrument's record.
    metadata : Metadata
        States the area [cm^2].

    Returns
    -------
    str or None
        To be known; an area that somebody has written is a doubt.
    """
    written, area, default = _areas(record, metadata)
    if written is None or not default:
        return None
    return (
        f"the file states an area of {show_number(written)} cm^2, as its program fills in, which "
        f"is not used: {show_number(area)} cm^2 is stated for the cell"
    )


def _sampling(record: "xr.Dataset") -> Iterator[str]:
    """Yield a sentence where rows lie further apart than any instrument logs them."""
    import numpy as np

    times = record["test_time_second"].values
    if len(times) < 2:
        return
    between = float(np.median(np.diff(times)))
    if between > _LONGEST_SAMPLE:
        yield (
            f"the rows of the record lie {rough(between)} s apart: is the unit of its time right "
            "(s, ms or h?)"
        )


def _clocks(record: "xr.Dataset") -> Iterator[str]:
    """Yield a sentence for each other clock of a record that its time contradicts."""
    import numpy as np

    from data.instruments.witnesses import UNIX_TIME, WALL_CLOCK

    time = record["test_time_second"].values
    if len(time) < 2:
        return
    passed = float(time[-1] - time[0])
    found = []
    if UNIX_TIME in record:
        found.append(("its Unix time", _pace(record[UNIX_TIME].values, time)))
    if "step_time_second" in record:
        found.append(("the time of its steps", _pace(record["step_time_second"].values, time)))
    if WALL_CLOCK in record.attrs:
        found.append(("its dates", float(record.attrs[WALL_CLOCK])))
    for name, pace in found:
        if np.isfinite(pace) and not 1.0 / _TIMES_AGREE <= pace <= _TIMES_AGREE:
            yield (
                f"the time of the record, {rough(passed)} s from its first row to its last, is "
                f"contradicted by {name}, of which {rough(pace)} s pass in each second: is the "
                "unit of the time right (s, ms, min or h?)"
            )


def _pace(clock: "Array", time: "Array") -> float:
    """Return how many seconds of a clock, which may be reset, pass in one of the record's."""
    import numpy as np

    goes = np.diff(clock)
    with np.errstate(invalid="ignore"):
        on = np.isfinite(goes) & (goes >= 0)
    passed = float(np.sum(np.diff(time)[on]))
    return float(np.sum(goes[on])) / passed if passed > 0 else float("nan")


def _measured_beside(record: "xr.Dataset") -> Iterator[str]:
    """Yield a sentence for each column that says it was measured, and is not what is read."""
    from data.instruments.witnesses import MEASURED_BESIDE

    for header, (variable, ratio) in json.loads(record.attrs.get(MEASURED_BESIDE, "{}")).items():
        if abs(ratio - 1.0) > _MEASURED_AGREES:
            yield (
                f"the file's {header!r} is {rough(ratio)} times the "
                f"{variable.partition('_')[0]} that is read: is what is read the setting of the "
                "instrument?"
            )


def _stated_sums(record: "xr.Dataset") -> Iterator[str]:
    """Yield a sentence where a record contradicts every capacity, energy or power of its file."""
    import numpy as np

    from data.instruments.witnesses import CAPACITY, ENERGY, POWER, witness_columns

    time, voltage, current = (
        record[name].values for name in ("test_time_second", "voltage_volt", "current_ampere")
    )
    power = np.abs(voltage * current)
    hours = np.diff(time) / 3600.0
    charges = np.abs(current[1:] + current[:-1]) / 2.0 * hours
    energies = (power[1:] + power[:-1]) / 2.0 * hours
    for variable, made, grows, of, units in (
        (CAPACITY, charges, "grows", "current and time",
         "its current (A or mA?) and of its time (s, ms or h?)"),
        (ENERGY, energies, "grows", "voltage, current and time",
         "its voltage (V or mV?), of its current (A or mA?) and of its time (s, ms or h?)"),
        (POWER, power, "is", "voltage and current",
         "its voltage (V or mV?) and of its current (A or mA?)"),
    ):  # fmt: skip
        ratios = {
            name: _ratio(np.diff(column), made) if variable != POWER else _quotient(column, made)
            for name, column in witness_columns(record, variable).items()
        }
        ratios = {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio)}
        # A wrong unit of the record contradicts all of them.
        if any(1.0 / _CHARGES_AGREE <= ratio <= _CHARGES_AGREE for ratio in ratios.values()):
            continue
        for name, ratio in list(ratios.items())[:1]:
            times = "times as fast as" if grows == "grows" else "times what"
            yield (
                f"the file's {name!r} {grows} {rough(ratio)} {times} {of} say: are the units of "
                f"{units} right?"
            )


def _quotient(stated: "Array", made: "Array") -> float:
    """Return how large a column is against what the record makes, as a rule [1]."""
    import numpy as np

    told = np.isfinite(stated) & (stated != 0) & (made > 0)
    return float(np.median(np.abs(stated[told]) / made[told])) if told.any() else float("nan")


def _ratio(grows: "Array", charges: "Array") -> float:
    """Return how fast a sum grows against what the record makes, as a rule [1].

    It is the median over parts of the record: where the instrument left out rows, or a sum is
    reset, the parts beside are right.
    """
    import numpy as np

    sizes = np.abs(np.where(np.isfinite(grows), grows, 0.0))
    moves = int(np.count_nonzero(sizes))
    if not moves:
        return float("nan")  # an empty column says nothing
    # Of a column that is written in coarse steps, some of them in each part.
    parts = np.array_split(np.arange(sizes.size), min(_PARTS, max(1, moves // 3)))
    pairs = [(float(np.sum(sizes[rows])), float(np.sum(charges[rows]))) for rows in parts]
    ratios = [stated / made for stated, made in pairs if stated > 0 and made > 0]
    return float(np.median(ratios)) if ratios else float("nan")
