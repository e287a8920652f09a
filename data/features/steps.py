"""Critical current by steps: the last current a cell survived and the one at which it failed.

A cell fails within a step when its voltage drops (a short) or runs away (depletion or voids), or
between two steps when the later one settles below 0.7 of the resistance to be expected after those
before, or at a multiple of it. How a step starts says little: a slow double layer or diffusion may
take minutes.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from data.errors import FeatureError
from data.features.channels import read_channels
from data.features.control import ControlStep, constant_current_steps, record_name, unread_steps
from data.features.drop import Gates
from data.features.events import ALIKE, SHORTED
from data.features.feature import Feature, Flag
from data.features.leads import own_voltage
from data.features.staircase import (
    EQUAL,
    ReadStep,
    expected_resistance,
    refuse_opposed,
    whole_steps,
    without_offset,
)
from data.features.step_starts import rise_before, short_before
from data.features.unrest import noise_sets_in
from data.features.within_steps import failure_within

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_failed_step"]

ALGORITHM = "current_steps"
VERSION = "7"
_FAILURES = (
    "short_within_step",
    "short_between_steps",
    "runaway_within_step",
    "runaway_between_steps",
    "compliance",
)
_SHORTS = frozenset({"short_within_step", "short_between_steps"})
_WITHIN = ("event_time_lower", "event_time_upper")
_ONCE = frozenset({"own_voltage", "resistance_fell", "resistance_rose"})  # are told of once
_UNSURE = frozenset({"unconfirmed_drop", "unclear_drop"})


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
        A step that settles below this part of the resistance to be expected has failed: of the
        median of the steps before, or of what the last of them lead to, where they fall gradually.
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
        ``short_between_steps``, ``runaway_between_steps`` (from one step to the next to a multiple
        of the resistance), ``soft_short`` (the cell recovered), ``resistance_fell``
        (gradually, or on one side of the cell, or in a step that has not settled: perhaps a short),
        ``resistance_rose`` (to a multiple, and by less than `divergence`), ``own_voltage`` (the
        resistance falls as that of a cell with a voltage at no current does), ``failed_lower`` (at
        a smaller current than one that it bore),
        ``voltage_offset`` (taken off), ``end_of_record`` (the step ends right after the drop),
        ``unconfirmed_drop`` and ``unclear_drop`` (what another cause could make), ``small_drop``,
        ``partial_drop`` (a short that leaves more than a third; of several drops that last, the
        largest counts), ``excursion``, ``back_at_old_level``, ``none_failed``, ``first_failed``,
        ``cut_short``, ``unequal_steps``, ``not_increasing``, ``steps_not_read``,
        ``noise_sets_in``, ``brief_dips``, ``many_dips``, and those of the
        channels (``frozen_channel``, ``held_values``, ``magnitude_current``, ``coarse_time``).
        Details: ``step_time`` (of the last step borne, else of the failed one [s]),
        ``step_count``, ``failed_step`` (1 is the first), ``resistance`` of the failed step and
        ``resistance_before`` it, as to be expected [ohm], ``voltage_offset`` [V],
        ``step_start`` and, of a failure within a step,
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
    details: dict[str, float] = {}
    record, offset = without_offset(record, steps, details)
    refuse_opposed(record, steps)
    own = own_voltage(record, steps, "a failed step")
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
    read = [ReadStep.of(record, step) for step in steps]
    flags = [*unread, *offset, *own]
    failed: int | None = None
    first: _Partial | None = None
    switched = False
    for number, each in enumerate(read):
        expected = expected_resistance(each, read[:number])
        found = before = short_before(read, number, expected, resistance_ratio, gates.persistence)
        low = np.inf if expected is None else resistance_ratio * expected
        if not _fails(before) or each.reaches(low):
            last = each.step.stop == record.sizes["record"] and not switched
            found = failure_within(
                record,
                each,
                expected,
                number,
                gates,
                1 - resistance_ratio,
                divergence,
                last,
                details,
            )
            if not _fails(found) and not _UNSURE.intersection(flag.name for flag in found):
                found += before or rise_before(read, number, divergence)
        if not _fails(found):
            told = _ONCE.intersection(flag.name for flag in flags)
            found = [flag for flag in found if flag.name not in told]
        names = [flag.name for flag in found]
        unsure = _UNSURE.intersection(names)
        if unsure and (number + 1 < len(read) or switched):
            # The next step shows whether it is a short; and an instrument that writes the switch
            # at the end of one step does so at the last one.
            switched = switched or "unconfirmed_drop" in unsure
            found = [flag for flag in found if flag.name != "unconfirmed_drop"]
        if not _fails(found):
            flags += found
            continue
        own_details, left, lost = _lost(each, expected, details)
        if first is not None and lost * ALIKE <= first.lost:
            read[number] = replace(each, settled=left)  # the largest drop that lasts counts
            continue
        failed = number
        flags += found
        details |= own_details
        if expected is not None:
            later = [one.settled for one in read[number + 1 :]]
            short = any(name.startswith("short") for name in names)
            if (
                short
                and "soft_short" not in names
                and min(later, default=0.0) > resistance_ratio * expected
            ):
                names.append("soft_short")
                flags.append(
                    Flag(
                        "soft_short",
                        f"The steps after the failed one settle at {min(later):.4g} ohm or "
                        "more, as those before: the cell has recovered, as from a soft short.",
                    )
                )
        if first is not None or not _is_partial(names, left, lost):
            break
        flags.append(
            Flag(
                "partial_drop",
                f"What is left in step {number + 1}, {left:.4g} ohm, is {left / (left + lost):.0%} "
                "of the resistance before: a short leaves less than a third for certain. Of "
                "several drops that last, the largest counts.",
            )
        )
        first = _Partial(number, lost, tuple(flags), dict(details))
        for name in _WITHIN:
            details.pop(name, None)
        read[number] = replace(each, settled=left)
    if first is not None and failed == first.number:
        flags = list(first.flags)
        details.clear()
        details |= first.details
    borne = read[: max(failed, 1)] if failed is not None else read
    flags += noise_sets_in(
        np.concatenate([each.step.begin + each.time for each in borne]),
        np.concatenate([each.raw / each.current for each in borne]),
        "resistance",
    )
    doubtful = any(flag.name in _UNSURE for flag in found)
    return channels.honest(_answer(record, steps, failed, doubtful, flags, details, options))


def _fails(flags: list[Flag]) -> bool:
    """Return whether flags tell of a failure."""
    return any(flag.name in _FAILURES for flag in flags)


@dataclass(frozen=True)
class _Partial:
    """A short that may be none: the step, the resistance lost [ohm], and what was said of it."""

    number: int
    lost: float
    flags: tuple[Flag, ...]
    details: dict[str, float]


def _lost(
    each: ReadStep, expected: float | None, details: dict[str, float]
) -> tuple[dict[str, float], float, float]:
    """Return the details of a failed step, and the resistance left and lost in it [ohm]."""
    left = each.settled
    before = expected
    if "event_time_upper" in details:
        after = each.time >= details["event_time_upper"]
        left = float(np.median(each.curve[after])) / each.current
        if before is None:
            earlier = each.curve[each.time <= details["event_time_lower"]]
            before = float(np.median(earlier)) / each.current
    own = {"resistance": each.settled}
    if expected is not None:
        own["resistance_before"] = expected
    return own, left, (left if before is None else before) - left


def _is_partial(names: list[str], left: float, lost: float) -> bool:
    """Return whether a failure is a short that lasts and leaves more than one does for certain."""
    failures = set(names) & {*_FAILURES, "soft_short"}
    return failures <= _SHORTS and lost > 0 and left > SHORTED * (left + lost)


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
    whole = whole_steps(steps, record)[: len(used)]
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
    borne = [c for c, enough in zip(currents[:-1], whole[:-1], strict=True) if enough]
    if borne and max(borne) > (1 + EQUAL) * upper:
        flags.append(
            Flag(
                "failed_lower",
                f"The cell fails in step {failed + 1}, at {upper:.4g} A, after it bore "
                f"{max(borne):.4g} A: time, charge or the larger current has made it fail, and no "
                "bracket of currents holds that. What is stated is the bound of the largest "
                "current borne.",
            )
        )
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=max(borne),
            flags=tuple(flags),
            details=details,
        )
    borne = [current for current in borne if current < (1 - EQUAL) * upper]
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
