"""What a record's channels can say: dead voltages, currents without a sign, coarse time stamps.

Instruments and their exports write a voltage that is no measurement (a lead that is not connected,
a converter at its end), a current of which only the magnitude is kept, and times that are rounded
until rows share them. Each is mended where nothing else can be meant, said, and refused elsewhere.
"""

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.errors import FeatureError
from data.features.control import read_columns, record_name
from data.features.feature import Feature, Flag, between
from data.features.noise import estimate_noise
from data.features.rows import Mask, runs

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Channels", "read_channels"]

RESTARTS = "step_restarts"  # attribute of a record
_TIMES = frozenset({"test_time_lower", "test_time_upper", "event_time_lower", "event_time_upper"})
_LOAD = 1e-3  # of the largest current: less is a rest
_FEWEST = 10  # equal rows under current: a dead channel, where there are no others
_FROZEN = 20  # equal rows in a record that scatters: a dead or saturated channel
_HOLDS = 10  # times as long as an instrument repeats a value as a rule
_HELD = 3  # rows of one value, as a rule: of many values, no few digits make them
_STEADY = 0.1  # of a current, by which it wavers; at the limit of an instrument it gives way
_UNCOUNTED = 0.02  # of a time, that is doubted
_KEPT = 1  # of them, at which the channel may have been alive
_SHORTED = 2 / 3  # of its level: a voltage frozen below may be a short that the digits do not show
_REPEATED = 0.05  # of the rows: more that share a time are not the two rows of a switch
_SHARE = 0.1  # of the gaps that coarse stamps make of one
_LONGEST = 10  # of such gaps, in stamps
_IN_A_ROW = 2.0  # of the rarer gap, as rounding makes it
_OFF_GRID, _ON_GRID = 0.01, 0.95  # of a tick, and part of the stamps that are no further off it
_STRETCH = 10  # rows of one sign
_ALIKE = 0.5  # of a resistance is kept where the current is reversed


@dataclass(frozen=True)
class Channels:
    """A record whose channels can be read.

    Parameters
    ----------
    record : xarray.Dataset
        As given, but for rows that are no measurement, signs and times.
    flags : tuple of Flag
        ``frozen_channel``, ``held_values``, ``magnitude_current``, ``coarse_time``; a feature may
        have ``uncounted_time``, too.
    tick : float
        By how much a time may be wrong [s].
    rows : array of int
        Rows of the record as given.
    restarts : tuple of tuple of float
        Test time of each restart of a clock that was added up, and what may be missing there [s].
    """

    record: "xr.Dataset"
    flags: tuple[Flag, ...]
    tick: float
    rows: NDArray[np.intp]
    restarts: tuple[tuple[float, float], ...] = ()

    def honest(self, feature: Feature) -> Feature:
        """Return a feature with the flags of the channels, in rows and times of the file.

        Parameters
        ----------
        feature : Feature
            Read from `record`.

        Returns
        -------
        Feature
            The ends of a time are wider by the tick, and the upper one by what is not counted.
        """
        feature = self._counted(feature)
        first, last = feature.window
        window = (int(self.rows[first]), int(self.rows[last - 1]) + 1)
        feature = replace(feature, window=window, flags=(*feature.flags, *self.flags))
        if self.tick == 0:
            return feature
        tick, details = self.tick, dict(feature.details)
        for name in _TIMES.intersection(details):
            way = tick if name.endswith("upper") else -tick
            details[name] = max(details[name] + way, 0.0)
        feature = replace(feature, details=details)
        if feature.unit != "s":
            return feature
        lower = max((feature.lower or 0.0) - tick, 0.0)
        if feature.upper is None:
            return replace(feature, lower=lower)
        return replace(feature, **between(lower, feature.upper + tick))

    def _counted(self, feature: Feature) -> Feature:
        """Return a feature whose upper end is later by what its clock may lack before it."""
        seen = feature.lower if feature.upper is None else feature.upper
        start = feature.details.get("step_start")
        if feature.unit != "s" or seen is None or start is None:
            return feature
        lost = sum(gap for at, gap in self.restarts if start < at <= start + seen)
        if lost <= _UNCOUNTED * seen:
            lost_words: tuple[Flag, ...] = ()
        else:
            lost_words = (
                Flag(
                    "uncounted_time",
                    f"Within the step the clock starts again, and up to {lost:.4g} s are not "
                    f"counted, of {seen:.6g} s: the time and the charge may be larger by that. "
                    "Export the time since the start of the test.",
                ),
            )
        feature = replace(feature, flags=(*feature.flags, *lost_words))
        if feature.upper is None or lost == 0:
            return feature
        return replace(feature, **between(feature.lower or 0.0, feature.upper + lost))


def read_channels(record: "xr.Dataset", feature: str) -> Channels:
    """Return a record whose channels can be read.

    Parameters
    ----------
    record : xarray.Dataset
        A record.
    feature : str
        What is looked for, as a message names it.

    Returns
    -------
    Channels
        The record, and what is to be known of it.

    Raises
    ------
    FeatureError
        The voltage is zero or exactly constant under current, or time does not go on.
    """
    time, voltage, current = read_columns(record)
    if time[-1] <= time[0]:
        raise FeatureError(
            f"{record_name(record)}: all {len(time)} rows have the test time {time[0]:g} s: "
            f"{feature} is read from rows over time; is the time column the right one?"
        )
    largest = float(np.max(np.abs(current)))
    loaded = np.abs(current) > _LOAD * largest
    _refuse_dead(record, voltage, loaded, feature)
    alive, flags = _alive(time, voltage, current, loaded)
    if flags:
        record = record.isel(record=np.flatnonzero(alive))
        time, voltage, current = read_columns(record)
        loaded = loaded[alive]
    signed = _signed(time, voltage, current, loaded)
    if signed is not None:
        record = record.assign(
            current_ampere=("record", signed, dict(record["current_ampere"].attrs))
        )
        flags += (
            Flag(
                "magnitude_current",
                "The current never changes its sign and the voltage does, as of a current written "
                "as its magnitude: it is read with the sign of the voltage.",
            ),
        )
    spread, tick = _with_ticks(time)
    if tick > 0:
        record = record.assign(
            test_time_second=("record", spread, dict(record["test_time_second"].attrs))
        )
        flags += (
            Flag(
                "coarse_time",
                f"The time stamps are rounded to {tick:.4g} s, more than rows are apart: times "
                "may be off by that, and their intervals are as much wider.",
            ),
        )
    restarts = json.loads(str(record.attrs.get(RESTARTS, "[]")))
    lost = tuple((float(at), float(gap)) for at, gap in restarts)
    return Channels(record, flags, tick, np.flatnonzero(alive), lost)


def _refuse_dead(record: "xr.Dataset", voltage: Array, loaded: Mask, feature: str) -> None:
    """Refuse a voltage that is exactly constant while current flows."""
    under = voltage[loaded]
    if len(under) < _FEWEST or np.ptp(under) > 0:
        return
    name = record_name(record)
    others = [
        str(column)
        for column in record
        if record[column].attrs.get("units") == "V"
        and column != "voltage_volt"
        and np.ptp(np.nan_to_num(np.asarray(record[column].values, dtype=float))[loaded]) > 0
    ]
    living = f"; {', '.join(others)} varies, and may be it: make that column the voltage"
    raise FeatureError(
        f"{name}: the voltage is exactly {under[0]:g} V in all {len(under)} rows in which current "
        f"flows: no measurement (a dead channel, a column of another lead, or a test at constant "
        f"voltage), and {feature} is read from the cell's voltage{living if others else ''}"
    )


def _equal_runs(values: Array) -> list[tuple[int, int]]:
    """Return first and one past last row of every run of equal values."""
    edges = np.flatnonzero(np.diff(values) != 0) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(values)], strict=True))


def _steady(current: Array) -> bool:
    """Return whether a current keeps its setting from the first half of some rows to the second."""
    half = len(current) // 2
    first, second = float(np.median(current[:half])), float(np.median(current[half:]))
    return abs(second - first) <= _STEADY * abs(first)


def _alive(
    time: Array, voltage: Array, current: Array, loaded: Mask
) -> tuple[Mask, tuple[Flag, ...]]:
    """Return the rows in which the voltage is a measurement.

    Where a voltage that scatters by more than its last digit stays exactly the same for many rows,
    they say nothing. Frozen at less than its level it may be a short; such rows are kept. So are
    those at the instrument's limit, where the current gives way.
    """
    alive = np.ones(len(voltage), dtype=bool)
    equal = _equal_runs(voltage)
    usual = float(np.median([high - low for low, high in equal]))
    if usual >= _HELD and len(equal) >= _FEWEST and len(np.unique(voltage)) > len(equal) / 2:
        alive[:] = False
        alive[[low for low, _ in equal]] = True
        return alive, (
            Flag(
                "held_values",
                f"The voltage repeats every value, in about {usual:g} rows each: it was measured "
                "less often than it was written, and is read where it changes.",
            ),
        )
    long = [
        (low, high)
        for low, high in equal
        if high - low >= max(_FROZEN, _HOLDS * usual)
        and loaded[low:high].all()
        and _steady(current[low:high])
    ]
    if not long:
        return alive, ()
    for low, high in long:
        alive[low:high] = False
    # What scatters elsewhere, under current.
    if (alive & loaded).sum() < _FROZEN:
        return np.ones_like(alive), ()
    noise = estimate_noise(time[alive & loaded], voltage[alive & loaded])
    if noise.sigma <= noise.quantum:
        return np.ones_like(alive), ()
    frozen = []
    for low, high in long:
        before = np.abs(voltage[max(low - 50, 0) : low])
        drops = before.size > 0 and abs(voltage[low]) < _SHORTED * float(np.median(before))
        alive[low : high if drops else low + _KEPT] = True
        if not drops:
            frozen.append((low, high))
    if not frozen:
        return alive, ()
    low, high = max(frozen, key=lambda each: each[1] - each[0])
    count = f" ({len(frozen)} such stretches; this is the longest)" if len(frozen) > 1 else ""
    return alive, (
        Flag(
            "frozen_channel",
            f"From a test time of {time[low]:.6g} to {time[high - 1]:.6g} s the voltage is exactly "
            f"{voltage[low]:g} V in every row, and scatters elsewhere{count}: a channel that is "
            "dead or at its end; these rows are not read.",
        ),
    )


def _signed(time: Array, voltage: Array, current: Array, loaded: Mask) -> Array | None:
    """Return a current with the sign of the voltage, where only its magnitude was kept.

    Its sign never changes, and the voltage changes its own from one stretch to another, as a whole:
    the resistance is the same on both sides.
    """
    flowing = np.flatnonzero(loaded)
    signs = np.sign(current[flowing])
    if len(flowing) < 2 * _STRETCH or (signs != signs[0]).any():
        return None
    sigma = estimate_noise(time[flowing], voltage[flowing]).effective
    resistance = voltage[flowing] / np.abs(current[flowing])
    clear = np.abs(voltage[flowing]) > 5 * sigma
    stretches = [
        (low, high, sign)
        for sign in (1.0, -1.0)
        for low, high in runs(clear & (np.sign(voltage[flowing]) == sign))
        if high - low >= _STRETCH
    ]
    stretches.sort()
    reversed_at = [(one, other) for one, other in pairwise(stretches) if one[2] != other[2]]
    kept = 0
    for one, other in reversed_at:
        # Of the stretches, and of their rows beside the reversal: none passes through zero slowly.
        sizes = [
            abs(float(np.median(resistance[slice(*ends)])))
            for ends in (one[:2], (one[1] - 5, one[1]), (other[0], other[0] + 5), other[:2])
        ]
        kept += min(sizes) >= _ALIKE * max(sizes)
    if not reversed_at or kept < 0.5 * len(reversed_at):
        return None
    sign_of = np.zeros(len(flowing))
    for low, _, sign in stretches:
        sign_of[low:] = sign
    sign_of[: stretches[0][0]] = stretches[0][2]
    signed = current.copy()
    signed[flowing] = np.abs(current[flowing]) * sign_of
    return signed


def _with_ticks(time: Array) -> tuple[Array, float]:
    """Return times of which none repeat, and by how much the stamps are rounded [s].

    Rows that share a stamp are spread evenly up to the next one.
    """
    gaps = np.diff(time)
    ahead = gaps[gaps > 0]
    if np.mean(gaps == 0) <= _REPEATED:
        # Stamps that are no coarser than the rows make two gaps of one, a tick apart.
        sizes, counts = np.unique(np.round(ahead, 6), return_counts=True)
        common = sizes[counts >= _SHARE * len(gaps)]
        if len(common) != 2 or counts[counts >= _SHARE * len(gaps)].sum() < 0.9 * len(gaps):
            return time, 0.0
        tick = float(common[1] - common[0])
        many = common[0] / tick
        coarse = abs(many - round(many)) < 1e-3 and many < _LONGEST
        # Rounding makes the rarer gap now and then; a programme logs for long with one interval
        # and then with another. And what is rounded stands on a grid.
        rarer = runs(np.isclose(gaps, common[np.argmin(counts[np.isin(sizes, common)])], atol=1e-6))
        coarse &= float(np.mean([high - low for low, high in rarer])) <= _IN_A_ROW
        on_grid = np.abs((time - time[0]) / tick % 1.0 - 0.5) > 0.5 - _OFF_GRID
        return time, tick if coarse and np.mean(on_grid) > _ON_GRID else 0.0
    tick = float(np.quantile(ahead, 0.01))
    starts = np.concatenate([[0], np.flatnonzero(gaps > 0) + 1])
    counts = np.diff([*starts.tolist(), len(time)])
    # The middle of the rows that share a stamp is in the middle of what it stands for. The first
    # and the last stamp may stand for less: their rows go on as those beside them.
    middle, centre = starts + 0.5 * (counts - 1), time[starts] + 0.5 * tick
    if len(starts) > 4:
        middle, centre = middle[1:-1], centre[1:-1]
    row = np.arange(len(time))
    spread = np.interp(row, middle, centre)
    spacing = tick / float(np.median(counts))
    spread += spacing * (np.minimum(row - middle[0], 0) + np.maximum(row - middle[-1], 0))
    spread = np.maximum.accumulate(np.clip(spread, time, time + tick))
    # Rounded or cut off, all stamps are off alike: the first is where the record begins.
    return spread - (spread[0] - time[0]), tick
