"""How many rows an answer counts, and as what: rows left out, and rows taken for fresh cells."""

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from data.ranges import ENDS, RANGE_COLUMNS, range_rows
from data.tables import clocks
from data.tables import tables as all_tables
from inference.designs.mechanisms import MECHANISMS
from inference.maps.rare_kinds import tables_behind

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign
    from inference.designs.axes import Cell
    from inference.designs.basis import Basis

__all__ = ["fresh_cells", "left_out", "told_of_rows"]

_ONE_SIDE: Final = 0.05  # chance below which rows left out do not lie to one side by it
_SHUFFLES: Final = 2000
_NUMBER: Final = re.compile(r"\s*#?\d+(?:\.0*)?\s*")
_ALIKE: Final = ("separator", "protocol", "temperature", "pressure", "step_time", "lab")


def told_of_rows(result: "Basis", key: str, cell: "Cell") -> list[str]:
    """Return what a fit said of the rows behind answers on one kind of cell.

    Parameters
    ----------
    result : Basis
        A finished fit.
    key : {"left_out", "fresh_cells", "ended_early", "protocols"}
        Of which function of this module, of `inference.rows.taken_off` or of
        `inference.runs.findings`.
    cell : {"liquid", "solid"}
        The kind of cell.

    Returns
    -------
    list of str
        A sentence a table that tells how its cells scatter.
    """
    told = json.loads(str(result.attrs.get(key, "{}")))
    behind = {table for item in MECHANISMS[cell] for table in tables_behind(result, item)}
    return [text for table, text in told.items() if table in behind]


def fresh_cells(campaign: "Campaign") -> dict[str, str]:
    """Say by table how many rows are read as how many cells, where their names are bare numbers.

    Parameters
    ----------
    campaign : Campaign
        What of it is fitted.

    Returns
    -------
    dict of str to str
        Of tests that end in an event or without one; nothing where rows have names. Cells that
        failed within a step do not count.
    """
    found = {}
    for name, table in campaign.tables.items():
        if not {"outcome", "stop_time"} & {*all_tables()[name].fields}:  # no test to an event
            continue
        ends = [np.isfinite(table[end].values) for end in ENDS if end in table]
        in_steps = np.logical_and.reduce(ends) if ends else np.zeros(table["line"].size, bool)
        if RANGE_COLUMNS[0] in table:
            in_steps |= range_rows(table)
        names = table["cell"].values[~in_steps]  # a cell within a step has its steps behind it
        count = sum(_NUMBER.fullmatch(str(cell)) is not None for cell in names)
        if count > 1:
            found[name] = (
                f"{count} rows of {name}.csv, which numbers alone tell apart, are read as {count} "
                "fresh cells: of a cell that was tested more than once enter one row, and name it."
            )
    return found


def left_out(campaign: "Campaign") -> dict[str, str]:
    """Say by table how many rows of cells are left out, and whether they lie to one side.

    Parameters
    ----------
    campaign : Campaign
        What of it is fitted, with the rows that are left out.

    Returns
    -------
    dict of str to str
        Tables without such rows are missing.
    """
    found = {}
    for name, rows in campaign.excluded.items():
        out = rows.sizes[name]
        if not out or name not in campaign.tables or "cell" not in all_tables()[name].label:
            continue
        kept = campaign.tables[name]
        every = out + kept.sizes[name]
        text = f"LEFT OUT: {out} of {every} rows of {name}.csv are not fitted"
        if side := _side(kept, rows):
            text += (
                f", and they lie at the {side} end of those that failed under like conditions: "
                f"cells like these are not counted. If a new cell may be one, the safe current is "
                f"too {'high' if side == 'low' else 'low'}."
            )
        else:
            text += ": cells like these are not counted."
        found[name] = text
    return found


def _side(kept: "xr.Dataset", out: "xr.Dataset") -> str:
    """Say at which end of kept rows those lie that are left out; empty where at neither.

    What each bore is ranked among all rows under like conditions. They lie at an end where all of
    them lie beyond all kept ones, or where shuffled ranks are seldom as low, or as high.
    """
    from scipy import stats

    values = np.concatenate([_borne(kept), _borne(out)])
    is_out = np.repeat([False, True], [kept["line"].size, out["line"].size])
    named = [name for name in _ALIKE if name in kept and name in out]
    alike = defaultdict(list)
    for at, key in enumerate(
        tuple(str(rows[name].values[row]) for name in named)
        for rows in (kept, out)
        for row in range(rows["line"].size)
    ):
        if np.isfinite(values[at]):
            alike[key].append(at)
    groups = [
        (values[rows], is_out[rows])
        for rows in alike.values()
        if is_out[rows].any() and not is_out[rows].all()
    ]
    if not groups:
        return ""
    rng = np.random.default_rng(0)
    place, chance = 0.0, np.zeros(_SHUFFLES)
    beyond = {"low": True, "high": True}
    for own, left in groups:
        # Ranks from -1 to 1, ties shared.
        rank = (2.0 * stats.rankdata(own) - own.size - 1.0) / (own.size - 1)
        place += rank[left].sum()
        drawn = int(left.sum())
        chance += [rng.choice(rank, drawn, replace=False).sum() for _ in range(_SHUFFLES)]
        beyond["low"] &= bool(own[left].max() < own[~left].min())
        beyond["high"] &= bool(own[left].min() > own[~left].max())
    for side, sense in (("low", -1.0), ("high", 1.0)):
        if beyond[side] or np.mean(sense * chance >= sense * place - 1e-9) < _ONE_SIDE:
            return side
    return ""


def _borne(table: "xr.Dataset") -> NDArray[np.float64]:
    """Return what each failed cell bore, for order among its like; NaN of others.

    Times count with their currents as where diffusion ends a test: current times root of time.
    """

    def column(name: str) -> NDArray[np.float64]:
        size = table["line"].size
        return np.asarray(table[name].values, float) if name in table else np.full(size, np.nan)

    lower, upper = (column(end) for end in ENDS)
    found = np.where(np.isfinite(lower), 0.5 * (lower + upper), upper)
    current = column("current_density")
    if "outcome" in table:
        return np.where(table["outcome"].values == "penetrated", current, np.nan)
    for event in clocks().values():
        low, high = column(f"{event}_lower"), column(f"{event}_upper")
        within = np.where(np.isfinite(low), 0.5 * (low + high), high)
        time = np.fmax(column(event), within)
        found = np.where(np.isfinite(time), current * np.sqrt(time), found)
    return found
