"""What passed before a step, which its times and charges do not count."""

from typing import TYPE_CHECKING

import numpy as np

from data.features.control import ControlStep, latest_start, read_columns
from data.features.feature import Flag

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["history"]


def history(record: "xr.Dataset", step: ControlStep) -> tuple[Flag, ...]:
    """Return what came before a step that its times and charges do not count.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    step : ControlStep
        A step at constant current.

    Returns
    -------
    tuple of Flag
        ``begins_midway``, ``current_before``.
    """
    time, _, current = read_columns(record)
    flags = []
    spacing = step.duration / max(step.stop - step.start - 1, 1)
    if step.start == 0 and step.uncertainty == 0 and step.begin > latest_start(spacing):
        flags.append(
            Flag(
                "begins_midway",
                f"The record starts at a test time of {step.begin:.6g} s with the current flowing: "
                "times count from there, and are too short if it flowed before.",
            )
        )
    against = np.flatnonzero(
        np.sign(step.current) * current[: step.start] < -1e-3 * abs(step.current)
    )
    since = slice(int(against[-1]) + 1 if against.size else 0, step.start)
    forward = np.abs(current[since])
    if len(forward) > 1:
        charge = float(np.trapezoid(forward, time[since]))
        if charge > 0.02 * abs(step.current) * step.duration:
            flags.append(
                Flag(
                    "current_before",
                    f"Before this step {charge:.4g} C passed in the same direction: the times and "
                    "the charge stated are those of this step alone.",
                )
            )
    return tuple(flags)
