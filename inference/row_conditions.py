"""Conditions of fitted rows that no design of theirs holds, kept with a result for its checks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.joint import observed_lines

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["LEVELS", "MARKS", "row_conditions", "row_groups"]

# Columns of tables that no law may depend on, or that it knows of at other rows or options alone.
_BESIDE: Final = ("area", "capacity", "electrode_thickness", "scan_rate", "temperature")
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
) -> dict[str, dict[str, list[float]]]:
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
        units. What is blank in any row is left out, and so are capacities that were cut short by
        the event itself.
    """
    found: dict[str, dict[str, list[float]]] = {}
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
                name: np.asarray(values, dtype=float)[rows].tolist()
                for name, values in columns.items()
            }
            own = {name: each for name, each in own.items() if np.isfinite(each).all()}
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


def _planned(table: "xr.Dataset") -> bool:
    """Say whether the capacities of cells that failed can be those that were planned.

    The charge that passed until a cell failed is of the observation: cells that fail early have
    little of it, whatever the law. It is a plan where survivors have it too, or all have less.
    """
    capacity = np.asarray(table["capacity"].values, dtype=float)
    failed = table["outcome"].values == "penetrated"
    survived = capacity[~failed]
    if not survived.size:
        return False
    own = capacity[failed]
    return bool(((own > survived.max()) | np.isin(own, survived)).all())
