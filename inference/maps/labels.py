"""Variables, coordinates and attributes of a map, with units and names."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from data.arrays import Array
from inference.designs.axes import AXES, CURRENT
from inference.designs.design import Design
from inference.designs.limits import option
from inference.designs.mechanisms import CURRENT_FACTOR, MECHANISMS
from inference.designs.scope import COVERS, DOES_NOT_COVER
from inference.engine.standing import PRIOR_DRIVEN_WORDS
from inference.maps.clock import beyond_clock, clock_on_map
from inference.maps.evaluation import QUANTILES, MapNumbers
from inference.maps.extrapolation import extrapolation, supports
from inference.maps.gaps import between_sentences
from inference.maps.known import scatter_prior_driven
from inference.maps.one_condition import one_condition
from inference.maps.separators import belonging
from models import physics
from models.separators import MACMULLIN_SCATTER

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["map_attributes", "map_coordinates", "map_variables", "risk_coordinate"]


def map_variables(
    result: "Basis", design: Design, numbers: MapNumbers, risk: float, risks: Array
) -> dict[str, Any]:
    """Return the variables of a map with their dimensions, units and names."""
    grid = design.dims
    safe = numbers.safe[int(np.flatnonzero(risks == risk)[0])]

    def currents(dims: tuple[str, ...], values: Array, name: str, **attrs: float) -> Any:
        described = {"units": CURRENT.unit, "long_name": name, **attrs}
        return (*dims, *grid), values / CURRENT_FACTOR, described

    def shares(dims: tuple[str, ...], values: Any, name: str, **attrs: str) -> Any:
        return (*dims, *grid), values, {"units": "1", "long_name": name, **attrs}

    each, quantile = ("mechanism", "quantile"), ("quantile",)
    driven = {
        "units": "1",
        "long_name": "whether the scatter between cells comes from its prior",
        "comment": f"true where a scatter is, beyond Monte Carlo error, {PRIOR_DRIVEN_WORDS}",
    }
    return {
        "median_cell_threshold": currents(
            each, numbers.median_cell, "threshold current density of the median cell"
        ),
        "predictive_threshold": currents(
            each, numbers.new_cell, "threshold current density of a new cell"
        ),
        "median_cell_critical_current_density": currents(
            quantile, numbers.median_limit, "critical current density of the median cell"
        ),
        "predictive_critical_current_density": currents(
            quantile, numbers.new_limit, "critical current density of a new cell"
        ),
        "safe_current_density": currents(
            (),
            safe,
            f"current density at which a new cell fails with probability {risk:g}",
            risk=risk,
        ),
        "safe_current_density_at_risk": currents(
            ("risk",),
            numbers.safe,
            "current density at which a new cell fails with the probability of the axis risk",
        ),
        "probability_safe": shares(
            ("current_density",),
            numbers.probability_safe,
            "probability that a new cell bears the current density",
        ),
        "probability_limiting": shares(
            ("mechanism",), numbers.limiting, "probability that the mechanism limits a new cell"
        ),
        "scatter_prior_driven": ("mechanism", scatter_prior_driven(result, design), driven),
        "extrapolation": shares(
            (),
            extrapolation(design, result) | beyond_clock(design, result, safe / CURRENT_FACTOR),
            "whether the conditions lie outside the range of the data",
            comment="true where a condition lies outside what the rows that tell of a limit span "
            "in it, or two conditions together outside the convex region that they span in both, "
            "or the charge over the safe current outside the times that cells were tested for",
        ),
    }


def risk_coordinate(risks: Array) -> Any:
    """Return the coordinate of risks."""
    return "risk", risks, {"units": "1", "long_name": "probability that a new cell fails"}


def map_coordinates(design: Design, fitted: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the conditions of a map, those of a separator as fitted with median and sd."""
    mechanisms = MECHANISMS[design.cell]
    coordinates: dict[str, Any] = {}
    for name, axis in design.axes.items():
        attrs: dict[str, Any] = {"units": axis.kind.unit, "long_name": axis.kind.long_name}
        if name in design.tolerances:
            tolerance = design.tolerances[name]
            attrs["tolerance"] = 100.0 * tolerance.sd if tolerance.relative else tolerance.sd
            attrs["tolerance_units"] = (
                "%"
                if tolerance.relative
                else ("K" if axis.kind.spread == "normal" else axis.kind.unit)
            )
        coordinates[name] = (
            (name, axis.values, attrs) if axis.swept else ((), axis.values[0], attrs)
        )
    for name, (median, sd) in fitted.items():
        kind = AXES[design.cell][name]
        attrs = {"units": kind.unit, "long_name": kind.long_name, "comment": "posterior median"}
        attrs |= {"tolerance": sd, "tolerance_units": kind.unit} if sd > 0.0 else {}
        coordinates[name] = ((), median, attrs)
    if design.cell == "liquid":
        kinds = AXES["liquid"]
        if "charge" not in design.axes:
            attrs = {"units": kinds["charge"].unit, "long_name": kinds["charge"].long_name}
            coordinates["charge"] = ((), math.inf, attrs | {"comment": "steady state"})
        if "macmullin_number" not in coordinates:
            porosity = design.axes["porosity"]
            values = physics.macmullin_number_from_porosity(porosity.values, design.pore_type)
            attrs = {
                "units": "1",
                "long_name": kinds["macmullin_number"].long_name,
                "comment": f"from the porosity, {design.pore_type} pores; a new separator scatters "
                f"by {MACMULLIN_SCATTER[design.pore_type]:g} in its logarithm",
            }
            coordinates["macmullin_number"] = (
                ("porosity", values, attrs) if porosity.swept else ((), values[0], attrs)
            )
    coordinates["mechanism"] = (
        "mechanism",
        [mechanism.name for mechanism in mechanisms],
        {
            "long_name": "mechanism of failure",
            "comment": "; ".join(f"{item.name}: {item.long_name}" for item in mechanisms),
        },
    )
    coordinates["quantile"] = (
        "quantile",
        list(QUANTILES),
        {"units": "1", "long_name": "quantile over posterior draws"},
    )
    coordinates["current_density"] = (
        "current_density",
        design.current.values,
        {"units": CURRENT.unit, "long_name": CURRENT.long_name},
    )
    return coordinates


def map_attributes(
    result: "Basis", design: Design, risk: float, seed: int, count: int, safe: Array
) -> dict[str, Any]:
    """Return what a map says of itself, given its safe current [mA/cm^2] at each point."""
    cell, every = design.cell, supports(design, result)
    ranges = {each.limit: dict(each.ranges) for each in every}
    process = "charging" if cell == "liquid" else "stripping"
    kind = str(result.attrs["campaign_kind"])
    title = f"Safe-current map of a {cell} cell, {process}"
    attrs: dict[str, Any] = {
        "Conventions": "CF-1.11",
        "title": f"{title} (SYNTHETIC DATA)" if result.synthetic else title,
        "cell": cell,
        "data_kind": kind,
        "new_cell": f"a new cell{belonging(design, result)}",
        "covers": COVERS[cell],
        "does_not_cover": DOES_NOT_COVER[cell],
        "risk": risk,
        "seed": seed,
        "draws": count,
        "data_ranges": json.dumps(ranges[every[0].limit] if len(every) == 1 else ranges),
        "kinetics": result.kinetics,
    }
    if "area_ratio" in design.axes:
        attrs["covers"] = attrs["covers"].replace(
            "one laboratory cell", "one cell of area_ratio times the area of those measured", 1
        )
        attrs["does_not_cover"] = (
            attrs["does_not_cover"]
            .replace("larger areas or many cells (the weakest spot decides)", "many cells", 1)
            .replace("The mechanisms' cell factors", "The cell factors of patches and mechanisms")
        )
    untried = [*between_sentences(design, result), *clock_on_map(design, result, safe)]
    if cell == "liquid":
        if option(result.attrs, "penetration", "pores") != "typical":
            attrs["pores"] = option(result.attrs, "penetration", "pores")
            attrs["does_not_cover"] = attrs["does_not_cover"].replace(
                "the largest pores of the separator, ", ""
            )
        attrs["pore_type"] = design.pore_type
    else:
        attrs["protocol"] = design.protocol
        untried = [one_condition(design.protocol, every[0].ranges, "{:.3g}".format), *untried]
        attrs["creep_current"] = option(result.attrs, "dc_polarization", "creep_current")
    if any(untried):
        attrs["untried_law"] = " ".join(filter(None, untried))
    for name in (
        "name",
        "campaign",
        "metal",
        "result_id",
        "resolved_hash",
        "data_hash",
        "prior_hash",
    ):
        if name in result.attrs:
            attrs[name] = result.attrs[name]
    return attrs
