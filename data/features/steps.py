"""Critical current by steps: the last current a cell survived and the one at which it failed.

A cell fails within a step when its voltage drops (a short) or runs away (depletion or voids), or
between two steps when the resistance at the start of the later one has fallen below 0.7 of the
median of those before.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.errors import FeatureError
from data.features.channels import read_channels
from data.features.control import (
    ControlStep,
    constant_current_steps,
    read_columns,
    record_name,
    unread_steps,
)
from data.features.drop import Gates
from data.features.events import Events, read_events
from data.features.fall import Fall
from data.features.feature import Feature, Flag
from data.features.leads import steps_with_the_current
from data.features.noise import Noise, despike, estimate_noise
from data.features.runaway import find_compliance

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_failed_step"]

type Array = NDArray[np.float64]

ALGORITHM = "current_steps"
VERSION = "3"
_FAILURES = ("short_within_step", "short_between_steps", "runaway_within_step", "compliance")
_UNSURE = frozenset({"unconfirmed_drop", "unclear_drop"})
_EARLY = 0.2  # of a step, that an overpotential at its start may last
_SHORTED = 0.7  # of the resistance of the steps before
_FIRST_STEP = 0.3  # of the voltage, that is left of an overpotential in the first step
_WHOLE = 0.9  # of the length of a step
_OFFSET = 0.1  # of the resistance of the others, that a shorted step may show with a wrong sign
_FEWEST = 8  # rows that anything is read from


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
        A step that ended before its time without failing counts neither as survived nor as failed.
        Flags: ``short_within_step``, ``runaway_within_step``, ``compliance``,
        ``short_between_steps``, ``soft_short`` (the cell recovered), ``end_of_record`` (the step
        ends right after the drop), ``unconfirmed_drop`` and ``unclear_drop`` (what another cause
        could make), ``small_drop``, ``excursion``, ``back_at_old_level``, ``none_failed``,
        ``first_failed``, ``cut_short``, ``unequal_steps``, ``not_increasing``, ``steps_not_read``,
        and those of the channels (``frozen_channel``, ``held_values``, ``magnitude_current``,
        ``coarse_time``).
        Details: ``step_time`` (of the last step borne, else of the failed one [s]),
        ``step_count``, ``failed_step`` (1 is the first), ``start_resistance`` of the failed step
        and ``start_resistance_before`` [ohm], ``step_start`` and, of a failure within a step,
        ``event_time_lower`` and ``event_time_upper`` (since the step's start [s]).

    Raises
    ------
    FeatureError
        The record holds fewer than two currents, or the voltage of a step is opposite to it, or is
        no measurement, or no step failed and none was borne to its end.
    """
    options: dict[str, float | str | bool] = {
        "resistance_ratio": resistance_ratio,
        "divergence": divergence,
        "least_relative": least_relative,
        "persistence": persistence,
        "longest_ramp": longest_ramp,
    }
    gates = Gates(10.0, 5.0, least_relative, persistence, longest_ramp)
    channels = read_channels(record, "a failed step")
    record = channels.record
    steps = constant_current_steps(record, "a failed step", least=5)
    unread = unread_steps(record, steps, least=5)
    _refuse_opposed(record, steps)
    currents = [abs(step.current) for step in steps]
    # Nothing fails or survives in a stub, as between two settings.
    typical = float(np.median([step.duration for step in steps]))
    steps = tuple(step for step in steps if step.duration > 0.05 * typical)
    if len(steps) < 2 or max(currents) < 1.02 * min(currents):
        name = record_name(record)
        raise FeatureError(
            f"{name}: the record has {len(steps)} steps at constant current, from "
            f"{min(currents):.4g} to {max(currents):.4g} A: a failed step is read from a "
            "staircase of at least two currents"
        )
    read = [_Step.of(record, step) for step in steps]
    flags = list(unread)
    details: dict[str, float] = {}
    failed: int | None = None
    switched = False
    for number, each in enumerate(read):
        earlier = read[:number]
        found = _short_before(each, earlier, number, resistance_ratio)
        if found is None:
            settled = [one.settled for one in earlier]
            last = each.step.stop == record.sizes["record"] and not switched
            found = _failure_within(
                record,
                each,
                settled,
                number,
                gates,
                1 - resistance_ratio,
                divergence,
                last,
                details,
            )
        names = [flag.name for flag in found or ()]
        unsure = _UNSURE.intersection(names)
        if unsure and (number + 1 < len(read) or switched):
            # The next step shows whether it is a short; and an instrument that writes the switch
            # at the end of one step does so at the last one.
            switched = switched or "unconfirmed_drop" in unsure
            found = [flag for flag in found or () if flag.name != "unconfirmed_drop"]
        flags += found or []
        if any(name in _FAILURES for name in names):
            failed = number
            details["start_resistance"] = each.start
            if earlier:
                before = float(np.median([one.start for one in earlier]))
                details["start_resistance_before"] = before
                later = [one.start for one in read[number + 1 :]]
                short = any(flag.name.startswith("short") for flag in flags)
                mentioned = any(flag.name == "soft_short" for flag in flags)
                if short and not mentioned and min(later, default=0.0) > resistance_ratio * before:
                    flags.append(
                        Flag(
                            "soft_short",
                            f"The steps after the failed one start at {min(later):.4g} ohm or "
                            "more, as those before: the cell has recovered, as from a soft short.",
                        )
                    )
            break
    doubtful = any(flag.name in _UNSURE for flag in found or ())
    return channels.honest(_answer(record, steps, failed, doubtful, flags, details, options))


def _refuse_opposed(record: "xr.Dataset", steps: tuple[ControlStep, ...]) -> None:
    """Refuse a staircase of which a part cannot be read: what failed there would come too late."""
    kept, opposed = steps_with_the_current(record, steps, "a failed step")
    if not opposed:
        return
    voltage = read_columns(record)[1]

    def resistance(step: ControlStep) -> float:
        return abs(float(np.median(voltage[step.rows])) / step.current)

    # A shorted step may show the offset of the instrument.
    usual = float(np.median([resistance(step) for step in kept]))
    if max(resistance(step) for step in steps if step not in kept) < _OFFSET * usual:
        return
    raise FeatureError(
        f"{record_name(record)}: {opposed[0].message.partition(': a discharge')[0]}: a discharge, "
        "or a column without its sign. A staircase is read whole or not at all: give current and "
        "voltage their signs, or cut out the steps of a discharge"
    )


@dataclass(frozen=True)
class _Step:
    """One step, ready to be read."""

    step: ControlStep
    time: Array
    raw: Array  # [V], in the direction of the current
    noise: Noise
    start: float  # resistance [ohm]
    settled: float

    @classmethod
    def of(cls, record: "xr.Dataset", step: ControlStep) -> "_Step":
        """Return the step of a record."""
        test_time, voltage, _ = (part[step.rows] for part in read_columns(record))
        time, raw = test_time - step.begin, voltage * np.sign(step.current)
        noise = estimate_noise(time, raw)
        curve, _ = despike(raw, noise)
        settled = float(np.median(curve[len(curve) // 2 :])) / abs(step.current)
        return cls(step, time, raw, noise, _start_resistance(time, curve, step.current), settled)


def _short_before(
    each: _Step, earlier: list[_Step], number: int, resistance_ratio: float
) -> list[Flag] | None:
    """Return the flag of a step that starts shorted, None where it does not."""
    if not earlier:
        return None
    before = float(np.median([one.start for one in earlier]))
    error = each.noise.effective / abs(each.step.current)
    if each.start + 3 * error >= resistance_ratio * before:
        return None
    return [
        Flag(
            "short_between_steps",
            f"Step {number + 1} starts at {each.start:.4g} ohm, below {resistance_ratio:g} of "
            f"the {before:.4g} ohm before it: shorted.",
        )
    ]


def _is_activation(each: _Step, fall: Fall, settled: list[float]) -> bool:
    """Return whether a fall early in a step is from an overpotential that starts the step.

    It leaves the resistance of the steps before; in the first step, most of the voltage.
    """
    drop = fall.drop
    if each.time[drop.begin] - each.time[0] > _EARLY * (each.time[-1] - each.time[0]):
        return False
    if not settled:
        return drop.level_after > _FIRST_STEP * drop.level_before
    left = drop.level_after / abs(each.step.current)
    return left > _SHORTED * float(np.median(settled))


def _events(
    each: _Step,
    settled: list[float],
    gates: Gates,
    shorted: float,
    divergence: float,
    last: bool,
) -> Events:
    """Return what happens in a step after its edge and the overpotential at its start."""
    time, first = each.time, 1  # the first rows hold the edge of the step itself
    while True:
        events = read_events(
            time[first:],
            each.raw[first:],
            each.noise,
            gates,
            shorted=shorted,
            rise=divergence,
            last=last,
        ).later(first)
        fall = events.fall
        if fall is None or events.runaway or not _is_activation(each, fall, settled):
            smaller = tuple(
                other for other in events.smaller if not _is_activation(each, other, settled)
            )
            return replace(events, smaller=smaller)
        if len(time) - fall.drop.after <= _FEWEST:
            return replace(events, fall=None)
        first = fall.drop.after + 1


def _failure_within(
    record: "xr.Dataset",
    each: _Step,
    settled: list[float],
    number: int,
    gates: Gates,
    shorted: float,
    divergence: float,
    last: bool,
    details: dict[str, float],
) -> list[Flag]:
    """Return how a cell failed within a step, and note between which times."""
    step, time = each.step, each.time
    events = _events(each, settled, gates, shorted, divergence, last)
    fall, runaway = events.fall, events.runaway
    where = f"step {number + 1}, at {abs(step.current):.4g} A"
    seen = [
        replace(flag, message=f"In {where}: {flag.message}")
        for flag in events.flags(time)
        if flag.name != "several_drops"  # it failed, by one or the other
    ]
    if runaway is not None:
        at = float(time[runaway.onset + 1])
        details |= {"event_time_lower": at, "event_time_upper": float(time[-1])}
        words = f"The voltage runs away in {where}, from {at:.4g} s."
        return [*seen, Flag("runaway_within_step", words)]
    limit = find_compliance(record, step)
    if limit is not None and (fall is None or limit - step.start <= fall.drop.begin):
        at = float(time[min(max(limit - step.start - 1, 0), len(time) - 1)])
        details |= {"event_time_lower": at, "event_time_upper": at}
        return [*seen, Flag("compliance", f"The instrument is at its limit in {where}.")]
    if fall is None:
        return seen
    ends = (float(time[fall.drop.before]), float(time[fall.drop.after]))
    if not fall.certain:
        why = fall.why or (
            f"falls by {fall.drop.jump:.3g} V in the last rows or on and off: a short that stopped "
            "the test, or the current being switched off"
        )
        return [
            *seen,
            Flag(
                "unclear_drop" if fall.why else "unconfirmed_drop",
                f"In {where}, the voltage {why}. It counts as no failure.",
            ),
        ]
    details |= {"event_time_lower": ends[0], "event_time_upper": ends[1]}
    flags = [
        *seen,
        Flag(
            "short_within_step",
            f"The voltage drops by {fall.drop.jump:.3g} V in {where}, between {ends[0]:.6g} and "
            f"{ends[1]:.6g} s.",
        ),
    ]
    if time[-1] - ends[1] < gates.persistence:
        flags.append(
            Flag("end_of_record", f"{where[0].upper()}{where[1:]} ends right after the drop.")
        )
    if fall.recovers:
        flags.append(
            Flag("soft_short", f"The voltage comes back up in {where}: a soft short, as failed.")
        )
    return flags


def _whole(steps: tuple[ControlStep, ...], record: "xr.Dataset") -> list[bool]:
    """Return which steps lasted as long as their programme has it: a time, or a charge.

    The programme is what varies less from step to step, the last one aside.
    """
    time = read_columns(record)[0]
    lengths = np.array(
        [
            step.duration + float(np.median(np.diff(time[step.rows])))  # up to the next row
            for step in steps
        ]
    )
    charges = lengths * np.abs([step.current for step in steps])

    def shares(sizes: Array) -> Array:
        return np.asarray(sizes / np.median(sizes[:-1]))

    by_time, by_charge = shares(lengths), shares(charges)
    if len(steps) > 2 and np.std(by_charge[:-1]) < np.std(by_time[:-1]):
        by_time = by_charge
    return [bool(share >= _WHOLE) for share in by_time]


def _answer(
    record: "xr.Dataset",
    steps: tuple[ControlStep, ...],
    failed: int | None,
    doubtful: bool,
    flags: list[Flag],
    details: dict[str, float],
    options: dict[str, float | str | bool],
) -> Feature:
    """Return the feature of a staircase."""
    used = steps if failed is None else steps[: failed + 1]
    currents = [abs(step.current) for step in used]
    # The failed step may have been cut short: its length says nothing about the programme.
    before = used if failed is None or failed == 0 else used[:-1]
    lengths = np.array([step.duration for step in before])
    details |= {
        "step_time": float(lengths[-1]),
        "step_count": float(len(steps)),
        "step_start": used[-1].begin,
    }
    if len(lengths) > 1 and float(np.ptp(lengths)) > 0.1 * float(np.median(lengths)):
        flags.append(
            Flag(
                "unequal_steps",
                f"The steps last from {lengths.min():.4g} to {lengths.max():.4g} s; step_time is "
                f"that of the last one borne, {lengths[-1]:.4g} s.",
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
    whole = _whole(steps, record)[: len(used)]
    if doubtful:
        whole[-1] = False
    borne = [current for current, enough in zip(currents, whole, strict=True) if enough]
    if failed is None:
        if not borne:
            name = record_name(record)
            raise FeatureError(
                f"{name}: no step failed for certain and none was borne to its end: the record "
                "bounds no current; enter by hand what is known of the cell"
            )
        top = max(borne)
        flags.append(Flag("none_failed", "No step failed: the largest current is a lower bound."))
        if max(currents) > 1.02 * top:
            flags.append(
                Flag(
                    "cut_short",
                    f"The step at {max(currents):.4g} A ended before its time: it counts neither "
                    f"as survived nor as failed, and the bound is {top:.4g} A.",
                )
            )
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=top,
            flags=tuple(flags),
            details=details,
        )
    details["failed_step"] = float(failed + 1)
    upper = currents[-1]
    borne = [
        current
        for current, enough in zip(currents[:-1], whole[:-1], strict=True)
        if enough and current < 0.98 * upper
    ]
    if not borne:
        flags.append(
            Flag("first_failed", "No step before the failed one was borne: an upper bound.")
        )
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
        lower=max(borne),
        upper=upper,
        flags=tuple(flags),
        details=details,
    )
