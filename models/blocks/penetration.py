"""Metal penetration of single cells: each survived its current or was penetrated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.context import Context
from models.likelihoods import observed_verdict
from models.observations import si

__all__ = ["SOURCES", "likelihood", "record"]

SOURCES = ("ma2022",)


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``penetration``: 1 for a penetrated cell.

    A cell is penetrated where its current exceeds its own threshold: the critical current of its
    separator times a lognormal factor of the cell.
    """
    data, rows = context.pack(
        "penetration",
        np.asarray(table["outcome"].values == "penetrated", dtype=float),
        log_current=np.log(si(table, "current_density")),
    )
    scatter = context.parameters["penetration_scatter"]
    z = (rows["log_current"] - context.log_threshold(table)) / scatter
    observed_verdict("penetration", observed=data, z=z)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn outcomes."""
    outcome = np.where(drawn["penetration"] > 0.5, "penetrated", "survived")
    return table.assign(outcome=(table["outcome"].dims, outcome, table["outcome"].attrs))
