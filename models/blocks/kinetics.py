"""Tafel curves: currents scatter lognormally about the kinetics law."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from models.block import AbsurdityRule, Block, Observable
from models.context import Context
from models.likelihoods import observed_value
from models.observations import Design, recorded, si, unit

__all__ = ["BLOCK"]


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``kinetics``: the magnitude of each current density [mA/cm^2].

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
    observation = observed_value(
        location=np.log(expected / unit(table, "current_density"))[position],
        scatter=context.parameters["kinetics_scatter"],
        rows=rows,
        design=design,
    )
    context.observe("kinetics", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn currents, signed as the overpotentials are."""
    sign = np.sign(table["overpotential"])
    magnitude = recorded(table, "current_density", drawn["kinetics"])
    return magnitude.assign(
        current_density=(magnitude["current_density"] * sign).assign_attrs(
            table["current_density"].attrs
        )
    )


_BEFORE_TAFEL = (
    "at overpotentials well below the reorganization energy only the exchange current shows. Tafel "
    "points up to several hundred mV would show both"
)
_TOGETHER = (
    "the critical current shows the two together. The overpotential at penetration, or Tafel "
    "points, would separate them"
)

BLOCK = Block(
    title="Kinetics",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            "kinetics",
            "magnitude of the current density",
            "mA/cm^2",
            "Tafel curves",
            "current density",
        ),
    ),
    sources=("ma2022", "zeng2014"),
    cell="liquid",
    conditions={"temperature": "temperature"},
    isothermal="exchange_current_density",
    absurd=(
        AbsurdityRule(
            "reorganization energy above 2 eV",
            "reorganization_energy",
            "above",
            2.0,
            "an outer sphere of solvent does not hold that much",
        ),
        AbsurdityRule(
            "exchange current density above 1 A/cm^2",
            "exchange_current_density",
            "above",
            1e3,
            "no charge transfer would be measurable beside the electrolyte's resistance",
        ),
        AbsurdityRule(
            "electrode current above 10 A/cm^2",
            "kinetics",
            "above",
            1e4,
            "no battery electrode passes that",
        ),
    ),
    remedies={
        "reorganization_energy": _BEFORE_TAFEL,
        "exchange_current_density": (
            "no table measures charge transfer by itself. Tafel points below 50 mV, or the "
            "charge-transfer resistance, would measure it"
        ),
        "kinetics_scatter": "Repeated Tafel points would show it",
    },
    ridges={
        frozenset({"exchange_current_density", "reorganization_energy"}): _BEFORE_TAFEL,
        frozenset({"surface_energy", "exchange_current_density"}): _TOGETHER,
        frozenset({"contact_angle", "exchange_current_density"}): _TOGETHER,
    },
)
