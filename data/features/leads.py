"""Whether a voltage goes with its current: that of a symmetric cell does, or leads are swapped."""

from typing import TYPE_CHECKING

import numpy as np

from data.errors import FeatureError
from data.features.control import ControlStep, read_columns, record_name
from data.features.feature import Flag
from data.features.noise import estimate_noise

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_discharge", "steps_with_the_current"]

_FULL_CELL = 1.0  # [V]: symmetric cells start below it
_REST = 0.01  # of a step's current
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
