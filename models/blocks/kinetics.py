"""Tafel curves: currents scatter lognormally about the kinetics law."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.context import Context
from models.likelihoods import observed_value
from models.observations import Design, recorded, si, unit

__all__ = ["SOURCES", "likelihood", "record"]

SOURCES = ("ma2022", "zeng2014")


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``kinetics``: the magnitude of each current density [mA/cm^2].

    An error of the overpotential is carried to the logarithm of the current through the slope of
    the law over one standard deviation on each side, and added in quadrature.
    """
    observed = np.abs(np.asarray(table["current_density"].values, dtype=float))
    potential_sd = np.nan_to_num(si(table, "overpotential_sd"))
    design = Design.exact(observed.size)
    data, rows = context.pack(
        "kinetics",
        observed,
        overpotential=np.abs(si(table, "overpotential")),
        overpotential_sd=potential_sd,
        temperature=si(table, "temperature"),
        **design.columns,
    )
    exchange = context.at_temperature("exchange_current_density", table, rows["temperature"])

    def current(overpotential: Any) -> Any:
        return context.current_density(overpotential, exchange, rows["temperature"])

    expected = current(rows["overpotential"])
    if potential_sd.any():
        sd = rows["overpotential_sd"]
        rise = current(rows["overpotential"] + sd) - current(rows["overpotential"] - sd)
        rows["sd"] = 0.5 * rise / expected
    observed_value(
        "kinetics",
        observed=data,
        location=np.log(expected / unit(table, "current_density")),
        scatter=context.parameters["kinetics_scatter"],
        rows=rows,
        design=design,
    )


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn currents, signed as the overpotentials are."""
    sign = np.sign(table["overpotential"])
    magnitude = recorded(table, "current_density", drawn["kinetics"])
    return magnitude.assign(
        current_density=(sign * magnitude["current_density"]).assign_attrs(
            table["current_density"].attrs
        )
    )
