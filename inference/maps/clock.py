"""Where the clock of an answer, charge over current, is of a test that no cell was given.

The charge may lie within what cells passed, and the current within what they were tested at, though
no cell passed so much at such a current: how the limit goes with the time is then the equation's
alone. A limit that goes with the time to the power -0.75 instead of -0.5 makes a stated 5 % at the
widest time that passes here, a tenth beyond the longest, 6.3 % (cells that scatter by 0.2).

A cell that failed tells of the limit at the time of its test. One that survived tells of currents
up to its own, and two that passed a charge, at a smaller and at a larger current, of those between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.units import si_factor
from inference.designs.axes import CURRENT, shown
from inference.designs.design import Design
from inference.maps.extrapolation import DataSpan, supports
from inference.thresholds import LIKE_TESTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.designs.basis import Basis

__all__ = ["Clock", "beyond_clock", "clock_of", "clock_on_map"]

_HOUR: Final = si_factor("h")
_NEAR: Final = LIKE_TESTED**2  # of a time, which goes with the square of a current


@dataclass(frozen=True)
class Clock:
    """What is said of the clock of one answer.

    Parameters
    ----------
    warnings : tuple of str
        Due before the answer, where it is of a test that no cell was given.
    beyond : tuple of str
        What lies outside what was tested, as `inference.maps.extrapolation` says it.
    laws : tuple of str
        Where it lies between what was tested, far from it, or beyond all cells but one.
    """

    warnings: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    laws: tuple[str, ...] = ()


class _Tested:
    """The tests that one limit rests on: times [s] at currents [mA/cm^2]."""

    def __init__(self, span: DataSpan) -> None:
        rows = np.asarray(span.held or np.empty((0, 4)), dtype=np.float64)
        self.time, self.current, failed, self.cells = rows.T
        self.failed = failed > 0.0
        self.limit = span.limit  # of a liquid cell: what metal may penetrate
        self.sides = "longer" if span.limit else "longer or shorter"
        self.gaps = span.gaps or {}

    def counts(self, row: int, current: Array) -> "NDArray[np.bool_]":
        """Return at which currents a row tells of its time."""
        if self.failed[row]:
            return np.ones(current.shape, dtype=bool)
        most = current if self.failed.any() else np.minimum(current, self.current.max())
        return np.asarray(self.current[row] * LIKE_TESTED >= most)

    def span(self, current: Array) -> tuple[Array, Array]:
        """Return the shortest and the longest time that rows tell of at each current."""
        low, high = np.full(current.shape, np.inf), np.full(current.shape, -np.inf)
        for row, time in enumerate(self.time):
            counts = self.counts(row, current)
            low = np.where(counts, np.minimum(low, time), low)
            high = np.where(counts, np.maximum(high, time), high)
        return low, high

    def passed(self, time: Array, current: Array) -> "NDArray[np.bool_]":
        """Return where cells passed as much charge at a smaller and at a larger current."""
        below, above = (np.zeros(current.shape, dtype=bool) for _ in range(2))
        for row in np.flatnonzero(~self.failed):
            enough = self.time[row] * self.current[row] * LIKE_TESTED >= time * current
            below |= enough & (self.current[row] <= current * LIKE_TESTED)
            above |= enough & (self.current[row] * LIKE_TESTED >= current)
        return np.asarray(below & above)

    def outside(self, time: Array, current: Array) -> tuple["NDArray[np.bool_]", ...]:
        """Return where a test would be shorter, and longer, than any that tells of it.

        What metal may penetrate in the end it does not penetrate sooner: no time is too short.
        """
        low, high = self.span(current)
        short = (time * _NEAR < low) & (not self.limit)
        return short, (time > high * _NEAR) & ~self.passed(time, current)

    def currents_outside(self, current: Array) -> "NDArray[np.bool_]":
        """Return which currents lie below, or above, every one of these tests."""
        low, high = self.current.min(), self.current.max()
        return np.asarray((current * LIKE_TESTED < low) | (current > high * LIKE_TESTED))

    def alone(self, time: float, current: float) -> str:
        """Say that one cell alone was tested as long, or as shortly, as the answer is of."""
        if self.limit and self.passed(np.array(time), np.array(current)):
            return ""
        counted = np.array([self.counts(row, np.array(current)) for row in range(self.time.size)])
        times, cells = self.time[counted], self.cells[counted]
        sides = [("long", times * _NEAR >= time, "at most")]
        if not self.limit:
            sides.append(("short", times <= time * _NEAR, "at least"))
        for side, there, ends in sides:
            if cells[there].sum() == 1.0 and not there.all():
                rest = times[~there]
                last = rest.max() if side == "long" else rest.min()
                return (
                    f"Of {cells.sum():.0f} cells that tell of times one alone tells of one as "
                    f"{side} as the answer's {in_time(time)} (the others of {in_time(last)} "
                    f"{ends}): it and the law speak there."
                )
        return ""


def in_time(seconds: float) -> str:
    """Return a time in words, in the unit that suits it."""
    unit = "h" if seconds >= _HOUR else "min" if seconds >= si_factor("min") else "s"
    return f"{shown(seconds / si_factor(unit))} {unit}"


def clock_of(design: Design, result: "Basis", current: float | None) -> Clock:
    """Say what the clock of an answer is of that no cell was tested for.

    Parameters
    ----------
    design : Design
        Of one cell.
    result : Basis
        The fit.
    current : float or None
        That the answer is of [mA/cm^2].

    Returns
    -------
    Clock
        Empty where the answer is of a steady state, of no current, or of such tests as cells had.
    """
    if not current or "charge" not in design.axes:
        return Clock()
    time = float(design.axes["charge"].values[0]) / current * _HOUR
    warnings, beyond, laws = [], [], []
    for tested in _behind(design, result):
        short, long = (bool(each) for each in tested.outside(np.array(time), np.array(current)))
        if short or long:
            warning, words = _outside(tested, time, current, long)
            warnings.append(warning)
            beyond.append(words)
        else:
            laws += [_between(tested, "time", time, in_time), tested.alone(time, current)]
        if design.cell == "solid" and design.protocol == "one_way":
            if bool(tested.currents_outside(np.array(current))):
                ends = " to ".join(dict.fromkeys(map(shown, _ends(tested.current))))
                beyond.append(f"current {_in_current(current)} (data: {ends} {CURRENT.unit})")
            laws.append(_between(tested, "current_density", current, _in_current))
    return Clock(tuple(warnings), tuple(beyond), tuple(filter(None, laws)))


def beyond_clock(design: Design, result: "Basis", current: Array) -> "NDArray[np.bool_]":
    """Return where a map is of tests that no cell was given.

    Parameters
    ----------
    design : Design
        The design.
    result : Basis
        The fit.
    current : ndarray, shape of its grid
        The safe current at each point [mA/cm^2].

    Returns
    -------
    ndarray of bool, shape of its grid
    """
    found = np.zeros(design.shape, dtype=bool)
    if "charge" not in design.axes:
        return found
    time, current, known = _on_grid(design, current)
    for tested in _behind(design, result):
        short, long = tested.outside(time, current)
        found |= short | long
        if design.cell == "solid" and design.protocol == "one_way":
            found |= tested.currents_outside(current)
    return found & known


def clock_on_map(design: Design, result: "Basis", current: Array) -> list[str]:
    """Say where a map is of tests that no cell was given, and where it lies far between tests.

    Parameters
    ----------
    design, result, current
        As in :func:`beyond_clock`.

    Returns
    -------
    list of str
        Sentences for all of its points together.
    """
    if "charge" not in design.axes:
        return []
    told = []
    time, current, known = _on_grid(design, current)
    for tested in _behind(design, result):
        outside = np.logical_or(*tested.outside(time, current)) & known
        if outside.any():
            told.append(
                f"Some half-cycles of the map last {tested.sides} than any {_cell(tested)} was "
                f"tested at such a current (tests lasted {_times(tested, *_ends(tested.time))}): "
                "these points are extrapolated."
            )
        for name, values in (("time", time), ("current_density", current)):
            for gap in tested.gaps.get(name, ()):
                low, high = gap["far"]
                if ((values > low) & (values < high) & known & ~outside).any():
                    words = in_time if name == "time" else _in_current
                    told.append(_no_cell(gap["between"], words, "there"))
    return told


def _on_grid(design: Design, current: Array) -> tuple[Array, Array, "NDArray[np.bool_]"]:
    """Return times and currents on the grid of a design, and where there is a current."""
    charge = design.axes["charge"].values.reshape(
        [-1 if name == "charge" else 1 for name in design.dims]
    )
    known = current > 0.0
    current = np.where(known, current, 1.0)
    return charge / current * _HOUR, current, known


def _behind(design: Design, result: "Basis") -> list[_Tested]:
    """Return the tests behind a design: of its protocol, or of cells that metal may penetrate."""
    return [_Tested(each) for each in supports(design, result) if each.held]


def _outside(tested: _Tested, time: float, current: float, long: bool) -> tuple[str, str]:
    """Say that an answer is of a longer or shorter test, before it and as extrapolation."""
    low, high = (float(each) for each in tested.span(np.array(current)))
    end = high if long else low
    every = end == (tested.time.max() if long else tested.time.min())
    where = "" if every else f" at {_in_current(current)} or more"
    warning = (
        f"{'LONGER' if long else 'SHORTER'} THAN EVERY TEST: no {_cell(tested)} was "
        f"{'held' if long else 'tested'}{where} {'longer than' if long else 'for less than'} "
        f"{in_time(end)}; the answer is of {in_time(time)}, the charge over its current. "
    )
    if tested.limit:
        warning += "What holds a current is taken to hold it as long as asked: no cell shows it."
    else:
        warning += "There only the law speaks, not the data."
    data = f"data on {tested.limit}" if tested.limit else "data"
    there = "" if every else " at such currents"
    return warning, f"a half-cycle of {in_time(time)} ({data}{there}: {_times(tested, low, high)})"


def _between(tested: _Tested, name: str, value: float, words: Callable[[float], str]) -> str:
    """Say between which tests a time or a current lies far from any; empty where it does not."""
    for gap in tested.gaps.get(name, ()):
        low, high = gap["far"]
        if low < value < high:
            return _no_cell(gap["between"], words, f"at {words(value)}")
    return ""


def _no_cell(ends: Sequence[float], words: Callable[[float], str], where: str) -> str:
    between = " and ".join(map(words, ends))
    return f"No cell was tested between {between}: {where} the law alone speaks."


def _cell(tested: _Tested) -> str:
    return "cell that survived" if tested.limit else "cell"


def _times(tested: _Tested, low: float, high: float) -> str:
    if tested.limit:
        return f"up to {in_time(high)}"
    return " to ".join(dict.fromkeys(map(in_time, (low, high))))


def _ends(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _in_current(value: float) -> str:
    return f"{shown(value)} {CURRENT.unit}"
