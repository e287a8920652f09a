"""Rows that may not be what a campaign says of them: odd numbers, steps or copies as cells."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

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
        for column in all_tables()[name].fields.values():
            if column.usual is None or column.name not in rows:
                continue
            doubts = [
                (int(line), doubt)
                for line, value in zip(rows["line"].values, rows[column.name].values, strict=True)
                if (doubt := column.doubt(float(value))) is not None
            ]
            if doubts:
                line, doubt = doubts[0]
                others = f"; so are {len(doubts) - 1} other rows" if len(doubts) > 1 else ""
                notes.append(f"Doubtful: {name}, line {line}, {column.name}: {doubt}{others}")
    return notes


_TEST_OF_A_CELL = re.compile(
    r"(.+?)(?:[\s,;:_@(#-]+|(?<=\d))(?:"
    r"(?:step|cycle|half-cycle|pulse|level|rate|current|again|repeat|retest)[\s_#-]*(?:\d.*)?"
    r"|(?<!\d)\d+(?:[.,]\d+)?\s*(?:[mu]A(?:/?cm\S*)?|A/?cm\S*|min|h)\)?)",
    re.IGNORECASE,
)
_LEAST_STAIRCASE = 3
"""Rows of one; two in turn are told of, or a single one of `_LONE_STAIRCASE` rows."""
_LONE_STAIRCASE = 8
_WIDE_STEP = 1.35
"""Of the ends of a step, one to the other: staircases rise in smaller steps where cells fail."""
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
        Tables whose names of cells tell tests of one cell apart, whose rows read as staircases or
        as copies of each other, whose errors read as the scatter over cells, and those all of
        whose steps are so wide that they may be ranges over cells.
    """
    notes: dict[str, list[str]] = {}
    for name, table in campaign.tables.items():
        found = ""
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
    for name, lower, upper in _steps(campaign):
        ratios = [high / low for low, high in zip(lower, upper, strict=True)]
        if len(ratios) > 1 and min(ratios) > _WIDE_STEP:
            notes.setdefault(name, []).append(
                f"{name}.csv: every cell fails within a step as wide as {lower[0]:g} to "
                f"{upper[0]:g} mA/cm^2. If these are the lowest and the highest current at which "
                "several cells failed, write them under current_density_lowest and "
                "current_density_highest: as one cell they hide how cells scatter, and the safe "
                "current comes out too high."
            )
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
    for row in np.flatnonzero(narrow & (upper < _WIDE_STEP * lower)).tolist():
        key = like[str(table["separator"].values[row])], float(table["temperature"].values[row])
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        low, high = lower[rows], upper[rows]
        apart = (low[:, None] > high).sum() / max(0.5 * len(rows) * (len(rows) - 1), 1.0)
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
    """Say which rows read as steps of one cell: rising currents survived, then one that failed.

    Cells of a ladder, one at each current, go on above the first that failed; a cell that was
    stepped up does not.
    """
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
    for place in np.flatnonzero(kept).tolist():
        key = tuple(str(table[name].values[place]) for name in conditions)
        groups.setdefault(key, []).append(place)
    for rows in groups.values():
        found: list[list[int]] = []
        begin = 0
        for at, row in enumerate(rows):
            rising = at == begin or current[row] > current[rows[at - 1]]
            if not rising or (at > begin and failed[rows[at - 1]]):
                begin = at
            last = at + 1 == len(rows) or current[rows[at + 1]] < current[row]
            if failed[row] and last and at + 1 - begin >= _LEAST_STAIRCASE:
                found.append(rows[begin : at + 1])
        if len(found) > 1 or any(len(steps) >= _LONE_STAIRCASE for steps in found):
            first, last_step = found[0][0], found[0][-1]
            lines = table["line"].values
            others = f", and {len(found) - 1} more like them" if len(found) > 1 else ""
            return (
                f"lines {int(lines[first])} to {int(lines[last_step])} ({current[first]:g} to "
                f"{current[last_step]:g} mA/cm^2, survived up to the last){others} read like one "
                "cell stepped up"
            )
    return ""


_STEPPED = {
    "penetration": "critical_current.csv, bracket_from one_cell",
    "dc_polarization": "a row of the protocol step",
    "sand": "its first test",
}


def _steps(campaign: "Campaign") -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield table and ends of the steps within which single cells failed [mA/cm^2]."""
    for name, column, value in (
        ("dc_polarization", "protocol", "step"),
        ("critical_current", "bracket_from", "one_cell"),
    ):
        if name in campaign.tables:
            table = campaign.tables[name]
            ends = [table[f"current_density_{end}"].values for end in ("lower", "upper")]
            both = (table[column].values == value) & (ends[0] > 0.0) & (ends[1] > 0.0)
            yield name, ends[0][both].tolist(), ends[1][both].tolist()
