"""Safe-current maps: which current a cell bears, how sure that is, and what limits it.

Every limit is a current density at which a cell just fails. For the *median* cell it follows from
the posterior alone. A *new* cell differs from it by a lognormal factor u for each mechanism, by the
scatter of its separator and by the tolerances of its design; the spread of its critical current is
the *predictive* one, and its quantile at a stated risk is the safe current. At a fixed charge the
threshold is the root of ``j = u j_x(Q/j)``, so u stays inside the equation.

The mechanisms are in `inference.designs.mechanisms`, the numbers are computed in
`inference.maps.evaluation`, with the noise of `inference.designs.noise`: one standard normal number
for each draw and each source of scatter, used at every point, so that maps are smooth and repeat
exactly.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.designs.design import Design
from inference.designs.limits import Setting
from inference.designs.mechanisms import CURRENT_FACTOR, MECHANISMS
from inference.maps.asked import as_asked, asked_designs, asked_sections, one_design
from inference.maps.caveats import beyond_tested, caveats, untested_protocol
from inference.maps.cells import NewCells
from inference.maps.evaluation import evaluate
from inference.maps.known import (
    LEAST_DRAWS_BEYOND,
    check_risk,
    drawn_parameters,
    draws_due,
    refuse_uncovered,
    refuse_unresolved,
)
from inference.maps.labels import map_attributes, map_coordinates, map_variables, risk_coordinate
from inference.maps.separators import as_fitted
from inference.thresholds import DEFAULT_RISK

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["RISKS", "maps_from_job", "new_cell_currents", "safe_current_map"]

RISKS: Final = (0.01, 0.05, 0.1, 0.25, 0.5)
"""Risks at which a map states safe currents besides the one asked for, where the draws resolve
them."""


def safe_current_map(
    result: "Basis",
    design: Design | Mapping[str, Any],
    *,
    draws: int = 4000,
    risk: float = DEFAULT_RISK,
    seed: int | None = None,
    block_size: int = 64_000,
) -> xr.Dataset:
    """Map the current that a cell bears over the conditions of its design.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design : Design or mapping
        The design; a mapping is one as in a job file, with the key `cell` ("liquid" or "solid").
        With its key `separators` ("campaign" for all of the campaign's, or a list of their names
        or of tables with their properties) the map has them as a dimension. A name alone stands
        for the separator as it was fitted: new cells are of *that* one, with the posterior of its
        properties and of its offset. Any other is a new separator of stated properties, whose
        standard deviations are tolerances; its offset is drawn anew.
    draws : int, optional
        Posterior draws to use, chosen at random; all of them if there are fewer.
    risk : float, optional
        Probability of failure at which the safe current is stated, in (0, 0.5].
    seed : int, optional
        Seed of the choice of draws and of the predictive noise; the seed of the result by default.
    block_size : int, optional
        Numbers that a thread holds at once for each quantity; bounds the memory and does not
        change the answer.

    Returns
    -------
    xarray.Dataset
        Dimensions are the swept axes of the design, `separator` in front of them where there are
        named ones, `quantile`, `mechanism`, `risk` and `current_density`; fixed axes are scalar
        coordinates, those of a separator as fitted posterior medians. `new_cell` says which cells
        are meant: an attribute, or a coordinate of named separators. A steady state is a charge of
        inf. Current densities are per area of the cell [mA/cm^2].

        median_cell_threshold, predictive_threshold (mechanism, quantile, axes)
            Threshold of each mechanism, of the median cell and of a new cell.
        median_cell_critical_current_density, predictive_critical_current_density (quantile, axes)
            The smallest of them in each draw.
        safe_current_density (axes)
            Current that a new cell fails at with probability `risk`.
        safe_current_density_at_risk (risk, axes)
            The same at other risks: those of `RISKS` that the draws resolve, and the one asked for.
        probability_safe (current_density, axes)
            Probability that a new cell bears the current.
        probability_limiting (mechanism, axes)
            Probability that the mechanism is the one that fails first.
        scatter_prior_driven (mechanism)
            Whether the data hardly narrow a scatter of the mechanism.
        extrapolation (axes)
            Whether the point lies outside the range of the data, or its charge over its safe
            current is of a longer or shorter test than cells were given.

        The attribute `suspicions` says, a line each, why its numbers may be wrong; it is missing
        where nothing is known against them.

    Raises
    ------
    MapError
        If the design is not legal, or asks for conditions that nothing in the fit speaks of.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> radii = {"from": "5 nm", "to": "50 nm", "points": 10}
    >>> safe_current_map(result, {"cell": "liquid", "pore_radius": radii}).sizes["pore_radius"]
    10
    """
    asked = {} if isinstance(design, Design) else as_asked(design)
    designs = {"": design} if isinstance(design, Design) else asked_designs(design, result)
    check_risk(risk)
    for each in designs.values():
        refuse_uncovered(each, result)
    seed = int(result.attrs["seed"]) if seed is None else seed
    found = {
        name: _one_map(result, each, draws, risk, seed, block_size)
        for name, each in designs.items()
    }
    dataset = found[""] if "" in found else _beside(designs, found)
    told = "\n".join(
        dict.fromkeys(
            line for name, each in found.items() for line in _doubts(result, designs[name], each)
        )
    )
    return dataset.assign_attrs(asked | ({"suspicions": told} if told else {}))


def _doubts(result: "Basis", design: Design, dataset: xr.Dataset) -> list[str]:
    """Say why a map may be wrong, and that it reaches above every current tested.

    Where it is extrapolated it says so by itself.
    """
    safe = dataset["safe_current_density"].where(~dataset["extrapolation"], 0.0)
    first = dataset["probability_limiting"].argmax("mechanism")
    above = [
        words
        for at, item in enumerate(MECHANISMS[design.cell])
        for words in beyond_tested(
            result, item.name, float(safe.where(first == at, 0.0).max()), design.protocol
        )
    ]
    untested = untested_protocol(result, design.protocol) if design.cell == "solid" else ""
    return [*filter(None, [untested]), *caveats(result, design.cell), *above]


def _one_map(
    result: "Basis", design: Design, draws: int, risk: float, seed: int, block_size: int
) -> xr.Dataset:
    parameters, noise = drawn_parameters(result, design, max(draws, draws_due(risk)), seed)
    count = next(iter(parameters.values())).shape[-1]
    refuse_unresolved(risk, count)
    resolved = {level for level in RISKS if level * count >= LEAST_DRAWS_BEYOND}
    risks = np.array(sorted({risk, *resolved}))
    numbers = evaluate(
        design,
        parameters,
        Setting.of(result),
        noise,
        risks=risks,
        numbers_at_once=block_size,
    )
    variables = map_variables(result, design, numbers, risk, risks)
    safe = np.asarray(variables["safe_current_density"][1])
    return xr.Dataset(
        variables,
        coords=map_coordinates(design, as_fitted(parameters)) | {"risk": risk_coordinate(risks)},
        attrs=map_attributes(result, design, risk, seed, count, safe),
    )


def _beside(designs: Mapping[str, Design], found: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Lay the maps of named separators beside each other, their properties as coordinates."""
    names = list(found)
    # What a separator brings stands over the separators, also where all of them agree.
    own = [
        name
        for name in ("pore_radius", "porosity", "thickness", "macmullin_number")
        if name in next(iter(found.values())).coords
    ]
    # A MacMullin number that follows from the porosity has a scatter of its own kind.
    spread = [
        each
        for each in own
        if all(each in design.axes or design.separator for design in designs.values())
        and any("tolerance" in each_map[each].attrs for each_map in found.values())
    ]
    parts = []
    for name, each_map in found.items():
        dataset = each_map.copy()
        for each in own:
            stated = dataset[each].attrs
            dataset[each].attrs = {key: stated[key] for key in ("units", "long_name")}
            if each in spread:
                # A tolerance belongs to one separator: it stands in a coordinate of its own.
                value = stated.get("tolerance", 0.0)
                if stated.get("tolerance_units") == "%":
                    value *= float(dataset[each]) / 100.0
                words = f"standard deviation of the {stated['long_name']}"
                attrs = {"units": stated["units"], "long_name": words}
                dataset.coords[f"{each}_sd"] = ((), value, attrs)
        for each, value, words in (
            ("pore_type", designs[name].pore_type, "kind of pores"),
            ("new_cell", dataset.attrs["new_cell"], "which new cells are meant"),
        ):
            dataset.coords[each] = ((), value, {"long_name": words})
        parts.append(dataset.expand_dims(separator=[name]))
    together = xr.concat(
        parts,
        dim="separator",
        data_vars="all",
        coords=[*own, *(f"{each}_sd" for each in spread), "pore_type", "new_cell"],
        compat="equals",
        join="exact",
        combine_attrs="override",
    )
    together["separator"].attrs = {"long_name": "separator"}
    for each in ("pore_type", "new_cell"):
        together.attrs.pop(each, None)
    return together[list(found[names[0]].data_vars)]


def new_cell_currents(
    result: "Basis",
    design: Design | Mapping[str, Any],
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> Array:
    """Draw the critical current densities of new cells.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design, draws, seed
        As in :func:`safe_current_map`; of one separator.

    Returns
    -------
    ndarray, shape (*axes of the design, draw)
        Current density that each new cell just fails at [mA/cm^2].

    Raises
    ------
    MapError
        If the design is not legal, or asks for conditions that nothing in the fit speaks of.
    """
    if not isinstance(design, Design):
        design = one_design(design, result)
    refuse_uncovered(design, result)
    seed = int(result.attrs["seed"]) if seed is None else seed
    parameters, noise = drawn_parameters(result, design, draws, seed)
    cells = NewCells(design, parameters, Setting.of(result), noise)
    everywhere = tuple(slice(0, size) for size in design.shape)
    currents = [cells.threshold(mechanism, everywhere) for mechanism in cells.mechanisms]
    lowest = np.minimum.reduce(np.broadcast_arrays(*currents))
    return cast("Array", lowest / CURRENT_FACTOR)


def maps_from_job(
    result: "Basis",
    axes: Mapping[str, Mapping[str, Any]],
    *,
    draws: int = 4000,
    risk: float = DEFAULT_RISK,
    seed: int | None = None,
) -> dict[str, xr.Dataset]:
    """Draw the maps that a job asks for, the two kinds of cell apart.

    Parameters
    ----------
    result : Basis
        A finished fit.
    axes : mapping
        The section `map.axes` of the job: designs by kind of cell. When it is empty, the default
        design of every kind of cell that the campaign has data of.
    draws, risk, seed
        As in :func:`safe_current_map`.

    Returns
    -------
    dict of str to xarray.Dataset
        Maps by kind of cell.

    Raises
    ------
    MapError
        If a design is not legal.
    """
    sections = asked_sections(axes, result)
    return {
        cell: safe_current_map(result, {**section, "cell": cell}, draws=draws, risk=risk, seed=seed)
        for cell, section in sections.items()
    }
