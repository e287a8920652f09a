"""Tests under one condition, which do not try the law: to be said with answers.

Steps of one length tell the limit at that length, and one-way tests at one current the time at that
current. How a limit goes with the charge is then the equation's alone, though the charges that
these cells passed differ by their scatter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from data.units import si_factor
from inference.designs.axes import CURRENT, Protocol
from inference.thresholds import DECIDES, LIKE_TESTED

__all__ = ["TESTED", "law_sentence", "one_condition"]

_HOUR: Final = si_factor("h")
TESTED: Final[Mapping[Protocol, tuple[str, int, str, str]]] = {
    "step": ("step_time", 2, "with one step time", "s"),
    "one_way": ("current_density", 1, "at one current", CURRENT.unit),
}
"""By protocol: what tests were made with, as `data_ranges` names it; the power of the current that
it goes with where metal diffuses; and words and unit of it."""


def law_sentence(
    protocol: Protocol,
    ranges: Mapping[str, Sequence[float]],
    charge: float,
    current: float,
    shown: Callable[[float], str],
) -> str:
    """Say where an answer for a solid cell rests on a law that no test has tried.

    Parameters
    ----------
    protocol : {"step", "one_way"}
        Of the design.
    ranges : mapping of str to sequence of float
        Of the data of this protocol.
    charge : float
        Of a half-cycle of the design [mAh/cm^2].
    current : float
        That the answer is of [mA/cm^2].
    shown : callable
        Prints a number.

    Returns
    -------
    str
        Empty where tests were made under several conditions, or the answer is near the only one.
    """
    known = one_condition(protocol, ranges, shown)
    if not known or not current > 0.0:
        return ""
    name, power, _, unit = TESTED[protocol]
    low, high = ranges[name]
    value = charge / current * _HOUR if protocol == "step" else current
    near = LIKE_TESTED**power
    if low / near <= value <= near * high:
        return ""
    return f"{known} The answer is of {shown(value)} {unit}."


def one_condition(
    protocol: Protocol, ranges: Mapping[str, Sequence[float]], shown: Callable[[float], str]
) -> str:
    """Say what all tests of a protocol were made with, where that is one and the same.

    Parameters
    ----------
    protocol, ranges, shown
        As in :func:`law_sentence`.

    Returns
    -------
    str
        Empty where several conditions were tested, or none is known.
    """
    name, power, words, unit = TESTED[protocol]
    if name not in ranges:
        return ""
    low, high = ranges[name]
    if high > DECIDES**power * low:
        return ""
    ends = " to ".join(dict.fromkeys((shown(low), shown(high))))
    return (
        f"All cells were tested {words} ({ends} {unit}): how the limit goes with the charge is the "
        "equation's, not the data's."
    )
