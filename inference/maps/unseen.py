"""What the cells of a campaign cannot show, however well they are fitted: to be said with answers.

*Rare kinds.* Among n cells none is of a kind that makes up the share p of all with the probability
:math:`(1-p)^n`. Where that is above one in twenty for the risk itself, weak cells that decide the
answer may be missing, and the scatter of the cells that were seen does not tell of them. Of a cell
that has a threshold of its own it is known whether it is of a kind too weak for the answer. Of one
that survived it is where its test was no milder than the answer, to whose risk the fit's own
probability that such a test fails is no less; of one that failed where that is no more: a cell that
failed far above may have been of any kind.

*Few separators.* How the current goes with the radius of pores is held against one offset for each
separator alone, however many its cells. A trend of the offsets is judged by the slope of a line
through them, a Student's t of two degrees of freedom fewer than separators for each draw. For
chance to bring it once in twenty only, the correlation of three must exceed 0.997, of four 0.95 and
of five 0.88: so few show none as a rule, and are told of in any case. Whether offsets go with
porosity or thickness, or one lies far from all others, is judged by how far the others scatter and
what separators usually do, the prior of their scatter: of right campaigns one in a hundred is told
of either (simulated, four to ten separators of scatters from that prior).

*One condition.* Steps of one length tell the limit at that length, and one-way tests at one current
the time at that current. How a limit goes with the charge is then the equation's alone, though the
charges that these cells passed differ by their scatter.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.tables import tables
from data.units import parse_quantity, si_factor
from inference.designs.axes import CURRENT, WORDS, Protocol, shown
from inference.designs.mechanisms import (
    SEPARATOR_OFFSET,
    SEPARATOR_SCATTER,
    Mechanism,
    cell_scatters,
)
from inference.maps.separators import separators_of
from inference.thresholds import DECIDES, LIKE_TESTED, UNSEEN
from models.blocks import table_of
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.designs.basis import Basis

__all__ = [
    "NEAR",
    "TESTED",
    "Shown",
    "beside_sentence",
    "cells_behind",
    "cells_that_show",
    "in_words",
    "law_sentence",
    "near_separator",
    "one_condition",
    "rare_kind_sentence",
    "separator_law_sentence",
    "tables_behind",
    "tested_separators",
]

_HOUR: Final = si_factor("h")
_MANY_SEPARATORS: Final = 6
_SLOPE: Final = 0.975  # probability of the sign of a trend from which it is told: one in twenty
_OF_A_TREND: Final = 0.004  # probability that chance alone brings one, of porosity or thickness
_MOST: Final = 500  # draws that chances are computed from
_LONE: Final = 0.003  # probability that chance alone puts any separator so far from all others
_FEWEST_OF_A_LONE: Final = 4  # separators: three leave one degree of freedom
_HELD: Final = {"pore_radius": "nm", "porosity": "1", "thickness": "um"}
NEAR: Final = 1.1
"""Factor up to which properties of two separators are nearly alike: what is stated of one as a rule
has an error of as much."""

_LEAST_OF_A_RANGE: Final = 2  # cells, where their number is not stated

TESTED: Final[Mapping[Protocol, tuple[str, int, str, str]]] = {
    "step": ("step_time", 2, "with one step time", "s"),
    "one_way": ("current_density", 1, "at one current", CURRENT.unit),
}
"""By protocol: what tests were made with, as `data_ranges` names it; the power of the current that
it goes with where metal diffuses; and words and unit of it."""


@dataclass(frozen=True)
class Shown:
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
) -> Shown:
    """Return the cells of which it is known whether they are of a kind too weak for an answer.

    Parameters
    ----------
    result, mechanism, worth
        As in :func:`cells_behind`.

    Returns
    -------
    Shown
        Counted by the risk of the answer.
    """
    ranges, cells = _behind(result, mechanism)
    some = [ends for ends in cells.values() if ends[0] < 1.0]
    return Shown(ranges + len(cells) - len(some), some, _most(result, mechanism, worth))


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
        cells, tells = _cells(result, name), np.stack(_tells(result, name), axis=1)
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


def _cells(result: "Basis", name: str) -> "NDArray[np.str_]":
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


def separator_law_sentence(result: "Basis") -> str:
    """Say what the law of separators was held against, for cells of new ones.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    str
        Empty where cells of fewer than two separators were tested, which the range of the data
        says, or of many whose offsets go with none of their properties.
    """
    stated = tested_separators(result)
    if len(stated) < 2 or SEPARATOR_OFFSET not in result.posterior:
        return ""
    offsets = result.posterior[SEPARATOR_OFFSET]
    own = offsets.sel(separator=[*stated]).transpose(..., "separator").values
    radii = np.array([each["pore_radius"] for each in stated.values()])
    before = result.prior if SEPARATOR_SCATTER in result.prior else result.posterior
    usual = before[SEPARATOR_SCATTER].values.ravel()[:_MOST]
    few = own.reshape(-1, own.shape[-1])
    few = few[:: max(1, len(few) // _MOST)]
    found = [
        _radius_sentence(own, radii),
        *(_trend_sentence(few, name, stated, usual) for name in ("porosity", "thickness")),
        _lone_sentence(few, stated, usual),
    ]
    return " ".join(filter(None, found))


def tested_separators(result: "Basis") -> dict[str, dict[str, float]]:
    """Return the separators of which cells were tested until metal penetrates, or did not.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    dict of str to dict of str to float
        By name, from the narrowest pores to the widest, what is stated of each: pore radius [nm],
        porosity and thickness [um].
    """
    tested = [
        radius
        for name, conditions in result.conditions.items()
        if table_of(name) in SHARED_THRESHOLD["penetration"]
        for radius in conditions.get("pore_radius", [])
        if radius is not None
    ]
    if not tested or SEPARATOR_OFFSET not in result.posterior:
        return {}
    fitted = {str(name) for name in result.posterior[SEPARATOR_OFFSET]["separator"].values}
    stated = {
        name: {
            axis: float(parse_quantity(section[axis], to=unit))
            if isinstance(section[axis], str)
            else float(section[axis])
            for axis, unit in _HELD.items()
            if axis in section
        }
        for name, section in separators_of(result).items()
        if name in fitted
    }
    return {
        name: stated[name]
        for name in sorted(stated, key=lambda each: stated[each]["pore_radius"])
        if np.isclose(stated[name]["pore_radius"], tested).any()
    }


def _radius_sentence(own: Array, radii: Array) -> str:
    """Say what the law in the pore radius was held against, where that is little, or it fails."""
    if np.ptp(radii) == 0.0:
        return ""
    rising = _rising(own, np.log(radii))
    turned = max(rising, 1.0 - rising) > _SLOPE
    if radii.size >= _MANY_SEPARATORS and not turned:
        return ""
    *before, last = [f"{np.exp(each):.2g}" for each in np.median(own, axis=(0, 1))]
    text = (
        "How the current goes with the pore radius is the equation's, held against the cells of "
        f"{radii.size} separators ({radii[0]:.3g} to {radii[-1]:.3g} nm): they fail at "
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


def _trend_sentence(
    own: Array, name: str, stated: Mapping[str, Mapping[str, float]], usual: Array
) -> str:
    """Say that the offsets of separators go with another property of theirs, where they do."""
    values = np.array([each.get(name, np.nan) for each in stated.values()])
    arms = np.log(values) - np.log(values).mean()
    length = float(arms @ arms)
    if not length > 0.0:  # also where one is not stated
        return ""
    centred = own - own.mean(axis=-1, keepdims=True)
    slope = centred @ arms / length
    left = ((centred - slope[:, None] * arms) ** 2).sum(axis=-1)
    if _chance(slope**2 * length, left, values.size - 2, usual) > _OF_A_TREND:
        return ""
    rising = float(np.median(slope)) > 0.0
    trend, sooner = ("rises", "small") if rising else ("falls", "large")
    unit = "" if _HELD[name] == "1" else f" {_HELD[name]}"
    middle = np.median(own, axis=0)
    at = int(np.abs(middle - np.median(middle)).argmax())
    each = [*stated][at]
    return (
        f"What the cells of {values.size} separators fail at, over what the equation says, {trend} "
        f"with the {WORDS[name]} ({values.min():.3g} to {values.max():.3g}{unit}), as chance alone "
        f"makes it in less than {100 * _OF_A_TREND:g} % of campaigns: the law along it does not "
        f"seem to hold, and separators of a {sooner} {WORDS[name]} fail sooner than the answer "
        f"says. Farthest from the others is {each!r} ({in_words(stated[each])}): "
        f"{np.exp(middle[at]):.2g} times what the equation says."
    )


def _lone_sentence(own: Array, stated: Mapping[str, Mapping[str, float]], usual: Array) -> str:
    """Name a separator whose offset is far from those of all others."""
    count = own.shape[-1]
    if count < _FEWEST_OF_A_LONE:
        return ""
    chances = []
    for at in range(count):
        rest = np.delete(own, at, axis=-1)
        away = (own[:, at] - rest.mean(axis=-1)) ** 2 / (1.0 + 1.0 / (count - 1))
        about = ((rest - rest.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        chances.append(_chance(away, about, count - 2, usual))
    at = int(np.argmin(chances))
    if count * chances[at] > _LONE:
        return ""
    middle = np.exp(np.median(own, axis=0))
    name, rest = [*stated][at], np.delete(middle, at)
    low = bool(middle[at] < np.median(rest))
    return (
        f"The separator {name!r} ({in_words(stated[name])}) stands alone: its cells fail at "
        f"{middle[at]:.2g} times what the equation says, those of the {count - 1} others at "
        f"{rest.min():.2g} to {rest.max():.2g} times. "
        + (
            "Of a new separator that is like it the answer is too high."
            if low
            else "Without it the others tell of new ones like them; look at what is stated of it."
        )
    )


def _chance(away: Array, rest: Array, freedom: int, usual: Array) -> float:
    """Return how often chance puts something so far, by what the others scatter and usually do.

    Parameters
    ----------
    away : ndarray, shape (draw,)
        Its square, of a variance of that of separators.
    rest : ndarray, shape (draw,)
        Sum of the squares that are left, of so many degrees of freedom.
    freedom : int
        Their number.
    usual : ndarray, shape (prior draw,)
        Scatters of separators from their prior.

    Returns
    -------
    float
        Probability of as much at either side, over all draws.
    """
    from scipy.special import ndtr, softmax

    log_weights = -freedom * np.log(usual) - 0.5 * rest[:, None] / usual**2
    tails = 2.0 * ndtr(-np.sqrt(away)[:, None] / usual)
    return float((softmax(log_weights, axis=1) * tails).sum(axis=1).mean())


def near_separator(result: "Basis", pore_radius: float, porosity: float) -> str:
    """Return the tested separator that a new one is nearly like, by its nominal values.

    Parameters
    ----------
    result : Basis
        A finished fit.
    pore_radius : float
        Of the new one [nm].
    porosity : float
        Of the new one.

    Returns
    -------
    str
        The nearest of which neither differs by more than a tenth; empty where none is.
    """
    away = {
        name: max(
            abs(math.log(pore_radius / each["pore_radius"])),
            abs(math.log(porosity / each["porosity"])),
        )
        for name, each in tested_separators(result).items()
        if "porosity" in each
    }
    nearest = min(away, key=away.__getitem__, default="")
    return nearest if nearest and away[nearest] <= math.log(NEAR) + 1e-9 else ""


def beside_sentence(result: "Basis", name: str, safe: str, risk: float) -> str:
    """Say what a tested separator bears that stands beside an answer.

    Parameters
    ----------
    result : Basis
        A finished fit.
    name : str
        From `near_separator`.
    safe : str
        The current that it bears, with its unit.
    risk : float
        Probability of failure.

    Returns
    -------
    str
        One sentence.
    """
    words = in_words(tested_separators(result)[name])
    return (
        f"Nearly like it is {name!r} of the campaign ({words}): a new cell of that one, as fitted, "
        f"bears {safe} at {100 * risk:g} % risk."
    )


def in_words(stated: Mapping[str, float]) -> str:
    """Return what is stated of a separator in words.

    Parameters
    ----------
    stated : mapping of str to float
        From `tested_separators`.

    Returns
    -------
    str
        Its properties, one after the other.
    """
    return ", ".join(
        f"{WORDS[name]} {shown(value)}" + ("" if _HELD[name] == "1" else f" {_HELD[name]}")
        for name, value in stated.items()
    )


def _rising(offsets: Array, arms: Array) -> float:
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
