"""Cells that are counted twice: as rows and as a range over them, or under two names of their kind.

A publication states its cells one by one in a table, and their range in its text: entered both, the
lowest and the highest cell count twice. And one separator under two names, or one set of cells from
two sources, repeats its values in another order, where single rows agree by chance as often as not.
"""

from collections import Counter, defaultdict
from itertools import combinations
from math import factorial, prod
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from data.arrays import Array
from data.ranges import ENDS, RANGE_COLUMNS, range_rows
from inference.rows.copied import BY_CHANCE, columns_of_test, measured_alike
from inference.rows.taken_off import STEPPED, columns_of, like_rows
from inference.thresholds import AGAIN_BY_CHANCE

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["range_over_rows", "under_two_names"]

_SAME: Final = 1e-6  # relative, as numbers are written
_FEWEST: Final = 3  # cells
_LEAST_SPREAD: Final = 0.05  # of logarithms, as careful cells differ
_KINDS: Final = ("separator", "lab", "source")
_SHOWN: Final = 3


def range_over_rows(name: str, table: "xr.Dataset") -> str:
    """Say which range has the ends, and the number, of cells that have rows of their own.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    str
        Without the name of the file; empty where none has.
    """
    if name not in STEPPED or RANGE_COLUMNS[0] not in table:
        return ""
    read, lines = columns_of(table), table["line"].values
    lowest, highest, height, count = (read(each) for each in RANGE_COLUMNS)
    lower, upper = (read(end) for end in ENDS)
    column, value = STEPPED[name]
    of_one = (table[column].values == value) & np.isfinite(upper)
    ranges = range_rows(table)
    found = []
    for rows in like_rows(table, beside=("lab", column)).values():
        cells, over = rows[of_one[rows] & ~ranges[rows]], rows[ranges[rows]]
        for row in over:
            ends = [lowest[row], highest[row]]
            own = [upper[cells].min(initial=np.inf), upper[cells].max(initial=0.0)]
            steps = (upper - np.nan_to_num(lower))[cells]
            if (
                cells.size >= _FEWEST
                and np.allclose(ends, own, rtol=_SAME)
                and (not np.isfinite(count[row]) or count[row] == cells.size)
                and np.isclose(steps, height[row], rtol=1e-3).any()
                and _same_ends(upper[cells], height[row]) < AGAIN_BY_CHANCE
            ):
                found.append(
                    f"line {lines[row]} is a range whose lowest and highest failing step are those "
                    f"of the {cells.size} like cells in lines {lines[cells].min()} to "
                    f"{lines[cells].max()}"
                )
    return "; ".join(found[:_SHOWN])


def _same_ends(upper: Array, height: float) -> float:
    """Return the probability that as many other cells fail at the same lowest and highest step."""
    logs = np.log(np.maximum(upper - 0.5 * height, 0.5 * height))
    spread = max(float(logs.std(ddof=1)), _LEAST_SPREAD)
    steps = np.array([upper.min() - height, upper.min(), upper.max() - height, upper.max()])
    with np.errstate(divide="ignore"):
        a, b, c, d = ndtr((np.log(np.maximum(steps, 0.0)) - logs.mean()) / spread)
    inner = max(c - b, 0.0)
    ends = [(d - a), -(d - b), -(c - a), inner]
    return float(sum(np.sign(each) * abs(each) ** upper.size for each in ends))


def under_two_names(name: str, table: "xr.Dataset") -> str:
    """Say which cells have the very values of others that another name is given to.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    str
        Without the name of the file; empty where none have, by more than chance.
    """
    columns = columns_of_test(table)
    for kind in _KINDS:
        names = table[kind].values.astype(str) if kind in table else np.empty(0)
        if np.unique(names).size < 2:
            continue
        beside = [each for each in columns if each != kind]
        values: dict[str, dict[int, list[float]]] = defaultdict(dict)
        chances: dict[int, dict[float, float]] = {}
        for at, measured in enumerate(measured_alike(name, table, beside)):
            logs = np.log(measured.values)
            spread = max(float(logs.std()), _LEAST_SPREAD)
            z = (logs - logs.mean()) / spread
            density = np.exp(-0.5 * z**2) / (spread * np.sqrt(2.0 * np.pi))
            part = np.minimum(measured.widths * density, 1.0)
            rounded = [float(f"{each:.9g}") for each in measured.values]
            chances[at] = dict(zip(rounded, part.tolist(), strict=True))
            for row, each in zip(measured.rows, rounded, strict=True):
                values[str(names[row])].setdefault(at, []).append(each)
        pairs = [*combinations([each for each in values if each], 2)]
        for one, other in pairs:
            mine, theirs = values[one], values[other]
            if mine.keys() != theirs.keys():
                continue
            if any(sorted(mine[key]) != sorted(theirs[key]) for key in mine):
                continue
            chance = prod(_drawn_again(mine[key], chances[key]) for key in mine)
            cells = sum(map(len, mine.values()))
            if cells >= _FEWEST and chance < BY_CHANCE / len(pairs):
                return (
                    f"the {cells} cells of {kind} {one!r} and those of {other!r} have the very "
                    "same values, in whatever order, more often than chance makes cells agree"
                )
    return ""


def _drawn_again(values: list[float], chance: dict[float, float]) -> float:
    """Return the probability that as many cells have these values again, in any order."""
    ways = factorial(len(values)) / prod(map(factorial, Counter(values).values()))
    return min(1.0, ways * prod(chance[each] for each in values))
