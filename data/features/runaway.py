"""A voltage that leaves its level for good: a runaway, a collapse over minutes, the limit.

The level is the median of what was before, taken again as the record goes on, so that neither a
drift nor a long stay at the instrument's limit is taken for it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.features.control import REST, ControlStep, read_columns, step_changes
from data.features.decline import find_decline
from data.features.noise import estimate_noise
from data.features.rows import runs

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Departure",
    "find_collapse",
    "find_compliance",
    "find_flicker",
    "find_limit",
    "find_rise",
    "find_runaway",
]

_QUIET = 5  # fewest rows of a level
_GROWTH = 1.1  # of the part that the level is taken from
_STAYS = 10.0  # [s]
_SUDDEN = 0.2  # of the time that has passed
_COLLAPSE = 0.33  # the same of a fall: a steady decline from the start takes half
_DRIFTS = 1.5  # times the level, that a drift of its median may hide; more is an overpotential
_PART_OF = (
    0.6  # of the time from the one to the other, that the level before lasts: a line has 0.25
)
_BENT = 0.5  # the same of a rise that is kept to the end, since its level: a steady one takes 2/3
_BACK = 0.75  # of the level, above which a voltage that flickers is back at it
_FLICKERS = 0.3  # of the rows, that may be back
_BEFORE = 50  # rows that its level is taken from
_OF_NEXT = 50  # rows of the step that follows on a limit
_FALLS = 0.02  # of its current, which falls where the programme holds a voltage
_STEPS_DOWN = 2e-3  # of a voltage, by which it falls where the programme sets less current
_SHORT = 0.01  # of its setting, by which a current is below it: more than any calibration is off
_RUN_UP = 1.5  # of the level of a step, above which it ends at a limit


@dataclass(frozen=True)
class Departure:
    """Where a curve leaves its level.

    Parameters
    ----------
    onset : int
        Last row within a third of what counts.
    crossed : int
        First row beyond it.
    level : float
        The level before [unit of the curve].
    """

    onset: int
    crossed: int
    level: float


def _stays(time: Array, beyond: NDArray[np.bool_], first: int) -> int | None:
    """Return the first row from which a curve is beyond for five rows and ten seconds, or the end.

    The end is that of the curve itself: instruments stop at their limit.
    """
    later = time[first:]
    for low, high in runs(beyond[first:]):
        if first + high == len(beyond):
            return first + low
        if high - low >= _QUIET and later[high] - later[low] >= _STAYS:
            return first + low
    return None


def _departure(
    time: Array, curve: Array, least: float, relative: float, sudden: float
) -> Departure | None:
    """Return where a curve first rises, suddenly and for good, above the median of before.

    By `least` and by `relative` of the level; through the upper two thirds of that in less than
    `sudden` of the time that has passed, or within two rows.
    """
    n = len(curve)
    known = _QUIET
    while known < n:
        level = float(np.median(curve[:known]))
        height = max(least, relative * abs(level))
        stop = min(n, max(2 * known, known + 50))
        beyond = curve[:stop] > level + height
        if beyond[known:].any():
            # One look ahead, so that the end of this part is not that of the curve.
            ahead = min(n, stop + int(np.searchsorted(time[stop:], time[stop - 1] + _STAYS)) + 5)
            beyond = curve[:ahead] > level + height
            crossed = _stays(time, beyond, known)
            under = np.flatnonzero(curve[:crossed] < level + height / 3) if crossed else np.empty(0)
            if crossed is not None and crossed < stop and under.size and under[-1] >= _QUIET - 1:
                onset = int(under[-1])
                spent = time[crossed] - time[onset]
                if crossed - onset <= 2 or spent < sudden * (time[crossed] - time[0]):
                    return Departure(onset, crossed, level)
        known = max(known + 1, int(_GROWTH * known))
    return None


def _passage(time: Array, curve: Array, height: float) -> float:
    """Return when a curve with noise rises through a height."""
    above = int(np.argmax(curve > height))
    under = np.flatnonzero(curve < height)
    return 0.5 * float(time[above] + time[under[-1] if under.size else 0])


def _bent(time: Array, curve: Array, least: float, sigma: float) -> Departure | None:
    """Return where a curve leaves its level that is high up to its end, slowly.

    By `least` and by half of the level. Either it bends upwards, at that height or at a larger one,
    or it ends at a limit with a corner there: what drifts steadily does neither.
    """
    limited = find_limit(time, curve, sigma) is not None
    top = float(np.max(curve))
    known = _QUIET
    while known < len(curve) - _QUIET:
        level = float(np.median(curve[:known]))
        start, first = float(time[known // 2]), known
        height = max(least, 0.5 * abs(level))
        known = max(known + 1, int(_GROWTH * known))
        if curve[-1] < level + 2 * height / 3:
            continue
        heights = [part * height for part in (1, 2, 4, 8) if top > level + part * height]
        crossed = int(np.argmax(curve > level + height))
        if not heights or crossed <= first:
            continue
        if np.mean(curve[crossed:] > level + 2 * height / 3) < 0.95:
            continue
        under = np.flatnonzero(curve[:crossed] < level + height / 3)
        thirds = [_passage(time, curve, level + each / 3) for each in heights]
        wholes = [_passage(time, curve, level + each) for each in heights]
        bends = any(
            whole - third < _BENT * (whole - start)
            for third, whole in zip(thirds, wholes, strict=True)
        )
        if (bends or limited) and under.size:
            return Departure(int(under[-1]), crossed, level)
    return None


def find_runaway(time: Array, curve: Array, rise: float) -> Departure | None:
    """Return where a curve runs away upwards.

    It rises over the median of what was before by `rise` and by half of it, and stays there for
    ten seconds or to its end, through the upper two thirds of that in less than a fifth of the
    time that has passed: a steady drift does not. Or it stays up to the end, and bends upwards or
    ends at a limit, with a corner there.

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
    Departure or None
        Its onset is the last row below a third of the rise.
    """
    if len(curve) <= _QUIET:
        return None
    sigma = estimate_noise(time, curve).sigma
    least = max(rise, 8 * sigma)
    found = _departure(time, curve, least, 0.5, _SUDDEN)
    if found is not None or len(curve) < 20:
        return found
    return _bent(time, curve, least, sigma)


def find_collapse(time: Array, curve: Array, relative: float) -> Departure | None:
    """Return where a curve loses a part of its level for good, over any time.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    relative : float
        Part of the level that counts.

    Returns
    -------
    Departure or None
        Its onset is the last row above a third of the loss.
    """
    sigma = estimate_noise(time, curve).effective
    found = _departure(time, -curve, 8 * sigma, relative, _COLLAPSE)
    # The median of before drifts with a fall that is as slow as the record is long.
    gone = find_decline(time, curve)
    if found is not None and found.level < 0:  # of the curve turned round
        level = -found.level
        if np.mean(curve[found.crossed :] < (1 - relative) * level) < 0.9:
            return None
        if gone is not None and level < gone.level < _DRIFTS * level:
            level = gone.level
        return Departure(found.onset, found.crossed, level)
    if gone is None or gone.loss < relative or gone.level - gone.end < 8 * sigma:
        return None
    start = float(time[0])
    if gone.since - start < _PART_OF * (gone.half - gone.since):
        return None  # it never had a level: it falls from the start
    crossed = int(np.searchsorted(time, gone.half)) + 1
    third = gone.level - (gone.level - gone.end) / 3
    above = np.flatnonzero(curve[:crossed] > third)
    return Departure(int(above[-1]), crossed, gone.level) if crossed < len(curve) else None


def find_rise(time: Array, curve: Array, relative: float) -> Departure | None:
    """Return where a curve rises by a part of its level and stays there, over any time.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    relative : float
        Part of the level that counts.

    Returns
    -------
    Departure or None
        Its onset is the last row below a third of the rise. None where it rises from the start, as
        gradients in the electrolyte make it do, or steadily.
    """
    if len(curve) <= _QUIET:
        return None
    sigma = estimate_noise(time, curve).effective
    found = _departure(time, curve, 8 * sigma, relative, _COLLAPSE)
    if found is None or found.level <= 0:
        return None
    up = curve[found.crossed :] > (1 + relative) * found.level
    return found if np.mean(up) >= 0.9 else None


def find_flicker(time: Array, curve: Array) -> tuple[Departure, bool] | None:
    """Return where a curve falls at once below half of its level and flickers there to its end.

    From row to row a short of dendrites may be anywhere below the level: such rows have no level of
    their own, and the noise of the whole curve is theirs.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.

    Returns
    -------
    Departure
        Its onset is the last row at the level.
    back : bool
        Whether single rows come back to the level: others than a short could make them.
    """
    n = len(curve)
    known = _QUIET
    while known <= n - _QUIET:
        level = float(np.median(curve[max(known - _BEFORE, 0) : known]))
        stays_up = np.median(curve[known :: 1 + n // 10_000]) > _BACK * level
        known = max(known + 1, int(_GROWTH * known))
        if level <= 0 or stays_up:
            continue
        onset = int(np.argmax(np.cumsum(np.where(curve > _BACK * level, 1, -1))))
        if not _QUIET - 1 <= onset < n - _QUIET or time[-1] - time[onset + 1] < _STAYS:
            continue
        before, rest = curve[max(onset - _BEFORE, 0) : onset + 1], curve[onset + 1 :]
        level = float(np.median(before))
        soon = np.median(rest[:_QUIET]) < 0.6 * level and np.median(before[-_QUIET:]) > 0.85 * level
        back = float(np.mean(rest > _BACK * level))
        steady = np.mean(before > 0.85 * level) >= 0.9
        if soon and steady and np.median(rest) < 0.5 * level and back < _FLICKERS:
            return Departure(onset, onset + 1, level), back > 0
    return None


def find_limit(time: Array, curve: Array, sigma: float) -> int | None:
    """Return the row from which a curve that has risen sits at one level, with a corner there.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    sigma : float
        Standard deviation of its noise [V].

    Returns
    -------
    int or None
        First row there. None where it settles, ever more slowly, or rises with the current.
    """
    n = len(curve)
    if n < 20:
        return None
    top, base = float(np.median(curve[-max(n // 20, 5) :])), float(np.min(curve))
    height, band = top - base, 6 * sigma
    if height <= 10 * band:
        return None
    at = [int(np.flatnonzero(curve < top - part)[-1]) + 1 for part in (0.6 * height, 0.3 * height)]
    there = int(np.flatnonzero(curve < top - max(band, 0.02 * height))[-1]) + 1
    flat = curve[there:]
    if n - there < max(n // 20, 10) or np.mean(np.abs(flat - top) < band) < 0.95:
        return None
    if np.median(np.abs(flat - top)) > sigma:
        return None  # it goes on rising
    if time[there] - time[0] < max(_STAYS, 0.02 * (time[-1] - time[0])):
        return None  # the start of the current
    if time[there] - time[at[1]] > 1.2 * (time[at[1]] - time[at[0]]):
        return None
    return there


def find_compliance(record: "xr.Dataset", step: ControlStep) -> int | None:
    """Return the row of a record at which a step reaches the limit of the instrument.

    Either the instrument flags an overload for three rows, and the current is below its setting or
    the voltage far above its level there, or the current falls below its setting while the voltage
    stays at its largest. Where the programme goes on to another step, that holds
    the voltage and its current falls; a rest or a smaller current, with which the voltage falls, is
    no limit.

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
    time, voltage, current = read_columns(record)
    curve = np.sign(step.current) * voltage[step.rows]
    lacking = abs(step.current) - np.sign(step.current) * current[step.rows]
    if "overload" in record:
        # A mark alone is no limit: ranges are switched, and transients pass.
        short = lacking > max(_SHORT * abs(step.current), 4 * step.spread)
        away = curve > _RUN_UP * max(float(np.median(curve)), 0.0)
        flagged = np.asarray(record["overload"].values, dtype=bool)[step.rows] & (short | away)
        if len(flagged) >= 3:
            three = flagged[:-2] & flagged[1:-1] & flagged[2:]
            if three.any():
                return step.start + int(np.argmax(three))
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
    top = float(np.max(curve))
    held = (follow > 0.95 * last).all() and (force < 0.95 * abs(step.current)).all()
    if not held or last <= 0.95 * top or last <= 0:
        return None
    if np.median(force) < -REST * abs(step.current):
        return None  # reversed by the programme: an instrument at its limit gives less, or nothing
    # A cell with a voltage of its own keeps it, too, when the current is switched off or set to
    # less.
    off = bool(np.median(np.abs(force)) <= REST * abs(step.current))
    # At a limit the voltage stays; less current, as the programme sets it, lowers it.
    clear = max(4 * estimate_noise(time[step.rows], curve).effective, _STEPS_DOWN * last)
    if not off and float(np.median(follow)) < last - clear:
        return None
    if step_changes(record, step.stop):
        next_rows = force if off else sign * current[step.stop : step.stop + _OF_NEXT]
        falls = float(next_rows[0] - np.min(next_rows))
        return step.stop if not off and falls > _FALLS * abs(float(next_rows[0])) else None
    return step.stop if not off or last > _RUN_UP * float(np.median(curve)) else None
