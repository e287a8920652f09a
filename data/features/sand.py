"""Sand's time: when the electrolyte at one electrode of a cell at constant current is depleted.

The time is read from the runaway of the voltage by several estimators; they differ by more than the
noise of any of them, so the answer is the interval that holds them all.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.features.channels import read_channels
from data.features.control import ControlStep, constant_current_steps, read_columns
from data.features.drop import Gates
from data.features.events import SHORTED, read_events
from data.features.excursions import excursion_of
from data.features.feature import Feature, Flag, between
from data.features.history import history
from data.features.leads import check_discharge, own_voltage
from data.features.noise import Noise, despike, estimate_noise
from data.features.runaway import Departure, find_compliance
from data.features.unrest import noise_sets_in

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_sand_time"]

ALGORITHM = "voltage_runaway"
VERSION = "6"
_LATE = 0.97  # of the time of the rise: before it a depletion shows
_MIDDLE = (0.3, 0.7)  # of that time, whose line a depletion is above
_ANNOUNCED = 0.01  # [V], of 43 mV by theory: tips that grow take some of it
_LAST_ROWS, _FEWEST_ROWS = 3, 10
_FRESH = 0.02  # of the charge, that may have passed before


def _crossing(curve: Array, level: float) -> int | None:
    """Return the first row of five above a level, or of all to the end, after one below it."""
    above = curve > level
    above[: int(np.argmin(above))] = False  # an overpotential at the start is no runaway
    if not above.any():
        return None
    width = min(5, len(curve))
    padded = np.concatenate([above, np.repeat(above[-1:], width - 1)])
    runs = np.convolve(padded, np.ones(width), mode="valid") >= width - 0.5
    return int(np.argmax(runs)) if runs.any() else None


def _baseline(time: Array, curve: Array, until: int) -> float:
    """Return the voltage without concentration polarisation, extrapolated on the root of time."""
    middle = time[until]
    early = np.flatnonzero((time > 0) & (time <= 0.25 * middle))
    if early.size < 4:
        return float(np.median(curve[1:4])) if len(curve) > 4 else float(curve[0])
    root = np.sqrt(time[early])
    slope, start = np.polyfit(root, curve[early], 1)
    # The extrapolation is no further from the first rows than they are from each other.
    first = float(np.median(curve[early[: max(3, early.size // 10)]]))
    return float(min(start, first)) if slope > 0 else first


def _local_lines(time: Array, curve: Array, width: int) -> tuple[Array, Array]:
    """Return middle times and slopes of lines through `width` neighbouring rows."""
    windows = np.lib.stride_tricks.sliding_window_view
    x, y = windows(time, width), windows(curve, width)
    middle = x.mean(axis=1)
    x = x - middle[:, None]
    spread = np.maximum((x * x).sum(axis=1), 1e-30)
    return middle, (x * (y - y.mean(axis=1)[:, None])).sum(axis=1) / spread


def _estimators(
    time: Array, curve: Array, noise: Noise, onset: int, crossing: int, rise: float
) -> dict[str, float]:
    """Return the estimates of the depletion from the shape of the runaway."""
    height = rise * 1.6
    past = np.flatnonzero(curve[crossing:] > curve[crossing] + height)
    last = crossing + (int(past[0]) if past.size else len(curve) - 1 - crossing)
    last = min(max(last, crossing + 3), len(curve) - 1)
    span = max(time[crossing] - time[onset], 0.02 * time[crossing])
    first = max(int(np.searchsorted(time, time[onset] - 2 * span)), 0)
    last = min(last, int(np.searchsorted(time, time[crossing] + 3 * span, side="right")))
    rows = slice(min(first, max(last - 8, 0)), last + 1)
    x, y = time[rows], curve[rows]
    if len(x) > 4000:  # neighbouring rows say the same
        keep = np.linspace(0, len(x) - 1, 4000).astype(int)
        x, y = x[keep], y[keep]
    if len(x) < 6:
        return {}
    found: dict[str, float] = {}
    # Lines wide enough that the noise of their slope is small beside the runaway's.
    steepest = np.max(np.abs(np.diff(y))) or 1.0
    width = 3
    while width < len(x) // 3 and noise.effective > 0.05 * steepest * width**1.5:
        width += 2
    middle, slope = _local_lines(x, y, width)
    found["steepest"] = float(middle[int(np.argmax(slope))])
    second = np.diff(slope) / np.maximum(np.diff(middle), 1e-30)
    if second.size:
        found["sharpest_bend"] = float(0.5 * (middle[:-1] + middle[1:])[int(np.argmax(second))])
    # Where the tangent of the slow part meets that of the runaway.
    before = (time >= 0.3 * time[onset]) & (time <= 0.8 * time[onset])
    if before.sum() >= 3 and np.ptp(time[before]) > 1e-6 * time[-1]:
        slow, start = np.polyfit(time[before], curve[before], 1)
        k = int(np.argmax(slope))
        level = float(np.interp(middle[k], x, y))
        if slope[k] > 3 * abs(slow):
            meet = (level - slope[k] * middle[k] - start) / (slow - slope[k])
            if 0 < meet <= time[-1]:
                found["tangents"] = float(meet)
    return found


def find_sand_time(record: "xr.Dataset", *, onset_rise: float = 0.15, rise: float = 0.5) -> Feature:
    """Find the time at which the voltage of a cell at constant current runs away.

    Parameters
    ----------
    record : xarray.Dataset
        A record with at least one step at constant current; the first that runs away counts,
        else the longest.
    onset_rise : float, default: 0.15
        Rise over the voltage at the step's start (without concentration polarisation) at which
        depletion is near [V].
    rise : float, default: 0.5
        Rise at which it is complete [V].

    Returns
    -------
    Feature
        ``sand_time`` [s since the step's start]: an interval from the earliest to the latest of
        the estimators (crossing of `onset_rise` and of `rise`, steepest rise, sharpest bend,
        intersection of tangents), one row wider on each side; its value is the crossing of `rise`.
        Right-censored where the voltage does not rise that far, or drops before. Flags:
        ``compliance``, ``drop_first``, ``held`` (up by `onset_rise`, never by `rise`),
        ``begins_midway`` and ``current_before`` (what is not
        counted), ``gradual`` (the interval is wider than a fifth of its value), ``several_steps``,
        ``event_not_fresh`` (another current came before; the step before is stated),
        ``against_current`` (a full cell being discharged), ``own_voltage``, ``unannounced`` (the
        rise is sudden, as of a contact that opens), ``slow_ramp`` (the drop is slow),
        ``slow_decline``, ``noise_sets_in``, ``brief_dips``, ``many_dips``. Details:
        ``step_start``, ``test_time_lower``, ``test_time_upper`` [s], ``current`` [A],
        ``baseline`` [V], ``duration`` [s] and every estimator, as ``estimate_...`` [s].

    Raises
    ------
    FeatureError
        The record holds no step at constant current, or the leads are swapped.
    """
    options: dict[str, float | str | bool] = {"onset_rise": onset_rise, "rise": rise}
    channels = read_channels(record, "Sand's time")
    record = channels.record
    steps = constant_current_steps(record, "Sand's time", least=10)
    fresh = _fresh(record, steps)
    features: list[Feature] = []
    for step in steps:
        feature = _of_step(record, step, onset_rise, rise, len(steps), options)
        if feature.kind != "right":
            if step not in fresh:
                feature = _censored_before(feature, features)
            return channels.honest(feature)
        if step in fresh:
            features.append(feature)
    return channels.honest(max(features, key=_demand))


def _runaway(time: Array, curve: Array, rise: float) -> tuple[float, int | None]:
    """Return the voltage without concentration polarisation, and the first row up by a rise."""
    # Of the first rows or of some more: an early runaway is in these, an overpotential in those.
    base = min(float(np.median(curve[1 : max(4, rows)])) for rows in (4, len(curve) // 50))
    crossing: int | None = None
    for _ in range(2):  # the base line needs the crossing, and the crossing the base line
        crossing = _crossing(curve, base + rise)
        if crossing is None or crossing < 3:
            break
        base = _baseline(time, curve, crossing)
    return base, crossing


def _unannounced(
    time: Array, curve: Array, noise: Noise, crossing: int, rise: float
) -> Flag | None:
    """Return a flag where the voltage rises without having risen before.

    At 0.97 of Sand's time the voltage of diffusion is 4.2 times kT/e up, and 1.7 times above the
    line through its middle: a contact that opens is not.
    """
    at = int(np.searchsorted(time, _LATE * time[crossing], "right")) - 1
    before = (time >= _MIDDLE[0] * time[crossing]) & (time <= _MIDDLE[1] * time[crossing])
    last = slice(max(at - _LAST_ROWS + 1, 0), at + 1)
    if before.sum() < _FEWEST_ROWS or at < _FEWEST_ROWS:
        return None
    slope, start = np.polyfit(time[before], curve[before], 1)
    above = float(np.median(curve[last] - slope * time[last] - start))
    if above > _ANNOUNCED + 2 * noise.effective / float(np.sqrt(_LAST_ROWS)):
        return None
    return Flag(
        "unannounced",
        f"At {time[at]:.6g} s the voltage is {1e3 * above:.3g} mV above the line through what was "
        f"before, and at {time[crossing]:.6g} s more than {rise:g} V: it jumps, and depletion "
        "rises before. A contact that opens does this.",
    )


def _demand(feature: Feature) -> float:
    """Return the current times the root of the time that it was borne, as in Sand's law."""
    return abs(feature.details["current"]) * float(np.sqrt(feature.details["duration"]))


def _fresh(record: "xr.Dataset", steps: tuple[ControlStep, ...]) -> list[ControlStep]:
    """Return the steps that start from a uniform electrolyte.

    The first one does; a later one where hardly any charge passed before, or where the rest before
    it is as long as the current was.
    """
    time, _, current = read_columns(record)
    passed = np.concatenate(
        [[0.0], np.cumsum(np.diff(time) * 0.5 * np.abs(current[1:] + current[:-1]))]
    )
    fresh = [steps[0]]
    earlier = steps[0]
    for step in steps[1:]:
        own = abs(step.current) * step.duration
        flown = passed[step.start] - passed[fresh[-1].start]
        rested = step.begin - earlier.end >= earlier.end - fresh[-1].begin
        if rested or flown < _FRESH * own:
            fresh.append(step)
        earlier = step
    return fresh


def _censored_before(event: Feature, fresh: list[Feature]) -> Feature:
    """Return what a fresh step bore, where the runaway is in a step that others came before."""
    best = max(fresh, key=_demand)
    flag = Flag(
        "event_not_fresh",
        f"At {abs(event.details['current']):.4g} A the voltage runs away {event.upper:.6g} s into "
        "a step that follows another current without as long a rest: Sand's time counts from a "
        "uniform electrolyte, and what is stated is the step before that bore its current.",
    )
    return replace(best, flags=(*best.flags, flag))


def _of_step(
    record: "xr.Dataset",
    step: ControlStep,
    onset_rise: float,
    rise: float,
    count: int,
    options: dict[str, float | str | bool],
) -> Feature:
    """Return the feature of one step."""
    test_time, voltage, _ = (part[step.rows] for part in read_columns(record))
    time = test_time - step.begin
    raw = voltage * np.sign(step.current)
    noise = estimate_noise(time, raw)
    curve, _ = despike(raw, noise)
    details = {"step_start": step.begin, "current": step.current, "duration": step.duration}
    flags = [
        *check_discharge(record, step, "Sand's time"),
        *own_voltage(record, (step,), "Sand's time"),
        *history(record, step),
    ]
    if count > 1:
        flags.append(
            Flag("several_steps", f"The record has {count} steps at constant current; this is one.")
        )
    limit = find_compliance(record, step)
    if limit is not None:
        flags.append(Flag("compliance", "The instrument reaches its limit in this step."))
    common = {
        "quantity": "sand_time",
        "unit": "s",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (step.start, step.stop),
    }
    stop = len(curve) - 1 if limit is None else max(limit - step.start - 1, 0)
    gates = Gates(10.0, 5.0, 0.1, 10.0, 20.0)
    events = read_events(
        time,
        raw,
        noise,
        gates,
        shorted=gates.least_relative,
        rise=rise,
        last=step.stop == record.sizes["record"],
    )
    flags += events.flags(time)
    rows, every = events.rows, time
    time, curve, test_time = (part[rows] for part in (time, curve, test_time))
    stop = int(np.searchsorted(rows, stop, "right")) - 1
    base, crossing = _runaway(time, curve, rise)
    details["baseline"] = base
    # A rise as high as a depletion that comes back is none; nothing is known from there on.
    high = [each.begin for each in events.excursions if each.height >= rise]
    if crossing is not None and crossing >= 3:
        below = np.flatnonzero(curve[:crossing] < base + onset_rise)
        away = Departure(int(below[-1]) if below.size else 0, crossing, base)
        back = excursion_of(time, curve, away, noise, gates.longest_ramp, SHORTED)
        if back is not None:
            crossing = None
            high.append(int(rows[back.begin]))
            flags.append(
                Flag(
                    "excursion",
                    f"From {time[back.begin]:.6g} to {time[back.end]:.6g} s the voltage is up by "
                    f"{back.height:.3g} V, and comes back: no depletion that lasts. The test is "
                    "censored before.",
                )
            )
    if high:
        stop = min(stop, int(np.searchsorted(rows, min(high))))
        crossing = crossing if crossing is not None and crossing <= stop else None
    if events.fall is not None:
        before = int(np.searchsorted(rows, events.fall.drop.before))
        crossing = crossing if crossing is not None and crossing <= before else None
        if crossing is None and before < stop:
            stop = before
            flags.append(
                Flag(
                    "drop_first",
                    f"The voltage drops at {time[stop]:.6g} s, before any runaway: the test is "
                    "censored there.",
                )
            )
            if events.fall.slow:
                flags.append(events.fall.slow_ramp(every))
    stop = max(stop, 0)
    if crossing is None or crossing < 3:
        near = _crossing(curve[: stop + 1], base + onset_rise)
        close = _crossing(curve[: stop + 1], base + 2 * onset_rise / 3)
        # A voltage that drifts there all along is held by nothing.
        sudden = near is not None and close is not None and time[close] > 0.75 * time[near]
        if near is not None and sudden and 3 <= near < stop:
            stop = near
            flags.append(
                Flag(
                    "held",
                    f"From {time[stop]:.6g} s on the voltage is more than {onset_rise:g} V up, and "
                    f"never {rise:g} V: something else may hold it. The test is censored there.",
                )
            )
        details["test_time_lower"] = float(test_time[stop])
        flags += noise_sets_in(test_time[: stop + 1], raw[rows[: stop + 1]])
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=step.least(float(time[stop])),
            flags=tuple(flags),
            details=details,
        )
    # The last time below the level: the runaway, not an early excursion of the noise.
    below = np.flatnonzero(curve[: crossing + 1] < base + onset_rise)
    onset = int(below[-1]) if below.size else 0
    flags += noise_sets_in(test_time[: onset + 1], raw[rows[: onset + 1]])
    if (sudden := _unannounced(time, curve, noise, crossing, rise)) is not None:
        flags.append(sudden)
    pair = slice(crossing - 1, crossing + 1)
    threshold = float(np.interp(base + rise, curve[pair], time[pair]))
    found = {"onset": float(time[onset]), "threshold": threshold}
    found |= _estimators(time, curve, noise, onset, crossing, rise)
    gap = float(time[min(crossing + 1, len(time) - 1)] - time[crossing - 1])
    gap = max(gap / 2, float(time[crossing] - time[crossing - 1]))
    lower = step.least(min(found.values()) - gap)
    upper = max(found.values()) + gap
    details |= {f"estimate_{name}": value for name, value in found.items()}
    details |= {"test_time_lower": lower + step.first, "test_time_upper": upper + step.begin}
    if upper - lower > 0.2 * threshold:
        flags.append(
            Flag(
                "gradual",
                f"The estimators differ by {upper - lower:.3g} s, about {threshold:.3g} s: the "
                "voltage rises gradually.",
            )
        )
    return Feature(
        **common,  # type: ignore[arg-type]
        **between(lower, upper),
        value=threshold,
        flags=tuple(flags),
        details=details,
    )
