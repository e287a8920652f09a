"""Why data leave a parameter open, and which measurement would close it, in words."""

from collections.abc import Collection

from data.quantities import base_name
from models.blocks import blocks
from models.cells import LAWS

__all__ = ["ridge_remedy", "why_open"]

_TRANSPORT = frozenset({"ambipolar_diffusivity", "transference_number"})
_LIMITING_ONLY = (
    "limiting currents identify D/(1 - t+) only. Sand's times in the same electrolyte would "
    "separate the two"
)
_SAND_ONLY = (
    "Sand's times identify D/(1 - t+)^2 only. Limiting currents (LSV plateaus) in the same "
    "electrolyte would separate the two"
)
_BOTH = (
    "limiting currents give D/(1 - t+) and Sand's times D/(1 - t+)^2, each with its error. More of "
    "both, in the same electrolyte, would narrow what they leave"
)
_EITHER = (
    "limiting currents give D/(1 - t+) and Sand's times D/(1 - t+)^2. Both, in the same "
    "electrolyte, would separate the two"
)

_TAILS = tuple(f"_{law.parameter}" for law in LAWS.values() if law.parameter)
_TAIL = "few cells lie in a tail. Many cells of one make would show it"


def _transport(tables: Collection[str]) -> str:
    if ("lsv" in tables) == ("sand" in tables):
        return _BOTH
    if "published" in tables:  # which may hold the other combination, or neither
        return _EITHER
    return _LIMITING_ONLY if "lsv" in tables else _SAND_ONLY


def why_open(label: str, tables: Collection[str]) -> str:
    """Say why a prior-driven parameter is open and what would close it.

    Parameters
    ----------
    label : str
        The parameter.
    tables : collection of str
        Tables that are fitted.

    Returns
    -------
    str
        Without a full stop; empty where there is nothing particular to say.
    """
    base = base_name(label)
    if base.endswith(_TAILS):
        return _TAIL
    if base in _TRANSPORT and {"lsv", "sand", "published"} & set(tables):
        return _transport(tables)
    known = {name: words for each in blocks().values() for name, words in each.remedies.items()}
    return known.get(base, "")


def ridge_remedy(first: str, second: str, tables: Collection[str]) -> str:
    """Say why two parameters lie on a ridge and what would separate them.

    Parameters
    ----------
    first, second : str
        The parameters.
    tables : collection of str
        Tables that are fitted.

    Returns
    -------
    str
        Without a full stop.
    """
    pair = frozenset({base_name(first), base_name(second)})
    if pair == _TRANSPORT:
        return _transport(tables)
    known = {pair: words for each in blocks().values() for pair, words in each.ridges.items()}
    return known.get(
        pair,
        "the data show one combination of the two only. An independent measurement of either would "
        "separate them",
    )
