"""Units at the edge of every file: read once, converted once, plain floats inside.

pint does the arithmetic. It is imported when a unit is first read, and its registry is built once.
"""

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import UnitError

if TYPE_CHECKING:
    import pint

__all__ = [
    "check_unit",
    "convert",
    "dimension",
    "format_header",
    "parse_header",
    "parse_number",
    "parse_quantity",
    "si_factor",
    "to_si",
]

_DIMENSIONLESS = frozenset({"1", "dimensionless"})
_FRACTIONS = _DIMENSIONLESS | {"%", "percent"}
_HEADER = re.compile(r"([^\[\]]*?)\s*\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_BARE_EXPONENT = re.compile(r"(?<=[A-Za-zµμΩÅ])(-?[1-9])(?![0-9A-Za-z])")
# Nobody measures megaamperes or megavolts: a capital M of these is a slip.
_MEGA = re.compile(r"(?<![A-Za-z])M(?=[AV](?![A-Za-z]))")
# The grammar of a unit: names joined by "*", "/" or a blank, whole exponents up to 9, parentheses
# one level deep. pint would compute whatever else the text says, a tower of powers for hours.
_LONGEST_UNIT = 60
_POWER = r"(?:\s*+\^\s*+(?:-?[1-9]|\(\s*+-?[1-9]\s*+\)))?+"
_TERM = rf"[A-Za-zµμΩÅ°%]++{_POWER}"
_JOIN = r"(?:\s*+[*/]\s*+|\s++)"
_FACTOR = rf"(?:{_TERM}|\(\s*+{_TERM}(?:{_JOIN}{_TERM})*\s*+\){_POWER})"
_GRAMMAR = re.compile(rf"(?:1\s*+/\s*+)?+{_FACTOR}(?:{_JOIN}{_FACTOR})*")


@cache
def _registry() -> "pint.UnitRegistry[Any]":
    """Return the one unit registry of the process."""
    import pint

    return pint.UnitRegistry()


def _spelling(unit: str) -> str:
    """Return a unit with the field's typographic spellings brought into pint's.

    ``mA cm-2``, ``mA/cm2``, ``mA·cm⁻²`` and ``mA cm−2`` all mean ``mA/cm^2``.
    """
    text = unit.strip().replace("−", "-").replace("·", "*").replace("⋅", "*")
    text = re.sub(r"\^?([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    text = text.replace("**", "^")
    return _BARE_EXPONENT.sub(r"^\1", text)


@cache
def _parse_unit(unit: str) -> "pint.Unit":
    """Read a unit, or refuse it by name."""
    import pint

    text = _spelling(unit)
    if not text:
        raise UnitError("the unit is empty: write [1] for a number without a dimension")
    if text in _DIMENSIONLESS:
        return _registry().Unit("")
    if len(text) > _LONGEST_UNIT or not _GRAMMAR.fullmatch(text):
        shown = unit if len(unit) <= _LONGEST_UNIT else unit[:_LONGEST_UNIT] + "…"
        raise UnitError(
            f"{shown!r} is not a unit: write one such as mA/cm^2, nm, degC, mol/L or 1 (names "
            "joined by *, / or a blank, exponents from -9 to 9, and no other number)"
        )
    try:
        parsed = _registry().parse_units(text)
    except (pint.PintError, ValueError) as error:  # of a name such as nan, the latter
        raise UnitError(
            f"unit {unit!r} is not known ({error}): write one such as mA/cm^2, nm, degC, mol/L or 1"
        ) from None
    if "delta_" in str(parsed):
        raise UnitError(f"unit {unit!r} is a temperature difference: write degC or K")
    return parsed


def _is_angle(unit: "pint.Unit") -> bool:
    return "radian" in str(_registry().Quantity(1.0, unit).to_root_units().units)


def _is_offset(unit: "pint.Unit") -> bool:
    return str(unit) in {"degree_Celsius", "degree_Fahrenheit", "degree_Reaumur"}


@cache
def dimension(unit: str) -> str:
    """Return the dimension of a unit as text.

    Parameters
    ----------
    unit : str
        A unit, such as ``"mA/cm^2"``.

    Returns
    -------
    str
        Such as ``"[current] / [length]^2"``; ``"angle"`` and ``"no dimension"`` are told apart.

    Raises
    ------
    UnitError
        The text is not a unit.
    """
    parsed = _parse_unit(unit)
    if parsed.dimensionless:
        return "angle" if _is_angle(parsed) else "no dimension"
    return str(parsed.dimensionality).replace(" ** ", "^")


@cache
def check_unit(unit: str, canonical: str) -> None:
    """Refuse a unit that has not the dimension of the canonical one.

    Parameters
    ----------
    unit : str
        The unit of a file.
    canonical : str
        The unit numbers are converted to.

    Raises
    ------
    UnitError
        The text is not a unit, or its dimension differs. The message names both dimensions.
    """
    if _MEGA.search(unit):
        raise UnitError(
            f"unit {unit!r} is a million times {_MEGA.sub('', unit.strip())}: write "
            f"{_MEGA.sub('m', unit.strip())} if a thousandth is meant"
        )
    got, wanted = dimension(unit), dimension(canonical)
    if canonical in _DIMENSIONLESS:
        if _spelling(unit) not in _FRACTIONS:
            raise UnitError(
                f"unit {unit!r} ({got}) is wrong: legal are 1 (a fraction or plain number) and %"
            )
        return
    if got != wanted:
        hint = ""
        if canonical == "degC" and unit.strip() in {"C", "c", "deg C", "deg"}:
            hint = " (C is the coulomb: write degC)"
        elif wanted == "[current] / [length]^2" and got == "[current]":
            hint = " (divide by the electrode's area first)"
        raise UnitError(
            f"unit {unit!r} has dimension {got}, but {wanted} is due: "
            f"legal is {canonical} or any unit of the same dimension{hint}"
        )


@cache
def _scale(unit: str, canonical: str) -> float:
    """Return the factor between two units without offset, clean of rounding in the last digit."""
    return float(f"{_registry().convert(1.0, _parse_unit(unit), _parse_unit(canonical)):.15g}")


def convert(values: ArrayLike, from_unit: str, to_unit: str) -> NDArray[np.float64]:
    """Convert numbers from one unit to another.

    Parameters
    ----------
    values : array_like
        Numbers [from_unit]; NaN stays NaN.
    from_unit, to_unit : str
        Units of one dimension. Temperatures are converted with their offset.

    Returns
    -------
    ndarray
        Numbers [to_unit], of the shape of `values`; unchanged where the units are equal.

    Raises
    ------
    UnitError
        A unit is not known, or the dimensions differ.
    """
    array = np.asarray(values, dtype=np.float64)
    check_unit(from_unit, to_unit)
    source, target = _parse_unit(from_unit), _parse_unit(to_unit)
    if source == target:
        return array.copy()
    if _is_offset(source) or _is_offset(target):
        with np.errstate(over="ignore", under="ignore"):
            converted = _registry().Quantity(array, source).to(target).magnitude
        # An offset leaves noise in the last digits: 298.15 K would be 24.999999999999943 degC.
        return np.asarray(np.round(converted, 9), dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):  # what is too large or small is told as that
        return array * _scale(from_unit, to_unit)


def si_factor(unit: str) -> float:
    """Return the factor that takes a number in a unit to SI base units.

    Parameters
    ----------
    unit : str
        A unit without offset; ``1`` gives 1, ``%`` gives 0.01, ``degree`` gives radians.

    Returns
    -------
    float
        SI value of one unit.

    Raises
    ------
    UnitError
        The unit is not known, or is a temperature with an offset (use `to_si`).
    """
    parsed = _parse_unit(unit)
    if _is_offset(parsed):
        raise UnitError(f"{unit!r} has an offset and no factor: use data.units.to_si")
    return float(f"{_registry().Quantity(1.0, parsed).to_base_units().magnitude:.15g}")


def to_si(values: ArrayLike, unit: str) -> NDArray[np.float64]:
    """Convert numbers to SI base units, temperatures to kelvin.

    Parameters
    ----------
    values : array_like
        Numbers [unit].
    unit : str
        Their unit.

    Returns
    -------
    ndarray
        Numbers in SI base units, of the shape of `values`.

    Raises
    ------
    UnitError
        The unit is not known.
    """
    if _is_offset(_parse_unit(unit)):
        return convert(values, unit, "K")
    return np.asarray(values, dtype=np.float64) * si_factor(unit)


def parse_header(header: str) -> tuple[str, str | None]:
    """Split a column header ``quantity [unit]`` into its two parts.

    Parameters
    ----------
    header : str
        Such as ``"pore_radius [nm]"`` or ``"cell"``.

    Returns
    -------
    name : str
        The quantity.
    unit : str or None
        The unit as written, None where the header states none.

    Raises
    ------
    UnitError
        The header is empty, or its brackets are empty or out of place.
    """
    text = header.strip()
    if not text:
        raise UnitError("a column has no header: name every column, or delete it")
    match = _HEADER.fullmatch(text)
    if match is None:
        if "[" in text or "]" in text:
            raise UnitError(f"header {text!r} cannot be read: write 'quantity [unit]'")
        return text, None
    name, unit = match[1].strip(), match[2].strip()
    if not name:
        raise UnitError(f"header {text!r} names no quantity: write 'quantity [unit]'")
    if not unit:
        raise UnitError(f"header {text!r} has empty brackets: write [1] for no dimension")
    return name, unit


def format_header(name: str, unit: str | None) -> str:
    """Return the header ``quantity [unit]`` of a column.

    Parameters
    ----------
    name : str
        The quantity.
    unit : str or None
        Its unit; None for text.

    Returns
    -------
    str
        The header.
    """
    return name if unit is None else f"{name} [{unit}]"


def parse_number(text: str) -> float | None:
    """Read a plain decimal number.

    Parameters
    ----------
    text : str
        Such as ``"-1.5e-3"``. Only ASCII digits, one decimal point, an optional exponent.

    Returns
    -------
    float or None
        None where the text is anything else, or is too large for a float.
    """
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def parse_quantity(text: str, to: str) -> float:
    """Read a quantity string such as ``"3e-6 cm^2/s"``.

    Parameters
    ----------
    text : str
        A number, a blank and a unit. A bare number is legal only where no dimension is due.
    to : str
        The unit to convert to.

    Returns
    -------
    float
        The value [to].

    Raises
    ------
    UnitError
        The number or the unit cannot be read, the unit is missing, or its dimension is wrong.
    """
    if not isinstance(text, str):
        raise UnitError(f"{text!r} has no unit: write a string such as '1 {to}'")
    number, _, unit = text.strip().partition(" ")
    if number.endswith("%") and not unit:
        number, unit = number[:-1], "%"
    value = parse_number(number)
    if value is None:
        raise UnitError(
            f"{text!r} cannot be read as a quantity: write a number, a blank and a unit, "
            f"such as '1.5 {to}'"
        )
    if not unit.strip():
        if to in _DIMENSIONLESS:
            return value
        raise UnitError(f"{text!r} has no unit: write '{number} {to}' if that is meant")
    converted = float(convert(value, unit, to))
    if not math.isfinite(converted):
        raise UnitError(f"{text!r} is too large for a number in {to}")
    return converted
