"""Rare kinds of weak cells that the cells of a campaign may not show: to be said with answers.

Among n cells none is of a kind that makes up the share p of all with the probability
:math:`(1-p)^n`. Where that is above one in twenty for the risk itself, weak cells that decide the
answer may be missing, and the scatter of the cells that were seen does not tell of them. Of a cell
that has a threshold of its own it is known whether it is of a kind too weak for the answer. Of one
that survived it is where its test was no milder than the answer, to whose risk the fit's own
probability that such a test fails is no less; of one that failed where that is no more: a cell that
failed far above may have been of any kind.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.tables import tables
from inference.designs.mechanisms import Mechanism, cell_scatters
from inference.thresholds import UNSEEN
from models.blocks import table_of
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.designs.basis import Basis

__all__ = ["TellingCells", "cells_behind", "cells_that_show", "rare_kind_sentence", "tables_behind"]

_LEAST_OF_A_RANGE: Final = 2  # cells, where their number is not stated


@dataclass(frozen=True)
class TellingCells:
    """Cells of which it is known whether they are of a kind too weak for an answer, by its risk.

    Parameters
    ----------
    always : int
        Cells with a threshold of their own, as many as a range over cells is of.
    others : list of tuple of float
        Of each other cell the highest risk at which its survival tells, and the lowest at which
        its failure does: of none 0 and 1.
    most : float
        Cells that all count as, where they are of batches; infinite otherwise.
    """

    always: int
    others: list[tuple[float, float]]
    most: float = math.inf

    def at(self, risk: float) -> int:
        """Return how many there are at a risk."""
        others = sum(risk <= survived or risk >= failed for survived, failed in self.others)
        return int(min(self.always + others, self.most))


def tables_behind(result: "Basis", mechanism: Mechanism) -> set[str]:
    """Return the tables that tell how cells scatter, whether the fit has them or not.

    Parameters
    ----------
    result : Basis
        A finished fit.
    mechanism : Mechanism
        The mechanism.

    Returns
    -------
    set of str
        Names of tables.
    """
    blocks = [name.removesuffix("_scatter") for name in cell_scatters(mechanism, result)]
    return {table for block in blocks for table in SHARED_THRESHOLD.get(block, (block,))}


def cells_behind(
    result: "Basis",
    mechanism: Mechanism,
    separator: str = "",
    worth: Mapping[str, int] = MappingProxyType({}),
) -> int:
    """Count the cells that tell how cells scatter.

    Parameters
    ----------
    result : Basis
        A finished fit.
    mechanism : Mechanism
        The mechanism.
    separator : str
        Of which separator alone; of all where left out.
    worth : mapping of str to int
        From `inference.maps.caveats.worth_of_rows`: where batches count as fewer cells.

    Returns
    -------
    int
        Cells of the rows that were fitted, whatever each tells; two of a range over cells that
        does not state how many.
    """
    ranges, others = _behind(result, mechanism, separator)
    return int(min(ranges + len(others), _most(result, mechanism, worth)))


def cells_that_show(
    result: "Basis", mechanism: Mechanism, worth: Mapping[str, int] = MappingProxyType({})
) -> TellingCells:
    """Return the cells of which it is known whether they are of a kind too weak for an answer.

    Parameters
    ----------
    result, mechanism, worth
        As in :func:`cells_behind`.

    Returns
    -------
    TellingCells
        Counted by the risk of the answer.
    """
    ranges, cells = _behind(result, mechanism)
    some = [ends for ends in cells.values() if ends[0] < 1.0]
    return TellingCells(ranges + len(cells) - len(some), some, _most(result, mechanism, worth))


def _most(result: "Basis", mechanism: Mechanism, worth: Mapping[str, int]) -> float:
    """Return as how many cells all count."""
    scatters = cell_scatters(mechanism, result)
    return min([math.inf, *(worth[name] for name in scatters if name in worth)])


def _behind(
    result: "Basis", mechanism: Mechanism, separator: str = ""
) -> tuple[int, dict[tuple[str, str], tuple[float, float]]]:
    """Return the cells of ranges, and of each other one at which risks its test tells its kind."""
    behind = tables_behind(result, mechanism)
    ranges = 0
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for name in map(str, result.observed_data.data_vars):
        table = table_of(name)
        if table not in behind or name.endswith("_overpotential"):
            continue
        size = result.observed_data[name].size
        own = np.ones(size, dtype=bool)
        if separator:
            names = result.groups.get(name, {}).get("separator", [""] * size)
            own = np.asarray([each == separator for each in names])
        if name == f"{table}_range":
            design = result.constant_data[f"{name}_design"]
            cells = design.sel({f"{name}_column": "cells"}).values[own]
            ranges += int(np.where(cells > 0, cells, _LEAST_OF_A_RANGE).sum()) // 2  # both ends
            continue
        cells, tells = _cell_of_rows(result, name), np.stack(_tells(result, name), axis=1)
        for cell, (most, least) in zip(cells[own].tolist(), tells[own].tolist(), strict=True):
            survived, failed = found.get((name, cell), (0.0, 1.0))
            found[name, cell] = max(survived, most), min(failed, least)
    return ranges, found


def _tells(result: "Basis", name: str) -> tuple[Array, Array]:
    """Return the highest risk at which rows tell by surviving, and the lowest by failing."""
    observed = np.asarray(result.observed_data[name].values, dtype=float)
    every = np.ones(observed.size), np.ones(observed.size)  # a threshold tells at every risk
    if name not in result.posterior_predictive:
        return every
    drawn = np.asarray(result.posterior_predictive[name].values, dtype=float)
    drawn = drawn.reshape(-1, observed.size)
    if np.isin(observed, (0.0, 1.0)).all() and np.isin(drawn, (0.0, 1.0)).all():
        share, failed = drawn.mean(axis=0), observed > 0.5
        return np.where(failed, 0.0, share), np.where(failed, share, 1.0)
    same = np.isclose(drawn, observed, rtol=1e-8, atol=0.0)
    below, above = ((sign * (observed - drawn) > 0.0) & ~same for sign in (1.0, -1.0))
    several = same.sum(axis=0) > 1
    survived, failed = several & ~above.any(axis=0), several & ~below.any(axis=0)
    most = np.where(survived, below.mean(axis=0), np.where(failed, 0.0, every[0]))
    return most, np.where(failed, same.mean(axis=0), every[1])


def _cell_of_rows(result: "Basis", name: str) -> "NDArray[np.str_]":
    """Return of which cell each row of an observed variable is, by whatever its table tells it."""
    labels = result.observed_data[f"{name}_row"].values.astype(str)
    by = tables()[table_of(name)].label
    names = result.groups.get(name, {})
    if "cell" in by and "cell" in names:
        parts = [names[key] for key in by if key in names]
        whole = ["\n".join(each) for each in zip(*parts, strict=True)]
        rows = (f"\n{at}" for at in range(labels.size))  # each its own, where none is named
        named = zip(names["cell"], whole, rows, strict=True)
        return np.array([each if cell else row for cell, each, row in named])
    if by[0] == "cell" and len(by) > 1:  # which begins the label of each of its rows
        return np.array([each.rpartition(", ")[0] for each in labels])
    return np.array([f"{each}\n{at}" for at, each in enumerate(labels)])


def rare_kind_sentence(count: int, risk: float, of: int | None = None) -> str:
    """Say how rare a kind of weak cells may be that so many cells did not show.

    Parameters
    ----------
    count : int
        Cells of which it is known whether they are of such a kind.
    risk : float
        Probability of failure.
    of : int, optional
        Cells that tell how cells scatter, no fewer; 0 where none does, and a prior says it.

    Returns
    -------
    str
        Empty where none of so many cells is of a kind as rare as the risk with a probability of
        less than one in twenty.
    """
    of = count if of is None else of
    if of == 0 or (1.0 - risk) ** count < UNSEEN:
        return ""
    if count < of:
        found = (
            f"{count or 'None'} of the {of} cells that tell how cells scatter would show a kind "
            "too weak for this answer: one that failed in a harder test may be of any kind, and "
            "so may one that survived a milder one. "
        )
        if count == 0:
            return f"{found}How many are of such a kind no cell says."
        rarest = math.ceil(1.0 / (1.0 - UNSEEN ** (1.0 / count)))
        return f"{found}One rarer than one in {rarest} may be missing among them by chance."
    rarest = math.ceil(1.0 / (1.0 - UNSEEN ** (1.0 / count)))
    cells = "1 cell tells" if count == 1 else f"{count} cells tell"
    return (
        f"{cells} how cells scatter: a kind of weak cells rarer than one in {rarest} may be "
        "missing among them by chance."
    )
