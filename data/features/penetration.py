"""Penetration: the sudden drop of the voltage when metal has grown through to the other electrode.

The answer is the interval between the last row before the drop and the first row after it; a drop
over several rows is a ramp, and its interval goes from its onset to its end. A curve that diverges,
or reaches the instrument's limit, before any drop is censored there: the counter electrode or the
electrolyte was depleted, nothing was penetrated.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.features.control import (
    ControlStep,
    constant_current_steps,
    read_columns,
)
from data.features.drop import Drop, Gates, find_drop
from data.features.feature import Feature, Flag, between
from data.features.noise import despike, estimate_noise

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_compliance", "find_divergence", "find_penetration"]

type Array = NDArray[np.float64]

ALGORITHM = "sudden_drop"
VERSION = "1"
_SLOWER = (5.0, 25.0)  # times the longest ramp, for falls that take minutes


def find_divergence(time: Array, curve: Array, rise: float) -> int | None:
    """Return the row at which a curve starts to run away upwards.

    The curve has to rise over the median of what was before, by `rise` and by half of it, and to go
    through the upper two thirds of that in less than a fifth of the time that has passed: a steady
    drift does not.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    rise : float
        Rise that counts [V].

    Returns
    -------
    int or None
        Last row below a third of the rise.
    """
    top = int(np.argmax(curve))
    if top < 5:
        return None
    # The level before the runaway, of which the runaway itself is no part.
    base = float(np.quantile(curve[: top + 1], 0.25))
    under = np.arange(top + 1)
    for _ in range(3):
        under = np.flatnonzero(curve[: top + 1] < base + rise / 3)
        if not under.size:
            return None
        base = float(np.median(curve[: int(under[-1]) + 1]))
    rise = max(rise, 0.5 * base)
    over = np.flatnonzero(curve[: top + 1] < base + rise)
    under = np.flatnonzero(curve[: top + 1] < base + rise / 3)
    if curve[top] < base + rise or not under.size or not over.size:
        return None
    crossed = time[min(int(over[-1]) + 1, top)]
    onset = int(under[-1])
    return onset if crossed - time[onset] < 0.2 * (crossed - time[0]) else None


def find_compliance(record: "xr.Dataset", step: ControlStep) -> int | None:
    """Return the row of a record at which a step reaches the limit of the instrument.

    Either the instrument flags an overload for three rows, or the current falls below its setting
    while the voltage stays at its largest.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    step : ControlStep
        A step at constant current.

    Returns
    -------
    int or None
        First row at the limit.
    """
    if "overload" in record:
        flagged = np.asarray(record["overload"].values, dtype=bool)[step.rows]
        if len(flagged) >= 3:
            three = flagged[:-2] & flagged[1:-1] & flagged[2:]
            if three.any():
                return step.start + int(np.argmax(three))
    _, voltage, current = read_columns(record)
    curve = np.sign(step.current) * voltage[step.rows]
    lacking = abs(step.current) - np.sign(step.current) * current[step.rows]
    limited = (lacking > max(0.1 * abs(step.current), 4 * step.spread)) & (
        curve > 0.95 * max(float(np.max(curve)), 0.0)
    )
    if len(limited) >= 5:
        runs = np.convolve(limited, np.ones(5), mode="valid") > 4.5
        if runs.any():
            return step.start + int(np.argmax(runs))
    after = slice(step.stop, step.stop + 5)
    sign = np.sign(step.current)
    follow, force = sign * voltage[after], sign * current[after]
    if len(follow) < 3 or step.stop - step.start < 5:
        return None
    last = float(np.median(sign * voltage[step.stop - 3 : step.stop]))
    top = float(np.max(sign * voltage[step.rows]))
    held = (follow > 0.95 * last).all() and (force < 0.95 * abs(step.current)).all()
    return step.stop if last > 0.95 * top and held and last > 0 else None


def _recovers(curve: Array, drop: Drop) -> bool:
    """Return whether the curve comes back up, for ten rows, after a drop."""
    after = curve[drop.after :]
    back = drop.level_after + 0.7 * drop.jump
    if len(after) < 20:
        return False
    runs = np.convolve(after > back, np.ones(10), mode="valid")
    return bool((runs >= 9).any())


def _slow_fall(time: Array, curve: Array, gates: Gates, relative: float) -> Drop | None:
    """Return a fall that takes minutes, in rows of the curve."""
    for factor in _SLOWER:
        longest = factor * gates.longest_ramp
        duration = float(time[-1] - time[0])
        if duration < 6 * longest:
            return None
        most = int(np.clip(duration / (longest / 25), 40, 4000))
        edges = np.searchsorted(time, np.linspace(time[0], time[-1], most + 1)[:-1])
        starts = np.unique(edges)
        if len(starts) < 30:
            return None
        counts = np.diff([*starts.tolist(), len(curve)])
        slow_time, slow = (np.add.reduceat(part, starts) / counts for part in (time, curve))
        wide = Gates(
            gates.least_delta_bic, gates.least_sigmas, relative, longest / 2, longest_ramp=longest
        )
        found = find_drop(slow_time, slow, estimate_noise(slow_time, slow), wide)
        if found is not None:
            ends = np.append(starts[1:], len(curve)) - 1
            # Lines on both sides take the foot and the head of a slow fall for their own.
            low, high = slow_time[max(found.before, 0)], slow_time[min(found.after, len(ends) - 1)]
            more = 0.25 * float(high - low)
            return replace(
                found,
                before=max(int(np.searchsorted(time, low - more)) - 1, 0),
                after=min(int(np.searchsorted(time, high + more)), len(time) - 1),
                begin=int(starts[found.begin]),
                end=int(ends[found.end]),
            )
    return None


def find_penetration(
    record: "xr.Dataset",
    *,
    least_delta_bic: float = 10.0,
    least_sigmas: float = 5.0,
    least_relative: float = 0.05,
    persistence: float = 10.0,
    longest_ramp: float = 20.0,
    slow_relative: float = 0.5,
    divergence: float = 0.5,
) -> Feature:
    """Find the time at which the voltage of a cell at constant current drops for good.

    Parameters
    ----------
    record : xarray.Dataset
        A record with at least one step at constant current.
    least_delta_bic : float, default: 10
        Evidence needed against a smooth curve.
    least_sigmas : float, default: 5
        Least height of the drop, in standard deviations of the noise (times the factor of its
        correlation) and of the height itself.
    least_relative : float, default: 0.05
        Least height of the drop, over the voltage before it.
    persistence : float, default: 10
        How long the voltage has to stay down [s], or to the end of the step; a shorter one is a
        spike.
    longest_ramp : float, default: 20
        Longest drop that counts as sudden [s].
    slow_relative : float, default: 0.5
        Least height of a slower fall, over the voltage before it.
    divergence : float, default: 0.5
        Rise over the median voltage [V] that counts as a divergence.

    Returns
    -------
    Feature
        ``penetration_time`` [s since the step's start]: an interval, or right-censored. Flags:
        ``ramp``, ``slow_ramp``, ``soft_short`` (the voltage comes back), ``divergence_first``,
        ``compliance``, ``several_steps``, ``end_of_record`` (it ends sooner after the drop than
        `persistence`). Details: ``step_start``, ``test_time_lower``, ``test_time_upper`` (test
        time [s]), ``current`` [A], ``charge`` [C] up to the middle of the interval or to the
        bound, ``duration`` of the step [s]; of a drop also ``jump``, ``jump_sd``,
        ``level_before`` [V], ``delta_bic``, ``ramp`` [s].

    Raises
    ------
    FeatureError
        The record holds no step at constant current.
    """
    options: dict[str, float | str | bool] = {
        "least_delta_bic": least_delta_bic,
        "least_sigmas": least_sigmas,
        "least_relative": least_relative,
        "persistence": persistence,
        "longest_ramp": longest_ramp,
        "slow_relative": slow_relative,
        "divergence": divergence,
    }
    gates = Gates(least_delta_bic, least_sigmas, least_relative, persistence, longest_ramp)
    steps = constant_current_steps(record, "a penetration", least=10)
    several: tuple[Flag, ...] = ()
    if len(steps) > 1:
        several = (
            Flag(
                "several_steps",
                f"The record has {len(steps)} steps at constant current; the time is counted from "
                "the start of the one that holds the event, or of the longest.",
            ),
        )
    censored: list[Feature] = []
    for step in steps:
        feature = _of_step(record, step, gates, slow_relative, divergence, several, options)
        if feature.kind != "right":
            return feature
        censored.append(feature)
    stopped = [feature for feature in censored if _stopped(feature)]
    return stopped[0] if stopped else max(censored, key=lambda each: each.details["duration"])


def _stopped(feature: Feature) -> bool:
    """Return whether a censored test ended for a reason of its own."""
    return feature.has_flag("divergence_first") or feature.has_flag("compliance")


def _of_step(
    record: "xr.Dataset",
    step: ControlStep,
    gates: Gates,
    slow_relative: float,
    divergence: float,
    several: tuple[Flag, ...],
    options: dict[str, float | str | bool],
) -> Feature:
    """Return the feature of one step."""
    test_time, voltage, current = (part[step.rows] for part in read_columns(record))
    time = test_time - step.begin
    curve = voltage * np.sign(step.current)
    noise = estimate_noise(time, curve)
    curve, _ = despike(curve, noise)
    drop = find_drop(time, curve, noise, gates)
    slow = False
    if drop is None and (drop := _slow_fall(time, curve, gates, slow_relative)) is not None:
        slow = True
    flags = list(several)
    until = len(curve) if drop is None else drop.begin + 1
    stop = len(curve) - 1
    limit = find_compliance(record, step)
    runaway = find_divergence(time[:until], curve[:until], divergence)
    if runaway is not None:
        drop, stop = None, runaway
        flags.append(
            Flag(
                "divergence_first",
                f"The voltage runs away from {time[runaway]:.6g} s on, before any drop: the test "
                "is censored there (depletion, not penetration).",
            )
        )
    elif limit is not None and limit - step.start < until:
        drop, stop = None, max(limit - step.start - 1, 0)
        flags.append(
            Flag(
                "compliance",
                f"The instrument is at its limit from {time[stop]:.6g} s on, before any drop: the "
                "test is censored there.",
            )
        )
    elif limit is not None and drop is None:
        flags.append(
            Flag("compliance", "The instrument is at its limit at the end of the step: censored.")
        )
    details = {
        "step_start": step.begin,
        "current": step.current,
        "duration": step.duration,
    }
    steps = np.diff(time) * 0.5 * (np.abs(current[1:]) + np.abs(current[:-1]))
    passed = np.concatenate([[0.0], np.cumsum(steps)])
    common = {
        "quantity": "penetration_time",
        "unit": "s",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (step.start, step.stop),
    }
    if drop is None:
        details |= {
            "test_time_lower": float(test_time[stop]),
            "charge": float(passed[stop]),
        }
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=max(float(time[stop]) - step.uncertainty, 0.0),
            flags=tuple(flags),
            details=details,
        )
    ramp = float(time[drop.end] - time[drop.begin])
    if slow:
        flags.append(
            Flag(
                "slow_ramp",
                f"The voltage falls over about {ramp:.3g} s, too slow for a sudden short: the "
                "interval is the whole fall.",
            )
        )
    elif drop.end - drop.begin > 2:
        flags.append(
            Flag("ramp", f"The drop takes {ramp:.3g} s: the interval is from its onset to its end.")
        )
    if _recovers(curve, drop):
        flags.append(Flag("soft_short", "The voltage comes back up after the drop: a soft short."))
    if time[-1] - time[drop.end] < gates.persistence:
        flags.append(
            Flag(
                "end_of_record",
                f"The step ends {time[-1] - time[drop.end]:.3g} s after the drop: whether it "
                "lasts was not seen for longer.",
            )
        )
    lower = max(float(time[drop.before]) - step.uncertainty, 0.0)
    upper = float(time[drop.after])
    details |= {
        "test_time_lower": float(test_time[drop.before]),
        "test_time_upper": float(test_time[drop.after]),
        "charge": float(np.interp(0.5 * (lower + upper), time, passed)),
        "jump": drop.jump,
        "jump_sd": drop.jump_sd,
        "level_before": drop.level_before,
        "delta_bic": drop.delta_bic,
        "ramp": ramp,
    }
    return Feature(
        **common,  # type: ignore[arg-type]
        **between(lower, upper),
        value=0.5 * (lower + upper),
        flags=tuple(flags),
        details=details,
    )
