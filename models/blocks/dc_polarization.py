"""DC polarisation of metal on a ceramic electrolyte: the clock of voids at the interface."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from data.errors import ModelError
from models.context import Context, pressure
from models.latents import PROTOCOLS
from models.likelihoods import Threshold, observed_clock, observed_value
from models.observations import measured, recorded, recorded_currents, si, unit
from models.physics import (
    arrhenius,
    metal_capacity,
    void_free_current_density,
    void_free_log_slope,
    void_free_time,
)

__all__ = ["SOURCES", "Options", "likelihood", "record"]

SOURCES = ("tsai2020", "lu2022", "spencerjolly2020", "wang2020")

_VOIDS = Threshold(void_free_current_density, void_free_log_slope, void_free_time)


class Options(BaseModel):
    """Choices under ``[model.options.dc_polarization]``.

    Parameters
    ----------
    creep_current : {"empirical", "norton"}
        How creep feeds the interface: a power of the pressure calibrated at 9 MPa, or the power
        law of creep tests with a constraint factor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    creep_current: Literal["empirical", "norton"] = "empirical"


def _protocols(table: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return the rows of each protocol that has any."""
    parts = {
        name: table.isel(dc_polarization=np.flatnonzero(table["protocol"].values == name))
        for name in PROTOCOLS
    }
    return {name: part for name, part in parts.items() if part.sizes["dc_polarization"]}


def _supply(part: xr.Dataset, protocol: str, rows: Any, context: Context) -> list[Any]:
    """Return what the void-free current depends on besides time, one entry a row."""
    parameters = context.parameters
    diffusivity = arrhenius(
        parameters.si("self_diffusivity"),
        parameters.si("self_diffusion_activation_energy"),
        rows["temperature"],
    )
    creep: Any = 0.0 * rows["temperature"]
    if (np.asarray(part["pressure"].values) > 0).any() or np.isfinite(part["pressure_sd"]).any():
        creep = context.creep_fed_current_density(
            pressure(part, f"dc_polarization_{protocol}_pressure", rows["pressure"]),
            rows["thickness"],
            rows["temperature"],
        )
    supply = parameters[f"supply_factor[{protocol}]"]
    return [diffusivity, context.molar_volume, supply, creep]


def _check_metal(part: xr.Dataset, context: Context) -> None:
    """Refuse rows in which more metal was stripped than there was."""
    passed = si(part, "current_density") * np.fmax(
        si(part, "transition_time"), si(part, "transition_time_lower")
    )
    present = metal_capacity(si(part, "electrode_thickness"), context.molar_volume)
    for row in np.flatnonzero(passed > present):
        raise ModelError(
            f"dc_polarization.csv, line {int(part['line'].values[row])}: "
            f"{passed[row] / 3.6e4:.3g} mAh/cm^2 was stripped before the transition, but "
            f"electrode_thickness = {float(part['electrode_thickness'].values[row]):g} um holds "
            f"{present[row] / 3.6e4:.3g}; check current, time and thickness"
        )


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``dc_polarization_one_way`` [s] and ``dc_polarization_step`` [mA/cm^2].

    A one-way row is a clock; a step row holds the current at which its cell just fails within one
    step. Both share the scatter between cells, and each protocol has its own supply factor.
    """
    scatter = context.parameters["dc_polarization_scatter"]
    for protocol, part in _protocols(table).items():
        name = f"dc_polarization_{protocol}"
        shared = {
            "temperature": si(part, "temperature"),
            "pressure": si(part, "pressure"),
            "thickness": np.nan_to_num(si(part, "electrode_thickness"), nan=0.0),
        }
        if protocol == "one_way":
            _check_metal(part, context)
            observed, design = measured(part, "transition_time", end="stop_time")
            data, rows = context.pack(
                name,
                observed,
                log_current=np.log(si(part, "current_density")),
                **shared,
                **design.columns,
            )
            observed_clock(
                name,
                observed=data,
                threshold=_VOIDS,
                parameters=_supply(part, protocol, rows, context),
                log_current=rows["log_current"],
                scatter=scatter,
                rows=rows,
                design=design,
            )
        else:
            observed, design = measured(part, "current_density")
            data, rows = context.pack(
                name, observed, step_time=si(part, "step_time"), **shared, **design.columns
            )
            threshold = void_free_current_density(
                rows["step_time"], *_supply(part, protocol, rows, context)
            )
            observed_value(
                name,
                observed=data,
                location=np.log(threshold / unit(part, "current_density")),
                scatter=scatter,
                rows=rows,
                design=design,
            )


def dims(table: xr.Dataset) -> dict[str, list[str]]:
    """Return the labels of the rows of each observed variable."""
    return {
        f"dc_polarization_{protocol}": [str(cell) for cell in part["cell"].values]
        for protocol, part in _protocols(table).items()
    }


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn times and current intervals."""
    result = table.copy(deep=True)
    for protocol, part in _protocols(table).items():
        values = drawn[f"dc_polarization_{protocol}"]
        at = np.flatnonzero(table["protocol"].values == protocol)
        if protocol == "one_way":
            column, written = "transition_time", recorded(
                part, "transition_time", values, end="stop_time"
            )
        else:
            column, written = "current_density", recorded_currents(part, values)
        for suffix in ("", "_sd", "_lower", "_upper"):
            if f"{column}{suffix}" in result and (suffix or protocol == "one_way"):
                result[f"{column}{suffix}"].values[at] = written[f"{column}{suffix}"].values
    return result
