"""Imaged deposits: coverage and thickness of metal that spreads under pressure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from models.context import Context
from models.likelihoods import observed_value
from models.observations import Scale, labels, measured, recorded, si, unit
from models.options import StatedPressure
from models.physics import deposit_thickness, log_coverage_under_pressure

__all__ = ["SOURCES", "Options", "likelihood", "record"]

SOURCES = ("jiao", "wang2020")

_SCALES: dict[str, Scale] = {"coverage": "logit", "thickness": "log"}


class Options(BaseModel):
    """Choices under ``[model.options.morphology]``.

    Parameters
    ----------
    pressure : {"as_stated", "calibrated"}
        Whether the stated pressures act on the deposit, or ``morphology_pressure_factor`` times
        them: two sources disagree sixfold about the pressure in a coin cell. Not identified by
        this table: the factor and ``1/film_constraint_factor`` enter as a product.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pressure: StatedPressure = "as_stated"


def _seen(table: xr.Dataset, column: str) -> Any:
    return np.flatnonzero(np.isfinite(np.asarray(table[column].values, dtype=float)))


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``morphology_coverage`` [1] and ``morphology_thickness`` [um], where imaged.

    Islands of fixed volume creep under the pressure for as long as they exist, plating and rest.
    """
    parameters = context.parameters
    plating = si(table, "plating_time")
    deposits = context.design(
        "morphology",
        time=plating + np.nan_to_num(si(table, "rest_time")),
        pressure=si(table, "pressure"),
        temperature=si(table, "temperature"),
    )
    log_coverages = log_coverage_under_pressure(
        deposits["time"],
        context.acting_pressure("morphology", table, deposits["pressure"]),
        deposits["temperature"],
        parameters["initial_coverage"],
        parameters["creep_exponent"],
        parameters.si("creep_reference_stress"),
        parameters.si("creep_activation_energy"),
        parameters["film_constraint_factor"],
    )
    for column, scale in _SCALES.items():
        at = _seen(table, column)
        if not at.size:
            continue
        part = table.isel(morphology=at)
        name = f"morphology_{column}"
        observed, design = measured(part, column, scale=scale)
        charge = (si(table, "current_density") * plating)[at]
        data, rows = context.pack(name, observed, charge=charge, **design.columns)
        log_coverage = log_coverages[at]
        if column == "coverage":
            location = log_coverage - np.log(-np.expm1(log_coverage))
        else:
            density = parameters["apparent_density"]
            thickness = deposit_thickness(
                rows["charge"], np.exp(log_coverage), density, context.molar_volume
            )
            location = np.log(thickness / unit(part, column))
        observed_value(
            name,
            observed=data,
            location=location,
            scatter=parameters[f"{column}_scatter"],
            rows=rows,
            design=design,
            scale=scale,
        )


def dims(table: xr.Dataset) -> dict[str, list[str]]:
    """Return the labels of the rows of each observed variable."""
    return {
        f"morphology_{column}": labels(table.isel(morphology=_seen(table, column)))
        for column in _SCALES
    }


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn coverages and thicknesses."""
    result = table.copy(deep=True)
    for column, scale in _SCALES.items():
        at = _seen(table, column)
        if at.size:
            part = table.isel(morphology=at)
            written = recorded(part, column, drawn[f"morphology_{column}"], scale=scale)
            for name in (column, f"{column}_sd"):
                result[name].values[at] = written[name].values
    return result
