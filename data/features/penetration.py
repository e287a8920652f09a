"""Penetration: the sudden drop of the voltage when metal has grown through to the other electrode.

The answer is the interval between the last row before the drop and the first row after it; a drop
over several rows is a ramp, and its interval goes from its onset to its end. A curve that diverges,
or reaches the instrument's limit, before any drop is censored there: the counter electrode or the
electrolyte was depleted, nothing was penetrated.
"""

from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.features.borne_steps import PULSE, ROSE, strongest_step, with_currents_before
from data.features.channels import read_channels
from data.features.control import ControlStep, constant_current_steps, read_columns
from data.features.drop import Drop, Gates
from data.features.events import SHORTED, Events, read_events
from data.features.feature import Feature, Flag, between
from data.features.history import history
from data.features.leads import own_voltage, steps_with_the_current
from data.features.noise import Noise, despike, estimate_noise
from data.features.runaway import find_compliance, find_rise
from data.features.unrest import noise_sets_in

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["find_penetration"]

ALGORITHM = "sudden_drop"
VERSION = "8"
_NEXT_SHORTED = 0.3  # of the resistance of the step before
# A drop this early, in times of what follows, at which a cell still resists, may be the end of an
# overpotential at the start: a short near the start that lasts is near zero.
_EARLY = 0.05
_NEAR_ZERO = 0.02  # of the level before it
_LAST = 10  # rows at the end of a step
_DOWN = 0.9  # of the rows after a short are at its level


def find_penetration(
    record: "xr.Dataset",
    *,
    least_delta_bic: float = 10.0,
    least_sigmas: float = 5.0,
    least_relative: float = 0.05,
    least_loss: float = SHORTED,
    persistence: float = 10.0,
    longest_ramp: float = 20.0,
    slow_relative: float = 0.5,
    divergence: float = 0.5,
) -> Feature:
    """Find the time at which the voltage of a cell at constant current drops for good.

    Parameters
    ----------
    record : xarray.Dataset
        A record with at least one step at constant current.
    least_delta_bic : float, default: 10
        Evidence needed against a smooth curve.
    least_sigmas : float, default: 5
        Least height of the drop, in standard deviations of the noise (times the factor of its
        correlation) and of the height itself.
    least_relative : float, default: 0.05
        Least height of a drop that is seen, over the voltage before it.
    least_loss : float, default: 1/3
        Least height of a drop that is a penetration, over the voltage before it. Of several that
        last, the largest counts.
    persistence : float, default: 10
        How long the voltage has to stay down [s], or to the end of the step; a shorter one is a
        spike.
    longest_ramp : float, default: 20
        Longest drop that counts as sudden [s].
    slow_relative : float, default: 0.5
        Least height of a slower fall, over the voltage before it.
    divergence : float, default: 0.5
        Rise over the median voltage [V] that counts as a divergence.

    Returns
    -------
    Feature
        ``penetration_time`` [s since the step's start]: an interval, or right-censored. Of several
        steps the first with an event; without one the largest current borne. Flags: ``ramp``,
        ``slow_ramp``, ``soft_short`` (the voltage comes back), ``divergence_first``,
        ``compliance``, ``several_steps``, ``survived_before`` (another current), ``stopped_later``
        (at another step the voltage runs away), ``between_steps``, ``against_current`` (steps not
        read), ``own_voltage`` (the cell has one), ``begins_midway`` and ``current_before`` (what is
        not counted), ``end_of_record`` (it ends sooner after the drop than `persistence`),
        ``unconfirmed_drop`` (censored before a fall that another cause could make), ``small_drop``
        (below `least_loss`), ``several_drops`` (another was as large as a short), ``excursion`` (up
        and back to the old level), ``back_at_old_level`` (after a slow rise), ``partial_drop``
        (more than a third of the level is left or regained), ``early_drop`` (a cell that resists
        goes on for long after it), ``soft_short_before`` (another that came back),
        ``resistance_rose`` (it survives at a voltage that has doubled), ``slow_decline`` (it
        survives at less than two thirds of its voltage), ``noise_sets_in``, ``brief_dips`` and
        ``many_dips``, and those of the channels
        (``frozen_channel``, ``held_values``, ``magnitude_current``, ``coarse_time``). Details:
        ``step_start``, ``test_time_lower``, ``test_time_upper`` (test time [s]), ``current`` [A],
        ``charge`` [C] up to the middle of the interval or to the bound, ``duration`` [s] and
        ``resistance`` [ohm] of the step; of a drop also ``jump``, ``jump_sd``, ``level_before``
        [V], ``delta_bic``, ``ramp`` [s].

    Raises
    ------
    FeatureError
        The record holds no step at constant current, or the voltage is opposite to it, or no
        measurement.
    """
    options: dict[str, float | str | bool] = {
        "least_delta_bic": least_delta_bic,
        "least_sigmas": least_sigmas,
        "least_relative": least_relative,
        "least_loss": least_loss,
        "persistence": persistence,
        "longest_ramp": longest_ramp,
        "slow_relative": slow_relative,
        "divergence": divergence,
    }
    gates = Gates(least_delta_bic, least_sigmas, least_relative, persistence, longest_ramp)
    channels = read_channels(record, "a penetration")
    record = channels.record
    steps = constant_current_steps(record, "a penetration", least=10)
    steps, flags = steps_with_the_current(record, steps, "a penetration")
    flags += own_voltage(record, steps, "a penetration")
    if len(steps) > 1:
        flags += (
            Flag(
                "several_steps",
                f"The record has {len(steps)} steps at constant current; the time is counted from "
                "the start of the one that holds the event, or of the one that is stated.",
            ),
        )
    censored: list[Feature] = []
    for step, after in zip_longest(steps, steps[1:]):
        feature = _of_step(record, step, after, gates, flags, options)
        if feature.kind != "right":
            return channels.honest(with_currents_before(feature, censored))
        censored.append(feature)
    return channels.honest(strongest_step(censored))


def _shorted_after(
    record: "xr.Dataset", step: ControlStep, after: ControlStep | None, level: float
) -> bool | None:
    """Return whether a like step that follows is shorted throughout; None where there is none."""
    if after is None or not 0.5 <= abs(after.current / step.current) <= 2:
        return None
    if after.duration < PULSE * step.duration:
        return None
    # All of it: just after a reversal the gradients of before still drive the current.
    high = float(np.quantile(np.abs(read_columns(record)[1][after.rows]), 0.9))
    return high / abs(after.current) < _NEXT_SHORTED * level / abs(step.current)


def _of_step(
    record: "xr.Dataset",
    step: ControlStep,
    after: ControlStep | None,
    gates: Gates,
    several: tuple[Flag, ...],
    options: dict[str, float | str | bool],
) -> Feature:
    """Return the feature of one step, and of the pause to the next."""
    columns = read_columns(record)
    test_time, voltage, current = (part[step.rows] for part in columns)
    time = test_time - step.begin
    raw = voltage * np.sign(step.current)
    noise = estimate_noise(time, raw)
    events = read_events(
        time,
        raw,
        noise,
        gates,
        slow_relative=float(options["slow_relative"]),
        shorted=float(options["least_loss"]),
        rise=float(options["divergence"]),
        last=step.stop == len(columns[0]),
    )
    fall, runaway = events.fall, events.runaway
    flags = [*several, *history(record, step), *events.flags(time)]
    if events.lasting is not None and fall is not None:
        flags.append(
            Flag(
                "soft_short_before",
                f"From {time[fall.drop.before]:.6g} s on the voltage is down by "
                f"{fall.drop.jump:.3g} V for a while and comes back: a soft short, before the one "
                "that lasts.",
            )
        )
        fall = events.lasting
    stop, undisturbed = len(raw) - 1, len(flags)
    if fall is not None and not fall.certain:
        shorted = _shorted_after(record, step, after, fall.drop.level_before)
        if shorted is None:
            stop = fall.drop.before
            why = fall.why or (
                f"falls by {fall.drop.jump:.3g} V, in the last rows or on and off: a short, or the "
                "current being switched off"
            )
            flags.append(
                Flag(
                    "unconfirmed_drop",
                    f"From {time[stop]:.6g} s on the voltage {why}. The test is censored before.",
                )
            )
        if not shorted:
            fall = None
    until = len(raw) if fall is None else fall.drop.begin + 1
    limit = find_compliance(record, step)
    if runaway is not None:
        fall, stop = None, runaway.onset
        flags.append(
            Flag(
                "divergence_first",
                f"The voltage runs away from {time[stop]:.6g} s on, before any drop: the test is "
                "censored there (the electrolyte is depleted or contact is lost, nothing is "
                "penetrated).",
            )
        )
    elif limit is not None and limit - step.start < until:
        fall, stop = None, max(limit - step.start - 1, 0)
        flags.append(
            Flag(
                "compliance",
                f"The instrument is at its limit from {time[stop]:.6g} s on, before any drop: the "
                "test is censored there.",
            )
        )
    elif limit is not None and fall is None:
        flags.append(
            Flag("compliance", "The instrument is at its limit at the end of the step: censored.")
        )
    elif fall is None and (rise := _rise(time, raw, noise, events, stop)) is not None:
        flags.append(rise)
    details = {
        "step_start": step.begin,
        "current": step.current,
        "duration": step.duration,
        "resistance": float(np.median(raw)) / abs(step.current),
    }
    steps = np.diff(time) * 0.5 * (np.abs(current[1:]) + np.abs(current[:-1]))
    passed = np.concatenate([[0.0], np.cumsum(steps)])
    common = {
        "quantity": "penetration_time",
        "unit": "s",
        "algorithm": ALGORITHM,
        "version": VERSION,
        "options": options,
        "window": (step.start, step.stop),
    }
    seen = stop + 1 if fall is None else fall.drop.before + 1
    kept = events.rows[events.rows < seen]
    unrest = noise_sets_in(test_time[kept], raw[kept])
    if fall is None:
        level = float(np.median(raw))
        if (
            after is not None
            and len(flags) == undisturbed
            and _shorted_after(record, step, after, level)
        ):
            flags += unrest
            return _between_steps(step, after, passed, level, flags, details, common)
        details |= {
            "test_time_lower": float(test_time[stop]),
            "charge": float(passed[stop]),
        }
        return Feature(
            **common,  # type: ignore[arg-type]
            kind="right",
            lower=step.least(float(time[stop])),
            flags=(*flags, *unrest),
            details=details,
        )
    drop = fall.drop
    ramp = float(time[drop.end] - time[drop.begin])
    if fall.slow:
        flags.append(fall.slow_ramp(time))
    elif drop.end - drop.begin > 2:
        flags.append(
            Flag("ramp", f"The drop takes {ramp:.3g} s: the interval is from its onset to its end.")
        )
    if fall.recovers:
        flags.append(Flag("soft_short", "The voltage comes back up after the drop: a soft short."))
    if time[-1] - time[drop.end] < gates.persistence:
        flags.append(
            Flag(
                "end_of_record",
                f"The step ends {time[-1] - time[drop.end]:.3g} s after the drop: whether it "
                "lasts was not seen for longer.",
            )
        )
    if not fall.recovers and not fall.why:  # else it is doubted already
        flags += _left(time, raw, noise, drop, float(columns[0][-1]) - step.begin)
    lower = step.least(float(time[drop.before]))
    upper = float(time[drop.after])
    details |= {
        "test_time_lower": float(test_time[drop.before]),
        "test_time_upper": float(test_time[drop.after]),
        "charge": float(np.interp(0.5 * (lower + upper), time, passed)),
        "jump": drop.jump,
        "jump_sd": drop.jump_sd,
        "level_before": drop.level_before,
        "delta_bic": drop.delta_bic,
        "ramp": ramp,
    }
    return Feature(
        **common,  # type: ignore[arg-type]
        **between(lower, upper),
        value=0.5 * (lower + upper),
        flags=(*flags, *unrest),
        details=details,
    )


def _left(time: Array, raw: Array, noise: Noise, drop: Drop, end: float) -> list[Flag]:
    """Return what a drop that lasts leaves, where it is more than a short leaves for certain."""
    curve, _ = despike(raw, noise)
    after, before = curve[drop.after :], drop.level_before
    least = max(float(np.quantile(after, _DOWN)), float(np.median(after[-_LAST:])))
    flags = []
    if least > SHORTED * before:
        flags.append(
            Flag(
                "partial_drop",
                f"After the drop at {time[drop.before]:.6g} s the voltage keeps, or comes back to, "
                f"{least / before:.0%} of its level: a short leaves less than a third, and a cell "
                "that holds more than two thirds.",
            )
        )
    level = float(np.median(after))
    follows = end - float(time[drop.after])
    if float(time[drop.after]) < _EARLY * follows and level > _NEAR_ZERO * before:
        flags.append(
            Flag(
                "early_drop",
                f"The voltage drops {time[drop.after]:.6g} s after the start, and the cell resists "
                f"at {level:.3g} V for {follows:.6g} s more: an overpotential at the start "
                "(nucleation) ends like this, too.",
            )
        )
    return flags


def _rise(time: Array, raw: Array, noise: Noise, events: Events, stop: int) -> Flag | None:
    """Return what is to be known of a cell that survives at a voltage which has doubled."""
    rows = events.rows[events.rows <= stop]
    curve, _ = despike(raw, noise)
    found = find_rise(time[rows], curve[rows], ROSE)
    if found is None:
        return None
    top = float(np.median(curve[rows[found.crossed :]]))
    return Flag(
        "resistance_rose",
        f"From {time[rows[found.onset]]:.6g} s on the voltage rises from {found.level:.3g} to "
        f"{top:.3g} V and stays there: the resistance has grown (contact lost, electrolyte dried "
        "out or depleted), and what survives is not the cell that the current was meant for.",
    )


def _between_steps(
    step: ControlStep,
    after: ControlStep,
    passed: Array,
    level: float,
    flags: list[Flag],
    details: dict[str, float],
    common: Mapping[str, object],
) -> Feature:
    """Return a short that came after the last row of a step and before the next step's start."""
    lower, upper = step.least(step.duration), after.first - step.begin
    flags.append(
        Flag(
            "between_steps",
            f"The next step stays below {_NEXT_SHORTED:g} of the resistance of this one: shorted "
            "in between.",
        )
    )
    return Feature(
        **common,  # type: ignore[arg-type]
        **between(lower, upper),
        value=0.5 * (lower + upper),
        flags=tuple(flags),
        details=details
        | {
            "test_time_lower": step.end,
            "test_time_upper": after.first,
            "charge": float(passed[-1]),
            "level_before": level,
        },
    )
