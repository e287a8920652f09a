"""What is asked of a fit by what stands below it: maps, answers and the search for misfit."""

from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Basis", "Planned"]


class Planned(Protocol):
    """What a design is checked against: a finished fit, or one that is planned."""

    @property
    def posterior(self) -> Collection[Hashable]:
        """Names of the parameters."""

    @property
    def data_ranges(self) -> Mapping[str, Mapping[str, list[float]]]:
        """Ranges of the data by kind of cell and axis."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """With ``options``, those of the blocks."""

    @property
    def salt_concentration(self) -> float | None:
        """Of the campaign's electrolyte [mol/L]."""


class Basis(Planned, Protocol):
    """What maps and answers need of a finished fit; an `inference.runs.result.Result` is one."""

    @property
    def id(self) -> str:
        """Of this very fit."""

    @property
    def folder(self) -> Path | None:
        """The run folder, where it has one."""

    @property
    def posterior(self) -> "xr.Dataset":
        """Draws of every parameter over ``chain`` and ``draw``, in lab units."""

    @property
    def prior(self) -> "xr.Dataset":
        """Draws of every parameter from the prior."""

    @property
    def posterior_predictive(self) -> "xr.Dataset":
        """New observations under the design of the data, at some or all draws."""

    @property
    def observed_data(self) -> "xr.Dataset":
        """Observations by variable."""

    @property
    def constant_data(self) -> "xr.Dataset":
        """Designs by variable: rows by columns, in SI units."""

    @property
    def log_likelihood(self) -> "xr.Dataset":
        """Log-likelihood of each observation at every draw."""

    @property
    def second_kind(self) -> "xr.Dataset":
        """Probability that each row's cell is of the second kind."""

    @property
    def metal(self) -> str:
        """Na or Li."""

    @property
    def kinetics(self) -> str:
        """Name of the kinetics law."""

    @property
    def synthetic(self) -> bool:
        """Whether the data were drawn by a simulator."""

    @property
    def blocks(self) -> list[str]:
        """Names of the tables that were fitted."""

    @property
    def lines(self) -> dict[str, list[int]]:
        """Line of its table's file that each row of each observed variable is of."""

    @property
    def conditions(self) -> dict[str, dict[str, list[float | None]]]:
        """Conditions of the rows of each observed variable, beside its design."""

    @property
    def groups(self) -> dict[str, dict[str, list[str]]]:
        """Names that rows of each observed variable share."""

    def summary(self) -> "pd.DataFrame":
        """Return the table of parameters."""
