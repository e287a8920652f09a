"""What an experiment is, besides its table: a likelihood, observables, priors, limits and words."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel

__all__ = ["PRESSURE_SENSOR", "AbsurdityRule", "Block", "Observable", "scatter_rule"]

PRESSURE_SENSOR = (
    "it enters as a product with how the metal answers to pressure. A pressure sensor in the cell "
    "would measure it"
)
"""What would close the factor between a stated pressure and the one that acts."""


@dataclass(frozen=True)
class Observable:
    """One observed variable: what it is and how it is shown.

    Parameters
    ----------
    name : str
        The table's own, or it with an underscore and a part.
    words : str
        What it is.
    unit : str
        Its unit.
    title : str
        Above its rows in a figure.
    axis : str
        What its axis shows.
    scale : {"log", "logit", "linear", "verdict"}
        On which it lives; a verdict is 1 for a cell that failed.
    relative : bool
        Whether its rows are of different quantities, each with its own unit, and are shown as
        ratios.
    """

    name: str
    words: str
    unit: str
    title: str
    axis: str
    scale: Literal["log", "logit", "linear", "verdict"] = "log"
    relative: bool = False


@dataclass(frozen=True)
class AbsurdityRule:
    """What no draw from the priors should do.

    Limits are this project's choice, rounded and generous: of what cannot be, not of what is
    unlikely.

    Parameters
    ----------
    name : str
        Said of a draw that breaks the rule.
    variable : str
        A quantity, or an observed variable.
    side : {"above", "below"}
        Where nothing lies.
    limit : float
        In the variable's unit.
    reason : str
        Why.
    times : str
        A quantity that the variable is multiplied by first.
    """

    name: str
    variable: str
    side: Literal["above", "below"]
    limit: float
    reason: str
    times: str = ""

    def broken(self, values: Any) -> Any:
        """Say of each value whether it breaks the rule."""
        return (operator.gt if self.side == "above" else operator.lt)(values, self.limit)


@dataclass(frozen=True)
class Block:
    """An experiment.

    Parameters
    ----------
    title : str
        Its name in headings.
    likelihood : callable
        ``(table, context)``: lets the context observe the variables of the table.
    record : callable
        ``(table, drawn)``: the table with drawn values in place of the measured ones.
    observables : tuple of Observable
        All observed variables that a table may give.
    sources : tuple of str
        Keys of the bibliography behind its equations.
    cell : {"liquid", "solid", ""}
        Kind of cell that it tests, if any.
    limit : {"penetration", "depletion", "voids", ""}
        The limit that its rows tell of, if any: they then say how far maps of it have data.
    conditions : dict of str to str
        Columns of the table by the axis of a map that they are a condition of. A salt
        concentration that the table has no column for is the campaign's.
    isothermal : str, optional
        The parameter behind the rows that follows no law of temperature unless the job gives it an
        activation energy (`models.temperature`).
    options : type of BaseModel, optional
        What a job may choose under ``[model.options.<table>]``.
    priors : dict
        Default priors of parameters that only it uses, in the form of ``models/catalogue.toml``.
    absurd : tuple of AbsurdityRule
        Limits on its observables, and on the parameters that it is the first to measure.
    remedies : dict of str to str
        Why a parameter stays open, and which measurement would close it; without a full stop.
    ridges : dict of frozenset of str to str
        The same for pairs of parameters of which the rows show one combination.
    labels : callable, optional
        ``(table)``: labels of the rows by observed variable, where these are not the table's.
    """

    title: str
    likelihood: Callable[[xr.Dataset, Any], None]
    record: Callable[[xr.Dataset, Mapping[str, Any]], xr.Dataset]
    observables: tuple[Observable, ...]
    sources: tuple[str, ...] = ()
    cell: Literal["liquid", "solid", ""] = ""
    limit: Literal["penetration", "depletion", "voids", ""] = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    isothermal: str | None = None
    options: type[BaseModel] | None = None
    priors: Mapping[str, Any] = field(default_factory=dict)
    absurd: tuple[AbsurdityRule, ...] = ()
    remedies: Mapping[str, str] = field(default_factory=dict)
    ridges: Mapping[frozenset[str], str] = field(default_factory=dict)
    labels: Callable[[xr.Dataset], dict[str, list[str]]] | None = None


def scatter_rule(table: str) -> AbsurdityRule:
    """Return what no scatter between the cells of a table exceeds."""
    return AbsurdityRule(
        "scatter between cells above a factor of 20",
        f"{table}_scatter",
        "above",
        float(np.log(20.0)),
        "one cell in three would then be off by more, and no limit would be a limit",
    )
