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

from data.arrays import Array
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
from data.features.events import ALIKE, SHORTED, Events, read_events
from data.features.fall import Fall
from data.features.feature import Feature, Flag
from data.features.leads import own_voltage, steps_with_the_current
from data.features.noise import Noise, despike, estimate_noise
from data.features.runaway import find_compliance

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_failed_step"]


ALGORITHM = "current_steps"
VERSION = "6"
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
_EARLY = 0.2  # of a step, that an overpotential at its start may last
_SHORTED = 0.7  # of the resistance of the steps before
_FIRST_STEP = 0.3  # of the voltage, that is left of an overpotential in the first step
_WHOLE = 0.9  # of the length of a step
_OFFSET = 0.1  # of the resistance of the others, that a shorted step may show with a wrong sign
_FEWEST = 8  # rows that anything is read from
_ROWS = 5  # of a level that is reached
_TREND = 3  # ratios of neighbouring steps that a gradual fall is read from
_MOST_FALL = 0.7  # of the resistance of the step before: a larger fall is no trend
_LINE = 0.9  # of the voltage that the steps before lead to on a line, which is at that line
_OWN = 0.5  # of the voltage of the step before, that later ones keep at no current
# Times the resistance before it. Diffusion makes artanh(x)/x of it at x of the limiting current: 2
# at 0.96, 3 at 0.995, which a step that settles hardly meets.
_DOUBLED, _RUN_AWAY = 2.0, 3.0
_RUN_UP = 1.5  # the same, of a rise by what counts as a runaway
_RISE = 0.01  # [V], more than the offset of an instrument or of two electrodes that are alike
_LATE = 0.9  # of a step: its end begins there
_EQUAL = 0.02  # of a current, within which two are the same
_OFFSET_CLEAR = 0.5  # of how resistances of neighbours differ, that is left without an offset
_OFFSET_MATTERS = 0.02  # of a resistance, that neighbours have to differ by
_TRIPLES = 3  # of steps, fewest that an offset is read from
_THIRD = 1 / 3  # of a rise: below it a step is still low, above two of them it has come back
_WAITS = 3.0  # times as long as its rise is a step low that recovers at once; 0.6 if exponential


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
        ``cut_short``, ``unequal_steps``, ``not_increasing``, ``steps_not_read``, and those of the
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
    record, offset = _without_offset(record, steps, details)
    _refuse_opposed(record, steps)
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
    read = [_Step.of(record, step) for step in steps]
    flags = [*unread, *offset, *own]
    failed: int | None = None
    first: _Partial | None = None
    switched = False
    for number, each in enumerate(read):
        expected = _expected(each, read[:number])
        found = before = _short_before(read, number, expected, resistance_ratio, gates.persistence)
        low = np.inf if expected is None else resistance_ratio * expected
        if not _fails(before) or each.reaches(low):
            last = each.step.stop == record.sizes["record"] and not switched
            found = _failure_within(
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
                found += before or _rise_before(read, number, divergence)
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
    doubtful = any(flag.name in _UNSURE for flag in found)
    return channels.honest(_answer(record, steps, failed, doubtful, flags, details, options))


def _fails(flags: list[Flag]) -> bool:
    """Return whether flags tell of a failure."""
    return any(flag.name in _FAILURES for flag in flags)


def _without_offset(
    record: "xr.Dataset", steps: tuple[ControlStep, ...], details: dict[str, float]
) -> tuple["xr.Dataset", list[Flag]]:
    """Take a constant voltage off a staircase of both signs, where it shows.

    It adds to one sign and is taken from the other. Three steps of alternating sign give it each;
    the best is that with which neighbouring resistances differ least, and counts if it halves how
    they differ. A cell of two unlike sides has none: what differs there grows with the current.
    """
    voltage = read_columns(record)[1]
    signs = np.sign([step.current for step in steps])
    sizes = np.abs([step.current for step in steps])
    settled = np.array(
        [float(np.median(voltage[(step.start + step.stop) // 2 : step.stop])) for step in steps]
    )
    along = signs * settled
    candidates = []
    for k in range(1, len(steps) - 1):
        before, here, after = sizes[k - 1 : k + 2]
        if signs[k - 1] == signs[k] or signs[k + 1] == signs[k]:
            continue
        if not (1 - _EQUAL) * min(before, after) <= here <= (1 + _EQUAL) * max(before, after):
            continue
        same = abs(after - before) <= _EQUAL * here
        share = 0.5 if same else float(np.clip((here - before) / (after - before), 0, 1))
        line = (1 - share) * along[k - 1] + share * along[k + 1]
        candidates.append(0.5 * signs[k] * (along[k] - line))
    usual = float(np.median(np.abs(along) / sizes))
    if len(candidates) < _TRIPLES or usual == 0:
        return record, []

    def unlike(offset: float) -> Array:
        left = np.maximum((along - signs * offset) / sizes, 0.01 * usual)
        return np.asarray(np.abs(np.diff(np.log(left))))

    best = min(candidates, key=lambda offset: float(np.sum(unlike(offset))))
    differ = float(np.median(unlike(0.0)))
    if differ < _OFFSET_MATTERS or np.median(unlike(best)) > _OFFSET_CLEAR * differ:
        return record, []
    details["voltage_offset"] = float(best)
    corrected = ("record", voltage - best, dict(record["voltage_volt"].attrs))
    words = (
        f"The voltage of both signs of the current is off by {best:.3g} V, which is taken off: an "
        "offset of the instrument, or of two electrodes that are not alike."
    )
    return record.assign(voltage_volt=corrected), [Flag("voltage_offset", words)]


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
    curve: Array  # without spikes
    noise: Noise
    settled: float  # resistance [ohm]

    @classmethod
    def of(cls, record: "xr.Dataset", step: ControlStep) -> "_Step":
        """Return the step of a record."""
        test_time, voltage, _ = (part[step.rows] for part in read_columns(record))
        time, raw = test_time - step.begin, voltage * np.sign(step.current)
        noise = estimate_noise(time, raw)
        curve, _ = despike(raw, noise)
        settled = float(np.median(curve[len(curve) // 2 :])) / abs(step.current)
        return cls(step, time, raw, curve, noise, settled)

    @property
    def current(self) -> float:
        """Size of its current [A]."""
        return abs(self.step.current)

    @property
    def level(self) -> float:
        """Voltage that it settles at [V]."""
        return self.settled * self.current

    @property
    def error(self) -> float:
        """Standard deviation of the resistance of a row [ohm]."""
        return self.noise.effective / self.current

    def between(self, begin: float, end: float) -> float:
        """Return the resistance between two times since the step's start [ohm]."""
        rows = (self.time >= begin) & (self.time <= end)
        if not rows.any():
            rows = np.arange(len(self.time)) == np.argmin(np.abs(self.time - 0.5 * (begin + end)))
        return float(np.median(self.curve[rows])) / self.current

    def reaches(self, resistance: float) -> bool:
        """Return whether it is at a resistance [ohm] for some rows, after its edge."""
        rows = np.lib.stride_tricks.sliding_window_view(
            self.curve[1:], min(_ROWS, len(self.curve) - 1)
        )
        highest = float(np.max(np.median(rows, axis=1)))
        return highest >= resistance * self.current

    def settled_in(self, length: float) -> float:
        """Return what it had settled to by a time since its start [ohm]."""
        return (
            self.settled if length >= _WHOLE * self.time[-1] else self.between(length / 2, length)
        )


@dataclass(frozen=True)
class _Partial:
    """A short that may be none: the step, the resistance lost [ohm], and what was said of it."""

    number: int
    lost: float
    flags: tuple[Flag, ...]
    details: dict[str, float]


def _lost(
    each: _Step, expected: float | None, details: dict[str, float]
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


def _led_to(resistances: list[float], *, up: bool = False) -> float:
    """Return the resistance that earlier ones lead to, where they fall gradually, or rise."""
    last = resistances[-_TREND - 1 :]
    ratios = [after / before for before, after in pairwise(last) if before > 0]
    legal = (1.0, 1.0 / _MOST_FALL) if up else (_MOST_FALL, 1.0)
    trend = float(np.clip(np.median(ratios), *legal)) if ratios else 1.0
    return resistances[-1] * trend


def _expected(each: _Step, earlier: list[_Step]) -> float | None:
    """Return the least resistance that is to be expected of a step [ohm], None of the first.

    The median of those before; or what the last of them lead to, of either sign or of its own. All
    are taken at the same times since their start, if one of them was cut off.
    """
    if not earlier:
        return None
    length = float(each.time[-1])
    before = [one.settled_in(length) for one in earlier]
    sign = np.sign(each.step.current)
    own = [
        level
        for one, level in zip(earlier, before, strict=True)
        if np.sign(one.step.current) == sign
    ]
    return min(float(np.median(before)), _led_to(before), _led_to(own or before))


def _recovers_at_once(each: _Step, low: float, persistence: float) -> tuple[float, float] | None:
    """Return between which times a step that starts low comes back at once, None where it does not.

    A double layer or diffusion rises fastest at first; a short stays and then breaks. A voltage
    that starts with the other sign is no short.
    """
    time, level = each.time, each.curve / each.current
    start = float(np.median(level[1 : max(_FEWEST, len(level) // 20)]))
    height = each.settled - start
    if start < -3 * each.error or start >= min(low, _SHORTED * each.settled):
        return None
    back = np.flatnonzero(level > start + 2 * _THIRD * height)
    under = np.flatnonzero(level[: back[0]] < start + _THIRD * height)
    if not under.size:
        return None
    last, first = int(under[-1]), int(back[0])
    waited, rose = float(time[last] - time[0]), float(time[first] - time[last])
    if waited < max(_WAITS * rose, persistence):
        return None
    return float(time[last]), float(time[first])


def _short_before(
    read: list[_Step],
    number: int,
    expected: float | None,
    resistance_ratio: float,
    persistence: float,
) -> list[Flag]:
    """Return the flags of a step that is shorted from its start, or may be."""
    each, earlier = read[number], read[:number]
    if expected is None:
        return []
    where = f"Step {number + 1}"
    low = resistance_ratio * expected
    if each.settled >= low:
        back = _recovers_at_once(each, low - 3 * each.error, persistence)
        if back is not None:
            words = (
                f"{where} starts below {low:.4g} ohm and comes back at once between {back[0]:.6g} "
                f"and {back[1]:.6g} s"
            )
            return [
                Flag("short_between_steps", f"{words}: shorted until then."),
                Flag("soft_short", f"{words}: a soft short, as failed."),
            ]
    length = float(each.time[-1])
    usual = float(np.median([one.settled_in(length) for one in earlier]))
    settles = f"{where} settles at {each.settled:.4g} ohm"
    if each.settled + 3 * each.error < low:
        late, later = each.between(length / 2, 0.75 * length), each.between(0.75 * length, length)
        if later - late > 3 * each.error and 2 * later - late >= low:
            return [
                Flag(
                    "resistance_fell",
                    f"{settles}, below {resistance_ratio:g} of the {expected:.4g} ohm to be "
                    "expected, and still rises when it ends: a short, or a slow start. It counts "
                    "as no failure.",
                )
            ]
        if each.reaches(low):
            return [
                Flag(
                    "resistance_fell",
                    f"{settles}, below {resistance_ratio:g} of the {expected:.4g} ohm to be "
                    "expected, and started above that without a drop that is seen: activation, "
                    "or a short that grows. It counts as no failure.",
                )
            ]
        after = read[number + 1 :]
        sign = np.sign(each.step.current)
        if all(np.sign(one.step.current) != sign for one in earlier) and after:
            back_at = after[0].settled
            if np.sign(after[0].step.current) != sign and back_at >= low:
                return [
                    Flag(
                        "resistance_fell",
                        f"{settles}, the first of its sign, below {resistance_ratio:g} of the "
                        f"{expected:.4g} ohm before it; the next one, of the other sign, is at "
                        f"{back_at:.4g} ohm: two sides that are not alike, an offset of the "
                        "voltage, or a short that recovered. It counts as no failure.",
                    )
                ]
        before = next(
            (one for one in reversed(earlier) if np.sign(one.step.current) == sign), earlier[-1]
        )
        rises = each.level > before.level
        volts = f"{each.level:.3g} V, after {before.level:.3g} V in the one before"
        if rises and _is_on_a_line(read, number, before):
            return [
                Flag(
                    "own_voltage",
                    f"{settles}, below {resistance_ratio:g} of the {expected:.4g} ohm to be "
                    f"expected, and is at {volts}, on a line that does not lead to zero at no "
                    "current: a cell with a voltage of its own, or kinetics that are not linear. A "
                    "short is a voltage that falls: it counts as no failure.",
                )
            ]
        flags = [
            Flag(
                "short_between_steps",
                f"{settles}, below {resistance_ratio:g} of the {expected:.4g} ohm to be expected "
                "after the steps before it: shorted.",
            )
        ]
        if len(earlier) == 1 and rises:
            flags.append(
                Flag(
                    "resistance_fell",
                    f"{where} is at {volts}, and no other shows how the resistance falls with the "
                    "current: it may be kinetics that are not linear instead of a short.",
                )
            )
        return flags
    if each.settled + 3 * each.error < resistance_ratio * usual:
        return [
            Flag(
                "resistance_fell",
                f"{settles}, below {resistance_ratio:g} of the median of the steps before it, "
                f"{usual:.4g} ohm, to which they fell gradually: activation, kinetics that are not "
                "linear, a growing area, or a short that grows. It counts as no failure.",
            )
        ]
    return []


def _is_on_a_line(read: list[_Step], number: int, before: _Step) -> bool:
    """Return whether a step whose voltage has risen is on a line with others, and not through zero.

    With those of its sign before it; or with those after it, while their voltages rise.
    """
    sign = np.sign(read[number].step.current)
    own = [one for one in read[:number] if np.sign(one.step.current) == sign]
    line = _line(own)
    if line is not None and read[number].level > _LINE * np.polyval(line, read[number].current):
        return True
    later = [read[number]]
    for one in read[number + 1 :]:
        if np.sign(one.step.current) != sign:
            continue
        if one.current < later[-1].current or one.level < later[-1].level:
            break
        later.append(one)
    line = _line(later)
    return line is not None and float(line[1]) > _OWN * before.level


def _line(steps: list[_Step]) -> Array | None:
    """Return slope [ohm] and voltage at no current [V] of steps, None if of fewer than two."""
    sizes = [one.current for one in steps]
    if len(sizes) < 2 or max(sizes) < (1 + _EQUAL) * min(sizes):
        return None
    return np.polyfit(sizes, [one.level for one in steps], 1)


def _rise_before(read: list[_Step], number: int, divergence: float) -> list[Flag]:
    """Return the flags of a step at a multiple of the resistance before it: it fails, or may."""
    each, earlier = read[number], read[:number]
    if not earlier:
        return []
    length = float(each.time[-1])
    sign = np.sign(each.step.current)
    before = [one.settled_in(length) for one in earlier]
    own = [
        level
        for one, level in zip(earlier, before, strict=True)
        if np.sign(one.step.current) == sign
    ]
    usual = float(np.median(before))
    highest = max(usual, _led_to(before, up=True), _led_to(own or before, up=True))
    if usual <= 0:
        return []
    settled = each.settled - 3 * each.error
    rise = (settled - highest) * each.current
    runs_away = rise > divergence and settled > _DOUBLED * highest
    words = (
        f"Step {number + 1}, at {each.current:.4g} A, settles at {each.settled:.4g} ohm, "
        f"{each.settled / highest:.3g} times the {highest:.4g} ohm to be expected after the steps "
        "before it"
    )
    if own and rise > _RISE and (runs_away or settled > _RUN_AWAY * highest):
        flags = [Flag("runaway_between_steps", f"{words}: depleted, or its contact is lost.")]
        if not runs_away:
            flags.append(
                Flag(
                    "resistance_rose",
                    f"The voltage of step {number + 1} is up by less than {divergence:g} V: "
                    "perhaps contact is lost and the cell goes on. It counts as failed.",
                )
            )
        return flags
    late = max(settled, each.between(_LATE * length, length) - 3 * each.error)
    rise = (late - usual) * each.current
    least = _RUN_UP if rise > divergence else _DOUBLED
    if rise > _RISE and late > least * usual:
        return [
            Flag(
                "resistance_rose",
                f"Step {number + 1}, at {each.current:.4g} A, is at {late / usual:.3g} times the "
                f"median resistance of the steps before it, {usual:.4g} ohm: contact lost, an "
                "electrolyte that dries out, or one that is nearly depleted. It counts as no "
                "failure.",
            )
        ]
    return []


def _is_activation(each: _Step, fall: Fall, expected: float | None) -> bool:
    """Return whether a fall early in a step is from an overpotential that starts the step.

    It leaves the resistance of the steps before; in the first step, most of the voltage.
    """
    drop = fall.drop
    if each.time[drop.begin] - each.time[0] > _EARLY * (each.time[-1] - each.time[0]):
        return False
    if expected is None:
        return drop.level_after > _FIRST_STEP * drop.level_before
    left = drop.level_after / each.current
    return left > _SHORTED * expected


def _events(
    each: _Step,
    expected: float | None,
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
        if fall is None or events.runaway or not _is_activation(each, fall, expected):
            smaller = tuple(
                other for other in events.smaller if not _is_activation(each, other, expected)
            )
            return replace(events, smaller=smaller)
        if len(time) - fall.drop.after <= _FEWEST:
            return replace(events, fall=None)
        first = fall.drop.after + 1


def _failure_within(
    record: "xr.Dataset",
    each: _Step,
    expected: float | None,
    number: int,
    gates: Gates,
    shorted: float,
    divergence: float,
    last: bool,
    details: dict[str, float],
) -> list[Flag]:
    """Return how a cell failed within a step, and note between which times."""
    step, time = each.step, each.time
    events = _events(each, expected, gates, shorted, divergence, last)
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
    borne = [c for c, enough in zip(currents[:-1], whole[:-1], strict=True) if enough]
    if borne and max(borne) > (1 + _EQUAL) * upper:
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
    borne = [current for current in borne if current < (1 - _EQUAL) * upper]
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
