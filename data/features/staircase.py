"""A staircase of currents, ready to be read: its steps, and what is expected of the next."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.errors import FeatureError
from data.features.control import ControlStep, read_columns, record_name
from data.features.feature import Flag
from data.features.leads import steps_with_the_current
from data.features.noise import Noise, despike, estimate_noise

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "EQUAL",
    "ReadStep",
    "expected_resistance",
    "led_to",
    "refuse_opposed",
    "whole_steps",
    "without_offset",
]

_WHOLE = 0.9  # of the length of a step
_OFFSET = 0.1  # of the resistance of the others, that a shorted step may show with a wrong sign
_ROWS = 5  # of a level that is reached
_TREND = 3  # ratios of neighbouring steps that a gradual fall is read from
_MOST_FALL = 0.7  # of the resistance of the step before: a larger fall is no trend
EQUAL = 0.02  # of a current, within which two are the same
_OFFSET_CLEAR = 0.5  # of how resistances of neighbours differ, that is left without an offset
_OFFSET_MATTERS = 0.02  # of a resistance, that neighbours have to differ by
_TRIPLES = 3  # of steps, fewest that an offset is read from


def without_offset(
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
        if not (1 - EQUAL) * min(before, after) <= here <= (1 + EQUAL) * max(before, after):
            continue
        same = abs(after - before) <= EQUAL * here
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


def refuse_opposed(record: "xr.Dataset", steps: tuple[ControlStep, ...]) -> None:
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
class ReadStep:
    """One step, ready to be read."""

    step: ControlStep
    time: Array
    raw: Array  # [V], in the direction of the current
    curve: Array  # without spikes
    noise: Noise
    settled: float  # resistance [ohm]

    @classmethod
    def of(cls, record: "xr.Dataset", step: ControlStep) -> "ReadStep":
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


def led_to(resistances: list[float], *, up: bool = False) -> float:
    """Return the resistance that earlier ones lead to, where they fall gradually, or rise."""
    last = resistances[-_TREND - 1 :]
    ratios = [after / before for before, after in pairwise(last) if before > 0]
    legal = (1.0, 1.0 / _MOST_FALL) if up else (_MOST_FALL, 1.0)
    trend = float(np.clip(np.median(ratios), *legal)) if ratios else 1.0
    return resistances[-1] * trend


def expected_resistance(each: ReadStep, earlier: list[ReadStep]) -> float | None:
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
    return min(float(np.median(before)), led_to(before), led_to(own or before))


def whole_steps(steps: tuple[ControlStep, ...], record: "xr.Dataset") -> list[bool]:
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
