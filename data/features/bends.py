"""Where a sweep bends: it levels off, and rises or falls behind a plateau."""

from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.features.control import read_columns
from data.features.noise import estimate_noise
from data.features.rows import runs
from data.features.sweep import LocalLines, Sweep, local_lines

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "SPANS",
    "bend_before_rise",
    "falls_to",
    "is_range_limit",
    "later_level",
    "level_before_rise",
    "levels_off",
    "merge",
]

SPANS = (0.010, 0.020, 0.035, 0.055, 0.080, 0.120)  # widths of the local lines [V]

# A limiting current is reached over 0.1 V: the conductance 0.04 V before, over the ohmic one, is
# below these, by how far the lines blur it; at the limit of an instrument the corner is sharp.
_BEFORE = ((0.015, 0.6), (0.04, 0.85))
_QUIET = 0.1  # of the noise of before: what an instrument at its limit still has
_SAG = 0.02  # of its current, by which what falls from a peak falls on a stretch that is level
_START = 0.1  # of a sweep, in which a double layer may be charged
_HOLD = 10  # rows that a voltage is held for
_AT_END = 0.02  # [V] within the end of a sweep: it is held there


def merge(
    flats: list[tuple[int, int]], volts: Array, local: LocalLines, steep: float
) -> list[tuple[int, int]]:
    """Join runs between which the current hardly rises: noise had parted them."""
    joined: list[tuple[int, int]] = []
    value, sd = local.value, local.value_sd
    for low, high in flats:
        if joined:
            before = joined[-1]
            end = float(np.median(value[before[0] : before[1]]))
            start = float(np.median(value[low:high]))
            gap = volts[low] - volts[before[1] - 1]
            same = abs(start - end) < max(0.05 * abs(end), 3 * sd)
            gentle = np.max(np.abs(local.slope[before[1] : low])) < steep
            if (same or gentle) and gap < max(0.1, 0.3 * (volts[before[1] - 1] - volts[before[0]])):
                joined[-1] = (before[0], high)
                continue
        joined.append((low, high))
    return joined


def level_before_rise(
    sweep: Sweep, flatness: float, due: float
) -> tuple[tuple[int, int], float] | None:
    """Return the first level stretch before a rise steeper than its wave, and its lower bound [A].

    Level is what is so against the largest conductance up to there; with the widest lines, what is
    not above that by twice its error.
    """
    volts = sweep.volts
    for span in SPANS:
        local = local_lines(sweep, span)
        wave = np.maximum.accumulate(local.slope)
        sure, margin = 5 * local.slope_sd < flatness * wave, 0.0
        if span == SPANS[-1]:
            sure, margin = 10 * local.slope_sd < wave, 2 * local.slope_sd
        flats = runs(sure & (np.abs(local.slope) < flatness * wave + margin))
        if not flats:
            continue
        for low, high in merge(flats, volts, local, 2 * flatness * float(wave[flats[0][0]])):
            level = float(np.median(local.value[low:high]))
            steeper = float(np.max(local.slope[high:], initial=0.0))
            if (
                volts[high - 1] - volts[low] >= due
                and level > 5 * local.value_sd
                and steeper > float(wave[high - 1]) + 5 * local.slope_sd
            ):
                least = float(np.min(local.value[low:high])) - 2 * local.value_sd
                return (low, high), max(least, 0.0)
    return None


def bend_before_rise(sweep: Sweep) -> float:
    """Return the current [A] where the conductance has halved before a steeper rise, or infinity.

    Such a bend may be all that shows of a limiting current: too short to be level.
    """
    least = np.inf
    for span in SPANS:
        local = local_lines(sweep, span)
        sd = 5 * local.slope_sd
        wave = np.maximum.accumulate(local.slope)
        later = np.maximum.accumulate(local.slope[::-1])[::-1]
        bends = np.flatnonzero((local.slope + sd < 0.5 * (wave - sd)) & (later > wave + sd))
        if bends.size:
            least = min(least, max(float(local.value[bends[0]]) - 2 * local.value_sd, 0.0))
    return least


def levels_off(sweep: Sweep, start: int, flatness: float, due: float) -> bool:
    """Return whether a sweep has a level stretch after a row, or falls from a peak."""
    local = local_lines(sweep, SPANS[2])
    flat = local.slope < flatness * float(np.max(local.slope))
    flat[:start] = False
    flats = merge(runs(flat), sweep.volts, local, 2 * flatness * float(np.max(local.slope)))
    # The rise may start within the first of them.
    top = 0.5 * float(np.max(local.value))
    return any(
        sweep.volts[high - 1] - sweep.volts[low] >= due
        and float(np.median(local.value[low:high])) > top
        for low, high in flats
    )


def falls_to(
    record: "xr.Dataset", sweep: Sweep, local: LocalLines, overshoot: float
) -> tuple[float, float]:
    """Return a peak of the current and the least that it falls to after one, in the sweep or held.

    Where it falls nowhere by the overshoot [1] and five times its error, its largest value twice.
    """
    value = local.value
    begin = int(np.argmin(value[: max(int(_START * len(value)), 1)]))
    highest = np.maximum.accumulate(value[begin:])
    _, voltage, current = read_columns(record)
    last = slice(sweep.last, None)
    held = np.abs(voltage[last] - voltage[sweep.last - 1]) < _AT_END
    stop = int(np.argmin(held)) if not held.all() else held.size
    low = value[begin:]
    if sweep.jump is None and stop >= _HOLD:  # of the voltage at the end: to the steady state
        settled = float(np.median(sweep.sign * current[last][stop - _HOLD : stop]))
        low, highest = np.append(low, settled), np.append(highest, highest[-1])
    falls = np.flatnonzero(highest > (1 + overshoot) * low + 5 * local.value_sd)
    if not falls.size:
        return float(highest[-1]), float(highest[-1])
    at = falls[int(np.argmin(low[falls]))]
    return float(highest[at]), float(low[at])


def later_level(record: "xr.Dataset", sweep: Sweep, low: float) -> tuple[float, float]:
    """Return the least current after a sweep, while the voltage stays above one, and its error [A].

    It is held at the end of the sweep, or swept back. Of a jump within the sweep nothing is said.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    sweep : Sweep
        One of its sweeps.
    low : float
        Where the plateau of the sweep begins [V].

    Returns
    -------
    level, error : float
        Of ten rows, and five standard errors of theirs; infinity and zero where there are fewer.
    """
    _, voltage, current = read_columns(record)
    along = sweep.sign * voltage
    if sweep.jump is not None and np.max(along) - sweep.sign * sweep.jump > _AT_END:
        return float(np.inf), 0.0
    above = along[sweep.last :] >= low
    stop = int(np.argmin(above)) if not above.all() else above.size
    later = sweep.sign * current[sweep.last : sweep.last + stop]
    if len(later) < _HOLD:
        return float(np.inf), 0.0
    rows = np.lib.stride_tricks.sliding_window_view(later, _HOLD)[:: max(_HOLD // 2, 1)]
    noise = 5 * sweep.raw_noise.effective / float(np.sqrt(_HOLD))
    return float(np.min(np.median(rows, axis=1))), noise


def is_range_limit(
    record: "xr.Dataset", sweep: Sweep, local: LocalLines, run: tuple[int, int], ohmic: float
) -> bool:
    """Return whether a level stretch is the limit of the instrument and not of the cell."""
    volts, low, high = sweep.volts, run[0], run[1]
    time, voltage, current = (part[sweep.first : sweep.last] for part in read_columns(record))
    voltage, current = sweep.sign * voltage, sweep.sign * current
    inside = (voltage >= volts[low]) & (voltage <= volts[high - 1])
    if "overload" in record:
        flagged = np.asarray(record["overload"].values, dtype=bool)[sweep.first : sweep.last]
        if np.mean(flagged[inside]) > 0.5:
            return True
    along = local.value[low:high]
    end = float(np.median(along[-max(len(along) // 10, 3) :]))
    if float(np.max(along)) > (1 + _SAG) * end + 5 * local.value_sd:
        return False  # an instrument at its limit holds its current, diffusion does not
    spacing = float(np.median(np.diff(volts)))
    blur = 0.5 * max(local.span, 5 * spacing)
    before = (voltage < volts[low] - blur) & (voltage > volts[low] - blur - 0.2)
    if before.sum() >= 50 and inside.sum() >= 50:
        # In time: noise of the voltage's reading is none of the current.
        quiet, noisy = (estimate_noise(time[m], current[m]).sigma for m in (inside, before))
        # Noise of the current that is gone, and was more than the bend of a smooth curve.
        level = float(np.median(current[inside]))
        if quiet < _QUIET * noisy and noisy > max(2 * sweep.raw_noise.quantum, 1e-3 * level):
            return True
    lead = (volts < volts[low] - blur - 0.02) & (volts > volts[low] - blur - 0.06)
    if lead.sum() < 3:
        return False
    x, y = volts[lead], sweep.amperes[lead]
    slope = float(np.polyfit(x - x.mean(), y, 1)[0])
    error = sweep.noise.effective / float(np.sqrt(lead.sum()) * max(np.std(x), 1e-12))
    return any(blur <= width and slope - 2 * error > part * ohmic for width, part in _BEFORE)
