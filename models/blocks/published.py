"""Published estimates: lognormal about the model's own value, with the stated error.

A fraction, such as a transference number, is normal on its logit scale instead, so that what is
drawn of it stays one; the stated error is that of the logit to first order.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.quantities import quantities
from data.units import si_factor
from models.block import Block, Observable
from models.context import Context
from models.likelihoods import observed_value
from models.observations import TOLERANCE, Design, Scale, measured, recorded, si
from models.physics import Layer, limiting_current_density

__all__ = ["BLOCK", "one_value", "stated"]


_NEAREST_TO_ONE = 1.0 - 1e-6
_COLUMNS = {"value": "estimate", "lower": "estimate_lower", "upper": "estimate_upper"}


def _separator(row: xr.Dataset, context: Context) -> int:
    return int(context.separators.index(row["separator"].values)[0])


def _temperature(row: xr.Dataset) -> float:
    value = float(si(row, "temperature")[0])
    return value if np.isfinite(value) else 298.15


def _log_critical_current(row: xr.Dataset, context: Context) -> Any:
    """Threshold of the median cell of a separator at 25 degC [A/m^2], its own offset included."""
    at_25 = row.assign(temperature=row["temperature"].fillna(25.0).assign_attrs(units="degC"))
    return context.log_threshold(at_25)[0]


def _log_limiting_current(row: xr.Dataset, context: Context) -> Any:
    """Limiting current density of one layer at the campaign's concentration [A/m^2]."""
    k = _separator(row, context)
    layer = Layer(
        context.separators.si("thickness")[k],
        context.separators["porosity"][k],
        context.separators["macmullin_number"][k],
    )
    diffusivity = context.parameters.si("diffusivity_over_anion_transference")
    return np.log(limiting_current_density(diffusivity, 0.0, context.concentration, [layer]))


def _log_creep_fed_current(row: xr.Dataset, context: Context) -> Any:
    return np.log(
        context.creep_fed_current_density(
            float(si(row, "pressure")[0]), float(si(row, "metal_thickness")[0]), _temperature(row)
        )
    )


# Logarithms throughout: a threshold that a far offset takes below the least number has one.
_LOG_DERIVED: dict[str, Callable[[xr.Dataset, Context], Any]] = {
    "critical_current_density": _log_critical_current,
    "limiting_current_density": _log_limiting_current,
    "critical_to_limiting_ratio": lambda row, context: (
        _log_critical_current(row, context) - _log_limiting_current(row, context)
    ),
    "creep_fed_current_density": _log_creep_fed_current,
    "diffusivity_over_anion_transference_squared": lambda _row, context: np.log(
        context.parameters.si("diffusivity_over_anion_transference")
        / (1.0 - context.parameters["transference_number"])
    ),
}


def _log_value(row: xr.Dataset, context: Context) -> Any:
    """Return the logarithm of the model's value of one row's quantity in its canonical unit."""
    name = str(row["quantity"].values[0])
    if name in _LOG_DERIVED:
        return _LOG_DERIVED[name](row, context) - np.log(si_factor(quantities()[name].unit))
    protocol = str(row["protocol"].values[0])
    return np.log(context.parameters[f"{name}[{protocol}]" if protocol else name])


def _fractions(table: xr.Dataset) -> NDArray[np.bool_]:
    """Return which rows estimate a fraction, shape (rows,)."""
    names = table["quantity"].values
    return np.array([quantities()[str(name)].support == "fraction" for name in names])


def _parts(table: xr.Dataset) -> Iterator[tuple[NDArray[np.intp], Scale]]:
    """Yield the positions of the rows of each natural scale that has any."""
    fractions = _fractions(table)
    for rows, scale in ((~fractions, "log"), (fractions, "logit")):
        if rows.any():
            yield np.flatnonzero(rows), cast("Scale", scale)


def _observed(table: xr.Dataset) -> tuple[Any, Design]:
    """Return the estimates and their design; a stated error also softens a bound."""
    rows = table.sizes["published"]
    observed = np.empty(rows)
    columns = {name: np.empty(rows) for name in ("sd", "halfwidth", "floor", "ceiling")}
    for at, scale in _parts(table):
        part = table.isel(published=at)
        observed[at], design = measured(part.rename(_COLUMNS), "estimate", scale=scale)
        for name in ("halfwidth", "floor", "ceiling"):
            columns[name][at] = getattr(design, name)
        columns["sd"][at] = _errors(part, observed[at], scale)
    return observed, Design(**columns)


def _errors(part: xr.Dataset, about: Any, scale: Scale) -> Any:
    """Return the stated errors on the natural scale, at the values, centres or bounds `about`."""
    sd, relative = (np.asarray(part[name].values, dtype=float) for name in ("sd", "relative_sd"))
    if scale == "logit":
        return np.where(np.isfinite(relative), relative, sd / about) / (1.0 - about)
    return np.where(np.isfinite(relative), relative, np.sqrt(np.log1p((sd / about) ** 2)))


def one_value(table: xr.Dataset) -> list[tuple[str, ...]]:
    """Return quantity and conditions of each row: those that agree share one value of the model."""
    conditions = ["quantity", "protocol", "separator", "temperature", "pressure", "metal_thickness"]
    return list(zip(*(table[name].values.astype(str) for name in conditions), strict=True))


def stated(
    table: xr.Dataset,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what each row states, on the natural scale of its quantity.

    Parameters
    ----------
    table : Dataset
        Published estimates.

    Returns
    -------
    lower, upper : ndarray, shape (rows,)
        The ends of what is stated: equal for a value, infinite where there is no bound.
    sd : ndarray, shape (rows,)
        The stated error of the value or of its bounds.
    """
    observed, design = _observed(table)
    x = np.log(observed) - np.log1p(-np.where(_fractions(table), observed, 0.0))
    lower = np.where(x <= design.floor + TOLERANCE, -np.inf, x - design.halfwidth)
    upper = np.where(x >= design.ceiling - TOLERANCE, np.inf, x + design.halfwidth)
    return lower, upper, design.sd


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``published``: each row in the canonical unit of its quantity."""
    import pytensor.tensor as pt

    observed, design = _observed(table)
    data, rows = context.pack("published", observed, **design.columns)
    keys = one_value(table)
    first = {key: keys.index(key) for key in dict.fromkeys(keys)}
    log_values = [_log_value(table.isel(published=[row]), context) for row in first.values()]
    position = np.array([list(first).index(key) for key in keys])
    fractions = _fractions(table)
    location = pt.stack(
        [
            value - np.log1p(-np.exp(value)) if fractions[row] else value
            for value, row in zip(log_values, first.values(), strict=True)
        ]
    )
    observation = observed_value(
        location=location[position],
        scatter=0.0,
        rows=rows,
        design=design,
        scale=fractions.astype(float) if fractions.any() else "log",
    )
    context.observe("published", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn estimates; their errors on the natural scale are the design's."""
    _, design = _observed(table)
    result = table.copy(deep=True)
    for at, scale in _parts(table):
        part = table.isel(published=at).rename(_COLUMNS)
        values = drawn["published"][at]
        if scale == "logit":  # six digits of a fraction are not 1
            values = np.minimum(values, _NEAREST_TO_ONE)
        written = recorded(part, "estimate", values, scale=scale)
        for own, name in _COLUMNS.items():
            result[own].values[at] = written[name].values
    about, _ = _observed(result)
    fractions = _fractions(table)
    relative = np.where(fractions, design.sd * (1.0 - about), np.sqrt(np.expm1(design.sd**2)))
    stated = np.isfinite(table["sd"].values)
    result["sd"].values[stated] = (about * relative)[stated]
    shrunk = fractions & np.isfinite(table["relative_sd"].values)
    result["relative_sd"].values[shrunk] = relative[shrunk]
    return result


BLOCK = Block(
    title="Published estimates",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            "published",
            "published estimate",
            "of the row",
            "Published estimates",
            "prediction over published value",
            relative=True,
        ),
    ),
)
