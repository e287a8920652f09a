"""Rows that may not be what a campaign says of them: odd numbers, steps or copies as cells."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.ranges import range_rows
from data.tables import tables as all_tables
from inference.copied_rows import copied_rows
from inference.stated_errors import errors_over_cells

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["doubted_tables", "doubtful_cells", "doubtful_numbers"]


def doubtful_numbers(campaign: "Campaign") -> list[str]:
    """Say which numbers of a campaign are far from what such tests have.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    list of str
        One note a column, with the first of its rows.
    """
    notes = []
    for name, rows in campaign.tables.items():
        table = all_tables()[name]
        lines = rows["line"].values.tolist()
        columns = {each: rows[each].values.tolist() for each in table.fields if each in rows}
        doubts: dict[str, list[tuple[int, str]]] = {}
        watched = [each for each in columns if table.fields[each].usual or each in table.errors]
        if table.row_doubts is not None:
            watched = [*columns]
        for line, *cells in zip(lines, *(columns[each] for each in watched), strict=True):
            for column, doubt in table.doubts(dict(zip(watched, cells, strict=True))):
                doubts.setdefault(column.name, []).append((line, doubt))
        for column_name, found in doubts.items():
            line, doubt = found[0]
            others = f"; so are {len(found) - 1} other rows" if len(found) > 1 else ""
            notes.append(f"Doubtful: {name}, line {line}, {column_name}: {doubt}{others}")
    return notes


_TEST_OF_A_CELL = re.compile(
    r"(.+?)(?:[\s,;:_@(#-]+|(?<=\d))(?:"
    r"(?:step|cycle|half-cycle|pulse|level|rate|current|again|repeat|retest)[\s_#-]*(?:\d.*)?"
    r"|(?<!\d)\d+(?:[.,]\d+)?\s*(?:[mu]A(?:/?cm\S*)?|A/?cm\S*|min|h)\)?)",
    re.IGNORECASE,
)
_LEAST_STAIRCASE = 3
"""Rows of one; two are told of, or a single one of `_LONE_STAIRCASE` rows."""
_LONE_STAIRCASE = 8
_WIDE_STEP = 1.35
"""Of the ends of a step, one to the other: staircases rise in smaller steps where cells fail."""
_WIDER = 2.0
"""Height of a step over the least of its table, from which it may be none of a cell's."""
_ALIKE = 0.01
"""By what part two heights differ at most that are one."""
_NO_WHOLE = 0.05
"""How far a step begins from a whole number of its heights, as steps of one height do not."""
_APART = 0.5
"""Share of pairs of brackets without a current in common, from which they are staircases."""
_SHOWN = 3  # groups of copies
_TOO_NARROW = (
    "A fit counts each row as another cell: intervals come out too narrow, and safe currents too "
    "high."
)
_OF_SEPARATORS = {"pore_type", "pore_radius", "thickness", "porosity", "macmullin_number"}


def doubtful_cells(campaign: "Campaign") -> list[str]:
    """Say which rows look as if one cell were counted as several, or several as one.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    list of str
        Of `doubted_tables`, whatever the table.
    """
    return [note for notes in doubted_tables(campaign).values() for note in notes]


def doubted_tables(campaign: "Campaign") -> dict[str, list[str]]:
    """Say by table which rows look as if one cell were counted as several, or several as one.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    dict of str to list of str
        Tables in which steps are so wide that they may be ranges over cells, whose names of cells
        tell tests of one cell apart, whose rows read as staircases or as copies of each other, and
        whose errors read as the scatter over cells.
    """
    notes: dict[str, list[str]] = {}
    for name, table in campaign.tables.items():
        found, wide = "", _wide_steps(name, table)
        if wide:
            notes.setdefault(name, []).append(_in_wide_steps(name, table, wide))
        if name in _STEPPED:
            found = _named_alike(table) or _staircases(table)
        if found:
            notes.setdefault(name, []).append(
                f"{name}.csv: {found}. {_TOO_NARROW} Enter a cell once: one stepped up in "
                "current with the last current that it survived and the one at which it failed "
                f"({_STEPPED[name]})."
            )
        if errors := errors_over_cells(name, table):
            notes.setdefault(name, []).append(f"{name}.csv, {errors}")
        if copies := copied_rows(name, table):
            notes.setdefault(name, []).append(f"{name}.csv: {_same_numbers(copies)}")
    if brackets := _brackets(campaign):
        notes.setdefault("critical_current", []).append(f"critical_current.csv: {brackets}")
    return notes


def _same_numbers(copies: list[list[int]]) -> str:
    """Say which rows are copies of each other, and what follows."""
    shown = "; ".join(
        f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}" for lines in copies[:_SHOWN]
    )
    others = f"; and {len(copies) - _SHOWN} more such" if len(copies) > _SHOWN else ""
    return (
        f"{shown}{others} are the same in every number but the name, more often than chance makes "
        "measured values agree: one cell entered more than once counts as so many cells. "
        f"{_TOO_NARROW} Keep one row a cell; where they are different cells, look whether each "
        "value was read from its own curve."
    )


def _brackets(campaign: "Campaign") -> str:
    """Say which brackets of different cells read as the last step of one cell each."""
    if not {"critical_current", "separators"} <= {*campaign.tables}:
        return ""
    table, separators = campaign.tables["critical_current"], campaign.tables["separators"]
    lower, upper = (
        np.asarray(table[f"current_density_{end}"].values, float) for end in ("lower", "upper")
    )
    stated = [name for name in map(str, separators.data_vars) if name in _OF_SEPARATORS]
    like = {
        str(name): tuple(str(separators[each].values[at]) for each in stated)
        for at, name in enumerate(separators["separator"].values)
    }
    narrow = (table["bracket_from"].values != "one_cell") & (upper > lower)
    groups: dict[tuple[object, ...], list[int]] = {}
    whose, temperature = table["separator"].values, table["temperature"].values
    for row in np.flatnonzero(narrow & (upper < _WIDE_STEP * lower)).tolist():
        key = like[str(whose[row])], float(temperature[row])
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        low, high = lower[rows], upper[rows]
        above = np.searchsorted(np.sort(high), low).sum()  # pairs of a low end above a high one
        apart = above / max(0.5 * len(rows) * (len(rows) - 1), 1.0)
        if len(rows) >= _LEAST_STAIRCASE and apart > _APART:
            lines = [int(table["line"].values[row]) for row in rows]
            first, last = int(np.argmin(low)), int(np.argmax(low))
            return (
                f"lines {min(lines)} to {max(lines)} are brackets one step wide that lie apart, "
                f"from {low[first]:g} to {high[first]:g} up to {low[last]:g} to {high[last]:g} "
                "mA/cm^2 for separators that are stated to be alike. As brackets from different "
                "cells each counts as two cells that tell one side of their thresholds, and the "
                "scatter of cells comes out wrong. If one cell survived the lower current and "
                "failed at the upper one, write one_cell under bracket_from."
            )
    return ""


def _named_alike(table: "xr.Dataset") -> str:
    """Say which names of cells tell tests of one cell apart; empty where none do."""
    cells = table["cell"].values
    if "current_density_lowest" in table:
        cells = cells[~range_rows(table)]
    names = [str(cell) for cell in cells]
    tests: dict[str, list[str]] = {}
    for cell in names:
        if found := _TEST_OF_A_CELL.fullmatch(cell):
            tests.setdefault(found[1], []).append(cell)
    alike = {base: each for base, each in tests.items() if len(each) > 1 or base in names}
    if not alike:
        return ""
    base, each = next(iter(alike.items()))
    shown = ", ".join(repr(cell) for cell in each[:3])
    more = f" and {len(each) - 3} more" if len(each) > 3 else ""
    others = f", and so do names of {len(alike) - 1} more" if len(alike) > 1 else ""
    return f"{shown}{more} look like tests of one cell, {base!r}{others}"


def _staircases(table: "xr.Dataset") -> str:
    """Say which rows read as steps of cells that were stepped up in current."""
    if "outcome" in table:
        current = np.asarray(table["current_density"].values, dtype=float)
        failed = table["outcome"].values == "penetrated"
        kept = np.ones(current.size, bool)
        conditions: tuple[str, ...] = ("separator", "temperature", "lab")
    elif "protocol" in table:
        lower, upper = (table[f"current_density_{end}"].values for end in ("lower", "upper"))
        failed = np.isfinite(upper)
        current = np.where(failed, upper, lower)
        kept = (table["protocol"].values == "step") & np.isfinite(current)
        conditions = ("temperature", "pressure", "step_time", "lab")
    else:
        return ""
    groups: dict[tuple[str, ...], list[int]] = {}
    columns = [table[name].values.astype(str) for name in conditions]
    for place in np.flatnonzero(kept).tolist():
        key = tuple(column[place] for column in columns)
        groups.setdefault(key, []).append(place)
    lines = table["line"].values
    for rows in groups.values():
        cells = max(_in_turn(rows, current, failed), _in_turn(rows[::-1], current, failed))
        if not cells and _of_stepped_cells(current[rows], failed[rows]):
            cells = int((current[rows] == current[rows].min()).sum())
        if cells:
            which = "one cell" if cells == 1 else f"{cells} cells"
            return (
                f"lines {int(lines[rows].min())} to {int(lines[rows].max())} read like {which} "
                f"stepped up from {current[rows].min():g} to {current[rows].max():g} mA/cm^2, a "
                "row a step: a cell that survived goes on to the next current, and one that failed "
                "does not"
            )
    return ""


def _in_turn(rows: list[int], current: NDArray[np.float64], failed: NDArray[np.bool_]) -> int:
    """Count cells whose steps stand below each other: rising currents, none after one that failed.

    All begin at the same current; in an up-and-down series each cell begins below the last. Cells
    of a ladder, one at each current, go on above the first that failed.
    """
    falls = np.flatnonzero(np.diff(current[rows]) <= 0.0) + 1
    cells = np.split(np.asarray(rows), falls)
    if len({float(current[steps[0]]) for steps in cells}) > 1:
        return 0
    if any(failed[steps[:-1]].any() for steps in cells):
        return 0
    least = _LEAST_STAIRCASE if len(cells) > 1 else _LONE_STAIRCASE
    whole = sum(len(steps) >= least and bool(failed[steps[-1]]) for steps in cells)
    return len(cells) if whole > 1 or (len(cells) == whole == 1) else 0


def _of_stepped_cells(current: NDArray[np.float64], failed: NDArray[np.bool_]) -> bool:
    """Say whether rows of one condition are the steps of several cells, in whatever order.

    Each cell goes on to the next current as long as it survives: at every current there are as many
    rows as survived the one below. With as many cells at every current, as in a ladder, none may
    have failed before the last; so cells that failed at two currents or more are asked for.
    """
    steps, place = np.unique(current, return_inverse=True)
    tested = np.bincount(place)
    survived = np.bincount(place, weights=~failed)
    return (
        steps.size > _LEAST_STAIRCASE
        and int((survived < tested).sum()) > 1
        and bool((tested[1:] == survived[:-1]).all())
    )


def _wide_steps(name: str, table: "xr.Dataset") -> list[int]:
    """Return the rows of single cells that fail within steps so wide that they may be ranges.

    They are so where all steps are wide; where one begins at no whole number of its own heights, as
    steps of one height do not; or where it is much higher than others and of a height of its own.
    """
    if name not in _IN_STEPS:
        return []
    column, value = _IN_STEPS[name]
    lower, upper = (
        np.asarray(table[f"current_density_{end}"].values, dtype=float)
        for end in ("lower", "upper")
    )
    rows = np.flatnonzero((table[column].values == value) & (lower > 0.0) & (upper > lower))
    height, start = upper[rows] - lower[rows], lower[rows]
    wide = upper[rows] > _WIDE_STEP * start
    if rows.size > 1 and wide.all():
        return [*rows.tolist()]
    whole = np.abs(start / height - np.round(start / height)) < _NO_WHOLE
    ordered = np.sort(height)
    below, above = height / (1.0 + _ALIKE), height / (1.0 - _ALIKE)
    alone = np.searchsorted(ordered, above, "right") - np.searchsorted(ordered, below) == 1
    much = height >= _WIDER * height.min(initial=np.inf) * (1.0 - 1e-9)
    return [*rows[wide & (~whole | (much & alone))].tolist()]


def _in_wide_steps(name: str, table: "xr.Dataset", rows: Sequence[int]) -> str:
    """Say that cells which fail within wide steps may be ranges over cells."""
    lines = [str(int(table["line"].values[row])) for row in rows]
    which = f"lines {', '.join(lines[:-1])} and {lines[-1]}" if lines[1:] else f"line {lines[0]}"
    lower, upper = (float(table[f"current_density_{end}"].values[rows[0]]) for end in _ENDS)
    cells = "cells fail within steps" if lines[1:] else "a cell fails within a step"
    return (
        f"{name}.csv, {which}: {cells} as wide as {lower:g} to {upper:g} mA/cm^2. If these are the "
        "lowest and the highest current at which several cells failed, write them under "
        "current_density_lowest and current_density_highest: as one cell they hide how cells "
        "scatter, and the safe current comes out too high."
    )


_ENDS = ("lower", "upper")
_STEPPED = {
    "penetration": "critical_current.csv, bracket_from one_cell",
    "dc_polarization": "a row of the protocol step",
    "sand": "its first test",
}

_IN_STEPS = {
    "dc_polarization": ("protocol", "step"),
    "critical_current": ("bracket_from", "one_cell"),
}
"""By table, column and value of rows in which one cell tells both ends of a step."""
