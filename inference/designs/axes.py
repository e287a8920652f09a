"""The axes of a map: quantities with units and legal ranges, values and tolerances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import numpy as np

from data.arrays import Array
from data.errors import AnodebayesError, MapError
from data.schema import nearest
from data.units import parse_quantity

__all__ = [
    "AXES",
    "CURRENT",
    "TOLERANCE",
    "VARIANTS",
    "WORDS",
    "Axis",
    "AxisKind",
    "Cell",
    "PoreType",
    "Protocol",
    "Spread",
    "Tolerance",
    "check_choice",
    "parse_range",
    "parse_tolerance",
    "shown",
]

Cell = Literal["liquid", "solid"]


PoreType = Literal["polymer", "straight"]


Protocol = Literal["one_way", "step"]


Spread = Literal["lognormal", "logit_normal", "normal"]


TOLERANCE = "_sd"


_DEFAULT_POINTS = 60


_MOST_POINTS = 1000


@dataclass(frozen=True)
class AxisKind:
    """What an axis of a map is: its unit, its legal range and how a tolerance on it spreads.

    Parameters
    ----------
    name : str
        Name of the axis, as in job files and in the map.
    unit : str
        Canonical unit.
    long_name : str
        What the axis is, in full.
    words : str
        The same as it stands in a sentence.
    lower, upper : float
        Legal range in the canonical unit, ends included.
    spread : {"lognormal", "logit_normal", "normal"}
        Distribution of a tolerance given as a standard deviation.
    optional : bool
        Whether a design may leave the axis blank.
    """

    name: str
    unit: str
    long_name: str
    words: str
    lower: float
    upper: float
    spread: Spread = "lognormal"
    optional: bool = False

    @property
    def range_text(self) -> str:
        """The legal range as text, with its unit."""
        return f"{self.lower:g} to {self.upper:g} {self.unit}".removesuffix(" 1")


def _kinds(*kinds: AxisKind) -> Mapping[str, AxisKind]:
    return MappingProxyType({kind.name: kind for kind in kinds})


_AREA_RATIO: Final = AxisKind(
    "area_ratio",
    "1",
    "area of the cell over that of the cells measured",
    "area over that of the cells measured",
    1e-3,
    1e9,
    optional=True,
)


AXES: Final[Mapping[Cell, Mapping[str, AxisKind]]] = MappingProxyType(
    {
        "liquid": _kinds(
            AxisKind("pore_radius", "nm", "pore radius of the separator", "pore radius", 1.0, 1e5),
            AxisKind(
                "porosity",
                "1",
                "porosity of the separator",
                "porosity",
                1e-3,
                0.999,
                spread="logit_normal",
            ),
            AxisKind(
                "thickness", "um", "thickness of the separator", "separator thickness", 0.1, 1e5
            ),
            AxisKind(
                "macmullin_number",
                "1",
                "MacMullin number of the separator",
                "MacMullin number",
                1.0,
                1e3,
                optional=True,
            ),
            AxisKind(
                "concentration", "mol/L", "salt concentration", "salt concentration", 1e-3, 10.0
            ),
            AxisKind(
                "charge",
                "mAh/cm^2",
                "capacity plated in one half-cycle",
                "charge of a half-cycle",
                1e-4,
                1e3,
                optional=True,
            ),
            AxisKind(
                "temperature", "degC", "temperature", "temperature", -40.0, 80.0, spread="normal"
            ),
            AxisKind(
                "pore_size_spread",
                "1",
                "relative width of the pore radii of the separator",
                "relative width of the pore radii",
                1e-3,
                3.0,
                optional=True,
            ),
            _AREA_RATIO,
        ),
        "solid": _kinds(
            AxisKind(
                "charge",
                "mAh/cm^2",
                "capacity stripped in one half-cycle",
                "charge of a half-cycle",
                1e-4,
                1e3,
            ),
            AxisKind("pressure", "MPa", "stack pressure", "stack pressure", 0.0, 100.0),
            AxisKind(
                "temperature", "degC", "temperature", "temperature", -60.0, 90.0, spread="normal"
            ),
            AxisKind(
                "metal_thickness",
                "um",
                "thickness of the metal electrode",
                "metal thickness",
                0.1,
                1e5,
            ),
            _AREA_RATIO,
        ),
    }
)
"""The legal axes of each kind of cell, by name."""


WORDS: Final[Mapping[str, str]] = {
    name: kind.words for kinds in AXES.values() for name, kind in kinds.items()
}
"""The conditions of a design in words, by axis; the same in both kinds of cell."""


VARIANTS: Final[Mapping[str, str]] = {
    "polymer": "polymer pores",
    "straight": "straight pores",
    "step": "current in steps",
    "one_way": "current one way",
}
"""Kinds of pores and protocols in words."""


CURRENT: Final = AxisKind(
    "current_density", "mA/cm^2", "current density", "current density", 1e-6, 1e6
)
"""The axis of the probability that a current is safe, legal in both kinds of cell."""


@dataclass(frozen=True)
class Axis:
    """One axis of a map: the values at which it is evaluated.

    Parameters
    ----------
    kind : AxisKind
        What the axis is.
    values : ndarray
        Values in the canonical unit, shape (n,), strictly increasing.
    swept : bool
        Whether the axis is a dimension of the map. A fixed axis holds one value.

    Raises
    ------
    MapError
        If a value is not finite or outside the legal range, or the values do not increase.
    """

    kind: AxisKind
    values: Array
    swept: bool = True

    def __post_init__(self) -> None:
        """Check the values."""
        values = np.array(self.values, dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        name, kind = self.kind.name, self.kind
        if values.ndim != 1 or values.size == 0:
            raise MapError(f"map axis {name!r} has no values: give at least one")
        if not self.swept and values.size != 1:
            raise MapError(f"map axis {name!r} is fixed and must hold one value")
        for value in values:
            if not kind.lower <= value <= kind.upper:  # also refuses NaN
                raise MapError(
                    f"map axis {name!r} has the value {value:g} {kind.unit}, "
                    f"legal are {kind.range_text}"
                )
        if np.any(np.diff(values) <= 0):
            raise MapError(
                f"the values of map axis {name!r} must increase, got "
                f"{', '.join(f'{value:g}' for value in values)} {kind.unit}"
            )

    @classmethod
    def parse(cls, kind: AxisKind, entry: object) -> Self:
        """Read an axis as a job file writes it.

        Parameters
        ----------
        kind : AxisKind
            What the axis is.
        entry : str, float, list or dict
            A quantity with its unit (a plain number where the axis has no unit), a list of such,
            or a range ``{from, to, points, scale}`` of 60 points unless stated, with scale
            "linear" (default) or "log".

        Returns
        -------
        Axis
            The axis, fixed for a single quantity and swept otherwise.

        Raises
        ------
        MapError
            If the entry is none of these.
        """
        if isinstance(entry, Mapping):
            return cls(kind, parse_range(kind, entry))
        if isinstance(entry, Sequence) and not isinstance(entry, str):
            return cls(kind, np.array([_parse_value(kind, item) for item in entry]))
        return cls(kind, np.array([_parse_value(kind, entry)]), swept=False)


@dataclass(frozen=True)
class Tolerance:
    """How much a condition of the design varies from one built cell to the next.

    Parameters
    ----------
    sd : float
        Standard deviation in the canonical unit of the axis (kelvin for a temperature), or as a
        fraction of the value.
    relative : bool
        Whether `sd` is a fraction of the value.
    """

    sd: float
    relative: bool = False

    def apply(self, kind: AxisKind, values: Array, normal: Array) -> Array:
        """Spread values about their nominal ones.

        Parameters
        ----------
        kind : AxisKind
            What the axis is.
        values : ndarray
            Nominal values in the canonical unit.
        normal : ndarray
            Standard normal numbers that broadcast against `values`.

        Returns
        -------
        ndarray
            Values of built cells: lognormal or logit-normal about the nominal value as median, or
            normal for a temperature.
        """
        sd = self.sd * np.abs(values) if self.relative else np.full_like(values, self.sd)
        if kind.spread == "normal":
            return values + sd * normal
        if kind.spread == "logit_normal":
            logit = np.log(values) - np.log1p(-values)
            spread = sd / (values * (1.0 - values))
            return 1.0 / (1.0 + np.exp(-(logit + spread * normal)))
        ratio = np.divide(sd, values, out=np.zeros_like(sd), where=values > 0)
        return values * np.exp(np.sqrt(np.log1p(ratio**2)) * normal)


def check_choice(name: str, value: object, legal: Iterable[str]) -> None:
    """Refuse a choice that is not legal, with the nearest that is."""
    legal = tuple(legal)
    if value not in legal:
        hint = nearest(str(value), legal)
        raise MapError(f"{name} of a map is {value!r}{hint}, legal are {' and '.join(legal)}")


def _parse_value(kind: AxisKind, entry: object, *, unit: str | None = None) -> float:
    unit = kind.unit if unit is None else unit
    if isinstance(entry, int | float) and not isinstance(entry, bool):
        if unit != "1":
            raise MapError(
                f"map axis {kind.name!r} has the value {entry!r} without a unit: "
                f'write it as text with its unit, such as "{entry!r} {unit}"'
            )
        return float(entry)
    if not isinstance(entry, str):
        raise MapError(
            f"map axis {kind.name!r} has the value {entry!r}: legal are a quantity such as "
            f'"{max(kind.lower, 1.0):g} {unit}", a list of them, or '
            '{from = "...", to = "...", points = 50, scale = "log"}'
        )
    try:
        return float(parse_quantity(entry, to=unit))
    except AnodebayesError as error:
        raise MapError(f"map axis {kind.name!r}: {error}") from error


def parse_range(kind: AxisKind, entry: Mapping[str, Any]) -> Array:
    """Return the values of an axis that is written as a range."""
    legal = ("from", "to", "points", "scale")
    for key in entry:
        if key not in legal:
            raise MapError(
                f"the range of map axis {kind.name!r} has no {key!r}{nearest(str(key), legal)}; "
                f"legal are {', '.join(legal)}"
            )
    for key in ("from", "to"):
        if key not in entry:
            raise MapError(f"the range of map axis {kind.name!r} lacks {key!r}")
    start, stop = (_parse_value(kind, entry[key]) for key in ("from", "to"))
    points, scale = entry.get("points", _DEFAULT_POINTS), entry.get("scale", "linear")
    if not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= _MOST_POINTS:
        raise MapError(
            f"points of map axis {kind.name!r} is {points!r}, "
            f"legal are whole numbers from 2 to {_MOST_POINTS}"
        )
    check_choice(f"scale of {kind.name}", scale, ("linear", "log"))
    if not start < stop:
        raise MapError(
            f"the range of map axis {kind.name!r} runs from {start:g} to {stop:g} {kind.unit}: "
            "from must be below to"
        )
    if scale == "log":
        if start <= 0:
            raise MapError(
                f"the range of map axis {kind.name!r} starts at {start:g} {kind.unit}: "
                'scale = "log" needs a start above 0'
            )
        return np.geomspace(start, stop, points)
    return np.linspace(start, stop, points)


def parse_tolerance(kind: AxisKind, entry: object) -> Tolerance:
    """Return the tolerance that an entry such as ``"5 %"`` or ``"2 nm"`` states."""
    name = f"{kind.name}{TOLERANCE}"
    if isinstance(entry, str) and entry.rstrip().endswith("%"):
        if kind.spread != "lognormal":
            raise MapError(
                f"{name} is {entry!r}: a percentage of a {kind.name} is ambiguous, "
                f"write the standard deviation itself"
            )
        try:
            sd = float(parse_quantity(entry, to="1"))
        except AnodebayesError as error:
            raise MapError(f"{name}: {error}") from error
        return Tolerance(_check_sd(name, entry, sd, 2.0, "1"), relative=True)
    if kind.spread == "normal":
        return Tolerance(_check_sd(name, entry, _parse_value(kind, entry, unit="K"), 50.0, "K"))
    most = 0.5 if kind.spread == "logit_normal" else kind.upper
    return Tolerance(_check_sd(name, entry, _parse_value(kind, entry), most, kind.unit))


def _check_sd(name: str, entry: object, sd: float, most: float, unit: str) -> float:
    if not 0.0 <= sd <= most:
        raise MapError(f"{name} is {entry!r}: legal are 0 to {most:g} {unit}")
    return sd


def shown(value: float | None, digits: int = 3) -> str:
    """Return a number with some digits, plain where that is short.

    Parameters
    ----------
    value : float or None
        The number.
    digits : int
        That count.

    Returns
    -------
    str
        A dash for None.
    """
    if value is None:
        return "-"
    if value != 0.0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text
