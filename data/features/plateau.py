"""Plateaus of a voltage sweep: where the current no longer follows the voltage.

The conductance is the slope of a local line. A plateau is the longest stretch where it stays below
a tenth of the largest one, the ohmic conductance. How fast the sweep was is not judged here: a
plateau of a sweep that outran diffusion is a number of the sweep, and a model of the cell corrects
it. A level stretch before a rise steeper than its own wave, as of a second reaction or a breakdown,
is held against that wave, and the sweep is read up to the rise.
"""

from typing import TYPE_CHECKING

import numpy as np

from data.errors import FeatureError
from data.features.bends import (
    SPANS,
    bend_before_rise,
    falls_to,
    is_range_limit,
    later_level,
    level_before_rise,
    levels_off,
    merge,
)
from data.features.control import read_columns, record_name
from data.features.feature import Feature, Flag
from data.features.rows import runs
from data.features.sweep import LocalLines, Sweep, local_lines, read_sweep, sweep_up_to
from data.features.unrest import noise_sets_in

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_plateaus"]

ALGORITHM = "local_conductance"
VERSION = "5"
_FOOT = 0.2  # of the largest current: a level stretch below may be a foot and not the limit


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
        ``falls_later`` (held after the sweep, or on the way back), ``noise_sets_in``,
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
    if (early := level_before_rise(sweep, flatness, due)) is not None:
        (low, high), least = early
        level = float(np.median(sweep.amperes[low:high]))
        words = (
            f"The current is level at {level:.4g} A up to {sweep.sign * sweep.volts[high - 1]:.4g} "
            "V, and then rises more steeply than before"
        )
        if levels_off(sweep, high, flatness, due):
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
    for span in SPANS:
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
    flags += noise_sets_in(time[rows], read_columns(record)[2][rows], "current")
    noisy = 5 * local.slope_sd >= flatness * ohmic
    flat = np.abs(local.slope) < flatness * ohmic
    # After a peak the current falls back, steeply at first: that is no rise of the current either.
    # Nor is the foot of the first wave a plateau.
    flat[: int(np.argmax(local.slope > 0.3 * ohmic)) + 1] = False
    flats = merge(runs(flat), volts, local, 2 * flatness * ohmic)
    long = [run for run in flats if volts[run[1] - 1] - volts[run[0]] >= due]
    long = [
        run for run in long if float(np.median(local.value[run[0] : run[1]])) > 5 * local.value_sd
    ]
    peak, last = float(np.max(local.value)), float(local.value[-1])
    summit, trough = falls_to(record, sweep, local, overshoot)
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
        # The largest of many lines is above the curve by what the noise of them all makes.
        lines = max(reach / local.span, 1.0)
        margin = (2 + float(np.sqrt(2 * np.log(lines)))) * local.value_sd
        bound = max(peak - margin, 0.0)
        if (bend := bend_before_rise(sweep)) < bound and not foot:
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
    limited = [run for run in long if is_range_limit(record, sweep, local, run, ohmic)]
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
        _feature(record, sweep, local, run, due, overshoot, flags, details, common)
        for run in chosen
    )


def _feature(
    record: "xr.Dataset",
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
    later, error = later_level(record, sweep, float(volts[low]))
    lower = later - error if later + error < lower else lower
    if later + error < (1 - overshoot) * value:
        flags.append(
            Flag(
                "falls_later",
                f"After the sweep, held or swept back above where the plateau begins, the current "
                f"falls to {later:.4g} A: the plateau of {value:.4g} A is not that of the steady "
                "state, and the interval holds both.",
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
