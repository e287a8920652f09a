"""A sudden drop in a curve: exact posterior of its first and last row, and the gates it passes.

The rows before the drop lie on a line, those after it on another, each with a variance of its own
(reference prior, integrated exactly); rows in between, if any, may be anywhere within the drop. So
a step, a row caught halfway and a ramp are one model.

References
----------
.. [1] A. F. M. Smith, "A Bayesian approach to inference about a change-point in a sequence of
   random variables", Biometrika 62 (1975) 407-416, doi 10.1093/biomet/62.2.407.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.features.noise import Noise, estimate_noise
from data.features.rows import block_means, row_blocks

__all__ = ["Drop", "Gates", "find_drop", "locate_drop"]

_WINDOW = 60  # rows on each side that a line is fitted to
_EDGE = 4  # fewest rows of a line
_CANDIDATES = 12
_NULL = 6  # degree of the polynomial that a drop has to be better than
_TAIL = 0.005  # of the posterior, cut off on each side of the interval
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Drop:
    """A drop of a curve.

    Parameters
    ----------
    before, after : int
        Rows between which the drop begins and ends, with a probability of 99 %.
    begin, end : int
        Last row before and first row after the drop, most probable.
    jump, jump_sd : float
        Height of the drop and its standard deviation [unit of the curve].
    delta_bic : float
        By how much the Bayesian information criterion prefers the drop to a smooth curve.
    steepness : float
        Larger slope of the two lines [unit of the curve/s].
    level_before, level_after : float
        The lines at the drop [unit of the curve].
    """

    before: int
    after: int
    begin: int
    end: int
    jump: float
    jump_sd: float
    delta_bic: float
    steepness: float
    level_before: float
    level_after: float


@dataclass(frozen=True)
class Gates:
    """What a drop has to pass.

    Parameters
    ----------
    least_delta_bic : float
        Evidence against a curve without a drop.
    least_sigmas : float
        Height in standard deviations of the noise and of the height itself.
    least_relative : float
        Height over the level before it.
    persistence : float
        Time that the curve stays down [s].
    longest_ramp : float
        Longest time from the first to the last row of the drop [s].
    """

    least_delta_bic: float
    least_sigmas: float
    least_relative: float
    persistence: float
    longest_ramp: float


class _Lines:
    """Straight lines through the first rows, or the last rows, of a window."""

    def __init__(self, x: Array, y: Array) -> None:
        self._sums = [
            np.concatenate([[0.0], np.cumsum(part)])
            for part in (np.ones_like(x), x, y, x * x, x * y, y * y)
        ]

    def fit(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> tuple[Array, ...]:
        """Return rows, mean x, mean y, Sxx, slope and squared residuals of rows first to last."""
        n, sx, sy, sxx, sxy, syy = (part[last] - part[first] for part in self._sums)
        n = np.maximum(n, 1.0)
        mx, my = sx / n, sy / n
        xx, xy, yy = sxx - n * mx * mx, sxy - n * mx * my, syy - n * my * my
        xx = np.maximum(xx, 1e-12)
        slope = xy / xx
        return n, mx, my, xx, slope, np.maximum(yy - slope * xy, 0.0)


def _log_marginal(n: Array, xx: Array, squares: Array) -> Array:
    """Return the log probability of rows on a line, its parameters and variance integrated out."""
    from scipy.special import gammaln

    free = n - 2
    value: Array = (
        gammaln(free / 2) - free / 2 * np.log(np.pi * squares) - 0.5 * np.log(n * xx) - np.log(2)
    )
    return value


def _gaussian_cost(n: float, squares: float) -> float:
    """Return twice the negative log likelihood of rows at their own best variance."""
    return float(n * (np.log(2 * np.pi * squares / n) + 1))


def _worth_a_look(
    x: Array,
    before: tuple[Array, ...],
    after: tuple[Array, ...],
    log: Array,
    sigma: float,
) -> bool:
    """Return whether the best step from row to row is higher than the noise."""
    if not np.isfinite(log).any():
        return False
    row = int(np.argmax(np.where(np.isfinite(log), log, -np.inf)))
    levels = [
        float(fit[2][row] + fit[4][row] * (x[where] - fit[1][row]))
        for fit, where in ((before, row - 1), (after, row))
    ]
    return levels[0] - levels[1] > 1.5 * sigma


def locate_drop(time: Array, curve: Array, noise: Noise, longest_ramp: float) -> Drop | None:
    """Return the most probable drop of a curve, whether it passes any gate or not.

    Parameters
    ----------
    time : array of float, shape (n,)
        Non-decreasing [s]; a few hundred rows at most.
    curve : array of float, shape (n,)
        The curve.
    noise : Noise
        Its noise.
    longest_ramp : float
        Longest time from its begin to its end [s].

    Returns
    -------
    Drop or None
        In rows of the curve; None where there is no room for one.
    """
    n = len(curve)
    if n < 2 * _EDGE or time[-1] <= time[0]:
        return None
    x = (time - time[0]) / (time[-1] - time[0]) - 0.5
    scale = max(float(np.ptp(curve)), 1e-15)
    middle = float(np.mean(curve))
    y = (curve - middle) / scale
    # Quantisation, and a floor below which a variance says nothing.
    floor = max(noise.quantum**2 / 12, (0.1 * noise.sigma) ** 2, (1e-9 * scale) ** 2) / scale**2
    lines = _Lines(x, y)
    rows = np.arange(n + 1)
    whole = np.full(n + 1, n)
    # before[a]: rows [0, a) on a line; after[b]: rows [b, n) on a line.
    fit_before = lines.fit(np.zeros(n + 1, dtype=np.intp), rows)
    fit_after = lines.fit(rows, whole)
    log_before = np.full(n + 1, -np.inf)
    log_after = np.full(n + 1, -np.inf)
    enough, left = rows >= _EDGE, n - rows >= _EDGE
    for log, fit, legal in ((log_before, fit_before, enough), (log_after, fit_after, left)):
        count, _, _, xx, _, squares = (part[legal] for part in fit)
        log[legal] = _log_marginal(count, xx, squares + count * floor)
    if not _worth_a_look(x, fit_before, fit_after, log_before + log_after, noise.sigma / scale):
        return None
    a, b = np.meshgrid(rows, rows, indexing="ij")
    legal = (b >= a) & (a >= 1) & (b <= n - 1)
    gap = time[np.minimum(b, n - 1)] - time[np.maximum(a - 1, 0)]
    legal &= (b - a <= 1) | (gap <= 1.2 * longest_ramp)
    # In between, anywhere within the drop: a uniform density over its height, which is 1 here.
    log = log_before[:, None] + log_after[None, :]
    # As likely a step from row to row as a ramp of any length.
    log -= np.where(b == a, 0.0, np.log(max(int(np.max((b - a)[legal], initial=1)), 1)))
    log = np.where(legal & np.isfinite(log), log, -np.inf)
    if not np.isfinite(log).any():
        return None
    log = noise.weight * (log - np.max(log[np.isfinite(log)]))
    weight = np.exp(log)
    weight /= weight.sum()
    first, last = np.unravel_index(int(np.argmax(weight)), weight.shape)
    of_first, of_last = np.cumsum(weight.sum(axis=1)), np.cumsum(weight.sum(axis=0))
    lowest = min(int(np.searchsorted(of_first, _TAIL)), int(first))
    highest = max(int(np.searchsorted(of_last, 1 - _TAIL)), int(last))
    # Height of the drop, between the lines where they end.
    levels, variances, slopes = [], [], []
    for fit, at, where in ((fit_before, first, first - 1), (fit_after, last, last)):
        inside, x0, y0, spread, tilt, off = (float(part[at]) for part in fit)
        variance = (off + inside * floor) / max(inside - 2, 1.0)
        levels.append(y0 + tilt * (float(x[where]) - x0))
        slopes.append(abs(tilt) * scale / float(time[-1] - time[0]))
        variances.append(variance * (1 / inside + (float(x[where]) - x0) ** 2 / spread))
    # Against a curve without a drop: a polynomial of one variance.
    basis = np.polynomial.legendre.legvander(2 * x, _NULL)
    residual = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    null = _gaussian_cost(n, float(residual @ residual) + n * floor)
    null += (_NULL + 2) * np.log(n)
    step = 8 * np.log(n)
    for fit, at in ((fit_before, first), (fit_after, last)):
        step += _gaussian_cost(float(fit[0][at]), float(fit[5][at] + fit[0][at] * floor))
    jump = float((levels[0] - levels[1]) * scale)
    more = 0
    if last - first > 1 and jump > 0:  # the corners of a ramp are hidden in the noise
        more = 1 + int(np.ceil(noise.effective * (last - first) / jump))
    return Drop(
        before=max(lowest - 1 - more, 0),
        after=min(highest + more, n - 1),
        begin=int(first) - 1,
        end=int(last),
        jump=jump,
        jump_sd=float(np.sqrt(sum(variances))) * scale * noise.inflation,
        delta_bic=float(null - step) * noise.weight,
        steepness=max(slopes),
        level_before=float(levels[0] * scale + middle),
        level_after=float(levels[1] * scale + middle),
    )


def _candidates(time: Array, curve: Array, sigma: float, longest_ramp: float) -> list[int]:
    """Return rows at which the curve falls, in order of time."""
    n = len(curve)
    sums = np.concatenate([[0.0], np.cumsum(curve - curve.mean())])
    spacing = (time[-1] - time[0]) / (n - 1)
    long = int(np.clip(longest_ramp / max(spacing, 1e-12), 5, min(400, n // 4)))
    found: set[int] = set()
    for width in {3, 6, long} if long > 6 else {3, 6}:
        if n < 2 * width + 1:
            continue
        at = np.arange(width, n - width + 1)
        fall = (sums[at] - sums[at - width] - sums[at + width] + sums[at]) / width
        fall = fall - np.median(fall)  # a steady slope is no drop
        threshold = max(2.5 * sigma * np.sqrt(2 / width), 1e-12)
        taken = np.zeros(n + 1, dtype=bool)
        count = 0
        above = np.flatnonzero(fall > threshold)
        if above.size > 50 * _CANDIDATES:
            above = above[np.argpartition(fall[above], -50 * _CANDIDATES)[-50 * _CANDIDATES :]]
        for k in above[np.argsort(fall[above])[::-1]]:
            row = int(at[k])
            if taken[row]:
                continue
            taken[max(row - 2 * width, 0) : row + 2 * width + 1] = True
            found.add(row)
            count += 1
            if count == _CANDIDATES:
                break
    return sorted(found)


def _persists(time: Array, curve: Array, drop: Drop, seconds: float) -> bool:
    """Return whether the curve stays below the middle of the drop for a time, or to its end."""
    last = int(np.searchsorted(time, time[drop.end] + seconds, side="right"))
    last = max(last, min(drop.end + 3, len(curve)))
    rows = curve[drop.end : last]
    middle = drop.level_after + 0.5 * drop.jump
    return len(rows) >= 3 and bool(np.mean(rows < middle) >= 0.9) and float(rows[-1]) < middle


def _passes(time: Array, curve: Array, drop: Drop, noise: Noise, gates: Gates) -> bool:
    """Return whether a drop passes the gates."""
    ramp = float(time[drop.end] - time[drop.begin])
    return (
        drop.delta_bic > gates.least_delta_bic
        and drop.jump > gates.least_sigmas * max(noise.effective, drop.jump_sd)
        and drop.jump > gates.least_relative * abs(drop.level_before)
        and drop.level_before > 0
        # A fall over several rows is a ramp only if it is much steeper than what is beside it.
        and (drop.end - drop.begin <= 2 or drop.jump > 3 * drop.steepness * ramp)
        and _persists(time, curve, drop, gates.persistence)
    )


def _in_window(
    time: Array, curve: Array, row: int, noise: Noise, longest_ramp: float, half: int = _WINDOW
) -> Drop | None:
    """Return the drop near a row, in rows of the whole curve."""
    spacing = (time[-1] - time[0]) / max(len(time) - 1, 1)
    ramp = int(min(longest_ramp / max(spacing, 1e-12), 2 * half))
    drop = None
    for _ in range(3):  # until it lies in the middle of its window
        low, high = max(row - half - ramp, 0), min(row + half + ramp, len(curve))
        drop = locate_drop(time[low:high], curve[low:high], noise, longest_ramp)
        if drop is None or abs(drop.end + low - row) <= half // 2 + ramp // 2:
            break
        row = drop.end + low
    if drop is None:
        return None
    last = len(curve) - 1
    return replace(
        drop,
        before=max(drop.before + low, 0),
        after=min(drop.after + low, last),
        begin=drop.begin + low,
        end=drop.end + low,
    )


def find_drop(time: Array, curve: Array, noise: Noise, gates: Gates) -> Drop | None:
    """Return the first drop of a curve that passes the gates.

    Parameters
    ----------
    time : array of float, shape (n,)
        Non-decreasing [s].
    curve : array of float, shape (n,)
        The curve, free of spikes, positive where it has not dropped.
    noise : Noise
        Its noise.
    gates : Gates
        What a drop has to pass.

    Returns
    -------
    Drop or None
        In rows of the curve; None where nothing passes.
    """
    starts = row_blocks(len(curve), _MOST_ROWS)
    if len(starts) == len(curve):
        return _first_drop(time, curve, noise, gates)
    (coarse_time, coarse), _ = block_means(starts, len(curve), time, curve)
    found = _first_drop(coarse_time, coarse, estimate_noise(coarse_time, coarse), gates)
    if found is None:
        return None
    # Rows of the curve for sure before and after, and a second look at the rows themselves.
    ends = np.append(starts[1:], len(curve)) - 1
    low, high = int(starts[max(found.before - 1, 0)]), int(ends[min(found.after, len(ends) - 1)])
    if high - low <= 6 * _WINDOW:
        fine = _in_window(time, curve, (low + high) // 2, noise, gates.longest_ramp)
        if fine is not None and _passes(time, curve, fine, noise, gates):
            return fine
    return replace(
        found,
        before=low,
        after=high,
        begin=int(ends[found.begin]),
        end=int(starts[found.end]),
    )


def _first_drop(time: Array, curve: Array, noise: Noise, gates: Gates) -> Drop | None:
    """Return the first drop of a curve of few rows."""
    if len(curve) < 2 * _EDGE:
        return None
    for row in _candidates(time, curve, noise.sigma, gates.longest_ramp):
        # A curve that comes back up, or bends, is straight over fewer rows only.
        for half in (_WINDOW, _WINDOW // 4):
            drop = _in_window(time, curve, row, noise, gates.longest_ramp, half)
            if drop is not None and _passes(time, curve, drop, noise, gates):
                return drop
    return None
