"""Steps that begin shorted, or risen: what happened between them and the step before."""

import numpy as np

from data.arrays import Array
from data.features.feature import Flag
from data.features.staircase import EQUAL, ReadStep, led_to

__all__ = ["FEWEST", "SHORTED_STEP", "rise_before", "short_before"]

SHORTED_STEP = 0.7  # of the resistance of the steps before
FEWEST = 8  # rows that anything is read from
_LINE = 0.9  # of the voltage that the steps before lead to on a line, which is at that line
_OWN = 0.5  # of the voltage of the step before, that later ones keep at no current

# Times the resistance before it. Diffusion makes artanh(x)/x of it at x of the limiting current: 2
# at 0.96, 3 at 0.995, which a step that settles hardly meets.
_DOUBLED, _RUN_AWAY = 2.0, 3.0

_RUN_UP = 1.5  # the same, of a rise by what counts as a runaway
_RISE = 0.01  # [V], more than the offset of an instrument or of two electrodes that are alike
_LATE = 0.9  # of a step: its end begins there
_THIRD = 1 / 3  # of a rise: below it a step is still low, above two of them it has come back
_WAITS = 3.0  # times as long as its rise is a step low that recovers at once; 0.6 if exponential


def _recovers_at_once(each: ReadStep, low: float, persistence: float) -> tuple[float, float] | None:
    """Return between which times a step that starts low comes back at once, None where it does not.

    A double layer or diffusion rises fastest at first; a short stays and then breaks. A voltage
    that starts with the other sign is no short.
    """
    time, level = each.time, each.curve / each.current
    start = float(np.median(level[1 : max(FEWEST, len(level) // 20)]))
    height = each.settled - start
    if start < -3 * each.error or start >= min(low, SHORTED_STEP * each.settled):
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


def short_before(
    read: list[ReadStep],
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


def _is_on_a_line(read: list[ReadStep], number: int, before: ReadStep) -> bool:
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


def _line(steps: list[ReadStep]) -> Array | None:
    """Return slope [ohm] and voltage at no current [V] of steps, None if of fewer than two."""
    sizes = [one.current for one in steps]
    if len(sizes) < 2 or max(sizes) < (1 + EQUAL) * min(sizes):
        return None
    return np.polyfit(sizes, [one.level for one in steps], 1)


def rise_before(read: list[ReadStep], number: int, divergence: float) -> list[Flag]:
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
    highest = max(usual, led_to(before, up=True), led_to(own or before, up=True))
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
