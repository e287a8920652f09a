"""The range of conditions that the data of a campaign span, beyond which a map extrapolates."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from data.ranges import ENDS, RANGE_COLUMNS
from data.units import si_factor
from inference.design import FloatArray
from models.physics import macmullin_number_from_porosity

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from data.campaign import Campaign

__all__ = ["currents_tested", "data_ranges"]

_LIQUID = ("penetration", "critical_current", "kinetics", "lsv", "sand")
_PENETRATION = ("penetration", "critical_current")
_SOLID = "dc_polarization"
_OF_LIMITS = frozenset({"limiting_current_density", "diffusivity_over_anion_transference"})
_HOUR = si_factor("h")
_TELL_OF = {"penetration": _PENETRATION, "depletion": ("lsv", "sand"), "voids": (_SOLID,)}
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
        axes, and the same for the rows of one protocol under ``solid one_way``, ``solid step``.
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
        "liquid": _spans(_liquid(campaign)),
        "solid": _spans(_solid(campaign)),
        "solid one_way": _spans(_solid(campaign, "one_way")),
        "solid step": _spans(_solid(campaign, "step")),
    }


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


def _tests(table: "xr.Dataset") -> tuple[FloatArray, "NDArray[np.bool_]"]:
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


def _spans(values: dict[str, list[FloatArray]]) -> dict[str, list[float]]:
    spans = {}
    for axis, parts in values.items():
        known = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
        known = known[np.isfinite(known)]
        if known.size:
            spans[axis] = [float(known.min()), float(known.max())]
    return spans


def _liquid(campaign: "Campaign") -> dict[str, list[FloatArray]]:
    tables = campaign.tables
    values: dict[str, list[FloatArray]] = {
        name: []
        for name in (
            "pore_radius",
            "porosity",
            "thickness",
            "macmullin_number",
            "concentration",
            "charge",
            "steady_state",
            "temperature",
        )
    }
    used: set[str] = set()
    penetrated: set[str] = set()
    salt = np.array([campaign.metadata.salt_concentration], dtype=np.float64)
    for name in _LIQUID:
        if name not in tables:
            continue
        table = tables[name]
        values["temperature"].append(_numbers(table, "temperature"))
        own = "concentration" in table
        values["concentration"].append(_numbers(table, "concentration") if own else salt)
        used.update(_texts(table, "separator"))
        if name in _PENETRATION:
            penetrated.update(_texts(table, "separator"))
    if "published" in tables:
        published = tables["published"]
        critical = np.char.startswith(published["quantity"].to_numpy().astype(str), "critical_")
        penetrated.update(_texts(published.isel(published=critical), "separator"))
        penetrated.update(_separators_behind(published, tables))
        conditioned = np.array([bool(text) for text in published["separator"].to_numpy()])
        used.update(_texts(published, "separator"))
        used.update(_separators_behind(published, tables))
        # A published estimate without a temperature is of 25 degC.
        stated = np.nan_to_num(_numbers(published, "temperature"), nan=25.0)
        values["temperature"].append(stated[conditioned])
        if conditioned.any():
            values["concentration"].append(salt)
    passed = []
    if "penetration" in tables:
        passed.append(_numbers(tables["penetration"], "capacity"))
    steady = [*passed]
    if "sand" in tables:
        passed.append(_charges(tables["sand"], "sand_time"))
        steady += [] if _limits(tables) else passed[-1:]
    longest = [np.nanmax(each) for each in passed if np.isfinite(each).any()]
    values["charge"] = [np.minimum(each, min(longest)) for each in passed if longest]
    values["steady_state"] = steady
    if used and "separators" in tables:
        separators = tables["separators"]
        names = separators["separator"].to_numpy().astype(str)
        chosen = np.isin(names, sorted(used))
        tested = np.isin(names, sorted(penetrated))
        values["pore_radius"].append(_numbers(separators, "pore_radius")[tested])
        for name in ("porosity", "thickness"):
            values[name].append(_numbers(separators, name)[chosen])
        values["macmullin_number"].append(_macmullin_numbers(separators)[chosen])
    return values


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


def _solid(campaign: "Campaign", protocol: str | None = None) -> dict[str, list[FloatArray]]:
    if _SOLID not in campaign.tables:
        return {}
    table = campaign.tables[_SOLID]
    if protocol is not None:
        table = table.isel({_SOLID: np.flatnonzero(table["protocol"].to_numpy() == protocol)})
    step_time = _numbers(table, "step_time") / _HOUR
    tested: dict[str, list[FloatArray]] = {}
    if protocol is not None:
        tested = {
            "step_time": [_numbers(table, "step_time")],
            "current_density": [_numbers(table, "current_density")],
        }
    return tested | {
        "charge": [
            _charges(table, "transition_time"),
            *(_numbers(table, name) * step_time for name in (*ENDS, *RANGE_COLUMNS[:2])),
        ],
        "pressure": [_numbers(table, "pressure")],
        "temperature": [_numbers(table, "temperature")],
        "metal_thickness": [_numbers(table, "electrode_thickness")],
    }


def _numbers(table: "xr.Dataset", name: str) -> FloatArray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _texts(table: "xr.Dataset", name: str) -> Iterable[str]:
    if name not in table:
        return []
    return [str(text) for text in table[name].to_numpy() if str(text)]


def _charges(table: "xr.Dataset", time: str) -> FloatArray:
    """Return the charges [mAh/cm^2] passed by the event, or by the planned end without one."""
    current = _numbers(table, "current_density")
    seen = [_numbers(table, name) for name in (time, f"{time}_lower", f"{time}_upper")]
    none_seen = np.all(np.isnan(seen), axis=0)
    stop = np.where(none_seen, _numbers(table, "stop_time"), np.nan)
    return np.array([current * part / _HOUR for part in (*seen, stop)])


def _macmullin_numbers(separators: "xr.Dataset") -> FloatArray:
    """Return the numbers of the table, estimated from the porosity where they are blank."""
    measured = _numbers(separators, "macmullin_number")
    porosity = _numbers(separators, "porosity")
    estimated = [
        float(macmullin_number_from_porosity(value, str(pore_type)))
        for value, pore_type in zip(porosity, separators["pore_type"].to_numpy(), strict=True)
    ]
    return np.where(np.isnan(measured), estimated, measured)
