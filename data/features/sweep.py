"""A sweep of the voltage: its rows, and local lines through them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.errors import FeatureError
from data.features.control import read_columns, record_name
from data.features.drop import Gates, find_drop
from data.features.noise import Noise, despike, estimate_noise
from data.features.rows import block_means, row_blocks

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LocalLines", "Sweep", "local_lines", "read_sweep", "sweep_up_to"]

_INNER = 0.1  # of a sweep, on both sides, that a hold or a turn may bend
_HELD = 0.01  # of its length: a shorter hold before it is none
_MOST_ROWS = 4000
_JUMP = 0.01  # [V], within which the current jumps
_STAYS = 0.02  # [V], that it stays there
_NOT_A_SWEEP = {
    "chronopotentiometry": "a chronopotentiometry (constant current)",
    "chronoamperometry": "a chronoamperometry (constant voltage)",
    "open_circuit": "at open circuit",
    "galvanodynamic_sweep": "a sweep of the current",
}


@dataclass(frozen=True)
class Sweep:
    """A sweep in one direction: voltage from zero upwards, current positive."""

    first: int
    last: int
    sign: float
    volts: Array
    amperes: Array
    noise: Noise  # of the rows of `amperes`
    raw_noise: Noise
    jump: float | None  # voltage at which the current jumps, and the sweep is read no further


@dataclass(frozen=True)
class LocalLines:
    """Local lines of a sweep."""

    value: Array
    slope: Array
    slope_sd: float
    value_sd: float
    span: float


def _held(time: Array, voltage: Array) -> int:
    """Return how many rows at the start of a sweep are of the voltage that is held before it."""
    moved = np.abs(voltage - voltage[0]) / abs(voltage[-1] - voltage[0])
    middle = (moved > _INNER) & (moved < 1 - _INNER)
    if middle.sum() < 2 or np.ptp(time[middle]) <= 0:
        return 0
    rate, start = np.polyfit(time[middle], moved[middle], 1)
    if rate <= 0:
        return 0
    # Where the line of the sweep is at the voltage of its start.
    begins, length = -start / rate, 1 / rate
    return int(np.searchsorted(time, begins)) if begins - time[0] > _HELD * length else 0


def read_sweep(record: "xr.Dataset") -> Sweep:
    """Return the longest stretch of a record in which the voltage moves one way."""
    name = record_name(record)
    technique = str(record.attrs.get("technique", "unknown"))
    if technique in _NOT_A_SWEEP:
        raise FeatureError(
            f"{name}: the record is {_NOT_A_SWEEP[technique]}: a plateau is read from a sweep of "
            "the voltage"
        )
    time, voltage, current = read_columns(record, least=30)
    # Turning points, of the voltage in blocks so that its noise makes none.
    starts = row_blocks(len(voltage), max(30, min(400, len(voltage) // 3)))
    (coarse,), _ = block_means(starts, len(voltage), voltage)
    way = np.sign(np.diff(coarse))
    way[np.abs(np.diff(coarse)) < 1e-3 * max(float(np.ptp(coarse)), 1e-12) / len(coarse)] = 0
    edges = np.flatnonzero(np.diff(way) != 0) + 1
    best, longest = (0, 0), 0.0
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(way)], strict=True):
        length = abs(float(coarse[high] - coarse[low]))
        if way[low] != 0 and length > longest:
            best, longest = (low, high), length
    stops = [*starts[1:].tolist(), len(voltage)]
    first, last = int(starts[best[0]]), int(stops[best[1]])
    rise = abs(float(voltage[last - 1] - voltage[first])) if last > first else 0.0
    if last - first < 30 or rise < 0.05:
        raise FeatureError(
            f"{name}: the voltage of the record sweeps {rise:.3g} V in {last - first} rows at "
            "most: a plateau needs a sweep of at least 0.05 V in 30 rows"
        )
    first += _held(time[first:last], voltage[first:last])
    t, v, i = time[first:last], voltage[first:last], current[first:last]
    ramp = (
        np.polyval(np.polyfit(t - t[0], v, 1), t - t[0]) if t[-1] > t[0] else np.full(len(v), v[0])
    )
    if float(np.max(np.abs(v - ramp))) > 0.1 * rise:
        raise FeatureError(
            f"{name}: the voltage does not move in proportion to time (by up to "
            f"{float(np.max(np.abs(v - ramp))):.3g} of {rise:.3g} V): a plateau is read from a "
            "sweep of the voltage, this may be a test at constant current"
        )
    sign = float(np.sign(v[-1] - v[0]))
    v, i = sign * v, sign * i
    raw_noise = estimate_noise(v, i)
    i, _ = despike(i, raw_noise)
    if float(np.mean(v * i < 0)) > 0.9 and float(np.median(i)) < 0:
        raise FeatureError(
            f"{name}: the current is opposite to the voltage throughout (at the end "
            f"{sign * i[-1]:.4g} A at {sign * v[-1]:.3g} V): the leads are swapped, or the "
            "instrument counts the current the other way; change the sign of one column"
        )
    jump = _jump(v, i, raw_noise)
    jump_at = None
    if jump is not None:
        jump_at = sign * float(v[jump])
        if jump < 30 or v[jump] - v[0] < 0.05:
            raise FeatureError(
                f"{name}: the current jumps at {jump_at:.4g} V, after {jump} rows of the sweep: a "
                "short, a lost contact or a change of the range; before it there is too little to "
                "read a plateau from"
            )
        last, v, i = first + jump + 1, v[: jump + 1], i[: jump + 1]
    (volts, amperes), _ = block_means(row_blocks(len(v), _MOST_ROWS), len(v), v, i)
    volts = np.maximum.accumulate(volts)
    return Sweep(
        first, last, sign, volts, amperes, estimate_noise(volts, amperes), raw_noise, jump_at
    )


def _jump(volts: Array, amperes: Array, noise: Noise) -> int | None:
    """Return the last row before the current jumps by a tenth of its range or more."""
    grown = np.maximum.accumulate(volts)
    low, high = float(np.min(amperes)), float(np.max(amperes))
    gates = Gates(10.0, 8.0, 0.1, _STAYS, _JUMP)
    # A jump up is a drop of what is left to twice the range.
    for curve in (2 * high - low - amperes, amperes - 2 * low + high):
        drop = find_drop(grown, curve, noise, gates)
        # Between rows far apart a steep wave is no jump.
        if drop is not None and (
            grown[drop.end] - grown[drop.begin] <= _JUMP or drop.jump > 0.5 * (high - low)
        ):
            return drop.before
    return None


def local_lines(sweep: Sweep, span: float) -> LocalLines:
    """Return the line through the rows within half a span of each row."""
    v, i = sweep.volts, sweep.amperes
    low = np.searchsorted(v, v - span / 2, side="left")
    high = np.searchsorted(v, v + span / 2, side="right")
    # At least five rows.
    low = np.minimum(low, np.maximum(np.arange(len(v)) - 2, 0))
    high = np.maximum(high, np.minimum(np.arange(len(v)) + 3, len(v)))
    low, high = np.minimum(low, len(v) - 5), np.maximum(high, 5)
    x, y = v - v.mean(), i - i.mean()
    sums = [np.concatenate([[0.0], np.cumsum(p)]) for p in (np.ones_like(x), x, y, x * x, x * y)]
    n, sx, sy, sxx, sxy = (part[high] - part[low] for part in sums)
    xx = np.maximum(sxx - sx * sx / n, 1e-30)
    slope = (sxy - sx * sy / n) / xx
    value = sy / n + slope * (x - sx / n) + i.mean()
    error = sweep.noise.effective
    return LocalLines(
        value,
        slope,
        float(error / np.sqrt(np.median(xx))),
        float(error / np.sqrt(np.median(n))),
        span,
    )


def sweep_up_to(record: "xr.Dataset", sweep: Sweep, end: int) -> Sweep:
    """Return a sweep up to one of its rows."""
    voltage = read_columns(record)[1][sweep.first : sweep.last]
    grown = np.maximum.accumulate(sweep.sign * voltage)
    last = sweep.first + int(np.searchsorted(grown, sweep.volts[end - 1], side="right"))
    volts, amperes = sweep.volts[:end], sweep.amperes[:end]
    return replace(sweep, last=last, volts=volts, amperes=amperes, jump=None)
