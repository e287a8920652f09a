r"""Copies: rows of one cell that was entered more than once under unrelated names.

A fit counts each as another cell. Names do not tell, and equal numbers alone do not either: cells
that are stepped up in current fail within the same step as a rule. What tells is how finely a
measured value is known against how values differ. Two cells of one kind agree to within a
resolution w of the logarithm with the probability

.. math::

   p = w \int f^2 \;=\; \frac{w}{2 \sqrt{\pi}\, s}

for a normal density f of standard deviation s, so that of n cells about :math:`p\,n (n-1) / 2`
pairs do. The resolution is the width of an interval; of a value, its last digit in the unit in
which it is shortest, or the steps on which all values lie where these are wider. How values differ
is taken from the distinct ones at the same conditions: from a quarter of their distances, which two
populations do not widen, at the low end of what so few of them leave possible. Rows are doubted
where chance brings as many agreements in less than one table in a thousand.

A sheet that was entered twice repeats its rows in their order, however coarse their steps: that m
rows in turn agree with m later ones, of three values or more, chance brings about
:math:`p^m n (n-1) / 2` times.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, pdtrc

from data.arrays import Array

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["BY_CHANCE", "Measured", "columns_of_test", "copied_rows", "measured_alike"]


BY_CHANCE: Final = 1e-3
"""Probability of agreement below which it is no chance."""

_LEAST_SPREAD: Final = (
    0.02  # of logarithms, where no other row tells it: careful cells differ by 5 %
)
_LOWEST: Final = 0.01  # probability that so few values differ so much by chance
_QUARTER: Final = 0.4506  # quarter point of the distances of normal values, in their sd
_FEWEST: Final = 3  # distinct values that show steps
_FINE: Final = 1e-3  # relative resolution at which no cells agree by themselves
_NONE: Final = 1e-12
_MANY: Final = 1000  # rows, of which pairs are not all looked at
_COMMON: Final = 50  # distances
_DIGITS: Final = 10  # of a number that is written, not computed
_TIMES: Final = (1.0, 60.0, 3600.0, 86400.0)  # s, min, h, d
_CHARGES: Final = (1.0, 1.0 / 3.6)  # mAh/cm^2, C/cm^2; other units differ by powers of ten

_COLUMNS: Final[Mapping[str, Mapping[str, tuple[float, ...]]]] = {
    "penetration": {"capacity": _CHARGES},
    "critical_current": {"current_density": (1.0,)},
    "dc_polarization": {"transition_time": _TIMES, "current_density": (1.0,)},
    "sand": {"sand_time": _TIMES},
    "lsv": {"plateau_current": (1.0,)},
}
"""What is measured of a cell by table, with the units in which it may have been written."""

_SEEN: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("penetration", "capacity"): ("outcome", "penetrated"),  # of others it is the plan
    ("critical_current", "current_density"): ("bracket_from", "one_cell"),
    ("dc_polarization", "current_density"): ("protocol", "step"),
}
"""The rows of which it is the outcome, where not of all."""

# Columns that say nothing of the test, or of which other cells at the same conditions may differ.
_OF_THE_ENTRY: Final = frozenset(
    {"line", "cell", "lab", "source", "place", "note", "assumed", "exclude"}
)
_OF_THE_CELL: Final = frozenset({"area", "area_sd", "overpotential", "overpotential_sd"})


class Measured(NamedTuple):
    """Values of rows at the same conditions: of intervals the middle.

    Parameters
    ----------
    rows : list of int
    values, widths : ndarray, shape (rows,)
        The widths are of the logarithm.
    exact : ndarray of bool, shape (rows,)
        Whether a value is none of an interval.
    """

    rows: list[int]
    values: Array
    widths: Array
    exact: NDArray[np.bool_]


def columns_of_test(table: "xr.Dataset") -> list[str]:
    """Return the columns of a table that say something of the test."""
    return [str(each) for each in table.data_vars if str(each) not in _OF_THE_ENTRY]


def measured_alike(name: str, table: "xr.Dataset", columns: list[str]) -> list[Measured]:
    """Return what a table measured of its cells, those at the same conditions together.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.
    columns : list of str
        By which conditions are the same.
    """
    return [
        each
        for column, units in _COLUMNS.get(name, {}).items()
        for each in _at_same_conditions(name, table, column, units, columns)
    ]


def copied_rows(name: str, table: "xr.Dataset") -> list[list[int]]:
    """Return the rows of a table that may be one cell each, entered more than once.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    list of list of int
        Lines of rows that are the same in every number.
    """
    columns = columns_of_test(table)
    kinds = [
        (column, each)
        for column, units in _COLUMNS.get(name, {}).items()
        for each in _at_same_conditions(name, table, column, units, columns)
    ]
    found: list[list[int]] = []
    cells = [table[each].values.astype(str) for each in columns]
    for column, measured in kinds:
        same: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at, row in enumerate(measured.rows):
            same[tuple(each[row] for each in cells)].append(at)
        copied = [each for each in same.values() if len(each) > 1]
        distinct = np.unique(measured.values)
        # A charge may have been computed from a time of few digits: its own tell nothing.
        if not copied or (column == "capacity" and distinct.size < _FEWEST):
            continue
        firsts = [each[0] for each in copied]
        width = float(measured.widths[firsts].max())
        if measured.exact.all():
            last = float((measured.widths * measured.values)[firsts].max())
            width = max(width, _steps(distinct, last))
        count = measured.values.size
        others = distinct
        if (
            width > _FINE
        ):  # cells of one kind may well agree: all but the most alike tell by how much
            most = max(copied, key=len)
            others = np.delete(measured.values, most[1:])
        pairs = 0.5 * count * (count - 1)
        expected = pairs * width / (2.0 * np.sqrt(np.pi) * _spread(others))
        again = sum(len(each) - 1 for each in copied)
        if pdtrc(again - 1, expected) >= BY_CHANCE / len(kinds):
            copied = _again_in_turn([*same.values()], count)
            chance = pairs * min(expected / pairs, 1.0) ** len(copied)
            if not copied or chance >= BY_CHANCE / len(kinds):
                continue
        lines = table["line"].values
        found += [[int(lines[measured.rows[at]]) for at in each] for each in copied]
    return sorted(found)


def _again_in_turn(same: list[list[int]], count: int) -> list[list[int]]:
    """Return the longest run of rows that later ones repeat in their order, in pairs.

    A run that holds fewer than three different rows is none: sorted rows repeat each other.

    Parameters
    ----------
    same : list of list of int
        Places of rows that are the same in every number.
    count : int
        Of the rows.
    """
    kind = np.zeros(count, int)
    for number, places in enumerate(same):
        kind[places] = number
    longest: list[list[int]] = []
    for apart in _distances(same, count):
        ends = np.flatnonzero(np.append(kind[:-apart] != kind[apart:], True))
        starts = np.maximum(np.append(0, ends[:-1] + 1), ends - apart)
        for place in np.flatnonzero(ends - starts > len(longest)).tolist():
            run = range(int(starts[place]), int(ends[place]))
            if len(run) > len(longest) and np.unique(kind[run]).size >= _FEWEST:
                longest = [[at, at + apart] for at in run]
    return longest


def _distances(same: list[list[int]], count: int) -> Iterable[int]:
    """Return by how many rows a run and its repetition may be apart.

    Among many rows, the distances at which most rows are followed by the next that is the same.
    """
    if count <= _MANY:
        return range(_FEWEST, count)
    following = Counter(later - at for places in same for at, later in pairwise(places))
    return [apart for apart, _ in following.most_common(_COMMON) if apart >= _FEWEST]


def _at_same_conditions(
    name: str, table: "xr.Dataset", column: str, units: tuple[float, ...], columns: list[str]
) -> list[Measured]:
    """Return the measured values of a column, those at the same conditions together."""
    own = {f"{column}{end}" for end in ("", "_lower", "_upper", "_sd")}
    value, low, high = (
        np.asarray(table[f"{column}{end}"].values, dtype=float)
        if f"{column}{end}" in table
        else np.full(table["line"].size, np.nan)
        for end in ("", "_lower", "_upper")
    )
    exact, between = value > 0.0, (low > 0.0) & (high > low)
    seen = exact | between
    if (name, column) in _SEEN:
        key, choice = _SEEN[name, column]
        seen &= table[key].values == choice
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    conditions = [each for each in columns if each not in own | _OF_THE_CELL]
    cells = [table[each].values.astype(str) for each in conditions]
    for row in np.flatnonzero(seen).tolist():
        groups[tuple(each[row] for each in cells)].append(row)
    return [
        Measured(
            rows,
            np.array([value[row] if exact[row] else np.sqrt(low[row] * high[row]) for row in rows]),
            np.array(
                [
                    _last_digit(value[row], units) / value[row]
                    if exact[row]
                    else np.log(high[row] / low[row])
                    for row in rows
                ]
            ),
            exact[rows],
        )
        for rows in groups.values()
        if len(rows) > 1
    ]


def _last_digit(value: float, units: tuple[float, ...]) -> float:
    """Return the unit of the last digit of a value where it is written shortest."""
    found = 0.0
    for unit in units:
        digits, _, exponent = f"{value / unit:.{_DIGITS - 1}e}".partition("e")
        shown = len(digits.replace(".", "").rstrip("0"))
        found = max(found, unit * 10.0 ** (int(exponent) - shown + 1))
    return found


def _steps(distinct: Array, last: float) -> float:
    """Return the steps on which values lie, against the middle one; 0 where they lie on none.

    Steps are seen where they are wider than the last digit.
    """
    if distinct.size < _FEWEST:
        return 0.0
    gaps = np.sort(np.diff(distinct))
    for part in (1, 2, 3):
        step, times = float(gaps[0]) / part, np.zeros(gaps.size)
        for at, gap in enumerate(gaps):  # the smallest are rounded most: larger ones refine them
            times[at] = np.round(gap / step)
            step = float(gaps @ times / (times @ times))
        off = np.abs(gaps - step * times)
        if step > 8.0 * last and bool((off <= 1.5 * last).all()):
            return step / float(np.median(distinct))
    return 0.0


def _spread(values: Array) -> float:
    """Return how widely logarithms scatter, at the low end of what they leave possible."""
    free, logs = np.unique(values).size - 1, np.log(values)
    if logs.size > _MANY:
        logs = np.quantile(logs, np.linspace(0.0, 1.0, _MANY))
    away = np.abs(logs[:, None] - logs)[np.triu_indices(logs.size, 1)]
    if free + 1 < _FEWEST:
        return _LEAST_SPREAD
    spread = min(float(np.quantile(away, 0.25)) / _QUARTER, float(logs.std(ddof=1)))
    return max(spread * float(np.sqrt(free / chdtri(free, _LOWEST))), _NONE)
