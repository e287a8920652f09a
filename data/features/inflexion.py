"""Inflexion of the voltage of a polarised cell: it stops levelling off and starts to run away.

A penalised spline is fitted to the curve; the posterior of its second derivative says where it
changes from negative to positive. Noise alone makes such changes in any curve, so both sides have
to differ from zero by more than four standard deviations.

References
----------
.. [1] P. H. C. Eilers, B. D. Marx, "Flexible smoothing with B-splines and penalties", Statistical
   Science 11 (1996) 89-121, doi 10.1214/ss/1038425655.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.features.bumps import BINS, binned, fall_after, without_bumps
from data.features.channels import read_channels
from data.features.control import constant_current_steps, read_columns
from data.features.drop import Gates
from data.features.events import SHORTED, read_events
from data.features.feature import Feature, Flag, between
from data.features.history import history
from data.features.leads import own_voltage, steps_with_the_current
from data.features.noise import Noise, despike, estimate_noise
from data.features.rows import Rows
from data.features.runaway import Departure, find_compliance, find_limit, find_runaway
from data.features.spline import KNOTS, SplineFit, knot_count, posterior_spline
from data.features.unrest import noise_sets_in

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_inflexion"]

ALGORITHM = "penalised_spline"
VERSION = "6"
_DRAWS = 1000
_SMOOTHING = 1.3  # on the standard deviation, for what the penalty draws the curve aside
_GRID = 600
_DOUBT = 2.5  # standard deviations of a bend that may be one
# A runaway ends above the level at its inflexion by more than a third of a kelvin makes of a
# resistance (with an activation energy of 0.2 to 0.3 eV near room temperature), by more than the
# curve has fallen since it levelled off, and bends twice as far as it has before, five times as far
# as a spline rings behind a corner.
_CLEAR = 0.01
_STEEPEST = 0.7
_LATE = 0.85  # of what follows an inflexion: its end is later
_FALLEN = 1.25
_ALIKE = 0.8
_BEFORE = 2.0
_AFTER = 5.0
_RECENT = 0.1  # of the time before an inflexion, that its level is taken from


def find_inflexion(
    record: "xr.Dataset",
    *,
    least_z: float = 4.0,
    skip: float = 0.01,
    runaway_rise: float = 0.5,
    seed: int = 0,
) -> Feature:
    """Find the time at which the voltage of a polarised cell bends from levelling off to running.

    Parameters
    ----------
    record : xarray.Dataset
        A record with at least one step at constant current; the longest is read, up to a drop, a
        runaway or the instrument's limit if there is one.
    least_z : float, default: 4
        By how many standard deviations the second derivative has to be negative before the
        inflexion and positive after it.
    skip : float, default: 0.01
        Part of the step at its start that is left out (the edge of the current).
    runaway_rise : float, default: 0.5
        Rise over the median voltage [V] that counts as a runaway.
    seed : int, default: 0
        Of the draws from the spline's posterior.

    Returns
    -------
    Feature
        ``transition_time`` [s since the step's start]: an interval that holds 98 % of the
        posterior and, where the curve has a corner, that corner; where it runs away without an
        inflexion, from where it leaves its level; or right-censored at the end of what was read, or
        before it where the curve may have turned unnoticed.
        Flags: ``no_inflexion``, ``back_at_old_level`` (for good, after a bend upwards: censored
        before it), ``runaway``, ``drop_first`` (a drop ends the curve), ``slow_ramp`` (slowly),
        ``compliance``, ``several_steps``, ``against_current`` (steps not read), ``own_voltage``,
        ``slow_decline``, ``noise_sets_in``, ``brief_dips``, ``many_dips``, ``begins_midway`` and
        ``current_before`` (what is not counted). Details:
        ``step_start``, ``test_time_lower``, ``test_time_upper`` [s], ``current`` [A], ``z_before``,
        ``z_after``, ``z_end`` (how much steeper the end is than the inflexion), ``duration`` and
        ``read_until`` [s].

    Raises
    ------
    FeatureError
        The record holds no step at constant current of 30 rows, or the voltage is opposite to it.
    """
    options: dict[str, float | str | bool] = {
        "least_z": least_z,
        "skip": skip,
        "runaway_rise": runaway_rise,
        "seed": seed,
    }
    channels = read_channels(record, "an inflexion")
    record = channels.record
    steps = constant_current_steps(record, "an inflexion", least=30)
    steps, opposed = steps_with_the_current(record, steps, "an inflexion")
    step = max(steps, key=lambda each: each.duration)
    flags = [*opposed, *own_voltage(record, steps, "an inflexion"), *history(record, step)]
    columns = read_columns(record)
    test_time, voltage, _ = (part[step.rows] for part in columns)
    time, raw = test_time - step.begin, voltage * np.sign(step.current)
    noise = estimate_noise(time, raw)
    curve, _ = despike(raw, noise)
    if len(steps) > 1:
        words = f"The record has {len(steps)} steps at constant current; the longest is read."
        flags.append(Flag("several_steps", words))
    rows = without_bumps(time, curve)
    gates = Gates(10.0, 5.0, 0.1, 10.0, 20.0)
    events = read_events(
        time[rows],
        raw[rows],
        noise,
        gates,
        shorted=gates.least_relative,
        rise=runaway_rise,
        last=step.stop == len(columns[0]),
    )
    if len(rows) < len(curve):
        flags.append(
            Flag(
                "excursion",
                f"In {len(curve) - len(rows)} rows the voltage is up and comes back to its level: "
                "they are not read.",
            )
        )
    flags += events.flags(time[rows])
    fall = events.fall
    if fall is not None and fall.slow:
        flags.append(fall.slow_ramp(time[rows]))
    after = np.empty(0) if fall is None else curve[rows[fall.drop.after :]]
    before = (
        len(events.rows) if fall is None else int(np.searchsorted(events.rows, fall.drop.before))
    )
    rows = rows[events.rows]
    time, curve = time[rows], curve[rows]
    until = len(curve)
    limit = find_compliance(record, step)
    if limit is not None and limit - step.start < step.stop - step.start:
        until = max(int(np.searchsorted(rows, limit - step.start)), 1)
        flags.append(
            Flag("compliance", f"The instrument is at its limit from {time[until - 1]:.6g} s on.")
        )
    if before < until:
        until = max(before, 1)  # its last row may be of the drop
        flags.append(
            Flag(
                "drop_first",
                f"The voltage drops at {time[until]:.6g} s: the curve is read up to there.",
            )
        )
    runaway = find_runaway(time[:until], curve[:until], runaway_rise)
    if runaway is None:
        top = find_limit(time[:until], curve[:until], noise.sigma)
        if top is not None:
            until = top
            flags.append(
                Flag(
                    "compliance",
                    f"The voltage sits at one level from {time[top]:.6g} s on, after it "
                    "rose: a limit of the instrument, or a resistance that has grown for good. The "
                    "curve is read up to there.",
                )
            )
    ends = [until]
    if runaway is not None:
        # A limit beyond bends the curve once more, and beside all of a runaway nothing else counts.
        until = min(until, runaway.crossed + 1)
        low = np.flatnonzero(curve[:until] < runaway.level + 0.1 * runaway_rise)
        ends = [until, runaway.onset + 1, int(low[-1]) + 1 if low.size else 0]
    first = int(np.searchsorted(time, skip * time[until - 1])) if until > 0 else 0
    first = max(first, 1)
    details = {"step_start": step.begin, "current": step.current, "duration": step.duration}
    common = {
        "quantity": "transition_time",
        "unit": "s",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (step.start, step.stop),
    }
    stop = float(time[max(until - 1, 0)])
    details["read_until"] = stop
    found = None
    for end in ends:
        if found is None and end - first >= 30:
            found = _inflexion(time[first:end], curve[first:end], least_z, seed, details)
    if found is None and runaway is not None:
        found = _within_runaway(time, curve, noise, runaway)
        flags.append(
            Flag(
                "runaway",
                f"The voltage runs away between {found[0]:.6g} and {found[2]:.6g} s, without an "
                "inflexion before that the noise could not make: the transition is in the runaway.",
            )
        )
    seen = until if found is None else int(np.searchsorted(time, found[0]))
    flags += noise_sets_in(test_time[rows[:seen]], raw[rows[:seen]])
    sure = min(details.pop("sure_until", stop), stop)
    if found is not None and _is_back(time[:until], curve[:until], found[0], after):
        sure, found = min(sure, found[0]), None
        flags = [flag for flag in flags if flag.name != "back_at_old_level"]  # told of here
        flags.append(
            Flag(
                "back_at_old_level",
                f"The voltage bends upwards after {sure:.6g} s, falls at {stop:.6g} s to the level "
                "that it had before it rose, and stays there: a short, or a contact that was lost "
                "and came back.",
            )
        )
    if found is None:
        words = f"No inflexion that the noise could not make, up to {stop:.6g} s"
        doubt = f", but perhaps one after {sure:.6g} s" if sure < stop else ""
        flags.append(Flag("no_inflexion", f"{words}{doubt}: censored there."))
        details["test_time_lower"] = sure + step.begin
        censored = Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=step.least(sure),
            flags=tuple(flags),
            details=details,
        )
        return channels.honest(censored)
    lower, value, upper, sd = found
    for row in np.flatnonzero(np.diff(rows) > 1):  # where nothing was read it may be anywhere
        if time[row] < upper and time[row + 1] > lower:
            lower, upper = min(lower, float(time[row])), max(upper, float(time[row + 1]))
    upper = min(upper, float(time[-1]))  # nobody looked beyond
    lower = step.least(lower)
    details |= {"test_time_lower": lower + step.first, "test_time_upper": upper + step.begin}
    transition = Feature(
        **common,  # type: ignore[arg-type]
        **between(lower, upper),
        value=value,
        sd=sd,
        flags=tuple(flags),
        details=details,
    )
    return channels.honest(transition)


def _is_back(time: Array, curve: Array, lower: float, after: Array) -> bool:
    """Return whether a curve falls, after it rose, to the level of before and stays there.

    A short leaves less than two thirds of that.
    """
    if not after.size:
        return False
    rows = (time <= lower) & (time >= (1 - _RECENT) * lower)
    level = float(np.median(curve[rows])) if rows.any() else float(curve[0])
    height = float(np.max(curve)) - level
    low, high = np.quantile(after, (0.1, 0.9))
    return bool(low > (1 - SHORTED) * level and high < level + SHORTED * height)


def _within_runaway(
    time: Array, curve: Array, noise: Noise, runaway: Departure
) -> tuple[float, float, float, float]:
    """Return where a curve leaves its level to where it has risen, as an inflexion is returned."""
    rows = max(5, runaway.onset // 50)
    means = np.convolve(curve[: runaway.onset + 1], np.ones(rows) / rows, mode="valid")
    least = max(3 * noise.effective / float(np.sqrt(rows)), noise.quantum)
    low = np.flatnonzero(means < runaway.level + least)
    lower = float(time[int(low[-1])]) if low.size else 0.0
    upper = float(time[runaway.crossed])
    return lower, 0.5 * (lower + upper), upper, (upper - lower) / float(np.sqrt(12))


def _inflexion(
    time: Array, curve: Array, least_z: float, seed: int, details: dict[str, float]
) -> tuple[float, float, float, float] | None:
    """Return lower end, median, upper end and sd of the inflexion, or None."""
    # Bins of one row and of two would not be equally correlated.
    middle, mean, counts = (
        binned(time, curve, BINS) if len(time) > 2 * BINS else (time, curve, np.ones(len(time)))
    )
    if len(middle) < 30 or np.ptp(mean) <= 0:
        return None
    span = float(middle[-1] - middle[0])
    x = (middle - middle[0]) / span
    phi = estimate_noise(middle, mean).phi
    # Without its line, which has no second derivative, the curve is all bend.
    line = np.polyfit(x, mean, 1)
    fit = posterior_spline(x, mean - np.polyval(line, x), counts, phi)
    at = np.linspace(0, 1, _GRID)
    basis, second = fit.derivative(at, 2)
    sd = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", basis, fit.covariance, basis), 1e-300))
    z = second / sd
    slopes = fit.derivative(at, 1)[1] + line[0]
    level_of = fit.derivative(at, 0)[1] + np.polyval(line, at)
    negative, positive = np.flatnonzero(z < -least_z), np.flatnonzero(z > least_z)
    details["z_before"] = float(np.min(z))
    details["z_after"] = float(np.max(z))
    # Levelling off is beyond doubt up to here; after it the curve may have turned unnoticed.
    level, upward = np.flatnonzero(z < -_DOUBT), np.flatnonzero(z > _DOUBT)
    if level.size and upward.size and upward[-1] > level[0]:
        sure = int(level[level < upward[-1]][-1])
        # What ends hardly above it, after a fall, is a wave.
        above, fallen = _rise(level_of, sure), fall_after(level_of, int(level[0]))
        wave = above < min(_FALLEN * fallen, _CLEAR * abs(float(level_of[sure])))
        if _steepening(fit, at, sure)[1] > _DOUBT and not wave:
            details["sure_until"] = float(middle[0] + span * at[sure])
    # Changes from negative to positive with both sides beyond doubt.
    changes = _changes(negative, positive)
    if not changes:
        return None
    turns = [_steepening(fit, at, *change)[0] for change in changes]
    bends = [_bend(level_of, slopes, turn, _GRID - 1) for turn in turns]
    alike = np.flatnonzero(np.array(bends) >= _ALIKE * max(bends))
    chosen = int(alike[-1])
    begin, end = changes[int(alike[0])][0], changes[chosen][1]  # it may be any of them
    details["z_before"] = float(np.min(z[: begin + 1]))
    details["z_after"] = float(np.max(z[end:]))
    # A curve that runs away is steeper at its end than at the inflexion, and clearly above it, and
    # bends there more than anywhere: one that bows once more does not, nor does a wave.
    turn, steeper = _steepening(fit, at, begin, end)
    details["z_end"] = steeper
    least = max(_CLEAR * abs(float(level_of[turn])), _FALLEN * fall_after(level_of, changes[0][0]))
    if steeper < least_z or _rise(level_of, turn) < least or _levels(slopes, turn):
        return None
    earlier = [_bend(level_of, slopes, *each) for each in pairwise(turns[: chosen + 1])]
    if bends[chosen] < max(
        _BEFORE * max(earlier, default=0.0), _AFTER * max(bends[chosen + 1 :], default=0.0)
    ):
        return None
    between = slice(begin, end + 1)
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(fit.covariance)
    draws = fit.mean[:, None] + (
        vectors * (_SMOOTHING * np.sqrt(np.maximum(values, 0)))
    ) @ rng.standard_normal((len(fit.mean), _DRAWS))
    part = basis[between] @ draws
    # The time of a draw: where its slope is smallest between the two certain sides.
    slope = np.cumsum(part, axis=0)
    rows = np.argmin(slope, axis=0)
    times = middle[0] + span * at[between][rows]
    half = 0.5 * span * float(at[1] - at[0])
    low, value, high = (float(part) for part in np.quantile(times, [0.01, 0.5, 0.99]))
    # A spline draws what bends within its knots too early.
    knots = 2 * span / knot_count(len(x))
    low, high, sd = low - half, high + half + knots, float(np.std(times) + half)
    corner = _corner(time, curve, low, high, span)
    if corner is not None:
        low, high = min(low, corner[0]), max(high, corner[1])
        value, sd = 0.5 * (low + high), max(sd, (high - low) / float(np.sqrt(12)))
    return low, value, high, sd


def _changes(negative: Rows, positive: Rows) -> list[tuple[int, int]]:
    """Return the changes from negative to positive: the last row of one, the first of the other."""
    changes = []
    signs = sorted([(int(row), -1) for row in negative] + [(int(row), 1) for row in positive])
    for (row, sign), (following, other) in pairwise(signs):
        if sign < other:
            changes.append((row, following))
    return changes


def _rise(level: Array, turn: int) -> float:
    """Return how far a curve ends above its level at a row."""
    return float(np.median(level[-_GRID // 20 :])) - float(level[turn])


def _levels(slopes: Array, turn: int) -> bool:
    """Return whether a curve that has risen since a row levels off again: it was shifted.

    What runs away is at its end about as steep as anywhere, by means over its last part.
    """
    since = slopes[turn:]
    width = max(len(since) - int(_LATE * len(since)), 1)
    means = np.convolve(since, np.ones(width) / width, mode="valid")
    return float(means[-1]) < _STEEPEST * float(np.max(means))


def _bend(level: Array, slopes: Array, turn: int, until: int) -> float:
    """Return how far a curve rises above its tangent at a row until another."""
    step = 1.0 / (_GRID - 1)
    tangent = level[turn] + slopes[turn] * step * np.arange(until + 1 - turn)
    return float(np.max(level[turn : until + 1] - tangent))


def _steepening(fit: SplineFit, at: Array, begin: int, end: int | None = None) -> tuple[int, float]:
    """Return where a curve is least steep, and by how many deviations its end is steeper."""
    slopes, _ = fit.derivative(at, 1)
    stop = None if end is None else end + 1
    turn = begin + int(np.argmin(slopes[begin:stop] @ fit.mean))
    late = slopes[turn + int(_LATE * (_GRID - turn)) :].mean(axis=0) - slopes[turn]
    deviation = float(np.sqrt(max(late @ fit.covariance @ late, 1e-300)))
    return turn, float(late @ fit.mean) / deviation


def _corner(
    time: Array, curve: Array, low: float, high: float, span: float
) -> tuple[float, float] | None:
    """Return the interval of a corner near an inflexion, which a spline draws too early.

    A cubic with a hinge, of slope and curvature, against a smooth curve of as many parameters.
    """
    wide = max(high - low, 10 * span / KNOTS)
    part = slice(*np.searchsorted(time, [low - wide, high + wide]).tolist())
    if part.stop - part.start < 30:
        return None
    middle, mean, counts = binned(time[part], curve[part], BINS)
    if len(middle) < 30:
        return None
    width = float(middle[-1] - middle[0])
    x = 2 * (middle - middle[0]) / width - 1
    root = np.sqrt(counts / counts.mean())
    smooth = np.polynomial.legendre.legvander(x, 6)
    cubic = smooth[:, :4]

    def squares(design: Array) -> tuple[float, Array]:
        weighted = design * root[:, None]
        answer = np.linalg.lstsq(weighted, mean * root, rcond=None)[0]
        return float(np.sum((mean * root - weighted @ answer) ** 2)), answer

    places = x[4:-4]
    hinges = [np.clip(x - place, 0, None) for place in places]
    fits = [squares(np.column_stack([cubic, hinge, hinge**2])) for hinge in hinges]
    off = np.array([fit[0] for fit in fits])
    best = int(np.argmin(off))
    phi = estimate_noise(middle, mean - squares(smooth)[0]).phi
    free = (len(x) - 7) * (1 - phi) / (1 + phi)
    if free < 10 or fits[best][1][4] <= 0:
        return None
    if free * np.log(squares(smooth)[0] / max(off[best], 1e-300)) < 10.0:
        return None
    likely = np.flatnonzero(off < off[best] * np.exp(9.0 / free))
    gap = 2 * width / len(x)
    return (
        float(middle[4 + likely[0]]) - gap,
        float(middle[4 + likely[-1]]) + gap,
    )
