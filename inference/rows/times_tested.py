"""For how long cells were tested, at which current: against it the clock of an answer is held.

At a fixed charge the clock of an answer is the charge over its current. A solid cell that failed
tells of the limit at the time of its test, whatever the current; one that survived tells that a
current up to its own is borne as long. Of liquid cells that metal may penetrate, survivors alone
show a time: the charge that a penetrated cell passed is where it failed, or what was planned.
"""

from collections import Counter
from typing import TYPE_CHECKING, get_args

import numpy as np

from data.arrays import Array
from data.ranges import ENDS, RANGE_COLUMNS, UNSTATED_CELLS, range_rows
from data.units import si_factor
from inference.designs.axes import Protocol
from inference.rows.tested import (
    charges_survived,
    liquid_rows,
    numbers_in,
    of_protocol,
    of_separators,
)

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["times_tested"]

_HOUR = si_factor("h")


def times_tested(campaign: "Campaign") -> dict[str, list[list[float]]]:
    """Return for how long cells were tested, by kind of cell and protocol, limit or separator.

    Parameters
    ----------
    campaign : Campaign
        A campaign, reduced to the tables that were fitted.

    Returns
    -------
    dict
        By key of `inference.rows.data_ranges.data_ranges`, of a protocol, of penetration and of
        one separator, lists of ``[time [s], current density [mA/cm^2], failed, cells]``: of cells
        that were tested alike, whether they failed (1 or 0), and how many they are. Of rows that
        state no time there is none; of a range over cells that does not state how many, the fewest.
    """
    found = {}
    for protocol in get_args(Protocol):
        table = of_protocol(campaign, protocol)
        if table is not None and table["line"].size:
            own = _of_steps(table) if protocol == "step" else _of_one_way(table)
            found[f"solid {protocol}"] = _alike(own)
    rows = liquid_rows(campaign)
    if "penetration" in rows:
        held, separator = _survivors(campaign)
        found["liquid penetration"] = _alike(held)
        for key, cells in of_separators(rows):
            own = separator == cells.separator[0]
            found[key] = _alike(held[:, own])
    return found


def _of_steps(table: "xr.Dataset") -> Array:
    """Return time, current, failed and cells of staircases, shape (4, row)."""
    lower, upper = (numbers_in(table, end) for end in ENDS)
    ranges = range_rows(table)
    stated = numbers_in(table, "cells")
    cells = np.where(ranges, np.where(np.isnan(stated), UNSTATED_CELLS[0], stated), 1.0)
    failed = ranges | np.isfinite(upper)
    highest = np.fmax(upper, numbers_in(table, RANGE_COLUMNS[1]))
    current = np.where(failed, highest, lower)
    return np.stack([numbers_in(table, "step_time"), current, failed, cells])


def _of_one_way(table: "xr.Dataset") -> Array:
    """Return time, current, failed and cells of tests at one current, shape (4, row)."""
    event, early, late = (
        numbers_in(table, f"transition_time{end}") for end in ("", "_lower", "_upper")
    )
    within = np.where(np.isfinite(early), np.sqrt(early * late), late)
    time = np.where(np.isfinite(event), event, within)
    failed = np.isfinite(time)
    held = np.where(np.isfinite(early), early, numbers_in(table, "stop_time"))
    time = np.where(failed, time, held)
    return np.stack([time, numbers_in(table, "current_density"), failed, np.ones(time.size)])


def _survivors(campaign: "Campaign") -> tuple[Array, "np.typing.NDArray[np.str_]"]:
    """Return the same of cells that metal did not penetrate, and their separators."""
    if "penetration" not in campaign.tables:
        return np.empty((4, 0)), np.empty(0, str)
    table = campaign.tables["penetration"]
    current = numbers_in(table, "current_density")
    time = charges_survived(table) / current * _HOUR
    names = np.asarray(table["separator"].to_numpy(), dtype=str)
    return np.stack([time, current, np.zeros(time.size), np.ones(time.size)]), names


def _alike(rows: Array) -> list[list[float]]:
    """Return rows that state a time, those alike as one of as many cells."""
    count: Counter[tuple[float, ...]] = Counter()
    for *test, cells in rows[:, np.isfinite(rows).all(axis=0)].T.tolist():
        count[tuple(test)] += cells
    return [[*test, cells] for test, cells in sorted(count.items())]
