"""What the laws of separators were held against: to be said with answers for new ones.

How the current goes with the radius of pores is held against one offset for each separator alone,
however many its cells. A trend of the offsets is judged by the slope of a line through them, a
Student's t of two degrees of freedom fewer than separators for each draw. For chance to bring it
once in twenty only, the correlation of three must exceed 0.997, of four 0.95 and of five 0.88: so
few show none as a rule, and are told of in any case. Whether offsets go with porosity or thickness,
or one lies far from all others, is judged by how far the others scatter and what separators usually
do, the prior of their scatter: of right campaigns one in a hundred is told of either (simulated,
four to ten separators of scatters from that prior).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.units import parse_quantity
from inference.designs.axes import WORDS, shown
from inference.designs.mechanisms import SEPARATOR_OFFSET, SEPARATOR_SCATTER
from inference.maps.separators import separators_of
from models.blocks import table_of
from models.options import SHARED_THRESHOLD

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "NEAR",
    "beside_sentence",
    "near_separator",
    "separator_in_words",
    "separator_law_sentence",
    "tested_separators",
]

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
        f"says. Farthest from the others is {each!r} ({separator_in_words(stated[each])}): "
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
        f"The separator {name!r} ({separator_in_words(stated[name])}) stands alone: its cells fail "
        f"at {middle[at]:.2g} times what the equation says, those of the {count - 1} others at "
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
    words = separator_in_words(tested_separators(result)[name])
    return (
        f"Nearly like it is {name!r} of the campaign ({words}): a new cell of that one, as fitted, "
        f"bears {safe} at {100 * risk:g} % risk."
    )


def separator_in_words(stated: Mapping[str, float]) -> str:
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
