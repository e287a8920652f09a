"""Creep tests: stresses scatter lognormally about Norton's law at the imposed strain rate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.block import AbsurdityRule, Block, Observable
from models.context import Context
from models.likelihoods import observed_value
from models.observations import measured, recorded, si, unit
from models.physics import norton_stress

__all__ = ["BLOCK"]


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``creep``: the stress [MPa] at each strain rate."""
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
    observation = observed_value(
        location=np.log(stress / unit(table, "stress")),
        scatter=context.parameters["creep_scatter"],
        rows=rows,
        design=design,
    )
    context.observe("creep", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn stresses."""
    return recorded(table, "stress", drawn["creep"])


BLOCK = Block(
    title="Creep",
    likelihood=likelihood,
    record=record,
    observables=(Observable("creep", "stress", "MPa", "Creep tests", "stress"),),
    sources=("wang2020",),
    absurd=(
        AbsurdityRule(
            "creep stress above 1 GPa",
            "creep",
            "above",
            1e3,
            "of the order of the metal's elastic modulus",
        ),
    ),
    remedies={
        "creep_activation_energy": "Creep tests at two temperatures 30 K apart would measure it",
        "creep_exponent": "Creep tests over two decades of strain rate would measure it",
        "creep_scatter": "Repeated creep tests under one condition would show it",
    },
)
