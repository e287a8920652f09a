"""Voltages that leave and come back."""

from dataclasses import dataclass

import numpy as np

from data.arrays import Array
from data.features.drop import Drop
from data.features.noise import Noise
from data.features.rows import runs
from data.features.runaway import Departure

__all__ = ["QUIET", "Excursion", "excursion_before", "excursion_of", "is_frozen"]

_THIRD = 1 / 3  # of a height: below it a curve is at the level, above two of them away from it
_SLOWER = 3.0  # than its return may the rise of an excursion be
_TAIL = 0.05  # of its height
_LASTS = 10.0  # [s] that a level lasts, at least
QUIET = 5  # rows of it
_LEVEL = 50  # rows that it is taken from, at least, and over as long a time as
_RISES = 8.0  # times what the curve takes from a third of the height to two: a ramp, or the foot of
# a bell, is then less than half of it
_CLEAR = 20.0  # standard deviations of a height that single rows show
_FROZEN = 20  # equal rows of a channel that is dead


@dataclass(frozen=True)
class Excursion:
    """A voltage that went up and came back.

    Parameters
    ----------
    begin, end : int
        Last row before it and first row after it.
    height : float
        By how much the voltage was up [V].
    brief : bool
        Shorter than the level before it lasted: else it may have been the level itself.
    sudden : bool
        It rose at once, or at least not much more slowly than it came back: else it may have been
        a polarisation that a short ended.
    """

    begin: int
    end: int
    height: float
    brief: bool
    sudden: bool

    @property
    def sure(self) -> bool:
        """Whether it can be nothing else."""
        return self.brief and self.sudden


def _smooth(curve: Array, height: float, noise: Noise) -> Array:
    """Return a curve of which single rows show on which side of a height it is."""
    if height > _CLEAR * noise.effective or len(curve) < QUIET:
        return curve
    from scipy.ndimage import median_filter

    smooth: Array = median_filter(curve, size=QUIET, mode="nearest")
    return smooth


def _reach(time: Array, at: int, seconds: float, *, back: bool) -> slice:
    """Return the rows that a level beside a row is taken from, however densely they lie.

    Ten seconds and fifty rows at least, and as much longer as the way to it takes.
    """
    seconds = max(_LASTS, _RISES * seconds)
    if back:
        first = int(np.searchsorted(time, time[at] - seconds))
        return slice(max(min(first, at + 1 - _LEVEL), 0), at + 1)
    last = int(np.searchsorted(time, time[at] + seconds, side="right"))
    return slice(at, max(last, at + _LEVEL))


def _old_level(
    time: Array, smooth: Array, last: int, low: float, height: float, spent: float
) -> float | None:
    """Return how long a curve had a level up to a row [s], None where it did not last.

    It lasts ten seconds, or as long as the curve spent away from it.
    """
    part = smooth[: last + 1]
    under = np.flatnonzero(part <= low - _THIRD * height)
    first = int(under[-1]) + 1 if under.size else 0
    # Other excursions may have come between.
    level = np.flatnonzero(part[first:-1] < low + 0.5 * height) + first
    length = float(np.sum(time[level + 1] - time[level]))
    return length if level.size >= QUIET - 1 and length >= min(_LASTS, spent) else None


def excursion_before(
    time: Array,
    raw: Array,
    curve: Array,
    drop: Drop,
    noise: Noise,
    longest_ramp: float,
    shorted: float,
) -> Excursion | None:
    """Return the excursion that a drop is the return from, None where it is no return.

    The curve was at the level of after the drop, for some time, or at one that is not much higher.
    """
    # What it settles at: a drop may be the steepest part of a return only.
    span = float(time[drop.end] - time[drop.begin])
    settled = curve[drop.end : int(np.searchsorted(time, time[drop.end] + _LASTS + 2 * span)) + 1]
    low = min(drop.level_after, float(np.median(settled)))
    height = drop.level_before - low
    smooth = _smooth(curve, height, noise)
    if smooth[drop.begin] < low + _THIRD * height:  # a row or two, which pass for a spike
        smooth = smooth.copy()
        smooth[drop.begin - 1 : drop.begin + 1] = raw[drop.begin - 1 : drop.begin + 1]
    # The most probable begin of a gradual fall may be at its foot: it was up before that.
    high = np.flatnonzero(smooth[: drop.begin + 1] >= low + _THIRD * height)
    if not high.size:
        return None
    under = np.flatnonzero(smooth[: int(high[-1])] < low + _THIRD * height)
    if not under.size:
        return None
    last = int(under[-1])
    up = np.flatnonzero(smooth[last:] > low + 2 * _THIRD * height)
    first = last + (int(up[0]) if up.size else 0)
    spent = float(time[drop.begin] - time[first])
    lasted = _old_level(time, smooth, last, low, height, spent)
    if lasted is None:
        return None
    rise = float(time[first] - time[last])
    old = float(np.median(smooth[_reach(time, last, rise, back=True)]))
    if old - low >= shorted * old:
        return None  # it comes back to less than it was
    down = np.flatnonzero(smooth[int(high[-1]) :] < low + _THIRD * height)
    foot = int(high[-1]) + (int(down[0]) if down.size else 0)
    above = np.flatnonzero(smooth[: foot + 1] > low + 2 * _THIRD * height)
    if not above.size:
        return None  # smoothed it never was up: no level that a fall comes from
    fall = float(time[foot] - time[int(above[-1])])
    sudden = first - last <= 1 or rise <= max(longest_ramp, _SLOWER * fall)
    # Up to where its tail is in the noise.
    tail = np.flatnonzero(smooth[foot:] < low + max(_TAIL * height, 3 * noise.sigma))
    end = foot + (int(tail[0]) if tail.size else 0)
    return Excursion(last, max(end, drop.end), height, spent <= lasted, sudden)


def excursion_of(
    time: Array, curve: Array, away: Departure, noise: Noise, longest_ramp: float, shorted: float
) -> Excursion | None:
    """Return the excursion that a departure upwards is, None where it is for good.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    away : Departure
        Where it leaves its level.
    noise : Noise
        Its noise.
    longest_ramp : float
        Longest rise that is sudden [s].
    shorted : float
        Part of its level that a cell has lost where it is shorted.

    Returns
    -------
    Excursion or None
        None also where it comes back to less than it was, as of a short.
    """
    later = curve[away.crossed :]
    height = float(np.max(later)) - away.level
    smooth = _smooth(curve, height, noise)
    back = smooth < away.level + _THIRD * height
    before = np.flatnonzero(back[: away.crossed])
    last = int(before[-1]) if before.size else away.onset
    for low, high in runs(back[away.crossed :]):
        begin, end = away.crossed + low, away.crossed + high
        away_rows = np.flatnonzero(smooth[last:begin] > away.level + 2 * _THIRD * height)
        if not away_rows.size:
            continue
        first, top = last + int(away_rows[0]), last + int(away_rows[-1])
        spent = float(time[top] - time[first])
        lasts = end == len(curve) or time[end - 1] - time[begin] >= min(_LASTS, spent)
        if not lasts or end - begin < min(QUIET, len(curve) - begin):
            continue
        # The level that it came from, at the time.
        rise, fall = float(time[first] - time[last]), float(time[begin] - time[top])
        old = float(np.median(smooth[_reach(time, last, rise, back=True)]))
        left = float(np.median(curve[:end][_reach(time, begin, fall, back=False)]))
        lasted = _old_level(time, smooth, last, old, height, spent)
        if left < (1 - shorted) * old or lasted is None:
            return None
        sudden = first - last <= 1 or rise <= max(longest_ramp, _SLOWER * fall)
        return Excursion(last, begin, height, spent <= lasted, sudden)
    return None


def is_frozen(raw: Array, drop: Drop, noise: Noise) -> bool:
    """Return whether a curve is exactly constant where it has dropped to, and was not before."""
    after = raw[drop.after :]
    changes = np.flatnonzero(np.diff(after[min(2, len(after) - 1) :]))
    rows = int(changes[0]) + 1 if changes.size else len(after) - 2
    return rows >= _FROZEN and noise.sigma > noise.quantum
