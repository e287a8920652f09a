"""The quantities: one name, unit, symbol and long name each, wherever they appear."""

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from data.errors import InputError
from data.schema import nearest

__all__ = [
    "Condition",
    "Quantity",
    "base_name",
    "quantities",
    "quantity",
    "quantity_of",
    "split_label",
]

type Condition = Literal["separator", "temperature", "pressure", "metal_thickness", "protocol"]


class Quantity(BaseModel):
    """A physical quantity or a scatter.

    Parameters
    ----------
    name : str
        Canonical name.
    unit : str
        Canonical unit.
    symbol : str
        Symbol in plain text.
    math : str
        Symbol in Matplotlib's mathtext.
    long_name : str
        What it is.
    support : {"positive", "fraction", "obtuse"}
        What values are legal: above 0; between 0 and 1; between 90 and 180 degrees.
    legal : tuple of float
        Range beyond which no cell lives: what lies there is refused.
    usual : tuple of float
        Range that such materials have, with room: what lies beyond is doubted.
    published : bool
        Whether ``published.csv`` may hold estimates of it.
    conditions : tuple of str
        Columns of ``published.csv`` that an estimate of it fills.
    salt_concentration : bool
        Whether it depends on the campaign's salt concentration.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    unit: str
    symbol: str
    math: str
    long_name: str
    support: Literal["positive", "fraction", "obtuse"]
    legal: tuple[float, float]
    usual: tuple[float, float]
    published: bool
    conditions: tuple[Condition, ...] = ()
    salt_concentration: bool = False

    def complaint(self, value: float) -> str | None:
        """Say what is wrong with a value in canonical units.

        Parameters
        ----------
        value : float
            The value [unit].

        Returns
        -------
        str or None
            None where the value is legal.
        """
        if self.support == "fraction" and not 0 < value < 1:
            return f"{value:g} is not legal for {self.name}: a number between 0 and 1 is due"
        if self.support == "obtuse" and not 90 < value < 180:
            return f"{value:g} degree is not legal for {self.name}: between 90 and 180 is due"
        if value <= 0:
            return f"{value:g} is not legal for {self.name}: a number above 0 is due"
        low, high = self.legal
        if not low <= value <= high:
            due = f"{low:g} to {high:g} {self.unit}".removesuffix(" 1")
            return f"{value:g} is not legal for {self.name}: from {due} is due (is the unit right?)"
        return None

    def doubt(self, value: float) -> str | None:
        """Say what makes a legal value in canonical units doubtful.

        Parameters
        ----------
        value : float
            The value [unit].

        Returns
        -------
        str or None
            None where such materials have values of this size.
        """
        low, high = self.usual
        if math.isnan(value) or low <= value <= high:
            return None
        usual = f"{low:g} to {high:g} {self.unit}".removesuffix(" 1")
        return (
            f"{value:.3g} is far {'above' if value > high else 'below'} the {usual} that "
            f"{self.name} has: is the unit right?"
        )


@cache
def quantities() -> dict[str, Quantity]:
    """Return every quantity by name.

    Returns
    -------
    dict of str to Quantity
        In the order of ``quantities.toml``.
    """
    path = Path(__file__).parent / "quantities.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Quantity.model_validate(entry | {"name": name}, strict=False)  # lists, as tuples
        for name, entry in entries.items()
    }


def quantity(name: str) -> Quantity:
    """Return one quantity.

    Parameters
    ----------
    name : str
        Its canonical name.

    Returns
    -------
    Quantity
        Unit, symbols, long name.

    Raises
    ------
    InputError
        No quantity has this name; the nearest legal one is offered.
    """
    known = quantities()
    if name not in known:
        raise InputError(
            f"{name!r} is not a quantity{nearest(name, known)}: legal are {', '.join(known)}"
        )
    return known[name]


def split_label(label: str) -> tuple[str, str]:
    """Return the name in a label and the one of many that it is of, empty where it is of all.

    Examples
    --------
    >>> split_label("supply_factor[step]")
    ('supply_factor', 'step')
    """
    name, _, member = label.partition("[")
    return name, member.removesuffix("]")


def base_name(label: str) -> str:
    """Return the name in a label such as ``supply_factor[step]``."""
    return split_label(label)[0]


def quantity_of(label: str) -> Quantity | None:
    """Return the quantity that a label is of, None where its name is no quantity's."""
    return quantities().get(base_name(label))
