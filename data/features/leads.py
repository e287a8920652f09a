"""Whether a voltage goes with its current: that of a symmetric cell does, or leads are swapped.

A cell with a voltage of its own (a full one, one of two unlike electrodes) shows it at rest before
any current flows, or by a voltage that changes its sign under a current that does not.
"""

from typing import TYPE_CHECKING

import numpy as np

from data.errors import FeatureError
from data.features.control import REST, ControlStep, read_columns, record_name
from data.features.feature import Flag
from data.features.noise import estimate_noise

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_discharge", "own_voltage", "steps_with_the_current"]

_FULL_CELL = 1.0  # [V]: symmetric cells start below it
_REST = 0.01  # of a step's current
_FEWEST = 3  # rows of a rest
# Of the voltage of the first step, that a cell has at rest, and at least in volts: two electrodes
# that are alike differ by a few millivolts.
_OWN, _OWN_LEAST = 0.2, 5e-3
# Of the time of a step, in which its voltage is opposite: a double layer that was charged the other
# way is turned sooner.
_TURNS = 0.15
_WHAT_TO_DO = (
    "Of a symmetric cell the leads are swapped, or the instrument counts the current the other "
    "way: change the sign of one column. Of a full cell"
)


def _opposed(record: "xr.Dataset", step: ControlStep) -> bool:
    """Return whether the voltage of a step is opposite to its current, throughout."""
    time, voltage, _ = (part[step.rows] for part in read_columns(record))
    curve = voltage * np.sign(step.current)
    sigma = estimate_noise(time, curve).effective
    return bool(np.median(curve) < -5 * sigma and np.mean(curve < 0) > 0.9)


def _words(record: "xr.Dataset", step: ControlStep) -> str:
    voltage = float(np.median(read_columns(record)[1][step.rows]))
    return f"{voltage:.3g} V at {step.current:.3g} A"


def steps_with_the_current(
    record: "xr.Dataset", steps: tuple[ControlStep, ...], feature: str
) -> tuple[tuple[ControlStep, ...], tuple[Flag, ...]]:
    """Return the steps whose voltage has the sign of their current.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    steps : tuple of ControlStep
        Steps at constant current.
    feature : str
        What is looked for, as a message names it.

    Returns
    -------
    steps : tuple of ControlStep
        Those that can be read.
    flags : tuple of Flag
        ``against_current`` where others were passed over.

    Raises
    ------
    FeatureError
        There is none.
    """
    opposed = [step for step in steps if _opposed(record, step)]
    if not opposed:
        return steps, ()
    kept = tuple(step for step in steps if step not in opposed)
    if not kept:
        name = record_name(record)
        raise FeatureError(
            f"{name}: the voltage is opposite to the current throughout "
            f"({_words(record, opposed[0])}): {feature} is read from a voltage that goes with the "
            f"current. {_WHAT_TO_DO} being discharged, {feature} cannot be read"
        )
    flag = Flag(
        "against_current",
        f"In {len(opposed)} of {len(steps)} steps the voltage is opposite to the current "
        f"({_words(record, opposed[0])}): a discharge; they are not read.",
    )
    return kept, (flag,)


def own_voltage(
    record: "xr.Dataset", steps: tuple[ControlStep, ...], feature: str
) -> tuple[Flag, ...]:
    """Return a flag where a cell has a voltage of its own.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    steps : tuple of ControlStep
        The steps that are read.
    feature : str
        What is looked for, as a message names it.

    Returns
    -------
    tuple of Flag
        ``own_voltage``, or none.
    """
    time, voltage, current = read_columns(record)
    first = steps[0]
    flows = np.abs(current) > REST * abs(first.current)
    rest = voltage[: int(np.argmax(flows))]
    own = float(np.median(rest)) if len(rest) >= _FEWEST else 0.0
    level = abs(float(np.median(voltage[first.rows])))
    why = f"{feature} is read from the voltage that a current makes"
    if abs(own) > max(_OWN * level, _OWN_LEAST):
        words = f"Before any current flows the voltage is {own:.3g} V, and {level:.3g} V under it"
        return (Flag("own_voltage", f"{words}: a cell with a voltage of its own, and {why}."),)
    for step in steps:
        clock, curve = time[step.rows], voltage[step.rows] * np.sign(step.current)
        spent = np.gradient(clock)
        opposed = curve < -5 * estimate_noise(clock, curve).effective
        share = float(np.sum(spent[opposed]) / np.sum(spent))
        if _TURNS < share < 1:
            words = (
                f"At {step.current:.3g} A the voltage is opposite to the current for {share:.0%} "
                f"of the step, from {curve[0]:.3g} to {curve[-1]:.3g} V along it"
            )
            return (Flag("own_voltage", f"{words}: a cell with a voltage of its own, and {why}."),)
    return ()


def check_discharge(record: "xr.Dataset", step: ControlStep, feature: str) -> tuple[Flag, ...]:
    """Refuse swapped leads, and say where a full cell is being discharged.

    When the current starts, the voltage moves in its direction, and goes on to do so. A voltage
    that moves against it, or opposes it below 1 V with no rest before, is of swapped leads.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    step : ControlStep
        A step at constant current.
    feature : str
        What is looked for, as a message names it.

    Returns
    -------
    tuple of Flag
        ``against_current`` for a discharge.

    Raises
    ------
    FeatureError
        The leads are swapped.
    """
    if not _opposed(record, step):
        return ()
    time, voltage, current = read_columns(record)
    sign = np.sign(step.current)
    curve = sign * voltage[step.rows]
    start = float(np.median(curve[1:4]))
    sigma = estimate_noise(time[step.rows], curve).effective
    before = slice(max(step.start - 20, 0), step.start)
    rest = sign * voltage[before][np.abs(current[before]) < _REST * abs(step.current)]
    late = float(np.median(curve[-max(len(curve) // 10, 3) :]))
    least = max(5 * sigma, 1e-3)
    moved = start - float(np.median(rest[-5:])) if rest.size else np.nan
    swapped = moved < -least if rest.size else abs(start) < _FULL_CELL
    if swapped or late < start - max(0.15, least):
        name = record_name(record)
        raise FeatureError(
            f"{name}: the voltage is opposite to the current ({_words(record, step)}) and does "
            f"not move as that of a cell being discharged: {feature} is read from a voltage that "
            f"goes with the current. {_WHAT_TO_DO} keep the rest before the current in the file"
        )
    return (
        Flag(
            "against_current",
            f"The voltage is opposite to the current ({_words(record, step)}): right for a full "
            "cell being discharged; of a symmetric cell the leads are swapped.",
        ),
    )
