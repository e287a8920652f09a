"""What happens within a step: events of its voltage, and whether it fails."""

from dataclasses import replace
from typing import TYPE_CHECKING

from data.features.drop import Gates
from data.features.events import Events, read_events
from data.features.fall import Fall
from data.features.feature import Flag
from data.features.runaway import find_compliance
from data.features.staircase import ReadStep
from data.features.step_starts import FEWEST, SHORTED_STEP

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["failure_within"]

_EARLY = 0.2  # of a step, that an overpotential at its start may last
_FIRST_STEP = 0.3  # of the voltage, that is left of an overpotential in the first step


def _is_activation(each: ReadStep, fall: Fall, expected: float | None) -> bool:
    """Return whether a fall early in a step is from an overpotential that starts the step.

    It leaves the resistance of the steps before; in the first step, most of the voltage.
    """
    drop = fall.drop
    if each.time[drop.begin] - each.time[0] > _EARLY * (each.time[-1] - each.time[0]):
        return False
    if expected is None:
        return drop.level_after > _FIRST_STEP * drop.level_before
    left = drop.level_after / each.current
    return left > SHORTED_STEP * expected


def _events(
    each: ReadStep,
    expected: float | None,
    gates: Gates,
    shorted: float,
    divergence: float,
    last: bool,
) -> Events:
    """Return what happens in a step after its edge and the overpotential at its start."""
    time, first = each.time, 1  # the first rows hold the edge of the step itself
    while True:
        events = read_events(
            time[first:],
            each.raw[first:],
            each.noise,
            gates,
            shorted=shorted,
            rise=divergence,
            last=last,
        ).later(first)
        fall = events.fall
        if fall is None or events.runaway or not _is_activation(each, fall, expected):
            smaller = tuple(
                other for other in events.smaller if not _is_activation(each, other, expected)
            )
            return replace(events, smaller=smaller)
        if len(time) - fall.drop.after <= FEWEST:
            return replace(events, fall=None)
        first = fall.drop.after + 1


def failure_within(
    record: "xr.Dataset",
    each: ReadStep,
    expected: float | None,
    number: int,
    gates: Gates,
    shorted: float,
    divergence: float,
    last: bool,
    details: dict[str, float],
) -> list[Flag]:
    """Return how a cell failed within a step, and note between which times."""
    step, time = each.step, each.time
    events = _events(each, expected, gates, shorted, divergence, last)
    fall, runaway = events.fall, events.runaway
    where = f"step {number + 1}, at {abs(step.current):.4g} A"
    seen = [
        replace(flag, message=f"In {where}: {flag.message}")
        for flag in events.flags(time)
        # It failed, by one or the other; and the steps before tell what a slow fall is.
        if flag.name not in ("several_drops", "slow_decline")
    ]
    if runaway is not None:
        at = float(time[runaway.onset + 1])
        details |= {"event_time_lower": at, "event_time_upper": float(time[-1])}
        words = f"The voltage runs away in {where}, from {at:.4g} s."
        return [*seen, Flag("runaway_within_step", words)]
    limit = find_compliance(record, step)
    if limit is not None and (fall is None or limit - step.start <= fall.drop.begin):
        at = float(time[min(max(limit - step.start - 1, 0), len(time) - 1)])
        details |= {"event_time_lower": at, "event_time_upper": at}
        return [*seen, Flag("compliance", f"The instrument is at its limit in {where}.")]
    if fall is None:
        return seen
    ends = (float(time[fall.drop.before]), float(time[fall.drop.after]))
    if not fall.certain:
        why = fall.why or (
            f"falls by {fall.drop.jump:.3g} V in the last rows or on and off: a short that stopped "
            "the test, or the current being switched off"
        )
        return [
            *seen,
            Flag(
                "unclear_drop" if fall.why else "unconfirmed_drop",
                f"In {where}, the voltage {why}. It counts as no failure.",
            ),
        ]
    details |= {"event_time_lower": ends[0], "event_time_upper": ends[1]}
    flags = [
        *seen,
        Flag(
            "short_within_step",
            f"The voltage drops by {fall.drop.jump:.3g} V in {where}, between {ends[0]:.6g} and "
            f"{ends[1]:.6g} s.",
        ),
    ]
    if time[-1] - ends[1] < gates.persistence:
        flags.append(
            Flag("end_of_record", f"{where[0].upper()}{where[1:]} ends right after the drop.")
        )
    if fall.recovers:
        flags.append(
            Flag("soft_short", f"The voltage comes back up in {where}: a soft short, as failed.")
        )
    return flags
