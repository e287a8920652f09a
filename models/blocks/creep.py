"""Creep tests: stresses scatter lognormally about Norton's law at the imposed strain rate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.context import Context
from models.likelihoods import observed_value
from models.observations import measured, recorded, si, unit
from models.physics import norton_stress

__all__ = ["SOURCES", "likelihood", "record"]

SOURCES = ("wang2020",)


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``creep``: the stress [MPa] at each strain rate."""
    observed, design = measured(table, "stress")
    data, rows = context.pack(
        "creep",
        observed,
        temperature=si(table, "temperature"),
        strain_rate=si(table, "strain_rate"),
        **design.columns,
    )
    stress = norton_stress(
        rows["strain_rate"],
        rows["temperature"],
        context.parameters["creep_exponent"],
        context.parameters.si("creep_reference_stress"),
        context.parameters.si("creep_activation_energy"),
    )
    observed_value(
        "creep",
        observed=data,
        location=np.log(stress / unit(table, "stress")),
        scatter=context.parameters["creep_scatter"],
        rows=rows,
        design=design,
    )


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn stresses."""
    return recorded(table, "stress", drawn["creep"])
