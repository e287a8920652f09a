"""Where a design lies outside what the rows of a fit support: condition by condition, and by pairs.

Rows that tell of one limit support a design where it lies within their range in every condition,
and, of each two conditions, inside the convex region that they span in these two together. Each
region is widened by a twentieth of what it spans, or of the value on a logarithmic scale, and by
the window of temperature: so far nominal values differ. A corner that no row came near is
extrapolated, however many rows there are along either edge.

Limits of liquid cells are judged one by one: what tells of one says nothing of the other. Cells of
a separator by name are judged by the conditions under which it was tested itself.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.arrays import Array
from inference.designs.axes import AXES, WORDS, shown
from inference.designs.design import Design
from inference.designs.mechanisms import MECHANISMS
from inference.designs.reading import SEPARATOR_AXES
from inference.rows.data_ranges import LINEAR, on_scale
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.designs.basis import Basis

__all__ = [
    "STEADY_STATE",
    "WIDER",
    "DataSpan",
    "extrapolated",
    "extrapolation",
    "extrapolation_in_words",
    "supports",
]

STEADY_STATE: Final = "steady_state"
"""Among the ranges of the data: the charges that cells passed, where a steady state goes beyond."""

WIDER: Final = 0.05
"""Share by which a region of two conditions is widened: of its span, or of a value on a logarithmic
scale."""


@dataclass(frozen=True, eq=False)
class DataSpan:
    """What the rows that tell of one limit span.

    Parameters
    ----------
    limit : str
        Its name; empty where nothing says which of several.
    ranges : mapping of str to list
        Lowest and highest value by axis, in its unit.
    hulls : sequence of mapping
        Regions of two axes, as made by `inference.rows.data_ranges.data_hulls`.
    own : frozenset of str
        Axes of which the range is that of the separator's own rows.
    gaps : mapping of str to sequence of mapping, optional
        By axis that rows state what lies between tested levels, as made by
        `inference.rows.data_ranges.data_gaps`; None where a result does not tell.
    held : sequence of sequence of float, optional
        For how long cells were tested, as made by `inference.rows.times_tested.times_tested`; None
        where a result does not tell.
    """

    limit: str
    ranges: Mapping[str, list[float]]
    hulls: Sequence[Mapping[str, Any]] = ()
    own: frozenset[str] = frozenset()
    gaps: Mapping[str, Sequence[Mapping[str, list[float]]]] | None = None
    held: Sequence[Sequence[float]] | None = None

    def speaks_of(self, axes: tuple[str, ...]) -> bool:
        """Say whether rows state a condition, or two together."""
        if len(axes) == 1:
            return axes[0] in self.ranges
        return any(tuple(hull["axes"]) == axes for hull in self.hulls)

    def outside(self, name: str, values: Array) -> "NDArray[np.bool_]":
        """Return which values of an axis lie outside its range, shape (value,).

        On the way to the charge that cells of a separator passed lies any smaller one.
        """
        lower, upper = self.ranges[name]
        if name == "charge" and name in self.own:
            lower = 0.0
        margin = TEMPERATURE_WINDOW if name == "temperature" else 1e-9 * abs(upper)
        return np.asarray((values < lower - margin) | (values > upper + margin))

    def apart(self, hull: Mapping[str, Any], first: Array, second: Array) -> "NDArray[np.bool_]":
        """Return which pairs of values lie outside a region, shape (first, second)."""
        (x, y), corners, margins = self._on_scale(hull, first, second)
        low, high = corners.min(axis=0) - margins, corners.max(axis=0) + margins
        beyond = ((x < low[0]) | (x > high[0]))[:, None] | (y < low[1]) | (y > high[1])
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            along = b - a
            left = along[0] * (y[None, :] - a[1]) - along[1] * (x[:, None] - a[0])
            beyond |= left < -(np.abs(along[::-1]) @ margins) * (1.0 + 1e-9)
        return np.asarray(beyond)

    def there(self, hull: Mapping[str, Any], value: float) -> list[float]:
        """Return the range of the second axis of a region at a value of the first; or nothing."""
        second = hull["axes"][1]
        (x, _), corners, _ = self._on_scale(hull, np.array([value]), np.ones(1))
        at = float(np.clip(x[0], corners[:, 0].min(), corners[:, 0].max()))
        if not math.isclose(at, x[0], rel_tol=0.0, abs_tol=self._margin(hull, 0, corners)):
            return []
        met = []
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if min(x0, x1) <= at <= max(x0, x1):
                met += [y0, y1] if x0 == x1 else [y0 + (y1 - y0) * (at - x0) / (x1 - x0)]
        ends = [min(met), max(met)]
        return [each if second in LINEAR else math.exp(each) for each in ends]

    def _on_scale(
        self, hull: Mapping[str, Any], first: Array, second: Array
    ) -> tuple[tuple[Array, Array], Array, Array]:
        """Return values, corners and margins on the scales of the axes of a region."""
        one, other = hull["axes"]
        corners = np.asarray(hull["hull"], dtype=np.float64)
        corners = np.stack([on_scale(one, corners[:, 0]), on_scale(other, corners[:, 1])], axis=1)
        margins = np.array([self._margin(hull, i, corners) for i in (0, 1)])
        return (on_scale(one, first), on_scale(other, second)), corners, margins

    @staticmethod
    def _margin(hull: Mapping[str, Any], which: int, corners: Array) -> float:
        name = hull["axes"][which]
        if name == "temperature":
            return TEMPERATURE_WINDOW
        return WIDER * float(np.ptp(corners[:, which])) if name in LINEAR else math.log1p(WIDER)


def supports(design: Design, result: "Basis") -> list[DataSpan]:
    """Return what the rows span that tell of each limit of a design.

    Parameters
    ----------
    design : Design
        The design.
    result : Basis
        The fit.

    Returns
    -------
    list of DataSpan
        Of its protocol in a solid cell; of each limit that rows tell of in a liquid one.
    """
    ranges = result.data_ranges
    hulls = json.loads(str(result.attrs.get("data_hulls", "{}")))
    gaps = json.loads(str(result.attrs.get("data_gaps", "{}")))
    held = json.loads(str(result.attrs.get("times_tested", "{}")))
    if design.cell == "solid":
        key = f"solid {design.protocol}"
        wide = hulls.get(key, ())
        spans = ranges.get(key, ranges.get("solid", {}))
        return [DataSpan("", spans, wide, gaps=gaps.get(key), held=held.get(key))]
    found = []
    for limit in (item.name for item in MECHANISMS["liquid"]):
        key = f"liquid {limit}"
        if key in ranges:
            own = ranges.get(f"{key} of {design.separator}", {}) if design.separator else {}
            # What is known of the separator itself stands for what those like it were tested with.
            wide = [
                hull
                for hull in hulls.get(key, ())
                if not ({*hull["axes"]} & {*own} and {*hull["axes"]} & {*SEPARATOR_AXES})
            ]
            between, times = (
                each.get(f"{key} of {design.separator}" if design.separator else key, each.get(key))
                for each in (gaps, held)
            )
            spans = {**ranges[key], **own}
            found.append(DataSpan(limit, spans, wide, frozenset(own), between, times))
    return found or [DataSpan("", ranges.get("liquid", {}))]


def extrapolated(design: Design, result: "Basis") -> dict[str, Any]:
    """Say axis by axis where a design lies outside the range of the data.

    Parameters
    ----------
    design : Design
        The design.
    result : Basis
        The fit.

    Returns
    -------
    dict of str to ndarray of bool
        By axis, one for each of its values: whether it is outside for any limit; axes that are not
        judged are missing. A steady state is longer than any charge: where it lies outside, it is
        there under ``steady_state``.
    """
    found: dict[str, Any] = {}
    for name, beyond, _ in _alone(design, supports(design, result)):
        found[name] = found.get(name, False) | beyond
    return found


def extrapolation(design: Design, result: "Basis") -> "NDArray[np.bool_]":
    """Return where the conditions of a design are not supported by rows, shape of its grid.

    Parameters
    ----------
    design : Design
        The design.
    result : Basis
        The fit.

    Returns
    -------
    ndarray of bool
        True where a condition lies outside the range of the data of any limit, or two conditions
        together outside what the rows span in them.
    """

    def on_grid(beyond: Any, *names: str) -> Any:
        places = [design.dims.index(name) if name in design.dims else -1 for name in names]
        sizes = {name: design.axes[name].values.size for name in names if name in design.dims}
        shape = [sizes.get(name, 1) for name in design.dims]
        return beyond.transpose(np.argsort(places)).reshape(shape)

    outside: Any = np.zeros(design.shape, dtype=bool)
    every = supports(design, result)
    for name, beyond, _ in _alone(design, every):
        outside = outside | (on_grid(beyond, name) if name in design.axes else beyond.any())
    for hull, beyond, _ in _together(design, every):
        outside = outside | on_grid(beyond, *hull["axes"])
    return np.asarray(outside)


def extrapolation_in_words(design: Design, result: "Basis") -> tuple[str, ...]:
    """Say which conditions of one cell the rows do not support, and how far these go.

    Parameters
    ----------
    design : Design
        Of one cell.
    result : Basis
        The fit.

    Returns
    -------
    tuple of str
        One for each condition or two conditions.
    """
    every = supports(design, result)
    told: dict[_Outside, list[DataSpan]] = {}
    alone = set()
    for name, beyond, support in _alone(design, every):
        if beyond.any():
            alone.add((name, support))
            told.setdefault(_of_one(design, name, support), []).extend([support] if support else [])
    for hull, beyond, support in _together(design, every):
        if beyond.any() and not {(name, support) for name in hull["axes"]} & alone:
            told.setdefault(_of_two(design, hull, support), []).append(support)
    return tuple(each.sentence(behind, every) for each, behind in told.items())


@dataclass(frozen=True)
class _Outside:
    """What lies outside in words, and how far the data go in these conditions.

    Parameters
    ----------
    axes : tuple of str
        Which conditions.
    what : str
        The conditions with their values.
    data : str
        What is told of the data; empty where there are none.
    span : str
        Their range.
    own : bool
        Whether it is that of a separator's own rows.
    """

    axes: tuple[str, ...]
    what: str
    data: str
    span: str
    own: bool = False

    def sentence(self, behind: Sequence[DataSpan], every: Sequence[DataSpan]) -> str:
        """Say it, with the limits that are meant where there are others."""
        if not self.span:
            return f"{self.what} (no data {self.data})"
        of_all = [each.limit for each in every if each.speaks_of(self.axes)]
        limits = [each.limit for each in behind]
        which = "" if limits == of_all else f" on {' and '.join(limits)}"
        own = " of this separator" if self.own else ""
        return f"{self.what} ({self.data}{which}{own}: {self.span})"


def _alone(design: Design, every: Sequence[DataSpan]) -> Iterator[tuple[str, Any, DataSpan | None]]:
    """Yield by condition which of its values lie outside, and the range of which rows says so."""
    for name, axis in design.axes.items():
        if name == "pore_size_spread":  # of the separators, which the pore radius speaks of
            continue
        known = [each for each in every if name in each.ranges]
        for each in known:
            yield name, each.outside(name, axis.values), each
        # Rows may leave the metal's thickness blank at pressure 0 only: elsewhere the pressure is
        # outside already.
        if known or name == "metal_thickness":
            continue
        # No cell of another area was measured.
        own = np.abs(axis.values - 1.0) > 1e-9 if name == "area_ratio" else True
        yield name, np.broadcast_to(own, axis.values.shape), None
    if design.cell == "liquid" and "charge" not in design.axes:
        for each in every:
            if STEADY_STATE in each.ranges:
                yield STEADY_STATE, np.ones(1, dtype=bool), each


def _together(
    design: Design, every: Sequence[DataSpan]
) -> Iterator[tuple[Mapping[str, Any], Any, DataSpan]]:
    """Yield by region of two conditions which of their values lie outside."""
    for each in every:
        for hull in each.hulls:
            if {*hull["axes"]} <= {*design.axes}:
                first, second = (design.axes[name].values for name in hull["axes"])
                yield hull, each.apart(hull, first, second), each


def _of_one(design: Design, name: str, support: DataSpan | None) -> _Outside:
    """Say which condition lies outside the range of the data."""
    if support is None:
        return _Outside((name,), f"{WORDS[name]} {_value(design, name)}", "on it", "")
    ends, own = support.ranges[name], name in support.own
    if name == STEADY_STATE:
        span = f"{_ends(ends)} {AXES['liquid']['charge'].unit}"
        return _Outside((name,), "steady state", "data", span, own)
    value = float(design.axes[name].values[0])
    digits = next((n for n in range(3, 11) if _apart(value, ends, n)), 3)
    data = "data"
    if name == "temperature":
        data = f"more than {TEMPERATURE_WINDOW:g} K from the data"
    span = f"{_ends(ends, digits)}{_unit(design, name)}"
    return _Outside((name,), f"{WORDS[name]} {_value(design, name, digits)}", data, span, own)


def _of_two(design: Design, hull: Mapping[str, Any], support: DataSpan) -> _Outside:
    """Say which two conditions no row combines, and the range of one at the other."""
    first, second = axes = tuple(hull["axes"])
    ends = support.there(hull, float(design.axes[first].values[0]))
    what = f"{WORDS[second]} {_value(design, second)} at {WORDS[first]} {_value(design, first)}"
    return _Outside(axes, what, "data there" if ends else "there", _span(design, second, ends))


def _span(design: Design, name: str, ends: Sequence[float]) -> str:
    return f"{_ends(ends)}{_unit(design, name)}" if ends else ""


def _ends(ends: Sequence[float], digits: int = 3) -> str:
    return " to ".join(dict.fromkeys(shown(end, digits) for end in ends))


def _unit(design: Design, name: str) -> str:
    unit = design.axes[name].kind.unit
    return "" if unit == "1" else f" {unit}"


def _value(design: Design, name: str, digits: int = 3) -> str:
    return f"{shown(float(design.axes[name].values[0]), digits)}{_unit(design, name)}"


def _apart(value: float, ends: Sequence[float], digits: int) -> bool:
    """Say whether a value differs from the ends of a range as they are shown."""
    return all(shown(value, digits) != shown(end, digits) for end in ends)
