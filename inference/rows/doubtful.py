"""Rows that may not be what a campaign says of them: odd numbers, copies, contradictions."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.ranges import ENDS, range_rows
from data.tables import clocks
from data.tables import tables as all_tables
from inference.rows.contradictions import contradicting_estimates
from inference.rows.copied import copied_rows
from inference.rows.counted_twice import range_over_rows, under_two_names
from inference.rows.staircase_times import times_from_the_start
from inference.rows.stated_errors import errors_over_cells
from inference.rows.stepped_cells import FEWEST_STEPS, stepped_cells, whole_staircase
from inference.rows.taken_off import taken_off
from inference.thresholds import MOST_ROWS_NAMED

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
        One note a column, with the first of its rows; before them what the campaign states itself.
    """
    notes = [f"Doubtful: {doubt}" for doubt in campaign.metadata.doubts]
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
_ONE_EACH = 6
"""Conditions under which rows read as one staircase each, from which they are told of."""
_NEARLY_ALL = 0.9  # of the conditions with as many rows
_DIGITS = 9  # of a condition; the next are of the conversion of its unit
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
    """Say which rows look as if one cell were counted as several, or exclude each other.

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
    """Say by table which rows look as if one cell were counted as several, or exclude each other.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    dict of str to list of str
        Tables in which steps are so wide that they may be ranges over cells, whose names of cells
        tell tests of one cell apart, whose rows read as staircases or as copies of each other,
        whose errors read as the scatter over cells, whose survivors seem to have been taken off as
        they began to fail, and whose estimates exclude each other.
    """
    notes: dict[str, list[str]] = {}
    for name, table in campaign.tables.items():
        wide = _wide_steps(name, table)
        if wide:
            notes.setdefault(name, []).append(_in_wide_steps(name, table, wide))
        if name in _STEPPED:
            found, advice = _named_alike(table), _IN_CURRENT.format(_STEPPED[name])
            if not found:
                found, advice = _staircases(name, table)
            if found:
                notes.setdefault(name, []).append(f"{name}.csv: {found}. {_TOO_NARROW} {advice}")
        if errors := errors_over_cells(name, table):
            notes.setdefault(name, []).append(f"{name}.csv, {errors}")
        if copies := copied_rows(name, table):
            notes.setdefault(name, []).append(f"{name}.csv: {_same_numbers(copies)}")
        if twice := range_over_rows(name, table):
            notes.setdefault(name, []).append(
                f"{name}.csv, {twice}. If it is over these very cells, its two ends count twice. "
                f"{_TOO_NARROW} Keep the cells, and leave the range out with `exclude`."
            )
        elif twice := under_two_names(name, table):
            notes.setdefault(name, []).append(
                f"{name}.csv: {twice}: one set of cells entered twice counts as two. {_TOO_NARROW} "
                "Keep each cell once, under one name; where they are different cells, look whether "
                "each value was read from its own curve."
            )
        if clock := times_from_the_start(name, table):
            notes.setdefault(name, []).append(f"{name}.csv, {clock}.")
        if off := taken_off(name, table):
            notes.setdefault(name, []).append(f"{name}.csv: {off}")
        if name == "published" and (excluding := contradicting_estimates(table)):
            notes.setdefault(name, []).append(f"{name}.csv: {excluding}")
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
    lower, upper = _steps(table)
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
        if len(rows) >= FEWEST_STEPS and apart > _APART:
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


def _staircases(name: str, table: "xr.Dataset") -> tuple[str, str]:
    """Say which rows read as steps of cells that were stepped until they failed, and what to do."""
    failed, values = _failures(table)
    for along, (sense, way, word, unit, advice) in _HARDER.items():
        if along not in values:
            continue
        tests = values[along]
        groups: dict[tuple[str, ...], list[int]] = {}
        for row in np.flatnonzero(np.isfinite(values["current_density"] * tests)).tolist():
            groups.setdefault(_like(table, values, along, row), []).append(row)
        levels = {
            key: np.unique(np.round(sense * tests[rows], _DIGITS), return_inverse=True)[1]
            for key, rows in groups.items()
        }
        cells = {key: stepped_cells(levels[key], failed[rows]) for key, rows in groups.items()}
        if not any(cells.values()):
            cells = {
                key: whole_staircase(levels[key], failed[rows]) for key, rows in groups.items()
            }
            several = sum(len(rows) >= FEWEST_STEPS for rows in groups.values())
            if sum(cells.values()) < max(_ONE_EACH, _NEARLY_ALL * several):
                continue
        rows = [row for key, count in cells.items() if count for row in groups[key]]
        lines, total = table["line"].values[rows], sum(cells.values())
        ends = sorted((tests[rows].min(), tests[rows].max()), reverse=sense < 0)
        which = "one cell" if total == 1 else f"{total} cells"
        return (
            f"lines {int(lines.min())} to {int(lines.max())} read like {which} stepped {way} from "
            f"{ends[0]:g} to {ends[1]:g} {unit}, a row a step: a cell that survived goes on to the "
            f"next {word}, and one that failed does not"
        ), advice.format(_STEPPED[name], way=way, word=word) + _FRESH
    return "", ""


def _like(
    table: "xr.Dataset", values: dict[str, NDArray[np.float64]], along: str, row: int
) -> tuple[str, ...]:
    """Return the conditions of a row but the one that is stepped, as far as cells share them."""
    steps = {along, *(_GOES_WITH_CURRENT if along == "current_density" else ())}
    numbers = (f"{each[row]:.2g}" for name, each in values.items() if name not in steps)
    names = (str(table[name].values[row]) for name in _NAMES_ALIKE if name in table)
    return (*numbers, *names)


def _failures(table: "xr.Dataset") -> tuple[NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
    """Return which rows of a table tell of a cell that failed, and their conditions by column."""
    values = {
        name: np.asarray(table[name].values, dtype=float) for name in _CONDITIONS if name in table
    }
    size = table["line"].size
    if "outcome" in table:
        failed = np.asarray(table["outcome"].values == "penetrated")
    else:
        ends = [f"{event}{end}" for event in clocks().values() for end in ("", "_upper")]
        failed = np.zeros(size, bool)
        for end in ends:
            failed |= np.isfinite(table[end].values) if end in table else False
    if ENDS[1] in table:  # the step that failed, or else the last survived
        lower, upper = _steps(table)
        of_one = np.ones(size, bool)
        for column, value in _IN_STEPS.values():
            of_one &= (table[column].values == value) if column in table else True
        bracket = np.where(np.isfinite(upper), upper, lower)
        plain = values.get("current_density", np.full(size, np.nan))
        values["current_density"] = np.where(of_one, bracket, plain)
        failed |= of_one & np.isfinite(upper)
    return failed, values


def _steps(table: "xr.Dataset") -> list[NDArray[np.float64]]:
    """Return the lower and the upper ends of the steps of a table [mA/cm^2]."""
    return [np.asarray(table[end].values, dtype=float) for end in ENDS]


def _wide_steps(name: str, table: "xr.Dataset") -> list[int]:
    """Return the rows of single cells that fail within steps so wide that they may be ranges.

    They are so where all steps are wide; where one begins at no whole number of its own heights, as
    steps of one height do not; or where it is much higher than others and of a height of its own.
    """
    if name not in _IN_STEPS:
        return []
    column, value = _IN_STEPS[name]
    lower, upper = _steps(table)
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
    named = lines[: _SHOWN if len(lines) > MOST_ROWS_NAMED else MOST_ROWS_NAMED]
    more = len(lines) - len(named)
    last = f"{more} more" if more else named.pop()
    which = f"lines {', '.join(named)} and {last}" if lines[1:] else f"line {last}"
    lower, upper = (float(ends[rows[0]]) for ends in _steps(table))
    cells = "cells fail within steps" if lines[1:] else "a cell fails within a step"
    return (
        f"{name}.csv, {which}: {cells} as wide as {lower:g} to {upper:g} mA/cm^2. If these are the "
        "lowest and the highest current at which several cells failed, write them under "
        "current_density_lowest and current_density_highest: as one cell they hide how cells "
        "scatter, and the safe current comes out too high."
    )


_STEPPED = {
    "penetration": "critical_current.csv, bracket_from one_cell",
    "critical_current": "bracket_from one_cell, its name under cell",
    "dc_polarization": "a row of the protocol step",
    "sand": "the row in which it failed",
}
_IN_CURRENT = (
    "Enter a cell once: one stepped up in current with the last current that it survived and the "
    "one at which it failed ({})."
)
_IN_CHARGE = "Enter a cell once: the test in which it failed, or its last where it never failed."
_IN_SURROUNDINGS = (
    "No row holds a cell stepped {way} in {word}, and the step in which it failed alone is none "
    "either: strong cells fail at the lowest {word}, which then seems to matter little. Enter a "
    "cell once, with its first test alone, and test fresh cells at a {word} chosen beforehand."
)
_FRESH = " Rows of fresh cells that ended at the first that failed look alike: leave those."
_HARDER = {
    "current_density": (1, "up", "current", "mA/cm^2", _IN_CURRENT),
    "pressure": (-1, "down", "pressure", "MPa", _IN_SURROUNDINGS),
    "temperature": (-1, "down", "temperature", "degC", _IN_SURROUNDINGS),
    "capacity": (1, "up", "charge", "mAh/cm^2", _IN_CHARGE),
    "stop_time": (1, "up", "length of a half-cycle", "s", _IN_CHARGE),
}
"""Conditions in which cells are stepped: the sense in which they get harder, words, and advice."""
_GOES_WITH_CURRENT = {"capacity", "stop_time"}  # where half-cycles have one charge
_CONDITIONS = (*_HARDER, "step_time", "electrode_distance", "concentration")
_NAMES_ALIKE = ("separator", "protocol", "lab")

_IN_STEPS = {
    "dc_polarization": ("protocol", "step"),
    "critical_current": ("bracket_from", "one_cell"),
}
"""By table, column and value of rows in which one cell tells both ends of a step."""
