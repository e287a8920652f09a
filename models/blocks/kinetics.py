"""Tafel curves: currents scatter lognormally about the kinetics law."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.context import Context
from models.likelihoods import observed_value
from models.observations import Design, recorded, si, unit

__all__ = ["ISOTHERMAL", "SOURCES", "likelihood", "record"]

SOURCES = ("ma2022", "zeng2014")
ISOTHERMAL = "exchange_current_density"


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``kinetics``: the magnitude of each current density [mA/cm^2].

    An error of the overpotential is carried to the logarithm of the current through the rise of
    its logarithm over one standard deviation, and added in quadrature.
    """
    observed = np.abs(np.asarray(table["current_density"].values, dtype=float))
    potential_sd = np.nan_to_num(si(table, "overpotential_sd"))
    design = Design.exact(observed.size)
    data, rows = context.pack(
        "kinetics",
        observed,
        overpotential=np.abs(si(table, "overpotential")),
        temperature=si(table, "temperature"),
        **design.columns,
    )
    # The law is evaluated once for every distinct condition, not once for every point.
    conditions, position = np.unique(
        np.column_stack(
            [np.abs(si(table, "overpotential")), potential_sd, si(table, "temperature")]
        ),
        axis=0,
        return_inverse=True,
    )
    distinct = context.design(
        "kinetics_conditions",
        overpotential=conditions[:, 0],
        overpotential_sd=conditions[:, 1],
        temperature=conditions[:, 2],
    )
    exchange = context.at_temperature("exchange_current_density", table, distinct["temperature"])

    def current(overpotential: Any) -> Any:
        return context.current_density(overpotential, exchange, distinct["temperature"])

    expected = current(distinct["overpotential"])
    if potential_sd.any():
        shifted = current(distinct["overpotential"] + distinct["overpotential_sd"])
        rows["sd"] = np.log(shifted / expected)[position]
    observed_value(
        "kinetics",
        observed=data,
        location=np.log(expected / unit(table, "current_density"))[position],
        scatter=context.parameters["kinetics_scatter"],
        rows=rows,
        design=design,
    )


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn currents, signed as the overpotentials are."""
    sign = np.sign(table["overpotential"])
    magnitude = recorded(table, "current_density", drawn["kinetics"])
    return magnitude.assign(
        current_density=(magnitude["current_density"] * sign).assign_attrs(
            table["current_density"].attrs
        )
    )
