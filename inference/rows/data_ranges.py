"""The range of conditions that the data of a campaign span, beyond which a map extrapolates."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np

from data.arrays import Array
from data.ranges import ENDS, RANGE_COLUMNS
from data.units import si_factor
from inference.designs.axes import Protocol
from inference.designs.reading import SEPARATOR_AXES
from inference.rows.conditions import levels
from models.options import SHARED_THRESHOLD
from models.physics import macmullin_number_from_porosity
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from data.campaign import Campaign

__all__ = ["LINEAR", "currents_tested", "data_gaps", "data_hulls", "data_ranges", "on_scale"]

_SOLID = "dc_polarization"
LINEAR: Final = frozenset({"porosity", "temperature", "pressure"})
"""Axes of maps whose scale is linear; that of all others is logarithmic."""

_OF_TESTS: Final = ("concentration", "temperature")
_UNSURE: Final = ("pore_radius", "porosity")  # that penetration goes with
_BETWEEN: Final = (  # conditions that a law goes by from one tested level to the next
    "pressure",
    "temperature",
    "concentration",
    "metal_thickness",
    "pore_radius",
)
_Gaps = dict[str, list[dict[str, list[float]]]]
_FAR: Final = 0.25
"""Share of what was tested, on the scale of the axis, from which a value is far from a level: the
reach of three levels evenly spaced. Two of them leave the middle half between to the law."""

_FAR_AT_LEAST: Final = 1.5  # factor, on a logarithmic scale: nearer ones hardly try a law
_TOLD_IN_TURN: Final = (  # of two conditions the first is where the range of the other is told
    *_BETWEEN,
    "porosity",
    "thickness",
    "macmullin_number",
    "charge",
)
_OF_LIMITS = frozenset({"limiting_current_density", "diffusivity_over_anion_transference"})
_HOUR = si_factor("h")
_TELL_OF = {
    "penetration": SHARED_THRESHOLD["penetration"],
    "depletion": ("lsv", "sand"),
    "voids": (_SOLID,),
}
_EVENTS = tuple(
    f"{time}{end}" for time in ("sand_time", "transition_time") for end in ("", "_upper")
)


def data_ranges(campaign: "Campaign") -> dict[str, dict[str, list[float]]]:
    """Return what the data of a campaign span, by kind of cell and axis of a map.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        ``{"liquid": {axis: [lowest, highest]}, "solid": {...}}`` in the canonical units of the
        axes, and the same for the rows that tell of one limit, under ``liquid penetration`` and
        ``liquid depletion``, and of one protocol, under ``solid one_way`` and ``solid step``;
        and under ``liquid penetration of NAME`` for the conditions that cells of one separator
        were tested under, which alone tell of its offset.
        An axis that no row speaks of is missing. Of a charge each mechanism is to have data: the
        longest is the shorter of what cells that may be penetrated and transients passed.
        ``steady_state`` holds the charges of cells that a steady state goes on beyond; it is
        missing where no row states a charge, or only transients do and limiting currents, which are
        of the steady state, stand beside them. ``step_time`` [s] of steps and ``current_density``
        [mA/cm^2] of one-way tests are what the tests of a protocol were made with.
        Separators count when a test of a cell, or a
        published estimate, names them or was calibrated on them, and their pore radii only where
        these tell of penetration: transport says nothing of a radius. A published estimate of a
        solid cell does not count.
    """
    return {
        **_liquid_ranges(campaign),
        "solid": _solid(campaign).spans(),
        **{f"solid {each}": _solid(campaign, each).spans() for each in get_args(Protocol)},
    }


def data_hulls(campaign: "Campaign") -> dict[str, list[dict[str, Any]]]:
    """Return what the rows of a campaign span in each two conditions together.

    A corner of two ranges that no row came near is no data, though either range holds it.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        By key of `data_ranges`, of one limit, lists of ``{"axes": [one, other], "hull": [[value,
        value], ...]}``: the corners, one after the other, of the smallest convex region on the
        scales of `LINEAR` and of logarithms that holds all rows which state both. Two conditions
        whose ranges the rows fill, corners and all, are left out. Of what belongs to a separator
        itself, radius and porosity are the two that a limit goes with together.
    """
    keyed = {f"liquid {name}": each for name, each in _liquid(campaign).items()}
    if "liquid depletion" in keyed:
        # How transport goes with a separator is geometry; with the charge goes its clock alone.
        keyed["liquid depletion"] = keyed["liquid depletion"].under(_OF_TESTS)
    keyed |= {f"solid {each}": _solid(campaign, each) for each in get_args(Protocol)}
    found = {}
    for key, rows in keyed.items():
        axes = [name for name in _TOLD_IN_TURN if name in rows.values]
        spans = rows.spans()
        hulls = [
            hull
            for one, other in combinations(axes, 2)
            if not {one, other} <= {*SEPARATOR_AXES} or {one, other} == {*_UNSURE}
            if (hull := _hull(rows, one, other, spans)) is not None
        ]
        if hulls:
            found[key] = hulls
    return found


def data_gaps(campaign: "Campaign") -> dict[str, _Gaps]:
    """Return what lies between the levels that the rows of a campaign were tested at.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        By key of `data_ranges`, of one limit or one separator, and axis, lists of ``{"between":
        [level, next], "far": [lowest, highest]}`` in the unit of the axis: two neighbours of all
        levels, and the values between that lie far from both. Far is farther than a quarter of
        what was tested, on the scales of `LINEAR` and of logarithms, and than 5 K or a factor of
        1.5. What the rows of a cell or a range over cells enclose is no gap. The list is empty
        where there is none; an axis that no row states is missing, ``charge``, too.
    """
    rows = _liquid(campaign)
    found = {f"liquid {name}": _between(each) for name, each in rows.items()}
    found |= {key: _between(own) for key, own in _of_separators(rows)}
    if "depletion" in rows and "sand" in campaign.tables:
        charges = _charges(campaign.tables["sand"], "sand_time")
        found["liquid depletion"]["charge"] = _gaps("charge", charges)
    for protocol in get_args(Protocol):
        key = f"solid {protocol}"
        found[key] = _between(_solid(campaign, protocol))
        if (table := _of_protocol(campaign, protocol)) is not None:
            found[key]["charge"] = _gaps("charge", _charges_of_solid(table))
    return found


def currents_tested(campaign: "Campaign") -> dict[str, dict[str, float]]:
    """Return up to which current cells were tested, and how many failed, by mechanism.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        By name of mechanism ``cells`` and ``failed``, of which a row counts one, and ``highest``
        [mA/cm^2]: at which a cell survived or failed. Mechanisms that no cell tells of are missing.
    """
    found: dict[str, dict[str, float]] = {}
    for mechanism, names in _TELL_OF.items():
        parts = [_tests(campaign.tables[name]) for name in names if name in campaign.tables]
        highest, failed = (
            np.concatenate([np.empty(0), *(part[each] for part in parts)]) for each in (0, 1)
        )
        known = np.isfinite(highest)
        if known.any():
            found[mechanism] = {
                "cells": int(known.sum()),
                "failed": int(failed[known].sum()),
                "highest": float(highest[known].max()),
            }
    return found


def _tests(table: "xr.Dataset") -> tuple[Array, "NDArray[np.bool_]"]:
    """Return of each row the highest current [mA/cm^2], and whether a cell failed."""
    if "plateau_current" in table:  # which is the limiting one
        current = _numbers(table, "plateau_current") / _numbers(table, "area")
        return current, np.ones(current.size, dtype=bool)
    names = [name for name in ("current_density", *ENDS, *RANGE_COLUMNS[:2]) if name in table]
    highest = np.fmax.reduce([_numbers(table, name) for name in names])
    if "outcome" in table:
        return highest, table["outcome"].to_numpy() == "penetrated"
    ends = (ENDS[1], RANGE_COLUMNS[1], *_EVENTS)
    events = [np.isfinite(_numbers(table, name)) for name in ends if name in table]
    return highest, np.logical_or.reduce(events)


def _spans(values: Mapping[str, list[Array]]) -> dict[str, list[float]]:
    spans = {}
    for axis, parts in values.items():
        known = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
        known = known[np.isfinite(known)]
        if known.size:
            spans[axis] = [float(known.min()), float(known.max())]
    return spans


@dataclass(frozen=True)
class _Rows:
    """The conditions of the rows that tell of one limit, NaN where a row states none.

    Parameters
    ----------
    values : dict of str to ndarray of shape (rows,)
        By axis of a map, in its unit.
    separator : ndarray of str, shape (rows,)
        Empty where a row names none.
    sds : dict of str to ndarray of shape (rows,)
        Stated standard deviations of some of the values.
    """

    values: dict[str, Array]
    separator: "NDArray[np.str_]"
    sds: dict[str, Array]

    def spans(self) -> dict[str, list[float]]:
        return _spans({name: [each] for name, each in self.values.items()})

    def of(self, separator: str) -> "_Rows":
        """Return the rows of one separator."""
        own = self.separator == separator
        return _Rows({n: v[own] for n, v in self.values.items()}, self.separator[own], {})

    def under(self, names: Iterable[str]) -> "_Rows":
        """Return some of the conditions of the rows."""
        known = {n: self.values[n] for n in names if n in self.values}
        return _Rows(known, self.separator, {})

    @classmethod
    def together(cls, parts: Sequence["_Rows"]) -> "_Rows":
        def joined(each: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
            names = dict.fromkeys(name for one in each for name in one)
            blanks = [np.full(part.separator.size, np.nan) for part in parts]
            return {
                name: np.concatenate(
                    [one.get(name, blank) for one, blank in zip(each, blanks, strict=True)]
                )
                for name in names
            }

        return cls(
            joined([part.values for part in parts]),
            np.concatenate([np.empty(0, str), *(part.separator for part in parts)]),
            joined([part.sds for part in parts]),
        )


def _liquid(campaign: "Campaign") -> dict[str, _Rows]:
    """Return the rows that tell of each limit of liquid cells, cells and published estimates."""
    tables = campaign.tables
    salt = campaign.metadata.salt_concentration
    found = {}
    for mechanism in ("penetration", "depletion"):
        parts = [
            part
            for name in _TELL_OF[mechanism]
            if name in tables
            for part in _of_cells(name, tables[name], salt)
        ]
        if "published" in tables:
            parts.append(_of_published(mechanism, tables, salt))
        rows = _Rows.together([_with_properties(part, tables) for part in parts])
        if mechanism == "depletion":
            rows.values.pop("pore_radius", None)  # transport says nothing of a radius
        if rows.separator.size:
            found[mechanism] = rows
    return found


def _of_cells(name: str, table: "xr.Dataset", salt: float | None) -> list[_Rows]:
    """Return the rows of a table of liquid cells, once for each charge that they speak of."""
    size = table["temperature"].size
    separator = (
        np.asarray(table["separator"].to_numpy(), dtype=str)
        if "separator" in table
        else np.full(size, "")
    )
    conditions = {
        "temperature": _numbers(table, "temperature"),
        "concentration": _numbers(table, "concentration")
        if "concentration" in table
        else np.full(size, salt, dtype=np.float64),
    }
    charges = [np.full(size, np.nan)]
    if name == "penetration":
        charges = [_numbers(table, "capacity")]
    elif name == "sand":
        charges = [*_charges(table, "sand_time")]
    return [_Rows({**conditions, "charge": each}, separator, {}) for each in charges]


def _of_published(mechanism: str, tables: "Mapping[str, xr.Dataset]", salt: float | None) -> _Rows:
    """Return the published estimates of one limit, a row for each separator that they are of."""
    published = tables["published"]
    quantities = published["quantity"].to_numpy().astype(str)
    told = np.char.find(quantities, "critical_" if mechanism == "penetration" else "limiting_") >= 0
    names = np.asarray(published["separator"].to_numpy(), dtype=str)
    told &= names != ""
    # A published estimate without a temperature is of 25 degC.
    temperatures = np.nan_to_num(_numbers(published, "temperature"), nan=25.0)[told]
    behind = [*_separators_behind(published, tables)] if mechanism == "penetration" else []
    separator = np.concatenate([names[told], np.array(behind, dtype=str)])
    values = {
        "temperature": np.append(temperatures, np.full(len(behind), 25.0)),
        "concentration": np.full(separator.size, salt, dtype=np.float64),
    }
    return _Rows(values, separator, {})


def _with_properties(rows: _Rows, tables: "Mapping[str, xr.Dataset]") -> _Rows:
    """Return rows with what is stated of their separators."""
    if "separators" not in tables:
        return rows
    table = tables["separators"]
    places = {str(name): at for at, name in enumerate(table["separator"].to_numpy())}
    at = [places.get(str(name), -1) for name in rows.separator]
    values = {name: _numbers(table, name) for name in ("pore_radius", "porosity", "thickness")}
    values["macmullin_number"] = _macmullin_numbers(table)
    sds = {name: _numbers(table, f"{name}_sd") for name in _UNSURE}
    return _Rows(
        rows.values | {name: np.append(each, np.nan)[at] for name, each in values.items()},
        rows.separator,
        {name: np.append(each, np.nan)[at] for name, each in sds.items()},
    )


def _between(rows: _Rows) -> _Gaps:
    """Return the gaps of all conditions but the charge, of which a current held tells any less."""
    found: _Gaps = {
        name: _gaps(name, rows.values[name])
        for name in _BETWEEN
        if name in rows.values and np.isfinite(rows.values[name]).any()
    }
    if "charge" in rows.values and np.isfinite(rows.values["charge"]).any():
        found["charge"] = []
    return found


def _gaps(axis: str, values: Array) -> list[dict[str, list[float]]]:
    """Return the gaps of one condition, of one value a row or of several that enclose it.

    Parameters
    ----------
    axis : str
        Its name.
    values : ndarray, shape (row,) or (value, row)
        NaN where a row states none.
    """
    low, high = (by.reduce(np.atleast_2d(values)) for by in (np.fmin, np.fmax))
    known = np.isfinite(low) & ((low > 0.0) | (axis in LINEAR))
    if not known.any():
        return []
    order = np.argsort(low[known])
    starts = low[known][order][1:]
    ends = np.maximum.accumulate(high[known][order])
    span = float(np.ptp(on_scale(axis, [low[known].min(), ends[-1]])))
    least = math.log(_FAR_AT_LEAST)
    if axis in LINEAR:
        least = TEMPERATURE_WINDOW if axis == "temperature" else 0.0
    reach = max(_FAR * span, least)
    found = []
    for pair in zip(ends[:-1], starts, strict=True):
        first, last = on_scale(axis, pair) + np.array([reach, -reach])
        if last - first > 1e-9 * span and levels(axis, np.array(pair))[1] > 0:
            far = [float(each if axis in LINEAR else math.exp(each)) for each in (first, last)]
            found.append({"between": [*map(float, pair)], "far": far})
    return found


def _hull(
    rows: _Rows, one: str, other: str, spans: Mapping[str, list[float]]
) -> dict[str, Any] | None:
    """Return the corners of what rows span in two conditions; None where ranges say as much."""
    x, y = (np.concatenate(each) for each in zip(*_corners(rows, one, other), strict=True))
    known = np.isfinite(x) & np.isfinite(y)
    for name, values in ((one, x), (other, y)):
        known &= (values > 0.0) | (name in LINEAR)
    if not known.any():
        return None
    points = np.stack([on_scale(one, x[known]), on_scale(other, y[known])], axis=1)
    at = _around(points)
    corners = np.stack([x[known][at], y[known][at]], axis=1)
    wide = points[at].max(axis=0) - points[at].min(axis=0)
    (x0, y0), (x1, y1) = points[at].T, np.roll(points[at], -1, axis=0).T
    area = 0.5 * float((x0 * y1 - x1 * y0).sum())
    filled = area >= (1.0 - 1e-9) * wide.prod()
    whole = all(
        low >= corners[:, i].min() and high <= corners[:, i].max()
        for i, (low, high) in enumerate((spans[one], spans[other]))
    )
    if filled and whole:
        return None
    return {"axes": [one, other], "hull": corners.tolist()}


def _corners(rows: _Rows, one: str, other: str) -> list[tuple[Array, Array]]:
    """Return where rows may lie in two conditions.

    The properties of separators are known within their standard deviations; metal of any thickness
    stands for one that no pressure makes creep, where a row leaves it blank.
    """
    x, y = rows.values[one], rows.values[other]
    if {one, other} == {*_UNSURE}:
        dx, dy = (np.nan_to_num(rows.sds.get(name, np.zeros(x.size))) for name in (one, other))
        return [
            (np.maximum(x + i * dx, x / 2.0), np.clip(y + j * dy, y / 2.0, (1.0 + y) / 2.0))
            for i in (-1, 1)
            for j in (-1, 1)
        ]
    if {one, other} == {"pressure", "metal_thickness"}:
        blank = (x == 0.0) & np.isnan(y)
        return [(x, np.where(blank, end, y)) for end in _spans({"": [y]}).get("", [np.nan])]
    return [(x, y)]


def _around(points: Array) -> list[int]:
    """Return the corners of the convex hull of points, counter-clockwise; two of a line."""
    _, first = np.unique(points, axis=0, return_index=True)

    def chain(order: Iterable[int]) -> list[int]:
        kept: list[int] = []
        for at in order:
            while len(kept) > 1:
                a, b = points[kept[-1]] - points[kept[-2]], points[at] - points[kept[-2]]
                if a[0] * b[1] - a[1] * b[0] > 0.0:
                    break
                kept.pop()
            kept.append(at)
        return kept

    lower, upper = chain(first.tolist()), chain(first[::-1].tolist())
    return [*lower[:-1], *upper[:-1]] or lower


def on_scale(axis: str, values: Any) -> Array:
    """Return values of an axis on the scale on which they are far or near.

    Parameters
    ----------
    axis : str
        Axis of a map.
    values : array_like
        In its unit.

    Returns
    -------
    ndarray
        Logarithms, but of `LINEAR` the values.
    """
    array = np.asarray(values, dtype=np.float64)
    return array if axis in LINEAR else np.asarray(np.log(array))


def _liquid_ranges(campaign: "Campaign") -> dict[str, dict[str, list[float]]]:
    """Return the ranges of liquid cells: of each limit, of its separators, and all together."""
    rows = _liquid(campaign)
    spans = {name: each.spans() for name, each in rows.items()}
    charges = _spans(_charges_of_limits(campaign))
    found: dict[str, dict[str, list[float]]] = {}
    for name, each in spans.items():
        each.pop("charge", None)
        found[f"liquid {name}"] = each | charges
    kinetics = campaign.tables.get("kinetics")
    every = {
        name: [np.array(each[name]) for each in spans.values() if name in each]
        for name in (*SEPARATOR_AXES, *_OF_TESTS)
    }
    if kinetics is not None:
        every["temperature"].append(_numbers(kinetics, "temperature"))
    found["liquid"] = _spans(every) | charges
    for key, cells in _of_separators(rows):
        found[key] = own = cells.spans()
        if "charge" in own and "steady_state" in charges:
            own["steady_state"] = own["charge"]
    return found


def _of_separators(rows: Mapping[str, _Rows]) -> Iterator[tuple[str, _Rows]]:
    """Yield by key of `data_ranges` what cells of each separator were tested under."""
    told = rows.get("penetration", _Rows.together([])).under((*_OF_TESTS, "charge"))
    for separator in sorted({*map(str, told.separator)} - {""}):
        yield f"liquid penetration of {separator}", told.of(separator)


def _charges_of_limits(campaign: "Campaign") -> dict[str, list[Array]]:
    """Return the charges that are known of both limits of liquid cells."""
    tables = campaign.tables
    passed = []
    if "penetration" in tables:
        passed.append(_numbers(tables["penetration"], "capacity"))
    steady = [*passed]
    if "sand" in tables:
        passed.append(_charges(tables["sand"], "sand_time"))
        steady += [] if _limits(tables) else passed[-1:]
    longest = [np.nanmax(each) for each in passed if np.isfinite(each).any()]
    return {
        "charge": [np.minimum(each, min(longest)) for each in passed if longest],
        "steady_state": steady,
    }


def _limits(tables: "Mapping[str, xr.Dataset]") -> bool:
    """Say whether limiting currents, which are of the steady state, were measured."""
    published = tables["published"]["quantity"].values if "published" in tables else ()
    return "lsv" in tables or any(str(name) in _OF_LIMITS for name in published)


def _separators_behind(
    published: "xr.Dataset", tables: "Mapping[str, xr.Dataset]"
) -> Iterable[str]:
    """Return the separators of the sources whose wetting product was calibrated on several."""
    if "separators" not in tables:
        return []
    calibrated = {
        str(source)
        for source, quantity in zip(
            published["source"].to_numpy(), published["quantity"].to_numpy(), strict=True
        )
        if str(source) and str(quantity) in {"wetting_product", "surface_energy"}
    }
    separators = tables["separators"]
    return [
        str(name)
        for name, source in zip(
            separators["separator"].to_numpy(), separators["source"].to_numpy(), strict=True
        )
        if str(source) in calibrated
    ]


def _solid(campaign: "Campaign", protocol: str | None = None) -> _Rows:
    """Return the rows of solid cells, once for each charge that they speak of."""
    table = _of_protocol(campaign, protocol)
    if table is None:
        return _Rows.together([])
    conditions = {
        "pressure": _numbers(table, "pressure"),
        "temperature": _numbers(table, "temperature"),
        "metal_thickness": _numbers(table, "electrode_thickness"),
    }
    if protocol is not None:
        conditions["step_time"] = _numbers(table, "step_time")
        conditions["current_density"] = _numbers(table, "current_density")
    charges = _charges_of_solid(table)
    none = np.full(charges.shape[1], "")
    return _Rows.together([_Rows({"charge": each, **conditions}, none, {}) for each in charges])


def _of_protocol(campaign: "Campaign", protocol: str | None) -> "xr.Dataset | None":
    """Return the table of solid cells, of one protocol or all; None where there is none."""
    table = campaign.tables.get(_SOLID)
    if table is None or protocol is None:
        return table
    return table.isel({_SOLID: np.flatnonzero(table["protocol"].to_numpy() == protocol)})


def _charges_of_solid(table: "xr.Dataset") -> Array:
    """Return the charges [mAh/cm^2] that rows of solid cells speak of, shape (charge, row)."""
    step_time = _numbers(table, "step_time") / _HOUR
    of_steps = [_numbers(table, name) * step_time for name in (*ENDS, *RANGE_COLUMNS[:2])]
    return np.concatenate([_charges(table, "transition_time"), of_steps])


def _numbers(table: "xr.Dataset", name: str) -> Array:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _charges(table: "xr.Dataset", time: str) -> Array:
    """Return the charges [mAh/cm^2] passed by the event, or by the planned end without one."""
    current = _numbers(table, "current_density")
    seen = [_numbers(table, name) for name in (time, f"{time}_lower", f"{time}_upper")]
    none_seen = np.all(np.isnan(seen), axis=0)
    stop = np.where(none_seen, _numbers(table, "stop_time"), np.nan)
    return np.array([current * part / _HOUR for part in (*seen, stop)])


def _macmullin_numbers(separators: "xr.Dataset") -> Array:
    """Return the numbers of the table, estimated from the porosity where they are blank."""
    measured = _numbers(separators, "macmullin_number")
    porosity = _numbers(separators, "porosity")
    estimated = [
        float(macmullin_number_from_porosity(value, str(pore_type)))
        for value, pore_type in zip(porosity, separators["pore_type"].to_numpy(), strict=True)
    ]
    return np.where(np.isnan(measured), estimated, measured)
