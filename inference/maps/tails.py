"""How far an answer rests on the tail of the cells' scatter, which few cells show.

A risk of one in a hundred lies where hardly any campaign has cells: the law of the cells
(`models.cells`) decides there, not the data. The answer is therefore computed again with the other
laws: the same draws of the posterior, the parameter of the law from its prior, and the scatter such
that the middle half of the cells spreads as fitted. What differs is the tail alone. That is a
scenario and no fit: fits under the other laws, and `compare`, say which of them the data prefer.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from data.arrays import Array
from inference.designs.axes import Cell
from inference.designs.limits import Values
from inference.designs.mechanisms import MECHANISMS, Deviates, cells_of
from inference.thresholds import DEFAULT_RISK, LAW_MOVES
from models.cells import LAWS, deviate
from models.priors import resolve_priors

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["AS_FITTED", "WORDS", "other_cells", "tail_sentence"]

AS_FITTED: Final = "as_fitted"
"""Key of the current under the law of the fit, beside the names of the other laws."""

_UPPER_QUARTILE: Final = 0.6744897501960817

WORDS: Final[Mapping[str, str]] = {
    "lognormal": "lognormal cells",
    "student_t": "cells of Student's t",
    "contaminated": "a share of cells of fourfold scatter",
}
"""The laws in words."""


def other_cells(
    result: "Basis", cell: Cell, parameters: Values, noise: Deviates
) -> dict[str, dict[str, Array]]:
    """Return parameters under which cells follow the other laws, their middle half as before.

    Parameters
    ----------
    result : Basis
        A finished fit, whose job may have given the priors of the laws.
    cell : {"liquid", "solid"}
        The kind of cell.
    parameters : mapping of str to ndarray
        From `inference.designs.mechanisms.parameter_draws`.
    noise : callable
        ``noise(source)`` are standard normal numbers, shape (draw,).

    Returns
    -------
    dict of str to dict
        By law, each that the cells do not all follow already: all parameters, shape (draw,).
    """
    from scipy.special import ndtr

    given = json.loads(str(result.attrs.get("model_options", "{}"))).get("priors", {})
    priors = resolve_priors(result.metal, given)
    mechanisms = MECHANISMS[cell]
    found = {}
    for law in LAWS.values():
        if all(cells_of(each, parameters).law is law for each in mechanisms):
            continue
        values = dict(parameters)
        for mechanism in mechanisms:
            own = cells_of(mechanism, parameters)
            if own.law is law:
                continue
            before = deviate(own.law, _UPPER_QUARTILE, own.parameter)
            values.pop(own.law.parameter_of(mechanism.block), None)
            name, drawn = law.parameter_of(mechanism.block), None
            if law.parameter:
                drawn = priors[name].distribution.quantile(ndtr(noise(name)))
                values[name] = drawn
            scatter = mechanism.scatters[0]
            values[scatter] = values[scatter] * before / deviate(law, _UPPER_QUARTILE, drawn)
        found[law.name] = values
    return found


def tail_sentence(
    tails: Mapping[str, float], own: str, risk: float, shown: Mapping[str, str]
) -> str:
    """Say how far a current rests on the tail, where that is to be said.

    Parameters
    ----------
    tails : mapping of str to float
        The current `AS_FITTED`, and those under the other laws by their names; empty where there
        is none.
    own : str
        The law of the fit in words.
    risk : float
        Probability of failure.
    shown : mapping of str to str
        The currents as they are printed, with their unit.

    Returns
    -------
    str
        Empty at a risk of 5 % and above, unless the tail moves the current by more than a fifth.
    """
    value = tails.get(AS_FITTED, 0.0)
    others = [name for name in tails if name != AS_FITTED]
    moves = any(abs(tails[name] - value) > LAW_MOVES * value for name in others)
    if value == 0.0 or not (moves or risk < DEFAULT_RISK):
        return ""
    instead = " and ".join(f"{shown[name]} with {WORDS[name]}" for name in others)
    return (
        f"{'THE TAIL DECIDES: at' if moves else 'At'} {100 * risk:g} % risk the tail of the cells' "
        f"scatter is assumed ({own}); few cells show it. The same middle half of the cells would "
        f"bear {instead}, against {shown[AS_FITTED]}"
        f"{': more than a fifth apart' if moves else ''}."
    )
