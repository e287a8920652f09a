"""What the cells of a campaign cannot show, however well they are fitted: to be said with answers.

*Rare kinds.* Among n cells none is of a kind that makes up the share p of all with the probability
:math:`(1-p)^n`. Where that is above one in twenty for the risk itself, weak cells that decide the
answer may be missing, and the scatter of the cells that were seen does not tell of them.

*One condition.* Steps of one length tell the limit at that length, and one-way tests at one current
the time at that current. How a limit goes with the charge is then the equation's alone, though the
charges that these cells passed differ by their scatter.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from data.tables import tables
from data.units import si_factor
from inference.design import CURRENT, Protocol
from inference.mechanisms import Mechanism, cell_scatters
from inference.thresholds import DECIDES, UNSEEN
from models.blocks import table_of
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from inference.result import Result

__all__ = ["TESTED", "cells_behind", "law_sentence", "rare_kind_sentence"]

_HOUR: Final = si_factor("h")
_LEAST_OF_A_RANGE: Final = 2  # cells, where their number is not stated

TESTED: Final[Mapping[Protocol, tuple[str, float, str, str]]] = {
    # A current goes with the square root of the time at the least, as diffusion does.
    "step": ("step_time", DECIDES**2, "with one step time", "s"),
    "one_way": ("current_density", DECIDES, "at one current", CURRENT.unit),
}
"""By protocol: what tests were made with, as `inference.coverage.data_ranges` names it; the factor
within which the law in it moves a current by less than a fifth; and words and unit of it."""


def cells_behind(result: "Result", mechanism: Mechanism) -> int:
    """Count the cells that tell how cells scatter.

    Parameters
    ----------
    result : Result
        A finished fit.
    mechanism : Mechanism
        The mechanism.

    Returns
    -------
    int
        Cells of the rows that were fitted, whatever each tells; two of a range over cells that
        does not state how many.
    """
    blocks = [name.removesuffix("_scatter") for name in cell_scatters(mechanism, result)]
    behind = {table for block in blocks for table in SHARED_THRESHOLD.get(block, (block,))}
    count = 0
    for name in map(str, result.observed_data.data_vars):
        table = table_of(name)
        if table not in behind or name.endswith("_overpotential"):
            continue
        if name == f"{table}_range":
            design = result.constant_data[f"{name}_design"]
            cells = design.sel({f"{name}_column": "cells"}).values
            count += int(np.where(cells > 0, cells, _LEAST_OF_A_RANGE).sum()) // 2  # both ends
            continue
        rows = [str(each) for each in result.observed_data[f"{name}_row"].values]
        if len(tables()[table].label) > 1:  # several rows of a cell, whose name begins their labels
            rows = list({each.partition(", ")[0] for each in rows})
        count += len(rows)
    return count


def rare_kind_sentence(count: int, risk: float) -> str:
    """Say how rare a kind of weak cells may be that so many cells did not show.

    Parameters
    ----------
    count : int
        Cells that tell how cells scatter; 0 where none does, and a prior says it.
    risk : float
        Probability of failure.

    Returns
    -------
    str
        Empty where none of so many cells is of a kind as rare as the risk with a probability of
        less than one in twenty.
    """
    if count == 0 or (1.0 - risk) ** count < UNSEEN:
        return ""
    rarest = math.ceil(1.0 / (1.0 - UNSEEN ** (1.0 / count)))
    cells = "1 cell tells" if count == 1 else f"{count} cells tell"
    return (
        f"{cells} how cells scatter: of a kind of weak cells rarer than one in {rarest}, none may "
        "be among them by chance."
    )


def law_sentence(
    protocol: Protocol,
    ranges: Mapping[str, Sequence[float]],
    charge: float,
    current: float,
    shown: Callable[[float], str],
) -> str:
    """Say where an answer for a solid cell rests on a law that no test has tried.

    Parameters
    ----------
    protocol : {"step", "one_way"}
        Of the design.
    ranges : mapping of str to sequence of float
        Of the data of this protocol.
    charge : float
        Of a half-cycle of the design [mAh/cm^2].
    current : float
        That the answer is of [mA/cm^2].
    shown : callable
        Prints a number.

    Returns
    -------
    str
        Empty where tests were made under several conditions, or the answer is near the only one.
    """
    name, factor, words, unit = TESTED[protocol]
    if name not in ranges or not current > 0.0:
        return ""
    low, high = ranges[name]
    value = charge / current * _HOUR if protocol == "step" else current
    if high > factor * low or low / factor <= value <= factor * high:
        return ""
    ends = " to ".join(dict.fromkeys((shown(low), shown(high))))
    return (
        f"All cells were tested {words} ({ends} {unit}): how the limit goes with the charge is the "
        f"equation's, not the data's. The answer is of {shown(value)} {unit}."
    )
