"""Published estimates: lognormal about the model's own value, with the stated error."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from data.quantities import quantities
from data.units import si_factor
from models.context import Context
from models.likelihoods import observed_value
from models.observations import Design, measured, recorded, si
from models.physics import Layer, limiting_current_density

__all__ = ["SOURCES", "likelihood", "record"]

SOURCES = ()

_COLUMNS = {"value": "estimate", "lower": "estimate_lower", "upper": "estimate_upper"}


def _separator(row: xr.Dataset, context: Context) -> int:
    return int(context.separators.index(row["separator"].values)[0])


def _temperature(row: xr.Dataset) -> float:
    value = float(si(row, "temperature")[0])
    return value if np.isfinite(value) else 298.15


def _critical_current(row: xr.Dataset, context: Context) -> Any:
    """Threshold of the median cell of a separator at 25 degC [A/m^2], its own offset included."""
    at_25 = row.assign(temperature=row["temperature"].fillna(25.0).assign_attrs(units="degC"))
    return np.exp(context.log_threshold(at_25)[0])


def _limiting_current(row: xr.Dataset, context: Context) -> Any:
    """Limiting current density of one layer at the campaign's concentration [A/m^2]."""
    k = _separator(row, context)
    layer = Layer(
        context.separators.si("thickness")[k],
        context.separators["porosity"][k],
        context.separators["macmullin_number"][k],
    )
    diffusivity = context.parameters.si("diffusivity_over_anion_transference")
    return limiting_current_density(diffusivity, 0.0, context.concentration, [layer])


def _creep_fed_current(row: xr.Dataset, context: Context) -> Any:
    return context.creep_fed_current_density(
        float(si(row, "pressure")[0]), float(si(row, "metal_thickness")[0]), _temperature(row)
    )


_DERIVED: dict[str, Callable[[xr.Dataset, Context], Any]] = {
    "critical_current_density": _critical_current,
    "limiting_current_density": _limiting_current,
    "critical_to_limiting_ratio": lambda row, context: (
        _critical_current(row, context) / _limiting_current(row, context)
    ),
    "creep_fed_current_density": _creep_fed_current,
    "diffusivity_over_anion_transference_squared": lambda _row, context: (
        context.parameters.si("diffusivity_over_anion_transference")
        / (1.0 - context.parameters["transference_number"])
    ),
}


def _value(row: xr.Dataset, context: Context) -> Any:
    """Return the model's value of one row's quantity in its canonical unit."""
    name = str(row["quantity"].values[0])
    if name in _DERIVED:
        return _DERIVED[name](row, context) / si_factor(quantities()[name].unit)
    protocol = str(row["protocol"].values[0])
    return context.parameters[f"{name}[{protocol}]" if protocol else name]


def _observed(table: xr.Dataset) -> tuple[Any, Design]:
    """Return the estimates and their design; a stated error also softens a bound."""
    observed, design = measured(table.rename(_COLUMNS), "estimate")
    numbers = {name: np.asarray(table[name].values, dtype=float) for name in ("sd", "relative_sd")}
    about = np.where(np.isfinite(table["value"].values), table["value"].values, observed)
    stated = np.sqrt(np.log1p((numbers["sd"] / about) ** 2))
    sd = np.where(np.isfinite(numbers["relative_sd"]), numbers["relative_sd"], stated)
    return observed, Design(sd, design.halfwidth, design.floor, design.ceiling)


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Register ``published``: each row in the canonical unit of its quantity."""
    import pytensor.tensor as pt

    observed, design = _observed(table)
    data, rows = context.pack("published", observed, **design.columns)
    expected = [
        _value(table.isel(published=[row]), context) for row in range(table.sizes["published"])
    ]
    observed_value(
        "published",
        observed=data,
        location=np.log(pt.stack(expected)),
        scatter=0.0,
        rows=rows,
        design=design,
    )


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn estimates."""
    renamed = recorded(table.rename(_COLUMNS), "estimate", drawn["published"])
    return renamed.rename({new: old for old, new in _COLUMNS.items()})
