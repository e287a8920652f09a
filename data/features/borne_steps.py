"""Steps that a cell bore: which of them says most, and what is to be known of it."""

from dataclasses import replace

import numpy as np

from data.features.feature import Feature, Flag

__all__ = ["PULSE", "ROSE", "strongest_step", "with_currents_before"]

_SAME = 0.02  # of a current: another one differs by more
PULSE = 0.2  # of the longest step
ROSE = 1.0  # of its level: a voltage that has doubled for good is another cell's
_RISE = 0.01  # [V]: an offset makes less


def _current(feature: Feature) -> float:
    return abs(feature.details["current"])


def with_currents_before(feature: Feature, before: list[Feature]) -> Feature:
    """Return an event with what the cell survived before, if that was another current."""
    other = [each for each in before if abs(_current(each) / _current(feature) - 1) > _SAME]
    if not other:
        return feature
    listed = ", ".join(f"{_current(each):.4g} A for {each.lower:.6g} s" for each in other[-3:])
    flag = Flag(
        "survived_before",
        f"Before, the cell survived {listed}: as a staircase the record says more "
        "(critical_current for liquid cells, dc_polarization with protocol=step for solid ones).",
    )
    return replace(feature, flags=(*feature.flags, flag))


def strongest_step(censored: list[Feature]) -> Feature:
    """Return the step that says most: the largest current borne to the end of a step.

    Short pulses say little: steps of less than a fifth of the longest are passed over.
    """
    whole = [feature for feature in censored if not _was_stopped(feature)] or censored[:1]
    longest = max(feature.details["duration"] for feature in whole)
    long = [feature for feature in whole if feature.details["duration"] >= PULSE * longest]
    largest = max(_current(feature) for feature in long)
    long = [feature for feature in long if _current(feature) > (1 - _SAME) * largest]
    best = max(long, key=lambda each: each.details["duration"])
    rose = _rose_between(censored, best)
    best = replace(best, flags=(*best.flags, *rose))
    stopped = [each for each in censored if _was_stopped(each) and each.window != best.window]
    if not stopped:
        return best
    flag = Flag(
        "stopped_later",
        f"At {_current(stopped[0]):.4g} A the voltage runs away or the instrument is at its limit "
        f"after {stopped[0].lower:.6g} s; what is stated is the step before that it bore whole.",
    )
    return replace(best, flags=(*best.flags, flag))


def _rose_between(censored: list[Feature], best: Feature) -> tuple[Flag, ...]:
    """Return what is to be known of a step at twice the resistance of those before it."""
    before = [
        each.details["resistance"]
        for each in censored
        if each.details["step_start"] < best.details["step_start"]
    ]
    usual, here = float(np.median(before or [np.inf])), best.details["resistance"]
    if not 0 < (1 + ROSE) * usual < here or (here - usual) * _current(best) <= _RISE:
        return ()
    return (
        Flag(
            "resistance_rose",
            f"At {_current(best):.4g} A the resistance is {here:.4g} ohm, {here / usual:.3g} times "
            "that of the steps before it: contact lost, electrolyte dried out or depleted.",
        ),
    )


def _was_stopped(feature: Feature) -> bool:
    """Return whether a censored test ended for a reason of its own."""
    return any(map(feature.has_flag, ("divergence_first", "compliance", "unconfirmed_drop")))
