"""Critical current by steps: the last current a cell survived and the one at which it failed.

A cell fails within a step when its voltage drops (a short) or runs away (depletion or voids), or
between two steps when the resistance at the start of the later one has fallen below 0.7 of the
median of those before.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.errors import FeatureError
from data.features.control import ControlStep, constant_current_steps, read_columns
from data.features.drop import Drop, Gates, find_drop
from data.features.feature import Feature, Flag
from data.features.noise import despike, estimate_noise
from data.features.penetration import find_compliance, find_divergence

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_failed_step"]

type Array = NDArray[np.float64]

ALGORITHM = "current_steps"
VERSION = "1"


def _start_resistance(time: Array, curve: Array, current: float) -> float:
    """Return the voltage over the current just after the step's edge [ohm]."""
    early = (time - time[0]) <= max(0.05 * (time[-1] - time[0]), 1.0)
    early[: min(5, len(early))] = True
    early[0] = len(early) < 3  # the edge itself
    return float(np.median(curve[early])) / abs(current)


def find_failed_step(
    record: "xr.Dataset",
    *,
    resistance_ratio: float = 0.7,
    divergence: float = 0.5,
    least_relative: float = 0.1,
    persistence: float = 10.0,
    longest_ramp: float = 20.0,
) -> Feature:
    """Find the step of a staircase of currents at which a cell failed.

    Parameters
    ----------
    record : xarray.Dataset
        At least two steps at constant current, of either sign, rests between them allowed.
    resistance_ratio : float, default: 0.7
        A step whose resistance at the start is below this part of the median of the steps before
        has failed.
    divergence : float, default: 0.5
        Rise over the median voltage of a step [V] that counts as a runaway.
    least_relative : float, default: 0.1
        Least drop within a step, over the voltage before it.
    persistence : float, default: 10
        How long a drop has to last [s], or to the end of its step.
    longest_ramp : float, default: 20
        Longest drop that counts as sudden [s].

    Returns
    -------
    Feature
        ``failed_step_current`` [A, positive]: the interval from the last current survived to the
        one that failed; left-censored where the first step failed, right-censored where none did.
        Flags: ``short_within_step``, ``runaway_within_step``, ``compliance``,
        ``short_between_steps``, ``none_failed``, ``first_failed``, ``unequal_steps``,
        ``not_increasing``. Details: ``step_time`` (median length of the steps up to the failed
        one [s]), ``step_count``, ``failed_step`` (1 is the first), ``start_resistance`` of the
        failed step and ``start_resistance_before`` [ohm], ``step_start`` and, of a failure within
        a step, ``event_time_lower`` and ``event_time_upper`` (since the step's start [s]).

    Raises
    ------
    FeatureError
        The record holds fewer than two currents.
    """
    options: dict[str, float | str | bool] = {
        "resistance_ratio": resistance_ratio,
        "divergence": divergence,
        "least_relative": least_relative,
        "persistence": persistence,
        "longest_ramp": longest_ramp,
    }
    gates = Gates(10.0, 5.0, least_relative, persistence, longest_ramp)
    steps = constant_current_steps(record, "a failed step", least=5)
    currents = [abs(step.current) for step in steps]
    # Nothing fails or survives in a stub, as between two settings.
    typical = float(np.median([step.duration for step in steps]))
    steps = tuple(step for step in steps if step.duration > 0.05 * typical)
    if len(steps) < 2 or max(currents) < 1.02 * min(currents):
        name = str(record.attrs.get("file_name", "record"))
        raise FeatureError(
            f"{name}: the record has {len(steps)} steps at constant current, from "
            f"{min(currents):.4g} to {max(currents):.4g} A: a failed step is read from a "
            "staircase of at least two currents"
        )
    columns = read_columns(record)
    resistances: list[float] = []
    flags: list[Flag] = []
    details: dict[str, float] = {}
    failed: int | None = None
    for number, step in enumerate(steps):
        test_time, voltage, _ = (part[step.rows] for part in columns)
        time, curve = test_time - step.begin, voltage * np.sign(step.current)
        noise = estimate_noise(time, curve)
        curve, _ = despike(curve, noise)
        resistance = _start_resistance(time, curve, step.current)
        before = float(np.median(resistances)) if resistances else None
        error = noise.effective / abs(step.current)
        flag = None
        if before is not None and resistance + 3 * error < resistance_ratio * before:
            flag = Flag(
                "short_between_steps",
                f"Step {number + 1} starts at {resistance:.4g} ohm, below {resistance_ratio:g} of "
                f"the {before:.4g} ohm before it: shorted.",
            )
        else:
            flag, ends = _failure_within(record, step, time, curve, number, gates, divergence)
            if ends is not None:
                details |= {"event_time_lower": ends[0], "event_time_upper": ends[1]}
        resistances.append(resistance)
        if flag is not None:
            failed = number
            flags.append(flag)
            details["start_resistance"] = resistance
            if before is not None:
                details["start_resistance_before"] = before
            break
    return _answer(steps, failed, flags, details, options)


def _failure_within(
    record: "xr.Dataset",
    step: ControlStep,
    time: Array,
    curve: Array,
    number: int,
    gates: Gates,
    divergence: float,
) -> tuple[Flag | None, tuple[float, float] | None]:
    """Return how a cell failed within a step, and between which times."""
    noise = estimate_noise(time, curve)
    # The first rows hold the edge of the step itself.
    drop: Drop | None = find_drop(time[1:], curve[1:], noise, gates) if len(time) > 9 else None
    runaway = find_divergence(time[1:], curve[1:], divergence) if len(time) > 9 else None
    where = f"step {number + 1}, at {abs(step.current):.4g} A"
    if runaway is not None and (drop is None or runaway <= drop.begin):
        at = float(time[runaway + 1])
        return (
            Flag("runaway_within_step", f"The voltage runs away in {where}, from {at:.4g} s on."),
            (at, float(time[-1])),
        )
    if drop is not None:
        ends = (float(time[drop.before + 1]), float(time[drop.after + 1]))
        return (
            Flag(
                "short_within_step",
                f"The voltage drops by {drop.jump:.3g} V in {where}, between {ends[0]:.6g} and "
                f"{ends[1]:.6g} s.",
            ),
            ends,
        )
    limit = find_compliance(record, step)
    if limit is not None:
        at = float(time[min(max(limit - step.start - 1, 0), len(time) - 1)])
        return Flag("compliance", f"The instrument is at its limit in {where}."), (at, at)
    return None, None


def _answer(
    steps: tuple[ControlStep, ...],
    failed: int | None,
    flags: list[Flag],
    details: dict[str, float],
    options: dict[str, float | str | bool],
) -> Feature:
    """Return the feature of a staircase."""
    used = steps if failed is None else steps[: failed + 1]
    currents = [abs(step.current) for step in used]
    # The failed step may have been cut short: its length says nothing about the programme.
    whole = used if failed is None or failed == 0 else used[:-1]
    lengths = np.array([step.duration for step in whole])
    details |= {
        "step_time": float(np.median(lengths)),
        "step_count": float(len(steps)),
        "step_start": used[-1].begin,
    }
    if len(lengths) > 1 and float(np.ptp(lengths)) > 0.1 * float(np.median(lengths)):
        flags.append(
            Flag(
                "unequal_steps",
                f"The steps last from {lengths.min():.4g} to {lengths.max():.4g} s; step_time is "
                "their median.",
            )
        )
    if any(later < 0.98 * earlier for earlier, later in pairwise(currents)):
        flags.append(Flag("not_increasing", "The currents do not only increase from step to step."))
    common = {
        "quantity": "failed_step_current",
        "unit": "A",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (steps[0].start, used[-1].stop),
    }
    if failed is None:
        flags.append(Flag("none_failed", "No step failed: the largest current is a lower bound."))
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=max(currents),
            flags=tuple(flags),
            details=details,
        )
    details["failed_step"] = float(failed + 1)
    upper = currents[-1]
    survived = [current for current in currents[:-1] if current < 0.98 * upper]
    if not survived:
        flags.append(Flag("first_failed", "The first step failed: its current is an upper bound."))
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="left",
            upper=upper,
            flags=tuple(flags),
            details=details,
        )
    return Feature(
        **common,  # type: ignore[arg-type]
        kind="interval",
        lower=max(survived),
        upper=upper,
        flags=tuple(flags),
        details=details,
    )
