"""The design of a cell: the conditions over which a safe-current map is drawn.

A design names one kind of cell and gives each of its conditions as a fixed quantity, a list of
quantities or a range. Quantities carry their unit in text ("14 nm"); inside they are floats in the
canonical unit of their axis.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, Self, cast, get_args

import numpy as np
import numpy.typing as npt

from data.errors import AnodebayesError, MapError
from data.schema import closest
from data.units import parse_quantity
from inference.thresholds import TOLERANCE_REACH

__all__ = [
    "AXES",
    "CURRENT",
    "OF_SEPARATOR",
    "SEPARATOR_AXES",
    "Axis",
    "AxisKind",
    "Cell",
    "Design",
    "PoreType",
    "Protocol",
    "Tolerance",
    "names_known_separators",
    "read_design",
    "read_designs",
    "shown",
]

Cell = Literal["liquid", "solid"]
PoreType = Literal["polymer", "straight"]
Protocol = Literal["one_way", "step"]
Spread = Literal["lognormal", "logit_normal", "normal"]

FloatArray = npt.NDArray[np.float64]

_TOLERANCE = "_sd"
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

_DEFAULT_CURRENT: Final = {"from": "0.01 mA/cm^2", "to": "1000 mA/cm^2", "points": 101}

_DEFAULTS: Final[Mapping[Cell, Mapping[str, Any]]] = {
    "liquid": {
        "pore_radius": {"from": "5 nm", "to": "500 nm", "points": 61, "scale": "log"},
        "porosity": 0.39,
        "thickness": "25 um",
        "concentration": "1 mol/L",
        "temperature": "25 degC",
    },
    "solid": {
        "charge": {"from": "0.1 mAh/cm^2", "to": "30 mAh/cm^2", "points": 51, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 37},
        "temperature": "25 degC",
        "metal_thickness": "500 um",
    },
}


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
    values: FloatArray
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
            return cls(kind, _parse_range(kind, entry))
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

    def apply(self, kind: AxisKind, values: FloatArray, normal: FloatArray) -> FloatArray:
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


def _default_current() -> Axis:
    return Axis(CURRENT, _parse_range(CURRENT, {**_DEFAULT_CURRENT, "scale": "log"}))


@dataclass(frozen=True)
class Design:
    """A kind of cell and the conditions over which its safe currents are mapped.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell; the mechanisms of the two are never mixed.
    axes : mapping of str to Axis
        The conditions by name. An optional one may be missing: without `charge` a liquid cell is
        judged in the steady state, without `macmullin_number` the number follows from the porosity.
        With `area_ratio` a cell fails by the weakest of so many patches of the reference area:
        where one patch fails with probability p, with ``1 - (1 - p)^area_ratio``.
        `pore_size_spread` is for fits in which the largest pore decides; without it that of the
        fit's separators is used.
    tolerances : mapping of str to Tolerance
        Variation of conditions between built cells, by the name of the axis.
    current : Axis, optional
        Current densities at which the probability of being safe is evaluated.
    pore_type : {"polymer", "straight"}
        Kind of pores, for the MacMullin number (liquid only).
    protocol : {"one_way", "step"}
        How the current is applied, for the supply factor (solid only).
    separator : str
        The separator of the campaign that new cells are of (liquid only): in place of the stated
        properties and tolerances stand its own, as fitted. Without it they are of a new separator.

    Raises
    ------
    MapError
        If an axis is unknown, missing or given a tolerance that is not legal, or that leads
        out of the axis' legal range.
    """

    cell: Cell
    axes: Mapping[str, Axis]
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    current: Axis = field(default_factory=_default_current)
    pore_type: PoreType = "polymer"
    protocol: Protocol = "step"
    separator: str = ""

    def __post_init__(self) -> None:
        """Check that the axes and tolerances belong to the kind of cell."""
        _check_choice("cell", self.cell, get_args(Cell))
        _check_choice("pore_type", self.pore_type, get_args(PoreType))
        _check_choice("protocol", self.protocol, get_args(Protocol))
        kinds = AXES[self.cell]
        for name in self.axes:
            if name not in kinds:
                raise MapError(_unknown(self.cell, name, kinds))
        for name, kind in kinds.items():
            if name not in self.axes and not kind.optional:
                raise MapError(f"the {self.cell} design has no {name!r} [{kind.unit}]: give one")
        for name in self.tolerances:
            if name not in kinds:
                raise MapError(_unknown(self.cell, name + _TOLERANCE, kinds))
            if name not in self.axes:
                raise MapError(
                    f"the {self.cell} design gives {name}{_TOLERANCE} but leaves {name} blank: "
                    f"give {name} too"
                )
        for name in self.tolerances:
            self._check_reach(name)
        # The registry's order, so that the dimensions of a map do not depend on the file's.
        ordered = {name: self.axes[name] for name in kinds if name in self.axes}
        object.__setattr__(self, "axes", MappingProxyType(ordered))
        object.__setattr__(self, "tolerances", MappingProxyType(dict(self.tolerances)))

    def _check_reach(self, name: str) -> None:
        """Refuse a tolerance that leads out of the legal range of its axis."""
        kind = self.axes[name].kind
        nominal = self.axes[name].values
        for ends in self.reach(name):
            beyond = (ends < kind.lower) | (ends > kind.upper)
            if beyond.any():
                at = int(np.flatnonzero(beyond)[0])
                end = f"{ends[at]:.4g} {kind.unit}".removesuffix(" 1")
                raise MapError(
                    f"{name}{_TOLERANCE} lets map axis {name!r} reach {end} "
                    f"({TOLERANCE_REACH:g} standard deviations from {nominal[at]:g}), legal are "
                    f"{kind.range_text}: state a smaller {name}{_TOLERANCE}, or move the axis"
                )

    def reach(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return how far built cells lie from the values of an axis, 19 of 20 of them.

        Parameters
        ----------
        name : str
            The axis.

        Returns
        -------
        lower, upper : ndarray
            Ends for each value, in the axis' unit; the values themselves without a tolerance.
        """
        axis = self.axes[name]
        if name not in self.tolerances:
            return axis.values, axis.values
        spread = (np.full_like(axis.values, sign * TOLERANCE_REACH) for sign in (-1.0, 1.0))
        lower, upper = (self.tolerances[name].apply(axis.kind, axis.values, z) for z in spread)
        return lower, upper

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the swept axes, in the order of the map's dimensions."""
        return tuple(name for name, axis in self.axes.items() if axis.swept)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the swept axes."""
        return tuple(self.axes[name].values.size for name in self.dims)


def read_design(
    cell: str,
    section: Mapping[str, Any],
    *,
    salt_concentration: float | None = None,
    separator: str = "",
) -> Design:
    """Read a design as a job file writes it; what is not given keeps its default.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell.
    section : mapping
        Axes by name (see :meth:`Axis.parse`), tolerances as `<axis>_sd` (a quantity, or a
        percentage of the value such as "10 %"), `current_density`, `pore_type` and `protocol`.
        An empty string leaves an optional axis blank.
    salt_concentration : float, optional
        Of the campaign's electrolyte [mol/L], the default of the axis `concentration`.
    separator : str, optional
        The separator of the campaign that the section states, of which new cells are.

    Returns
    -------
    Design
        The design.

    Raises
    ------
    MapError
        If a key or a value is not legal.
    """
    _check_choice("cell", cell, get_args(Cell))
    kind_of_cell = cast("Cell", cell)
    kinds = AXES[kind_of_cell]
    entries = dict(_DEFAULTS[kind_of_cell])
    if kind_of_cell == "liquid" and salt_concentration is not None:
        entries["concentration"] = f"{salt_concentration!r} mol/L"
    choice = "pore_type" if kind_of_cell == "liquid" else "protocol"
    choices: dict[str, Any] = {}
    tolerances: dict[str, Tolerance] = {}
    current = _default_current()
    for key, entry in section.items():
        if key == choice:
            choices[key] = entry
        elif key == CURRENT.name:
            current = Axis.parse(CURRENT, entry)
        elif key in kinds:
            entries[key] = entry
        elif (name := key.removesuffix(_TOLERANCE)) != key and name in kinds:
            tolerances[name] = _parse_tolerance(kinds[name], entry)
        else:
            raise MapError(_unknown(kind_of_cell, key, kinds))
    axes = {}
    for name, entry in entries.items():
        if kinds[name].optional and isinstance(entry, str) and not entry.strip():
            continue
        axes[name] = Axis.parse(kinds[name], entry)
    return Design(kind_of_cell, axes, tolerances, current, separator=separator, **choices)


SEPARATOR_AXES: Final = (
    "pore_radius",
    "porosity",
    "thickness",
    "macmullin_number",
    "pore_size_spread",
)
"""Axes of a liquid cell that belong to its separator."""

OF_SEPARATOR: Final = (
    *SEPARATOR_AXES,
    *(f"{name}{_TOLERANCE}" for name in SEPARATOR_AXES),
    "pore_type",
)
"""Keys of a liquid design that belong to its separator, tolerances among them."""

_SEPARATORS: Final = "separators"
_NEEDED: Final = ("pore_radius", "porosity", "thickness")
_EVERY_SEPARATOR: Final = "campaign"


def read_designs(
    cell: str,
    section: Mapping[str, Any],
    *,
    salt_concentration: float | None = None,
    separators: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Design]:
    """Read the designs of a section that may name separators.

    Parameters
    ----------
    cell, section, salt_concentration
        As in :func:`read_design`. With the key `separators` of a liquid cell there is a design for
        each: ``"campaign"`` for all of the campaign's, or a list whose items are their names, or
        tables with the key `separator` and keys of the section. By its name alone a separator is
        the one that was fitted. A table that says more is a new separator: with pore radius,
        porosity and thickness it stands alone, otherwise it changes what is stated of its name.
    separators : mapping of str to mapping, optional
        What is known of the campaign's separators, as such a section. Without it names are taken
        on trust, to check the rest.

    Returns
    -------
    dict of str to Design
        By the name of the separator; by an empty text where none is named.

    Raises
    ------
    MapError
        If a key or a value is not legal, or a separator is not known.
    """
    if _SEPARATORS not in section or cell != "liquid":
        return {"": read_design(cell, section, salt_concentration=salt_concentration)}
    rest = {key: value for key, value in section.items() if key != _SEPARATORS}
    for key in rest:
        if key in OF_SEPARATOR:
            raise MapError(
                f"the liquid design gives {key!r} and names separators: each brings its own; "
                f"leave out one of the two, or write it into a separator's table"
            )
    return {
        name: read_design(
            cell,
            {**rest, **own},
            salt_concentration=salt_concentration,
            separator=name if fitted else "",
        )
        for name, (own, fitted) in _separators(section[_SEPARATORS], separators).items()
    }


def _separators(
    entry: object, known: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, tuple[dict[str, Any], bool]]:
    """Return what is said of each separator by its name, and whether it is the one fitted."""
    if entry == _EVERY_SEPARATOR:
        if known is not None and not known:
            raise MapError(
                'separators = "campaign", but the campaign has none: give them as tables, such as '
                '[{separator = "A", pore_radius = "30 nm", porosity = 0.4, thickness = "25 um"}]'
            )
        return {name: (dict(own), True) for name, own in (known or {"": {}}).items()}
    if isinstance(entry, str) or not isinstance(entry, Sequence) or not entry:
        raise MapError(
            f'separators is {entry!r}: legal are "campaign", or a list of names and tables, such '
            'as ["trilayer", {separator = "A", pore_radius = "30 nm", porosity = 0.4, '
            'thickness = "25 um"}]'
        )
    found: dict[str, tuple[dict[str, Any], bool]] = {}
    for item in entry:
        name, own = _separator(item)
        if name in found:
            raise MapError(f"separators names {name!r} twice")
        found[name] = _completed(name, own, known), not own
    return found


def _separator(item: object) -> tuple[str, dict[str, Any]]:
    """Return the name of a separator, and what its table says of it."""
    own = dict(item) if isinstance(item, Mapping) else {"separator": item}
    name = own.pop("separator", None)
    if not isinstance(name, str) or not name.strip():
        raise MapError(f'separators holds {item!r}: a separator needs its name, separator = "..."')
    for key in own:
        if key not in OF_SEPARATOR:
            near = difflib.get_close_matches(str(key), OF_SEPARATOR, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MapError(
                f"separator {name!r} has no {key!r}; legal are {', '.join(OF_SEPARATOR)}{hint}"
            )
    return name, own


def _completed(
    name: str, own: dict[str, Any], known: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    """Return what is said of a separator, completed by what is stated of its name."""
    missing = [key for key in _NEEDED if key not in own]
    if known is None or not missing:
        return own
    if name in known:
        return {**known[name], **own}
    near = closest(name, known)
    hint = f"; did you mean {near!r}?" if near else ""
    names = ", ".join(repr(each) for each in known) or "none"
    raise MapError(
        f"separator {name!r} is not one of the campaign's ({names}){hint}, and its table lacks "
        f"{', '.join(missing)}"
    )


def names_known_separators(section: Mapping[str, Any]) -> bool:
    """Say whether a section can be read only with the separators of its campaign.

    Parameters
    ----------
    section : mapping
        As for :func:`read_designs`.

    Returns
    -------
    bool
        Whether it names separators without saying all of them.
    """
    entry = section.get(_SEPARATORS, ())
    if entry == _EVERY_SEPARATOR:
        return True
    items = entry if isinstance(entry, Sequence) and not isinstance(entry, str) else ()
    return any(not isinstance(item, Mapping) or not {*_NEEDED} <= {*item} for item in items)


def _check_choice(name: str, value: object, legal: Iterable[str]) -> None:
    legal = tuple(legal)
    if value not in legal:
        near = difflib.get_close_matches(str(value), legal, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise MapError(f"{name} of a map is {value!r}, legal are {' and '.join(legal)}{hint}")


def _unknown(cell: Cell, key: str, kinds: Mapping[str, AxisKind]) -> str:
    stem = key.removesuffix(_TOLERANCE)
    suffix = _TOLERANCE if stem != key else ""
    choice = "pore_type" if cell == "liquid" else "protocol"
    legal = [*kinds, CURRENT.name, choice]
    text = f"a {cell} design has no {key!r}"
    for other, others in AXES.items():
        if other != cell and stem in others:
            return f"{text}: {stem} belongs to {other} cells; legal are {', '.join(legal)}"
    near = difflib.get_close_matches(stem, kinds if suffix else legal, n=1)
    hint = f"; did you mean {near[0] + suffix!r}?" if near else ""
    return f"{text}; legal are {', '.join(legal)}, and <axis>{_TOLERANCE} for a tolerance{hint}"


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


def _parse_range(kind: AxisKind, entry: Mapping[str, Any]) -> FloatArray:
    legal = ("from", "to", "points", "scale")
    for key in entry:
        if key not in legal:
            near = difflib.get_close_matches(str(key), legal, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MapError(
                f"the range of map axis {kind.name!r} has no {key!r}; "
                f"legal are {', '.join(legal)}{hint}"
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
    _check_choice(f"scale of {kind.name}", scale, ("linear", "log"))
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


def _parse_tolerance(kind: AxisKind, entry: object) -> Tolerance:
    name = f"{kind.name}{_TOLERANCE}"
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
