"""Stated errors and intervals of single cells that read as the scatter of several about their mean.

A fit takes a stated standard deviation for the error with which one cell was measured, and what
remains of the differences between rows for the scatter of cells. A mean over cells with its
standard deviation, entered as a row, turns this round: the scatter of cells passes for an error,
new cells seem to be alike, and the safe current comes out too high.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["errors_over_cells"]


_CONDITIONS: Final = {
    "dc_polarization": ("temperature", "pressure", "electrode_thickness", "lab"),
    "sand": ("separator", "electrode_distance", "concentration", "temperature", "lab"),
    "lsv": (
        "separator", "layers", "reservoir_thickness", "reservoir_side", "concentration",
        "temperature", "plateau", "area",
    ),
}  # fmt: skip
"""Columns in which rows agree that tell one threshold, the current apart, by table."""
_VALUES: Final = {
    "dc_polarization": "transition_time",
    "sand": "sand_time",
    "lsv": "plateau_current",
}
_NO_READING: Final = 0.2
"""Relative standard deviation from which none is an error of reading a curve: the widest intervals
that `data.features` leaves, of a plateau that slopes, are 47 % of the value, an sd of 0.14."""
_READING: Final = 0.05
"""That up to which any may be: it leaves 11 % of a Sand's time, an sd of 0.03."""
_EXPLAINED: Final = 2.0
"""Variance of the rows about their law, over that of their stated errors, below which the errors
explain more of it than the cells."""
_FEWEST: Final = 4  # degrees of freedom of that variance: of fewer, chance makes it so small
_WIDE: Final = 1.35**2
"""Of the ends of an interval, one to the other: steps so wide are doubted, and times go with the
current squared; a sloping plateau is narrower."""


def errors_over_cells(name: str, table: "xr.Dataset") -> str:
    """Say which errors or intervals of single cells read as those of several.

    Parameters
    ----------
    name : str
        Name of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    str
        Two or more sentences without the name of the file; empty where none does.
    """
    if name not in _VALUES:
        return ""
    column = _VALUES[name]
    value, sd, lower, upper = (
        np.asarray(table[f"{column}{part}"].values, dtype=float)
        for part in ("", "_sd", "_lower", "_upper")
    )
    share = sd / value
    stated = np.flatnonzero(np.isfinite(share))
    both = np.flatnonzero(np.isfinite(upper) & (lower > 0.0))
    if (share[stated] > _NO_READING).any():
        first, *others = stated[share[stated] > _NO_READING].tolist()
        more = f" (and above {100 * _NO_READING:g} % in {len(others)} more)" if others else ""
        found = (
            f"line {int(table['line'].values[first])}: {column}_sd is {100 * share[first]:.0f} % "
            f"of {column}{more}, and no curve is read so badly. It looks like the scatter of "
            "several cells about their mean."
        )
    elif stated.size and np.median(share[stated]) > _READING and _explained(name, table, stated):
        found = (
            f"{column}_sd, {100 * float(np.median(share[stated])):.0f} % of {column} in the "
            "middle, is as large as the rows differ: as errors of measurement these leave the "
            "cells hardly a scatter of their own. It looks like the scatter of several cells about "
            "their mean."
        )
    elif both.size > 1 and (upper[both] > _WIDE * lower[both]).all():
        first = both[0]
        found = (
            f"every interval of {column} is as wide as {lower[first]:g} to {upper[first]:g}. It "
            "looks like the range over several cells."
        )
    else:
        return ""
    known = (
        ", but for the lowest and the highest of stepped cells (current_density_lowest, "
        "current_density_highest)"
        if name == "dc_polarization"
        else ""
    )
    return (
        f"{found} A row is one cell, and what it states is the error of measuring that cell: what "
        "cells differ by is then taken for error, and safe currents come out too high. Enter each "
        f"cell as a row of its own; of a mean over cells there is no row{known}."
    )


def _explained(name: str, table: "xr.Dataset", stated: NDArray[np.intp]) -> bool:
    """Say whether stated errors explain more of what rows differ by than cells do.

    Rows at like conditions are held against a power law of their current where they have one, with
    a power of their own, so that no law of the model is at stake.
    """
    value, sd = (
        np.asarray(table[f"{_VALUES[name]}{part}"].values, dtype=float)[stated]
        for part in ("", "_sd")
    )
    logs, weights = np.log(value), value / sd
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(stated.tolist()):
        key = tuple(str(table[each].values[row]) for each in _CONDITIONS[name] if each in table)
        groups.setdefault(key, []).append(at)
    chi_squared, freedom = 0.0, 0
    for rows in groups.values():
        law = [np.ones(len(rows))]
        if "current_density" in table:
            law.append(np.log(np.asarray(table["current_density"].values, float)[stated][rows]))
        matrix = np.stack(law, axis=1) * weights[rows, None]
        target = logs[rows] * weights[rows]
        solution, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=None)
        chi_squared += float(np.sum((target - matrix @ solution) ** 2))
        freedom += len(rows) - int(rank)
    return freedom >= _FEWEST and chi_squared < _EXPLAINED * freedom
