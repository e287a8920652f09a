"""Safe-current maps: which current a cell bears, how sure that is, and what limits it.

Every limit is a current density at which a cell just fails. For the *median* cell it follows from
the posterior alone. A *new* cell differs from it by a lognormal factor u for each mechanism, by the
scatter of its separator and by the tolerances of its design; the spread of its critical current is
the *predictive* one, and its quantile at a stated risk is the safe current. At a fixed charge the
threshold is the root of ``j = u j_x(Q/j)``, so u stays inside the equation.

Everything is NumPy over the posterior draws, in blocks of bounded size. Noise is drawn once, one
standard normal number for each draw and each source of scatter, and used at every point: maps are
smooth and repeat exactly.
"""

import itertools
import json
import math
import zlib
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

import numpy as np
import xarray as xr

from data.errors import MapError
from data.units import to_si
from inference.design import AXES, CURRENT, Cell, Design, FloatArray, read_design
from inference.thresholds import DEFAULT_RISK, PRIOR_DRIVEN_NARROWING, TOLERANCE_REACH
from models import physics
from models.separators import MACMULLIN_SCATTER
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.result import Result

__all__ = [
    "COVERS",
    "DOES_NOT_COVER",
    "MECHANISMS",
    "QUANTILES",
    "Known",
    "Mechanism",
    "check_designs",
    "drawn_with",
    "load_maps",
    "maps_from_job",
    "safe_current_map",
    "save_maps",
]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of every critical current that a map holds."""

PRESSURE_WITHOUT_DATA: Final = 9.0
"""Stack pressure [MPa] above which no map is drawn unless a campaign has data there."""

LEAST_DRAWS_BEYOND: Final = 20
"""Draws beyond a quantile below which it is not stated: its Monte-Carlo error is then a fifth of
the tail."""

_DEFAULT_OPTIONS: Final = {"creep_current": "empirical", "pores": "typical"}
_LAB_SCATTER = "lab_scatter"
_ACTIVATION = {
    "exchange_current_density": "exchange_current_density_activation_energy",
    "ambipolar_diffusivity": "ambipolar_diffusivity_activation_energy",
}
_CURRENT_FACTOR = 10.0  # A/m^2 in one mA/cm^2

COVERS: Final[Mapping[Cell, str]] = {
    "liquid": (
        "one laboratory cell in one half-cycle: metal plated through a porous separator in liquid "
        "electrolyte, until it penetrates the pores or the salt is depleted."
    ),
    "solid": (
        "one laboratory cell in one half-cycle: metal stripped from a ceramic electrolyte, until "
        "voids form because the metal is not resupplied fast enough."
    ),
}
"""What a map speaks of, by kind of cell."""

DOES_NOT_COVER: Final[Mapping[Cell, str]] = {
    "liquid": (
        "larger areas or many cells (the weakest spot decides), many cycles, the largest pores of "
        "the separator, transport in a porous cathode, growth of the interphase, gas, Coulombic "
        "efficiency, shorts at the edge, thermal runaway. The mechanisms' cell factors are taken "
        "as independent, which is cautious; concentration polarisation is left out of the "
        "penetration current, which is optimistic near the limiting current."
    ),
    "solid": (
        "larger areas or many cells (the weakest spot decides), many cycles, plating and "
        "dendrites, transport in a porous cathode, growth of the interphase, gas, Coulombic "
        "efficiency, shorts at the edge, thermal runaway."
    ),
}
"""What a map does not speak of, by kind of cell."""


@dataclass(frozen=True)
class _Setting:
    """What is fixed over a whole map: the metal and the laws."""

    molar_volume: float
    kinetics: str
    creep_current: str
    pores: str

    @classmethod
    def of(cls, result: "Result") -> Self:
        """Return what a fit says."""
        return cls(
            physics.MOLAR_VOLUME[result.metal],
            result.kinetics,
            _option(result, "dc_polarization", "creep_current"),
            _option(result, "penetration", "pores"),
        )


Values = Mapping[str, FloatArray]
Threshold = Callable[[Values, Values, FloatArray, _Setting], FloatArray]


@dataclass(frozen=True)
class Mechanism:
    """One way in which a cell fails.

    Parameters
    ----------
    name : str
        Name, as in the map.
    long_name : str
        What happens, in words.
    scatters : tuple of str
        Posterior variables that are standard deviations of the logarithm of u: between cells
        first, and between separators where that is another one. The scatter between laboratories
        comes in where the fit has offsets of them.
    threshold : callable
        ``threshold(parameters, conditions, u, setting)`` is the threshold current [A/m^2]; all in
        SI, draws along the last axis.
    """

    name: str
    long_name: str
    scatters: tuple[str, ...]
    threshold: Threshold


def _penetration(
    parameters: Values, conditions: Values, cell_factor: FloatArray, setting: _Setting
) -> FloatArray:
    """Return the current [A/m^2] at which metal enters the pores."""
    radius = conditions["pore_radius"]
    if setting.pores == "weakest_link":
        spread = conditions.get("pore_size_spread", parameters.get("pore_size_spread"))
        radius = physics.largest_pore_radius(radius, spread, parameters["wetted_pores"])
    current = physics.critical_current_density(
        parameters["wetting_product"],
        radius,
        conditions["porosity"],
        _at_temperature(parameters, "exchange_current_density", conditions["temperature"]),
        parameters["reorganization_energy"],
        conditions["temperature"],
        setting.molar_volume,
        kinetics=setting.kinetics,
    )
    return cast("FloatArray", cell_factor * current)


def _depletion(
    parameters: Values,
    conditions: Values,
    cell_factor: FloatArray,
    setting: _Setting,  # noqa: ARG001 - every mechanism is called alike
) -> FloatArray:
    """Return the current [A/m^2] at which the salt runs out, in the steady state or at a charge."""
    diffusivity = _at_temperature(parameters, "ambipolar_diffusivity", conditions["temperature"])
    transference = parameters["transference_number"]
    thickness, porosity = conditions["thickness"], conditions["porosity"]
    macmullin = conditions["macmullin_number"]
    if "charge" in conditions:
        current = physics.depletion_current_density_at_charge(
            conditions["charge"],
            conditions["concentration"],
            diffusivity,
            transference,
            thickness,
            porosity,
            macmullin,
            cell_factor=cell_factor,
        )
        return cast("FloatArray", current)
    layer = physics.Layer(thickness, porosity, macmullin)
    limit = physics.limiting_current_density(
        diffusivity, transference, conditions["concentration"], [layer]
    )
    return cast("FloatArray", cell_factor * limit)


def _voids(
    parameters: Values, conditions: Values, cell_factor: FloatArray, setting: _Setting
) -> FloatArray:
    """Return the current [A/m^2] at which voids form; 0 where the metal holds less than Q."""
    temperature, thickness = conditions["temperature"], conditions["metal_thickness"]
    if setting.creep_current == "norton":
        creep = physics.creep_fed_current_density_norton(
            conditions["pressure"],
            thickness,
            temperature,
            parameters["creep_exponent"],
            parameters["creep_reference_stress"],
            parameters["creep_activation_energy"],
            parameters["constraint_factor"],
            setting.molar_volume,
        )
    else:
        creep = physics.creep_fed_current_density(
            conditions["pressure"],
            thickness,
            temperature,
            parameters["creep_current_at_9_MPa"],
            parameters["creep_pressure_exponent"],
            parameters["creep_activation_energy"],
        )
    diffusivity = physics.arrhenius(
        parameters["self_diffusivity"], parameters["self_diffusion_activation_energy"], temperature
    )
    current = physics.void_free_current_density_at_charge(
        conditions["charge"],
        diffusivity,
        setting.molar_volume,
        supply_factor=parameters["supply_factor"],
        creep_current_density=creep,
        cell_factor=cell_factor,
    )
    holds = conditions["charge"] <= physics.metal_capacity(thickness, setting.molar_volume)
    return np.where(holds, current, 0.0)


def _at_temperature(parameters: Values, name: str, temperature: FloatArray) -> FloatArray:
    """Return a parameter at a temperature [K], constant unless it has an activation energy."""
    energy = parameters.get(_ACTIVATION[name])
    if energy is None:
        return parameters[name]
    return cast("FloatArray", physics.arrhenius(parameters[name], energy, temperature))


MECHANISMS: Final[Mapping[Cell, tuple[Mechanism, ...]]] = {
    "liquid": (
        Mechanism(
            "penetration",
            "metal penetrates the pores of the separator",
            ("penetration_scatter", "separator_scatter"),
            _penetration,
        ),
        Mechanism("depletion", "the electrolyte runs out of salt", ("sand_scatter",), _depletion),
    ),
    "solid": (
        Mechanism("voids", "voids form under the metal", ("dc_polarization_scatter",), _voids),
    ),
}
"""The mechanisms that limit each kind of cell; those of different kinds are never mixed."""

_PARAMETERS: Final[Mapping[Cell, tuple[str, ...]]] = {
    "liquid": (
        "wetting_product",
        "reorganization_energy",
        "exchange_current_density",
        "ambipolar_diffusivity",
        "transference_number",
    ),
    "solid": (
        "self_diffusivity",
        "self_diffusion_activation_energy",
        "supply_factor",
        "creep_current_at_9_MPa",
        "creep_pressure_exponent",
        "creep_exponent",
        "creep_reference_stress",
        "creep_activation_energy",
    ),
}


def safe_current_map(
    result: "Result",
    design: Design | Mapping[str, Any],
    *,
    draws: int = 4000,
    risk: float = DEFAULT_RISK,
    seed: int | None = None,
    block_size: int = 500_000,
) -> xr.Dataset:
    """Map the current that a cell bears over the conditions of its design.

    Parameters
    ----------
    result : Result
        A finished fit.
    design : Design or mapping
        The design; a mapping is one as in a job file, with the key `cell` ("liquid" or "solid").
    draws : int, optional
        Posterior draws to use, chosen at random; all of them if there are fewer.
    risk : float, optional
        Probability of failure at which the safe current is stated, in (0, 0.5].
    seed : int, optional
        Seed of the choice of draws and of the predictive noise; the seed of the result by default.
    block_size : int, optional
        Numbers held at once for each quantity; bounds the memory and does not change the answer.

    Returns
    -------
    xarray.Dataset
        Dimensions are the swept axes of the design, `quantile`, `mechanism` and
        `current_density`; fixed axes are scalar coordinates. A steady state is a charge of inf.
        Current densities are per area of the cell [mA/cm^2].

        median_cell_threshold, predictive_threshold (mechanism, quantile, axes)
            Threshold of each mechanism, of the median cell and of a new cell.
        median_cell_critical_current_density, predictive_critical_current_density (quantile, axes)
            The smallest of them in each draw.
        safe_current_density (axes)
            Current that a new cell fails at with probability `risk`.
        probability_safe (current_density, axes)
            Probability that a new cell bears the current.
        probability_limiting (mechanism, axes)
            Probability that the mechanism is the one that fails first.
        scatter_prior_driven (mechanism)
            Whether the data hardly narrow a scatter of the mechanism.
        extrapolation (axes)
            Whether the point lies outside the range of the data.

    Raises
    ------
    MapError
        If the design is not legal, or asks for conditions that nothing in the fit speaks of.
    """
    asked = None if isinstance(design, Design) else _as_asked(design)
    if not isinstance(design, Design):
        design = _design_from_mapping(design, result)
    if not 0.0 < risk <= 0.5:
        raise MapError(f"risk is {risk!r}, legal are numbers above 0 up to 0.5, such as 0.05")
    if draws < 2:
        raise MapError(f"draws is {draws!r}, legal are whole numbers from 2")
    _refuse_uncovered(design, result)
    seed = int(result.attrs["seed"]) if seed is None else seed
    parameters = _posterior_draws(result, design, draws, seed)
    count = next(iter(parameters.values())).shape[-1]
    # At the default risk the convergence gate sees to that: it asks for 400 effective draws.
    if risk < DEFAULT_RISK and risk * count < LEAST_DRAWS_BEYOND:
        raise MapError(
            f"risk is {risk:g}, and {count} draws hold only {risk * count:.3g} cells that fail "
            f"sooner: at least {LEAST_DRAWS_BEYOND} are due; ask for a risk from "
            f"{LEAST_DRAWS_BEYOND / count:.2g}, or draw more (sampler.draws in the job)"
        )
    numbers = _evaluate(
        result, design, parameters, _Noise(seed, count), risk=risk, points=block_size // count
    )
    return xr.Dataset(
        _variables(result, design, numbers, risk),
        coords=_coordinates(design),
        attrs=_attributes(result, design, risk, seed, count) | (asked or {}),
    )


def new_cell_currents(
    result: "Result",
    design: Design | Mapping[str, Any],
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> FloatArray:
    """Draw the critical current densities of new cells.

    Parameters
    ----------
    result : Result
        A finished fit.
    design, draws, seed
        As in :func:`safe_current_map`.

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
        design = _design_from_mapping(design, result)
    _refuse_uncovered(design, result)
    seed = int(result.attrs["seed"]) if seed is None else seed
    parameters = _posterior_draws(result, design, draws, seed)
    count = next(iter(parameters.values())).shape[-1]
    noise = _Noise(seed, count)
    setting = _Setting.of(result)
    conditions = _conditions(design, tuple(slice(0, size) for size in design.shape), noise)
    currents = [
        mechanism.threshold(
            parameters, conditions, _cell_factor(mechanism, parameters, conditions, noise), setting
        )
        for mechanism in MECHANISMS[design.cell]
    ]
    lowest = np.minimum.reduce(np.broadcast_arrays(*currents))
    return cast("FloatArray", lowest / _CURRENT_FACTOR)


def _cell_factor(
    mechanism: Mechanism, parameters: Values, conditions: Values, noise: "_Noise | None"
) -> FloatArray:
    """Return the factor u of cells on their threshold, draws along the last axis.

    With `noise` each draw is a new cell, without it the median one. A cell of several patches has
    the smallest factor among them; what belongs to a separator or a laboratory its patches share.
    """
    between_cells, *shared = mechanism.scatters
    scatter = parameters[between_cells]
    deviate = np.zeros_like(scatter) if noise is None else noise(between_cells)
    if "area_ratio" in conditions:
        deviate = physics.weakest_deviate(deviate, conditions["area_ratio"])
    log_factor = scatter * deviate
    if noise is not None:
        terms = [parameters[name] * noise(name) for name in shared]
        between_labs = f"{_LAB_SCATTER} of {mechanism.name}"
        if between_labs in parameters:
            terms.append(parameters[between_labs] * noise(between_labs))
        log_factor = log_factor + np.sum(terms, axis=0)
    return cast("FloatArray", np.exp(log_factor))


class Known(Protocol):
    """What a design is checked against: a finished fit, or one that is planned."""

    @property
    def posterior(self) -> Collection[Hashable]:
        """Names of the parameters."""

    @property
    def data_ranges(self) -> Mapping[str, Mapping[str, list[float]]]:
        """Ranges of the data by kind of cell and axis."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """With ``options``, those of the blocks."""

    @property
    def salt_concentration(self) -> float | None:
        """Of the campaign's electrolyte [mol/L]."""


@dataclass
class _Numbers:
    """The numbers of a map: current densities [A/m^2] and probabilities, grid axes last.

    Attributes
    ----------
    median_cell, new_cell : ndarray, shape (mechanism, quantile, *grid)
        Quantiles of the thresholds.
    median_limit, new_limit : ndarray, shape (quantile, *grid)
        Quantiles of the lowest threshold.
    safe : ndarray, shape grid
        Current that a new cell fails at with the stated risk.
    probability_safe : ndarray, shape (current, *grid)
        Share of new cells that bear each current.
    limiting : ndarray, shape (mechanism, *grid)
        Share of new cells that each mechanism limits.
    """

    median_cell: FloatArray
    new_cell: FloatArray
    median_limit: FloatArray
    new_limit: FloatArray
    safe: FloatArray
    probability_safe: FloatArray
    limiting: FloatArray

    @classmethod
    def empty(cls, mechanisms: int, currents: int, grid: tuple[int, ...]) -> Self:
        """Return arrays to be filled."""
        levels = len(QUANTILES)
        return cls(
            median_cell=np.empty((mechanisms, levels, *grid)),
            new_cell=np.empty((mechanisms, levels, *grid)),
            median_limit=np.empty((levels, *grid)),
            new_limit=np.empty((levels, *grid)),
            safe=np.empty(grid),
            probability_safe=np.empty((currents, *grid)),
            limiting=np.empty((mechanisms, *grid)),
        )


def _evaluate(
    result: "Result",
    design: Design,
    parameters: Values,
    noise: "_Noise",
    *,
    risk: float,
    points: int,
) -> _Numbers:
    """Evaluate every threshold at every point and draw, at most `points` points at once."""
    mechanisms = MECHANISMS[design.cell]
    setting = _Setting.of(result)
    count = next(iter(parameters.values())).shape[-1]
    currents = design.current.values * _CURRENT_FACTOR
    levels = np.array(QUANTILES)
    numbers = _Numbers.empty(len(mechanisms), currents.size, design.shape)
    for block in _blocks(design.shape, max(1, points)):
        shape = tuple(part.stop - part.start for part in block)

        def thresholds(conditions: Values, noise: _Noise | None, shape: tuple[int, ...]) -> Any:
            values = np.empty((len(mechanisms), *shape, count))
            for index, mechanism in enumerate(mechanisms):
                factor = _cell_factor(mechanism, parameters, conditions, noise)
                values[index] = mechanism.threshold(parameters, conditions, factor, setting)
            return values

        median_cell = thresholds(_conditions(design, block, None), None, shape)
        numbers.median_cell[:, :, *block] = _quantiles_of_each(median_cell, levels)
        lowest = np.sort(median_cell.min(axis=0), axis=-1)
        numbers.median_limit[:, *block] = _quantiles(lowest, levels)

        new_cell = thresholds(_conditions(design, block, noise), noise, shape)
        numbers.new_cell[:, :, *block] = _quantiles_of_each(new_cell, levels)
        numbers.limiting[:, *block] = _shares(new_cell)
        lowest = np.sort(new_cell.min(axis=0), axis=-1)
        numbers.new_limit[:, *block] = _quantiles(lowest, levels)
        numbers.safe[block] = _quantiles(lowest, np.array([risk]))[0]
        numbers.probability_safe[:, *block] = _exceedance(lowest, currents)
    return numbers


def _variables(result: "Result", design: Design, numbers: _Numbers, risk: float) -> dict[str, Any]:
    """Return the variables of a map with their dimensions, units and names."""
    grid = design.dims

    def currents(dims: tuple[str, ...], values: FloatArray, name: str, **attrs: float) -> Any:
        described = {"units": CURRENT.unit, "long_name": name, **attrs}
        return (*dims, *grid), values / _CURRENT_FACTOR, described

    def shares(dims: tuple[str, ...], values: Any, name: str, **attrs: str) -> Any:
        return (*dims, *grid), values, {"units": "1", "long_name": name, **attrs}

    each, quantile = ("mechanism", "quantile"), ("quantile",)
    driven = {
        "units": "1",
        "long_name": "whether the scatter between cells comes from its prior",
        "comment": "true where the 90 % interval of a scatter is less than "
        f"{PRIOR_DRIVEN_NARROWING:g} times narrower than that of its prior",
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
            numbers.safe,
            f"current density at which a new cell fails with probability {risk:g}",
            risk=risk,
        ),
        "probability_safe": shares(
            ("current_density",),
            numbers.probability_safe,
            "probability that a new cell bears the current density",
        ),
        "probability_limiting": shares(
            ("mechanism",), numbers.limiting, "probability that the mechanism limits a new cell"
        ),
        "scatter_prior_driven": ("mechanism", _scatter_prior_driven(result, design), driven),
        "extrapolation": shares(
            (),
            _extrapolation(design, result),
            "whether the conditions lie outside the range of the data",
            comment="judged axis by axis: true where any one condition lies outside what the data "
            "span in it; a combination of conditions that no row had, each of them within its own "
            "range, is not marked",
        ),
    }


def maps_from_job(
    result: "Result",
    axes: Mapping[str, Mapping[str, Any]],
    *,
    draws: int = 4000,
    risk: float = DEFAULT_RISK,
    seed: int | None = None,
) -> dict[str, xr.Dataset]:
    """Draw the maps that a job asks for, the two kinds of cell apart.

    Parameters
    ----------
    result : Result
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
    maps: Mapping[str, xr.Dataset], axes: Mapping[str, Mapping[str, Any]], result: "Result"
) -> bool:
    """Say whether maps were drawn with the axes that a job asks for.

    Parameters
    ----------
    maps : mapping of str to xarray.Dataset
        Maps by kind of cell.
    axes : mapping
        The section `map.axes` of the job.
    result : Result
        The fit.

    Returns
    -------
    bool
        False where a map is missing, is one too many, or has other axes.
    """
    asked = {cell: _as_asked(section)["axes"] for cell, section in _sections(axes, result).items()}
    return asked == {cell: dataset.attrs.get("axes") for cell, dataset in maps.items()}


def _sections(
    axes: Mapping[str, Mapping[str, Any]], result: "Result"
) -> dict[str, Mapping[str, Any]]:
    """Return the designs that are mapped: those asked for, or one of each cell with data."""
    return dict(axes) or {cell: {} for cell in AXES if result.data_ranges.get(cell)}


def save_maps(maps: Mapping[str, xr.Dataset], path: Path | str) -> None:
    """Write maps into one NetCDF file, a group for each kind of cell.

    Parameters
    ----------
    maps : mapping of str to xarray.Dataset
        Maps by kind of cell.
    path : Path or str
        The file.
    """
    tree = xr.DataTree.from_dict(dict(maps))
    tree.attrs["title"] = "Safe-current maps"
    tree.to_netcdf(Path(path), engine="h5netcdf")


def load_maps(path: Path | str) -> dict[str, xr.Dataset]:
    """Read maps that :func:`save_maps` wrote.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    dict of str to xarray.Dataset
        Maps by kind of cell, in memory.

    Raises
    ------
    MapError
        If the file does not exist or holds no maps.
    """
    path = Path(path)
    if not path.is_file():
        raise MapError(f"no maps at {path}: draw them with `anodebayes map` first")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            maps = {
                name: group.load().to_dataset()
                for name, group in tree.children.items()
                if name in AXES
            }
    except (OSError, ValueError) as error:
        raise MapError(f"{path} cannot be read as maps ({error}): draw them again") from error
    if not maps:
        raise MapError(f"{path} holds no maps of {' or '.join(AXES)} cells: draw them again")
    return maps


def _as_asked(section: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute that says which axes a map was made with, as a job writes them."""
    axes = {str(key): value for key, value in section.items() if key != "cell"}
    return {"axes": json.dumps(axes, sort_keys=True, default=str)}


def _design_from_mapping(section: Mapping[str, Any], result: "Result") -> Design:
    entries = dict(section)
    if "cell" not in entries:
        raise MapError('a design needs its kind of cell: give "cell", liquid or solid')
    cell = str(entries.pop("cell"))
    return read_design(cell, entries, salt_concentration=result.salt_concentration)


def check_designs(axes: Mapping[str, Mapping[str, Any]], known: Known) -> None:
    """Refuse designs that no map will be drawn of, before anything is computed.

    Parameters
    ----------
    axes : mapping
        The section `map.axes` of a job: designs by kind of cell.
    known : Known
        A finished fit, or what one that is planned will speak of.

    Raises
    ------
    MapError
        If a design is not legal, or asks for conditions that nothing in the fit speaks of; the
        message is the one with which the map itself is refused.
    """
    for cell, section in axes.items():
        design = read_design(cell, section, salt_concentration=known.salt_concentration)
        _refuse_uncovered(design, known)


def _refuse_uncovered(design: Design, result: Known) -> None:
    """Refuse conditions about which neither data nor priors of the fit say anything."""
    if design.cell == "liquid":
        weakest_link = _option(result, "penetration", "pores") == "weakest_link"
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
        temperatures = _reached(design, "temperature")
        far = temperatures[np.abs(temperatures - 25.0) > TEMPERATURE_WINDOW + 1e-9]
        missing = [name for name in _ACTIVATION.values() if name not in result.posterior]
        if far.size and missing:
            raise MapError(
                f"map axis 'temperature' {_reaches(design, 'temperature', far[0])}, more than "
                f"{TEMPERATURE_WINDOW:g} K from 25 degC, where kinetics and transport follow "
                f"no law of temperature: give the job a prior for {' and '.join(missing)}, "
                "or stay within 20 to 30 degC"
            )
        return
    measured = result.data_ranges.get("solid", {}).get("pressure", [0.0, 0.0])
    most = max(PRESSURE_WITHOUT_DATA, measured[1])
    pressures = _reached(design, "pressure")
    beyond = pressures[pressures > most * (1.0 + 1e-9)]
    if beyond.size:
        raise MapError(
            f"map axis 'pressure' {_reaches(design, 'pressure', beyond[0])}, but nothing is known "
            f"above {most:g} MPa: lower it, or add polarisations at that pressure to the campaign"
        )


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


class _Noise:
    """The table of standard normal numbers: one for each draw and each source of scatter.

    Each source has its own stream, so that a new source leaves the others as they were.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._count = count
        self._table: dict[str, FloatArray] = {}

    def __call__(self, source: str) -> FloatArray:
        """Return the numbers of one source, shape (draw,)."""
        if source not in self._table:
            self._table[source] = _generator(self._seed, source).standard_normal(self._count)
        return self._table[source]


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def _posterior_draws(result: "Result", design: Design, draws: int, seed: int) -> Values:
    """Return the parameters that the design needs, in SI, shape (draw,)."""
    posterior = result.posterior
    names = list(_PARAMETERS[design.cell])
    for mechanism in MECHANISMS[design.cell]:
        names += mechanism.scatters
    if design.cell == "liquid":
        names += [name for name in _ACTIVATION.values() if name in posterior]
        if _option(result, "penetration", "pores") == "weakest_link":
            names += [name for name in ("wetted_pores", "pore_size_spread") if name in posterior]
    elif _option(result, "dc_polarization", "creep_current") == "norton":
        names.append("constraint_factor")
    chains, length = posterior.sizes["chain"], posterior.sizes["draw"]
    chosen = np.arange(chains * length)
    if draws < chosen.size:
        chosen = _generator(seed, "draws").choice(chosen.size, draws, replace=False, shuffle=False)
        chosen.sort()
    values = {}
    for name in names:
        variable = posterior[name]
        if "protocol" in variable.dims:
            variable = variable.sel(protocol=design.protocol)
        # A parameter that the job pins may be stored without its draws.
        missing = {
            dim: posterior.sizes[dim] for dim in ("chain", "draw") if dim not in variable.dims
        }
        whole = variable.expand_dims(missing) if missing else variable
        flat = whole.transpose("chain", "draw").to_numpy().reshape(-1)[chosen]
        unit = str(variable.attrs["units"])
        # The physics takes reorganization energies in eV, as the field does.
        values[name] = flat if unit == "eV" else to_si(flat, unit)
    for mechanism in MECHANISMS[design.cell]:
        if _has_lab_offsets(mechanism, result):
            scatter = posterior[_LAB_SCATTER].transpose("chain", "draw").to_numpy().reshape(-1)
            values[f"{_LAB_SCATTER} of {mechanism.name}"] = scatter[chosen]
    return values


def _has_lab_offsets(mechanism: Mechanism, result: "Result") -> bool:
    """Whether the fit found the threshold of a mechanism to differ between laboratories."""
    block = mechanism.scatters[0].removesuffix("_scatter")
    return f"{block}_lab_offset" in result.posterior


def _option(result: "Result | Known", block: str, name: str) -> str:
    """Return what a fit chose, or the default where it was stored before there was a choice."""
    options = json.loads(str(result.attrs.get("options", "{}")))
    return str(options.get(block, {}).get(name, _DEFAULT_OPTIONS[name]))


def _conditions(design: Design, block: tuple[slice, ...], noise: _Noise | None) -> Values:
    """Return the conditions of a block in SI, draws along the last axis.

    Without `noise` these are the nominal ones, of length 1 along the draws. With it every draw is
    another built cell, within the tolerances of the design.
    """
    dims = design.dims
    lab: dict[str, FloatArray] = {}
    for name, axis in design.axes.items():
        if axis.swept:
            position = dims.index(name)
            values = axis.values[block[position]]
            values = values.reshape([-1 if dim == name else 1 for dim in dims] + [1])
        else:
            values = axis.values
        if noise is not None and name in design.tolerances:
            normal = noise(f"{name} of the design")
            values = design.tolerances[name].apply(AXES[design.cell][name], values, normal)
        lab[name] = values
    conditions = {name: to_si(values, AXES[design.cell][name].unit) for name, values in lab.items()}
    if design.cell == "liquid" and "macmullin_number" not in conditions:
        macmullin = physics.macmullin_number_from_porosity(conditions["porosity"], design.pore_type)
        if noise is not None:
            scatter = MACMULLIN_SCATTER[design.pore_type]
            macmullin = macmullin * np.exp(scatter * noise("macmullin_number of the design"))
        conditions["macmullin_number"] = macmullin
    return conditions


def _blocks(shape: tuple[int, ...], points: int) -> Iterator[tuple[slice, ...]]:
    """Cut a grid into blocks of at most `points` points."""
    sizes = list(shape)
    while math.prod(sizes) > points:
        longest = max(range(len(sizes)), key=lambda index: sizes[index])
        sizes[longest] = (sizes[longest] + 1) // 2
    parts = [
        [slice(start, min(start + size, length)) for start in range(0, length, size)]
        for length, size in zip(shape, sizes, strict=True)
    ]
    yield from itertools.product(*parts)


def _quantiles(ordered: FloatArray, levels: FloatArray) -> FloatArray:
    """Return quantiles along the sorted last axis, in front, by linear interpolation."""
    positions = levels * (ordered.shape[-1] - 1)
    below = np.floor(positions).astype(np.intp)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    weight = positions - below
    values = ordered[..., below] * (1.0 - weight) + ordered[..., above] * weight
    return np.moveaxis(values, -1, 0)


def _quantiles_of_each(thresholds: FloatArray, levels: FloatArray) -> FloatArray:
    """Return quantiles of the threshold of each mechanism, mechanisms in front."""
    return np.swapaxes(_quantiles(np.sort(thresholds, axis=-1), levels), 0, 1)


def _exceedance(ordered: FloatArray, currents: FloatArray) -> FloatArray:
    """Return the share of thresholds above each current, currents in front."""
    count = ordered.shape[-1]
    rows = ordered.reshape(-1, count)
    failed = np.array([np.searchsorted(row, currents, side="right") for row in rows])
    share = 1.0 - failed / count
    return np.moveaxis(share.reshape(*ordered.shape[:-1], currents.size), -1, 0)


def _shares(thresholds: FloatArray) -> FloatArray:
    """Return the share of draws in which each mechanism is the lowest, mechanisms in front."""
    lowest = thresholds.argmin(axis=0)
    return np.stack([(lowest == index).mean(axis=-1) for index in range(thresholds.shape[0])])


def _scatter_prior_driven(result: "Result", design: Design) -> Any:
    """Return for each mechanism whether the data hardly narrow one of its scatters."""
    narrowing = result.summary()["narrowing"]
    return np.array(
        [
            # A fixed parameter has no row: no data in it either.
            any(
                not float(narrowing.get(name, np.nan)) >= PRIOR_DRIVEN_NARROWING
                for name in (
                    *item.scatters,
                    *([_LAB_SCATTER] if _has_lab_offsets(item, result) else []),
                )
            )
            for item in MECHANISMS[design.cell]
        ]
    )


def _ranges(design: Design, result: "Result") -> dict[str, list[float]]:
    """Return the ranges of the data that speak of a design: of its protocol in a solid cell."""
    every = result.data_ranges
    cell = f"solid {design.protocol}" if design.cell == "solid" else design.cell
    return every.get(cell, every.get(design.cell, {}))


def _extrapolation(design: Design, result: "Result") -> Any:
    """Return where a condition lies outside the range of the data, shape of the grid."""
    ranges = _ranges(design, result)
    outside: Any = np.zeros(design.shape, dtype=bool)
    for name, axis in design.axes.items():
        if name == "metal_thickness" and name not in ranges:
            # Rows may leave it blank at pressure 0 only: elsewhere the pressure is outside already.
            continue
        if name == "pore_size_spread":  # of the separators, which the pore radius speaks of
            continue
        if name == "area_ratio" and name not in ranges:
            beyond = np.abs(axis.values - 1.0) > 1e-9  # no cell of another area was measured
        elif name in ranges:
            lower, upper = ranges[name]
            margin = TEMPERATURE_WINDOW if name == "temperature" else 1e-9 * abs(upper)
            beyond = (axis.values < lower - margin) | (axis.values > upper + margin)
        else:
            beyond = np.ones(axis.values.size, dtype=bool)
        shape = [-1 if dim == name else 1 for dim in design.dims] if axis.swept else ()
        outside = outside | beyond.reshape(shape)
    return outside


def _coordinates(design: Design) -> dict[str, Any]:
    mechanisms = MECHANISMS[design.cell]
    coordinates: dict[str, Any] = {}
    for name, axis in design.axes.items():
        attrs: dict[str, Any] = {"units": axis.kind.unit, "long_name": axis.kind.long_name}
        if name in design.tolerances:
            tolerance = design.tolerances[name]
            attrs["tolerance"] = tolerance.sd
            attrs["tolerance_units"] = (
                "1"
                if tolerance.relative
                else ("K" if axis.kind.spread == "normal" else axis.kind.unit)
            )
        coordinates[name] = (
            (name, axis.values, attrs) if axis.swept else ((), axis.values[0], attrs)
        )
    if design.cell == "liquid":
        kinds = AXES["liquid"]
        if "charge" not in design.axes:
            attrs = {"units": kinds["charge"].unit, "long_name": kinds["charge"].long_name}
            coordinates["charge"] = ((), math.inf, attrs | {"comment": "steady state"})
        if "macmullin_number" not in design.axes:
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
    result: "Result", design: Design, risk: float, seed: int, count: int
) -> dict[str, Any]:
    cell = design.cell
    process = "charging" if cell == "liquid" else "stripping"
    kind = str(result.attrs["campaign_kind"])
    title = f"Safe-current map of a {cell} cell, {process}"
    attrs: dict[str, Any] = {
        "title": f"{title} (SYNTHETIC DATA)" if result.synthetic else title,
        "cell": cell,
        "data_kind": kind,
        "covers": COVERS[cell],
        "does_not_cover": DOES_NOT_COVER[cell],
        "risk": risk,
        "seed": seed,
        "draws": count,
        "data_ranges": json.dumps(result.data_ranges.get(cell, {})),
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
    if cell == "liquid":
        if _option(result, "penetration", "pores") != "typical":
            attrs["pores"] = _option(result, "penetration", "pores")
            attrs["does_not_cover"] = attrs["does_not_cover"].replace(
                "the largest pores of the separator, ", ""
            )
        attrs["pore_type"] = design.pore_type
    else:
        attrs["protocol"] = design.protocol
        attrs["creep_current"] = _option(result, "dc_polarization", "creep_current")
    for name in ("name", "campaign", "metal", "resolved_hash", "data_hash", "prior_hash"):
        if name in result.attrs:
            attrs[name] = result.attrs[name]
    return attrs
