"""How a cell's voltage falls for good: suddenly, over minutes, for some seconds, in the last rows.

The lines of `drop` need rows on both sides and a fall that is over soon. Here is the rest: a fall
that goes on beside them, a dip of few rows, and the last rows of a record, since instruments stop
on a short.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.features.drop import Drop, Gates, find_drop, locate_drop
from data.features.feature import Flag
from data.features.noise import Noise, despike, estimate_noise
from data.features.rows import block_means, runs
from data.features.runaway import Departure, find_collapse, find_flicker

__all__ = ["Fall", "find_fall", "recovery"]

_LEVEL = 10  # rows of the level before a dip
_FEWEST = 5  # of them
_MOST_DIPS = 5000
_SIGMAS = 8.0  # of a dip; of one that nobody can mistake ten, and half of the voltage
_RELATIVE = 0.2
_SURE_SIGMAS = 10.0
_SURE_RELATIVE = 0.5
_BESIDE = 0.2  # of the rate of a drop, above which the curve beside it belongs to the fall
_FEW = 3  # rows at the end of a record
_MARGIN = 0.25  # of the length of a slow fall, on each side
_BINS = 120  # around it


@dataclass(frozen=True)
class Fall:
    """A fall of a curve.

    Parameters
    ----------
    drop : Drop
        Its rows and height.
    slow : bool
        Longer than a sudden drop: `drop.before` and `drop.after` hold all of it.
    certain : bool
        False where only the last rows show it, and something else could make them.
    recovers : bool
        Whether the curve comes back up.
    why : str
        What else could make it, where it is not certain, as "the voltage ..." goes on.
    """

    drop: Drop
    slow: bool = False
    certain: bool = True
    recovers: bool = False
    why: str = ""

    @property
    def loss(self) -> float:
        """Its height over the level before it."""
        return self.drop.jump / self.drop.level_before if self.drop.level_before > 0 else 0.0

    def slow_ramp(self, time: Array) -> Flag:
        """Return what is to be known of a fall that is slow.

        Parameters
        ----------
        time : array of float, shape (n,)
            Seconds since the step's start.

        Returns
        -------
        Flag
            ``slow_ramp``.
        """
        spent = float(time[self.drop.end] - time[self.drop.begin])
        return Flag(
            "slow_ramp",
            f"The voltage falls over about {spent:.3g} s, too slow for a sudden short: the "
            "interval is the whole fall.",
        )


def find_fall(
    time: Array,
    raw: Array,
    noise: Noise,
    gates: Gates,
    *,
    slow_relative: float = 0.5,
    last: bool = True,
) -> Fall | None:
    """Return the first fall of a curve.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    raw : array of float, shape (n,)
        Voltage in the direction of the current [V], spikes included.
    noise : Noise
        Its noise.
    gates : Gates
        What a drop has to pass.
    slow_relative : float, default: 0.5
        Least height of a fall that is not sudden, over the voltage before it.
    last : bool, default: True
        Whether the record ends with the curve, or goes on with the current switched.

    Returns
    -------
    Fall or None
        In rows of the curve.
    """
    curve, spikes = despike(raw, noise)
    drop = find_drop(time, curve, noise, gates)
    until = len(raw) if drop is None else drop.before
    dip = _dip(time, raw, noise, gates, until, spikes, last=last)
    if dip is not None:
        drop = dip.drop
    if drop is not None:
        whole = _whole(time, curve, drop, noise, gates)
        span = float(time[whole.end] - time[whole.begin])
        # From one row to the next, with one caught halfway, a fall is as sudden as can be seen.
        slow = whole.end - whole.begin > 2 and span > 1.2 * gates.longest_ramp
        if slow:
            whole = _with_margin(time, curve, whole)
        if dip is not None and not slow:
            return dip
        return Fall(whole, slow=slow, recovers=recovery(time, curve, whole, gates) is not None)
    gone = find_collapse(time, curve, slow_relative)
    if gone is None:
        flickers = find_flicker(time, curve)
        if flickers is None:
            return None
        gone, back = flickers
        return Fall(_fallen(curve, gone, gone.onset, gone.crossed, noise), certain=not back)
    low = float(np.median(curve[gone.crossed :]))
    height = gone.level - low
    head = np.flatnonzero(curve[: gone.onset + 1] > gone.level - 0.1 * height)
    foot = np.flatnonzero(curve[gone.crossed :] < low + 0.1 * height)
    begin = int(head[-1]) if head.size else 0
    end = gone.crossed + (int(foot[0]) if foot.size else 0)
    drop = _fallen(curve, gone, begin, end, noise)
    return Fall(_with_margin(time, curve, drop), slow=True)


def _fallen(curve: Array, gone: Departure, begin: int, end: int, noise: Noise) -> Drop:
    """Return the drop between two rows of a curve that stays down to its end."""
    low = float(np.median(curve[gone.crossed :]))
    return Drop(
        before=begin,
        after=end,
        begin=begin,
        end=end,
        jump=gone.level - low,
        jump_sd=noise.effective,
        delta_bic=0.0,
        steepness=0.0,
        level_before=gone.level,
        level_after=low,
    )


def _with_margin(time: Array, curve: Array, drop: Drop) -> Drop:
    """Return a slow fall with the ends of its posterior and a margin.

    Its head and its foot are hidden in the noise. Means of the rows around it let the lines of
    `drop` see all of it.
    """
    first, last = float(time[drop.begin]), float(time[drop.end])
    span = last - first
    # A side on which the voltage falls fast hides less.
    middle = 0.5 * (drop.level_before + drop.level_after)
    above = np.flatnonzero(curve[drop.begin : drop.end] > middle)
    half = float(time[drop.begin + (int(above[-1]) if above.size else 0)])
    low = min(float(time[drop.before]), first - _MARGIN * min(span, 2 * (half - first)))
    high = max(float(time[drop.after]), last + _MARGIN * min(span, 2 * (last - half)))
    edges = np.searchsorted(time, np.linspace(first - 2 * span, last + 2 * span, _BINS))
    starts = np.unique(edges[edges < len(time)])
    if len(starts) > _FEWEST * 4:
        stop = max(int(edges[-1]), int(starts[-1]) + 1)
        (slow_time, slow), _ = block_means(starts, stop, time, curve)
        # Of the level before it: the fall itself bends, which is no noise.
        level = slice(max(int(np.searchsorted(slow_time, first)), _FEWEST * 4))
        noise = estimate_noise(slow_time[level], slow[level])
        found = locate_drop(slow_time, slow, noise, 2 * span)
        if found is not None and found.jump > 0.3 * drop.jump:
            low = min(low, float(slow_time[found.before]))
            high = max(high, float(slow_time[found.after]))
    return replace(
        drop,
        before=max(int(np.searchsorted(time, low)) - 1, 0),
        after=min(int(np.searchsorted(time, high)), len(time) - 1),
    )


def _whole(time: Array, curve: Array, drop: Drop, noise: Noise, gates: Gates) -> Drop:
    """Return the whole of the fall that a drop is part of.

    The curve beside it is looked at piece by piece, and belongs to it while it falls at a fifth
    of its rate or more.
    """
    begin, end, height = drop.begin, drop.end, drop.jump
    spacing = float(np.median(np.diff(time[max(begin - 50, 0) : end + 50])))
    # Short pieces, then long ones in which there is less noise.
    for piece in (gates.longest_ramp / 4, gates.longest_ramp):
        rows = max(1, int(piece / max(spacing, 1e-12)) // 2)
        least = 4 * noise.effective * np.sqrt(2 / rows)
        for way in (-1, 1):
            while True:
                at = begin if way < 0 else end
                # The farthest row of the piece; where rows are far apart, the next one.
                if way < 0:
                    row = min(int(np.searchsorted(time, time[at] - piece)), at - 1)
                else:
                    row = max(int(np.searchsorted(time, time[at] + piece, "right")) - 1, at + 1)
                if row < 0 or row >= len(curve):
                    break
                fall = way * (_around(curve, at, rows, way) - _around(curve, row, rows, way))
                rate = height / max(float(time[end] - time[begin]), spacing, 1e-12)
                gap = min(abs(float(time[row] - time[at])), piece)
                if fall < max(_BESIDE * rate * gap, least):
                    break
                height += fall
                begin, end = (row, end) if way < 0 else (begin, row)
    if begin == drop.begin and end == drop.end:
        return drop
    above, below = _around(curve, begin, rows, -1), _around(curve, end, rows, 1)
    return replace(
        drop,
        before=min(drop.before, begin),
        after=max(drop.after, end),
        begin=begin,
        end=end,
        jump=above - below,
        level_before=above,
        level_after=below,
    )


def _around(curve: Array, row: int, rows: int, way: int) -> float:
    """Return the mean of some rows that end, or begin, at a row."""
    part = curve[max(row - rows + 1, 0) : row + 1] if way < 0 else curve[row : row + rows]
    return float(np.mean(part))


def _dip(
    time: Array,
    raw: Array,
    noise: Noise,
    gates: Gates,
    until: int,
    spikes: NDArray[np.bool_],
    *,
    last: bool,
) -> Fall | None:
    """Return the first dip of few rows that lasts, or that a record ends with.

    It lasts where its own rows are as far apart as the persistence that is due; of one that the
    curve ends with nobody knows, and it is certain only where it is high.
    """
    n = len(raw)
    if n <= _FEWEST:
        return None
    starts = np.flatnonzero(
        raw[:-2] - raw[2:] > np.maximum(_SIGMAS * noise.effective, _RELATIVE * np.abs(raw[:-2]))
    )
    # Of the last rows even a doubtful one counts.
    starts = np.unique(np.concatenate([starts + 1, starts + 2, np.arange(n - _FEW, n)]))
    looked = 0
    for start in starts[(starts >= _FEWEST) & (starts < until)][:_MOST_DIPS].tolist():
        if start < looked:
            continue
        level = float(np.median(raw[max(start - _LEVEL, 0) : start]))
        ends = start >= n - _FEW
        least_height = max(
            (gates.least_sigmas if ends else _SIGMAS) * noise.effective,
            (gates.least_relative if ends else _RELATIVE) * abs(level),
            2.5 * noise.quantum,
        )
        height = level - float(raw[start])
        # Sudden: from one row to the next but one, no part of a slope.
        sudden = raw[start - 2] - raw[start] >= max(least_height, 0.6 * height)
        if level <= 0 or height < least_height or not sudden:
            continue
        middle = 0.5 * (level + float(raw[start]))
        stop = _next_above(raw, start, middle)
        looked = stop
        if stop < n and time[stop - 1] - time[start] < gates.persistence:
            continue
        # Of the rows that follow at once: later there may be another fall.
        soon = int(np.searchsorted(time, time[start] + gates.persistence))
        low = float(np.median(raw[start : min(stop, max(soon, start + _LEVEL))]))
        height = level - low
        begin = start - 1
        while begin > start - 3 and raw[begin] < level - max(0.1 * height, 3 * noise.sigma):
            begin -= 1
        sure = (
            height > _SURE_SIGMAS * noise.effective
            and height > _SURE_RELATIVE * level
            and (n - start > 1 or (last and not spikes.any()))
        )
        drop = Drop(
            before=begin,
            after=start,
            begin=begin,
            end=start,
            jump=height,
            jump_sd=float(noise.effective / np.sqrt(stop - start)),
            delta_bic=(height / max(noise.effective, 1e-12)) ** 2,
            steepness=0.0,
            level_before=level,
            level_after=low,
        )
        certain = stop < n or n - start > _FEW or sure
        return Fall(drop, certain=certain, recovers=stop < n)
    return None


def _next_above(curve: Array, start: int, level: float) -> int:
    """Return the first row from a start on that is above a level, or the number of rows."""
    for stop in (start + 1000, len(curve)):
        above = curve[start:stop] > level
        if above.any():
            return start + int(np.argmax(above))
    return len(curve)


def recovery(time: Array, curve: Array, drop: Drop, gates: Gates) -> int | None:
    """Return the row at which a curve is back up after a drop, to stay there as long as a drop.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.
    drop : Drop
        The drop.
    gates : Gates
        What a drop has to pass.

    Returns
    -------
    int or None
        None where it stays down.
    """
    above = curve[drop.after :] > drop.level_after + 0.7 * drop.jump
    after = time[drop.after :]
    for low, high in runs(above):
        lasts = high == len(above) or after[high - 1] - after[low] >= gates.persistence
        if high - low >= _FEW and lasts:
            return drop.after + low
    return None
