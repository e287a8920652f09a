"""Labels of figures: names, units and numbers as a reader writes them."""

import re
from typing import Final

from data.quantities import split_label
from inference.words.labels import PROTOCOLS

__all__ = ["label", "pretty_number", "pretty_unit", "words"]

_WORDS: Final = {
    "self diff": "self-diff",
    " MPa": "\u00a0MPa",
    "dc polarization": "DC polarisation",
    "lsv": "LSV",
    "macmullin": "MacMullin",
    "sand ": "Sand's ",
}

_UNITS = {"um": "µm", "degC": "°C", "ohm": "Ω", "degree": "°", "1": ""}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def pretty_unit(unit: str) -> str:
    """Return a unit as print shows it.

    Parameters
    ----------
    unit : str
        Such as "mA/cm^2".

    Returns
    -------
    str
        Such as "mA cm⁻²"; empty for a number without unit.
    """
    numerator, *denominators = unit.split("/")
    words = [_pretty_factor(word) for word in numerator.split()]
    for denominator in denominators:
        words += [_pretty_factor(word, inverse=True) for word in denominator.split()]
    return " ".join(word for word in words if word)


def _pretty_factor(word: str, *, inverse: bool = False) -> str:
    match = re.fullmatch(r"(.+?)(?:\^(-?\d+))?", word)
    if match is None:
        return word
    base, power = _UNITS.get(match[1], match[1]), int(match[2] or 1)
    power = -power if inverse else power
    if not base or power == 1:
        return base
    return base + str(power).translate(_SUPERSCRIPT)


def label(name: str, unit: str) -> str:
    """Return the label of an axis.

    Parameters
    ----------
    name : str
        What the axis shows, in words.
    unit : str
        Its unit.

    Returns
    -------
    str
        Such as "Pore radius (nm)".
    """
    text = name[:1].upper() + name[1:] if name[1:2].islower() or name[1:2] == " " else name
    shown = pretty_unit(unit)
    return f"{text} ({shown})" if shown else text


def words(parameter: str) -> str:
    """Return the label of a parameter or a table in words.

    Parameters
    ----------
    parameter : str
        Such as "supply_factor[one_way]".

    Returns
    -------
    str
        Such as "supply factor, one way".
    """
    base, member = split_label(parameter)
    if base == "sand":
        return "Sand's time"
    text = base.replace("_", " ")
    for code, print_word in _WORDS.items():
        text = text.replace(code, print_word)
    return f"{text}, {PROTOCOLS.get(member, member)}" if member else text


def pretty_number(value: float) -> str:
    """Return a number in at most three digits, with a power of ten where it is far from one.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        Such as "0.16", "108" or "5.22×10⁻⁶".
    """
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.3g}"
        return f"{float(text):g}" if "e" in text else text
    mantissa, exponent = f"{value:.2e}".split("e")
    power = str(int(exponent)).translate(_SUPERSCRIPT)
    return f"10{power}" if float(mantissa) == 1 else f"{float(mantissa):g}×10{power}"
