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

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import numpy as np
import xarray as xr

from data.errors import MapError
from inference.designs.axes import AXES, CURRENT, Cell, FloatArray
from inference.designs.basis import Planned
from inference.designs.design import Design
from inference.designs.mechanisms import (
    ACTIVATION,
    COVERS,
    CURRENT_FACTOR,
    DOES_NOT_COVER,
    LAB_SCATTER,
    MECHANISMS,
    SEPARATOR_SCATTER,
    Setting,
    has_lab_offsets,
    option,
    parameter_draws,
)
from inference.designs.noise import Noise, chosen_draws
from inference.designs.reading import (
    SEPARATOR_AXES,
    names_known_separators,
    read_design,
    read_designs,
)
from inference.engine.standing import PRIOR_DRIVEN_WORDS, Standing, standing
from inference.maps.caveats import above_tested, caveats
from inference.maps.evaluation import QUANTILES, Cells, MapNumbers, evaluate
from inference.maps.extrapolation import extrapolation, supports
from inference.maps.gaps import between_sentences
from inference.maps.row_counts import told_of_rows
from inference.maps.separators import as_fitted, belonging, separator_draws, separators_of
from inference.maps.unseen import one_condition
from inference.thresholds import DEFAULT_RISK, TOLERANCE_REACH
from models import physics
from models.separators import MACMULLIN_SCATTER
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "RISKS",
    "check_designs",
    "check_risk",
    "drawn",
    "drawn_with",
    "draws_due",
    "highest_pressure",
    "maps_from_job",
    "new_cell_currents",
    "one_design",
    "refuse_uncovered",
    "refuse_unresolved",
    "safe_current_map",
    "scatter_notes",
    "scatter_prior_driven",
    "shared_conditions",
]

RISKS: Final = (0.01, 0.05, 0.1, 0.25, 0.5)
"""Risks at which a map states safe currents besides the one asked for, where the draws resolve
them."""

PRESSURE_WITHOUT_DATA: Final = 9.0
"""Stack pressure [MPa] above which no map is drawn unless a campaign has data there."""

LEAST_DRAWS_BEYOND: Final = 20
"""Draws beyond a quantile below which it is not stated: its Monte-Carlo error is then a fifth of
the tail."""


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
            Whether the point lies outside the range of the data.

        The attribute `suspicions` says, a line each, why its numbers may be wrong; it is missing
        where nothing is known against them.

    Raises
    ------
    MapError
        If the design is not legal, or asks for conditions that nothing in the fit speaks of.
    """
    asked = {} if isinstance(design, Design) else _as_asked(design)
    designs = {"": design} if isinstance(design, Design) else _designs(design, result)
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
        for words in above_tested(result, item.name, float(safe.where(first == at, 0.0).max()))
    ]
    return [*caveats(result, design.cell), *above]


def _one_map(
    result: "Basis", design: Design, draws: int, risk: float, seed: int, block_size: int
) -> xr.Dataset:
    parameters, noise = drawn(result, design, max(draws, draws_due(risk)), seed)
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
    return xr.Dataset(
        _variables(result, design, numbers, risk, risks),
        coords=_coordinates(design, as_fitted(parameters)) | {"risk": _risk_coordinate(risks)},
        attrs=_attributes(result, design, risk, seed, count),
    )


def drawn(
    result: "Basis", design: Design, draws: int, seed: int
) -> tuple[dict[str, FloatArray], Noise]:
    """Return the posterior draws of a map and the noise of its new cells.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design : Design
        The design.
    draws, seed : int
        As in :func:`safe_current_map`.

    Returns
    -------
    parameters : dict of str to ndarray
        In SI, shape (draw,); those of the separator that the design names among them.
    noise : Noise
        Standard normal numbers, one for each draw and each source.

    Raises
    ------
    MapError
        If the number of draws is not legal.
    """
    if draws < 2:
        raise MapError(f"draws is {draws!r}, legal are whole numbers from 2")
    chosen = chosen_draws(result, draws, seed)
    parameters = parameter_draws(result, design.cell, design.protocol, chosen)
    noise = Noise(seed, chosen.size)
    return parameters | separator_draws(result, design, chosen, parameters, noise), noise


def check_risk(risk: float) -> None:
    """Refuse what is not a risk.

    Parameters
    ----------
    risk : float
        Probability of failure.

    Raises
    ------
    MapError
        If it is not above 0 and up to 0.5.
    """
    if not 0.0 < risk <= 0.5:
        raise MapError(f"risk is {risk!r}, legal are numbers above 0 up to 0.5, such as 0.05")


def draws_due(risk: float) -> int:
    """Return how many draws a small risk calls for: 20 of the cells drawn are to fail sooner.

    Parameters
    ----------
    risk : float
        Probability of failure.

    Returns
    -------
    int
        Of the posterior; 0 from the default risk on.
    """
    return math.ceil(LEAST_DRAWS_BEYOND / risk) if risk < DEFAULT_RISK else 0


def refuse_unresolved(risk: float, count: int) -> None:
    """Refuse a risk of which the draws hold too few cells.

    Parameters
    ----------
    risk : float
        Probability of failure.
    count : int
        Draws.

    Raises
    ------
    MapError
        If less than 20 of the cells drawn fail sooner.
    """
    # At the default risk the convergence gate sees to that: it asks for 400 effective draws.
    if risk < DEFAULT_RISK and risk * count < LEAST_DRAWS_BEYOND:
        raise MapError(
            f"risk is {risk:g}, and {count} draws hold only {risk * count:.3g} cells that fail "
            f"sooner: at least {LEAST_DRAWS_BEYOND} are due; ask for a risk from "
            f"{LEAST_DRAWS_BEYOND / count:.2g}, or draw more (sampler.draws in the job)"
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
) -> FloatArray:
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
    parameters, noise = drawn(result, design, draws, seed)
    cells = Cells(design, parameters, Setting.of(result), noise)
    everywhere = tuple(slice(0, size) for size in design.shape)
    currents = [cells.threshold(mechanism, everywhere) for mechanism in cells.mechanisms]
    lowest = np.minimum.reduce(np.broadcast_arrays(*currents))
    return cast("FloatArray", lowest / CURRENT_FACTOR)


def _variables(
    result: "Basis", design: Design, numbers: MapNumbers, risk: float, risks: FloatArray
) -> dict[str, Any]:
    """Return the variables of a map with their dimensions, units and names."""
    grid = design.dims

    def currents(dims: tuple[str, ...], values: FloatArray, name: str, **attrs: float) -> Any:
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
            numbers.safe[int(np.flatnonzero(risks == risk)[0])],
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
            extrapolation(design, result),
            "whether the conditions lie outside the range of the data",
            comment="true where a condition lies outside what the rows that tell of a limit span "
            "in it, or two conditions together outside the convex region that they span in both",
        ),
    }


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
    sections = _sections(axes, result)
    return {
        cell: safe_current_map(result, {**section, "cell": cell}, draws=draws, risk=risk, seed=seed)
        for cell, section in sections.items()
    }


def drawn_with(
    maps: Mapping[str, xr.Dataset], axes: Mapping[str, Mapping[str, Any]], result: "Basis"
) -> bool:
    """Say whether maps were drawn with the axes that a job asks for.

    Parameters
    ----------
    maps : mapping of str to xarray.Dataset
        Maps by kind of cell.
    axes : mapping
        The section `map.axes` of the job.
    result : Basis
        The fit.

    Returns
    -------
    bool
        False where a map is missing, is one too many, has other axes, or does not say which new
        cells it means.
    """
    asked = {cell: _as_asked(section)["axes"] for cell, section in _sections(axes, result).items()}
    return asked == {
        # Of a map that does not say which new cells it means, those of a separator were new ones.
        cell: dataset.attrs.get("axes") if "new_cell" in {**dataset.attrs, **dataset.coords} else ""
        for cell, dataset in maps.items()
    }


def _sections(
    axes: Mapping[str, Mapping[str, Any]], result: "Basis"
) -> dict[str, Mapping[str, Any]]:
    """Return the designs that are mapped: those asked for, or one of each cell with data."""
    return dict(axes) or {cell: {} for cell in AXES if result.data_ranges.get(cell)}


def _as_asked(section: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute that says which axes a map was made with, as a job writes them."""
    axes = {str(key): value for key, value in section.items() if key != "cell"}
    return {"axes": json.dumps(axes, sort_keys=True, default=str)}


def _designs(section: Mapping[str, Any], result: "Basis") -> dict[str, Design]:
    """Return the designs of a section: one, or one for each of its named separators."""
    entries = dict(section)
    if "cell" not in entries:
        raise MapError('a design needs its kind of cell: give "cell", liquid or solid')
    cell = str(entries.pop("cell"))
    return _read(cell, entries, result)


def _read(cell: str, section: Mapping[str, Any], known: Planned) -> dict[str, Design]:
    separators = separators_of(known) if names_known_separators(section) else {}
    return read_designs(
        cell,
        {**shared_conditions(cell, section, known), **section},
        salt_concentration=known.salt_concentration,
        separators=separators,
    )


def shared_conditions(
    cell: str, section: Mapping[str, Any], known: Planned
) -> dict[str, str | float]:
    """Return what a design takes from the data: conditions of which all rows have one value.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell.
    section : mapping
        The design as a job writes it.
    known : Planned
        A finished fit, or what one that is planned will speak of.

    Returns
    -------
    dict of str to str or float
        Entries as a job writes them, of axes that have one value by default and that the section
        does not give.
    """
    if cell not in get_args(Cell):
        return {}  # which reading it refuses
    usual = read_design(cell, {})
    ranges = known.data_ranges
    own = (
        ranges.get(f"solid {section.get('protocol', usual.protocol)}") if cell == "solid" else None
    )
    separators = "separators" in section
    return {
        name: ends[0] if axis.kind.unit == "1" else f"{ends[0]!r} {axis.kind.unit}"
        for name, axis in usual.axes.items()
        if not axis.swept and name not in section and not (separators and name in SEPARATOR_AXES)
        if len({*(ends := (own or ranges.get(cell, {})).get(name, []))}) == 1
    }


def one_design(section: Mapping[str, Any], result: "Basis") -> Design:
    """Read the design of one cell.

    Parameters
    ----------
    section : mapping
        As in a job file, with the key `cell`.
    result : Basis
        The fit.

    Returns
    -------
    Design
        The design.

    Raises
    ------
    MapError
        If it is not legal, or names several separators.
    """
    designs = _designs(section, result)
    if len(designs) > 1:
        raise MapError(
            f"the design names {len(designs)} separators ({', '.join(designs)}): one is due here"
        )
    return next(iter(designs.values()))


def check_designs(axes: Mapping[str, Mapping[str, Any]], known: Planned) -> None:
    """Refuse designs that no map will be drawn of, before anything is computed.

    Parameters
    ----------
    axes : mapping
        The section `map.axes` of a job: designs by kind of cell.
    known : Planned
        A finished fit, or what one that is planned will speak of.

    Raises
    ------
    MapError
        If a design is not legal, or asks for conditions that nothing in the fit speaks of; the
        message is the one with which the map itself is refused.
    """
    for cell, section in axes.items():
        for design in _read(cell, section, known).values():
            refuse_uncovered(design, known)


def refuse_uncovered(design: Design, result: Planned) -> None:
    """Refuse conditions about which neither data nor priors of the fit say anything.

    Parameters
    ----------
    design : Design
        The design.
    result : Planned
        A finished fit, or what one that is planned will speak of.

    Raises
    ------
    MapError
        If it asks for such conditions.
    """
    if design.cell == "liquid":
        weakest_link = option(result.attrs, "penetration", "pores") == "weakest_link"
        if "pore_size_spread" in design.axes and not weakest_link:
            raise MapError(
                "map axis 'pore_size_spread' says nothing here: the fit lets the typical pore "
                'decide; leave it out, or fit with pores = "weakest_link" under '
                "[model.options.penetration]"
            )
        if weakest_link and "pore_size_spread" not in {*design.axes, *result.posterior}:
            raise MapError(
                "the liquid design has no 'pore_size_spread': the largest pore decides, and every "
                "separator of the campaign states its own width; give that of the design, such as "
                "pore_size_spread = 0.1"
            )
        if weakest_link and "wetted_pores" not in result.posterior:
            raise MapError(
                'the largest pore decides (pores = "weakest_link"), but the fit holds no number '
                "of wetted pores, since no table of its campaign depends on it: add penetration "
                'or critical_current data, or fit with pores = "typical"'
            )
        temperatures = _reached(design, "temperature")
        far = temperatures[np.abs(temperatures - 25.0) > TEMPERATURE_WINDOW + 1e-9]
        missing = [name for name in ACTIVATION.values() if name not in result.posterior]
        if far.size and missing:
            raise MapError(
                f"map axis 'temperature' {_reaches(design, 'temperature', far[0])}, more than "
                f"{TEMPERATURE_WINDOW:g} K from 25 degC, where kinetics and transport follow "
                f"no law of temperature: give the job a prior for {' and '.join(missing)}, "
                "or stay within 20 to 30 degC"
            )
        return
    norton = option(result.attrs, "dc_polarization", "creep_current") == "norton"
    if norton and "constraint_factor" not in result.posterior:
        raise MapError(
            'creep_current = "norton" needs the constraint factor, and the fit holds none: it was '
            "stored before this factor was drawn from its prior where no row has a pressure; fit "
            'again, or fit with creep_current = "empirical"'
        )
    most = highest_pressure(result)
    pressures = _reached(design, "pressure")
    beyond = pressures[pressures > most * (1.0 + 1e-9)]
    if beyond.size:
        raise MapError(
            f"map axis 'pressure' {_reaches(design, 'pressure', beyond[0])}, but nothing is known "
            f"above {most:g} MPa: lower it, or add polarisations at that pressure to the campaign"
        )


def highest_pressure(result: Planned) -> float:
    """Return the stack pressure above which nothing is known.

    Parameters
    ----------
    result : Planned
        The fit.

    Returns
    -------
    float
        9 MPa, or the highest pressure of the data where that is more [MPa].
    """
    measured = result.data_ranges.get("solid", {}).get("pressure", [0.0, 0.0])
    return max(PRESSURE_WITHOUT_DATA, measured[1])


def _reached(design: Design, name: str) -> FloatArray:
    """Return the values of an axis, the last first, and then the ends of its tolerance."""
    return np.concatenate([design.axes[name].values[::-1], *design.reach(name)])


def _reaches(design: Design, name: str, value: float) -> str:
    """Say how an axis comes to a value: by itself, or by its tolerance."""
    axis = design.axes[name]
    shown = f"{value:.4g} {axis.kind.unit}"
    if np.isclose(axis.values, value).any():
        return f"has the value {shown}"
    return f"reaches {shown} within {name}_sd ({TOLERANCE_REACH:g} standard deviations)"


def scatter_standings(result: "Basis", design: Design) -> list[Standing]:
    """Say for each mechanism what its scatters come from: of several, the least known.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    list of {"prior", "near", "data"}
        In the order of `MECHANISMS`; see `inference.engine.standing`.
    """
    found: list[Standing] = []
    for own in _standings(result, design).values():
        every = {*own.values()}
        found.append("prior" if "prior" in every else "near" if "near" in every else "data")
    return found


def _standings(result: "Basis", design: Design) -> dict[str, dict[str, Standing]]:
    """Return what each scatter of new cells comes from, by mechanism."""
    rows = result.summary().to_dict("index")
    # Cells of one separator do not differ by the scatter between separators.
    shared = {SEPARATOR_SCATTER} if design.separator else set()
    return {
        item.name: {
            # A fixed parameter has no row: no data in it either.
            name: standing(rows.get(name))
            for name in (
                *(name for name in item.scatters if name not in shared),
                *([LAB_SCATTER] if has_lab_offsets(item, result) else []),
            )
        }
        for item in MECHANISMS[design.cell]
    }


def scatter_prior_driven(result: "Basis", design: Design) -> Any:
    """Say for each mechanism whether the data hardly speak of one of its scatters.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    ndarray of bool, shape (mechanism,)
        In the order of `MECHANISMS`.
    """
    return np.array([each == "prior" for each in scatter_standings(result, design)])


def scatter_notes(result: "Basis", design: Design) -> list[str]:
    """Say in sentences which scatters of new cells are their prior's, and what rows count as cells.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    list of str
        Empty where all come from data, of cells that have names.
    """
    every = _standings(result, design)
    found = told_of_rows(result, "fresh_cells", design.cell)
    for standing_of, words in (
        ("prior", "comes from the prior, not from data,"),
        ("near", "is near the limit between the prior and the data"),
    ):
        mechanisms = [
            f"{mechanism} ({', '.join(names)})"
            for mechanism, own in every.items()
            if (names := [name for name, found_of in own.items() if found_of == standing_of])
        ]
        if mechanisms:
            found.append(f"How new cells scatter {words} for {' and '.join(mechanisms)}.")
    return found


def _risk_coordinate(risks: FloatArray) -> Any:
    return "risk", risks, {"units": "1", "long_name": "probability that a new cell fails"}


def _coordinates(design: Design, fitted: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
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


def _attributes(
    result: "Basis", design: Design, risk: float, seed: int, count: int
) -> dict[str, Any]:
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
    untried = between_sentences(design, result)
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
