"""Rows that read as the steps of cells which were stepped to harder conditions until they failed.

A cell that survives goes on to the next condition, and one that failed does not. *In the order of
the rows* each turn back follows a failure, and each step onwards a survival. *In any order* there
are at each level as many rows as survived the level below, but where cells begin or are taken off.

Ladders of fresh cells go on above the first that failed. In up-and-down tests, fresh cells, too,
each turn back follows a failure: but they turn back by a fixed number of levels from wherever one
failed, and stepped cells to where they begin. Fresh cells that are tested upwards until the first
of them fails, again and again, are told from stepped ones by nothing but their names.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST_STEPS", "stepped_cells", "whole_staircase"]

FEWEST_STEPS: Final = 3
"""Rows of a staircase; two are told of, or a single one of `_LONE` rows."""
_LONE: Final = 8
_MEAN_STEPS: Final = 4  # of cells that begin apart: searches with fresh cells turn sooner
_ODD: Final = 5  # cells, of which one may be taken off unfailed or begin above the last that failed
_FIXED_TURN: Final = 0.7  # share of turns by one number of levels, from which they are fixed
_CHANCES: Final = 3  # levels with failures that the next level must follow, where cells begin apart


def stepped_cells(level: NDArray[np.int_], failed: NDArray[np.bool_]) -> int:
    """Count the cells of which rows of one condition read as the steps.

    Parameters
    ----------
    level : ndarray of int, shape (rows,)
        Place of each row among the levels tested, 0 for the mildest, in the order of the rows.
    failed : ndarray of bool, shape (rows,)
        Whether the cell failed.

    Returns
    -------
    int
        0 where they read as fresh cells.
    """
    either = _in_turn(level, failed), _in_turn(level[::-1], failed[::-1])
    return max(either) or _in_any_order(level, failed)


def whole_staircase(level: NDArray[np.int_], failed: NDArray[np.bool_]) -> bool:
    """Say whether rows are the steps of one cell from its first to the one at which it failed."""
    return any(
        level[::way].size >= FEWEST_STEPS
        and bool((np.diff(level[::way]) > 0).all() and failed[::way][-1] and failed.sum() == 1)
        for way in (1, -1)
    )


def _in_turn(level: NDArray[np.int_], failed: NDArray[np.bool_]) -> int:
    """Count cells whose steps stand below each other."""
    turns = np.flatnonzero(np.diff(level) <= 0) + 1
    cells = np.split(np.arange(level.size), turns)
    onwards = sum(int(failed[steps[:-1]].any()) for steps in cells)  # after a failure
    whole = sum(
        len(steps) >= FEWEST_STEPS and bool(failed[steps[-1]]) and not failed[steps[:-1]].any()
        for steps in cells
    )
    if np.unique([level[steps[0]] for steps in cells]).size == 1:
        least = 1 if len(cells) == 1 and level.size >= _LONE else 2
        return len(cells) if not onwards and whole >= least else 0
    taken_off = sum(not failed[steps[-1]] for steps in cells[:-1])
    back = (level[turns - 1] - level[turns]).tolist()
    fixed = max(map(back.count, back)) / len(back)
    apart = whole > 1 and level.size >= _MEAN_STEPS * len(cells) and fixed <= _FIXED_TURN
    return len(cells) if apart and (onwards + taken_off) * _ODD <= len(cells) else 0


def _in_any_order(level: NDArray[np.int_], failed: NDArray[np.bool_]) -> int:
    """Count cells of which at every level as many were tested as survived the one below.

    With as many cells at every level, as in a ladder, none may have failed before the last; so each
    level with failures that the next one follows is a chance to be told from one.
    """
    tested = np.bincount(level)
    survived = np.bincount(level, weights=~failed).astype(int)
    new = tested[1:] - survived[:-1]
    lost = (survived < tested)[:-1]
    follow = int((lost & (new == 0)).sum())
    begun = int((new > 0).sum())
    odd = int((lost & (new > 0)).sum() + (new < 0).sum())
    cells = int(tested[0] + new[new > 0].sum())
    if not (begun or odd):
        return cells if tested.size > FEWEST_STEPS and follow else 0
    return cells if odd <= 1 and follow >= _CHANCES + begun // 2 else 0
