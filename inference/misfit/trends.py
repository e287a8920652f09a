"""Trends: rows that lie above their predictions at one end of a condition and below at the other.

A law that fails along a condition (a threshold that goes with another power of the step time) hides
in the scatter: mean, spread and ends of the residuals are as predicted. What tells is how residuals
go with the condition. The largest of their correlations with all conditions is compared with that
of predicted data sets, so that many conditions, also such as go together, are one chance to be
surprised. So is how the rows at one value of a condition lie against all others, where it has a few
values: a law may fail between the ends. Columns that hold the observation itself are none: steps,
and planned ends of tests, are chosen by what is seen. So may be the current of a test in time,
where each cell was stepped up and its row is the step at which it failed: strong cells have large
currents, whatever the law.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from data.arrays import Array
from inference.misfit.conditions import (
    CONDITION_WORDS,
    FEWEST_ROWS,
    LEAST_SPREAD,
    OF_THE_OBSERVATION,
    TOGETHER,
    distinct,
    unit_score,
    value_in_words,
    varying_scores,
)
from inference.rows.conditions import levels
from inference.rows.staircase_times import rising as times_rising

__all__ = [
    "MOST_LEVELS",
    "Trend",
    "chosen_by_outcome",
    "times_rise",
    "trends",
    "trends_in_words",
    "verdicts",
]

MOST_LEVELS: Final = 6
"""Values of a condition up to which each stands for itself."""

_DIGITS: Final = 9
_FEWEST_CHOSEN: Final = 4  # currents
_OF_A_CHARGE: Final = -1.0  # power of the current with which a time goes, where a charge ends it
_SURE: Final = 0.995


@dataclass(frozen=True)
class Trend:
    """How the residuals of one observed variable go with a condition.

    Parameters
    ----------
    along : str
        The condition, with those that go with it.
    rising : bool
        Whether rows at large values lie above their predictions.
    p_value : float
        Probability that a predicted data set has a trend as strong, in its deviates, along any of
        the conditions.
    level : str
        The value, where the rows at one lie apart from all others, and no trend is meant.
    rows : int
        How many lie there.
    apart : float
        By how much they lie above the others, against what is predicted, on the scale of the rows.
    chosen : bool
        Whether the condition may have been chosen by the outcome.
    from_start : bool
        Whether times then seem to count from the start of a staircase.
    """

    along: str
    rising: bool
    p_value: float
    level: str = ""
    rows: int = 0
    apart: float = 0.0
    chosen: bool = False
    from_start: bool = False


def trends_in_words(found: Sequence[Trend], p_value: float, *, failed: bool, ratios: bool) -> str:
    """Say what rows do along conditions, and what follows for the law.

    Parameters
    ----------
    found : sequence of Trend
        Those to tell of, the strongest first.
    p_value : float
        Of the strongest, as it is judged.
    failed : bool
        Whether the rows are cells that failed or not, and not values.
    ratios : bool
        Whether values are compared by their logarithms.

    Returns
    -------
    str
        A part of a sentence, and one that follows, without its stop.
    """
    first = found[0]
    if first.level:
        much = f"{100 * abs(np.expm1(first.apart)):.0f} % " if ratios and not failed else ""
        more = first.apart > 0.0
        lie = (
            f"fail {'more' if more else 'less'} often than"
            if failed
            else (f"lie {much}{'above' if more else 'below'}")
        )
        high, low = ("there", "elsewhere") if more is failed else ("elsewhere", "there")
        return (
            f"the {first.rows} rows at {first.level} {lie} the others, which is not predicted (p = "
            f"{p_value:.3f}): the law along {first.along} does not hold there, or these rows are "
            f"of another kind. Safe currents are then too high {high}, and lower than need be {low}"
        )
    others = [each for each in found[1:] if not each.level]
    lie, less = ("fail more often than", "less often") if failed else ("lie above", "below")
    at, against = ("large", "small") if first.rising else ("small", "large")
    rows = (
        f"rows at {at} {first.along} {lie} what is predicted, those at {against} {less} (p = "
        f"{p_value:.3f})"
    )
    if first.from_start:
        return (
            f"{rows}. Cells that failed at larger currents failed later: these times seem to count "
            "from the start of the staircase, and not from that of the step that failed. Safe "
            "currents are then far too high; enter each cell with the step at which it failed"
        )
    if first.chosen:
        return (
            f"{rows}. Every cell failed, and no sooner at larger currents: if each current is the "
            "step at which its cell failed, that is as it must be, and says nothing of the law; if "
            f"the currents were planned, the law along {first.along} does not hold, and safe "
            "currents are too high at one end of these rows"
        )
    also = f", nor that along {' and '.join(each.along for each in others)}" if others else ""
    return (
        f"{rows}: the law along {first.along} does not hold{also}. Safe currents are then "
        "too high at one end of these rows, and beyond them they are not to be trusted"
    )


def verdicts(observed: Array, predicted: Array) -> bool:
    """Return whether observations are verdicts, 0 and 1."""
    return all(bool(np.isin(each, (0.0, 1.0)).all()) for each in (observed, predicted))


def trends(
    observed: Array,
    predicted: Array,
    conditions: Mapping[str, Array],
    chosen: str = "",
    *,
    from_start: bool = False,
) -> list[Trend]:
    """Compare how residuals go with conditions with predicted data sets, the least likely first.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values on their natural scale, or verdicts, 0 and 1.
    predicted : ndarray, shape (draws, rows)
        Predicted ones.
    conditions : mapping of str to ndarray of shape (rows,)
        From `conditions_of`.
    chosen : str
        From `chosen_by_outcome`.
    from_start : bool
        From `times_rise`.

    Returns
    -------
    list of Trend
        One for each condition that varies, that which was chosen last; none where too few rows
        have a choice.
    """
    spread = predicted.std(axis=0)
    moving = spread > LEAST_SPREAD
    of_verdicts = verdicts(observed, predicted)
    without = "log_current" if of_verdicts else ""  # what a verdict is of: a spread, no law
    at_rows = {name: each[moving] for name, each in conditions.items()}
    varying = varying_scores(at_rows, without)
    places = _places(distinct(at_rows, without))
    for level, (_, here) in places.items():
        if (score := unit_score(level, here.astype(float))) is not None and all(
            abs(float(each @ score)) < TOGETHER for each in varying.values()
        ):
            varying[level] = score
    if not varying:
        return []
    if of_verdicts:  # the score of a logistic slope
        centre, scale = predicted.mean(axis=0)[moving], np.ones(int(moving.sum()))
    else:
        centre, scale = np.median(predicted, axis=0)[moving], spread[moving]
    scores = np.stack([*varying.values()])

    def correlations(values: Array) -> Array:
        """Return those of residuals with conditions, shape (data set, condition)."""
        residuals = (values[:, moving] - centre) / scale
        residuals -= residuals.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(residuals, axis=1, keepdims=True)
        found = residuals @ scores.T / np.where(norms > LEAST_SPREAD, norms, 1.0)
        return np.asarray(found)

    of_data, of_draws = correlations(observed[None])[0], correlations(predicted)
    middle, width = of_draws.mean(axis=0), of_draws.std(axis=0)
    of_data, of_draws = (of_data - middle) / width, np.abs((of_draws - middle) / width).max(axis=1)
    away = observed[moving] - centre
    word = CONDITION_WORDS.get(chosen, chosen)
    told = []
    for along, z in sorted(zip(varying, of_data, strict=True), key=lambda each: -abs(each[1])):
        rising = bool(z > 0.0)
        p_value = float(np.mean(of_draws > abs(z)) + 0.5 * np.mean(of_draws == abs(z)))
        by_outcome = bool(word) and along.startswith(word) and rising
        trend = Trend(
            along, rising, p_value, chosen=by_outcome, from_start=by_outcome and from_start
        )
        if along in places:
            name, here = places[along]
            apart = float(away[here].mean() - away[~here].mean())
            trend = Trend(name, rising, p_value, along, int(here.sum()), apart)
        told.append(trend)
    return sorted(told, key=lambda each: each.chosen)


def _places(conditions: Mapping[str, Array]) -> dict[str, tuple[str, NDArray[np.bool_]]]:
    """Return which rows lie at each value of conditions that have a few, by it in words."""
    found = {}
    for name, values in conditions.items():
        level = levels(name, values)
        if not 2 <= level.max() < MOST_LEVELS:
            continue
        for one in range(level.max() + 1):
            here = level == one
            words = value_in_words(name, float(np.median(values[here])))
            if words and here.sum() >= FEWEST_ROWS:
                found[words] = (name, here)
    return found


def chosen_by_outcome(observed: Array, design: Mapping[str, Array]) -> str:
    """Return the condition at which cells may have been kept only because they failed at it.

    Where diffusion ends a test its time falls with the square of the current, and where a charge
    does with the current itself. Cells that all failed, each at a current of its own, and fall by
    less than that were stepped up until they failed, or follow another law.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values of a variable, in its unit.
    design : mapping of str to ndarray of shape (rows,)
        Its own design.

    Returns
    -------
    str
        Empty where there is none.
    """
    from scipy.stats import linregress

    current, ceiling = design.get("log_current"), design.get("ceiling")
    if current is None or ceiling is None or (observed <= 0.0).any():
        return ""
    times = np.log(observed)
    values = np.unique(np.round(current, _DIGITS)).size
    if values < max(_FEWEST_CHOSEN, 0.5 * times.size) or (times >= ceiling).any():
        return ""
    line = linregress(current, times)
    least = line.slope - float(stdtrit(times.size - 2, _SURE)) * line.stderr
    return "log_current" if least > _OF_A_CHARGE else ""


def times_rise(observed: Array, design: Mapping[str, Array]) -> bool:
    """Return whether the times of cells rise with their currents, as those since a staircase began.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed times, above zero.
    design : mapping of str to ndarray of shape (rows,)
        Their own design, with currents.
    """
    other = [
        np.nan_to_num(np.round(values, _DIGITS))
        for name, values in design.items()
        if name not in {"log_current", *OF_THE_OBSERVATION}
    ]
    alike = np.zeros(observed.size, dtype=np.intp)
    if other:
        alike = np.unique(np.stack(other), axis=1, return_inverse=True)[1].ravel()
    groups = [np.flatnonzero(alike == each) for each in np.unique(alike)]
    return times_rising(np.exp(design["log_current"]), observed, groups)
