"""What the cells of a campaign cannot show, however well they are fitted: to be said with answers.

*Rare kinds.* Among n cells none is of a kind that makes up the share p of all with the probability
:math:`(1-p)^n`. Where that is above one in twenty for the risk itself, weak cells that decide the
answer may be missing, and the scatter of the cells that were seen does not tell of them.

*Few separators.* How the current goes with the radius of pores is held against one offset for each
separator alone, however many its cells. A trend of the offsets is judged by the slope of a line
through them, a Student's t of two degrees of freedom fewer than separators for each draw. For
chance to bring it once in twenty only, the correlation of three must exceed 0.997, of four 0.95 and
of five 0.88: so few show none as a rule, and are told of in any case.

*One condition.* Steps of one length tell the limit at that length, and one-way tests at one current
the time at that current. How a limit goes with the charge is then the equation's alone, though the
charges that these cells passed differ by their scatter.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from data.tables import tables
from data.units import parse_quantity, si_factor
from inference.design import CURRENT, FloatArray, Protocol
from inference.mechanisms import SEPARATOR_OFFSET, Mechanism, cell_scatters
from inference.named_separators import separators_of
from inference.thresholds import DECIDES, LIKE_TESTED, UNSEEN
from models.blocks import table_of
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from inference.result import Result

__all__ = [
    "TESTED",
    "cells_behind",
    "law_sentence",
    "one_condition",
    "radius_law_sentence",
    "rare_kind_sentence",
    "tables_behind",
]

_HOUR: Final = si_factor("h")
_MANY_SEPARATORS: Final = 6
_SLOPE: Final = 0.975  # probability of the sign of a trend from which it is told: one in twenty
_LEAST_OF_A_RANGE: Final = 2  # cells, where their number is not stated

TESTED: Final[Mapping[Protocol, tuple[str, int, str, str]]] = {
    "step": ("step_time", 2, "with one step time", "s"),
    "one_way": ("current_density", 1, "at one current", CURRENT.unit),
}
"""By protocol: what tests were made with, as `inference.coverage.data_ranges` names it; the power
of the current that it goes with where metal diffuses; and words and unit of it."""


def tables_behind(result: "Result", mechanism: Mechanism) -> set[str]:
    """Return the tables that tell how cells scatter, whether the fit has them or not.

    Parameters
    ----------
    result : Result
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


def cells_behind(result: "Result", mechanism: Mechanism, separator: str = "") -> int:
    """Count the cells that tell how cells scatter.

    Parameters
    ----------
    result : Result
        A finished fit.
    mechanism : Mechanism
        The mechanism.
    separator : str
        Of which separator alone; of all where left out.

    Returns
    -------
    int
        Cells of the rows that were fitted, whatever each tells; two of a range over cells that
        does not state how many.
    """
    behind = tables_behind(result, mechanism)
    count = 0
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
            count += int(np.where(cells > 0, cells, _LEAST_OF_A_RANGE).sum()) // 2  # both ends
            continue
        rows = [str(each) for each in result.observed_data[f"{name}_row"].values[own]]
        label = tables()[table].label
        if len(label) > 1 and label[0] == "cell":  # several rows of a cell, whose name begins them
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
        f"{cells} how cells scatter: a kind of weak cells rarer than one in {rarest} may be "
        "missing among them by chance."
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
    known = one_condition(protocol, ranges, shown)
    if not known or not current > 0.0:
        return ""
    name, power, _, unit = TESTED[protocol]
    low, high = ranges[name]
    value = charge / current * _HOUR if protocol == "step" else current
    near = LIKE_TESTED**power
    if low / near <= value <= near * high:
        return ""
    return f"{known} The answer is of {shown(value)} {unit}."


def one_condition(
    protocol: Protocol, ranges: Mapping[str, Sequence[float]], shown: Callable[[float], str]
) -> str:
    """Say what all tests of a protocol were made with, where that is one and the same.

    Parameters
    ----------
    protocol, ranges, shown
        As in :func:`law_sentence`.

    Returns
    -------
    str
        Empty where several conditions were tested, or none is known.
    """
    name, power, words, unit = TESTED[protocol]
    if name not in ranges:
        return ""
    low, high = ranges[name]
    if high > DECIDES**power * low:
        return ""
    ends = " to ".join(dict.fromkeys((shown(low), shown(high))))
    return (
        f"All cells were tested {words} ({ends} {unit}): how the limit goes with the charge is the "
        "equation's, not the data's."
    )


def radius_law_sentence(result: "Result") -> str:
    """Say what the law in the pore radius was held against, for cells of new separators.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    str
        Empty where cells of fewer than two pore radii were tested, which the range of the data
        says, or of many separators whose offsets do not go with the radius.
    """
    tested = {
        radius
        for name, conditions in result.conditions.items()
        if table_of(name) in SHARED_THRESHOLD["penetration"]
        for radius in conditions.get("pore_radius", [])
    }
    if len(tested) < 2 or SEPARATOR_OFFSET not in result.posterior:
        return ""
    offsets = result.posterior[SEPARATOR_OFFSET]
    fitted = {str(name) for name in offsets["separator"].values}
    stated = {
        name: float(parse_quantity(section["pore_radius"], to="nm"))
        for name, section in separators_of(result).items()
        if name in fitted
    }
    names = [
        name for name in sorted(stated, key=stated.__getitem__)
        if np.isclose(stated[name], list(tested)).any()
    ]  # fmt: skip
    own = offsets.sel(separator=names).transpose(..., "separator").values
    radii = np.array([stated[name] for name in names])
    rising = _rising(own, np.log(radii))
    turned = max(rising, 1.0 - rising) > _SLOPE
    if len(names) >= _MANY_SEPARATORS and not turned:
        return ""
    *before, last = [f"{np.exp(each):.2g}" for each in np.median(own, axis=(0, 1))]
    text = (
        "How the current goes with the pore radius is the equation's, held against the cells of "
        f"{len(names)} separators ({radii[0]:.3g} to {radii[-1]:.3g} nm): they fail at "
        f"{', '.join(before)} and {last} times what it says, from the narrowest pores to the "
        "widest."
    )
    if turned:
        trend, sooner = ("rises", "narrow") if rising > 0.5 else ("falls", "wide")
        text += (
            f" With a probability above {100 * _SLOPE:g} % this {trend} with the radius: the law "
            f"does not seem to hold, and {sooner} pores fail sooner than the answer says."
        )
    return text


def _rising(offsets: FloatArray, arms: FloatArray) -> float:
    """Return the probability that what offsets scatter about goes up, shape (..., separator)."""
    from scipy.stats import t

    arms = arms - arms.mean()
    freedom, length = arms.size - 2, float(arms @ arms)
    if freedom < 1 or length == 0.0:
        return 0.5
    centred = offsets - offsets.mean(axis=-1, keepdims=True)
    slope = centred @ arms / length
    left = ((centred - slope[..., None] * arms) ** 2).sum(axis=-1)
    return float(t.cdf(slope / np.sqrt(left / (freedom * length)), freedom).mean())
