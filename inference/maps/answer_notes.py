"""What must be known with an answer: warnings, and what it says of the scatter of cells."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.ranges import UNSTATED_CELLS
from inference.designs.axes import CURRENT, Cell
from inference.designs.axes import shown as _shown
from inference.designs.design import Design
from inference.designs.mechanisms import MECHANISMS, Mechanism, cell_scatter, cell_scatters
from inference.maps.caveats import caveats
from inference.maps.known import scatter_notes
from inference.maps.rare_kinds import cells_behind
from inference.thresholds import INTERVAL, TAILS
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["answer_notes", "answer_warnings"]

_STEPPED: Final = "critical_current_one_cell"
_BY_CHANCE: Final = 0.1  # of two cells that fail at four fifths, where cells scatter by a quarter


def answer_notes(
    result: "Basis", design: Design, offset: str, warnings: tuple[str, ...], median: float
) -> tuple[str, ...]:
    """Say what must be known with an answer, of which the median cell fails at a current."""
    return (
        *((offset,) if offset else ()),
        *_drawn_up(result, design.separator, median),
        *_pooled(result, design.separator),
        *warnings,
        *scatter_notes(result, design),
        *(_scatter(result, item) for item in MECHANISMS[design.cell]),
    )


def _drawn_up(result: "Basis", separator: str, median: float) -> tuple[str, ...]:
    """Say that all cells of a named separator that were stepped up failed below the median cell.

    A few of its own say little against all others, which its offset is shrunk to.
    """
    from scipy.special import ndtr

    names = np.array(result.groups.get(_STEPPED, {}).get("separator", []), dtype=str)
    if not separator or separator not in names or not median > 0.0:
        return ()
    own = np.asarray(result.observed_data[_STEPPED].values, dtype=float)[names == separator]
    penetration = MECHANISMS["liquid"][0]
    scatter = float(np.median(cell_scatter(penetration, result)))
    deviate = np.log(own / median).mean() * math.sqrt(own.size) / scatter
    by_chance = float(ndtr(deviate))
    if own.max() >= median or by_chance > _BY_CHANCE:
        return ()
    ends = " to ".join(dict.fromkeys(_shown(each) for each in (own.min(), own.max())))
    return (
        f"The {own.size} cells of the separator {separator!r} that were stepped up failed at "
        f"{ends} {CURRENT.unit}: the others draw its median cell up to {_shown(median)}, under "
        f"which so low ones have a probability of {_shown(by_chance, 1)}. If it is unlike them, "
        "its safe current is lower.",
    )


def _pooled(result: "Basis", separator: str) -> tuple[str, ...]:
    """Say that the scatter of a named separator's cells, where others tell it, is that of all."""
    penetration = next(each for each in MECHANISMS["liquid"] if each.name == "penetration")
    every = cells_behind(result, penetration)
    if not separator or not every:
        return ()
    known = any("separator" in each for each in result.groups.values())
    of_it = cells_behind(result, penetration, separator)
    if known and of_it == every:
        return ()
    own = f", of which {of_it} are its own" if known else ""
    return (
        f"New cells of the separator {separator!r} are taken to scatter as those of all separators "
        f"together do ({every} cells{own}): where its own scatter more, its safe current is lower.",
    )


def answer_warnings(
    result: "Basis", cell: Cell, failed: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Say why no number of a fit is to be relied on."""
    found = []
    gate = getattr(result, "gate", None)
    if gate is not None and not gate.passed:
        found.append("NOT CONVERGED: do not use; the convergence gate failed.")
    if result.synthetic:
        found.append("SYNTHETIC DATA: nobody measured what this rests on.")
    return (*found, *caveats(result, cell, failed))


def _scatter(result: "Basis", mechanism: Mechanism) -> str:
    """Say how much cells differ, and what is assumed of the cells that tell it."""
    names = cell_scatters(mechanism, result)
    scatter = cell_scatter(mechanism, result)
    lower, middle, upper = np.quantile(scatter, [TAILS[0], 0.5, TAILS[1]])
    which = names[0] if len(names) == 1 else f"the wider of {' and '.join(names)}"
    text = (
        f"Between cells the logarithm of the current for {mechanism.name} scatters by "
        f"{_shown(middle, 2)} ({100 * INTERVAL:.0f} % interval {_shown(lower, 2)} to "
        f"{_shown(upper, 2)}; {which})."
    )
    if counts := _unstated_cells(result, mechanism.block):
        text += (
            f" {counts} range{'s' if counts > 1 else ''} over cells behind it "
            f"{'do' if counts > 1 else 'does'} not state the number of cells: "
            f"{UNSTATED_CELLS[0]} to {UNSTATED_CELLS[-1]} assumed, few more likely than many."
        )
    return text


def _unstated_cells(result: "Basis", block: str) -> int:
    """Count the fitted ranges over cells of a threshold that do not state how many cells."""
    count = 0
    for table in SHARED_THRESHOLD.get(block, (block,)):
        if (name := f"{table}_range_design") in result.constant_data:
            design = result.constant_data[name]
            cells = design.sel({f"{table}_range_column": "cells"})
            count += int((cells == 0).sum()) // 2  # the lowest and the highest step of each
    return count
