"""How the curve of an instrument becomes rows of one table: what every table's recipe shares."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.schema import Column, nearest, show_number
from data.tables import tables

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature

__all__ = [
    "FEATURES",
    "Choices",
    "CurveReading",
    "Metadata",
    "NewRow",
    "Recipe",
    "Value",
    "clock_cells",
    "current_of",
    "measured_cells",
    "recipe_of",
    "recipes",
]

type NewRow = dict[str, float | str]
type Value = str | float

FEATURES = ("drop", "inflexion")
_STOPS_AGREE = 0.1  # beyond, the statement is of another test


@dataclass(frozen=True)
class Metadata:
    """What is known of a cell besides its curve.

    Parameters
    ----------
    cell : str
        Name of the cell.
    values : dict
        Numbers in canonical units and texts, by column.
    origins : dict of str to str
        Where each was stated.
    stated : dict
        Each as it was stated.
    """

    cell: str
    values: dict[str, float | str]
    origins: dict[str, str] = field(default_factory=dict)
    stated: dict[str, Value] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """Return a number in its canonical unit, None where it is not given."""
        value = self.values.get(name)
        return None if value is None or isinstance(value, str) else float(value)

    def text(self, name: str) -> str:
        """Return a text, empty where it is not given."""
        return str(self.values.get(name, ""))


@dataclass(frozen=True)
class Choices:
    """Choices of the command that are no metadata.

    Parameters
    ----------
    correct_sweep : bool
        Whether plateaus are divided by what the sweep adds to them.
    feature : str, optional
        Which event of a polarisation counts, one of `FEATURES`; the earlier one when left out.
    folder : Path, optional
        The campaign's folder, whose ``separators.csv`` a correction needs.
    """

    correct_sweep: bool = False
    feature: str | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class CurveReading:
    """What a curve says.

    Parameters
    ----------
    features : tuple of Feature
        Every feature looked for.
    chosen : tuple of int
        Positions of those that the rows state.
    rows : tuple of dict
        Cells in canonical units, metadata included.
    statements : tuple of str
        What was decided, and what a reader should know, one sentence each.
    details : dict
        Numbers behind the statements, for the provenance record.
    doubts : tuple of str
        What makes the rows doubtful, one sentence each.
    """

    features: "tuple[Feature, ...]"
    chosen: tuple[int, ...]
    rows: tuple[NewRow, ...]
    statements: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the curves of one table are read.

    Parameters
    ----------
    table : str
        Name of the table.
    read : tuple of str
        Columns that the curve gives; metadata may not state them.
    optional : tuple of str
        Columns that every row of the table needs, and metadata may leave out all the same.
    extra : tuple of Column
        What metadata may state besides the table's columns.
    doubted : tuple of str
        Flags of its features that make a row doubtful; others are to be known.
    rows : callable
        Called with the record, the metadata and the choices; returns a `CurveReading`.
    """

    table: str
    read: tuple[str, ...]
    optional: tuple[str, ...] = ()
    extra: tuple[Column, ...] = ()
    doubted: tuple[str, ...]
    rows: "Callable[[xr.Dataset, Metadata, Choices], CurveReading]"


@cache
def recipes() -> dict[str, Recipe]:
    """Return the recipes by table, one a module of ``inference.importing.curves``.

    Returns
    -------
    dict of str to Recipe
        In alphabetical order.
    """
    from inference.importing import curves

    found = {}
    for module in sorted(pkgutil.iter_modules(curves.__path__), key=lambda info: info.name):
        recipe = import_module(f"{curves.__name__}.{module.name}").RECIPE
        found[recipe.table] = recipe
    return found


def recipe_of(table: str) -> Recipe:
    """Return the recipe of a table.

    Parameters
    ----------
    table : str
        Name of the table.

    Returns
    -------
    Recipe
        How its curves are read.

    Raises
    ------
    InputError
        The table is not known, or its rows come from no raw curve.
    """
    known = recipes()
    if table in known:
        return known[table]
    if table in tables():
        raise InputError(
            f"{table!r} has no raw curve to import: its rows are written into "
            f"{tables()[table].file}; curves make rows of {', '.join(known)}"
        )
    raise InputError(
        f"{table!r} is no table{nearest(table, known)}: curves make rows of {', '.join(known)}"
    )


def measured_cells(name: str, feature: "Feature", factor: float = 1.0) -> NewRow:
    """Return a feature as the cells of a measured column.

    Parameters
    ----------
    name : str
        The column.
    feature : Feature
        A point, an interval, or a bound.
    factor : float
        From the feature's unit to the column's.

    Returns
    -------
    dict
        ``name`` and ``name_sd``, or ``name_lower`` and ``name_upper``, one of them for a bound.
    """
    ends = {"lower": feature.lower, "upper": feature.upper}
    match feature.kind:
        case "point":
            cells: NewRow = {name: _given(feature.value) * factor}
            if feature.sd:
                cells[f"{name}_sd"] = feature.sd * factor
            return cells
        case "interval":
            return {f"{name}_{side}": _given(end) * factor for side, end in ends.items()}
        case "right":
            _refuse_nothing_seen(name, feature)
            return {f"{name}_lower": _given(feature.lower) * factor}
        case _:
            return {f"{name}_upper": _given(feature.upper) * factor}


def _refuse_nothing_seen(name: str, feature: "Feature") -> None:
    """Refuse a bound of zero, with what the curve shows that leads to it."""
    if _given(feature.lower) > 0:
        return
    why = " ".join(flag.message for flag in feature.flags)
    raise InputError(
        f"{name} would be above {show_number(_given(feature.lower))} {feature.unit}, which says "
        f"nothing: the curve is of no use from its start on{'. ' + why if why else ''}"
    )


def _given(value: float | None) -> float:
    if value is None:
        raise InputError("the curve's feature states no value: this algorithm is at fault")
    return float(value)


def current_of(record: "xr.Dataset", feature: "Feature") -> float:
    """Return the magnitude of the constant current that a feature was read under.

    Parameters
    ----------
    record : Dataset
        The record.
    feature : Feature
        Read from it.

    Returns
    -------
    float
        Current [A].

    Raises
    ------
    InputError
        No current flows.
    """
    import numpy as np

    current = feature.details.get("current", float("nan"))
    if not np.isfinite(current):
        start, stop = feature.window
        current = float(np.median(record["current_ampere"].values[start : stop + 1]))
    if not np.isfinite(current) or current == 0.0:
        raise InputError(
            f"the current is {current:g} A where {feature.quantity.replace('_', ' ')} is read: "
            "a constant current that is not zero is due"
        )
    return abs(float(current))


def clock_cells(
    name: str, feature: "Feature", metadata: Metadata
) -> tuple[NewRow, list[str], list[str]]:
    """Return the cells of a time that may not have come by the planned end of its test.

    Parameters
    ----------
    name : str
        The column of the time [s].
    feature : Feature
        The time; right-censored where nothing happened.
    metadata : Metadata
        May state ``stop_time``.

    Returns
    -------
    cells : dict
        The time and ``stop_time`` [s].
    statements : list of str
        What was decided about the planned end.
    doubts : list of str
        What the record shows otherwise than it is stated.
    """
    stop = metadata.number("stop_time")
    statements: list[str] = []
    doubts: list[str] = []
    if stop is None:
        seen = [feature.details["duration"], feature.value, feature.lower, feature.upper]
        stop = max(float(value) for value in seen if value is not None)
        statements.append(
            f"stop_time is not stated: {show_number(stop)} s, as long as the current flows in the "
            "record, stands for the planned end"
        )
    if feature.kind != "right":
        cells = measured_cells(name, feature)
        latest = max(float(value) for key, value in cells.items() if not key.endswith("_sd"))
        if latest > stop > _given(feature.value if feature.lower is None else feature.lower):
            statements.append(
                f"the event may be later than the stated stop_time of {show_number(stop)} s: "
                f"{show_number(latest)} s, to which the record goes on, stands for it"
            )
            stop = latest
        return {**cells, "stop_time": stop}, statements, doubts
    _refuse_nothing_seen(name, feature)
    lower = _given(feature.lower)
    if lower > stop * (1.0 + 1e-3):
        beyond = lower > stop * (1.0 + _STOPS_AGREE)
        (doubts if beyond else statements).append(
            f"the record goes on without the event beyond the stated stop_time of "
            f"{show_number(stop)} s: {show_number(lower)} s stands for it"
        )
        stop = lower
    if lower < stop * (1.0 - 1e-3):
        statements.append(
            f"the record shows {show_number(lower)} s of the planned {show_number(stop)} s without "
            "the event: a lower bound"
        )
        return {f"{name}_lower": lower, "stop_time": stop}, statements, doubts
    return {"stop_time": stop}, statements, doubts
