"""Plateaus of a voltage sweep: where the current no longer follows the voltage.

The conductance is the slope of a local line. A plateau is the longest stretch where it stays below
a tenth of the largest one, the ohmic conductance. How fast the sweep was is not judged here: a
plateau of a sweep that outran diffusion is a number of the sweep, and a model of the cell corrects
it. A level stretch before a rise steeper than its own wave, as of a second reaction or a breakdown,
is held against that wave, and the sweep is read up to the rise.
"""

from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.errors import FeatureError
from data.features.control import read_columns, record_name
from data.features.feature import Feature, Flag
from data.features.noise import estimate_noise
from data.features.rows import runs
from data.features.sweep import LocalLines, Sweep, local_lines, read_sweep, sweep_up_to

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_plateaus"]

ALGORITHM = "local_conductance"
VERSION = "4"
_SPANS = (0.010, 0.020, 0.035, 0.055, 0.080, 0.120)  # widths of the local lines [V]
# A limiting current is reached over 0.1 V: the conductance 0.04 V before, over the ohmic one, is
# below these, by how far the lines blur it; at the limit of an instrument the corner is sharp.
_BEFORE = ((0.015, 0.6), (0.04, 0.85))
_FOOT = 0.2  # of the largest current: a level stretch below may be a foot and not the limit
_QUIET = 0.1  # of the noise of before: what an instrument at its limit still has
_SAG = 0.02  # of its current, by which what falls from a peak falls on a stretch that is level
_START = 0.1  # of a sweep, in which a double layer may be charged
_HOLD = 10  # rows that a voltage is held for
_AT_END = 0.02  # [V] within the end of a sweep: it is held there


def _merge(
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


def _level_before_rise(
    sweep: Sweep, flatness: float, due: float
) -> tuple[tuple[int, int], float] | None:
    """Return the first level stretch before a rise steeper than its wave, and its lower bound [A].

    Level is what is so against the largest conductance up to there; with the widest lines, what is
    not above that by twice its error.
    """
    volts = sweep.volts
    for span in _SPANS:
        local = local_lines(sweep, span)
        wave = np.maximum.accumulate(local.slope)
        sure, margin = 5 * local.slope_sd < flatness * wave, 0.0
        if span == _SPANS[-1]:
            sure, margin = 10 * local.slope_sd < wave, 2 * local.slope_sd
        flats = runs(sure & (np.abs(local.slope) < flatness * wave + margin))
        if not flats:
            continue
        for low, high in _merge(flats, volts, local, 2 * flatness * float(wave[flats[0][0]])):
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


def _bend_before_rise(sweep: Sweep) -> float:
    """Return the current [A] where the conductance has halved before a steeper rise, or infinity.

    Such a bend may be all that shows of a limiting current: too short to be level.
    """
    least = np.inf
    for span in _SPANS:
        local = local_lines(sweep, span)
        sd = 5 * local.slope_sd
        wave = np.maximum.accumulate(local.slope)
        later = np.maximum.accumulate(local.slope[::-1])[::-1]
        bends = np.flatnonzero((local.slope + sd < 0.5 * (wave - sd)) & (later > wave + sd))
        if bends.size:
            least = min(least, max(float(local.value[bends[0]]) - 2 * local.value_sd, 0.0))
    return least


def _levels_off(sweep: Sweep, start: int, flatness: float, due: float) -> bool:
    """Return whether a sweep has a level stretch after a row, or falls from a peak."""
    local = local_lines(sweep, _SPANS[2])
    flat = local.slope < flatness * float(np.max(local.slope))
    flat[:start] = False
    flats = _merge(runs(flat), sweep.volts, local, 2 * flatness * float(np.max(local.slope)))
    # The rise may start within the first of them.
    top = 0.5 * float(np.max(local.value))
    return any(
        sweep.volts[high - 1] - sweep.volts[low] >= due
        and float(np.median(local.value[low:high])) > top
        for low, high in flats
    )


def find_plateaus(
    record: "xr.Dataset",
    *,
    flatness: float = 0.1,
    least_length: float = 0.2,
    overshoot: float = 0.05,
) -> tuple[Feature, ...]:
    """Find the limiting currents that a voltage sweep levels off at.

    Parameters
    ----------
    record : xarray.Dataset
        A sweep of the voltage; of several, the longest is read.
    flatness : float, default: 0.1
        Conductance below which the current is level, over the ohmic conductance.
    least_length : float, default: 0.2
        Shortest plateau [V]; in a short sweep 15 % of its length, if that is less.
    overshoot : float, default: 0.05
        Peak over the end of the plateau, relative to it, that is flagged.

    Returns
    -------
    tuple of Feature
        One or two of ``plateau_current`` [A, positive], in the order of the voltage. An interval:
        the current's range on the plateau, the statistical error, and for a plateau that slopes
        its line at zero voltage; the value is the middle of the range. Without a plateau: one,
        right-censored at the largest current, or left-censored at the last one where the current
        is still falling from a peak. Flags: ``overshoot`` (only the end of the plateau
        is read), ``falls_back`` (from a peak: the limiting current may be below what is stated),
        ``slope``, ``short``, ``overload``, ``no_plateau``, ``jump`` (of the current: read up to
        there), ``steep_end`` (a rise after a level stretch or a bend: read up to there;
        a lower bound after a bend, or where the stretch is below a fifth of the largest current),
        ``level_before`` (such a stretch before a plateau, not read), ``range_limit`` (of the
        instrument: a lower bound). Details: ``voltage_lower``, ``voltage_upper`` (where it was
        read [V]), ``length`` [V], ``ohmic_conductance`` [S], ``slope`` [S], ``line_sd`` [A],
        ``peak`` [A], ``scan_rate`` [V/s], ``sign`` of the current.

    Raises
    ------
    FeatureError
        The record holds no sweep of the voltage, or the current is opposite to it.
    """
    options: dict[str, float | str | bool] = {
        "flatness": flatness,
        "least_length": least_length,
        "overshoot": overshoot,
    }
    sweep = read_sweep(record)
    due = min(least_length, 0.15 * float(sweep.volts[-1] - sweep.volts[0]))
    flags: list[Flag] = []
    foot, ceiling = False, np.inf
    if (early := _level_before_rise(sweep, flatness, due)) is not None:
        (low, high), least = early
        level = float(np.median(sweep.amperes[low:high]))
        words = (
            f"The current is level at {level:.4g} A up to {sweep.sign * sweep.volts[high - 1]:.4g} "
            "V, and then rises more steeply than before"
        )
        if _levels_off(sweep, high, flatness, due):
            flags.append(
                Flag("level_before", f"{words}, to a plateau: the limiting current may be either.")
            )
        else:
            flags.append(
                Flag(
                    "steep_end",
                    f"{words} (a second reaction, a breakdown, or the wave itself after a foot): "
                    "the sweep is read up to there.",
                )
            )
            foot = level < _FOOT * float(np.max(sweep.amperes))
            ceiling = least
            sweep = sweep_up_to(record, sweep, high)
    volts = sweep.volts
    reach = float(volts[-1] - volts[0])
    # The narrowest lines whose slopes the noise does not decide.
    for span in _SPANS:
        local = local_lines(sweep, span)
        ohmic = float(np.max(local.slope))
        if 5 * local.slope_sd < flatness * ohmic:
            break
    time = np.asarray(record["test_time_second"].values, dtype=float)
    seconds = float(time[sweep.last - 1] - time[sweep.first])
    smallest, largest = float(np.min(local.value)), float(np.max(local.value))
    if largest <= 0 or largest - smallest < 0.3 * largest:
        name = record_name(record)
        raise FeatureError(
            f"{name}: while the voltage goes through {reach:.3g} V the current stays between "
            f"{smallest:.4g} and {largest:.4g} A: a plateau is read from a sweep of the voltage, "
            "this is a test at constant current"
        )
    details = {
        "ohmic_conductance": ohmic,
        "sign": sweep.sign,
        "scan_rate": reach / seconds if seconds > 0 else 0.0,
    }
    rows = slice(sweep.first, sweep.last)
    if sweep.jump is not None:
        flags.append(
            Flag(
                "jump",
                f"The current jumps at {sweep.jump:.4g} V (a short, a lost contact or a change of "
                "the range): the sweep is read up to there.",
            )
        )
    if "overload" in record:
        overloaded = np.asarray(record["overload"].values, dtype=bool)[rows]
        if overloaded.any():
            flags.append(
                Flag("overload", f"The instrument flags an overload in {overloaded.sum()} rows.")
            )
    common: dict[str, object] = {
        "quantity": "plateau_current",
        "unit": "A",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (sweep.first, sweep.last),
    }
    noisy = 5 * local.slope_sd >= flatness * ohmic
    flat = np.abs(local.slope) < flatness * ohmic
    # After a peak the current falls back, steeply at first: that is no rise of the current either.
    # Nor is the foot of the first wave a plateau.
    flat[: int(np.argmax(local.slope > 0.3 * ohmic)) + 1] = False
    flats = _merge(runs(flat), volts, local, 2 * flatness * ohmic)
    long = [run for run in flats if volts[run[1] - 1] - volts[run[0]] >= due]
    long = [
        run for run in long if float(np.median(local.value[run[0] : run[1]])) > 5 * local.value_sd
    ]
    peak, last = float(np.max(local.value)), float(local.value[-1])
    summit, trough = _falls_to(record, sweep, local, overshoot)
    ends_low = peak > (1.0 + overshoot) * last + 5 * local.value_sd
    if (not long or noisy) and not foot and ends_low:
        # What has fallen from a peak nears the limiting current from above.
        flags += [
            Flag(
                "overshoot",
                f"The current peaks {peak / last - 1.0:.0%} above where the sweep ends, and still "
                "falls: the sweep outruns diffusion.",
            ),
            Flag("no_plateau", "No plateau: the limiting current is below the current at the end."),
        ]
        return (
            Feature(
                **common,  # type: ignore[arg-type]
                kind="left",
                upper=last + 2 * local.value_sd,
                flags=tuple(flags),
                details=details | {"peak": peak, "line_sd": local.value_sd},
            ),
        )
    if not long or noisy or foot:
        why = "the current follows the voltage to the end"
        if noisy:
            why = "the noise of the current hides the conductance"
        if foot:
            why = f"the level stretch is below {_FOOT:.0%} of the largest current and may be a foot"
        bound = max(peak - 2 * local.value_sd, 0.0)
        if (bend := _bend_before_rise(sweep)) < bound and not foot:
            flags.append(
                Flag(
                    "steep_end",
                    f"The current bends at {bend:.4g} A and then rises more steeply than before "
                    "(a second reaction, a breakdown, or the wave itself after a foot): no lower "
                    "bound above that.",
                )
            )
            why = "what rises at the end may be another reaction"
        if trough < summit:
            flags.append(
                Flag(
                    "falls_back",
                    f"The current peaks at {summit:.4g} A and then falls to {trough:.4g} A: the "
                    "sweep outruns diffusion, and the limiting current may be below both.",
                )
            )
            why = "the current peaks and falls back"
        bound = min(bound, bend, ceiling, max(trough - 2 * local.value_sd, 0.0))
        flags.append(
            Flag("no_plateau", f"No plateau: {why}; the limiting current is above {bound:.4g} A.")
        )
        details |= {"peak": peak, "line_sd": local.value_sd}
        return (
            Feature(
                **common,  # type: ignore[arg-type]
                kind="right",
                lower=bound,
                flags=tuple(flags),
                details=details,
            ),
        )
    limited = [run for run in long if _is_range_limit(record, sweep, local, run, ohmic)]
    if limited:
        level = min(float(np.median(local.value[low:high])) for low, high in limited)
        flags.append(
            Flag(
                "range_limit",
                f"At {level:.4g} A the current has a corner and stays: the limit of the "
                "instrument's range, no limiting current.",
            )
        )
        long = [run for run in long if run not in limited]
        if not long:
            flags.append(
                Flag("no_plateau", "No plateau: the limiting current is above the range's limit.")
            )
            return (
                Feature(
                    **common,  # type: ignore[arg-type]
                    kind="right",
                    lower=max(level - 2 * local.value_sd, 0.0),
                    flags=tuple(flags),
                    details=details | {"peak": peak, "line_sd": local.value_sd},
                ),
            )
    long.sort(key=lambda run: volts[run[1] - 1] - volts[run[0]], reverse=True)
    chosen = [long[0]]
    for run in long[1:]:
        levels = sorted(float(np.median(local.value[a:b])) for a, b in (chosen[0], run))
        if levels[1] > 1.1 * levels[0]:
            chosen.append(run)
            break
    chosen.sort()
    return tuple(
        _feature(sweep, local, run, due, overshoot, flags, details, common) for run in chosen
    )


def _falls_to(
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


def _is_range_limit(
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


def _feature(
    sweep: Sweep,
    local: LocalLines,
    run: tuple[int, int],
    due: float,
    overshoot: float,
    flags: list[Flag],
    details: dict[str, float],
    common: dict[str, object],
) -> Feature:
    """Return the feature of one plateau."""
    volts = sweep.volts
    low, high = run
    flags = list(flags)
    level = local.value[low:high]
    end = float(np.median(level[-max(len(level) // 10, 3) :]))
    # The peak may lie before the run, where the current turned too fast to be level.
    near = int(np.searchsorted(volts, volts[low] - 0.2))
    peak = float(np.max(local.value[near:high]))
    if peak - end > overshoot * abs(end) + 3 * local.value_sd:
        # Only the end of the run is near the steady state.
        low = max(low, int(np.searchsorted(volts, volts[high - 1] - due)))
        level = local.value[low:high]
        flags.append(
            Flag(
                "overshoot",
                f"The current peaks {100 * (peak / end - 1):.0f} % above the plateau's end: the "
                f"sweep outruns diffusion; the last {volts[high - 1] - volts[low]:.2g} V are read.",
            )
        )
        sags = float(np.max(level)) - float(np.median(level[-max(len(level) // 10, 3) :]))
        if sags > overshoot * abs(end) + 3 * local.value_sd:
            flags.append(
                Flag(
                    "falls_back",
                    f"Over these the current still falls by {sags / abs(end):.0%}: the limiting "
                    "current is below it.",
                )
            )
    length = float(volts[high - 1] - volts[low])
    v, i = volts[low:high], sweep.amperes[low:high]
    slope, start = np.polyfit(v, i, 1) if len(v) > 2 else (0.0, float(np.mean(i)))
    smallest, largest = float(np.min(level)), float(np.max(level))
    value = 0.5 * (smallest + largest)
    margin = 2 * local.value_sd
    lower, upper = smallest - margin, largest + margin
    if slope * length > 0.03 * value + margin:
        # A leak beside the limiting current: its line meets the axis at the limiting current.
        at_zero = float(start)
        lower = min(lower, max(at_zero - margin, 0.0))
        flags.append(
            Flag(
                "slope",
                f"The plateau rises by {100 * slope * length / value:.0f} %: its line meets zero "
                f"voltage at {at_zero:.4g} A, and the interval holds that too.",
            )
        )
    if length < 0.2:
        flags.append(Flag("short", f"The plateau is {length:.2g} V long: it may still rise."))
    return Feature(
        **common,  # type: ignore[arg-type]
        kind="interval",
        value=value,
        sd=float(np.hypot(local.value_sd, (largest - smallest) / np.sqrt(12))),
        lower=min(max(lower, 0.0), upper),
        upper=upper,
        flags=tuple(flags),
        details=details
        | {
            "voltage_lower": float(sweep.sign * volts[low]),
            "voltage_upper": float(sweep.sign * volts[high - 1]),
            "length": length,
            "slope": float(slope),
            "line_sd": local.value_sd,
            "peak": peak,
        },
    )
