"""The range of conditions that the data of a campaign span, beyond which a map extrapolates."""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np

from data.arrays import Array
from inference.designs.axes import Protocol
from inference.designs.reading import SEPARATOR_AXES
from inference.rows.conditions import levels
from inference.rows.tested import (
    OF_TESTS,
    TELL_OF,
    UNSURE,
    TestedRows,
    bound_below,
    charges_in,
    charges_of_limits,
    charges_of_solid,
    liquid_rows,
    numbers_in,
    of_protocol,
    of_separators,
    solid_rows,
    spans_of,
    tests_in,
)
from inference.rows.times_tested import times_tested
from models.blocks import blocks
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = ["LINEAR", "currents_tested", "data_gaps", "data_hulls", "data_ranges", "on_scale"]

LINEAR: Final = frozenset({"porosity", "temperature", "pressure"})
"""Axes of maps whose scale is linear; that of all others is logarithmic."""

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
        longest is the shorter of what cells not penetrated and transients passed.
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
        "solid": solid_rows(campaign).spans(),
        **{f"solid {each}": solid_rows(campaign, each).spans() for each in get_args(Protocol)},
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
    keyed = {f"liquid {name}": each for name, each in liquid_rows(campaign).items()}
    if "liquid depletion" in keyed:
        # How transport goes with a separator is geometry; with the charge goes its clock alone.
        keyed["liquid depletion"] = keyed["liquid depletion"].under(OF_TESTS)
    keyed |= {f"solid {each}": solid_rows(campaign, each) for each in get_args(Protocol)}
    found = {}
    for key, rows in keyed.items():
        axes = [name for name in _TOLD_IN_TURN if name in rows.values]
        spans = rows.spans()
        hulls = [
            hull
            for one, other in combinations(axes, 2)
            if not {one, other} <= {*SEPARATOR_AXES} or {one, other} == {*UNSURE}
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
        where there is none; an axis that no row states is missing, ``charge``, too. Of solid cells
        there is the ``time`` [s] of a test, too, and the ``current_density`` [mA/cm^2] of those at
        one current: their design has neither, and an answer has.
    """
    rows, held = liquid_rows(campaign), times_tested(campaign)
    found = {f"liquid {name}": _between(each) for name, each in rows.items()}
    found |= {key: _between(own) for key, own in of_separators(rows)}
    if "depletion" in rows and "sand" in campaign.tables:
        charges = charges_in(campaign.tables["sand"], "sand_time")
        found["liquid depletion"]["charge"] = _gaps("charge", charges)
    for protocol in get_args(Protocol):
        key = f"solid {protocol}"
        found[key] = _between(solid_rows(campaign, protocol))
        if (table := of_protocol(campaign, protocol)) is not None:
            found[key]["charge"] = _gaps("charge", charges_of_solid(table))
            times, currents, *_ = np.array(held.get(key) or np.empty((0, 4))).T
            found[key]["time"] = _gaps("time", times)
            if protocol == "one_way":
                found[key]["current_density"] = _gaps("current_density", currents)
    return found


def currents_tested(campaign: "Campaign") -> dict[str, dict[str, float]]:
    """Return between which currents cells were tested, and how many failed, by mechanism.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        By name of mechanism ``cells``, ``failed`` and ``from_below``, of which a row counts one,
        and ``lowest`` and ``highest`` [mA/cm^2]: at which a cell survived or failed. Those
        ``from_below`` say of a current that it is borne. Where all are verdicts at one current
        each, ``lowest_verdict``, too. Mechanisms that no cell tells of are missing.
    """
    found: dict[str, dict[str, float]] = {}
    for mechanism, names in TELL_OF.items():
        tables = [campaign.tables[name] for name in names if name in campaign.tables]
        parts = [(*tests_in(table), bound_below(table)) for table in tables]
        highest, failed, borne = (
            np.concatenate([np.empty(0), *(part[each] for part in parts)]) for each in range(3)
        )
        known = np.isfinite(highest)
        if known.any():
            found[mechanism] = {
                "cells": int(known.sum()),
                "failed": int(failed[known].sum()),
                "from_below": int(borne[known].sum()),
                "lowest": float(highest[known].min()),
                "highest": float(highest[known].max()),
            }
            tables = [campaign.tables[name] for name in names if name in campaign.tables]
            if all("outcome" in table for table in tables):
                found[mechanism]["lowest_verdict"] = float(highest[known].min())
    return found


def _between(rows: TestedRows) -> _Gaps:
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
    rows: TestedRows, one: str, other: str, spans: Mapping[str, list[float]]
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


def _corners(rows: TestedRows, one: str, other: str) -> list[tuple[Array, Array]]:
    """Return where rows may lie in two conditions.

    The properties of separators are known within their standard deviations; metal of any thickness
    stands for one that no pressure makes creep, where a row leaves it blank.
    """
    x, y = rows.values[one], rows.values[other]
    if {one, other} == {*UNSURE}:
        dx, dy = (np.nan_to_num(rows.sds.get(name, np.zeros(x.size))) for name in (one, other))
        return [
            (np.maximum(x + i * dx, x / 2.0), np.clip(y + j * dy, y / 2.0, (1.0 + y) / 2.0))
            for i in (-1, 1)
            for j in (-1, 1)
        ]
    if {one, other} == {"pressure", "metal_thickness"}:
        blank = (x == 0.0) & np.isnan(y)
        return [(x, np.where(blank, end, y)) for end in spans_of({"": [y]}).get("", [np.nan])]
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
    rows = liquid_rows(campaign)
    spans = {name: each.spans() for name, each in rows.items()}
    charges = spans_of(charges_of_limits(campaign))
    found: dict[str, dict[str, list[float]]] = {}
    for name, each in spans.items():
        each.pop("charge", None)
        found[f"liquid {name}"] = each | charges
    others = [
        (campaign.tables[name], each.conditions)
        for name, each in blocks().items()
        if each.cell == "liquid" and not each.limit and name in campaign.tables
    ]
    every = {
        name: [np.array(each[name]) for each in spans.values() if name in each]
        for name in (*SEPARATOR_AXES, *OF_TESTS)
    }
    for table, conditions in others:
        for axis, column in conditions.items():
            every.setdefault(axis, []).append(numbers_in(table, column))
    found["liquid"] = spans_of(every) | charges
    for key, cells in of_separators(rows):
        found[key] = own = cells.spans()
        if "charge" in own and "steady_state" in charges:
            own["steady_state"] = own["charge"]
    return found
