"""Published estimates of one quantity that exclude each other by their own stated errors.

A fit lies between them, with an interval as narrow as if they agreed. That needs no fit to be seen:
rows of one quantity under one condition share one value of the model, and nothing but their errors
may part them. Rows of every other table differ by a scatter, of which `inference.misfit.symptoms`
tells where it is far above its prior.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from data.arrays import Array
from data.quantities import quantity
from data.schema import show_number
from inference.thresholds import TENSION_FAIL
from models.blocks.published import one_value, stated

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["contradicting_estimates", "excluding_pairs"]

_SHOWN = 3


def excluding_pairs(
    lower: Array, upper: Array, sd: Array, groups: list[tuple[str, ...]]
) -> list[tuple[int, int, float]]:
    """Return the pairs of statements on one value that exclude each other.

    Parameters
    ----------
    lower, upper : ndarray, shape (rows,)
        Ends of what is stated, equal for a value, infinite where there is none.
    sd : ndarray, shape (rows,)
        Standard deviation of the value or of its ends.
    groups : list of tuple of str
        What each statement is of.

    Returns
    -------
    list of (int, int, float)
        Two rows, and how many standard deviations of both lie between them, the farthest first.
        Chance alone, with errors as stated, gives one in any of the pairs no oftener than a normal
        value lies `thresholds.TENSION_FAIL` standard deviations out (Bonferroni).
    """
    of: dict[tuple[str, ...], list[int]] = {}
    for row, group in enumerate(groups):
        of.setdefault(group, []).append(row)
    pairs = sum(len(rows) * (len(rows) - 1) // 2 for rows in of.values())
    limit = -float(ndtri(ndtr(-TENSION_FAIL) / max(pairs, 1)))
    found = []
    for rows in map(np.array, of.values()):
        for place, row in enumerate(rows[:-1]):
            others = rows[place + 1 :]
            gap = np.maximum(lower[row], lower[others]) - np.minimum(upper[row], upper[others])
            apart = gap / np.hypot(sd[row], sd[others])
            found += [
                (int(row), int(others[at]), float(apart[at]))
                for at in np.flatnonzero(apart > limit)
            ]
    return sorted(found, key=lambda each: -each[2])


def contradicting_estimates(table: "xr.Dataset") -> str:
    """Say which published estimates exclude each other.

    Parameters
    ----------
    table : Dataset
        Published estimates.

    Returns
    -------
    str
        Without the name of the file; empty where all can be true.
    """
    pairs = excluding_pairs(*stated(table), one_value(table))
    if not pairs:
        return ""
    shown = "; ".join(
        f"{_row(table, first)} and {_row(table, second)}, {far:.3g} of their stated standard "
        "deviations apart"
        for first, second, far in pairs[:_SHOWN]
    )
    more = f"; and {len(pairs) - _SHOWN} more pairs" if len(pairs) > _SHOWN else ""
    return (
        f"rows of one quantity under one condition exclude each other: {shown}{more}. A fit lies "
        "between them, where none of them is, and its interval is as narrow as if they agreed. "
        "Look for a slip of the pen or a wrong unit; else state errors that cover the difference, "
        "or leave out with `exclude` what you do not trust."
    )


def _row(table: "xr.Dataset", row: int) -> str:
    """Say what one row states, and where it stands."""
    name = str(table["quantity"].values[row])
    value, lower, upper = (
        show_number(float(table[column].values[row])) for column in ("value", "lower", "upper")
    )
    if np.isfinite(table["value"].values[row]):
        said = value
    elif np.isfinite(table[["lower", "upper"]].isel(published=row).to_array().values).all():
        said = f"{lower} to {upper}"
    else:
        said = f"above {lower}" if np.isfinite(table["lower"].values[row]) else f"below {upper}"
    unit = quantity(name).unit
    return (
        f"line {int(table['line'].values[row])} ({name} {said}{'' if unit == '1' else f' {unit}'})"
    )
