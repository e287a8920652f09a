"""Conditions of fitted rows that no design of theirs holds, kept with a result for its checks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.row_labels import observed_lines

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["LEVELS", "MARKS", "levels", "row_conditions", "row_groups"]

# Columns of tables that no law may depend on, or that it knows of at other rows or options alone.
_BESIDE: Final = ("area", "capacity", "electrode_thickness", "scan_rate", "temperature")
_LEVEL: Final = 0.1
_LEVEL_OF_TEMPERATURE: Final = 2.0  # K
_BY_CHANCE: Final = 0.05  # from which blanks do not go with the outcome
LEVELS: Final = ("separator", "lab", "protocol")
"""Names that a law may give a level of its own."""

MARKS: Final = ("cell", "source", "note")
"""Columns that no law goes by, and that may tell of batches."""

_OF_SEPARATORS: Final = {
    "pore_radius": "pore_radius",
    "porosity": "porosity",
    "thickness": "separator thickness",
    "macmullin_number": "macmullin_number",
    "pore_size_spread": "pore_size_spread",
}


def row_conditions(
    campaign: "Campaign", blocks: Iterable[str]
) -> dict[str, dict[str, list[float | None]]]:
    """Return what a result keeps of its rows beside their designs.

    Parameters
    ----------
    campaign : Campaign
        The data that are fitted.
    blocks : iterable of str
        Their tables.

    Returns
    -------
    dict
        ``{variable: {condition: [value of each row]}}``: areas, capacities, temperatures and more
        of which no law may be wrong, and the properties of separators as stated, in canonical
        units; None where a row is blank. What is blank in all rows is left out, and so are
        capacities that were cut short by the event itself.
    """
    found: dict[str, dict[str, list[float | None]]] = {}
    for block in blocks:
        table = campaign.tables[block]
        columns: dict[str, Any] = {
            name: table[name].values for name in _BESIDE if name in table.data_vars
        }
        if "outcome" in table and "capacity" in columns and not _planned(table):
            del columns["capacity"]
        if "separator" in table and "separators" in campaign.tables:
            separators = campaign.tables["separators"]
            places = {str(name): at for at, name in enumerate(separators["separator"].values)}
            at = [places.get(str(name), -1) for name in table["separator"].values]
            for name, word in _OF_SEPARATORS.items():
                values = np.append(np.asarray(separators[name].values, dtype=float), np.nan)
                columns[word] = values[at]
        place = {int(line): at for at, line in enumerate(table["line"].values)}
        for dim, lines in observed_lines(campaign, block).items():
            rows = [place[line] for line in lines]
            own = {
                name: [float(each) if np.isfinite(each) else None for each in of_rows]
                for name, values in columns.items()
                if np.isfinite(of_rows := np.asarray(values, dtype=float)[rows]).any()
            }
            if own:
                found[dim.removesuffix("_row")] = own
    return found


def row_groups(campaign: "Campaign", blocks: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Return the names that rows have in common with others.

    Parameters
    ----------
    campaign : Campaign
        The data that are fitted.
    blocks : iterable of str
        Their tables.

    Returns
    -------
    dict
        ``{variable: {column: [name of each row]}}``; empty where a row has none.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for block in blocks:
        table = campaign.tables[block]
        place = {int(line): at for at, line in enumerate(table["line"].values)}
        for dim, lines in observed_lines(campaign, block).items():
            found[dim.removesuffix("_row")] = {
                name: [str(table[name].values[place[line]]) for line in lines]
                for name in (*LEVELS, *MARKS)
                if name in table.data_vars and any(map(str, table[name].values))
            }
    return found


def levels(name: str, values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which rows have a condition alike, as numbers that rise with it.

    What was meant to be one value is written as measured: 25.0 and 25.1 degC, or charges that
    differ by a per cent or two. A level reaches a tenth above its lowest value, and 2 K of a
    temperature, so that no row of it lies farther than these from any other.

    Parameters
    ----------
    name : str
        Of the condition.
    values : ndarray, shape (rows,)
        NaN where a row has none.

    Returns
    -------
    ndarray of int, shape (rows,)
        -1 where a row has none.
    """
    found = np.full(values.size, -1)
    level, end = -1, -np.inf
    for at in np.argsort(values):
        if not np.isfinite(values[at]):
            continue
        if values[at] > end:
            level += 1
            end = values[at] + (
                _LEVEL_OF_TEMPERATURE
                if name == "temperature"
                else np.log1p(_LEVEL)
                if name.startswith("log_")
                else _LEVEL * abs(values[at])
            )
        found[at] = level
    return found


def _planned(table: "xr.Dataset") -> bool:
    """Say whether the capacities of cells that failed can be those that were planned.

    The charge that passed until a cell failed is of the observation: cells that fail early have
    little of it, whatever the law. It is a plan where survivors have it too, or all have less. Nor
    is it a condition where it is blank by the outcome.
    """
    from scipy.stats import fisher_exact

    capacity = np.asarray(table["capacity"].values, dtype=float)
    failed = table["outcome"].values == "penetrated"
    known = np.isfinite(capacity)
    survived, own = known & ~failed, known & failed
    if not survived.any() or (failed.any() and not own.any()):
        return False
    blank = [[int((each & state).sum()) for state in (known, ~known)] for each in (failed, ~failed)]
    level = levels("capacity", capacity)
    planned = (capacity > capacity[survived].max()) | np.isin(level, level[survived])
    return bool(planned[own].all()) and float(fisher_exact(blank).pvalue) >= _BY_CHANCE
